"""/metrics is what Prometheus reads: every line of the format, bounded labels, closed without a token."""

import os
import re
import shutil
import subprocess
import sys
import pathlib
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, Daemon  # noqa: E402

FAKE = dict(POOL, name="west", price={"cpu_hour": "0.10"}, engine="fake",
            groups=[{"count": 2, "cpus": 8, "memory_mb": 1024,
                     "accelerators": {"model": "ascend-910b", "count": 4}}])
SECRET = "somebody-s-secret"
LABEL = r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"'
SERIES = re.compile(rf'^([a-z_][a-z0-9_]*)(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([0-9]+(?:\.[0-9]+)?)$')


@pytest.fixture(scope="module")
def node():
    with Daemon({"pools": [POOL, FAKE]}) as d:
        task = d.api.submit(name=SECRET, kind=SECRET, command=["true"])
        d.api.wait(task["id"])
        yield d


def read(text):
    """{family: (type, help)}, {(name, labels): value}; fails on whatever is not of the format."""
    families, series, current = {}, {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, help = line.split(" ", 3)
            assert name not in families, f"{name} is described twice, or its series are apart"
            assert help.strip() == help and help
            current, families[name] = name, [None, help]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and families[name][0] is None
            assert kind in ("counter", "gauge")
            families[name][0] = kind
        else:
            m = SERIES.match(line)
            assert m, f"not a line of the format: {line!r}"
            name = m[1]
            assert name == current and families[name][0], f"{name} has no HELP and TYPE before it"
            labels = tuple(sorted(re.findall(LABEL, m[2] or "")))
            assert len({key for key, _ in labels}) == len(labels)
            assert (name, labels) not in series, f"twice: {line}"
            series[name, labels] = float(m[m.lastindex])
    return families, series


def scrape(api):
    response = api.get("/metrics")
    assert response.status_code == 200, response.text
    return read(response.text)


def test_every_line_is_of_the_format(node):
    families, series = scrape(node.api)
    for name, (kind, _) in families.items():
        assert kind, f"{name} has no type"
        assert (kind == "counter") == name.endswith("_total"), name
        assert any(n == name for n, _ in series), f"{name} has no series"
        assert name.startswith(("suanlu_", "process_"))


def test_what_is_promised_is_there(node):
    families, series = scrape(node.api)
    wanted = {
        "suanlu_build_info", "suanlu_ready", "suanlu_tasks", "suanlu_decisions_total",
        "suanlu_runs_lost_total", "suanlu_retries_total", "suanlu_journal_appended_total",
        "suanlu_journal_durable_total", "suanlu_store_pending_bytes", "suanlu_pool_cpus",
        "suanlu_pool_memory_bytes", "suanlu_pool_accelerators", "suanlu_pool_up",
        "suanlu_pool_stale", "suanlu_pool_drained", "suanlu_pool_running_tasks",
        "suanlu_pool_wait_forecast_error_seconds", "suanlu_http_connections", "suanlu_wrong_tokens_total",
        "suanlu_wrong_token_sources",
        "process_resident_memory_bytes", "process_start_time_seconds"}
    assert wanted <= set(families), wanted - set(families)


def test_the_figures_are_those_of_the_node(node):
    _, series = scrape(node.api)
    west = (("kind", "total"), ("pool", "west"))
    assert series["suanlu_pool_cpus", west] == 16
    assert series["suanlu_pool_memory_bytes", west] == 2 * 1024 * 2 ** 20
    assert series["suanlu_pool_accelerators", west] == 8
    assert series["suanlu_pool_up", (("pool", "west"),)] == 1
    assert series["suanlu_pool_stale", (("pool", "west"),)] == 0
    assert series["suanlu_tasks", (("state", "done"),)] == \
        node.api.get("/v1/node").json()["counts"]["done"]
    assert series["suanlu_decisions_total", ()] >= 1
    assert series["suanlu_journal_durable_total", ()] >= 3
    assert series["suanlu_http_connections", ()] >= 1
    assert series["process_resident_memory_bytes", ()] > 1 << 20
    assert abs(series["process_start_time_seconds", ()] - time.time()) < 600


def test_a_task_on_a_pool_is_seen(node):
    """Shares of a core are shares here too, without a rounding."""
    task = node.api.submit(command=["sleep", "30"], cpus=0.25, memory_mb=64)
    node.api.wait(task["id"], states=("running",))
    pool = node.api.get(f"/v1/tasks/{task['id']}").json()["pool"]
    _, series = scrape(node.api)
    assert series["suanlu_pool_running_tasks", (("pool", pool),)] == 1
    free = series["suanlu_pool_cpus", (("kind", "free"), ("pool", pool))]
    assert series["suanlu_pool_cpus", (("kind", "total"), ("pool", pool))] - free == 0.25
    node.api.post(f"/v1/tasks/{task['id']}/cancel")
    node.api.wait(task["id"])
    _, series = scrape(node.api)
    assert series["suanlu_pool_running_tasks", (("pool", pool),)] == 0


def test_a_drained_pool_says_so(node):
    node.api.post("/v1/pools/west/drain", json={"reason": SECRET})
    _, series = scrape(node.api)
    assert series["suanlu_pool_drained", (("pool", "west"),)] == 1
    node.api.post("/v1/pools/west/resume")
    _, series = scrape(node.api)
    assert series["suanlu_pool_drained", (("pool", "west"),)] == 0


def test_nothing_that_a_tenant_wrote_becomes_a_label(node):
    _, series = scrape(node.api)
    before = set(series)
    for i in range(30):
        node.api.submit(name=f"{SECRET}-{i}", kind=f"kind-{i}", command=["true"])
    text = node.api.get("/metrics").text
    assert SECRET not in text and "kind-1" not in text
    assert set(read(text)[1]) == before, "the number of series grows with the tasks"


@pytest.mark.parametrize("role", ["user", "operator", "admin", "security", "auditor"])
def test_any_role_may_read_it(node, role):
    with node.user("scraper", roles=(role,), name=f"scraper-{role}") as api:
        scrape(api)


def test_without_a_token_it_is_closed(node):
    with node.client(token="") as api:
        assert api.get("/metrics").status_code == 401


def test_it_takes_no_query_and_no_other_method(node):
    assert node.api.get("/metrics", params={"name": "x"}).status_code == 400
    assert node.api.post("/metrics").status_code == 405


def test_promtool_finds_nothing_to_say(node):
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not promtool:
        pytest.skip("there is no promtool; Debian has it in the package prometheus (PROMTOOL=… names one)")
    done = subprocess.run([promtool, "check", "metrics"], input=node.api.get("/metrics").text,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and not done.stderr and not done.stdout, done.stdout + done.stderr
