"""test_simulate.py - what would fit, from two tables: figures, log, report, and what is refused"""

import csv
import json
import os
import pathlib
import pty
import random
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SUANLU_BUILD", ROOT / "build"))

NODES = "sn,cpu_milli,memory_mib,gpu,model\nbig,32000,131072,4,A10\nsmall,8000,32768,1,T4\n"
SHAPES = ["4000,8192,1,500,", "4000,8192,1,1000,T4", "8000,16384,2,1000,A10", "2000,4096,0,,"]
ENV = {**os.environ, "LC_ALL": "C.UTF-8", "SUANLU_LANG": "en"}
sys.path.insert(0, str(ROOT / "bench" / "openb"))
import check  # noqa: E402
import check_live  # noqa: E402


@pytest.fixture
def tables(tmp_path):
    tasks = [f"t{i},{SHAPES[i % len(SHAPES)]}" for i in range(10)]
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "tasks.csv").write_text(
        "\n".join(["name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec", *tasks]) + "\n")
    return tmp_path


def simulate(where, *args, **more):
    return subprocess.run([f"{BUILD}/suanlu", "simulate", "--nodes", "nodes.csv", "--tasks",
                           "tasks.csv", *args], cwd=where, env=ENV, capture_output=True, text=True,
                          timeout=60, **more)


def test_the_figures_agree_with_the_log(tables):
    r = simulate(tables, "--json", "--log", "log.csv")
    assert r.returncode == 0, r.stderr
    doc = json.loads(r.stdout)
    p = doc["policies"][0]
    assert (doc["nodes"], doc["devices"], doc["tasks"]) == (2, 5, 10)
    rows = list(csv.DictReader((tables / "log.csv").open()))
    assert len(rows) == p["arrived"] == p["placed"] + p["refused"]
    assert sum(row["node"] == "-" for row in rows) == p["refused"]
    tasks = {t["name"]: t for t in csv.DictReader((tables / "tasks.csv").open())}
    milli = sum(int(tasks[row["task"]]["num_gpu"]) * int(tasks[row["task"]]["gpu_milli"] or 0)
                for row in rows if row["node"] != "-")
    assert p["allocation_percent"] == pytest.approx(milli / 50)
    idle = p["idle_devices"]
    assert sum(idle.values()) == pytest.approx(5 - milli / 1000)
    assert len(p["curve"]) == 131 and p["curve"] == sorted(p["curve"])


def test_the_same_seed_gives_the_same_log(tables):
    for name in ("a", "b", "c"):
        assert simulate(tables, "--log", name, "--seed", "8" if name == "c" else "7").returncode == 0
    assert (tables / "a").read_text() == (tables / "b").read_text() != (tables / "c").read_text()


def test_every_policy_has_a_line_and_a_curve_in_the_report(tables):
    names = ["suanlu", "random", "dot-product", "gpu-clustering", "gpu-packing", "best-fit", "fgd"]
    r = simulate(tables, "--policy", ",".join(names), "--seeds", "1-3", "--html", "report.html")
    assert r.returncode == 0, r.stderr
    assert [line.split()[0] for line in r.stdout.splitlines()[3:]] == names
    page = (tables / "report.html").read_text()
    assert page.count("<polyline") == 2 * len(names) and "算路" in page and "Suanlu" in page
    assert "<script" not in page and "http:" not in page and "https:" not in page


def test_a_list_without_devices_arrives_once(tables):
    (tables / "tasks.csv").write_text("name,cpu_milli,memory_mib,num_gpu,gpu_milli\n"
                                      "x,1000,1,0,\ny,99000,1,0,\n")
    p = json.loads(simulate(tables, "--json", "--html", "r.html").stdout)["policies"][0]
    assert (p["arrived"], p["placed"], p["refused"], p["allocation_percent"]) == (2, 1, 1, 0)


def test_on_a_terminal_there_is_a_bar_and_in_a_pipe_none(tables):
    leader, follower = pty.openpty()
    r = subprocess.run([f"{BUILD}/suanlu", "simulate", "--nodes", "nodes.csv", "--tasks", "tasks.csv"],
                       cwd=tables, env=ENV, stdout=subprocess.PIPE, stderr=follower, timeout=60)
    os.close(follower)
    shown = os.read(leader, 4096).decode()
    os.close(leader)
    assert r.returncode == 0 and "%" in shown and "suanlu" in shown
    assert simulate(tables).stderr == ""


