"""soak_load.py - what people and programs do to a node, and what they were told

Every submission has an idempotency key and is asked for until it is answered; what was answered is
noted in the Ledger.  Whatever then differs from the Ledger is a finding.
"""
import contextlib
import json
import random
import socket
import threading
import time

TES = "/ga4gh/tes/v1"


class Wrong(Exception):
    """The node said what it may not say."""


class Expect:
    """One acknowledged submission."""

    def __init__(self, name, kind, n=1, local=True, fails=0, retries=0, limit=0, after=None, when=None):
        self.name, self.kind, self.n, self.local = name, kind, n, local
        self.fails, self.retries, self.limit = fails, retries, limit    # fails: so many attempts do
        self.after, self.when = after, when
        self.id = None
        self.cancelled_ns = None        # when the cancel was answered
        self.cancel_asked = False

    @property
    def bad(self):
        return self.fails > self.retries


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.expected = []              # acknowledged, in the order of the answers
        self.pool_b = []                # (since, until) in ms: drained for certain
        self.heard = {}                 # seq -> event, as the watcher was told
        self.asked_again = 0
        self.abused = 0

    def acknowledge(self, e, id):
        e.id = int(id.split("_")[0])
        with self.lock:
            self.expected.append(e)

    def pick(self, rng, kinds, last=200):
        with self.lock:
            list_ = [e for e in self.expected[-last:] if e.kind in kinds]
        return rng.choice(list_) if list_ else None


class Worker(threading.Thread):
    """Does one thing after the other until told to end; the first thing wrong ends all."""

    def __init__(self, soak, number):
        super().__init__(daemon=True)
        self.soak, self.node, self.ledger = soak, soak.node, soak.ledger
        self.rng = random.Random(f"{soak.seed}/{type(self).__name__}/{number}")
        self.number = number
        self.count = 0

    def run(self):
        try:
            while not self.soak.over:
                self.turn()
        except Exception as e:          # noqa: BLE001: whatever it is, it is a finding
            self.soak.fail(f"{type(self).__name__} {self.number}: {type(e).__name__}: {e}")

    def until_answered(self, method, path, body=None, head=(), ok=(200, 201, 202, 204)):
        """Ask until a whole answer came; (status, document)."""
        tries, begun = 0, time.monotonic()
        while True:
            self.soak.asking.set()
            try:
                status, doc = self.node.call(method, path, body, head)
                if status not in (408, 429, 503):
                    break
            except OSError:
                pass
            tries += 1
            self.soak.check_patience(begun)
            time.sleep(0.05)
        self.ledger.asked_again += tries > 0
        if status not in ok:
            raise Wrong(f"{method} {path}: {status} {doc}")
        return status, doc


