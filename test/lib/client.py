"""client.py - start a daemon for a test, talk to it, and hold every answer against doc/openapi.yaml

    with Daemon({"pools": [...]}) as d:
        task = d.api.post("/v1/tasks", json={"script": "true"}).json()

An answer that the contract does not describe (path, method, status, type, field) fails the test.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import httpx
import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "post", "put", "patch", "delete")

# A city with one pool on this machine; tests replace what they care about.
POOL = {
    "name": "centre", "tier": "centre", "region": "cn/50/500106", "owner": "city", "engine": "local",
    "clearance": 4, "price": {"cpu_hour": "0.50"},
    "groups": [{"count": 1, "cpus": 4, "memory_mb": 4096}],
}


class Undocumented(AssertionError):
    """The daemon said something that doc/openapi.yaml does not say it says."""


class Contract:
    """doc/openapi.yaml, asked about single answers."""

    def __init__(self, path=ROOT / "doc" / "openapi.yaml"):
        self.doc = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.resolver = jsonschema.RefResolver("", self.doc)
        self.paths = []
        for template in self.doc["paths"]:
            # {x} matches one part, or up to ':' as in {id}:cancel; templates without one come first.
            pattern = re.compile("^" + re.sub(r"\{[^}]+\}", "[^/:]+", template) + "$")
            self.paths.append((template.count("{"), template, pattern))
        self.paths.sort()

    def deref(self, node):
        while isinstance(node, dict) and "$ref" in node:
            _, node = self.resolver.resolve(node["$ref"])
        return node

    def template(self, path):
        for _, template, pattern in self.paths:
            if pattern.match(path):
                return template
        return None

    def validate(self, schema, value, what):
        errors = jsonschema.Draft202012Validator(schema, resolver=self.resolver).iter_errors(value)
        first = jsonschema.exceptions.best_match(errors)
        if first:
            where = "/".join(str(x) for x in first.absolute_path)
            raise Undocumented(f"{what}: at '{where}': {first.message}")

    def schema(self, name, value):
        self.validate({"$ref": f"#/components/schemas/{name}"}, value, name)

    def response(self, method, path, status):
        """The response object of an operation, or None when path or method do not exist."""
        template = self.template(path)
        operation = self.doc["paths"].get(template, {}).get(method.lower())
        if operation is None:
            return None
        responses = operation["responses"]
        if str(status) not in responses:
            raise Undocumented(f"{method} {template}: status {status} is not documented")
        return self.deref(responses[str(status)])

    def check(self, response):
        """Hold a complete answer (httpx.Response) against the contract."""
        method, path = response.request.method, response.request.url.path
        what = f"{method} {path} -> {response.status_code}"
        described = self.response(method, path, response.status_code)
        if described is None:
            # No such operation: 404, 405 or, without a token, 401; always an Error.
            if response.status_code not in (400, 401, 404, 405, 414):
                raise Undocumented(f"{what}: no such operation")
            self.schema("Error", response.json())
            return
        content = described.get("content")
        if not content:
            if response.content:
                raise Undocumented(f"{what}: a body where none is documented")
            return
        kind = response.headers.get("content-type", "")
        if kind not in content:
            raise Undocumented(f"{what}: content type {kind!r}, documented: {list(content)}")
        if kind == "application/json":
            self.validate(content[kind]["schema"], response.json(), what)
        for header in described.get("headers", {}):
            if header.lower() not in response.headers and not header.startswith("X-Log"):
                raise Undocumented(f"{what}: the header {header} is missing")

    def check_event(self, method, path, name, data):
        """Hold one server-sent event against x-events of its stream."""
        described = self.response(method, path, 200)
        events = described["content"]["text/event-stream; charset=utf-8"]["x-events"]
        schema = events.get(name) or events.get("*")
        if not schema:
            raise Undocumented(f"{method} {path}: the event {name!r} is not documented")
        self.validate(schema, data, f"{method} {path}: event {name}")


CONTRACT = Contract()


class Event:
    def __init__(self, name, id, data):
        self.name, self.id, self.data = name, id, data

    def __repr__(self):
        return f"Event({self.name!r}, {self.id!r}, {self.data!r})"


class Api(httpx.Client):
    """httpx.Client whose answers are checked. token="" sends none."""

    def __init__(self, address, token, timeout=10.0):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(base_url=f"http://{address}", headers=headers, timeout=timeout,
                         trust_env=False)

    def request(self, *args, **kwargs):
        response = super().request(*args, **kwargs)
        CONTRACT.check(response)
        return response

    def events(self, path, timeout=10.0, **kwargs):
        """Yield the events of a stream until it ends; httpx.ReadTimeout when silent too long."""
        with self.stream("GET", path, timeout=timeout, **kwargs) as response:
            if response.status_code != 200:
                response.read()
                CONTRACT.check(response)
                raise AssertionError(f"{path}: {response.status_code} {response.text}")
            name, id, data = "message", None, []
            for line in response.iter_lines():
                line = line.rstrip("\r\n")
                if line == "" and data:
                    value = json.loads("\n".join(data))
                    CONTRACT.check_event("GET", response.request.url.path, name, value)
                    yield Event(name, id, value)
                    name, data = "message", []
                elif line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("id: "):
                    id = line[4:]
                elif line.startswith("data: "):
                    data.append(line[6:])

    def submit(self, **spec):
        """Submit and expect it to be taken in; the Submission."""
        response = self.post("/v1/tasks", json=spec)
        assert response.status_code in (200, 201), response.text
        return response.json()

    def wait(self, id, states=("done", "failed", "cancelled", "refused"), timeout=30.0):
        """The task once it is in one of these states."""
        end = time.monotonic() + timeout
        while True:
            task = self.get(f"/v1/tasks/{id}").json()
            if task["state"] in states:
                return task
            assert time.monotonic() < end, f"task {id} is still {task['state']}: {task['reason']}"
            time.sleep(0.05)


class Daemon:
    """`suanlu serve` in a directory of its own; a context manager.

    config: keys that replace those of the default configuration.  directory: kept, and used
    again for a restart; else a temporary one that goes away.
    """

    def __init__(self, config=None, directory=None, program=None, env=None):
        self.own = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="suanlu-test-"))
        self.state = self.directory / "state"
        self.files = self.directory / "files"
        self.build = pathlib.Path(os.environ.get("SUANLU_BUILD", ROOT / "build"))
        self.program = str(program or self.build / "suanlu")
        self.env = dict(os.environ, **(env or {}))
        self.popen = {}                 # more for its process, such as user=
        self.process = None
        self.api = None
        for path in (self.state, self.files):
            path.mkdir(mode=0o700, exist_ok=True)
        self.config = {
            "listen": "127.0.0.1:0", "state": str(self.state), "region": "cn/50",
            "files": {"read": [str(self.files)], "write": [str(self.files)], "inner": ["127.0.0.1"]},
            "pools": [POOL],
        }
        self.config.update(config or {})
        self.config_file = self.directory / "suanlu.yaml"
        self.config_file.write_text(yaml.safe_dump(self.config, allow_unicode=True), encoding="utf-8")

    @property
    def log(self):
        path = self.directory / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def token(self):
        return (self.state / "token").read_text().strip()

    def start(self, timeout=20.0):
        assert self.process is None
        (self.state / "address").unlink(missing_ok=True)
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen([self.program, "serve", "--config", str(self.config_file)],
                                            stdout=log, stderr=log, env=self.env, **self.popen)
        end = time.monotonic() + timeout
        while not self._ready():
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise AssertionError(f"the daemon ended with {code}:\n{self.log}")
            assert time.monotonic() < end, f"the daemon is not ready:\n{self.log}"
            time.sleep(0.02)
        return self

    def _ready(self):
        try:
            address = (self.state / "address").read_text().strip()
            if not address or not self.token:
                return False
            self.api = self.client()
            return self.api.get("/readyz").status_code == 200
        except (OSError, httpx.HTTPError):
            return False

    def client(self, token=None):
        """Another client; token "" sends none."""
        address = (self.state / "address").read_text().strip()
        return Api(address, self.token if token is None else token)

    def user(self, tenant, roles=("user",), name=None):
        """A client with a new token; its tenant is made when it is not there."""
        if self.api.get(f"/v1/tenants/{tenant}").status_code == 404:
            assert self.api.post("/v1/tenants", json={"name": tenant}).status_code == 201
        made = self.api.post("/v1/tokens", json={"name": name or f"{tenant}-{'-'.join(roles)}",
                                                 "tenant": tenant, "roles": list(roles)})
        assert made.status_code == 201, made.text
        return self.client(made.json()["token"])

    def cli(self, *args, **kwargs):
        """Run `suanlu ARGS` against this daemon; the CompletedProcess."""
        env = dict(self.env, SUANLU_STATE=str(self.state), LC_ALL="C.UTF-8")
        return subprocess.run([self.program, *args], env=env, capture_output=True, text=True,
                              timeout=60, **kwargs)

    def kill(self):
        """kill -9, as a power cut."""
        return self._end(signal.SIGKILL)

    def stop(self):
        """Ask it to stop; its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number):
        if self.process is None:
            return None
        if self.api:
            self.api.close()
            self.api = None
        self.process.send_signal(number)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.process = None
            raise AssertionError(f"the daemon does not stop:\n{self.log}") from None
        self.process = None
        return code

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        # Nothing of a test may outlive it: runs go on without a daemon.
        try:
            if self.process and self.api:
                for task in self.api.get("/v1/tasks", params={
                        "state": "sending,queued,running", "limit": 1000}).json()["tasks"]:
                    self.api.post(f"/v1/tasks/{task['id']}/cancel")
                end = time.monotonic() + 10
                while time.monotonic() < end:
                    counts = self.api.get("/v1/node").json()["counts"]
                    if not counts["sending"] + counts["queued"] + counts["running"]:
                        break
                    time.sleep(0.05)
            code = self.stop()
            bad = "AddressSanitizer" in self.log or "runtime error" in self.log
            assert kind or (code in (0, None) and not bad), self.log
        finally:
            if self.process:
                self.process.kill()
                self.process.wait()
            if kind:
                print(self.log)
            if self.own:
                shutil.rmtree(self.directory, ignore_errors=True)


def files_below(directory):
    """Every file there, as (path, bytes)."""
    for path in pathlib.Path(directory).rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def processes(but=()):
    """What the list of processes shows: command line and environment of each, as (path, bytes)."""
    for path in (p for name in ("cmdline", "environ") for p in pathlib.Path("/proc").glob(f"[0-9]*/{name}")):
        if int(path.parent.name) not in but:
            try:
                yield path, path.read_bytes()
            except OSError:             # it ended meanwhile
                pass
