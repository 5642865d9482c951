"""The Slurm engine on two real clusters: what works, and what each failure comes to."""
import concurrent.futures
import contextlib
import functools
import hashlib
import http.server
import inspect
import json
import pathlib
import re
import sys
import threading
import time

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Daemon, files_below, processes  # noqa: E402
from slurm_bed import Node, Rig, needs_slurm, until  # noqa: E402

pytestmark = needs_slurm


WAITING = []


def alongside(test):
    """A test that waits much more than it works, on a rig of its own: it is begun with the first test
    of the module, four of them at a time, and heard of here."""
    WAITING.append(test)

    @functools.wraps(test)
    def hear(begun):
        begun[test.__name__].result()
    hear.__signature__ = inspect.Signature([inspect.Parameter("begun", inspect.Parameter.POSITIONAL_OR_KEYWORD)])
    return hear


@pytest.fixture(scope="module", autouse=True)
def begun(request):
    wanted = {item.originalname for item in request.session.items if item.module is request.module}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        yield {test.__name__: pool.submit(test) for test in reversed(WAITING) if test.__name__ in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def rig():
    with Rig() as r:
        yield r


@pytest.fixture
def node(rig):
    with Node(rig) as n:
        n.up()
        yield n
    rig.run("east", "scancel", "-n", "wrap", "-Q")


@pytest.fixture
def early(rig):
    """A node that sends its tasks into the cluster's queue long before there is room."""
    with Node(rig, ahead_s=86400) as n:
        n.up()
        yield n
    rig.run("east", "scancel", "-n", "wrap", "-Q")


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


# ---- what works ----

def test_a_run_gives_its_code_its_output_and_its_time(node):
    t = node.sh("echo out; echo err >&2; n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done; sleep 1.2; exit 3")
    task = node.api.wait(t)
    assert task["state"] == "failed" and task["reason"]["code"] == "exit"
    run = node.runs(t)[0]
    assert run["end"] == "exit" and run["exit_code"] == 3
    assert 1100 <= run["usage"]["run_ms"] < 6000
    assert 50 <= run["usage"]["cpu_ms"] < 6000      # of a loop that counts
    assert run["usage"]["memory_peak_mb"] == 0      # not known, and said so
    assert "memory was not measured" in node.cli("show", str(t)).stdout
    assert node.cli("logs", str(t)).stdout.startswith("out")
    assert "err" in node.cli("logs", "--stderr", str(t)).stdout


def test_a_log_can_be_followed_while_the_run_goes_on(node):
    t = node.sh("echo first; sleep 30")
    node.api.wait(t, ("running",))
    until(lambda: "first" in node.cli("logs", str(t)).stdout)
    node.api.post(f"/v1/tasks/{t}/cancel")
    assert node.api.wait(t)["state"] == "cancelled"


def test_the_pool_has_the_nodes_and_devices_of_the_cluster(node):
    s = node.up()
    assert (s["cpus"], s["accelerators"], s["nodes"], s["nodes_down"]) == (48, 16, 4, 0)
    groups = node.api.get("/v1/pools/east").json()["groups"]
    assert {g.get("accelerators", {}).get("model") for g in groups} == {None, "ascend-910b"}


def test_a_task_gets_the_devices_it_asks_for(node):
    t = node.sh("echo $CUDA_VISIBLE_DEVICES", accelerators={"models": ["ascend-910b"], "count": 3})
    assert node.api.wait(t)["state"] == "done"
    assert len(node.cli("logs", str(t)).stdout.strip().split(",")) == 3


def test_devices_that_the_cluster_does_not_have_are_refused(node):
    r = node.api.post("/v1/tasks", json={"script": "true", "cpus": 1, "memory_mb": 10,
                                         "accelerators": {"models": ["h100-sxm"], "count": 1}})
    assert r.json()["task"]["state"] == "refused"


def test_a_gang_gets_its_nodes(node):
    t = node.sh("echo $SLURM_JOB_NUM_NODES", nodes=2, cpus=4)
    assert node.api.wait(t)["state"] == "done"
    assert node.cli("logs", str(t)).stdout.strip() == "2"


def test_a_running_and_a_waiting_job_can_be_cancelled(node, rig):
    a = node.sh("sleep 60", cpus=16)
    node.api.wait(a, ("running",))
    node.api.post(f"/v1/tasks/{a}/cancel")
    assert node.api.wait(a)["state"] == "cancelled"
    job, state = rig.job_of("east", node.run_id(a))
    assert job and state == "CANCELLED"


def test_pipes_that_jobs_leave_for_the_daemon_do_not_stop_it(node):
    """Its few workers open files of a run's directory, which is the job's own."""
    left = [node.sh("mkfifo ../settled; exit 3") for _ in range(6)]
    for t in left:
        assert node.api.wait(t)["exit_code"] == 3
    assert node.api.wait(node.sh("true"))["state"] == "done"


def test_an_array_runs_each_element_once(node, rig):
    count = node.where / "count"
    t = node.sh(f"echo $SUANLU_ARRAY_INDEX >>{count}", array="0-59")
    until(lambda: node.api.get("/v1/node").json()["counts"]["done"] >= 60, 60)
    assert sorted(map(int, lines(count))) == list(range(60))
    name = node.run_id(t).rsplit("-", 2)[0]

    def book():
        return [n for _, n, _ in rig.completed("east") if n.startswith(name)]
    until(lambda: len(book()) >= 60)        # the cluster may write it later than we hear of it
    assert len(book()) == len(set(book())) == 60


def test_what_others_use_is_not_free(node, rig):
    before = node.up()["cpus_free"]
    rig.run("east", "sbatch", "-p", "cpu", "-n", "1", "-c", "8", "-o", "/dev/null", "--wrap",
            "sleep 30")
    until(lambda: node.up()["cpus_free"] == before - 8)
    rig.run("east", "scancel", "-n", "wrap")
    until(lambda: node.up()["cpus_free"] == before)


class Files(http.server.BaseHTTPRequestHandler):
    stored = {}

    def do_GET(self):
        if self.path.startswith("/refused"):
            return self.send_error(403)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from the web\n")

    def do_PUT(self):
        if self.path.startswith("/refused"):
            return self.send_error(403)
        self.stored[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def web_server():
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{web.server_port}"
    finally:
        web.shutdown()


def test_inputs_are_fetched_and_outputs_stored(node):
    (node.files / "in").write_text("from a file\n")
    with web_server() as url:
        t = node.sh("cat a b >c; cp c d", inputs=[{"url": f"{url}/a?X-Signature=secret", "path": "a"},
                                          {"url": f"file://{node.files}/in", "path": "b"}],
                    outputs=[{"path": "c", "url": f"{url}/c"},
                             {"path": "d", "url": f"file://{node.files}/out"}])
        task = node.api.wait(t)
    assert task["state"] == "done", node.runs(t)
    assert Files.stored["/c"] == b"from the web\nfrom a file\n"
    assert (node.files / "out").read_bytes() == Files.stored["/c"]


def sum_of(data):
    return hashlib.sha256(data).hexdigest()


def test_what_a_run_stored_is_told_with_size_and_sum(node):
    with web_server() as url:
        t = node.sh("echo result >a; mkdir b", outputs=[{"path": "a", "url": f"{url}/a"},
                                                        {"path": "b", "url": f"file://{node.files}/b"}])
        assert node.api.wait(t)["state"] == "done", node.runs(t)
    assert node.runs(t)[0]["outputs"] == [
        {"output": 1, "path": "a", "size": 7, "sha256": sum_of(b"result\n")},
        {"output": 2, "path": "b", "size": None, "sha256": None}]
    assert Files.stored["/a"] == b"result\n"
    assert sum_of(b"result\n") in node.cli("show", str(t)).stdout
    node.kill()
    node.start()        # and so it stays
    assert node.runs(t)[0]["outputs"][0]["sha256"] == sum_of(b"result\n")


def test_without_a_shared_directory_size_and_sum_come_in_the_jobs_comment(rig):
    with Node(rig, shared=False) as node, web_server() as url:
        node.up()
        t = node.sh("echo result >a; mkdir b", outputs=[{"path": "a", "url": f"{url}/a"},
                                                        {"path": "b", "url": f"file://{node.files}/b"}])
        many = node.sh("for i in $(seq 20); do echo $i >$i; done", outputs=[
            {"path": str(i), "url": f"file://{node.files}/many-{i}"} for i in range(1, 21)])
        assert node.api.wait(t)["state"] == "done", node.runs(t)
        assert node.runs(t)[0]["outputs"] == [
            {"output": 1, "path": "a", "size": 7, "sha256": sum_of(b"result\n")},
            {"output": 2, "path": "b", "size": None, "sha256": None}]
        assert node.api.wait(many)["state"] == "done", node.runs(many)
        assert node.runs(many)[0]["outputs"] == [] and (node.files / "many-20").read_text() == "20\n"


def test_inputs_that_are_not_what_they_should_be_are_not_run_on(node):
    """Another sum, another size, and a signature that the store does not accept."""
    with web_server() as url:
        cases = [({"url": f"{url}/a", "sha256": sum_of(b"right")},
                  [sum_of(b"from the web\n"), f"{sum_of(b'right')} was expected"]),
                 ({"url": f"{url}/a", "size": 14}, ["13 bytes came, 14 were expected"]),
                 ({"url": f"{url}/a", "size": 12}, ["13 bytes came, 12 were expected"]),
                 ({"url": f"{url}/refused?X-Amz-Signature=verysecret"}, ["/refused", "403"])]
        ids = [node.sh("echo ran", inputs=[{"path": "in", **item}]) for item, _ in cases]
        for t, (_, words) in zip(ids, cases):
            task = node.api.wait(t, timeout=60)
            assert (task["state"], task["phase"], task["reason"]["code"]) == ("failed", "input", "input")
            text = node.runs(t)[0]["text"]
            for word in ["input 1 of 1 could not be fetched", *words]:
                assert word in text
            assert "verysecret" not in text + node.cli("logs", "--stderr", str(t)).stdout
            assert node.cli("logs", str(t)).stdout == ""


def test_an_output_that_the_store_does_not_take_fails_the_run(node):
    with web_server() as url:
        t = node.sh("echo x >a", outputs=[{"path": "a", "url": f"{url}/refused?X-Amz-Signature=verysecret"}])
        task = node.api.wait(t, timeout=60)
    assert (task["state"], task["phase"], task["reason"]["code"]) == ("failed", "output", "output")
    run = node.runs(t)[0]
    assert "output 1 of 1 could not be stored" in run["text"] and "403" in run["text"]
    assert "verysecret" not in run["text"] and run["outputs"] == []


def test_a_missing_input_says_so(node):
    t = node.sh("true", inputs=[{"url": f"file://{node.files}/none", "path": "a"}], retries=0)
    until(lambda: node.runs(t)[0]["end"])
    run = node.runs(t)[0]
    assert run["phase"] == "input" and run["exit_code"] != 0
    node.api.post(f"/v1/tasks/{t}/cancel")


def test_a_long_reason_reaches_the_reader_whole(node):
    """It was copied to a place for a third of it, which ended the daemon."""
    t = node.sh("true", inputs=[{"url": f"file://{node.files}/{'long' * 60}", "path": "a"}], retries=0)
    until(lambda: node.runs(t)[0]["end"])
    assert node.runs(t)[0]["text"].endswith("no such file, or it cannot be read")
    node.api.post(f"/v1/tasks/{t}/cancel")


def test_without_a_shared_directory_runs_work_but_their_output_stays_there(rig):
    with Node(rig, shared=False) as node:
        node.up()
        count = node.where / "count"
        t = node.sh(f"echo x >>{count}; exit 4")
        assert node.api.wait(t)["exit_code"] == 4
        assert lines(count) == ["x"]
        assert "no longer kept" in node.cli("logs", str(t)).stdout + node.cli("logs", str(t)).stderr \
            or node.cli("logs", str(t)).stdout == ""


def test_a_unix_socket_serves_as_well(rig):
    with Node(rig, url=None, socket=rig.env_of("east")["SLURM_RIG_SOCKET"]) as node:
        node.up()
        assert node.api.wait(node.sh("true"))["state"] == "done"


def test_another_daemon_on_the_same_cluster_leaves_our_runs_alone(node, rig):
    t, tell = node.held()
    node.api.wait(t, ("running",))
    with Node(rig) as other:
        other.up()
        assert other.api.wait(other.sh("true"))["state"] == "done"
        tell()
        assert node.api.wait(t)["exit_code"] == 7


def test_two_pools_of_one_cluster_leave_each_others_runs_alone(rig):
    with Node(rig, partitions=["cpu"], parts={"east-npu": {"partitions": ["npu"]}}) as node:
        node.up()
        node.up("east-npu")
        mine = [node.sh("sleep 3; exit 7"),
                node.sh("sleep 3; exit 8", accelerators={"models": ["ascend-910b"], "count": 1})]
        codes = [node.api.wait(t)["exit_code"] for t in mine]
        pools = [node.runs(t)[0]["pool"] for t in mine]
    assert codes == [7, 8] and pools == ["east", "east-npu"]


def add(node, rig, *more, jwt=None, url=None):
    return node.cli("pools", "add", "new", "--engine", "slurm", "--url",
                    url or rig.env_of("east")["SLURM_RIG_URL"], "--user", "root", "--jwt",
                    str(jwt or node.where / "east.jwt"), "--region", "cn/50", *more)


def test_pools_add_tells_what_is_there_and_writes_the_pool(node, rig):
    r = add(node, rig, "--dir", str(node.where / "east"), "--partition", "cpu,npu")
    assert r.returncode == 0, r.stderr
    for word in ("22.05", "v0.0.38", "48 cpus", "16 × gpu:ascend910b", "npu"):
        assert word in r.stderr
    pool, = yaml.safe_load(r.stdout)
    assert pool["options"]["gres"] == {"ascend-910b": "gpu:ascend910b"}
    assert pool["options"]["partitions"] == ["cpu", "npu"] and pool["walltime_max"] == "1d"
    assert pool["clearance"] == 1
    assert (node.where / "east.jwt").read_text() not in r.stdout + r.stderr
    node.config["pools"] = [pool]
    config = node.where / "new.yaml"
    config.write_text(yaml.safe_dump(node.config))
    assert node.cli("serve", "--config", str(config), "--check-config").returncode == 0


def test_pools_add_says_what_is_wrong(node, rig):
    node.write_token("west", rig.token("west"))
    bad = node.where / "open.jwt"
    bad.write_text("x")
    bad.chmod(0o644)
    for r, word in ((add(node, rig, jwt=node.where / "west.jwt"), "does not accept this token"),
                    (add(node, rig, jwt=bad), "read or changed by others"),
                    (add(node, rig, url="http://127.0.0.1:1"), "connection refused"),
                    (add(node, rig, "--partition", "none"), 'no partition "none"')):
        assert r.returncode == 1 and word in r.stderr and r.stdout == ""
    assert node.cli("pools", "add", "new", "--engine", "local").returncode == 2


def test_pools_add_says_what_is_to_be_seen_to_in_chinese(node, rig):
    """It was said in English below a Chinese heading."""
    r = add(node, rig, "--lang", "zh", "--dir", str(node.where / "none"))
    assert r.returncode == 0, r.stderr
    assert "需要处理" in r.stderr and f"此用户无法读写 {node.where / 'none'}" in r.stderr
    assert "cannot read and write" not in r.stderr
    assert f"this user cannot read and write {node.where / 'none'}" in \
        add(node, rig, "--lang", "en", "--dir", str(node.where / "none")).stderr


# ---- the door and the controller ----

def test_a_dead_slurmrestd_is_told_and_waited_for(node, rig):
    rig.fault("kill", "east", "slurmrestd")
    try:
        why = node.up(want=False)["why"]
        assert "could not reach slurmrestd" in why and "refused" in why
        t = node.sh("true")
        time.sleep(1)
        assert node.api.get(f"/v1/tasks/{t}").json()["state"] == "waiting"
    finally:
        rig.fault("start", "east", "slurmrestd")
    assert node.api.wait(t)["state"] == "done"


@alongside
def test_a_dead_slurmctld_is_told_apart_from_a_dead_slurmrestd():
    with Rig() as rig, Node(rig) as node:
        node.up()
        rig.fault("kill", "east", "slurmctld")
        try:
            assert "does not answer" in node.up(want=False, seconds=60)["why"]
            until(lambda: "slurmctld does not answer" in node.up(want=False)["why"], 60)
        finally:
            rig.fault("start", "east", "slurmctld")
        node.up(seconds=60)


def test_an_expired_token_is_told_and_a_new_one_is_taken_up(node, rig):
    node.write_token("east", rig.token("east", seconds=1))
    why = node.up(want=False, seconds=30)["why"]
    assert "token" in why and "expired" in why
    node.write_token("east")
    node.up()
    assert node.api.wait(node.sh("true"))["state"] == "done"


def test_the_token_is_nowhere_but_in_its_file(node, rig):
    """Nor one that the cluster does not take, nor what stands in a file that is no token."""
    secrets = {(node.where / "east.jwt").read_text(), rig.token("west"), "n0 token of 3ast"}
    job = node.sh("env; cat /proc/self/environ; sleep 30")
    node.api.wait(job, ("running",))
    until(lambda: "SUANLU_RUN" in node.cli("logs", str(job)).stdout)
    seen = [(str(path), body) for path, body in processes()]
    seen.append(("scontrol", rig.run("east", "scontrol", "show", "job", "-dd").encode()))
    for bad in (rig.token("west"), "n0 token of 3ast"):
        node.write_token("east", bad)
        until(lambda: node.api.get("/v1/pools/east").json()["state"]["down"])
        seen += [(path, node.api.get(path).content) for path in ("/v1/pools", "/v1/pools/east", "/v1/audit", "/metrics")]
        seen += [(f"suanlu {verb}", node.cli("pools", verb, *more).stdout.encode())
                 for verb, *more in (["ls"], ["show", "east"])]
        secrets.add(bad)
    node.write_token("east")
    node.up()
    seen += [(path, node.api.get(path).content) for path in (
        f"/v1/tasks/{job}", f"/v1/tasks/{job}/runs", f"/v1/tasks/{job}/logs", f"/v1/tasks/{job}/decisions")]
    node.api.post(f"/v1/tasks/{job}/cancel")
    node.api.wait(job)
    secrets.add((node.where / "east.jwt").read_text())
    seen += [(str(path), body) for path, body in files_below(node.where) if path.suffix != ".jwt"]
    assert any(path.endswith("suanlu.db") for path, _ in seen) and any(path.endswith("/log") for path, _ in seen)
    for secret in secrets:
        assert not [path for path, body in seen if secret.encode() in body]


def test_a_bad_token_file_takes_down_its_own_pool_only(rig):
    """From the start, and later; it comes up when the file is mended."""
    node = Node(rig, ("east", "west"))
    token = node.where / "east.jwt"
    token.chmod(0o644)

    def down_because(word, word_zh):
        def look():
            s = node.api.get("/v1/pools/east").json()["state"]
            return s["down"] and word in s.get("why", "") and word_zh in s["why_zh"]
        until(look, 20, lambda: node.api.get("/v1/pools/east").json()["state"])

    with node:
        down_because("read or changed by others", "chmod 600")
        assert "可被他人读取" in node.cli("pools", "show", "east", "--lang", "zh").stdout
        node.up("west")
        t = node.sh("true")
        assert node.api.wait(t)["state"] == "done" and node.runs(t)[0]["pool"] == "west"
        token.chmod(0o600)
        node.up("east")
        node.api.post("/v1/pools/west/drain", json={"reason": "east alone"})
        runs, tell = node.held()
        node.api.wait(runs, ("running",))
        token.unlink()
        down_because("No such file", "不存在")
        node.write_token("east", "not a token!")
        down_because("does not hold a token", "没有有效的令牌")
        node.write_token("east", rig.token("west"))
        down_because("does not accept our token", "不接受我们的令牌")
        assert node.api.get(f"/v1/tasks/{runs}").json()["state"] == "running"   # nothing was taken back
        tell()
        node.write_token("east")
        node.up("east")
        assert node.api.wait(runs)["exit_code"] == 7 and len(node.runs(runs)) == 1


def test_a_daemon_that_starts_without_a_token_finds_its_runs_when_there_is_one(node):
    t, tell = node.held()
    node.api.wait(t, ("running",))
    node.kill()
    (node.where / "east.jwt").unlink()
    node.start()
    until(lambda: "No such file" in node.api.get("/v1/pools/east").json()["state"].get("why", ""))
    node.write_token("east")
    node.up()
    tell()
    assert node.api.wait(t)["exit_code"] == 7 and len(node.runs(t)) == 1


@alongside
def test_a_submission_to_a_frozen_slurmctld_is_one_job():
    """The trap: slurmrestd gives up after 10 s, and slurmctld takes the job in when it thaws."""
    with Rig() as rig, Node(rig, fence_s=0) as node:
        node.up()
        count = node.where / "count"
        rig.fault("freeze", "east", "slurmctld")
        try:
            t = node.sh(f"echo x >>{count}")
            node.api.wait(t, ("sending", "queued"))
            time.sleep(12)
        finally:
            rig.fault("thaw", "east", "slurmctld")
        assert node.api.wait(t, timeout=60)["state"] == "done"
        time.sleep(1)
        assert lines(count) == ["x"]
        assert len([1 for _, n, _ in rig.completed("east") if n.startswith(node.run_id(t)[:-1])]) == 1


def test_a_reply_that_was_lost_with_slurmrestd_is_one_job(node, rig):
    count = node.where / "count"
    rig.fault("freeze", "east", "slurmctld")
    try:
        t = node.sh(f"echo x >>{count}")
        node.api.wait(t, ("sending", "queued"))
        time.sleep(1)
        rig.fault("kill", "east", "slurmrestd")
    finally:
        rig.fault("thaw", "east", "slurmctld")
        rig.fault("start", "east", "slurmrestd")
    assert node.api.wait(t, timeout=60)["state"] == "done"
    time.sleep(1)
    assert lines(count) == ["x"]
    assert len([1 for _, n, _ in rig.completed("east") if n.startswith(node.run_id(t)[:-1])]) == 1


@alongside
def test_a_slurmctld_that_forgot_the_job_does_not_run_it_twice():
    """Killed, slurmctld forgets its last seconds, and gives the same number to another job."""
    with Rig() as rig, Node(rig) as node:
        node.up()
        count = node.where / "count"
        t, tell = node.held(f"echo $SUANLU_RUN >>{count}", "exit 0")
        node.api.wait(t, ("queued", "running"))
        rig.fault("kill", "east", "slurmctld")
        tell()
        rig.fault("start", "east", "slurmctld")
        rig.run("east", "sbatch", "-o", "/dev/null", "--wrap", "true")
        task = node.api.wait(t, timeout=90)
        assert task["state"] == "done", node.runs(t)
        assert [r["end"] for r in node.runs(t)].count("exit") == 1
        assert len(lines(count)) == len(set(lines(count)))      # no run began twice


# ---- promises to those that wait ----

def reason(node, task):
    return (node.api.get(f"/v1/tasks/{task}").json()["reason"] or {}).get("code")


def held_by(rig, node, task):
    job, _ = rig.job_of("east", node.run_id(task))
    said = rig.run("east", "scontrol", "show", "job", "-o", str(job))
    return re.search(r" NodeList=(\S+)", said).group(1), re.search(r" ExcNodeList=(\S+)", said).group(1)


def test_later_tasks_keep_off_the_node_that_a_large_one_was_promised(rig):
    def devices(n):
        return {"models": ["ascend-910b"], "count": n}
    with Node(rig, partitions=["npu"]) as node:
        node.up()
        tasks = [node.sh("sleep 90", accelerators=devices(8)),
                 node.sh("sleep 90", accelerators=devices(1), walltime_s=300)]
        for t in tasks:
            node.api.wait(t, ("running",))
        (busy, _), (promised, _) = [held_by(rig, node, t) for t in tasks]
        assert busy != promised
        tasks.append(node.sh("true", accelerators=devices(8)))
        until(lambda: reason(node, tasks[-1]) == "full")
        tasks.append(node.sh("sleep 90", accelerators=devices(1)))      # only there are devices free
        until(lambda: reason(node, tasks[-1]) == "behind")
        tasks.append(node.sh("sleep 90"))
        node.api.wait(tasks[-1], ("running",))
        assert held_by(rig, node, tasks[-1]) == (busy, promised)
        tasks.append(node.sh("sleep 20", walltime_s=60))                # over before then: anywhere
        node.api.wait(tasks[-1], ("running",))
        assert held_by(rig, node, tasks[-1])[1] == "(null)"
        for t in tasks:
            node.api.post(f"/v1/tasks/{t}/cancel")
        for t in tasks:
            node.api.wait(t)


# ---- what a cluster and its admin do to a job ----

def fill(node, rig, limit="10"):
    """All devices of east belong to somebody else, and the router has heard of it; the job's number."""
    job = rig.run("east", "sbatch", "--parsable", "-p", "npu", "-N", "2", "--exclusive", "--mem=0",
                  "--gres=gpu:ascend910b:8", "-t", limit, "-o", "/dev/null", "--wrap",
                  "sleep 120").strip()
    until(lambda: rig.jobs("east")[int(job)][1] == "RUNNING")
    until(lambda: (lambda s: s["accelerators_free"] + s["nodes_down"] == 0)(node.up()),
          what=lambda: f"{node.up()}\n{rig.run('east', 'sinfo', '-NO', 'NodeList,StateLong,GresUsed,Reason')}"
                       f"{rig.run('east', 'squeue')}")
    return job


def by_hand(node, rig, run, *more):
    """Once more what was submitted for this run, as if the reply had been lost; the job's number."""
    job, _ = rig.job_of("east", run)
    script = node.where / "again.sh"
    rig.run("east", "scontrol", "write", "batch_script", str(job), str(script))
    return int(rig.run("east", "sbatch", "--parsable", "-J", run, "--comment", f"suanlu:{run}", "-n", "1", "--mem=50",
                       "-o", "/dev/null", *more, str(script)))


def test_a_second_job_of_a_run_ends_by_itself_and_the_run_goes_on(node, rig):
    count = node.where / "count"
    t, tell = node.held(f"echo $SLURM_JOB_ID >>{count}")
    node.api.wait(t, ("running",))
    first = until(lambda: lines(count))[0]
    second = by_hand(node, rig, node.run_id(t), "-p", "cpu")
    until(lambda: rig.jobs("east")[second][1] in ("FAILED", "CANCELLED"))
    tell()
    assert node.api.wait(t)["exit_code"] == 7 and len(node.runs(t)) == 1
    assert lines(count) == [first]
    assert (node.where / "east" / node.run_id(t) / "started").read_text() == f"{first}\n"


def test_of_two_jobs_of_a_run_the_one_that_began_counts_also_when_we_know_the_other(early, rig):
    """It was ended, the other found it begun, and the run was lost and ran once more."""
    block = fill(early, rig)
    count = early.where / "count"
    t = early.sh(f"echo $SLURM_JOB_ID >>{count}; sleep 6; exit 7",
                 accelerators={"models": ["ascend-910b"], "count": 1})
    early.api.wait(t, ("queued",))
    known = until(lambda: rig.job_of("east", early.run_id(t))[0])
    second = by_hand(early, rig, early.run_id(t), "-p", "cpu")
    until(lambda: rig.jobs("east")[known][1] == "CANCELLED")    # it could do nothing any more
    rig.run("east", "scancel", block)
    assert early.api.wait(t)["exit_code"] == 7, early.runs(t)
    assert len(early.runs(t)) == 1 and lines(count) == [str(second)]


def test_a_wait_is_forecast_from_the_limits_of_others_and_scored(early, rig):
    block = fill(early, rig, "4")
    need = {"models": ["ascend-910b"], "count": 1}
    terms = early.api.post("/v1/decisions", json={"script": "true", "cpus": 1, "memory_mb": 10,
                                                 "accelerators": need}).json()["pools"][0]["terms"]
    assert 100 <= terms["wait_p50_s"] <= 125 and 200 <= terms["wait_p90_s"] <= 250, terms
    t = early.sh("true", accelerators=need)
    early.api.wait(t, ("queued",))
    time.sleep(2)
    rig.run("east", "scancel", block)
    assert early.api.wait(t, timeout=60)["state"] == "done"
    f = early.api.get("/v1/pools/east").json()["forecast"]
    assert f["samples"] == 1 and f["wait_forecast_s"] >= 100 and f["wait_actual_s"] < 60
    assert f["wait_error_s"] > 40
    metrics = early.api.get("/metrics").text
    assert 'suanlu_pool_wait_seconds{pool="east",kind="actual"}' in metrics
    off, = re.findall(r'suanlu_pool_wait_forecast_error_seconds\{pool="east"\} (\S+)', metrics)
    assert abs(float(off) - f["wait_error_s"]) < 1
    assert "off by" in early.cli("pools", "show", "east").stdout


def test_a_task_is_not_bound_to_a_full_cluster_long_before_there_is_room(node, rig):
    block = fill(node, rig)
    t = node.sh("true", accelerators={"models": ["ascend-910b"], "count": 1})
    time.sleep(3)
    assert node.api.get(f"/v1/tasks/{t}").json()["state"] == "waiting"
    rig.run("east", "scancel", block)
    assert node.api.wait(t, timeout=60)["state"] == "done"


def test_a_job_held_by_the_admin_is_taken_back(early, rig):
    block = fill(early, rig)
    t = early.sh("true", accelerators={"models": ["ascend-910b"], "count": 1})
    early.api.wait(t, ("queued",))
    job = until(lambda: rig.job_of("east", early.run_id(t))[0])
    rig("hold", rig.dir, "east", str(job))
    until(lambda: early.runs(t)[0]["end"] or early.api.get(f"/v1/tasks/{t}").json()["state"] == "waiting")
    assert "holds it back" in str(early.runs(t)[0])
    until(lambda: rig.jobs("east")[job][1] == "CANCELLED")
    rig.run("east", "scancel", block)
    assert early.api.wait(t, timeout=60)["state"] == "done"


def test_a_job_cancelled_in_the_cluster_says_so(node, rig):
    t = node.sh("sleep 60")
    node.api.wait(t, ("running",))
    job, _ = rig.job_of("east", node.run_id(t))
    rig("cancel", rig.dir, "east", str(job))
    task = node.api.wait(t)
    assert task["state"] == "failed" and task["reason"]["code"] == "stopped"
    assert "somebody cancelled it in the cluster" in str(node.runs(t))


def test_a_job_requeued_by_the_admin_is_taken_back_and_runs_once_more(node, rig):
    count = node.where / "count"
    t, tell = node.held(f"echo $SUANLU_RUN >>{count}", "exit 0")
    node.api.wait(t, ("running",))
    until(lambda: lines(count))
    job, _ = rig.job_of("east", node.run_id(t))
    rig("requeue", rig.dir, "east", str(job))
    until(lambda: len(lines(count)) == 2, 60)
    tell()
    assert node.api.wait(t, timeout=60)["state"] == "done"
    assert lines(count) == [node.run_id(t, 1), node.run_id(t, 2)]
    assert "queued it again" in str(node.runs(t)) or "second time" in str(node.runs(t))


def test_a_job_that_can_never_start_does_not_wait_for_ever(node, rig):
    """The trap: 200, an error in the answer, and a job that pends for ever."""
    t = node.sh("true", walltime_s=3 * 86400)
    task = node.api.wait(t, timeout=30)
    assert task["state"] == "failed" and task["reason"]["code"] == "not_started"
    until(lambda: rig.job_of("east", node.run_id(t))[1] in (None, "CANCELLED"))
    assert "not available" in str(node.runs(t)) or "never" in str(node.runs(t))


def test_a_directory_that_nodes_cannot_use_is_told(rig):
    with Node(rig, dir="/proc/nowhere") as node:
        node.up()
        t = node.sh("true")
        assert node.api.wait(t)["reason"]["code"] == "not_started"
        assert "directory" in str(node.runs(t))


@alongside
def test_a_failed_node_loses_the_run_which_goes_on_elsewhere():
    """west does not requeue: NODE_FAIL, with exit code 0."""
    with Rig() as rig, Node(rig, ("west",)) as node:
        node.up("west")
        count = node.where / "count"
        t, tell = node.held(f"echo $SLURMD_NODENAME >>{count}", "exit 0",
                            accelerators={"models": ["a100-40-sxm"], "count": 1})
        node.api.wait(t, ("running",))
        first = until(lambda: lines(count))[0]
        rig.fault("crash", "west", f"slurmd-{first}")
        tell()
        try:
            assert node.api.wait(t, timeout=120)["state"] == "done"
        finally:
            rig.fault("start", "west", f"slurmd-{first}")
        runs = node.runs(t)
        assert [r["end"] for r in runs] == ["lost", "exit"]
        assert f"node {first} failed" in runs[0]["text"]
        assert len(lines(count)) == 2 and lines(count)[1] != first


@alongside
def test_a_job_that_its_cluster_requeues_after_a_failed_node_is_taken_back():
    """east requeues: PENDING again, restart count 1."""
    with Rig() as rig, Node(rig) as node:
        node.up()
        count = node.where / "count"
        t, tell = node.held(f"echo $SLURMD_NODENAME >>{count}", "exit 0",
                            accelerators={"models": ["ascend-910b"], "count": 1})
        node.api.wait(t, ("running",))
        first = until(lambda: lines(count))[0]
        rig.fault("crash", "east", f"slurmd-{first}")
        tell()
        try:
            assert node.api.wait(t, timeout=120)["state"] == "done"
        finally:
            rig.fault("start", "east", f"slurmd-{first}")
        assert [r["end"] for r in node.runs(t)] == ["lost", "exit"]
        assert len(lines(count)) == 2


@alongside
def test_walltime_ends_a_run():
    with Rig() as rig, Node(rig) as node:
        node.up()
        t = node.sh("sleep 300", walltime_s=60)
        task = node.api.wait(t, timeout=150)
        assert task["state"] == "failed" and task["reason"]["code"] == "timeout"


# ---- more of what a cluster does by itself ----

@alongside
def test_a_frozen_slurmrestd_takes_the_pool_down_and_its_run_is_counted_once():
    with Rig() as rig, Node(rig, fence_s=0) as node:
        node.up()
        t, tell = node.held()
        node.api.wait(t, ("running",))
        rig.fault("freeze", "east", "slurmrestd")
        tell()
        try:
            assert "does not answer" in node.up(want=False, seconds=90)["why"]
        finally:
            rig.fault("thaw", "east", "slurmrestd")
        assert node.api.wait(t, timeout=60)["exit_code"] == 7 and len(node.runs(t)) == 1


@alongside
def test_a_frozen_slurmrestd_is_down_after_down_s_and_not_when_its_requests_give_up():
    with Rig() as rig, Node(rig, down_s=8, fence_s=3) as node:
        node.up()
        t = node.sh("sleep 300")
        node.api.wait(t, ("running",))
        rig.fault("freeze", "east", "slurmrestd")
        began = time.monotonic()
        try:
            assert "does not answer" in node.up(want=False, seconds=90)["why"]
            assert 4 < time.monotonic() - began < 14
            until(lambda: (node.where / "east" / node.run_id(t) / "stop").exists(), 15)
            assert time.monotonic() - began < 25
        finally:
            rig.fault("thaw", "east", "slurmrestd")
        node.up()


@alongside
def test_a_pool_without_news_is_shown_as_stale_then_as_down_and_then_as_up():
    with Rig() as rig, Node(rig, down_s=20, fence_s=0, fresh_s=8) as node:
        def word():
            lines = [line.split() for line in node.cli("pools").stdout.splitlines()]
            return lines[1][lines[0].index("STATE")]

        def metric():
            return re.search(r'suanlu_pool_stale{pool="east"} ([01])', node.api.get("/metrics").text)[1]
        assert not node.up()["stale"] and (word(), metric()) == ("up", "0")
        news = node.log.count("pool east is not stale any more")
        rig.fault("freeze", "east", "slurmrestd")
        try:
            until(lambda: node.api.get("/v1/pools/east").json()["state"]["stale"], 15)
            assert not node.api.get("/v1/pools/east").json()["state"]["down"]
            assert (word(), metric()) == ("stale", "1")
            assert re.search(r"state +stale", node.cli("pools", "show", "east").stdout)
            node.up(want=False, seconds=30)
            assert (word(), metric()) == ("down", "1")
        finally:
            rig.fault("thaw", "east", "slurmrestd")
        assert not node.up(seconds=40)["stale"] and (word(), metric()) == ("up", "0")
        assert node.log.count("pool east is stale: no news within 8 s") == 1
        assert node.log.count("pool east is not stale any more") == news + 1


@alongside
def test_a_killed_slurmd_leaves_its_run_alone():
    """slurmd gone is not the node gone: the job lives on and tells its end."""
    with Rig() as rig, Node(rig) as node:
        node.up()
        count = node.where / "count"
        t, tell = node.held(f"echo $SLURMD_NODENAME >>{count}")
        node.api.wait(t, ("running",))
        on = until(lambda: lines(count))[0]
        rig.fault("kill", "east", f"slurmd-{on}")
        tell()
        try:
            assert node.api.wait(t, timeout=60)["exit_code"] == 7
        finally:
            rig.fault("start", "east", f"slurmd-{on}")
        assert len(node.runs(t)) == 1 and len(lines(count)) == 1


@alongside
def test_a_restarted_slurmctld_keeps_its_run():
    with Rig() as rig, Node(rig) as node:
        node.up()
        t, tell = node.held()
        node.api.wait(t, ("running",))
        time.sleep(3)       # it has saved its state
        rig.fault("stop", "east", "slurmctld")
        rig.fault("start", "east", "slurmctld")
        tell()
        assert node.api.wait(t, timeout=60)["exit_code"] == 7 and len(node.runs(t)) == 1


@alongside
def test_a_run_that_ignores_the_wish_to_end_is_cancelled_all_the_same():
    with Rig() as rig, Node(rig) as node:
        node.up()
        t = node.sh("trap '' TERM; while :; do sleep 1; done")
        node.api.wait(t, ("running",))
        node.api.post(f"/v1/tasks/{t}/cancel")
        assert node.api.wait(t, timeout=60)["state"] == "cancelled"
        until(lambda: rig.job_of("east", node.run_id(t))[1] == "CANCELLED")


def test_a_run_that_dies_of_a_signal_says_so(node):
    for number in 9, 11:
        task = node.api.wait(node.sh(f"kill -{number} $$"))
        assert (task["state"], task["reason"]["code"], task["exit_code"]) == ("failed", "signal", 128 + number)


def test_a_script_that_slurm_would_cut_off_is_refused(node):
    """Slurm takes a NUL for the end of the script, and runs the rest of it silently not."""
    r = node.api.post("/v1/tasks", json={"script": "echo a\0; echo b"})
    assert r.status_code == 400


def test_a_script_that_grows_beyond_what_slurm_takes_is_refused_before_it_is_sent(node, rig):
    """The largest request of all, of quotes, which are four times as many in a shell."""
    before = len(rig.jobs("east"))
    spec = {"script": "#" + "'" * ((512 << 10) - 1), "cpus": 1, "memory_mb": 10, "walltime_s": 60,
            "env": {f"E{i}": "'" * (128 << 10) for i in range(3)}}
    room = (1 << 20) - len(json.dumps(spec, separators=(",", ":"))) - len(',"F":""')
    spec["env"]["F"] = "'" * room
    r = node.api.post("/v1/tasks", content=json.dumps(spec, separators=(",", ":")),
                      headers={"Content-Type": "application/json"})
    assert r.status_code == 201, r.text
    t = r.json()["task"]["id"]
    task = node.api.wait(t)
    assert (task["state"], task["reason"]["code"]) == ("failed", "not_started")
    assert "larger than the 4 MiB that Slurm takes" in node.runs(t)[0]["text"]
    assert len(rig.jobs("east")) == before
    t = node.sh("exit 7 #" + "'" * ((512 << 10) - 8))       # half of that is taken, and runs
    assert node.api.wait(t)["exit_code"] == 7


class Rejecting(http.server.BaseHTTPRequestHandler):
    """A slurmrestd that knows our version, and whose slurmctld or plugin does not know us: error 1007."""
    rejects = "GET"         # what is answered so

    def answer(self):
        path = self.path.split("?")[0]
        body = {"meta": {"Slurm": {"release": "22.05.8"}}, "errors": []}
        status = 200
        if path.startswith("/openapi"):
            body["paths"] = {"/slurm/v0.0.38/jobs": {}}
        elif self.command in self.rejects:
            status = 500
            body["errors"] = [{"error": "Protocol authentication error", "error_number": 1007,
                               "description": "Authentication failure", "source": "slurm_load"}]
        elif path.endswith("/nodes"):
            body["nodes"] = [{"name": "f1", "cpus": 8, "real_memory": 4000, "state": "idle", "state_flags": [],
                              "partitions": ["cpu"], "gres": "", "gres_used": "", "alloc_cpus": 0,
                              "alloc_memory": 0}]
        elif path.endswith("/jobs"):
            body["jobs"] = []
        data = json.dumps(body).encode()
        if "Content-Length" in self.headers:
            self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


def test_a_server_that_answers_1007_takes_nothing_and_the_token_is_blamed(rig):
    fake = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rejecting)
    threading.Thread(target=fake.serve_forever, daemon=True).start()
    Rejecting.rejects = ["GET"]
    try:
        with Node(rig, url=f"http://127.0.0.1:{fake.server_port}") as node:
            until(lambda: "does not accept our" in node.api.get("/v1/pools/east").json()["state"].get("why", ""))
            assert "不接受我们的" in node.api.get("/v1/pools/east").json()["state"]["why_zh"]
            Rejecting.rejects = ["POST"]
            node.up()
            t = node.sh("true")
            until(lambda: node.runs(t) and node.runs(t)[0]["end"])
            run = node.runs(t)[0]
            assert run["end"] == "lost" and "does not accept our token" in run["text"]    # given back, not failed
            node.api.post(f"/v1/tasks/{t}/cancel")
            assert node.api.wait(t)["state"] == "cancelled"
    finally:
        fake.shutdown()


def test_a_user_that_the_cluster_does_not_know_gets_no_run(rig):
    """The trap: root's token is good for any name, and a job of nobody never starts."""
    with Node(rig, user="nosuchuser") as node:
        node.up()
        count = node.where / "count"
        t = node.sh(f"echo x >>{count}")
        until(lambda: node.runs(t) and node.runs(t)[0]["end"], 40)
        run = node.runs(t)[0]
        assert run["end"] == "lost" and "user known there" in run["text"] and not lines(count)
        until(lambda: rig.job_of("east", run["run_id"])[1] == "CANCELLED")
        node.api.post(f"/v1/tasks/{t}/cancel")
        node.api.wait(t)


# ---- rigs of their own ----

@alongside
def test_a_job_forgotten_before_anyone_looked():
    with Rig(SLURM_RIG_MIN_JOB_AGE="2") as rig:
        with Node(rig) as node:
            node.up()
            t, tell = node.held(last="exit 5")
            node.api.wait(t, ("running",))
            node.kill()
            tell()
            until(lambda: rig.job_of("east", f"x-{t}-1") == (None, None) and
                  not any(n.endswith(f"-{t}-1") for n, _, _ in rig.jobs("east").values()), 90)
            node.start()
            assert node.api.wait(t)["exit_code"] == 5
        # without a shared directory nobody knows: it is lost, and runs again
        with Node(rig, shared=False) as node:
            node.up()
            t, tell = node.held(last="exit 5")
            node.api.wait(t, ("running",))
            node.kill()
            tell()
            until(lambda: not any(n.endswith(f"-{t}-1") and n.startswith("n")
                                  for n, _, _ in rig.jobs("east").values()), 90)
            node.start()
            until(lambda: len(node.runs(t)) == 2, 60)
            assert node.runs(t)[0]["end"] == "lost"
            assert node.api.wait(t)["exit_code"] == 5


@alongside
def test_a_preempted_job_is_chosen_anew():
    with Rig("--preempt") as rig, Node(rig) as node:
        node.up()
        count = node.where / "count"
        t, tell = node.held(f"echo $SUANLU_RUN >>{count}", "exit 0",
                            accelerators={"models": ["ascend-910b"], "count": 1})
        node.api.wait(t, ("running",))
        until(lambda: lines(count))
        job, _ = rig.job_of("east", node.run_id(t))
        rig("preempt", rig.dir, "east", str(job))
        until(lambda: len(node.runs(t)) > 1, 60)
        assert node.runs(t)[0]["end"] == "lost"
        tell()
        rig.run("east", "scancel", "-p", "urgent")
        assert node.api.wait(t, timeout=60)["state"] == "done"


# ---- re-routing ----

@alongside
def test_runs_of_a_silent_cluster_move_and_the_old_ones_are_ended():
    """The clusters' doors close, the nodes work on: what waits there moves at once, what runs is
    stopped in the shared directory first, and what is found when the doors open is ended."""
    with Rig() as rig, Node(rig, ("east", "west"), ahead_s=86400) as node:
        node.up("east"), node.up("west")
        node.api.post("/v1/pools/west/drain", json={"reason": "east first"})
        count = node.where / "count"
        runs = node.sh(f"echo $SUANLU_RUN >>{count}; sleep 25; echo $SUANLU_RUN >>{count}.end",
                       cpus=8)
        node.api.wait(runs, ("running",))
        block = fill(node, rig)
        waits = node.sh(f"echo $SUANLU_RUN >>{count}; echo $SUANLU_RUN >>{count}.end", cpus=16)
        node.api.wait(waits, ("queued",))
        until(lambda: rig.job_of("east", node.run_id(waits))[0])
        for daemon in ("slurmrestd", "slurmctld"):
            rig.fault("kill", "east", daemon)
        node.up("east", want=False)
        node.api.post("/v1/pools/west/resume")
        assert node.api.wait(waits, timeout=60)["state"] == "done"
        assert node.runs(waits)[0]["end"] == "lost" and node.runs(waits)[1]["pool"] == "west"
        until(lambda: len(node.runs(runs)) == 2, 60)
        assert "did not answer" in str(node.runs(runs)[0])
        for daemon in ("slurmctld", "slurmrestd"):
            rig.fault("start", "east", daemon)
        assert node.api.wait(runs, timeout=90)["state"] == "done"
        node.up("east", seconds=60)
        rig.run("east", "scancel", block)
        until(lambda: not [j for j in rig.jobs("east").values() if j[0].startswith("n") and
                           j[1] in ("RUNNING", "PENDING", "COMPLETING")], 60)
        ends = lines(pathlib.Path(f"{count}.end"))
        assert sorted(ends) == sorted([node.run_id(waits, 2), node.run_id(runs, 2)])


@alongside
def test_runs_of_a_silent_cluster_without_a_shared_directory_are_given_up_by_order_only():
    """Nothing can be taken back, so they stay; the operator's word sends them elsewhere, and the old
    ones are ended when the cluster is back."""
    with Rig() as rig, Node(rig, ("east", "west"), shared=False) as node:
        node.up("east"), node.up("west")
        node.api.post("/v1/pools/west/drain", json={"reason": "east first"})
        count = node.where / "count"
        a, b = (node.sh(f"echo $SUANLU_RUN >>{count}; case $SUANLU_RUN in *-1) sleep 300;; esac; sleep 3; "
                        f"echo $SUANLU_RUN >>{count}.$SUANLU_TASK", cpus=8) for _ in range(2))
        for t in a, b:
            node.api.wait(t, ("running",))
        until(lambda: len(lines(count)) == 2)
        order = {"reason": "the machine room burned"}
        r = node.api.post("/v1/pools/east/lost", json=order)
        assert r.status_code == 409 and "not down" in r.text
        for daemon in ("slurmrestd", "slurmctld"):
            rig.fault("kill", "east", daemon)
        node.up("east", want=False)
        node.api.post("/v1/pools/west/resume")
        time.sleep(4)       # longer than fence_s
        assert [node.api.get(f"/v1/tasks/{t}").json()["state"] for t in (a, b)] == ["running"] * 2

        user = node.user("lab")
        assert user.post("/v1/pools/east/lost", json=order).status_code == 403
        assert node.api.post("/v1/pools/east/lost", json={}).json()["field"] == "reason"
        assert node.api.post("/v1/pools/east/lost", json={**order, "task": "x"}).json()["field"] == "task"
        assert node.api.post("/v1/pools/east/lost", json={**order, "task": "99"}).status_code == 409
        assert node.api.post("/v1/pools/none/lost", json=order).status_code == 404
        assert node.cli("pools", "lost", "east").returncode == 2

        assert node.api.post("/v1/pools/east/lost", json={**order, "task": str(a)}).json() == {"lost": 1, "left": 0}
        until(lambda: len(node.runs(a)) == 2)
        assert node.api.get(f"/v1/tasks/{b}").json()["state"] == "running" and len(node.runs(b)) == 1
        first = node.runs(a)[0]
        assert first["end"] == "lost" and "burned" in first["text"] and node.runs(a)[1]["pool"] == "west"
        said = node.cli("pools", "lost", "east", "--reason", "the machine room burned")
        assert said.returncode == 0 and said.stdout.startswith("1 runs on east")
        until(lambda: len(node.runs(b)) == 2)
        node.kill(), node.start()       # the order is kept
        audit = node.user("watch", ("auditor",)).get("/v1/audit", params={"limit": 200}).json()
        orders = [e for e in audit["entries"] if e["kind"] == "lost" and "burned" in e["body"]]
        assert len(orders) == 2 and all(e["actor"] != "node" for e in orders)

        for daemon in ("slurmctld", "slurmrestd"):
            rig.fault("start", "east", daemon)
        node.up("east", seconds=60)
        until(lambda: not [j for j in rig.jobs("east").values() if j[0].endswith("-1") and
                           j[1] in ("RUNNING", "PENDING", "COMPLETING")], 60, lambda: rig.jobs("east"))
        for t in a, b:
            task = node.api.wait(t, timeout=120)
            assert task["state"] == "done" and task["lost"] == 1 and task["pool"] == "west"
            assert [r["end"] for r in node.runs(t)] == ["lost", "exit"]
            assert lines(pathlib.Path(f"{count}.{t}")) == [node.run_id(t, 2)]      # the old one did not get there


def test_runs_of_this_machine_are_never_declared_lost():
    with Daemon() as node:
        name = node.api.get("/v1/pools").json()["pools"][0]["name"]
        r = node.api.post(f"/v1/pools/{name}/lost", json={"reason": "why not"})
        assert r.status_code == 409 and "always knows" in r.text


def test_a_run_that_was_given_up_is_stopped_where_its_directory_still_answers(rig):
    with Node(rig, fence_s=0) as node:
        node.up()
        t = node.sh("case $SUANLU_RUN in *-1) sleep 300;; esac")
        node.api.wait(t, ("running",))
        old = node.where / "east" / node.run_id(t)
        until((old / "started").exists)
        rig.fault("kill", "east", "slurmrestd")
        try:
            node.up(want=False)
            assert node.cli("pools", "lost", "east", "--task", str(t), "--reason", "gone").returncode == 0
            until((old / "stop").exists)
            until((old / "exit.json").exists, 30)       # by itself: nobody could ask the cluster
        finally:
            rig.fault("start", "east", "slurmrestd")
        assert node.api.wait(t, timeout=60)["state"] == "done"
        assert [r["end"] for r in node.runs(t)] == ["lost", "exit"]
