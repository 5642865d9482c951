"""city.py - the two clusters of city.layout, real ones: start, ask their accounting, take down"""
import os
import re
import shutil
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RIG = os.path.join(HERE, "../../test/rigs/slurm-rig")
LAYOUT = os.path.join(HERE, "city.layout")

THEIRS = {"ascend-910b": "ascend910b", "a100-80-sxm": "a100", "rtx4090": "rtx4090"}
DEVICES = {"east": {"ascend-910b": 32}, "west": {"a100-80-sxm": 16, "rtx4090": 16}}
ALL_DEVICES = sum(sum(d.values()) for d in DEVICES.values())
NODE_CHIP = {"east-n": "ascend-910b", "west-a": "a100-80-sxm", "west-r": "rtx4090",
             "east-c": "cpu-east", "west-c": "cpu-west"}


def chip_of(node, kind):
    """What a job of the kind runs on there: a job without devices uses the cpus of any node."""
    return f"cpu-{node[:4]}" if kind == "compute" else NODE_CHIP[node[:6]]


def seconds_on_node(job, prefix):
    """A node of the wrong chip ends the job as failed: that would be our mistake."""
    try:
        return job.seconds_on(chip_of(prefix, job.kind))
    except KeyError:
        return None


def script(job):
    """Emulates the work: it takes as long as the node that it finds itself on would need."""
    cases = [(p, seconds_on_node(job, p)) for p in NODE_CHIP]
    return ("#!/bin/sh\ncase $SLURMD_NODENAME in\n" +
            "".join(f"{p}*) exec sleep {s:.2f};;\n" for p, s in cases if s is not None) +
            "esac\nexit 99\n")


class City:
    """Clusters up.  `flags`: --accounting or --federation; without, only completed() can tell."""

    def __init__(self, *flags, layout=LAYOUT):
        self.dir = tempfile.mkdtemp(prefix="bench-slurm-")
        self.env = {}
        r = subprocess.run([RIG, "up", self.dir, *flags, "--layout", layout],
                           capture_output=True, text=True)
        if r.returncode:
            self.down()
            raise SystemExit(f"bench: the clusters do not start: {r.stderr}")
        self.url = {}
        for line in r.stdout.splitlines():
            name, url, _ = line.split()
            self.url[name] = url.split("/slurm/")[0]
        self.names = list(self.url)

    def down(self):
        subprocess.run([RIG, "wipe", self.dir], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, cluster, *argv, data=None):
        env = dict(os.environ, SLURM_CONF=f"{self.dir}/{cluster}/slurm.conf", SLURM_TIME_FORMAT="%s")
        r = subprocess.run(argv, env=env, input=data, capture_output=True, text=True)
        if r.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {r.stderr.strip()}")
        return r.stdout

    def token(self, cluster):
        return subprocess.run([RIG, "token", self.dir, cluster, "root", "86400"], check=True,
                              capture_output=True, text=True).stdout.strip()

    def accounted(self):
        """{job name: [record]} of every job that a cluster gave nodes to."""
        out = self.run(self.names[0], "sacct", "-aXPnD", "-M", ",".join(self.names),
                       "--format=JobName,Cluster,State,Submit,Eligible,Start,End,NodeList")
        found = {}
        for line in out.splitlines():
            name, cluster, state, submit, eligible, start, end, nodes = line.split("|")
            if nodes != "None assigned" and start.isdigit():
                found.setdefault(name, []).append({
                    "cluster": cluster, "state": state.split()[0], "submit": int(submit),
                    "start": int(start), "end": int(end) if end.isdigit() else None,
                    "node": re.split(r"[\[,]", nodes)[0]})
        return found

    def completed(self, cluster):
        """[end] of jobs that completed, from the log of slurmctld (local time, whole seconds)."""
        ends = []
        try:
            with open(f"{self.dir}/{cluster}/log/jobcomp.txt") as f:
                for line in f:
                    if " JobState=COMPLETED " in line:
                        text = re.search(r" EndTime=(\S+)", line).group(1)
                        ends.append(time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S")))
        except FileNotFoundError:
            pass
        return ends

    def settled(self, names, timeout_s):
        """Wait until all of them have ended by the clusters' own accounts; their records."""
        end = time.monotonic() + timeout_s
        while True:
            found = self.accounted()
            open_ = [n for n in names if not any(r["end"] for r in found.get(n, ()))]
            if not open_ or time.monotonic() > end:
                return found, open_
            time.sleep(2)
