#!/usr/bin/env python3
"""Replay a log of `suanlu simulate --departures` and believe nothing: room, models, order, lengths of runs,
and that nobody waits who would fit.  Shares no code with src/.

    check_live.py NODES.csv TASKS.csv LOG FASTER
"""
import collections
import csv
import heapq
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check import Breach, place, read_nodes, read_tasks, why_not


def read_times(path):
    """{name: (submit, run)}, in either spelling."""
    times = {}
    with open(path, newline="") as f:
        for r in csv.DictReader(f):
            if "submit_s" in r and "run_s" in r:
                times[r["name"]] = int(r["submit_s"]), int(r["run_s"])
            else:
                begin = int(r.get("scheduled_time") or r["creation_time"])
                times[r["name"]] = int(r["creation_time"]), max(0, int(r["deletion_time"]) - begin)
    return times


class Live:
    def __init__(self, nodes, tasks, log, faster):
        self.nodes, self.tasks, self.times = read_nodes(nodes, 1), read_tasks(tasks), read_times(tasks)
        self.empty = read_nodes(nodes, 1)
        self.first = min(s for s, _ in self.times.values())
        self.faster = faster
        self.ends, self.waiting = [], collections.Counter()     # shape -> how many wait
        self.waits, self.refused, self.used = [], 0, 0
        with open(log, newline="") as f:
            self.rows = list(csv.DictReader(f))

    def due(self, name):
        return self.first + (self.times[name][0] - self.first) // self.faster

    def fits_anywhere(self, shape, nodes):
        return next((n for n, node in nodes.items() if why_not(node, shape) is None), None)

    def check_row(self, r):
        name = r["task"]
        if int(r["submit_s"]) != self.due(name):
            raise Breach(f"{name} came at {r['submit_s']}, not {self.due(name)}")
        if r["node"] == "-":
            at = self.fits_anywhere(self.tasks[name], self.empty)
            if at:
                raise Breach(f"{name} is refused, but an empty {at} could hold it")
        elif int(r["end_s"]) - int(r["start_s"]) != self.times[name][1] or int(r["start_s"]) < int(r["submit_s"]):
            raise Breach(f"{name} runs from {r['start_s']} to {r['end_s']}")

    def start(self, r):
        shape, name = self.tasks[r["task"]], r["task"]
        devices = [int(i) for i in r["devices"].split("+") if i]
        place(self.nodes[r["node"]], shape, devices)
        heapq.heappush(self.ends, (int(r["end_s"]), name, r["node"], devices))
        self.waits.append(int(r["start_s"]) - int(r["submit_s"]))
        self.used += shape[2] * shape[3] * self.times[name][1]

    def end(self):
        _, name, at, devices = heapq.heappop(self.ends)
        shape, node = self.tasks[name], self.nodes[at]
        node[0] += shape[0]
        node[1] += shape[1]
        for i in devices:
            node[2][i] += shape[3]
        return at

    def run(self):
        if sorted(r["task"] for r in self.rows) != sorted(self.tasks):
            raise Breach("not every task is in the log once")
        come, starts, last = collections.defaultdict(list), collections.defaultdict(list), {}
        for r in self.rows:
            self.check_row(r)
            if r["node"] == "-":
                self.refused += 1
                continue
            shape = self.tasks[r["task"]]
            if last.get(shape, 0) > int(r["submit_s"]):
                raise Breach(f"{r['task']} starts after an equal task that came later")
            last[shape] = int(r["submit_s"])
            come[int(r["submit_s"])].append(r["task"])
            starts[int(r["start_s"])].append(r)
        for second in sorted({*come, *starts, *(int(r["end_s"]) for r in self.rows if r["node"] != "-")}):
            self.second(second, come[second], starts[second])
        return self.figures()

    def second(self, second, come, starts):
        freed = set()
        for name in come:
            self.waiting[self.tasks[name]] += 1
        while self.ends and self.ends[0][0] <= second:
            freed.add(self.end())
        for r in starts:
            self.start(r)
            self.waiting[self.tasks[r["task"]]] -= 1
            while self.ends and self.ends[0][0] <= second:      # a run of no length
                freed.add(self.end())
        for shape in {self.tasks[name] for name in come}:
            if self.waiting[shape] > 0 and self.fits_anywhere(shape, self.nodes):
                raise Breach(f"second {second}: a task waits that fits {self.fits_anywhere(shape, self.nodes)}")
        for at in freed:
            for shape, n in self.waiting.items():
                if n > 0 and why_not(self.nodes[at], shape) is None:
                    raise Breach(f"second {second}: a task waits that fits {at}")

    def figures(self):
        span = max(int(r["end_s"]) for r in self.rows if r["node"] != "-") - self.first
        capacity = sum(1000 * len(n[2]) for n in self.nodes.values())
        return {"started": len(self.waits), "refused": self.refused, "waited": sum(w > 0 for w in self.waits),
                "mean_wait_s": sum(self.waits) / len(self.waits), "max_wait_s": max(self.waits), "span_s": span,
                "devices_percent": 100 * self.used / (capacity * span) if capacity and span else 0}


def check(nodes, tasks, log, faster=1):
    """The figures of a log, or Breach."""
    return Live(nodes, tasks, log, faster).run()


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: check_live.py NODES.csv TASKS.csv LOG FASTER")
    try:
        print(json.dumps(check(*sys.argv[1:4], int(sys.argv[4]))))
    except (Breach, OSError, KeyError, ValueError) as e:
        sys.exit(f"check_live: {e}")
