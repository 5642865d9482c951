"""slurm_bed.py - a daemon with pools on the real Slurm clusters of test/rigs/slurm-rig"""

import ctypes
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from client import ROOT, Daemon

RIG = str(ROOT / "test" / "rigs" / "slurm-rig")
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
TOOLS = ("munged", "slurmctld", "slurmd", "slurmrestd", "sinfo")
MISSING = any(shutil.which(t, path=PATH) is None for t in TOOLS)
GRES = {"east": {"ascend-910b": "gpu:ascend910b"}, "west": {"a100-40-sxm": "gpu:a100"}}
PARTITIONS = {"east": ["cpu", "npu"], "west": ["gpu", "cpu"]}


class Rig:
    """Two clusters below one directory; a context manager."""

    def __init__(self, *options, **env):
        self.dir = tempfile.mkdtemp(prefix="rig-")
        os.chmod(self.dir, 0o711)       # jobs of other users have their scripts below it
        self.options, self.env = options, dict(os.environ, **env)

    def __call__(self, *words, check=True):
        r = subprocess.run([RIG, *words], capture_output=True, text=True, timeout=120, env=self.env)
        assert not (check and r.returncode), f"slurm-rig {' '.join(words)}: {r.stderr or r.stdout}"
        return r.stdout

    def __enter__(self):
        self("up", self.dir, *self.options)
        return self

    def __exit__(self, *_):
        self("wipe", self.dir, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def fault(self, verb, cluster, daemon):
        self(verb, self.dir, cluster, daemon)

    def run(self, cluster, *command):
        return self("run", self.dir, cluster, *command)

    def env_of(self, cluster):
        return dict(re.findall(r"export (\w+)='([^']*)'", self("env", self.dir, cluster)))

    def token(self, cluster, user="root", seconds=36000):
        return self("token", self.dir, cluster, user, str(seconds)).strip()

    def jobs(self, cluster):
        """What squeue shows of all jobs it still has: id -> (name, state, reason, restarts)."""
        out = self.run(cluster, "squeue", "-h", "-a", "-t", "all", "-O",
                       "JobID:20,Name:70,State:20,Reason:40")
        rows = [line.split(None, 3) for line in out.splitlines()]
        return {int(r[0]): (r[1], r[2], r[3].strip() if len(r) > 3 else "") for r in rows}

    def job_of(self, cluster, run):
        for job, (name, state, _) in self.jobs(cluster).items():
            if name == run:
                return job, state
        return None, None

    def completed(self, cluster):
        """Lines of the cluster's own book of ended jobs: (JobId, Name, JobState)."""
        path = pathlib.Path(self.dir) / cluster / "log" / "jobcomp.txt"
        text = path.read_text() if path.exists() else ""
        return re.findall(r"JobId=(\d+) .*? Name=(\S+) JobState=(\S+)", text)


class Node(Daemon):
    """A daemon whose pools are the rig's clusters."""

    def __init__(self, rig, clusters=("east",), directory=None, shared=True, config=None, parts=None,
                 fresh_s=None, **options):
        self.rig = rig
        self.where = pathlib.Path(directory or tempfile.mkdtemp(prefix="suanlu-slurm-"))
        self.mine = directory is None
        pools = []
        for c in clusters:
            (self.where / c).mkdir(exist_ok=True)
            self.write_token(c)
            o = {"url": rig.env_of(c)["SLURM_RIG_URL"], "user": "root",
                 "token_file": str(self.where / f"{c}.jwt"), "partitions": PARTITIONS[c],
                 "gres": GRES[c], "poll_ms": 300, "down_s": 3, "fence_s": 3, "hold_s": 2}
            if shared:
                o["dir"] = str(self.where / c)
            o.update(options)
            pools.append({"name": c, "region": "cn/50/500106", "engine": "slurm", "clearance": 4,
                          **({"fresh_s": fresh_s} if fresh_s else {}),
                          "options": {k: v for k, v in o.items() if v is not None}})
        for name, other in (parts or {}).items():       # further pools on the first cluster
            pools.append(json.loads(json.dumps(
                {**pools[0], "name": name, "options": {**pools[0]["options"], **other}})))
        super().__init__({"pools": pools, "log": "debug", **(config or {})}, directory=self.where)

    def write_token(self, cluster, text=None):
        path = self.where / f"{cluster}.jwt"
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(text or self.rig.token(cluster))
        fresh.replace(path)

    def __exit__(self, *a):
        try:
            super().__exit__(*a)
        finally:
            if self.mine:
                shutil.rmtree(self.where, ignore_errors=True)

    def up(self, pool="east", want=True, seconds=20):
        """Wait until the pool is up, or down; its state."""
        def look():
            s = self.api.get(f"/v1/pools/{pool}").json()["state"]
            return s if bool(s["nodes"]) and not s["down"] == want else None
        return until(look, seconds, lambda: self.api.get(f"/v1/pools/{pool}").json()["state"])

    def sh(self, script, **spec):
        """Submit a shell script; the task's id."""
        return self.api.submit(**{"script": script, "cpus": 1, "memory_mb": 100,
                                  "walltime_s": 600, **spec})["task"]["id"]

    def held(self, first="true", last="exit 7", at=None, **spec):
        """A task that goes on until its end is told, so that nobody has to be quick: (id, tell)."""
        tell = (at or self.where) / f"over-{time.monotonic_ns()}"
        return self.sh(f"{first}\nuntil [ -e {tell} ]; do sleep 0.1; done\n{last}", **spec), tell.touch

    def runs(self, task):
        return self.api.get(f"/v1/tasks/{task}/runs").json()["runs"]

    def run_id(self, task, attempt=1):
        return f"{self.api.get('/v1/node').json()['node']}-{task}-{attempt}"


class Hung:
    """A directory that does not answer, as one of a network file system whose server is away: a FUSE
    file system that nobody serves lies over it."""

    def __init__(self, path):
        self.path, self.libc = os.fsencode(path), ctypes.CDLL(None, use_errno=True)

    def __enter__(self):
        try:
            self.fuse = os.open("/dev/fuse", os.O_RDWR)
        except OSError:
            pytest.skip("a directory that hangs needs /dev/fuse")
        options = f"fd={self.fuse},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if self.libc.mount(b"hung", self.path, b"fuse", 0, options):
            os.close(self.fuse)
            pytest.skip("a directory that hangs needs the right to mount")
        return self

    def __exit__(self, *_):
        os.close(self.fuse)             # who waits gets an error
        self.libc.umount2(self.path, 2)


def until(look, seconds=30, what=None):
    end = time.monotonic() + seconds
    while True:
        got = look()
        if got:
            return got
        assert time.monotonic() < end, f"not within {seconds} s: {what() if what else look}"
        time.sleep(0.1)


needs_slurm = pytest.mark.skipif(
    MISSING, reason="no Slurm here; ./dev test installs it (tools/packages)")
