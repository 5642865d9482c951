"""test_terminal.py - colour and width are for people: on a terminal, and nowhere else; exit codes"""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import ROOT, Daemon  # noqa: E402

NAME = "a-name-that-is-much-longer-than-the-terminal-of-a-telephone-is-wide"


@pytest.fixture(scope="module")
def daemon():
    with Daemon() as d:
        d.api.wait(d.api.submit(command=["true"], name=NAME)["id"])
        yield d


def on_terminal(daemon, *args, columns=80, env=None, interrupt_at=None):
    """Run the command line on a terminal of that width: (exit code, what it showed)."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {k: v for k, v in daemon.env.items() if k not in ("NO_COLOR", "COLUMNS")}
    clean.update({"SUANLU_STATE": str(daemon.state), "LC_ALL": "C.UTF-8", "TERM": "xterm", **(env or {})})
    child = subprocess.Popen([daemon.program, *args], env=clean, stdin=follower, stdout=follower,
                             stderr=follower, start_new_session=True)
    os.close(follower)
    shown, end = b"", time.monotonic() + 30
    try:
        while time.monotonic() < end:
            if interrupt_at and interrupt_at in shown:
                child.send_signal(signal.SIGINT)
                interrupt_at = None
            if not select.select([leader], [], [], 0.1)[0]:
                continue
            try:
                got = os.read(leader, 65536)
            except OSError:
                break
            if not got:
                break
            shown += got
        return child.wait(10), shown.decode()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        os.close(leader)


def plain(text):
    return re.sub(r"\033\[[0-9;]*[A-Za-z]", "", text)


def test_colour_on_a_terminal(daemon):
    code, shown = on_terminal(daemon, "ls", "--all")
    assert code == 0 and "\033[" in shown


@pytest.mark.parametrize("args, env", [
    (("--no-color",), {}), ((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"}),
])
def test_no_colour_when_it_is_not_wanted(daemon, args, env):
    code, shown = on_terminal(daemon, "ls", "--all", *args, env=env)
    assert code == 0 and "\033[3" not in shown


def test_a_table_fits_the_terminal(daemon):
    _, wide = on_terminal(daemon, "ls", "--all", columns=200)
    _, narrow = on_terminal(daemon, "ls", "--all", columns=80)
    assert NAME in plain(wide) and NAME not in plain(narrow)
    assert max(len(line.rstrip("\r")) for line in plain(narrow).split("\n")) <= 80


@pytest.mark.parametrize("args", [("ls", "--all"), ("pools",), ("show", "1"), ("why", "1"), ("node",),
                                  ("--help",), ("submit", "--help")])
def test_a_pipe_gets_neither_colour_nor_cuts(daemon, args):
    result = daemon.cli(*args)
    assert result.returncode == 0 and "\033" not in result.stdout + result.stderr
    assert "\r" not in result.stdout and ("--help" in args or "…" not in result.stdout)


def test_a_bar_is_for_a_terminal_and_lines_for_a_pipe(daemon):
    code, shown = on_terminal(daemon, "submit", "--wait", "sleep", "0.5")
    assert code == 0 and "\r" in shown.replace("\r\n", "\n")
    piped = daemon.cli("submit", "--wait", "sleep", "0.5")
    assert piped.returncode == 0 and "\r" not in piped.stderr and "\033" not in piped.stderr
    assert piped.stdout.strip().isdigit()


def test_an_interrupted_watch_leaves_the_task_alone(daemon):
    code, shown = on_terminal(daemon, "submit", "--wait", "sleep", "20", interrupt_at=b"running")
    assert code == 130
    id = plain(shown).split()[0]
    assert daemon.api.get(f"/v1/tasks/{id}").json()["state"] == "running"
    assert daemon.cli("cancel", id).returncode == 0


def test_head_may_stop_reading(daemon):
    env = dict(daemon.env, SUANLU_STATE=str(daemon.state))
    result = subprocess.run(["bash", "-c", 'set -o pipefail; "$0" --help | head -1; '
                             'test ${PIPESTATUS[0]} -ne 134', daemon.program], env=env,
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and "usage" in result.stdout


def test_the_manual_lists_every_exit_code():
    header = (ROOT / "src" / "cmd" / "cmd.h").read_text()
    codes = {int(n) for n in re.findall(r"CMD_[A-Z_]+ = (\d+)", header)}
    manual = (ROOT / "doc" / "man" / "suanlu.1").read_text()
    section = manual.split(".Sh EXIT STATUS")[1].split(".Sh ")[0]
    assert codes == {int(n) for n in re.findall(r"^\.It (\d+)$", section, re.M)}
