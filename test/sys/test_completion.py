"""test_completion.py - `suanlu completion SHELL`: each script parses, and completes what the tables hold"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import ROOT  # noqa: E402

PROGRAM = str(pathlib.Path(os.environ.get("SUANLU_BUILD", ROOT / "build")) / "suanlu")
PARSE = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


def suanlu(*args):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, LC_ALL="C.UTF-8"))


def complete(*words, cwd=None):
    """What bash offers for the last of these words."""
    script = suanlu("completion", "bash").stdout + (
        "compopt() { echo FILES; }\nCOMP_WORDS=(\"$@\")\nCOMP_CWORD=$(($# - 1))\n_suanlu\n"
        "printf '%s\\n' \"${COMPREPLY[@]}\"\n")
    out = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True,
                         timeout=60, cwd=cwd)
    assert out.returncode == 0 and not out.stderr, out.stderr
    return out.stdout.split()


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("shell", PARSE)
def test_the_script_parses(shell, lang, tmp_path):
    made = suanlu("completion", shell, "--lang", lang)
    assert made.returncode == 0 and not made.stderr and "suanlu" in made.stdout
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    file = tmp_path / "script"
    file.write_text(made.stdout)
    parsed = subprocess.run([*PARSE[shell], str(file)], capture_output=True, text=True, timeout=60)
    assert parsed.returncode == 0 and not parsed.stderr, parsed.stderr


@pytest.mark.parametrize("shell", PARSE)
def test_every_verb_of_help_is_in_it(shell):
    made = suanlu("completion", shell).stdout
    lines = suanlu("--help").stdout.split("Options:")[0].splitlines()
    verbs = [line.split()[0] for line in lines if line.startswith("  ")]
    assert len(verbs) > 10
    for verb in verbs:
        assert verb in made
    assert "routes" not in made and "--ntasks" not in made


@pytest.mark.parametrize("words, offered, missing", [
    (("suanlu", ""), "submit", "--array"),
    (("suanlu", "su"), "submit", "ls"),
    (("suanlu", "--server", "h:1", "p"), "pools", "ls"),
    (("suanlu", "pools", ""), "drain", "revoke"),
    (("suanlu", "pools", "--r"), "--reason", "--role"),
    (("suanlu", "submit", "--pre"), "--prefer", "--env"),
    (("suanlu", "submit", "--prefer", "g"), "greenest", "cheapest"),
    (("suanlu", "submit", "--prefer", "=", "g"), "greenest", "cheapest"),
    (("suanlu", "submit", "--script", ""), "FILES", "--array"),
    (("suanlu", "submit", "j"), "FILES", "--array"),
    (("suanlu", "ls", "--state", "ru"), "running", "done"),
    (("suanlu", "--lang", ""), "zh", "submit"),
    (("suanlu", "completion", ""), "fish", "submit"),
])
def test_bash_offers_what_fits(words, offered, missing):
    got = complete(*words)
    assert offered in got and missing not in got, got


@pytest.mark.parametrize("args", [(), ("tcsh",), ("bash", "zsh"), ("--what",)])
def test_another_shell_is_refused(args):
    result = suanlu("completion", *args)
    assert result.returncode == 2 and not result.stdout and result.stderr
