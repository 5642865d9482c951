"""The unit that comes with us, under a real systemd: as process 1 of namespaces of its own.

It has its own /run, its own control groups and no unit but ours; ports are those of this machine.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "lib"))
from client import POOL, Api  # noqa: E402

SYSTEMD = pathlib.Path("/lib/systemd/systemd")
USER = "nobody"         # there on every machine; the unit's own is made by whoever installs it
SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJzdW4iOiJjbHVzdGVyIn0.c2VjcmV0LW9mLXRoZS1jbHVzdGVy"
SEALED = SECRET[:-4] + "bm9y"           # the token of another cluster, which lies encrypted
CREDS = shutil.which("systemd-creds")
EXPOSURE_MAX = 5.0      # of systemd-analyze security, 0 to 10; jobs live in the unit, so it is not 1


def unit(build):
    text = (ROOT / "share" / "suanlu.service.in").read_text()
    return text.replace("@bindir@", str(build))


def test_the_unit_is_one_that_systemd_takes(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here: apt install systemd")
    file = tmp_path / "suanlu.service"
    file.write_text(unit("/bin").replace("/bin/suanlu serve", "/bin/true serve").replace("User=suanlu", f"User={USER}"))
    out = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    complaints = [line for line in (out.stdout + out.stderr).splitlines()
                  if "'man " not in line and "Special user nobody" not in line and "suanlu.service" in line]
    assert not complaints
    out = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", file], capture_output=True,
                         text=True)
    exposure = float(re.search(r"exposure level for suanlu.service: ([0-9.]+)", out.stdout)[1])
    assert exposure <= EXPOSURE_MAX, out.stdout


class Cluster(http.server.BaseHTTPRequestHandler):
    """Takes note of the token that it is shown, and is no cluster otherwise."""
    tokens = []

    def do_GET(self):
        self.tokens.append(self.headers.get("X-SLURM-USER-TOKEN"))
        self.send_error(500)

    def log_message(self, *args):
        pass


BOOT = """
mount --make-rprivate / && mount -t tmpfs -o mode=755 run /run && mount --make-rshared / &&
mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs -o mode=755 lib /var/lib/systemd &&
{ ! systemd-creds --version >/dev/null 2>&1 ||
  systemd-creds encrypt --with-key=host --name=north.jwt "$1/../secrets/north.jwt" "$1/../north.cred"; } &&
rm "$1/../secrets/north.jwt" &&
exec env -i PATH="$PATH" container=test SYSTEMD_UNIT_PATH="$1" \\
    "$2" --system --unit=boot.target --log-target=console --show-status=no
