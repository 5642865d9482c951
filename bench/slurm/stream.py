"""stream.py - a city's jobs: what comes when, how large, how long, and what its owner asks for

From openb, Alibaba's public trace: arrivals and run times of consecutive tasks of the list
`default`, shrunk by one factor each; sizes drawn from the list `multigpu20`, because `default` is
nearly all single devices.  What no trace has is made up here, by the seed: kinds and
applications, the chips a job can use, where its data may be seen, the walltime its owner asks for.
README.md says what each rests on.
"""
import csv
import math
import random

# The city.  Speeds are ratios of published figures (share/accelerators.csv) of what bounds a kind:
# training fp16 TFLOPS, inference GB/s, rendering fp32 TFLOPS; 1 is the best chip for it.  The cpus of
# east are declared a fifth slower.
SPEED = {
    "train":   {"ascend-910b": 1.00, "a100-80-sxm": 1.00, "rtx4090": 0.53},
    "infer":   {"ascend-910b": 0.78, "a100-80-sxm": 1.00, "rtx4090": 0.49},
    "render":  {"a100-80-sxm": 0.24, "rtx4090": 1.00},
    "compute": {"cpu-east": 0.80, "cpu-west": 1.00},
}
ANY_CUDA, ANY = ("a100-80-sxm", "rtx4090"), ("ascend-910b", "a100-80-sxm", "rtx4090")
CHIPS = {       # which chips a job of the kind can use, how often
    "train":   ((0.5, ANY), (0.3, ANY_CUDA), (0.2, ("ascend-910b",))),
    "infer":   ((0.7, ANY), (0.3, ANY_CUDA)),
    "render":  ((1.0, ANY_CUDA),),
}
KINDS = (("train", 0.5), ("infer", 0.3), ("render", 0.2))       # of those with devices
LARGE = 4                       # so many devices: training, not on chips with 24 GB
EAST_ONLY, WEST_ONLY = 0.12, 0.08       # data that only one of the owners may see
SHORTEST_S, LONGEST_S = 600, 2 * 3600   # of the trace: shorter ones vanish when shrunk
APP_JOBS, APP_SPREAD = 10, 0.4  # jobs of an application, spread of log run time within
NODE_DEVICES = 8


class Job:
    """One job.  work_s: run time on a chip of speed 1; at_s: after the first."""
    __slots__ = ("i", "at_s", "work_s", "kind", "app", "devices", "nodes", "cpus", "memory_mb",
                 "chips", "sees", "walltime_s")

    def seconds_on(self, chip):
        return self.work_s / SPEED[self.kind][chip]

    def name(self):
        return f"job-{self.i}"


def rows(path, *need):
    try:
        with open(path, newline="") as f:
            return [r for r in csv.DictReader(f) if all(r[k] for k in need)]
    except (OSError, KeyError) as e:
        raise SystemExit(f"bench: {path} is not a list of openb: {e!r}")


def draw(rng, table):
    at = rng.random()
    for share, what in table:
        at -= share
        if at < 0:
            return what
    return table[-1][1]


def consecutive(where, n, rng):
    """[(arrival, run time)] of n tasks that followed each other."""
    times = sorted((float(r["creation_time"]), float(r["deletion_time"]) - float(r["scheduled_time"]))
                   for r in rows(f"{where}/openb_pod_list_default.csv", "creation_time",
                                 "scheduled_time", "deletion_time"))
    times = [t for t in times if SHORTEST_S <= t[1] <= LONGEST_S]
    if len(times) < n:
        raise SystemExit(f"bench: the trace has only {len(times)} tasks that can be used")
    first = rng.randrange(len(times) - n + 1)
    return times[first:first + n]


def sizes(where):
    return [(int(r["num_gpu"]), int(r["cpu_milli"]), int(r["memory_mib"]))
            for r in rows(f"{where}/openb_pod_list_multigpu20.csv")]


def size_up(j, shape, rng):
    devices, cpu_milli, memory_mb = shape
    j.devices, j.nodes = devices, 1
    if devices >= NODE_DEVICES:
        j.devices = NODE_DEVICES
        j.nodes = 2 if rng.random() < 0.25 else 1
    j.cpus = max(1, min(math.ceil(cpu_milli / 1000), 32 if devices else 16))
    j.memory_mb = max(256, min(memory_mb, 128 << 10))
    if not devices:
        j.kind = "compute"
    elif devices >= LARGE:
        j.kind = "train"
    else:
        j.kind = draw(rng, [(share, kind) for kind, share in KINDS])


def choose_rules(j, rng):
    """Its chips, and the one cluster that may see its data, if there is only one."""
    j.chips = () if j.kind == "compute" else draw(rng, CHIPS[j.kind])
    if j.devices >= LARGE:
        j.chips = tuple(c for c in j.chips if c != "rtx4090")
    at = rng.random()
    j.sees = None
    if at < EAST_ONLY and (not j.chips or "ascend-910b" in j.chips):
        j.sees = "east"
    elif EAST_ONLY <= at < EAST_ONLY + WEST_ONLY and j.chips != ("ascend-910b",):
        j.sees = "west"


def slowest_s(j):
    speeds = SPEED[j.kind]
    return max(j.work_s / speeds[c] for c in (j.chips or speeds))


def ask_walltime(j, rng):
    """Owners use a part of what they ask for that is spread evenly (Mu'alem and Feitelson, 2001);
    they ask for what is enough on the slowest chip, in Slurm's whole minutes."""
    j.walltime_s = 60 * math.ceil(slowest_s(j) / rng.uniform(0.1, 1) / 60)


def name_apps(jobs, rng):
    """Recurring applications: neighbours by run time, blurred, share a name."""
    for kind in SPEED:
        mine = [j for j in jobs if j.kind == kind]
        mine.sort(key=lambda j: math.log(j.work_s) + rng.gauss(0, APP_SPREAD))
        for k, j in enumerate(mine):
            j.app = f"{kind}-{k // APP_JOBS}"


def best_work(j):
    """Device seconds on the best chip it can use."""
    return j.nodes * j.devices * j.work_s / max(SPEED[j.kind][c] for c in j.chips) if j.chips else 0


def make(where, n, seed, mean_s, load, devices):
    """n jobs whose mean work is mean_s, arriving so that their work, each on its best chip,
    would keep `load` of the city's devices busy from the first arrival to the last."""
    rng = random.Random(seed)
    times, shapes, jobs = consecutive(where, n, rng), sizes(where), []
    shrink = mean_s * n / sum(t[1] for t in times)
    for i, (_, run_s) in enumerate(times):
        j = Job()
        j.i, j.work_s = i, max(1.0, run_s * shrink)
        size_up(j, rng.choice(shapes), rng)
        choose_rules(j, rng)
        ask_walltime(j, rng)
        jobs.append(j)
    name_apps(jobs, rng)
    span_s = sum(map(best_work, jobs)) / (load * devices)
    scale = span_s / (times[-1][0] - times[0][0])
    for j, (at, _) in zip(jobs, times):
        j.at_s = (at - times[0][0]) * scale
    return jobs
