"""The shared directory of a Slurm pool on real clusters: set-ups with users of their own, what is removed
when, and one that hangs."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from slurm_bed import Hung, Node, Rig, needs_slurm, until  # noqa: E402

pytestmark = needs_slurm


@pytest.fixture(scope="module")
def rig():
    with Rig() as r:
        yield r


class People:
    """A user for the daemon and one for jobs, with a group for both, of this machine while a test runs."""
    daemon, jobs, group = "suanlu-test-d", "suanlu-test-j", "suanlu-test-g"

    def __enter__(self):
        if os.geteuid() or not shutil.which("useradd"):
            pytest.skip("users can only be made by root, with useradd")
        self.__exit__()
        subprocess.run(["groupadd", self.group], check=True)
        for name in self.daemon, self.jobs:
            subprocess.run(["useradd", "-M", "-N", "-s", "/bin/sh", "-g", "nogroup", "-G", self.group, name], check=True)
        return self

    def __exit__(self, *_):
        for name in self.daemon, self.jobs:
            subprocess.run(["userdel", name], capture_output=True)
        subprocess.run(["groupdel", self.group], capture_output=True)


@pytest.fixture(scope="module")
def people():
    with People() as p:
        yield p


@pytest.fixture
def shared():
    """Beside the node's own directory, which is nobody else's."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="suanlu-shared-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def node_for(rig, people, shared, **options):
    """Its jobs run as another user of the cluster."""
    node = Node(rig, user=people.jobs, dir=str(shared), keep_runs_s=1, **options)
    node.write_token("east", rig.token("east", people.jobs))
    return node


LEAVES = "mkdir -p a/b; echo x >a/b/c; mkdir -m 700 own; echo y >own/z; id -un; exit 7"


def restart_until_gone(node, run, seconds=30):
    """Old directories are looked for when the daemon starts, and each minute."""
    time.sleep(2.2)
    node.kill()
    node.start()
    until(lambda: not run.exists() and not list(run.parent.glob(".gone-*")), seconds,
          lambda: subprocess.run(["ls", "-lRa", run.parent], capture_output=True, text=True).stdout)


def test_daemon_and_jobs_of_two_users_in_one_group_share_a_directory_and_it_is_swept(rig, people, shared):
    shared.chmod(0o2770)
    shutil.chown(shared, people.daemon, people.group)
    shared.chmod(0o2770)
    node = node_for(rig, people, shared)
    for path in [node.where, *node.where.rglob("*")]:
        shutil.chown(path, people.daemon)
    node.where.chmod(0o755)
    node.popen = {"user": people.daemon, "group": "nogroup", "extra_groups": [people.group]}
    with node:
        node.up()
        t = node.sh(LEAVES)
        assert node.api.wait(t)["exit_code"] == 7, node.runs(t)
        run = shared / node.run_id(t)
        assert (run.owner(), run.group(), run.stat().st_mode & 0o7777) == (people.daemon, people.group, 0o2770)
        assert (run / "work" / "a").owner() == people.jobs
        assert node.cli("logs", str(t)).stdout == f"{people.jobs}\n"
        killed = node.sh("mkdir -p a/b; echo x >a/b/c; sleep 60")      # its script does not come to its end
        node.api.wait(killed, ("running",))
        until((shared / node.run_id(killed) / "work" / "a" / "b" / "c").exists)
        node.api.post(f"/v1/tasks/{killed}/cancel")
        node.api.wait(killed)
        restart_until_gone(node, run)
        until(lambda: not list(shared.iterdir()), 20, lambda: list(shared.iterdir()))
        assert "could not remove" not in node.log


def test_a_daemon_that_is_root_gives_the_directory_to_the_jobs_user(rig, people, shared):
    shared.chmod(0o711)
    with node_for(rig, people, shared) as node:
        node.up()
        t = node.sh(LEAVES)
        assert node.api.wait(t)["exit_code"] == 7, node.runs(t)
        run = shared / node.run_id(t)
        for path, mode in (run, 0o700), (run / "work", 0o700), (run / "work" / "own", 0o700):
            assert (path.owner(), path.stat().st_mode & 0o777) == (people.jobs, mode)
        assert node.cli("logs", str(t)).stdout == f"{people.jobs}\n"
        restart_until_gone(node, run)


def test_a_directory_that_nobody_settled_is_not_kept_for_ever(rig):
    with Node(rig, keep_runs_s=1) as node:
        node.up()
        runs, tell = node.held()
        node.api.wait(runs, ("running",))
        east = node.where / "east"
        left, other, live = (east / name for name in (node.run_id(runs).replace("-1-1", "-999-1"), "zz-1-1",
                                                      node.run_id(runs)))
        for path in left, other:
            (path / "work").mkdir(parents=True)
        until((live / "started").exists)
        for path in left, other, live:
            os.utime(path, (1e9, 1e9))
        node.kill(), node.start()
        until((left / "settled").exists)
        assert (left / "started").read_text() == "taken\n"
        restart_until_gone(node, left)
        tell()
        assert node.api.wait(runs)["exit_code"] == 7 and len(node.runs(runs)) == 1
        assert not (live / "stop").exists() and not (other / "settled").exists()


