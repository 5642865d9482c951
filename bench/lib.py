"""lib.py - what the benchmarks share: build for release, run a daemon, print figures."""
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = "build-bench"           # relative to ROOT, where everything runs

os.chdir(ROOT)


def build(*targets):
    """A release build; what it says goes to standard error and only when it fails."""
    if not os.path.exists(f"{BUILD}/build.ninja"):
        quiet("meson", "setup", BUILD, "--buildtype=release", "-Dbench=true")
    quiet("ninja", "-C", BUILD, "--quiet", "suanlu", "suanlu-shim", *targets)


def quiet(*argv):
    r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        sys.exit(f"{r.stdout}bench: {' '.join(argv)} failed")


def program(name):
    return f"./{BUILD}/{name}"


def say(text):
    print(text, file=sys.stderr, flush=True)


def load_average():
    with open("/proc/loadavg") as f:
        return f.read().split()[0]


def answer(argv, **more):
    """Run a program that prints one JSON object."""
    r = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, **more)
    return json.loads(r.stdout)


class Node:
    """A daemon in a directory of its own.  `pools` is the YAML below `pools:`."""

    def __init__(self, where, pools, more=""):
        self.dir, self.process, self.address = where, None, None
        shutil.rmtree(where, ignore_errors=True)
        os.makedirs(where)
        with open(f"{where}/suanlu.yaml", "w") as f:
            f.write(f"listen: 127.0.0.1:0\nstate: {where}/state\nlog: warn\n{more}"
                    f"limits: {{waiting: 10000000, tenant_waiting: 10000000}}\npools:\n{pools}")

    def start(self, program_file=None):
        """Returns the seconds until /readyz says 200."""
        address = f"{self.dir}/state/address"
        if os.path.exists(address):
            os.unlink(address)
        begin = time.monotonic()
        with open(f"{self.dir}/daemon.log", "ab") as log:
            self.process = subprocess.Popen([program_file or program("suanlu"), "serve",
                                             "--config", f"{self.dir}/suanlu.yaml"],
                                            stdout=log, stderr=log)
        while time.monotonic() < begin + 300:
            if self.process.poll() is not None:
                with open(f"{self.dir}/daemon.log") as log:
                    sys.exit(f"bench: the daemon ended: {log.read()[-600:]}")
            if os.path.exists(address):
                with open(address) as f:
                    self.address = f.read().strip()
                try:
                    if self.call("GET", "/readyz")[0] == 200:
                        return time.monotonic() - begin
                except OSError:
                    pass
            time.sleep(0.002)
        sys.exit("bench: the daemon does not get ready")

    def token(self):
        with open(f"{self.dir}/state/token") as f:
            return f.read().strip()

    def connect(self):
        return http.client.HTTPConnection(self.address, timeout=60)

    def call(self, method, path, body=None, connection=None):
        c = connection or self.connect()
        head = {}
        if path.startswith("/v1"):
            head["Authorization"] = "Bearer " + self.token()
        if body is not None:
            head["Content-Type"] = "application/json"
        c.request(method, path, json.dumps(body) if body is not None else None, head)
        r = c.getresponse()
        text = r.read()
        return r.status, json.loads(text) if text else None

    def rss(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            part = f.read().rsplit(") ", 1)[1].split()
        return (int(part[11]) + int(part[12])) / os.sysconf("SC_CLK_TCK")

    def counts(self):
        return self.call("GET", "/v1/node")[1]

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def remove(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


# One fake pool with one node, which one long task fills: everything after it waits.
FULL_POOL = """  - name: full
    tier: centre
    region: cn/50/500100
    owner: bench
    engine: fake
    groups: [{ count: 1, cpus: 1, memory_mb: 1024 }]
"""


def fill(node):
    status, said = node.call("POST", "/v1/tasks", {
        "name": "stopper", "command": ["sleep", "864000"], "cpus": 1, "memory_mb": 1024,
        "walltime_s": 864000})
    if status != 201:
        sys.exit(f"bench: the pool could not be filled: {status} {said}")
    while True:
        state = node.call("GET", f"/v1/tasks/{said['id']}")[1]["state"]
        if state == "running":
            return
        time.sleep(0.02)


class Figures:
    """What came out; printed once, as a table or one JSON object per line."""

    def __init__(self, bench):
        self.bench, self.rows = bench, []

    def add(self, figure, values, unit, peer=None, peer_value=None, target=None, better="high"):
        """`values`: one per repetition.  The median counts; the best is shown beside it."""
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        self.rows.append({"bench": self.bench, "figure": figure,
                          "value": rounded(statistics.median(values)), "unit": unit,
                          "peer": peer, "peer_value": peer_value, "target": target,
                          "best": rounded(max(values) if better == "high" else min(values)),
                          "ok": verdict(statistics.median(values), target, better)})

    def missing(self, figure, why, target=None):
        self.rows.append({"bench": self.bench, "figure": figure, "value": None, "unit": why,
                          "peer": None, "peer_value": None, "target": target, "best": None,
                          "ok": "missing"})

    def show(self, as_json):
        keys = ("bench", "figure", "value", "unit", "peer", "peer_value", "target")
        if as_json:
            for r in self.rows:
                print(json.dumps({k: r[k] for k in keys}))
            return
        head = ("figure", "median", "best", "unit", "target", "", "peer")
        lines = [head] + [(r["figure"], shown(r["value"]), shown(r["best"]), r["unit"],
                           shown(r["target"]), r["ok"], peer(r)) for r in self.rows]
        width = [max(len(line[i]) for line in lines) for i in range(len(head))]
        for line in lines:
            print("  ".join(cell.rjust(w) if i in (1, 2, 4) else cell.ljust(w)
                            for i, (cell, w) in enumerate(zip(line, width))).rstrip())
        print(f"{os.cpu_count()} cpus, load {load_average()} at the end")


def rounded(v):
    return round(v) if abs(v) >= 1000 else float(f"{v:.4g}")


def shown(v):
    return "-" if v is None else f"{v:,}"


def peer(r):
    return "" if r["peer"] is None else f"{shown(r['peer_value'])} {r['peer']}"


def verdict(v, target, better):
    if target is None:
        return ""
    return "ok" if (v >= target if better == "high" else v <= target) else "MISSED"


def options(argv, **defaults):
    """--json, and --NAME VALUE for each default; the type is the default's."""
    given = dict(defaults, json=False)
    words = list(argv)
    while words:
        key = words.pop(0).removeprefix("--").replace("-", "_")
        if key == "json":
            given["json"] = True
        elif key in defaults and words:
            given[key] = type(defaults[key])(words.pop(0))
        else:
            sys.exit("usage: run [--json]" + "".join(f" [--{k.replace('_', '-')} {v}]"
                                                     for k, v in defaults.items()))
    return given
