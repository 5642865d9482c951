"""The audit log from outside: who did what stands in it, and whoever alters it is found out."""

import json
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Daemon  # noqa: E402

FAKE = {"name": "p", "tier": "centre", "region": "cn/50/500106", "engine": "fake", "clearance": 4,
        "groups": [{"count": 1, "cpus": 8, "memory_mb": 65536}], "options": {"run_ms": 5}}


def cli(d, *args, token=None):
    if token:
        path = d.directory / "auditor"
        path.write_text(token)
        path.chmod(0o600)
        args += ("--token-file", str(path), "--server", "http://" + (d.state / "address").read_text())
    return d.cli(*args)


def work(d):
    data = {"name": "scans", "url": f"file://{d.files}/scans", "region": "cn/50", "level": 2}
    assert d.api.post("/v1/datasets", json=data).status_code == 201
    for _ in range(5):
        d.api.wait(d.api.submit(script="true", inputs=[{"url": "http://127.0.0.1:1/x", "path": "x"}])["id"])
    d.api.submit(script="true", data_level="core")
    assert d.api.post("/v1/pools/p/clearance", json={"clearance": 3, "reason": "inspection"}).status_code == 200


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    with Daemon({"pools": [FAKE]}, directory=tmp_path_factory.mktemp("city")) as d:
        work(d)
        assert d.api.post("/v1/tenants", json={"name": "office"}).status_code == 201
        made = d.api.post("/v1/tokens", json={"name": "eve", "tenant": "office", "roles": ["auditor"]})
        d.auditor = made.json()["token"]
        yield d


@pytest.fixture(scope="module")
def log(city):
    out = cli(city, "audit", "export", token=city.auditor)
    assert out.returncode == 0, out.stderr
    return [json.loads(line) for line in out.stdout.splitlines()]


