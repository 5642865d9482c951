"""test_export.py - what a node has seen, as a file: whole, without secrets, and only what one may see"""

import csv
import io
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, Daemon  # noqa: E402

CITY = [dict(POOL),
        {"name": "chips", "region": "cn/50", "engine": "fake", "clearance": 4, "speed": 1.5,
         "groups": [{"count": 1, "cpus": 8, "memory_mb": 4096,
                     "accelerators": {"model": "ascend-910b", "count": 4}}]}]


@pytest.fixture(scope="module")
def daemon():
    with Daemon({"pools": CITY}) as d:
        done = d.api.submit(script="true", name="first", env={"SECRET": "hush"}, cpus=0.5,
                            stay_within=POOL["region"])
        d.api.wait(done["id"])
        d.api.submit(command=["never", "hush"], cpus=99)
        d.api.wait(d.api.submit(script="true", array="1-4:3%1")["id"])
        d.api.submit(script="true", name="gpu", data_level=3, stay_within="cn/50", prefer="cheapest",
                     accelerators={"models": ["ascend-910b"], "count": 1, "share": 0.5},
                     inputs=[{"url": f"file://{d.files}/hush", "path": "x", "size_mb": 7}],
                     data_region="cn/62", deadline="2099-01-01T00:00:00Z")
        d.user("other").submit(script="exit 0", name="theirs")
        yield d


def lines(result):
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    tasks = [row for row in rows[1:-1] if "pool" not in row]
    assert rows[0]["suanlu_history"] == 1 and rows[-1] == {"end": True, "tasks": len(tasks)}
    return {row["id"]: row for row in tasks}


def test_every_task_is_there_with_its_shape_and_its_fate(daemon):
    tasks = lines(daemon.cli("export"))
    by_name = {t["name"]: t for t in tasks.values()}
    first, gpu = by_name["first"], by_name["gpu"]
    shown = daemon.api.get(f"/v1/tasks/{first['id']}").json()
    assert first["state"] == "done" and first["cpus"] == 0.5 and first["submitted_at"] == shown["submitted_at"]
    assert first["run"]["pool"] == "centre" and first["run"]["chip"] == "cpu"
    assert first["run"]["run_ms"] == shown["usage"]["run_ms"]
    assert first["run"]["cost_micro"] == shown["cost_micro"]
    assert by_name["never"]["state"] == "refused" and by_name["never"]["reason"] == "cpu"
    assert "run" not in by_name["never"]
    assert gpu["accelerators"] == {"models": ["ascend-910b"], "count": 1, "share": 0.5}
    assert (gpu["data_level"], gpu["stay_within"], gpu["prefer"]) == (3, "cn/50", "cheapest")
    assert gpu["data"] == [{"from": "cn/62", "mb": 7}] and gpu["deadline"].startswith("2099")
    array = [t for t in tasks.values() if "_" in t["id"]]
    assert sorted(t["id"].split("_")[1] for t in array) == ["1", "4"]
    assert all(t["array_limit"] == 1 for t in array)


def test_the_pools_are_there_with_the_nodes_that_they_have(daemon):
    rows = [json.loads(line) for line in daemon.cli("export").stdout.splitlines()]
    assert [row for row in rows if "pool" in row] == [
        {"pool": p["name"], "groups": [{"count": 1, **g} for g in p["groups"]]} for p in CITY]


def test_no_command_script_environment_or_address_is_in_it(daemon):
    out = daemon.cli("export").stdout
    assert "hush" not in out and "SECRET" not in out and "true" in out
    for row in lines(daemon.cli("export")).values():
        assert not {"command", "script", "env", "inputs", "owner", "meta"} & set(row)


