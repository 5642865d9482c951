"""test_plan.py - a node's own history on pools that it does not have"""

import csv
import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, Daemon  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SUANLU_BUILD", ROOT / "build"))
ENV = {**os.environ, "LC_ALL": "C.UTF-8", "SUANLU_LANG": "en"}


def pool(name, cpus, price, **more):
    return {"name": name, "region": "cn/50", "engine": "fake", "clearance": 3,
            "price": {"cpu_hour": price, "accelerator_hour": "3.60"},
            "groups": [{"count": 1, "cpus": cpus, "memory_mb": 65536}], **more}


HUB = pool("hub", 4, "0.36")
CHIPS = pool("chips", 8, "0.72", groups=[{"count": 1, "cpus": 8, "memory_mb": 65536,
                                          "accelerators": {"model": "a100-80-sxm", "count": 2}}])
GPU = {"accelerators": {"models": ["a100-80-sxm"], "count": 1}}


def at(second):
    return f"2026-11-23T{9 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


def task(id, second, cpus=1, where="hub", run_s=100, state="done", **more):
    t = {"id": str(id), "name": "work", "tenant": "lab", "kind": "compute", "state": state,
         "submitted_at": at(second), "nodes": 1, "cpus": cpus, "memory_mb": 64, "walltime_s": 3600,
         "image": False, "data_level": 1, "prefer": "cheapest", **more}
    if where:
        t |= {"started_at": at(second), "ended_at": at(second + run_s),
              "run": {"pool": where, "chip": "cpu" if where == "hub" else "a100-80-sxm", "speed": 1,
                      "attempts": 1, "run_ms": run_s * 1000, "cost_micro": 1000, "energy_j": 10,
                      "carbon_mg": 5}}
    return t


def history(tasks, *pools):
    lines = [{"suanlu_history": 1, "node": "n1"}, *pools, *tasks, {"end": True, "tasks": len(tasks)}]
    return "".join(json.dumps(line) + "\n" for line in lines)


TASKS = [task(1, 0, 4), task(2, 10, 4), task(3, 20, 1, "chips", **GPU), task(4, 30, 99, None, state="refused"),
         task(5, 40, 2)]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "city.yaml").write_text(yaml.safe_dump({"state": str(tmp_path), "pools": [HUB, CHIPS]}))
    (tmp_path / "past.jsonl").write_text(history(TASKS))
    return tmp_path


def plan(where, *args, env=ENV):
    return subprocess.run([f"{BUILD}/suanlu", "plan", "--config", "city.yaml", "--history", "past.jsonl",
                           *args], cwd=where, env=env, capture_output=True, text=True, timeout=60)


def figures(where, *args):
    r = plan(where, "--json", *args)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


def by_name(side):
    return {p["name"]: p for p in side["pools"]}


def test_without_a_wish_the_replay_stands_beside_what_was(place):
    d = figures(place)
    assert (d["recorded"]["done"], d["recorded"]["refused"]) == (4, 1)
    assert (d["base"]["done"], d["base"]["refused"], d["base"]["waiting"]) == (4, 1, 0)
    assert d["base"]["refused_by"] == {"cpu": 1} and d["what_if"] is None and d["moved"] is None
    assert d["recorded"]["cost_micro"] == 4000
    # 4 cpus x 100 s, twice, and 2: at 0.36 yuan an hour; one cpu and one device on chips
    assert by_name(d["base"])["chips"]["device_percent"] > 0
    assert by_name(d["base"])["hub"]["device_percent"] is None
    assert d["base"]["run_times"] == {"as_run": 4, "learned": 0, "peak": 0, "unknown": 0, "guessed": 0}


def test_a_new_pool_takes_the_queue_and_the_change_is_counted(place):
    (place / "new.yaml").write_text(yaml.safe_dump(pool("new", 16, "0.36")))
    d = figures(place, "--add", "new.yaml", "--log", "log.csv")
    assert d["changes"] == ["add new"]
    assert d["what_if"]["wait_s"]["max"] < d["base"]["wait_s"]["max"] or d["base"]["wait_s"]["max"] == 0
    assert by_name(d["what_if"])["new"]["started"] == sum(
        r["tasks"] for r in d["moved"]["routes"] if r["to"] == "new")
    rows = list(csv.DictReader((place / "log.csv").open()))
    assert [row["task"] for row in rows] == ["1", "2", "3", "4", "5"]
    moved = [row for row in rows if row["pool"] != row["what_if_pool"]]
    assert len(moved) == d["moved"]["tasks"] and all(row["what_if_why"] for row in moved)