class Submitter(Worker):
    """Single tasks, batches, arrays, chains, retries, TES, batch files, inputs; and cancels."""

    def turn(self):
        ways = [(self.single, 30), (self.chain, 10), (self.array, 6), (self.batch, 5), (self.retried, 8),
                (self.tes, 8), (self.sbatch, 4), (self.with_input, 5), (self.elsewhere, 10),
                (self.cancel, 12)]
        way = self.rng.choices([w for w, _ in ways], [n for _, n in ways])[0]
        before = time.monotonic()
        made = way() or 0
        pause = max(made, 0.3) * self.soak.workers / self.soak.rate
        self.soak.sleep(max(0.0, pause * self.rng.uniform(0.5, 1.5) - (time.monotonic() - before)))

    def name(self, kind):
        self.count += 1
        return f"{kind}-{self.number}-{self.count}"

    def script(self, fails=0, nap=None, extra=""):
        marks = self.node.marks
        if nap is None:
            nap = self.rng.choices(["0", "0.1", "0.4", "1", "7"], [30, 30, 20, 15, 3])[0]
        return (f'echo "start $SUANLU_TASK $SUANLU_RUN $(date +%s%N)" >>{marks}\n'
                f'code=0\n{extra}'
                f'sleep {nap}\n'
                f'[ "${{SUANLU_RUN##*-}}" -gt {fails} ] || code=7\n'
                f'echo "end $SUANLU_TASK $SUANLU_RUN $(date +%s%N) $code" >>{marks}\n'
                'exit $code\n')

    def spec(self, e, **more):
        return {"name": e.name, "script": self.script(e.fails), "idempotency_key": e.name,
                "cpus": self.rng.choice([0.25, 0.5, 1]), "memory_mb": 64, "walltime_s": 3600,
                "stay_within": "cn/50", "prefer": self.rng.choice(["fastest", "cheapest", "balanced"]),
                **more}

    def submit(self, e, **more):
        status, doc = self.until_answered("POST", "/v1/tasks", self.spec(e, **more), ok=(200, 201))
        if doc["tasks"] != e.n:
            raise Wrong(f"{e.name}: {doc['tasks']} tasks, not {e.n}")
        if status == 201 and doc["again"]:
            raise Wrong(f"{e.name}: new and known at once")
        self.ledger.acknowledge(e, doc["id"])
        return e.n

    def single(self):
        return self.submit(Expect(self.name("single"), "single"))

    def retried(self):
        e = Expect(self.name("retried"), "retried", fails=self.rng.choice([1, 1, 2, 9]), retries=2)
        return self.submit(e, retries=2)

    def chain(self):
        on = self.ledger.pick(self.rng, ("single", "array", "retried", "chain", "tes"))
        if not on:
            return 0
        when = self.rng.choice(["done", "ended", "failed"])
        e = Expect(self.name("chain"), "chain", after=on, when=when)
        # One that ended long ago is not known any more, which is a refusal of the whole request.
        status, doc = self.until_answered("POST", "/v1/tasks", self.spec(
            e, after=[{"task": str(on.id), "when": when}]), ok=(200, 201, 400))
        if status == 400:
            if not doc.get("field", "").startswith("after"):
                raise Wrong(f"{e.name}: {doc}")
            return 0
        self.ledger.acknowledge(e, doc["id"])
        return 1

    def array(self):
        n, limit = self.rng.randint(2, 8), self.rng.choice([0, 1, 2])
        e = Expect(self.name("array"), "array", n=n, limit=limit)
        return self.submit(e, array=f"0-{n - 1}" + (f"%{limit}" if limit else ""), cpus=0.25)

    def batch(self):
        list_ = [Expect(self.name("batch"), "batch") for _ in range(self.rng.randint(2, 12))]
        _, doc = self.until_answered("POST", "/v1/batches", {"tasks": [self.spec(e) for e in list_]}, ok=(201,))
        for e, answer in zip(list_, doc["tasks"], strict=True):
            self.ledger.acknowledge(e, answer["id"])
        return len(list_)

    def elsewhere(self):
        """On the pool that flaps, whose engine forgets everything when the daemon dies."""
        e = Expect(self.name("flaps"), "flaps", local=False)
        body = self.spec(e, command=["sleep", "0.1"], stay_within="cn/51", cpus=1, retries=2)
        del body["script"]
        _, doc = self.until_answered("POST", "/v1/tasks", body, ok=(200, 201))
        self.ledger.acknowledge(e, doc["id"])
        return 1

    def with_input(self):
        e = Expect(self.name("input"), "input")
        body = self.spec(e, inputs=[{"dataset": "soak-input", "path": "in.txt"}],
                         outputs=[{"path": "out.txt", "url": f"file://{self.node.files}/{e.name}"}])
        body["script"] = self.script(nap="0", extra="cp in.txt out.txt || code=9\n")
        _, doc = self.until_answered("POST", "/v1/tasks", body, ok=(200, 201))
        self.ledger.acknowledge(e, doc["id"])
        return 1

    def tes(self):
        e = Expect(self.name("tes"), "tes")
        doc = {"name": e.name, "executors": [{"image": "debian:12", "command": ["/bin/sh", "-c", self.script()]}],
               "resources": {"cpu_cores": 1, "ram_gb": 0.1, "zones": ["cn/50"],
                             "backend_parameters": {"walltime_s": "3600"}, "backend_parameters_strict": True}}
        _, answer = self.until_answered("POST", f"{TES}/tasks", doc, {"Idempotency-Key": e.name}, ok=(200,))
        self.ledger.acknowledge(e, answer["id"])
        return 1

    def sbatch(self):
        n = self.rng.choice([0, 3])
        e = Expect(self.name("sbatch"), "sbatch", n=n or 1, limit=2 if n else 0)
        path = self.node.dir / f"{e.name}.sbatch"
        path.write_text("#!/bin/sh\n#SBATCH -J " + e.name + "\n#SBATCH -n 1 --mem=64M -t 60\n" +
                        (f"#SBATCH -a 0-{n - 1}%2\n" if n else "") +
                        f"#SUANLU --within=cn/50 --key={e.name}\n" + self.script())
        begun = time.monotonic()
        while True:
            code, out, words = self.node.cli("submit", str(path))
            if code == 0:
                break
            if code == 2:
                raise Wrong(f"{e.name}: {words}")
            self.soak.check_patience(begun)
            time.sleep(0.1)
        path.unlink()
        self.ledger.acknowledge(e, out.split()[-1])
        return e.n

    def cancel(self):
        e = self.ledger.pick(self.rng, ("single", "array", "chain", "tes", "batch"), last=15)
        if not e or e.cancel_asked:
            return 0
        e.cancel_asked = True
        if e.kind == "tes":
            status, _ = self.until_answered("POST", f"{TES}/tasks/{e.id}:cancel", ok=(200, 409))
        else:
            status, _ = self.until_answered("POST", f"/v1/tasks/{e.id}/cancel", ok=(202, 409))
        if status != 409:
            e.cancelled_ns = time.time_ns()
        return 0


