"""The way back for a security account that nobody can open: offline, with a reason, and a trace."""

import json
import pathlib
import sqlite3
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Daemon  # noqa: E402
from test_login import GOOD, account, login, try_login  # noqa: E402

WHY = "the phone with the password is lost"


def recover(d, name, *args, state=None, env=None):
    args = args or ("--reason", WHY)
    return subprocess.run([d.program, "user", "recover", name, "--state", str(state or d.state), *args],
                          capture_output=True, text=True, timeout=120, env=dict(d.env, LC_ALL="C.UTF-8", **(env or {})))


def journal(d):
    """The last row and the last link: what was written since is seen."""
    db = sqlite3.connect(f"file:{d.state}/suanlu.db?mode=ro", uri=True)
    rows = db.execute("SELECT max(seq) FROM record").fetchone()[0], db.execute("SELECT max(no) FROM audit").fetchone()[0]
    db.close()
    return rows


@pytest.fixture
def node(tmp_path):
    with Daemon(directory=tmp_path) as d:
        account(d, "sun", ["security"])
        d.keeper = login(d, "sun")
        account(d, "li")
        yield d
        d.keeper.close()


def test_a_locked_out_security_account_gets_in_again_and_becomes_nothing_else(node):
    before = node.keeper.get("/v1/users/sun").json()
    auditor = node.api.post("/v1/tokens", json={"name": "eve", "tenant": "default",
                                                "roles": ["auditor"]}).json()["token"]
    session = node.keeper.headers["authorization"].split()[1]
    for _ in range(5):
        assert try_login(node, "sun", "wrong wrong wrong").status_code == 401
    assert try_login(node, "sun", GOOD).status_code == 429
    node.stop()
    out = recover(node, "sun")
    assert out.returncode == 0, out.stderr
    once = out.stdout.strip()
    assert len(once) == 24 and once not in out.stderr
    verified = subprocess.run([node.program, "audit", "verify", "--state", str(node.state)],
                              capture_output=True, text=True, timeout=60)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    node.start()
    # Neither the old password nor a session that it opened.
    assert try_login(node, "sun", GOOD).status_code == 401
    assert node.client(session).get("/v1/session").status_code == 401
    opened = try_login(node, "sun", once)
    assert opened.status_code == 201 and opened.json()["change_password"]
    with node.client(opened.json()["token"]) as sun:
        assert sun.get("/v1/users").status_code == 403
        assert sun.post("/v1/session/password", json={"old": once, "new": GOOD + "!"}).status_code == 204
        assert sun.get("/v1/users/sun").json() == before
    assert try_login(node, "sun", once).status_code == 401
    with login(node, "li") as li:           # others are not touched
        assert li.get("/v1/session").json()["roles"] == ["user"]
    log = node.client(auditor).get("/v1/audit", params={"limit": 1000}).json()["entries"]
    entry = [e for e in log if e["actor"].startswith("operator of this machine, offline, uid ")]
    assert [e["kind"] for e in entry] == ["password"] + 2 * ["session"]     # of the first login, too
    assert entry[0]["body"] is None and entry[0]["shown"] == {
        "user": "sun", "hash": "***", "one_time": True, "reason": WHY, "by": "operator, offline"}
    assert once not in json.dumps(log) and once not in node.log
    for file in node.state.iterdir():
        assert file.name == "token" or not file.is_file() or once.encode() not in file.read_bytes(), file


def test_while_the_daemon_runs_nothing_is_done(node):
    was = journal(node)
    out = recover(node, "sun")
    assert out.returncode == 7 and f"in use by process {node.process.pid}" in out.stderr, out.stderr
    assert out.stdout == "" and journal(node) == was
    assert node.keeper.get("/v1/session").status_code == 200


def test_nobody_but_a_security_account_that_is_there_is_recovered(node):
    account(node, "wu")
    assert node.keeper.post("/v1/users/wu", json={"roles": ["security"]}).status_code == 200
    with login(node, "wu") as wu:
        assert wu.post("/v1/users/sun", json={"disabled": True}).status_code == 200
    node.stop()
    was = journal(node)
    for name, code, says in (("li", 7, "does not have the role security"), ("nobody", 4, "no account"),
                             ("sun", 7, "disabled")):
        out = recover(node, name)
        assert out.returncode == code and says in out.stderr and not out.stdout, (name, out.stderr)
    assert journal(node) == was
    node.start()
    assert try_login(node, "li", GOOD).status_code == 201 and try_login(node, "sun", GOOD).status_code == 401


def test_it_wants_a_reason_and_a_state_directory_that_is_there(node, tmp_path):
    node.stop()
    was = journal(node)
    for args in (["--title", "x"], ["--reason", ""], ["--reason", "a\nb"], ["--reason", "x" * 401],
                 ["--reason", WHY, "--role", "admin"]):
        assert recover(node, "sun", *args).returncode == 2, args
    out = subprocess.run([node.program, "user", "recover", "sun", "--reason", WHY], capture_output=True, text=True)
    assert out.returncode == 2 and "--state" in out.stderr
    assert subprocess.run([node.program, "user", "ls", "--reason", WHY], capture_output=True).returncode == 2
    out = recover(node, "sun", state=tmp_path / "elsewhere")
    assert out.returncode == 4 and not (tmp_path / "elsewhere").exists()
    out = recover(node, "sun", state=tmp_path, env={"SUANLU_LANG": "zh"})
    assert out.returncode == 4 and "没有日志" in out.stderr
    node.state.chmod(0o777)
    assert recover(node, "sun").returncode == 5
    assert "其他用户可写入目录" in recover(node, "sun", env={"SUANLU_LANG": "zh"}).stderr
    node.state.chmod(0o700)
    assert journal(node) == was
    node.start()


def test_the_chain_goes_on_with_the_digest_it_has(tmp_path):
    with Daemon({"audit": {"digest": "sha256"}}, directory=tmp_path) as d:
        account(d, "sun", ["security"])
        d.stop()
        assert recover(d, "sun").returncode == 0
        out = subprocess.run([d.program, "audit", "export", "--state", str(d.state)], capture_output=True,
                             text=True, timeout=60)
        made = [json.loads(line) for line in out.stdout.splitlines()]
        made = [e["digest"] for e in made if e["actor"].startswith("operator of this machine")]
        assert made and set(made) == {"sha256"}
        d.start()
