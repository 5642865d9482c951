"""tree.py - the checks of the source tree, run on it and on copies in which a breach is planted"""

import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check(tool, root):
    return subprocess.run([sys.executable, str(ROOT / "tools" / tool), str(root)], capture_output=True, text=True,
                          timeout=60)


def copy(to, *files):
    """src/ and these files."""
    shutil.copytree(ROOT / "src", to / "src")
    for file in files:
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, to / file)
    return to
