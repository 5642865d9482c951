"""test_completion.py - `suanlu completion SHELL`: each script parses, and completes what the tables hold"""

import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

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


def fish(line):
    """What fish offers for a command line."""
    script = suanlu("completion", "fish").stdout + '\ncomplete -C "$argv[1]"\n'
    out = subprocess.run(["fish", "--no-config", "-c", script, line], capture_output=True, text=True,
                         timeout=60, env=dict(os.environ, LC_ALL="C.UTF-8"))
    assert out.returncode == 0 and not out.stderr, out.stderr
    return [offer.split("\t")[0] for offer in out.stdout.splitlines()]


def zsh(line, tmp_path):
    """What zsh shows, at a terminal, when Tab is pressed twice behind this."""
    script = tmp_path / "_suanlu"
    script.write_text(suanlu("completion", "zsh").stdout)
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", LC_ALL="C.UTF-8", COLUMNS="200", PS1="> ", HOME=str(tmp_path))
        os.chdir(tmp_path)
        os.execvp("zsh", ["zsh", "-f", "-i"])
    seen = b""
    try:
        os.write(fd, f"autoload -U compinit; compinit -u -D; LISTMAX=9999; setopt no_beep; "
                     f"source {script}; print rea''dy\n".encode())
        seen = read_until(fd, b"ready")
        os.write(fd, line.encode() + b"\t\t")
        seen = read_until(fd, None)
    finally:
        os.close(fd)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return re.findall(r"[\w.-]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|.\x08", "", seen.decode(errors="replace")))


def read_until(fd, what, silent_s=2.0, most_s=60.0):
    """Until `what` came, or, without one, until nothing has come for a while."""
    got, end = b"", time.monotonic() + most_s
    while time.monotonic() < end:
        ready, _, _ = select.select([fd], [], [], silent_s)
        if ready:
            got += os.read(fd, 65536)
        if what and what in got:
            return got
        if not ready and not what and got:
            return got
    raise AssertionError(f"the shell does not answer: {got!r}")


OFFERS = [
    ("suanlu su", "submit", "ls"),
    ("suanlu pools ", "drain", "revoke"),
    ("suanlu pools --r", "--reason", "--role"),
    ("suanlu submit --pre", "--prefer", "--env"),
    ("suanlu submit --prefer g", "greenest", "cheapest"),
    ("suanlu submit --level imp", "important", "core"),
    ("suanlu ls --state ru", "running", "done"),
    ("suanlu --lang ", "zh", "submit"),
    ("suanlu completion ", "fish", "submit"),
]


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize("line, offered, missing", OFFERS)
def test_fish_offers_what_fits(line, offered, missing):
    got = fish(line)
    assert offered in got and missing not in got, got


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize("line, offered, missing", OFFERS)
def test_zsh_offers_what_fits(line, offered, missing, tmp_path):
    got = zsh(line, tmp_path)
    assert offered in got and missing not in got, got


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_offers_files_where_a_file_is_wanted(tmp_path):
    (tmp_path / "job.yaml").write_text("")
    assert f"{tmp_path}/job.yaml" in fish(f"suanlu submit --file {tmp_path}/jo")


@pytest.mark.parametrize("args", [(), ("tcsh",), ("bash", "zsh"), ("--what",)])
def test_another_shell_is_refused(args):
    result = suanlu("completion", *args)
    assert result.returncode == 2 and not result.stdout and result.stderr
