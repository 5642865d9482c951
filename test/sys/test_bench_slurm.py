"""The benchmark on real Slurm clusters: its stream of jobs is what it says, and it runs from end to end."""
import csv
import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "lib"), str(ROOT / "bench" / "slurm")]
import stream  # noqa: E402
from slurm_bed import needs_slurm  # noqa: E402

RUN = ROOT / "bench" / "slurm" / "run"


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """Two lists in the form of openb, made up."""
    where, rng = tmp_path_factory.mktemp("lists"), random.Random(5)
    with open(where / "openb_pod_list_default.csv", "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["name", "creation_time", "deletion_time", "scheduled_time"])
        for i in range(300):
            at = rng.randrange(100000)
            out.writerow([f"pod-{i}", at, at + rng.choice((60, 900, 1800, 7000, 90000)), at])
    with open(where / "openb_pod_list_multigpu20.csv", "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"])
        for i, n in enumerate((0, 1, 1, 1, 2, 4, 8, 8)):
            out.writerow([f"pod-{i}", 4000, 8192, n, 1000])
    return str(where)


def facts(job):
    return [getattr(job, k) for k in stream.Job.__slots__]


def test_the_same_seed_makes_the_same_stream_and_another_one_does_not(lists):
    a, b, c = (stream.make(lists, 100, seed, 10, 1.0, 64) for seed in (1, 1, 2))
    assert list(map(facts, a)) == list(map(facts, b)) != list(map(facts, c))


def test_a_stream_asks_for_nothing_that_could_never_run(lists):
    for j in stream.make(lists, 120, 3, 10, 1.0, 64):
        assert all(c in stream.SPEED[j.kind] for c in j.chips) and bool(j.chips) == bool(j.devices)
        assert j.walltime_s % 60 == 0 and stream.slowest_s(j) <= j.walltime_s
        assert j.devices < stream.LARGE or "rtx4090" not in j.chips
        if j.sees == "east":
            assert not j.chips or "ascend-910b" in j.chips
        if j.sees == "west":
            assert j.chips != ("ascend-910b",)


def test_a_list_that_is_too_short_or_none_at_all_is_refused(lists, tmp_path):
    with pytest.raises(SystemExit, match="only"):
        stream.make(lists, 1000, 1, 10, 1.0, 64)
    with pytest.raises(SystemExit, match="is not a list of openb"):
        stream.make(str(tmp_path), 10, 1, 10, 1.0, 64)


@needs_slurm
def test_it_runs_from_end_to_end_and_every_job_is_accounted_for(lists):
    env = dict(os.environ, SUANLU=os.environ["SUANLU_BUILD"] + "/suanlu")
    r = subprocess.run([RUN, "--data", lists, "--jobs", "12", "--mean", "2", "--load", "0.5",
                        "--empty-jobs", "20", "--policies", "round_robin,suanlu", "--json"],
                       env=env, capture_output=True, text=True, timeout=280)
    assert r.returncode == 0, r.stderr
    got = {f["figure"]: f for f in map(json.loads, r.stdout.splitlines())}
    assert got["not_done_round_robin"]["value"] == got["not_done_suanlu"]["value"] == 0
    assert got["wrong_cluster_suanlu"]["value"] == 0
    assert got["makespan_ratio"]["value"] > 0 and got["makespan_ratio"]["target"] == 1.05
