"""kill -9 of the daemon at random points: nothing acknowledged is lost, nothing runs twice.

Tasks append a line when they start and one when they end, so what really ran is known from
outside.  Runs live under their own shims and outlast the daemon; a task whose submission was
answered must therefore have run exactly once, whatever was cut in between.
"""
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

CUTS = int(os.environ.get("SUANLU_CUTS", "200"))
BUILD = os.environ["SUANLU_BUILD"]
CONFIG = """
listen: 127.0.0.1:{port}
state: {dir}/state
log: warn
limits: {{stop_grace_ms: 500}}
pools:
  - name: a
    tier: centre
    region: cn/50/500100
    owner: test
    engine: local
    clearance: 2
    price: {{cpu_hour: "36.00"}}
    groups: [{{count: 1, cpus: 4, memory_mb: 4096}}]
  - name: b
    tier: edge
    region: cn/50/500106
    owner: test
    engine: local
    clearance: important
    price: {{cpu_hour: "72.00"}}
    groups: [{{count: 1, cpus: 2, memory_mb: 2048}}]
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    def __init__(self, where):
        self.dir = where
        self.port = free_port()
        self.config = f"{where}/suanlu.yaml"
        self.log = open(f"{where}/daemon.log", "ab")
        self.process = None
        with open(self.config, "w") as f:
            f.write(CONFIG.format(port=self.port, dir=where))

    def start(self):
        self.process = subprocess.Popen([f"{BUILD}/suanlu", "serve", "--config", self.config],
                                        stdout=self.log, stderr=self.log)
        end = time.time() + 60
        while time.time() < end:
            assert self.process.poll() is None, f"the daemon died: see {self.dir}/daemon.log"
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.01)
        raise AssertionError("the daemon does not get ready")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0

    def token(self):
        with open(f"{self.dir}/state/token") as f:
            return f.read().strip()

    def call(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        head = {}
        if path.startswith("/v1"):
            head["Authorization"] = "Bearer " + self.token()
        if body is not None:
            head["Content-Type"] = "application/json"
        try:
            c.request(method, path, json.dumps(body) if body is not None else None, head)
            r = c.getresponse()
            return r.status, json.loads(r.read() or b"null")
        except (http.client.HTTPException, ValueError) as e:
            raise OSError(str(e))
        finally:
            c.close()


def body(rng, n, out):
    """A task that tells when it starts and ends; a few fail, sleep longer or are cancelled."""
    naps = rng.choice(["0", "0.05", "0.2", "0.6"])
    script = (f'echo "start $SUANLU_TASK $SUANLU_RUN $(date +%s%N)" >> {out}\n'
              f'sleep {naps}\n'
              f'echo "end $SUANLU_TASK $SUANLU_RUN $(date +%s%N)" >> {out}\n')
    return {"name": f"cut-{n}", "script": script, "memory_mb": 64, "walltime_s": 60,
            "cpus": rng.choice([0.25, 0.5, 1]), "idempotency_key": f"key-{n}",
            "data_level": rng.choice([1, 1, 2, "important"])}


class Client(threading.Thread):
    """Submits until told to stop; a task without an answer is submitted again, same key."""

    def __init__(self, node, seed, first, acked, out):
        super().__init__()
        self.node, self.rng, self.n, self.acked, self.out = (node, random.Random(seed), first,
                                                             acked, out)
        self.over = False
        self.pending = None
        self.wrong = None

    def run(self):
        while not self.over:
            if self.pending is None:
                self.pending = (self.n, body(self.rng, self.n, self.out))
                self.n += 1
            try:
                status, answer = self.node.call("POST", "/v1/tasks", self.pending[1])
            except OSError:
                time.sleep(0.01)
                continue
            if status not in (200, 201):
                if status == 503:
                    continue
                self.wrong = (status, answer)
                return
            known = self.acked.setdefault(self.pending[0], answer["id"])
            assert known == answer["id"], "one key, two tasks"
            self.pending = None
            time.sleep(self.rng.uniform(0, 0.08))


def finals(node, ids, seconds):
    """Wait until every task is over; returns id -> task."""
    end = time.time() + seconds
    left, over = set(ids), {}
    while left and time.time() < end:
        for i in sorted(left):
            status, t = node.call("GET", f"/v1/tasks/{i}")
            assert status == 200, f"task {i} was acknowledged and is gone: {t}"
            if t["state"] in ("done", "failed", "cancelled", "refused"):
                over[i] = t
                left.discard(i)
        time.sleep(0.2)
    assert not left, f"still not over: {sorted(left)[:10]}"
    return over


def read_log(out):
    starts, ends = {}, {}
    if os.path.exists(out):
        with open(out) as f:
            for line in f:
                what, task, run, at = line.split()
                (starts if what == "start" else ends).setdefault(task, []).append((run, int(at)))
    return starts, ends


def money_is_right(node, over, starts):
    """The ledger balances, holds nothing, and has charged each run that ran, once, what its task says."""
    status, books = node.call("GET", "/v1/ledger")
    assert status == 200 and books["sum_micro"] == 0
    balance = {(a["kind"], a["name"]): a["balance_micro"] for a in books["accounts"]}
    assert balance.get(("held", "default"), 0) == 0
    status, s = node.call("GET", "/v1/statements")
    charged = {}
    for line in s["lines"]:
        assert line["run_id"] not in charged, f"{line['run_id']} is charged twice"
        charged[line["run_id"]] = line["total_micro"]
    assert set(charged) == {run for runs in starts.values() for run, _ in runs}
    assert sum(charged.values()) == balance["owner", "test"] == -balance["tenant", "default"]
    assert sum(charged.values()) == sum(t["cost_micro"] for t in over.values())


def test_nothing_acknowledged_is_lost_and_nothing_runs_twice(tmp_path):
    seed = int(os.environ.get("SUANLU_SEED", random.SystemRandom().randrange(1 << 31)))
    print(f"\nseed {seed}, {CUTS} cuts")
    rng = random.Random(seed)
    node = Node(str(tmp_path))
    out = str(tmp_path / "ran.txt")
    acked = {}
    node.start()
    clients = [Client(node, seed + i, i * 1000000, acked, out) for i in (1, 2)]
    for c in clients:
        c.start()
    try:
        for _ in range(CUTS):
            time.sleep(rng.choice([0.0, 0.02, 0.1, 0.3]) * rng.random())
            node.kill()
            node.start()
    finally:
        for c in clients:
            c.over = True
        for c in clients:
            c.join()
    for c in clients:
        assert c.wrong is None, c.wrong
        if c.pending:           # its answer was cut off: ask once more, with the same key
            status, answer = node.call("POST", "/v1/tasks", c.pending[1])
            assert status in (200, 201), answer
            acked[c.pending[0]] = answer["id"]
    over = finals(node, acked.values(), 120)
    starts, ends = read_log(out)
    money_is_right(node, over, starts)
    node.stop()
    print(f"{len(acked)} tasks acknowledged, {sum(map(len, starts.values()))} runs seen")
    assert len(acked) >= CUTS / 2
    for i, t in over.items():
        assert t["state"] == "done", f"task {i}: {t['state']}, {t['reason']}"
        assert t["lost"] == 0, f"task {i} was taken for lost"
        assert len(starts.get(i, [])) == 1, f"task {i} ran {starts.get(i)}"
        assert len(ends.get(i, [])) == 1, f"task {i} ended {ends.get(i)}"
    ran = set(starts) - set(over)
    assert not ran, f"ran without having been acknowledged to the end: {ran}"