def test_a_drained_pool_is_left_and_what_only_it_could_do_waits(place):
    d = figures(place, "--drain", "chips")
    assert d["what_if"]["waiting"] == 1 and d["what_if"]["waiting_by"] == {"drained": 1}
    assert {"from": "chips", "to": "waiting", "why": "drained", "tasks": 1} in d["moved"]["routes"]
    assert by_name(d["what_if"])["chips"] == {**by_name(d["what_if"])["chips"], "started": 0, "drained": True}


def test_a_pool_that_is_taken_away_sends_its_tasks_elsewhere(place):
    d = figures(place, "--remove", "hub")
    assert by_name(d["what_if"]).keys() == {"chips"}
    assert d["moved"]["by_reason"]["gone"] == d["moved"]["tasks"] > 0


def test_other_chips_refuse_what_names_the_old_ones(place):
    d = figures(place, "--chips", "chips=ascend-910b")
    assert d["what_if"]["refused_by"]["accelerator"] == 1
    d = figures(place, "--chips", "chips=a100-80-sxm:8")
    assert d["moved"]["tasks"] == 0


def test_other_chips_run_by_their_peaks(place):
    (place / "past.jsonl").write_text(history([task(1, 0, 1, "chips", run_s=312,
                                                    accelerators={"count": 1})]))
    d = figures(place, "--chips", "chips=h100-sxm")
    assert d["what_if"]["run_times"]["peak"] == 1
    assert d["what_if"]["cost_micro"] < d["base"]["cost_micro"]


def test_a_dearer_price_is_seen_in_the_cost(place):
    (place / "dear.yaml").write_text(yaml.safe_dump({"pools": [pool("hub", 4, "3.60")]}))
    d = figures(place, "--replace", "dear.yaml")
    assert d["changes"] == ["replace hub"]
    assert d["moved"]["by_reason"].get("cheaper", 0) == d["moved"]["tasks"] > 0


def test_nodes_that_an_engine_tells_come_from_the_history(place):
    told = pool("told", 4, "0.36", engine="slurm", options={"url": "http://127.0.0.1:1"})
    del told["groups"]
    (place / "city.yaml").write_text(yaml.safe_dump({"state": "x", "pools": [told]}))
    r = plan(place)
    assert r.returncode == 2 and "told" in r.stderr and "no nodes" in r.stderr
    (place / "past.jsonl").write_text(history(
        TASKS, {"pool": "told", "groups": [{"count": 2, "cpus": 8, "memory_mb": 65536}]}))
    d = figures(place, "--chips", "told=a100-80-sxm:1")
    assert (d["base"]["done"], d["base"]["refused_by"]) == (3, {"accelerator": 1, "cpu": 1})
    assert d["what_if"]["done"] == 4


def test_wishes_can_be_combined(place):
    (place / "new.yaml").write_text(yaml.safe_dump({"pools": [pool("n1", 8, "0.36"), pool("n2", 8, "0.36")]}))
    d = figures(place, "--add", "new.yaml", "--drain", "hub", "--chips", "chips=a100-80-sxm:4")
    assert d["changes"] == ["add n1", "add n2", "drain hub", "chips chips=a100-80-sxm:4"]
    assert by_name(d["what_if"])["hub"]["started"] == 0


def test_the_same_wish_gives_the_same_answer(place):
    a, b = (figures(place, "--drain", "hub") for _ in range(2))
    for d in (a, b):
        for side in ("base", "what_if"):
            d[side].pop("decisions_per_s")
    assert a == b


def test_people_get_tables_in_their_language(place):
    r = plan(place, "--drain", "hub")
    assert r.returncode == 0 and "drained" in r.stdout and "tasks go elsewhere" in r.stdout
    r = plan(place, "--drain", "hub", env={**ENV, "SUANLU_LANG": "zh"})
    assert "换了去处" in r.stdout and "资源池" in r.stdout


def test_what_a_node_did_can_be_replayed_on_its_own_configuration(tmp_path):
    with Daemon({"pools": [dict(POOL)]}) as d:
        for i in range(6):
            d.api.submit(script=f"sleep 0.{i}", name="nap", cpus=2)
        for t in d.api.get("/v1/tasks").json()["tasks"]:
            d.api.wait(t["id"])
        past = tmp_path / "past.jsonl"
        assert d.cli("export", "-o", str(past)).returncode == 0
        r = d.cli("plan", "-c", str(d.config_file), "--history", str(past), "--json")
        assert r.returncode == 0, r.stderr
        doc = json.loads(r.stdout)
    assert doc["base"]["done"] == doc["recorded"]["done"] == 6
    # The same prices, the same run times: the bill is the same, but for where it was rounded.
    assert doc["base"]["cost_micro"] == doc["recorded"]["cost_micro"]
    assert abs(doc["base"]["energy_j"] - doc["recorded"]["energy_j"]) <= 6


