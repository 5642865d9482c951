"""router.py - the same jobs through Suanlu: one daemon before the two clusters, its public API

Each kind of node is a pool, so a pool has one chip.  Suanlu knows of the jobs what the peers know
(size, chips, walltime asked) and their kind and application's name, and learns run times
and relative speeds from what has ended; of each pool what its cluster tells; and the rule of the
data.  It is not told how long a job will run nor how fast a chip is; of cpus the speed is declared, as
any operator would.
"""
import json
import os
import time

import city
import lib

POOLS = """  - name: {name}
    tier: centre
    region: {region}
    owner: {cluster}
    engine: slurm
    clearance: {clearance}
    speed: {speed}
    options:
      url: {url}
      user: root
      token_file: {dir}/{cluster}.jwt
      partitions: [{partition}]
      dir: {dir}/shared
      poll_ms: {poll_ms}
      queue_max: {queue_max}
      gres: {{{gres}}}
"""
REGION = {"east": "cn/50/500100/east", "west": "cn/50/500100/west"}
CLEARANCE = {"east": 4, "west": 2}
PARTS = (("east", "npu", "ascend-910b"), ("east", "cpu", None), ("west", "a100", "a100-80-sxm"),
         ("west", "rtx", "rtx4090"), ("west", "cpu", None))
CPU_SPEED = {"east": 0.8, "west": 1.0}
POLL_MS, QUEUE_MAX = 250, 2


def pool(name, cluster, partition, chip, url, scratch, queue_max=QUEUE_MAX):
    gres = f'{chip}: "gpu:{city.THEIRS[chip]}"' if chip else ""
    return POOLS.format(name=name, region=REGION.get(cluster, "cn/50"), cluster=cluster,
                        clearance=CLEARANCE.get(cluster, 2), speed=CPU_SPEED.get(cluster, 1.0),
                        url=url, dir=scratch, partition=partition, poll_ms=POLL_MS,
                        queue_max=queue_max, gres=gres)


def until_told(node):
    """Until each pool has heard of its nodes."""
    for _ in range(300):
        told = node.call("GET", "/v1/pools")[1]["pools"]
        if all(p["state"]["nodes"] for p in told):
            return
        time.sleep(0.1)
    raise SystemExit(f"bench: a pool does not hear of its nodes: {json.dumps(told)[:600]}")


def body(job):
    ask = {"name": job.app, "kind": job.kind, "script": city.script(job), "nodes": job.nodes,
           "cpus": job.cpus, "memory_mb": job.memory_mb, "walltime_s": job.walltime_s,
           "prefer": "fastest"}
    if job.chips:
        ask["accelerators"] = {"models": list(job.chips), "count": job.devices}
    if job.sees == "east":
        ask["data_level"] = CLEARANCE["west"] + 1
    elif job.sees == "west":
        ask["stay_within"] = REGION["west"]
    return ask


class Suanlu:
    flag = "--accounting"

    def __init__(self, where):
        self.where, self.task = where, {}
        self.dir = os.path.join(where.dir, "suanlu")

    def start(self):
        os.makedirs(self.dir + "/shared")
        for cluster in self.where.names:
            with open(f"{self.dir}/{cluster}.jwt", "w", opener=private) as f:
                f.write(self.where.token(cluster))
        self.node = lib.Node(f"{self.dir}/node", "".join(
            pool(f"{c}-{p}", c, p, chip, self.where.url[c], self.dir) for c, p, chip in PARTS))
        self.node.start(os.environ.get("SUANLU"))
        until_told(self.node)

    def submit(self, job):
        status, said = self.node.call("POST", "/v1/tasks", body(job))
        if status != 201:
            raise SystemExit(f"bench: {job.name()} was not taken: {status} {said}")
        self.task[job.name()] = said["id"]

    def wait(self, timeout_s):
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            counts = self.node.counts()["counts"]
            if not any(counts.get(k) for k in ("submitted", "waiting", "sending", "queued", "running")):
                return
            time.sleep(1)

    def job_names(self):
        """A job's name in the clusters is the id of its run."""
        runs = {}
        for name, task in self.task.items():
            said = self.node.call("GET", f"/v1/tasks/{task}")[1]
            runs[name] = said.get("run_id") or f"none of {name}"
        return lambda job: runs[job.name()]

    def stop(self):
        if not hasattr(self, "node"):
            return
        if self.node.process.poll() is not None:
            with open(f"{self.dir}/node/daemon.log") as f:
                lib.say(f"bench: the daemon ended by itself: {f.read()[-8000:]}")
        self.node.kill()


def private(path, flags):
    return os.open(path, flags, 0o600)
