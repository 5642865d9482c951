"""peers.py - how jobs reach the two clusters without a router: three ways, by sbatch

A job asks for `gpu:N` of any kind and names the kinds that it can use as a constraint, the most that
Slurm lets its owner say.  Nobody here knows where its data may be seen.
"""
import city


def chips_in(job, cluster):
    if not job.chips:
        return ()
    return [c for c in job.chips if c in city.DEVICES[cluster]]


def could_run(job, cluster):
    return not job.chips or bool(chips_in(job, cluster))


def sbatch(where, job, cluster, chips, *more):
    ask = ["sbatch", "--parsable", "-J", job.name(), "-N", str(job.nodes), "--ntasks-per-node=1",
           "-c", str(job.cpus), f"--mem={job.memory_mb}", "-t", str(job.walltime_s // 60),
           "-D", "/", "-o", "/dev/null", *more]
    if job.chips:
        names = "|".join(city.THEIRS[c] for c in chips)
        ask += [f"--gres=gpu:{job.devices}", "-C", f"[{names}]" if job.nodes > 1 else names]
    where.run(cluster, *ask, data=city.script(job))


class Federation:
    """Slurm's own: each job stands in both queues and starts where there is room first."""
    flag = "--federation"

    def __init__(self, where):
        self.where = where

    def submit(self, job):
        home = [c for c in self.where.names if could_run(job, c)]
        sbatch(self.where, job, home[job.i % len(home)], job.chips)


class RoundRobin:
    """The clusters in turn, of those that have what the job can use."""
    flag = "--accounting"

    def __init__(self, where):
        self.where, self.turn = where, 0

    def submit(self, job):
        names = self.where.names
        for _ in names:
            cluster = names[self.turn % len(names)]
            self.turn += 1
            if could_run(job, cluster):
                sbatch(self.where, job, cluster, chips_in(job, cluster))
                return


class LeastLoaded:
    """The cluster whose running and waiting jobs ask for the least per device (without devices: per
    cpu), as squeue says at that moment."""
    flag = "--accounting"

    def __init__(self, where):
        self.where = where

    def load(self, cluster, job):
        used = 0
        for line in self.where.run(cluster, "squeue", "-h", "-o", "%C %D %b").splitlines():
            cpus, nodes, gres = line.split()
            devices = int(nodes) * int(gres.rsplit(":", 1)[1]) if ":" in gres else 0
            used += devices if job.chips else int(cpus)
        return used / (sum(city.DEVICES[cluster].values()) if job.chips else 1)

    def submit(self, job):
        loads = [(self.load(c, job), c) for c in self.where.names if could_run(job, c)]
        cluster = min(loads)[1]
        sbatch(self.where, job, cluster, chips_in(job, cluster))