def test_the_replay_decides_as_the_daemon_did_ties_included(tmp_path):
    """Room for all, so that nothing depends on the second in which a run ended."""
    city = [pool("a", 64, "0.36"), pool("b", 64, "0.36"), pool("c", 64, "0.36", clearance=1),
            {**CHIPS, "groups": [{"count": 2, "cpus": 64, "memory_mb": 65536,
                                  "accelerators": {"model": "a100-80-sxm", "count": 8}}]}]
    with Daemon({"pools": city, "seed": 77}) as d:
        for i in range(40):
            d.api.submit(script="true", name=f"n{i}", data_level=1 + i % 3, prefer="cheapest", walltime_s=60,
                         **(GPU if i % 8 == 7 else {"array": "1-9:4"} if i == 20 else {}))
        for t in d.api.get("/v1/tasks").json()["tasks"]:
            d.api.wait(t["id"])
        past, log = tmp_path / "past.jsonl", tmp_path / "log.csv"
        assert d.cli("export", "-o", str(past)).returncode == 0
        r = d.cli("plan", "-c", str(d.config_file), "--history", str(past), "--log", str(log))
        assert r.returncode == 0, r.stderr
    rows = list(csv.DictReader(log.open()))
    assert len(rows) == 42 and {row["pool"] for row in rows} == {"a", "b", "c", "chips"}
    assert [row["pool"] for row in rows] == [row["recorded_pool"] for row in rows]


# ---- refusals ----

@pytest.mark.parametrize("args, words", [
    (("--drain", "nowhere"), "nowhere"),
    (("--remove", "nowhere"), "nowhere"),
    (("--chips", "hub"), "POOL=MODEL"),
    (("--chips", "hub=a100-80-sxm"), "no devices"),
    (("--chips", "nowhere=a100-80-sxm"), "nowhere"),
    (("--chips", "chips=abacus"), "abacus"),
    (("--chips", "chips=a100-80-sxm:17"), "POOL=MODEL"),
    (("--remove", "hub", "--remove", "chips"), "no pool is left"),
    (("x",), "too much"),
    (("--add", "none.yaml"), "none.yaml"),
])
def test_a_wish_that_cannot_be_is_refused(place, args, words):
    r = plan(place, *args)
    assert r.returncode == 2 and words in r.stderr and r.stdout == ""


def test_a_pool_is_not_added_twice_nor_replaced_when_it_is_not_there(place):
    (place / "p.yaml").write_text(yaml.safe_dump(pool("hub", 4, "1.00")))
    r = plan(place, "--add", "p.yaml")
    assert r.returncode == 2 and "--replace" in r.stderr
    (place / "p.yaml").write_text(yaml.safe_dump(pool("other", 4, "1.00")))
    r = plan(place, "--replace", "p.yaml")
    assert r.returncode == 2 and "--add" in r.stderr


def test_a_broken_pool_is_refused_with_file_line_and_field(place):
    (place / "p.yaml").write_text("name: new\nregion: cn\nengine: fake\ngroups:\n  - cpus: many\n    memory_mb: 1\n")
    r = plan(place, "--add", "p.yaml")
    assert r.returncode == 2 and "p.yaml:5" in r.stderr and "groups[0].cpus" in r.stderr


def test_a_broken_configuration_is_refused_with_file_line_and_field(place):
    (place / "city.yaml").write_text("state: x\npools:\n  - name: a\n    colour: red\n")
    r = plan(place)
    assert r.returncode == 2 and "city.yaml:" in r.stderr and "pools[0]" in r.stderr


@pytest.mark.parametrize("text, words", [
    ("", "not a history"),
    ("name,cpu_milli\nx,1\n", "not a history"),
    (history(TASKS).replace('"suanlu_history": 1', '"suanlu_history": 7'), "format 7"),
    (history(TASKS[:1]).replace('"tasks": 1', '"tasks": 2'), "there are 1"),
    ("".join(history(TASKS).splitlines(True)[:-1]), "cut off"),
    (history([{**TASKS[0], "colour": "red"}]), "past.jsonl:2"),
    (history([{**TASKS[0], "cpus": -1}]), "cpus"),
    (history([TASKS[0], TASKS[0]]), "twice"),
    (history([]), "no task"),
])
def test_a_broken_history_is_refused_with_its_line(place, text, words):
    (place / "past.jsonl").write_text(text)
    r = plan(place)
    assert r.returncode == 2 and words in r.stderr and r.stdout == ""


@pytest.mark.parametrize("option", ["--html", "--log"])
def test_a_file_that_cannot_be_written_is_said(place, option):
    r = plan(place, option, "/nowhere/x")
    assert r.returncode == 8 and "/nowhere/x" in r.stderr


def test_without_files_it_asks_for_them():
    r = subprocess.run([f"{BUILD}/suanlu", "plan"], env=ENV, capture_output=True, text=True)
    assert r.returncode == 2 and "--config and --history" in r.stderr
