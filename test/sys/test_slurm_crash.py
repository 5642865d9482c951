"""kill -9 of the daemon at random points while it submits to a real Slurm cluster: by the cluster's
own book each task is there exactly once, and each ran exactly once.

SUANLU_SLURM_CUTS=100 cuts so often (the default is a sample); SUANLU_SEED repeats a run."""
import collections
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from slurm_bed import Node, Rig, needs_slurm, until  # noqa: E402

pytestmark = needs_slurm
CUTS = int(os.environ.get("SUANLU_SLURM_CUTS", "10"))
EACH = 12           # tasks submitted before each cut


def counts(node):
    c = node.api.get("/v1/node").json()["counts"]
    return c["done"], sum(c[s] for s in ("waiting", "sending", "queued", "running")), c


def test_every_task_is_in_the_clusters_book_exactly_once(tmp_path):
    seed = int(os.environ.get("SUANLU_SEED", random.randrange(1 << 32)))
    dice = random.Random(seed)
    print(f"SUANLU_SEED={seed}")
    count = tmp_path / "count"
    with Rig() as rig, Node(rig, ("east", "west"), directory=tmp_path, fence_s=0,
                            config={"log": "info"}) as node:
        node.up("east"), node.up("west")
        answered = 0
        for _ in range(CUTS):
            for _ in range(EACH):
                node.sh(f"echo $SUANLU_TASK $SUANLU_RUN >>{count}", memory_mb=50)
                answered += 1
            time.sleep(dice.uniform(0, 0.6))
            node.kill()
            node.start()
            # Let it catch up now and then, so that cuts hit every stage and not only the queue.
            if dice.random() < 0.3:
                time.sleep(dice.uniform(0, 4))
        until(lambda: counts(node)[1] == 0, 120 + 4 * CUTS, lambda: counts(node))
        done, _, all_states = counts(node)
        assert done == answered, (seed, all_states)
        name = node.api.get("/v1/node").json()["node"]
        book = collections.Counter()
        until(lambda: len([1 for c in ("east", "west") for _, n, _ in rig.completed(c)]) >= answered)
        for cluster in ("east", "west"):
            for _, run, state in rig.completed(cluster):
                assert run.startswith(name + "-")
                book[run.split("-")[1]] += 1
        ran = collections.Counter(line.split()[0] for line in count.read_text().splitlines())
        print(f"{CUTS} cuts, {answered} tasks, {sum(book.values())} jobs, {sum(ran.values())} ran")
        assert len(book) == answered, seed
        assert {t: n for t, n in book.items() if n != 1} == {}, seed
        assert len(ran) == answered and set(ran.values()) == {1}, seed
