"""Who may say what a pool sees, from outside: real runs, real restarts, the command line."""

import copy
import os
import pathlib
import sys
import time

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, Daemon  # noqa: E402

CITY = dict(POOL, name="city", clearance=4, price={"cpu_hour": "0.10"})
SAFE = dict(copy.deepcopy(POOL), name="safe", clearance="important", price={"cpu_hour": "5.00"})


@pytest.fixture
def daemon(tmp_path):
    with Daemon({"pools": [CITY, SAFE]}, directory=tmp_path) as d:
        yield d


def until(what, timeout=20.0):
    end = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.05)


def running(d, **spec):
    task = d.api.submit(**spec)["id"]
    d.api.wait(task, states=("running",))
    return task


def pool(d, name):
    return d.api.get(f"/v1/pools/{name}").json()


def test_a_lowered_clearance_ends_the_processes_of_runs_above_it(daemon, tmp_path):
    pid = daemon.files / "pid"
    task = running(daemon, data_level=3, prefer="cheapest", walltime_s=600,
                   script=f"echo $$ >>{pid}; sleep 2; [ $(wc -l <{pid}) = 2 ] || sleep 300")
    until(pid.exists)
    assert daemon.api.get(f"/v1/tasks/{task}").json()["pool"] == "city"
    first = int(pid.read_text().split()[0])
    said = daemon.cli("pools", "clearance", "city", "--level", "2", "--reason", "the room is open")
    assert said.returncode == 0, said.stderr
    assert pool(daemon, "city")["clearance"] == 2
    until(lambda: not os.path.exists(f"/proc/{first}"))
    done = daemon.api.wait(task)
    assert (done["state"], done["pool"]) == ("done", "safe"), done
    runs = daemon.api.get(f"/v1/tasks/{task}/runs").json()["runs"]
    assert [r["pool"] for r in runs] == ["city", "safe"]
    assert runs[0]["end"] == "stopped"


def test_a_clearance_lowered_while_the_daemon_is_down_recalls_what_it_finds(tmp_path):
    with Daemon({"pools": [CITY, SAFE]}, directory=tmp_path) as d:
        task = running(d, data_level=3, prefer="cheapest", script="sleep 300", walltime_s=600)
        d.kill()
    with Daemon({"pools": [dict(CITY, clearance=1), SAFE]}, directory=tmp_path) as d:
        until(lambda: d.api.get(f"/v1/tasks/{task}").json()["pool"] == "safe")
        assert d.api.get(f"/v1/tasks/{task}").json()["lost"] == 0


def test_a_clearance_is_durable_and_an_edited_file_does_not_raise_it(tmp_path):
    with Daemon({"pools": [CITY, SAFE]}, directory=tmp_path) as d:
        told = d.api.post("/v1/pools/city/clearance", json={"clearance": 2, "reason": "inspection"})
        assert told.status_code == 200 and told.json()["clearance"] == 2
        d.kill()
    with Daemon({"pools": [dict(CITY, clearance="core"), SAFE]}, directory=tmp_path) as d:
        seen = pool(d, "city")
        assert seen["clearance"] == 2
        assert seen["label"] == {"declared": {"clearance": "core", "region": CITY["region"]},
                                 "confirmed": {"clearance": 2, "region": CITY["region"]}}
        assert "the stricter counts" in d.log
        refused = d.api.submit(data_level="core", script="true")
        assert d.api.get(f"/v1/tasks/{refused['id']}").json()["reason"]["code"] == "clearance"


@pytest.mark.parametrize("roles", [("user",), ("operator",), ("admin",), ("auditor",)])
def test_no_other_role_changes_a_clearance(daemon, roles):
    api = daemon.user("lab", roles)
    said = api.post("/v1/pools/city/clearance", json={"clearance": "core", "reason": "please"})
    assert said.status_code == 403
    assert pool(daemon, "city")["clearance"] == 4


@pytest.mark.parametrize("body,field", [
    ({"clearance": 2}, "reason"), ({"clearance": 2, "reason": ""}, "reason"),
    ({"reason": "x"}, "clearance"), ({"clearance": 5, "reason": "x"}, "clearance"),
    ({"clearance": 2, "reason": "x\ny"}, "reason"), ({"region": "CN", "reason": "x"}, "region"),
    ({"clearance": 2, "reason": "x", "more": 1}, "more"), ({"clearance": 2, "reason": "x" * 401}, "reason")])
def test_a_clearance_that_is_not_well_said_changes_nothing(daemon, body, field):
    said = daemon.api.post("/v1/pools/city/clearance", json=body)
    assert said.status_code == 400 and said.json()["field"] == field, said.text
    assert pool(daemon, "city")["clearance"] == 4