class Operator(Worker):
    """Drains and resumes a pool; registers and forgets data sets; both are kept over every crash."""

    def __init__(self, soak, number):
        super().__init__(soak, number)
        self.drained = False
        self.since = None
        self.datasets = {}

    def turn(self):
        if self.rng.random() < 0.3:
            self.toggle()
        else:
            self.dataset()
        self.soak.sleep(self.rng.uniform(0.5, 3))

    def toggle(self):
        self.check_pool()
        if self.drained:
            self.ledger.pool_b.append((self.since, time.time() * 1000))
            self.until_answered("POST", "/v1/pools/b/resume", ok=(200,))
            self.drained = False
        else:
            self.until_answered("POST", "/v1/pools/b/drain", {"reason": "soak"}, ok=(200,))
            self.drained, self.since = True, time.time() * 1000

    def check_pool(self):
        _, pool = self.until_answered("GET", "/v1/pools/b", ok=(200,))
        if pool["state"]["drained"] != self.drained:
            raise Wrong(f"pool b: drained is {pool['state']['drained']}, acknowledged was {self.drained}")

    def dataset(self):
        name = f"soak-{self.rng.randrange(8)}"
        status, doc = self.until_answered("GET", f"/v1/datasets/{name}", ok=(200, 404))
        known = self.datasets.get(name)
        if (doc["size_mb"] if status == 200 else None) != known:
            raise Wrong(f"data set {name}: {status} {doc}, acknowledged was {known}")
        if known is not None and self.rng.random() < 0.4:
            self.until_answered("DELETE", f"/v1/datasets/{name}", ok=(204, 404))
            self.datasets[name] = None
            return
        size = self.rng.randrange(1000)
        self.until_answered("POST", "/v1/datasets", {
            "name": name, "url": f"https://example.invalid/{name}", "region": "cn/50", "level": 1,
            "size_mb": size}, ok=(201,))
        self.datasets[name] = size

    def finish(self):
        if self.drained:
            self.toggle()


class Watcher(Worker):
    """Follows all events across every crash; what it was told must be in the journal for good."""

    def turn(self):
        after = max(self.ledger.heard, default=0)
        with contextlib.suppress(OSError, ValueError):
            for seq, event in events(self.node, after, lambda: self.soak.over):
                if seq <= after:
                    raise Wrong(f"event {seq} came after {after}")
                after = seq
                self.ledger.heard[seq] = event
        time.sleep(0.05)


def events(node, after, enough, silent_s=2):
    """Yield (seq, event) until enough() or the stream ends."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=silent_s) as s:
        s.sendall(f"GET /v1/events?after={after} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {node.token}\r\n"
                  "Connection: close\r\n\r\n".encode())
        lines = s.makefile("rb")
        if b" 200 " not in lines.readline():
            return
        while not enough():
            line = lines.readline()
            if not line:
                return
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                yield event["seq"], event


GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET /healthz HTTP/9.9\r\n\r\n",
    b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /healthz HTTP/1.1\nHost: x\n\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"GET /v1/tasks/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
]


class Abuser(Worker):
    """Bytes that are no requests, clients that stop in the middle, documents that are wrong."""

    def turn(self):
        way = self.rng.choice([self.garbage, self.half, self.reset, self.wrong_document, self.crowd, self.noise])
        with contextlib.suppress(ConnectionError, TimeoutError, OSError):
            way()
        self.ledger.abused += 1
        self.soak.sleep(self.rng.uniform(0.1, 0.8))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.node.port), timeout=5)

    def refused(self, s, sent):
        answer = s.recv(65536)
        if answer and not answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")):
            raise Wrong(f"{sent[:60]!r} was answered {answer[:60]!r}")

    def garbage(self):
        sent = self.rng.choice(GARBAGE)
        with self.connect() as s:
            s.sendall(sent)
            self.refused(s, sent)

    def noise(self):
        sent = self.rng.randbytes(self.rng.randrange(1, 3000))
        with self.connect() as s:
            s.sendall(sent)
            s.shutdown(socket.SHUT_WR)
            self.refused(s, sent)

    def half(self):
        with self.connect() as s:
            s.sendall(b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"[:self.rng.randrange(5, 60)])
            self.soak.sleep(self.rng.choice([0, 0.2, 2.5]))

    def reset(self):
        for _ in range(20):
            s = self.connect()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            s.sendall(b"GET /v1/tasks HTTP/1.1\r\nHost: x\r\n")
            s.close()

    def crowd(self):
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(self.connect())
            self.soak.sleep(0.3)

    def wrong_document(self):
        body = self.rng.choice([{"script": "true", "nonsense": 1}, {"command": []}, [], {"script": "x", "cpus": -1},
                                {"script": "x", "array": "0-99999999"}, {"script": "x", "after": [{"task": "999999999"}]}])
        path = self.rng.choice(["/v1/tasks", f"{TES}/tasks", "/v1/batches", "/v1/datasets"])
        status, doc = self.node.call("POST", path, body)
        if status not in (400, 401, 408, 413, 429, 503):
            raise Wrong(f"POST {path} {body}: {status} {doc}")
