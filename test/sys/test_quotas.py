"""Limits of tenants and where a data set has been, from outside."""

import pathlib
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Daemon  # noqa: E402


def pool(name, clearance, cpus=4, run_ms=50):
    return {"name": name, "tier": "centre", "region": "cn/50", "engine": "fake", "clearance": clearance,
            "price": {"cpu_hour": "0.10"}, "groups": [{"count": 1, "cpus": cpus, "memory_mb": 65536}],
            "options": {"run_ms": run_ms}}


@pytest.fixture
def daemon(tmp_path):
    with Daemon({"pools": [pool("open", 1), pool("safe", "core")]}, directory=tmp_path) as d:
        yield d


def set_quota(d, tenant, **limits):
    said = d.api.post(f"/v1/quotas/{tenant}", json=limits)
    assert said.status_code == 200, said.text
    return said.json()


def test_a_limit_is_seen_before_submitting_and_holds(daemon):
    lab = daemon.user("lab")
    set_quota(daemon, "lab", running=1, waiting=3)
    seen = lab.get("/v1/quota").json()
    assert seen["limits"] == {"running": 1, "waiting": 3, "weight": 1} and seen["running"] == 0
    first = lab.submit(command=["sleep", "20"])["id"]
    lab.wait(first, states=("running",))
    second = lab.submit(command=["true"])["id"]
    end = time.monotonic() + 10
    while (lab.get(f"/v1/tasks/{second}").json()["reason"] or {}).get("code") != "quota":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert lab.post("/v1/tasks", json={"command": ["true"], "array": "0-9"}).status_code == 429
    decided = lab.post("/v1/decisions", json={"command": ["true"]}).json()
    assert all(r["reason"] == "quota" for p in decided["pools"] for r in p["reasons"]), decided
    assert lab.get("/v1/quota").json()["running"] == 1


def test_a_tenant_is_shown_with_its_limits_and_what_it_uses(daemon):
    lab = daemon.user("lab")
    seen = daemon.api.get("/v1/tenants/lab").json()["quota"]
    assert seen["limits"] == {"weight": 1} and seen["running"] == seen["waiting"] == seen["accelerator_hours"] == 0
    set_quota(daemon, "lab", running=1, waiting=8, accelerator_hours=30, weight=2)
    running = lab.submit(command=["sleep", "20"])["id"]
    lab.wait(running, states=("running",))
    lab.submit(command=["true"], array="0-2")
    seen = daemon.api.get("/v1/tenants/lab").json()["quota"]
    assert seen["limits"] == {"running": 1, "waiting": 8, "accelerator_hours": 30, "weight": 2}
    assert seen["running"] == 1 and seen["waiting"] == 3 and seen["usage_part"] == 1
    own, of_one = lab.get("/v1/quota").json(), daemon.api.get("/v1/quotas/lab").json()
    for other in (own, of_one):         # one rendering; only what decays may have moved
        assert {k: v for k, v in other.items() if k != "usage_hours"} == \
               {k: v for k, v in seen.items() if k != "usage_hours"}
    assert "quota" not in daemon.api.get("/v1/tenants").json()["tenants"][0]
    text = daemon.cli("tenant", "show", "lab").stdout
    for title, says in (("running", "1 of 1"), ("waiting", "3 of 8"), ("accelerator-hours this month", "0.0 of 30"),
                        ("weight", "2"), ("used lately", "100.0 % of what all tenants used")):
        assert any(line.startswith(title) and line.endswith(" " + says) for line in text.splitlines()), text
    assert text.splitlines()[-5:] == daemon.cli("quota", "show", "lab").stdout.splitlines()[-5:]
    zh = daemon.cli("tenant", "show", "lab", "--lang", "zh").stdout
    assert "排队中" in zh and "3 / 8" in zh
    lab.post(f"/v1/tasks/{running}/cancel")


