#!/usr/bin/env python3
"""check.py NODES.csv TASKS.csv LOG [TILE]: replay a decision log and believe nothing.

A program of its own: it reads the two tables and the log, and none of our code.  It holds that
  - arrivals are numbered without a gap; the first pass takes every task of the list once; they
    end with the arrival by which the devices asked for reach 130 % of those there are;
  - every placed task fits its node: cpu, memory, model, and each device named once and with room;
  - every refused task fits no node at that moment (work conservation).  Nothing departs, so what
    fitted nowhere once fits nowhere later: each shape is compared with all nodes once.
Prints one JSON object with the figure it counted; exits 1 at the first breach, with the line.
"""
import csv
import json
import sys

PERCENT, DEVICE = 130, 1000


class Breach(Exception):
    pass


def read_nodes(path, tile):
    """name -> [cpu, memory, free per device, model]"""
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    return {r["sn"] + (f".{i}" if i else ""): [int(r["cpu_milli"]), int(r["memory_mib"]),
                                               [DEVICE] * int(r["gpu"]), r["model"]]
            for i in range(tile) for r in rows}


def read_tasks(path):
    """name -> shape: (cpu, memory, devices, thousandths of each, models)"""
    tasks = {}
    with open(path, newline="") as f:
        for r in csv.DictReader(f):
            devices, milli = int(r["num_gpu"]), int(r["gpu_milli"] or 0)
            milli = 0 if devices == 0 else DEVICE if devices > 1 else milli
            models = frozenset(filter(None, (r.get("gpu_spec") or "").split("|")))
            tasks[r["name"]] = (int(r["cpu_milli"]) or 100, int(r["memory_mib"]), devices, milli,
                                models if devices else frozenset())
    return tasks


def why_not(node, shape):
    """None when it fits."""
    cpu, memory, devices, milli, models = shape
    if node[0] < cpu:
        return "not enough cpu"
    if node[1] < memory:
        return "not enough memory"
    if devices and models and node[3] not in models:
        return "a model that is not allowed"
    if devices and sum(free >= milli for free in node[2]) < devices:
        return "not enough devices"
    return None


def place(node, shape, named):
    bad = why_not(node, shape)
    if bad:
        raise Breach(bad)
    cpu, memory, devices, milli, _ = shape
    if len(named) != devices or len(set(named)) != devices:
        raise Breach(f"{devices} devices asked for, {named} given")
    for i in named:
        if not 0 <= i < len(node[2]) or node[2][i] < milli:
            raise Breach(f"device {i} has no room")
        node[2][i] -= milli
    node[0] -= cpu
    node[1] -= memory


class Replay:
    def __init__(self, nodes, tasks):
        self.nodes, self.tasks = nodes, tasks
        self.capacity = sum(DEVICE * len(n[2]) for n in nodes.values())
        self.asked = self.allocated = self.at_100 = self.arrived = self.refused = 0
        self.nowhere, self.seen = set(), set()

    def refuse(self, shape):
        self.refused += 1
        if shape in self.nowhere:
            return
        for name, node in self.nodes.items():
            if why_not(node, shape) is None:
                raise Breach(f"refused, but it fits {name}")
        self.nowhere.add(shape)

    def line(self, arrival, task, node, devices):
        if int(arrival) != self.arrived:
            raise Breach("an arrival is missing")
        if task not in self.tasks:
            raise Breach(f"there is no task {task}")
        if self.arrived < len(self.tasks) and task in self.seen:
            raise Breach(f"{task} comes again before all others came")
        if self.asked * 100 >= self.capacity * PERCENT:
            raise Breach(f"more arrivals than {PERCENT} %")
        self.seen.add(task)
        self.arrived += 1
        shape = self.tasks[task]
        milli = shape[2] * shape[3]
        if node == "-":
            self.refuse(shape)
        elif node not in self.nodes:
            raise Breach(f"there is no node {node}")
        else:
            place(self.nodes[node], shape, [int(i) for i in devices.split("+") if i])
            self.allocated += milli
        before, self.asked = self.asked, self.asked + milli
        if before < self.capacity <= self.asked:
            self.at_100 = self.allocated

    def run(self, log):
        with open(log, newline="") as f:
            lines = csv.reader(f)
            if next(lines, None) != ["arrival", "task", "node", "devices"]:
                raise Breach("not a decision log")
            for i, row in enumerate(lines, 2):
                try:
                    self.line(*row)
                except (Breach, TypeError, ValueError) as e:
                    raise Breach(f"line {i}: {e}") from None
        if self.asked * 100 < self.capacity * PERCENT:
            raise Breach(f"the log ends before {PERCENT} %")


def check(nodes, tasks, log, tile=1):
    """The figures of a log, or Breach."""
    r = Replay(read_nodes(nodes, tile), read_tasks(tasks))
    r.run(log)
    return {"arrived": r.arrived, "refused": r.refused, "capacity_milli": r.capacity,
            "allocated_milli": r.allocated, "at_100_milli": r.at_100}


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit("usage: check.py NODES.csv TASKS.csv LOG [TILE]")
    try:
        print(json.dumps(check(*sys.argv[1:4], *map(int, sys.argv[4:]))))
    except (Breach, OSError, KeyError) as e:
        sys.exit(f"check: {e}")