def test_a_user_gets_the_tasks_of_the_own_tenant_only(daemon):
    api = daemon.user("third")
    assert api.get("/v1/history").json()["tasks"] == []
    mine = daemon.user("other", name="again").get("/v1/history").json()["tasks"]
    assert [t["name"] for t in mine] == ["theirs"] and mine[0]["tenant"] == "other"
    everything = daemon.user("city", roles=("auditor",)).get("/v1/history").json()["tasks"]
    assert len(everything) == len(lines(daemon.cli("export")))


def test_pages_follow_each_other_without_gaps(daemon):
    seen, before = [], None
    while True:
        page = daemon.api.get("/v1/history", params={"limit": 2, **({"before": before} if before else {})}).json()
        seen += [t["id"] for t in page["tasks"]]
        before = page["next"]
        if before is None:
            break
    assert len(seen) == len(set(seen)) == len(lines(daemon.cli("export")))


def test_a_file_is_written_whole_or_not_at_all(daemon, tmp_path):
    out = tmp_path / "past.jsonl"
    r = daemon.cli("export", "-o", str(out))
    assert r.returncode == 0 and "written" in r.stderr
    assert json.loads(out.read_text().splitlines()[-1])["end"] and len(list(tmp_path.iterdir())) == 1
    r = daemon.cli("export", "-o", str(tmp_path / "no" / "x"))
    assert r.returncode == 8 and "no/x" in r.stderr


def test_a_span_of_time_can_be_asked_for(daemon):
    at = sorted(t["submitted_at"] for t in lines(daemon.cli("export")).values())
    some = lines(daemon.cli("export", "--since", at[1], "--until", at[-1]))
    assert {t["submitted_at"] for t in some.values()} == set(at[1:-1]) - {at[-1]}
    assert lines(daemon.cli("export", "--since", "2099-01-01T00:00:00Z")) == {}


def test_the_csv_is_what_simulate_reads(daemon, tmp_path):
    for _ in range(100):
        if all(t["state"] in ("done", "refused") for t in lines(daemon.cli("export")).values()):
            break
    r = daemon.cli("export", "--csv", "-o", str(tmp_path / "tasks.csv"))
    assert r.returncode == 0 and "left out" in r.stderr
    rows = list(csv.DictReader(io.StringIO((tmp_path / "tasks.csv").read_text())))
    gpu = next(row for row in rows if row["gpu_spec"] == "ascend-910b")
    assert (gpu["num_gpu"], gpu["gpu_milli"], gpu["cpu_milli"]) == ("1", "500", "1000")
    (tmp_path / "nodes.csv").write_text("sn,cpu_milli,memory_mib,gpu,model\na,8000,4096,4,ascend-910b\n")
    r = daemon.cli("simulate", "--nodes", str(tmp_path / "nodes.csv"), "--tasks",
                   str(tmp_path / "tasks.csv"), "--departures", "--json")
    assert r.returncode == 0, r.stderr
    doc = json.loads(r.stdout)
    assert doc["policies"][0]["started"] == len(rows)
    assert doc["assumed"]["device_watts"] == {"ascend-910b": 350}


@pytest.mark.parametrize("args, words", [
    (("--since", "yesterday"), "--since"),
    (("--until", "2026"), "--until"),
    (("x",), "too much"),
])
def test_a_slip_is_answered(daemon, args, words):
    r = daemon.cli("export", *args)
    assert r.returncode == 2 and words in r.stderr and r.stdout == ""


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "before=0", "before=x", "what=1"])
def test_a_wrong_question_is_refused(daemon, query):
    assert daemon.api.get(f"/v1/history?{query}").status_code == 400


def test_without_a_daemon_nothing_is_written(tmp_path):
    import os
    import subprocess

    build = pathlib.Path(os.environ.get("SUANLU_BUILD", "build"))
    r = subprocess.run([str(build / "suanlu"), "export", "--server", "http://127.0.0.1:1", "-o",
                        str(tmp_path / "x")], env={**os.environ, "SUANLU_TOKEN": "x" * 43},
                       capture_output=True, text=True, timeout=30)
    assert r.returncode in (5, 6) and not list(tmp_path.iterdir())
