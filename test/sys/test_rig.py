"""The rig of real Slurm clusters itself: it starts, runs jobs, breaks where told to, and leaves nothing."""
import os
import shutil
import subprocess
import tempfile
import time

import pytest

RIG = os.environ.get("SUANLU_SOURCE", ".") + "/test/rigs/slurm-rig"
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
TOOLS = ("munged", "slurmctld", "slurmd", "slurmrestd", "sinfo")

pytestmark = pytest.mark.skipif(
    any(shutil.which(t, path=PATH) is None for t in TOOLS),
    reason="no Slurm here; ./dev test installs it (tools/packages)")


def rig(*words, check=True):
    r = subprocess.run([RIG, *words], capture_output=True, text=True, timeout=120)
    if check and r.returncode:
        pytest.fail(f"slurm-rig {' '.join(words)}: {r.stderr or r.stdout}")
    return r.stdout if check else r


def processes(folder):
    """Pids of everything whose command line or environment names the folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as a, open(f"/proc/{pid}/environ", "rb") as b:
                if folder.encode() in a.read() + b.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def eventually(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def up():
    where = tempfile.mkdtemp(prefix="rig-")
    try:
        rig("up", where)
        yield where
    finally:
        rig("wipe", where, check=False)
        shutil.rmtree(where, ignore_errors=True)


@pytest.fixture(scope="module")
def up_more():
    """One with everything: accounts, a federation, preemption."""
    if shutil.which("slurmdbd", path=PATH) is None or shutil.which("mariadbd", path=PATH) is None:
        pytest.skip("no slurmdbd or MariaDB here; ./dev test installs them (tools/packages)")
    where = tempfile.mkdtemp(prefix="rig-")
    try:
        rig("up", where, "--federation", "--preempt")
        yield where
    finally:
        rig("wipe", where, check=False)
        shutil.rmtree(where, ignore_errors=True)


def state_of(where, n):
    return (rig("run", where, "east", "squeue", "-h", "-o", "%t").split() + [""])[n]


def test_a_job_runs_on_each_cluster_and_sees_its_accelerators(up):
    for cluster, gres in (("east", "gpu:ascend910b:2"), ("west", "gpu:a100:2")):
        out = f"{up}/{cluster}.out"
        partition = "npu" if cluster == "east" else "gpu"
        rig("run", up, cluster, "sbatch", "-p", partition, f"--gres={gres}", "-o", out,
            "--wrap", "echo on $SLURM_CLUSTER_NAME with $SLURM_JOB_GPUS")
        assert eventually(lambda: os.path.exists(out) and os.path.getsize(out)), cluster
        with open(out) as f:
            assert f.read().startswith(f"on {cluster} with 0,1")


def test_two_rigs_are_up_and_wiping_one_leaves_neither_process_nor_file_of_it(up):
    other = tempfile.mkdtemp(prefix="rig-")
    try:
        rig("up", other)
        assert rig("env", other, "east") != rig("env", up, "east")
        rig("run", other, "east", "sbatch", "-o", "/dev/null", "--wrap", "sleep 999")
        assert eventually(lambda: state_of(other, 0) == "R")
    finally:
        rig("wipe", other, check=False)
    assert processes(other) == [] and not os.path.exists(other)
    assert "down" not in rig("status", up)


def test_a_crashed_node_takes_its_job_along(up):
    mark = f"{up}/sleeps"
    rig("run", up, "west", "sbatch", "-p", "cpu", "-o", "/dev/null", "--wrap",
        f"MARK={mark} exec sleep 1000")

    assert eventually(lambda: processes(mark))
    rig("crash", up, "west", "slurmd-west-c1")
    assert processes(mark) == []
    assert "west slurmd-west-c1 down" in rig("status", up, check=False).stdout
    rig("start", up, "west", "slurmd-west-c1")
    assert "down" not in rig("status", up)


def test_an_urgent_job_takes_the_nodes_of_another_which_waits_again(up_more):
    rig("run", up_more, "east", "sbatch", "-p", "npu", "-o", "/dev/null", "--parsable",
        "--wrap", "sleep 1000")
    assert eventually(lambda: state_of(up_more, 0) == "R")
    rig("preempt", up_more, "east", rig("run", up_more, "east", "squeue", "-h", "-o", "%A").strip())
    assert eventually(lambda: "PD" in rig("run", up_more, "east", "squeue", "-h", "-o", "%t"))


def test_a_federated_job_is_known_to_both_clusters_and_runs_once(up_more):
    rig("run", up_more, "west", "sbatch", "-o", "/dev/null", "-J", "both", "--wrap", "true")
    show = ("sacct", "-anX", "-M", "east,west", "--name", "both", "--format=state%-20")
    assert eventually(lambda: rig("run", up_more, "west", *show).split() == ["COMPLETED"])


def test_a_user_without_an_account_is_refused(up_more):
    r = rig("run", up_more, "west", "sbatch", "--account=nobody", "--wrap", "true", check=False)
    assert r.returncode and "account" in r.stderr.lower()


def test_a_layout_that_makes_no_sense_is_refused_with_its_line():
    with tempfile.TemporaryDirectory() as where:
        with open(f"{where}/layout", "w") as f:
            f.write("one node n 2 4 1000\none node n 2 4\n")
        os.mkdir(f"{where}/rig")
        r = rig("up", f"{where}/rig", "--layout", f"{where}/layout", check=False)
        assert r.returncode == 1 and "layout line 2: want CLUSTER node" in r.stderr


def test_what_is_no_rig_is_left_alone():
    with tempfile.TemporaryDirectory() as where:
        with open(f"{where}/mine", "w") as f:
            f.write("keep")
        for verb in ("up", "down", "wipe", "status"):
            r = rig(verb, where, check=False)
            assert r.returncode == 1 and "not a rig" in r.stderr + r.stdout, verb
        assert os.listdir(where) == ["mine"]