@pytest.mark.parametrize("file, text, words", [
    ("nodes.csv", NODES + "odd,many,1,1,T4\n", ("nodes.csv:4", "cpu_milli")),
    ("nodes.csv", "sn,cpu_milli\nx,1\n", ("nodes.csv:1", "memory_mib")),
    ("nodes.csv", NODES + "odd,1\n", ("nodes.csv:4", "memory_mib")),
    ("tasks.csv", "name,cpu_milli,memory_mib,num_gpu,gpu_milli\nx,1,1,1,1001\n",
     ("tasks.csv:2", "gpu_milli")),
    ("tasks.csv", "", ("tasks.csv",)),
])
def test_a_broken_table_is_refused_with_line_and_column(tables, file, text, words):
    (tables / file).write_text(text)
    r = simulate(tables)
    assert r.returncode == 2 and r.stdout == ""
    for word in words:
        assert word in r.stderr


@pytest.mark.parametrize("args, words", [
    (("--policy", "magic"), "magic"),
    (("--policy", "none"), "none"),
    (("--policy", "suanlu,"), "no policy"),
    (("--policy", ",".join(["fgd"] * 9)), "at most 8"),
    (("--seeds", "51-42"), "51-42"),
    (("--seeds", "1-5000"), "1000"),
    (("--seed", "-1"), "-1"),
    (("--percent", "401"), "400"),
    (("--seeds", "1-2", "--log", "x"), "one seed"),
    (("more",), "more"),
])
def test_a_slip_is_answered_with_what_to_do(tables, args, words):
    r = simulate(tables, *args)
    assert r.returncode == 2 and words in r.stderr and "hint" in r.stderr


# ---- tasks that leave again ----

TIMED = ("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,submit_s,run_s\n"
         "a,1000,1024,4,1000,A10,0,100\nb,1000,1024,1,1000,A10,10,50\nc,1000,1024,1,500,,20,5\n"
         "d,1000,1024,5,1000,,30,5\n")


@pytest.fixture
def timed(tables):
    (tables / "tasks.csv").write_text(TIMED)
    return tables


def test_with_departures_it_says_who_waited_and_what_it_cost(timed):
    r = simulate(timed, "--departures", "--json", "--log", "log.csv", "--accelerator-hour", "36")
    assert r.returncode == 0, r.stderr
    doc = json.loads(r.stdout)
    p = doc["policies"][0]
    assert (p["arrived"], p["started"], p["refused"], p["waited"]) == (4, 3, 1, 1)
    assert p["wait_s"]["max"] == 90 and p["wait_s"]["mean"] == pytest.approx(30)
    assert p["span_s"] == 150
    # (4 x 100 s + 50 s + 0.5 x 5 s) of a device, at a hundredth of a yuan a second
    assert p["cost_micro"] == pytest.approx((400 + 50 + 2.5) * 10000)
    assert p["used_percent"]["devices"] == pytest.approx(100 * 452.5 / (5 * 150))
    assert doc["assumed"]["device_watts"] == {"A10": None, "T4": None}
    rows = {row["task"]: row for row in csv.DictReader((timed / "log.csv").open())}
    assert (rows["b"]["start_s"], rows["b"]["end_s"], rows["d"]["node"]) == ("100", "150", "-")
    assert rows["c"]["node"] == "small"


# ---- the independent checker of a log ----

@pytest.fixture
def busy(tables):
    seed = int(os.environ.get("SUANLU_SEED", "11"))
    dice = random.Random(seed)
    print("seed", seed)
    rows = ["name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,submit_s,run_s"]
    for i in range(300):
        gpus = dice.choice([0, 1, 1, 1, 2, 4])
        rows.append(f"t{i},{dice.choice([500, 2000, 4000])},1024,{gpus},"
                    f"{dice.choice([250, 500, 1000]) if gpus == 1 else 1000 * (gpus > 0)},"
                    f"{dice.choice(['', 'A10', 'T4|A10'])},{dice.randrange(600)},{dice.randrange(60)}")
    (tables / "tasks.csv").write_text("\n".join(rows) + "\n")
    return tables