def test_limits_for_a_name_without_a_tenant_are_refused(daemon):
    for name in ("labb", "gone"):
        if name == "gone":
            assert daemon.api.post("/v1/tenants", json={"name": "gone"}).status_code == 201
            assert daemon.api.delete("/v1/tenants/gone").status_code == 204
        said = daemon.api.post(f"/v1/quotas/{name}", json={"running": 1})
        assert said.status_code == 404 and "no tenant" in said.json()["detail"], said.text
    assert daemon.cli("quota", "set", "labb", "--running", "1").returncode == 4
    assert not [q for q in daemon.api.get("/v1/quotas").json()["quotas"] if q["tenant"] in ("labb", "gone")]
    assert daemon.api.post("/v1/tenants", json={"name": "rest"}).status_code == 201
    assert daemon.api.post("/v1/tenants/rest", json={"disabled": True}).json()["quota"]["limits"] == {"weight": 1}
    assert set_quota(daemon, "rest", running=0)["limits"]["running"] == 0      # to be enabled with it


def test_limits_survive_a_restart(tmp_path):
    with Daemon({"pools": [pool("open", 1)]}, directory=tmp_path) as d:
        assert d.api.post("/v1/tenants", json={"name": "lab"}).status_code == 201
        set_quota(d, "lab", running=2, accelerator_hours=10, weight=2.5)
        for _ in range(4):
            d.api.wait(d.api.submit(command=["true"])["id"])
        before = d.api.get("/v1/quotas").json()["quotas"]
        d.kill()
    with Daemon({"pools": [pool("open", 1)]}, directory=tmp_path) as d:
        assert d.api.get("/v1/quotas").json()["quotas"] == before
        assert "2.5" in d.cli("quota", "show", "lab").stdout
        assert d.cli("quota", "ls").returncode == 0


def test_a_tenant_sees_its_own_limits_only_and_changes_none(daemon):
    lab = daemon.user("lab")
    assert lab.get("/v1/quotas/other").status_code == 404
    assert lab.get("/v1/quotas/lab").status_code == 200
    assert lab.get("/v1/quotas").status_code == 403
    assert lab.post("/v1/quotas/lab", json={"running": 1000}).status_code == 403
    assert daemon.api.post("/v1/quotas/lab", json={"running": -1}).json()["field"] == "running"
    assert daemon.api.post("/v1/quotas/not%20a%20name", json={"running": 1}).status_code == 404
    assert daemon.cli("quota", "set", "lab", "--running", "x").returncode == 2
    assert daemon.cli("quota", "set", "lab", "--running", "7").returncode == 0
    assert lab.get("/v1/quota").json()["limits"]["running"] == 7


def test_where_a_data_set_has_been_is_one_page(daemon, tmp_path):
    d = daemon
    url = f"file://{d.files}/scans"
    data = {"name": "scans", "url": url, "region": "cn/50", "level": 3}
    assert d.api.post("/v1/datasets", json=data).status_code == 201
    read = [d.api.submit(command=["true"], inputs=[dict(given, path="in")])["id"]
            for given in ({"dataset": "scans"}, {"url": url + "/part"})]
    other = d.api.submit(command=["true"])["id"]
    for task in read + [other]:
        d.api.wait(task)
    assert d.api.post("/v1/datasets", json=dict(data, level="core")).status_code == 201
    security = d.user("office", ("security",))
    page = security.get("/v1/datasets/scans/report").json()
    assert page["submissions"] == 2 and page["runs_in_all"] == 2
    assert [entry["data"]["level"] for entry in page["labels"]] == [3, "core"]
    pools = {p["pool"]: p for p in page["pools"]}
    assert pools["safe"]["runs"] == 2 and pools["open"]["runs"] == 0
    assert pools["open"]["refused"]["clearance"] >= 2
    assert {r["pool"] for r in page["runs"]} == {"safe"} and all(r["how"] == "done" for r in page["runs"])
    path = tmp_path / "token"
    path.write_text(security.headers["Authorization"].split()[1])
    path.chmod(0o600)
    args = [d.program, "audit", "dataset", "scans", "--lang", "en", "--token-file", str(path), "--server",
            "http://" + (d.state / "address").read_text()]
    for more, says in (([], "safe"), (["--markdown"], "| open | 0 | data level"), (["--json"], '"runs_in_all"')):
        out = subprocess.run(args + more, capture_output=True, text=True, timeout=20)
        assert out.returncode == 0 and says in out.stdout, out.stdout + out.stderr


def test_who_may_not_know_where_data_has_been_is_told_nothing(daemon):
    assert daemon.user("lab").get("/v1/datasets/scans/report").status_code == 403
    assert daemon.user("office", ("security",)).get("/v1/datasets/none/report").status_code == 404