def test_a_user_raises_a_label_and_security_lowers_it_with_a_reason(daemon):
    lab, security = daemon.user("lab"), daemon.user("office", ("security",))
    data = {"name": "scans", "url": f"file://{daemon.files}/scans", "region": "cn/50", "level": 2}
    assert lab.post("/v1/datasets", json=data).status_code == 201
    up = lab.post("/v1/datasets", json=dict(data, level=4, stay_within="cn/50"))
    assert up.status_code == 201 and up.json()["owner"] == "lab-user"
    assert lab.post("/v1/datasets", json=dict(data, level=2, reason="mine")).status_code == 403
    assert security.post("/v1/datasets", json=dict(data, level=2)).status_code == 400
    down = security.post("/v1/datasets", json=dict(data, level=2, reason="names were taken out"))
    assert down.status_code == 201, down.text
    assert down.json()["level"] == 2 and "stay_within" not in down.json()


def test_the_region_of_data_binds_every_task_that_reads_them(daemon):
    data = {"name": "scans", "url": f"file://{daemon.files}/scans", "region": "cn/62/1", "level": 1,
            "stay_within": "cn/62"}
    assert daemon.api.post("/v1/datasets", json=data).status_code == 201
    for given in ({"dataset": "scans"}, {"url": data["url"] + "/part"}):
        task = daemon.api.submit(script="true", inputs=[dict(given, path="in")])["id"]
        assert daemon.api.get(f"/v1/tasks/{task}").json()["reason"]["code"] == "region"


def test_the_report_of_a_data_set_misses_no_task_that_its_label_binds(daemon):
    at = f"file://{daemon.files}/all"
    for name, url in (("outer", at), ("scans", at + "/scans")):
        body = {"name": name, "url": url, "region": "cn/50", "level": 1}
        assert daemon.api.post("/v1/datasets", json=body).status_code == 201
    for given in ({"dataset": "scans"}, {"dataset": "outer"}, {"url": at}, {"url": at + "/%73cans/a"},
                  {"url": at + "/other"}):
        daemon.api.submit(script="true", inputs=[dict(given, path="in")])
    report = daemon.user("office", ("security",)).get("/v1/datasets/scans/report").json()
    assert report["submissions"] == 4 and report["submissions_before"] == 0, report


def test_the_report_of_a_data_set_has_the_tasks_that_were_there_before_it(daemon, tmp_path):
    at = f"file://{daemon.files}/all"
    assert daemon.api.post("/v1/datasets", json={"name": "outer", "url": at + "/o", "region": "cn/50",
                                                 "level": 1}).status_code == 201
    early = [daemon.api.submit(command=["true"], inputs=[dict(given, path="in")])["id"]
             for given in ({"url": at + "/%73cans/a"}, {"url": at}, {"dataset": "outer"}, {"url": at + "/other"})]
    data = {"name": "scans", "url": at + "/scans", "region": "cn/50", "level": 1}
    assert daemon.api.post("/v1/datasets", json=data).status_code == 201
    late = daemon.api.submit(command=["true"], inputs=[{"dataset": "scans", "path": "in"}])["id"]
    moved = daemon.api.submit(command=["true"], inputs=[{"url": at + "/new/x", "path": "in"}])["id"]
    assert daemon.api.post("/v1/datasets", json=dict(data, url=at + "/new", reason="moved")).status_code == 201
    for task in early + [late, moved]:
        daemon.api.wait(task)
    security = daemon.user("office", ("security",))
    report = security.get("/v1/datasets/scans/report").json()
    assert (report["submissions"], report["submissions_before"]) == (4, 3), report
    marks = {str(r["task"]): r["before"] for r in report["runs"]}
    assert marks == {early[0]: True, early[1]: True, late: False, moved: True}
    assert {str(d["task"]): d["before"] for d in report["decided"]} == marks
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(security.headers["Authorization"].split()[1])
    for way in ((), ("--markdown",)):
        said = daemon.cli("audit", "dataset", "scans", "--token-file", str(secret), *way).stdout
        assert f"{early[0]}*" in said and f"{late}*" not in said and "* 3 submissions" in said, said


def test_a_pool_is_not_taken_out_of_the_configuration_under_its_runs(daemon, tmp_path):
    ran = tmp_path / "ran"
    task = running(daemon, script=f"echo x >> {ran}; sleep 5", retries=3)
    daemon.stop()
    both = daemon.config_file.read_text(encoding="utf-8")
    alone = yaml.safe_dump(dict(daemon.config, pools=[SAFE]), allow_unicode=True)
    daemon.config_file.write_text(alone, encoding="utf-8")
    for language, words in (("en", f"task {task} is still on a pool that is not"), ("zh", f"任务 {task} 仍在一个")):
        daemon.env["SUANLU_LANG"] = language
        with pytest.raises(AssertionError, match=words):
            daemon.start()
    daemon.config_file.write_text(both, encoding="utf-8")
    daemon.start()
    done = daemon.api.wait(task)
    assert (done["state"], done["attempt"], done["pool"]) == ("done", 1, "city")
    daemon.stop()
    daemon.config_file.write_text(alone, encoding="utf-8")
    daemon.start()
    assert daemon.api.get(f"/v1/tasks/{task}").json()["state"] == "done"
    assert ran.read_text() == "x\n"
