"""soak_node.py - the daemon under soak: start, stop, ask, and hurt it"""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """listen: 127.0.0.1:{port}
state: {dir}/state
log: warn
files: {{read: [{dir}/files], write: [{dir}/files]}}
http: {{connections: 300, head_ms: 4000, body_ms: 6000}}
limits: {{stop_grace_ms: 500, finished: 4000}}
pools:
  - name: a
    tier: centre
    region: cn/50/500100
    owner: soak
    engine: local
    images: host
    groups: [{{count: 1, cpus: 4, memory_mb: 4096}}]
  - name: b
    tier: edge
    region: cn/50/500106
    owner: soak
    engine: local
    images: host
    groups: [{{count: 1, cpus: 3, memory_mb: 4096}}]
  - name: flaps
    tier: edge
    region: cn/51
    owner: soak
    engine: fake
    options: {{run_ms: 200, down_after_ms: 1500, down_for_ms: 700, fail_per_mille: 20}}
    groups: [{{count: 2, cpus: 16, memory_mb: 16384}}]
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    def __init__(self, where):
        self.dir = pathlib.Path(where)
        self.marks = self.dir / "marks"
        self.files = self.dir / "files"
        self.files.mkdir()
        self.port = free_port()
        self.build = pathlib.Path(os.environ.get("SUANLU_BUILD", ROOT / "build")).resolve()
        self.process = None
        self.secret = None
        self.starts_s = []              # how long each restart took
        (self.dir / "suanlu.yaml").write_text(CONFIG.format(port=self.port, dir=where))

    def launch(self):
        with open(self.dir / "daemon.log", "ab") as log:
            self.process = subprocess.Popen([str(self.build / "suanlu"), "serve", "--config",
                                             str(self.dir / "suanlu.yaml")], stdout=log, stderr=log)

    def wait_ready(self, timeout=600):
        begun = time.monotonic()
        while time.monotonic() < begun + timeout:
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode}: {self.tail()}")
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    self.starts_s.append(time.monotonic() - begun)
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"the daemon does not get ready: {self.tail()}")

    def tail(self):
        return (self.dir / "daemon.log").read_text(errors="replace")[-2000:]

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.signal(signal.SIGTERM)
        code = self.process.wait(300)
        assert code == 0, f"asked to stop, the daemon ended with {code}: {self.tail()}"

    @property
    def token(self):
        if not self.secret:
            self.secret = (self.dir / "state" / "token").read_text().strip()
        return self.secret

    def call(self, method, path, body=None, head=(), timeout=60):
        """(status, document); OSError when there is no whole answer."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        send = dict(head)
        try:
            if path.startswith(("/v1", "/ga4gh")):
                send["Authorization"] = "Bearer " + self.token
            if body is not None:
                send["Content-Type"] = "application/json"
            c.request(method, path, json.dumps(body) if body is not None else None, send)
            r = c.getresponse()
            text = r.read()
            return r.status, json.loads(text) if text else None
        except (http.client.HTTPException, ValueError) as e:
            raise OSError(str(e)) from None
        finally:
            c.close()

    def cli(self, *argv):
        """(exit code, what it printed, what it complained)"""
        env = dict(os.environ, SUANLU_STATE=str(self.dir / "state"), LC_ALL="C.UTF-8")
        done = subprocess.run([str(self.build / "suanlu"), *argv], env=env, cwd=self.dir,
                              capture_output=True, text=True, timeout=600)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def shims(self):
        """The processes that stand over our runs, and (task number, attempt) of each; not a job of theirs
        that has not been exec'ed yet."""
        mine, run = {}, {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/cmdline", "rb") as f:
                        words = f.read().split(b"\0")
                except OSError:
                    continue
                if words[0].endswith(b"suanlu-shim") and str(self.dir).encode() in b" ".join(words):
                    with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as f:
                        mine[int(entry)] = int(f.read().rsplit(") ", 1)[1].split()[1])
                        run[int(entry)] = words[1].decode().rsplit("-", 2)[1:]
        return {pid: tuple(map(int, run[pid])) for pid, parent in mine.items() if parent not in mine}

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) // 1024
        return 0

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        for pid in self.shims():
            try:
                os.kill(pid, signal.SIGTERM)
            except OSError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)