@pytest.mark.parametrize("policy", ["suanlu", "random", "fgd", "gpu-clustering"])
@pytest.mark.parametrize("faster", [1, 7])
def test_a_checker_that_shares_no_code_finds_the_same_figures(busy, policy, faster):
    r = simulate(busy, "--departures", "--policy", policy, "--faster", str(faster), "--log", "log.csv", "--json")
    p = json.loads(r.stdout)["policies"][0]
    seen = check_live.check(busy / "nodes.csv", busy / "tasks.csv", busy / "log.csv", faster)
    assert (p["started"], p["refused"], p["waited"], p["span_s"]) == (
        seen["started"], seen["refused"], seen["waited"], seen["span_s"])
    assert p["waited"] > 50 and p["wait_s"]["max"] == seen["max_wait_s"]
    assert p["wait_s"]["mean"] == pytest.approx(seen["mean_wait_s"], rel=1e-5)
    assert p["used_percent"]["devices"] == pytest.approx(seen["devices_percent"], rel=1e-5)


@pytest.mark.parametrize("what", ["late", "room", "short", "missing", "refused"])
def test_the_checker_believes_no_log_that_was_changed(busy, what):
    assert simulate(busy, "--departures", "--log", "log.csv").returncode == 0
    rows = list(csv.DictReader((busy / "log.csv").open()))
    row = next(r for r in rows if r["start_s"] == r["submit_s"] and r["devices"] and int(r["end_s"]) > int(r["start_s"]))
    if what == "late":                  # it would have fitted before
        row["start_s"], row["end_s"] = (str(int(row[k]) + 1000) for k in ("start_s", "end_s"))
    elif what == "room":                # all on the small node
        for r in rows:
            r["node"] = "small"
    elif what == "short":
        row["end_s"] = str(int(row["end_s"]) - 1)
    elif what == "missing":
        rows.remove(row)
    else:
        row.update(node="-", start_s="-", end_s="-", devices="-")
    with (busy / "log.csv").open("w", newline="") as f:
        w = csv.DictWriter(f, rows[0].keys())
        w.writeheader()
        w.writerows(rows)
    with pytest.raises(check.Breach):
        check_live.check(busy / "nodes.csv", busy / "tasks.csv", busy / "log.csv")


def test_without_a_price_there_is_no_cost(timed):
    p = json.loads(simulate(timed, "--departures", "--json").stdout)["policies"][0]
    assert p["cost_micro"] is None and p["energy_j"] > 0 and p["carbon_mg"] > 0


def test_carbon_follows_what_was_declared(timed):
    def carbon(*args):
        return json.loads(simulate(timed, "--departures", "--json", *args).stdout)["policies"][0]["carbon_mg"]

    assert carbon("--pue", "3") == pytest.approx(2 * carbon(), rel=1e-3)
    assert carbon("--carbon", "0") == 0


def test_every_policy_has_two_curves_of_time(timed):
    r = simulate(timed, "--departures", "--policy", "suanlu,random,fgd", "--html", "r.html")
    assert r.returncode == 0, r.stderr
    assert [line.split()[0] for line in r.stdout.splitlines()[3:6]] == ["suanlu", "random", "fgd"]
    assert (timed / "r.html").read_text().count("<polyline") == 6


def test_it_speaks_chinese(timed):
    r = subprocess.run([f"{BUILD}/suanlu", "simulate", "--nodes", "nodes.csv", "--tasks", "tasks.csv",
                        "--departures"], cwd=timed, env={**ENV, "SUANLU_LANG": "zh"},
                       capture_output=True, text=True, timeout=60)
    assert "等待" in r.stdout and "设备利用率" in r.stdout


@pytest.mark.parametrize("args, words", [
    (("--departures", "--seeds", "1-2"), "one seed"),
    (("--departures", "--percent", "90"), "--faster"),
    (("--faster", "10"), "--departures"),
    (("--departures", "--faster", "0"), "1000000"),
    (("--pue", "0.5"), "--pue"),
    (("--carbon", "-1"), "--carbon"),
    (("--cpu-hour", "cheap"), "yuan"),
])
def test_departures_and_figures_are_checked(timed, args, words):
    r = simulate(timed, *args)
    assert r.returncode == 2 and words in r.stderr and r.stdout == ""


def test_a_list_without_times_cannot_depart(tables):
    r = simulate(tables, "--departures")
    assert r.returncode == 2 and "submit_s" in r.stderr


def test_without_tables_it_asks_for_them(tables):
    r = subprocess.run([f"{BUILD}/suanlu", "simulate"], env=ENV, capture_output=True, text=True)
    assert r.returncode == 2 and "--nodes and --tasks" in r.stderr


@pytest.mark.parametrize("option", ["--log", "--html"])
def test_a_file_that_cannot_be_written_is_said(tables, option):
    r = simulate(tables, option, "/nowhere/x")
    assert r.returncode == 8 and "/nowhere/x" in r.stderr