def test_what_others_use_is_not_free_also_where_their_jobs_are_not_listed(people, tmp_path, shared):
    """PrivateData=jobs: what the nodes gave away beyond the jobs that we see is somebody else's."""
    extra = tmp_path / "extra.conf"
    extra.write_text("PrivateData=jobs\n")
    shared.chmod(0o711)
    with Rig(SLURM_RIG_EXTRA_CONF=str(extra)) as rig, node_for(rig, people, shared) as node:
        all_cpus = node.up()["cpus_free"]
        theirs = rig.run("east", "sbatch", "--parsable", "-p", "npu", "-n", "1", "-c", "8", "--mem=1000",
                         "--gres=gpu:ascend910b:2", "-o", "/dev/null", "--wrap", "sleep 60").strip()
        until(lambda: rig.jobs("east")[int(theirs)][1] == "RUNNING")
        seen = subprocess.run(["curl", "-s", "-H", f"X-SLURM-USER-NAME: {people.jobs}", "-H",
                               f"X-SLURM-USER-TOKEN: {rig.token('east', people.jobs)}",
                               rig.env_of("east")["SLURM_RIG_URL"] + "/slurm/v0.0.38/jobs"],
                              capture_output=True, text=True).stdout
        assert f'"job_id": {theirs}' not in seen and '"jobs"' in seen
        until(lambda: node.up()["cpus_free"] == all_cpus - 8, what=lambda: node.up())
        assert node.up()["accelerators_free"] == node.up()["accelerators"] - 2
        mine, tell = node.held(at=shared, cpus=4)
        node.api.wait(mine, ("running",))
        until(lambda: node.up()["cpus_free"] == all_cpus - 12, what=lambda: node.up())     # and not counted twice
        tell()
        assert node.api.wait(mine)["exit_code"] == 7
        rig.run("east", "scancel", theirs)
        until(lambda: node.up()["cpus_free"] == all_cpus, what=lambda: node.up())


# ---- one that hangs ----

def test_directories_that_hang_hold_up_their_own_pools_only(rig):
    """More pools than libuv has threads: their looks took all, and nobody could log in."""
    parts = {f"east-{i}": {} for i in range(5)}
    with Node(rig, ("east", "west"), parts=parts) as node:
        for pool in ("east", "west", *parts):
            node.up(pool)
        for pool in ("west", *parts):
            node.api.post(f"/v1/pools/{pool}/drain", json={"reason": "east first"})
        runs, tell = node.held()
        node.api.wait(runs, ("running",))
        with Hung(node.where / "east"):
            time.sleep(3)
            with node.client(token="") as nobody:
                assert nobody.post("/v1/session", json={"user": "nobody", "password": "a guess"}).status_code == 401
            time.sleep(4)
            tell()
            waits = node.sh("true")
            time.sleep(1)
            assert node.api.get(f"/v1/tasks/{waits}").json()["state"] == "waiting"
            assert "shared directory does not answer" in node.up("east", want=False)["why"]
            assert len(node.runs(waits)) <= 1
            node.api.post("/v1/pools/west/resume")
            assert node.api.wait(waits)["state"] == "done" and node.runs(waits)[-1]["pool"] == "west"
        assert node.api.wait(runs)["exit_code"] == 7 and len(node.runs(runs)) == 1


def test_a_log_that_hangs_holds_up_nobody_else(rig):
    """A log was read by the daemon's one loop, unless the directory was known to hang."""
    with Node(rig) as node:
        node.up()
        t = node.sh("echo said; exit 7")
        assert node.api.wait(t)["exit_code"] == 7
        time.sleep(3)
        with Hung(node.where / "east"):
            for _ in range(3):
                began = time.monotonic()
                r = node.api.get(f"/v1/tasks/{t}/logs")
                assert r.status_code == 503 and "shared directory does not answer" in r.text
                assert node.api.get("/v1/node").status_code == 200 and time.monotonic() - began < 4
        until(lambda: node.cli("logs", str(t)).stdout == "said\n")


def test_a_daemon_stops_while_its_directory_hangs(rig):
    node = Node(rig)
    node.env["ASAN_OPTIONS"] = "detect_leaks=0"     # it would wait for the thread that hangs
    with node:
        node.up()
        runs, tell = node.held()
        node.api.wait(runs, ("running",))
        with Hung(node.where / "east"):
            time.sleep(3)
            began = time.monotonic()
            assert node.stop() == 0 and time.monotonic() - began < 10
            tell()
        node.start()
        assert node.api.wait(runs)["exit_code"] == 7 and len(node.runs(runs)) == 1


def test_a_task_can_be_cancelled_while_its_directory_is_being_made(rig):
    with Node(rig) as node:
        node.up()
        time.sleep(1)
        with Hung(node.where / "east"):
            time.sleep(1)
            t = node.sh("true")
            node.api.wait(t, ("sending",))
            node.api.post(f"/v1/tasks/{t}/cancel")
            assert node.api.wait(t)["state"] == "cancelled"     # it need not answer for that
        node.up()
        assert node.api.wait(node.sh("exit 7"))["exit_code"] == 7
        assert rig.job_of("east", node.run_id(t)) == (None, None)
        assert len(node.runs(t)) == 1
