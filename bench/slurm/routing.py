"""routing.py - the same stream of jobs by each policy, on the same two clusters, one after the other"""
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import city
import lib
import peers
import router
import stream

POLICIES = {"federation": peers.Federation, "round_robin": peers.RoundRobin, "least_loaded": peers.LeastLoaded, "suanlu": router.Suanlu}
DRAIN_S = 600


def play(policy, jobs):
    """Submit each job at its time.  {job name: second of its submission}, and the worst delay."""
    asked, late = {}, [0.0]
    begin = time.time()

    def one(job):
        now = time.time()
        late[0] = max(late[0], now - begin - job.at_s)
        asked[job.name()] = now
        policy.submit(job)

    with ThreadPoolExecutor(8) as pool:
        waits = []
        for job in jobs:
            time.sleep(max(0, begin + job.at_s - time.time()))
            waits.append(pool.submit(one, job))
        for w in waits:
            w.result()
    return asked, late[0]


def judge(jobs, asked, found, named):
    """Figures from the clusters' own records.  `named`: the job's name there."""
    waits, turns, busy, first, last, wrong, bad, best, kinds = [], [], 0, 1 << 60, 0, 0, [], 0, {}
    log = []
    for j in jobs:
        records = [r for r in found.get(named(j), ()) if r["end"]]
        if len(records) != 1 or records[0]["state"] != "COMPLETED":
            bad.append((j.name(), [(r["cluster"], r["state"]) for r in records]))
            continue
        r = records[0]
        waits.append(max(0, r["start"] - int(asked[j.name()])))
        log.append((j.name(), int(asked[j.name()]), waits[-1], r["end"] - r["start"], r["node"], j.nodes, j.devices, j.kind))
        turns.append(r["end"] - int(asked[j.name()]))
        kinds.setdefault(j.kind, []).append(waits[-1])
        busy += j.nodes * j.devices * (r["end"] - r["start"])
        first, last = min(first, int(asked[j.name()])), max(last, r["end"])
        wrong += j.sees is not None and j.sees != r["cluster"]
        best += stream.best_work(j)
    if not waits:
        raise SystemExit(f"bench: no job ended: {bad[:3]}")
    span = max(1, last - first)
    waits.sort()
    return {"log": log, "mean_wait": statistics.mean(waits), "p95_wait": waits[int(len(waits) * 0.95)],
            "max_wait": waits[-1], "mean_turnaround": statistics.mean(turns), "makespan": span, "jobs": len(waits), "not_done": len(bad), "bad": bad[:5],
            "utilisation": 100 * busy / (span * city.ALL_DEVICES),
            "device_s_per_work": busy / best if best else 0, "wrong_cluster": wrong,
            "by_kind": {k: round(statistics.mean(v), 1) for k, v in sorted(kinds.items())}}


def run_one(name, make, jobs):
    where = city.City(make.flag)
    try:
        policy = make(where)
        ready = getattr(policy, "start", lambda: None)
        ready()
        asked, late = play(policy, jobs)
        named = getattr(policy, "job_names", lambda: (lambda j: j.name()))
        if hasattr(policy, "wait"):
            policy.wait(DRAIN_S)
        naming = named()
        found, open_ = where.settled([naming(j) for j in jobs], DRAIN_S)
        got = judge(jobs, asked, found, naming)
        got["late"] = late
        if open_:
            lib.say(f"bench: {name}: {len(open_)} jobs never ended: {open_[:3]}")
        return got
    finally:
        getattr(policy, "stop", lambda: None)()
        where.down()


LOG = "policy,job,submitted_s,waited_s,ran_s,node,nodes,devices,kind"


def write_log(path, rows):
    """Each job of each policy, as the clusters' accounting has it."""
    with open(path, "w") as f:
        f.write(LOG + "\n")
        for name, r in rows.items():
            begin = min(line[1] for line in r["log"])
            for job, asked, *rest in r["log"]:
                f.write(",".join(map(str, (name, job, asked - begin, *rest))) + "\n")


def run(jobs, names):
    rows = {}
    for name in names:
        lib.say(f"bench: {len(jobs)} jobs by {name}, {jobs[-1].at_s:.0f} s of arrivals")
        rows[name] = run_one(name, POLICIES[name], jobs)
        lib.say(f"bench: {name}: {({k: v if not isinstance(v, float) else round(v, 2) for k, v in rows[name].items() if k != 'log'})}")
    return rows


if __name__ == "__main__":
    sys.exit("run it as ./dev bench slurm")
