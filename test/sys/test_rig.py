"""The rig of real Slurm clusters itself: it starts, runs jobs, breaks where told to, and leaves nothing."""
import os
import shutil
import subprocess
import tempfile
import time

import pytest

RIG = os.environ.get("SUANLU_SOURCE", ".") + "/test/rigs/slurm-rig"
TOOLS = ("munged", "slurmctld", "slurmd", "slurmrestd", "sinfo")

pytestmark = pytest.mark.skipif(
    any(shutil.which(t, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None for t in TOOLS),
    reason="no Slurm here; ./dev test installs it (tools/packages)")


def rig(*words, check=True):
    r = subprocess.run([RIG, *words], capture_output=True, text=True, timeout=90)
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


def test_a_job_runs_on_each_cluster_and_sees_its_accelerators(up):
    for cluster, gres in (("east", "gpu:ascend910b:2"), ("west", "gpu:a100:2")):
        out = f"{up}/{cluster}.out"
        partition = "npu" if cluster == "east" else "gpu"
        rig("run", up, cluster, "sbatch", "-p", partition, f"--gres={gres}", "-o", out,
            "--wrap", "echo on $SLURM_CLUSTER_NAME with $SLURM_JOB_GPUS")
        assert eventually(lambda: os.path.exists(out) and os.path.getsize(out)), cluster
        with open(out) as f:
            assert f.read().startswith(f"on {cluster} with 0,1")


def test_two_rigs_are_up_at_the_same_time(up):
    other = tempfile.mkdtemp(prefix="rig-")
    try:
        rig("up", other)
        assert rig("env", other, "east") != rig("env", up, "east")
        assert "down" not in rig("status", up)
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


def test_what_is_no_rig_is_left_alone():
    with tempfile.TemporaryDirectory() as where:
        with open(f"{where}/mine", "w") as f:
            f.write("keep")
        for verb in ("up", "down", "wipe", "status"):
            r = rig(verb, where, check=False)
            assert r.returncode == 1 and "not a rig" in r.stderr + r.stdout, verb
        assert os.listdir(where) == ["mine"]


def test_wipe_leaves_neither_a_process_nor_a_file():
    where = tempfile.mkdtemp(prefix="rig-")
    rig("up", where)
    rig("run", where, "east", "sbatch", "-o", "/dev/null", "--wrap", "sleep 999")
    assert eventually(lambda: "R" in rig("run", where, "east", "squeue", "-h", "-o", "%t"))
    rig("wipe", where)
    assert processes(where) == [] and not os.path.exists(where)