"""


class Machine:
    def __init__(self, units):
        self.group = pathlib.Path("/sys/fs/cgroup/unified")
        if not (self.group / "cgroup.procs").exists():
            self.group = pathlib.Path("/sys/fs/cgroup")
        self.group /= units.parent.name
        self.group.mkdir()
        self.log = open(units.parent / "systemd.log", "w")
        self.process = subprocess.Popen(
            ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec unshare --pid --fork --kill-child --mount --uts --ipc '
             '--cgroup --mount-proc sh -c "$1" sh "$2" "$3"', self.group, BOOT, units, SYSTEMD],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.pid = None

    def run(self, *args, check=True):
        out = subprocess.run(["nsenter", "-t", str(self.pid), "--pid", "--mount", "--cgroup", "--uts", "--ipc", *args],
                             capture_output=True, text=True, errors="replace", timeout=60)
        assert not check or out.returncode == 0, (args, out.stdout, out.stderr)
        return out.stdout

    def boot(self):
        """False: namespaces or control groups are not to be had here."""
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children and pathlib.Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n":
                self.pid = int(children[0])
                if "running" in self.run("systemctl", "is-system-running", check=False):
                    return True
            time.sleep(0.1)
        return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)        # and with it its child, and all below
        self.process.wait()
        self.log.close()
        for _ in range(100):
            for path in sorted(self.group.glob("**/"), reverse=True):
                try:
                    path.rmdir()
                except OSError:
                    pass
            if not self.group.exists():
                break
            time.sleep(0.05)


class Node:
    """The unit with what a machine says of it in a drop-in."""

    def __init__(self, where, port, user, more):
        build = pathlib.Path(os.environ.get("SUANLU_BUILD", ROOT / "build"))
        self.where, self.units = where, where / "units"
        (where / "bin").mkdir()
        for name in ("suanlu", "suanlu-shim"):
            shutil.copy(build / name, where / "bin")
        (where / "secrets").mkdir(mode=0o700)
        (where / "secrets" / "west.jwt").write_text(SECRET)
        (where / "secrets" / "west.jwt").chmod(0o600)
        (where / "secrets" / "north.jwt").write_text(SEALED)        # gone when it is encrypted
        (where / "shared").mkdir()
        shutil.chown(where / "shared", user)
        slurm = {"name": "west", "tier": "centre", "region": "cn/50", "owner": "o", "engine": "slurm",
                 "options": {"url": f"http://127.0.0.1:{port}", "token_file": "credential:west.jwt", "user": user,
                             "dir": str(where / "shared"), "partitions": ["cpu"], "poll_ms": 200}}
        pools = [{**POOL, "options": {} if user == USER else {"user": USER}}, slurm]
        if CREDS:
            (where / "north").mkdir()
            shutil.chown(where / "north", user)
            pools.append({**slurm, "name": "north", "options": {
                **slurm["options"], "token_file": "credential:north.jwt", "dir": str(where / "north")}})
            more += f"LoadCredentialEncrypted=north.jwt:{where}/north.cred\n"
        config = {"listen": "127.0.0.1:0", "state": "/run/suanlu", "region": "cn/50", "pools": json.loads(json.dumps(pools))}
        (where / "suanlu.yaml").write_text(yaml.safe_dump(config))
        (where / "suanlu.yaml").chmod(0o644)
        drop_in = self.units / "suanlu.service.d"
        drop_in.mkdir(parents=True)
        (self.units / "boot.target").write_text("[Unit]\nWants=suanlu.service\nAfter=suanlu.service\n")
        (self.units / "suanlu.service").write_text(unit(where / "bin"))
        # What is not a machine's: no network unit, no place of its own in /var.
        (drop_in / "here.conf").write_text(
            "[Unit]\nDefaultDependencies=no\nWants=\nAfter=\n[Service]\n"
            f"User={user}\nStateDirectory=\nRuntimeDirectory=suanlu\nRuntimeDirectoryPreserve=yes\n"
            f"RuntimeDirectoryMode=0700\nStandardOutput=append:{where}/daemon.log\nStandardError=inherit\n{more}"
            f"LoadCredential=west.jwt:{where}/secrets/west.jwt\nEnvironment=ASAN_OPTIONS={os.environ.get('ASAN_OPTIONS', '')}\n"
            f"ExecStart=\nExecStart={where}/bin/suanlu serve --config {where}/suanlu.yaml\n")
        self.machine = Machine(self.units)

    def main_pid(self):
        return int(self.machine.run("systemctl", "show", "-P", "MainPID", "suanlu"))

    def api(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            address = self.machine.run("cat", "/run/suanlu/address", check=False).strip()
            if address:
                api = Api(address, self.machine.run("cat", "/run/suanlu/token").strip())
                try:
                    if api.get("/readyz").status_code == 200:
                        return api
                except Exception:               # not there yet, or not any more
                    pass
            time.sleep(0.1)
        raise AssertionError((self.where / "daemon.log").read_text()[-2000:])


@contextlib.contextmanager
def started(user, more=""):
    if os.geteuid() or not SYSTEMD.exists() or not shutil.which("nsenter"):
        pytest.skip("needs root, systemd and util-linux: apt install systemd util-linux")
    where = pathlib.Path(tempfile.mkdtemp(prefix="suanlu-systemd-"))
    where.chmod(0o755)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cluster)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    n = Node(where, server.server_address[1], user, more)
    try:
        if not n.machine.boot():
            text = (where / "systemd.log").read_text()
            pytest.skip(f"systemd does not come up in namespaces here: {text[-300:]}")
        yield n
    finally:
        n.machine.stop()
        server.shutdown()
        shutil.rmtree(where)


@pytest.fixture(scope="module")
def node():
    with started(USER) as n:
        yield n


def test_systemd_hands_the_daemon_a_token_that_only_it_can_read(node):
    node.api()
    look = node.machine.run("stat", "-f", "-c", "%T", "/run/credentials/suanlu.service/west.jwt")
    mode = node.machine.run("stat", "-c", "%a %U", "/run/credentials/suanlu.service/west.jwt")
    assert look.strip() in ("ramfs", "tmpfs") and mode.strip() in (f"400 {USER}", "440 root")
    end = time.monotonic() + 10
    while SECRET not in Cluster.tokens and time.monotonic() < end:
        time.sleep(0.1)
    assert SECRET in Cluster.tokens
    other = subprocess.run(["nsenter", "-t", str(node.machine.pid), "--mount", "setpriv", "--reuid", "12345",
                            "--clear-groups", "cat", "/run/credentials/suanlu.service/west.jwt"], capture_output=True,
                           text=True)
    assert other.returncode and SECRET not in other.stdout


def test_an_encrypted_credential_is_read_by_the_daemon_alone(node):
    if not CREDS:
        pytest.skip("no systemd-creds here: it comes with systemd 250")
    node.api()
    end = time.monotonic() + 10
    while SEALED not in Cluster.tokens and time.monotonic() < end:
        time.sleep(0.1)
    assert SEALED in Cluster.tokens
    lying = {path: path.read_bytes() for path in node.where.rglob("*") if path.is_file()}
    assert node.where / "north.cred" in lying
    assert not [path for path, text in lying.items() if SEALED.encode() in text]


def test_a_job_does_not_inherit_the_credentials(node):
    api = node.api()
    task = api.submit(script="cat /proc/self/environ /proc/$PPID/environ | tr '\\0' '\\n'; ls -l /proc/self/fd",
                      pools=["centre"])
    assert api.wait(task["id"])["state"] == "done"
    out = api.get(f"/v1/tasks/{task['id']}/logs").text
    assert "SUANLU_RUN=" in out and "CREDENTIALS" not in out and "INVOCATION_ID" not in out and "west.jwt" not in out


def test_the_token_is_in_no_command_line_environment_file_or_answer(node):
    api = node.api()
    run = api.submit(command=["sleep", "60"], pools=["centre"])
    api.wait(run["id"], ("running",))
    children = 0
    for pid in (p for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and p.name != str(os.getpid())):
        for name in ("cmdline", "environ"):
            try:
                text = (pid / name).read_bytes()
            except OSError:
                continue
            children += b"suanlu-shim" in text
            assert SECRET.encode() not in text, (pid, name)
    assert children
    api.post(f"/v1/tasks/{run['id']}/cancel")
    assert SECRET not in node.machine.run("sh", "-c", "find /run/suanlu -type f | xargs cat")
    for log in ("systemd.log", "daemon.log"):
        assert SECRET not in (node.where / log).read_text()
    for path in ("/v1/pools", "/v1/pools/west", "/v1/node", "/v1/audit", "/metrics"):
        assert SECRET not in api.get(path).text, path


def test_a_run_goes_on_while_the_daemon_is_started_again(node):
    api = node.api()
    task = api.submit(script="sleep 3; exit 7", pools=["centre"])["id"]
    api.wait(task, ("running",))
    before = node.main_pid()
    node.machine.run("systemctl", "restart", "suanlu")
    assert node.main_pid() not in (0, before)
    api = node.api()
    done = api.wait(task)
    assert done["exit_code"] == 7 and done["attempt"] == 1 and done["lost"] == 0


def test_a_killed_daemon_is_started_again(node):
    node.api()
    before = node.main_pid()
    node.machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", "suanlu")
    end = time.monotonic() + 20
    while node.main_pid() in (0, before):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert node.api().get("/v1/node").status_code == 200


def test_as_root_it_lends_jobs_to_a_user_with_what_the_unit_says_for_that():
    said = re.search(r"As root, [^:]*: (User=root, [^.]*)\.", unit("").replace("\n# ", " "))[1]
    with started("root", said.replace("State", "Runtime").replace(", ", "\n") + "\n") as node:
        api = node.api()
        task = api.submit(script="id -un; cat /run/credentials/suanlu.service/west.jwt", pools=["centre"])["id"]
        assert api.wait(task)["state"] == "failed"
        assert api.get(f"/v1/tasks/{task}/logs").text == f"{USER}\n"
        assert "Permission denied" in api.get(f"/v1/tasks/{task}/logs", params={"stream": "stderr"}).text


def test_a_wrong_configuration_is_not_tried_again_and_again(node):
    def told(what):
        return node.machine.run("systemctl", "show", "-P", what, "suanlu").strip()

    good = (node.where / "suanlu.yaml").read_text()
    (node.where / "suanlu.yaml").write_text(good + "colour: blue\n")
    node.machine.run("systemctl", "restart", "suanlu", check=False)
    time.sleep(3)
    assert (told("ActiveState"), told("ExecMainStatus"), told("NRestarts")) == ("failed", "2", "0")
    (node.where / "suanlu.yaml").write_text(good)
    node.machine.run("systemctl", "restart", "suanlu")
    assert node.api().get("/v1/node").status_code == 200
