"""overhead.py - n jobs that do nothing into one cluster: by sbatch, by slurmrestd, through Suanlu"""
import http.client
import json
import os
import threading
import time
from urllib.parse import urlsplit

import city
import lib
import router

LAYOUT = os.path.join(city.HERE, "one.layout")
COMMAND, CONNECTIONS, TIMEOUT_S = "sleep 0", 4, 900


def sbatch(where, n):
    """A loop in a shell, as people write it."""
    where.run("one", "sh", "-c", f'i=0; while [ $i -lt {n} ]; do sbatch -Q -J n -c 1 --mem=100 -t 1 '
              f'-D / -o /dev/null --wrap "{COMMAND}" || exit; i=$((i+1)); done')


def at_once(n, one):
    """one(connection number) n times, by CONNECTIONS threads."""
    left, lock, wrong = [n], threading.Lock(), []

    def work(k):
        try:
            while not wrong:
                with lock:
                    if not left[0]:
                        return
                    left[0] -= 1
                one(k)
        except Exception as e:
            wrong.append(e)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(CONNECTIONS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if wrong:
        raise SystemExit(f"bench: {wrong[0]}")


def rest(where, n):
    url = urlsplit(where.url["one"])
    head = {"X-SLURM-USER-NAME": "root", "X-SLURM-USER-TOKEN": where.token("one"),
            "Content-Type": "application/json"}
    text = json.dumps({"script": f"#!/bin/sh\n{COMMAND}\n", "job": {
        "name": "n", "nodes": 1, "tasks": 1, "cpus_per_task": 1, "memory_per_node": 100,
        "time_limit": 1, "current_working_directory": "/", "standard_output": "/dev/null",
        "standard_error": "/dev/null", "environment": {"PATH": "/usr/bin:/bin"}}})
    conns = [http.client.HTTPConnection(url.hostname, url.port, timeout=60)
             for _ in range(CONNECTIONS)]

    def one(k):
        conns[k].request("POST", "/slurm/v0.0.38/job/submit", text, head)
        answer = conns[k].getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"slurmrestd: {answer.status} {said[:200]}")

    at_once(n, one)


class Router:
    """A daemon with the cluster as its one pool."""

    def __init__(self, where, n):
        self.dir = os.path.join(where.dir, "suanlu")
        os.makedirs(self.dir + "/shared")
        with open(f"{self.dir}/one.jwt", "w", opener=router.private) as f:
            f.write(where.token("one"))
        pool = router.pool("one", "one", "batch", None, where.url["one"], self.dir, queue_max=n)
        self.node = lib.Node(f"{self.dir}/node", pool)
        self.node.start(os.environ.get("SUANLU"))
        router.until_told(self.node)
        self.conns = [self.node.connect() for _ in range(CONNECTIONS)]

    def __call__(self, where, n):
        ask = {"name": "n", "command": COMMAND.split(), "cpus": 1, "memory_mb": 100, "walltime_s": 60}

        def one(k):
            status, said = self.node.call("POST", "/v1/tasks", ask, self.conns[k])
            if status != 201:
                raise RuntimeError(f"suanlu: {status} {said}")

        at_once(n, one)


def measure(name, n):
    """(submissions a second, seconds from the first submission to the last end, the daemon's cpu ms a job)"""
    where, way = city.City(layout=LAYOUT), None
    try:
        way = Router(where, n) if name == "suanlu" else {"sbatch": sbatch, "slurmrestd": rest}[name]
        begin = time.time()
        way(where, n)
        taken_s = time.time() - begin
        end = time.monotonic() + TIMEOUT_S
        while len(where.completed("one")) < n and time.monotonic() < end:
            time.sleep(0.5)
        ends = where.completed("one")
        if len(ends) != n:
            raise SystemExit(f"bench: {name}: {len(ends)} jobs ended, {n} were asked for")
        cpu_ms = 1000 * way.node.cpu_s() / n if name == "suanlu" else None
        return n / taken_s, max(ends) + 1 - begin, cpu_ms
    finally:
        if isinstance(way, Router):
            way.node.kill()
        where.down()


def run(n):
    rows = {}
    for name in ("sbatch", "slurmrestd", "suanlu"):
        lib.say(f"bench: {n} jobs of `{COMMAND}` by {name}")
        rows[name] = measure(name, n)
        lib.say(f"bench: {name}: {rows[name][0]:.0f} submissions/s, {rows[name][1]:.1f} s in all")
    return rows