@pytest.fixture
def copy(city, tmp_path):
    """The state directory of a moment, as somebody with a file browser has it."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    source = sqlite3.connect(city.state / "suanlu.db")
    target = sqlite3.connect(state / "suanlu.db")
    source.backup(target)
    source.close()
    target.commit()
    yield state, target
    target.close()


def verify(program, *args):
    return subprocess.run([program, "audit", "verify", *map(str, args)], capture_output=True, text=True,
                          timeout=60)


def test_every_change_and_every_decision_is_in_the_log(log):
    kinds = [e["kind"] for e in log]
    assert {"node", "token", "declare", "dataset", "submit", "choose", "end", "refuse", "clearance"} <= set(kinds)
    assert not {"start", "accept"} & set(kinds)
    assert [e["no"] for e in log] == list(range(1, len(log) + 1))


def test_who_did_it_and_from_where_is_in_the_log(log):
    clearance = next(e for e in log if e["kind"] == "clearance")
    assert clearance["actor"].startswith("default of default, token 1, from 127.0.0.1:")
    assert next(e for e in log if e["kind"] == "declare")["actor"] == "configuration"
    assert next(e for e in log if e["kind"] == "end")["actor"] == "node"
    assert json.loads(clearance["body"])["reason"] == "inspection"


def test_no_secret_leaves_with_the_log(city, log):
    assert all(e["body"] is None and e["shown"]["hash"] == "***" for e in log if e["kind"] == "token")
    assert city.auditor not in json.dumps(log) and city.token not in json.dumps(log)


@pytest.mark.parametrize("roles", [("user",), ("operator",), ("admin",), ("security",)])
def test_nobody_but_the_auditor_reads_it(city, roles):
    api = city.user("lab", roles)
    assert api.get("/v1/audit").status_code == 403
    assert api.get("/v1/audit/head").status_code == 403
    assert city.client("").get("/v1/audit").status_code == 401


def test_an_auditor_reads_all_and_writes_nothing(city):
    api = city.client(city.auditor)
    for path in ("/v1/tasks", "/v1/pools", "/v1/datasets", "/v1/tokens", "/v1/audit"):
        assert api.get(path).status_code == 200
    assert api.post("/v1/tasks", json={"script": "true"}).status_code == 403
    assert api.post("/v1/pools/p/clearance", json={"clearance": 1, "reason": "x"}).status_code == 403
    assert api.delete("/v1/datasets/scans").status_code == 403


def test_that_it_was_read_stands_in_it(city):
    api = city.client(city.auditor)
    before = api.get("/v1/audit/head").json()["no"]
    assert api.get("/v1/audit", params={"after": before}).status_code == 200
    entry = api.get("/v1/audit", params={"after": before}).json()["entries"][0]
    assert entry["kind"] == "audit_read" and entry["actor"].startswith("eve of office")
    assert json.loads(entry["body"]) == {"after": before, "limit": 1000}


def test_that_the_report_of_a_data_set_was_read_stands_in_it(city):
    api = city.client(city.auditor)
    before = api.get("/v1/audit/head").json()["no"]
    assert api.get("/v1/datasets/scans/report").status_code == 200
    assert api.get("/v1/datasets/No%20name/report").status_code == 404
    entries = api.get("/v1/audit", params={"after": before}).json()["entries"]
    read = [(e["actor"].split(",")[0], json.loads(e["body"])) for e in entries
            if e["kind"] == "audit_read" and "after" not in json.loads(e["body"])]
    assert read and read[0][0].startswith("eve of office"), "nothing says that it was read"
    assert [body for _, body in read] == [{"dataset": "scans"}]


def test_a_log_as_it_is_is_verified_on_the_node_in_a_file_and_offline(city, log, tmp_path):
    out = cli(city, "audit", "verify", token=city.auditor)
    assert out.returncode == 0, out.stdout + out.stderr
    exported = tmp_path / "log"
    exported.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in log))
    assert verify(city.program, exported).returncode == 0
    out = verify(city.program, "--state", city.state)
    assert out.returncode == 0 and "are as they were written" in out.stdout, out.stdout + out.stderr


def test_an_altered_line_of_an_export_is_named(city, log, tmp_path):
    exported = tmp_path / "log"
    for at, change in [(3, {"actor": "nobody"}), (4, {"body": "{}"}), (5, {"at_ms": 1}), (2, {"task": 7})]:
        lines = [dict(e) for e in log]
        lines[at].update(change)
        exported.write_text("".join(json.dumps(e) + "\n" for e in lines))
        out = verify(city.program, exported)
        assert out.returncode == 1 and f"entry {at + 1}:" in out.stdout, out.stdout
    exported.write_text("".join(json.dumps(e) + "\n" for e in log[:6] + log[7:]))
    assert "entry 7:" in verify(city.program, exported).stdout


def test_a_cut_off_end_is_found_by_what_was_noted_earlier(city, log, tmp_path):
    exported = tmp_path / "log"
    exported.write_text("".join(json.dumps(e) + "\n" for e in log[:-2]))
    assert verify(city.program, exported).returncode == 0
    noted = f"{log[-1]['no']}:{log[-1]['hash']}"
    assert verify(city.program, exported, "--expect", noted).returncode == 1
    exported.write_text("".join(json.dumps(e) + "\n" for e in log))
    assert verify(city.program, exported, "--expect", noted).returncode == 0


@pytest.mark.parametrize("sql,says", [
    ("UPDATE record SET body = CAST(replace(body, 'inspection', 'no reason!') AS BLOB) WHERE kind = 50",
     "content was changed"),
    ("UPDATE record SET at_ms = at_ms + 1 WHERE kind = 50", "kind, time or task"),
    ("UPDATE audit SET actor = 'nobody' WHERE kind = 50", "were changed"),
    ("DELETE FROM record WHERE kind = 50", "gone from the journal"),
    ("DELETE FROM audit WHERE kind = 50", "missing"),
    ("DELETE FROM record WHERE kind = 4; DELETE FROM audit WHERE kind = 4", "missing"),
    ("DELETE FROM record WHERE subject = 1; DELETE FROM subject WHERE no = 1", "gone from the journal"),
    ("INSERT INTO record SELECT max(seq) + 1, at_ms, 0, 0, 2, 0, body FROM record WHERE kind = 2",
     "does not have"),
    ("DELETE FROM audit WHERE no <= 3", "nothing says that they were pruned"),
    ("DELETE FROM audit WHERE no = (SELECT max(no) FROM audit WHERE seq > 0)", None),
])
def test_whoever_alters_the_database_is_found_out(city, copy, sql, says):
    state, db = copy
    assert verify(city.program, "--state", state).returncode == 0
    db.executescript(sql)
    db.commit()
    out = verify(city.program, "--state", state)
    assert out.returncode == 1 and (says is None or says in out.stdout), out.stdout + out.stderr


@pytest.mark.parametrize("sql,says", [
    ("UPDATE record SET body = CAST(replace(body, 'inspection', 'no reason!') AS BLOB) WHERE kind = 50",
     "content was changed"),
    ("UPDATE record SET body = CAST(replace(body, 'mine-alone', 'not-at-all') AS BLOB) WHERE kind = 10",
     "content was changed"),
    ("UPDATE record SET body = CAST(body || ' ' AS BLOB) WHERE kind = 2", "content was changed"),
    ("UPDATE record SET at_ms = at_ms + 1 WHERE kind = 50", "kind, time or task"),
    ("DELETE FROM record WHERE kind = 50", "gone from the journal"),
    ("DELETE FROM audit WHERE kind = 50", "does not have"),
    ("UPDATE audit SET actor = 'nobody' WHERE kind = 50", "were changed"),
    ("INSERT INTO record SELECT seq + 1000000, at_ms, 0, 0, 2, 0, body FROM record WHERE kind = 2 LIMIT 1",
     "does not have"),
    # In the middle, where a row stood that is in no chain: a start becomes a choice, or a wait.
    ("UPDATE record SET kind = 14 WHERE seq = (SELECT min(seq) FROM record WHERE kind = 16)", "does not have"),
    ("UPDATE record SET kind = 11 WHERE seq = (SELECT max(seq) FROM record WHERE kind = 16)", "does not have"),
])
def test_a_running_node_tells_of_rows_that_were_altered_removed_and_added(tmp_path, sql, says):
    with Daemon({"pools": [FAKE]}, directory=tmp_path) as d:
        work(d)
        d.api.submit(script="true", env={"KEY": "mine-alone"})
        d.auditor = d.api.post("/v1/tokens", json={"name": "eve", "tenant": "default",
                                                   "roles": ["auditor"]}).json()["token"]
        good = cli(d, "audit", "verify", token=d.auditor)
        assert good.returncode == 0, good.stdout + good.stderr
        db = sqlite3.connect(d.state / "suanlu.db", timeout=20)
        db.executescript(sql)
        db.commit()
        db.close()
        out = cli(d, "audit", "verify", token=d.auditor)
        assert out.returncode == 1 and says in out.stdout, out.stdout + out.stderr
        assert verify(d.program, "--state", d.state).returncode == 1
        d.kill()


def test_a_state_from_before_waits_were_chained_is_verified_by_its_export(city, copy, tmp_path):
    """What CHANGES.md tells those to do who come from an earlier build."""
    state, db = copy
    db.execute("UPDATE record SET kind = 11 WHERE seq = (SELECT max(seq) FROM record WHERE kind = 16)")
    db.commit()
    out = verify(city.program, "--state", state)
    assert out.returncode == 1 and "(wait) that the log does not have" in out.stdout, out.stdout
    exported = subprocess.run([city.program, "audit", "export", "--state", str(state)], capture_output=True, timeout=60)
    (tmp_path / "log").write_bytes(exported.stdout)
    out = verify(city.program, tmp_path / "log")
    assert exported.returncode == 0 and out.returncode == 0, out.stdout + out.stderr


def test_that_a_task_waits_and_why_is_in_the_log(tmp_path):
    with Daemon({"pools": [dict(FAKE, options={"run_ms": 60000})]}, directory=tmp_path) as d:
        d.api.submit(script="true", cpus=8)
        waits = d.api.submit(script="true", cpus=8)["id"]
        d.auditor = d.api.post("/v1/tokens", json={"name": "eve", "tenant": "default",
                                                   "roles": ["auditor"]}).json()["token"]
        out = cli(d, "audit", "export", token=d.auditor)
        entry = [e for e in map(json.loads, out.stdout.splitlines()) if e["kind"] == "wait"][0]
        assert str(entry["task"]) == waits and json.loads(entry["body"])["reason"] == "full", entry
        d.kill()
    db = sqlite3.connect(tmp_path / "state" / "suanlu.db")
    db.execute("UPDATE record SET body = CAST(replace(body, 'full', 'down') AS BLOB) WHERE kind = 11")
    db.commit()
    assert f"entry {entry['no']}: its content was changed" in verify(d.program, "--state", d.state).stdout


def test_the_chain_goes_on_over_restarts_and_a_change_of_the_digest(tmp_path):
    with Daemon({"pools": [FAKE]}, directory=tmp_path) as d:
        work(d)
        d.kill()
    with Daemon({"pools": [FAKE], "audit": {"digest": "sha256"}}, directory=tmp_path) as d:
        d.api.wait(d.api.submit(script="true")["id"])
    digests = {row[0] for row in sqlite3.connect(tmp_path / "state" / "suanlu.db").execute(
        "SELECT DISTINCT digest FROM audit")}
    assert digests == {1, 2}
    assert verify(d.program, "--state", d.state).returncode == 0


def test_a_retention_below_six_months_is_refused(tmp_path):
    d = Daemon({"pools": [FAKE], "audit": {"days": 30}}, directory=tmp_path)
    out = subprocess.run([d.program, "serve", "--config", str(d.config_file), "--check-config"],
                         capture_output=True, text=True, timeout=20)
    assert out.returncode == 2 and "audit.days" in out.stderr
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_the_verb_refuses_what_it_does_not_understand(city):
    for args in (("audit", "burn"), ("audit", "ls", "x"), ("audit", "verify", "a", "b"),
                 ("audit", "verify", "--expect", "1:xyz"), ("audit", "ls", "--limit", "x")):
        assert city.cli(*args).returncode == 2, args
    assert city.cli("audit", "verify", "--state", "/nowhere").returncode == 4
    assert city.cli("audit", "ls").returncode == 5
