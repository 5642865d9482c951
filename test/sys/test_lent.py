"""Jobs that are lent to a user: what they cannot reach of the daemon, of other pools and of the disk."""

import copy
import os
import pathlib
import pwd
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, Daemon  # noqa: E402

USERS = ("nobody", "daemon")            # there on every machine
SECRET = "3nvironment"


def lent(name, user):
    return {**copy.deepcopy(POOL), "name": name, "options": {"user": user}}


@pytest.fixture(scope="module")
def node():
    """Two pools of this machine, each with a user of its own."""
    if os.geteuid():
        pytest.skip("lending jobs to another user needs root")
    where = pathlib.Path(tempfile.mkdtemp(prefix="suanlu-lent-"))
    for path, mode in ((where, 0o711), (where / "state", 0o711), (where / "state" / "runs", 0o711),
                       (where / "files", 0o777)):
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    try:
        with Daemon({"pools": [lent(user, user) for user in USERS]}, directory=where) as d:
            yield d
    finally:
        shutil.rmtree(where, ignore_errors=True)


def said(d, script, pool="nobody", **spec):
    """What a job prints, that ends with 0."""
    id = d.api.submit(script=script, pools=[pool], **spec)["id"]
    assert d.api.wait(id)["state"] == "done", d.api.get(f"/v1/tasks/{id}/logs?stream=stderr").text
    return d.api.get(f"/v1/tasks/{id}/logs").text


def reads(paths):
    """A script that says which of these it could read."""
    return "".join(f"cat '{p}' >/dev/null 2>&1 && echo 'read {p}'\n" for p in paths) + "id -un\n"


def processes_of(d, id):
    """Those of a running task: its own and the shim over it."""
    mark = f"-{id}-1"
    found = []
    for pid in (p for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()):
        try:
            text = (pid / "environ").read_bytes() + (pid / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{mark}\0".encode() in text and str(d.state).encode() in text + os.readlink(pid / "cwd").encode():
            found.append(int(pid.name))
    return found


def test_a_job_of_a_user_reads_nothing_of_the_daemons(node):
    ours = [p for p in node.state.iterdir() if p.is_file() and p.name != "address"] + [node.config_file]
    assert {"token", "suanlu.db"} <= {p.name for p in ours}
    node.config_file.chmod(0o600)
    ours += [f"/proc/{node.process.pid}/{name}" for name in ("environ", "mem", "fd/0", "maps")]
    assert said(node, reads(ours) + f"ls '{node.state}' && echo listed; true") == "nobody\n"


def test_jobs_that_are_root_are_warned_of(node):
    with Daemon() as d:
        assert "jobs of pool centre are root" in d.log
    assert "are root" not in node.log


def test_pools_with_users_of_their_own_keep_their_jobs_apart(node):
    id = node.api.submit(script="echo mine > kept; sleep 60", env={"KEY": SECRET}, pools=["daemon"])["id"]
    node.api.wait(id, ("running",))
    pids = processes_of(node, id)
    assert len(pids) >= 2, pids
    files = [p for p in (node.state / "runs" / "daemon").rglob("*") if p.is_file()]
    kept = [p for p in files if p.name == "kept"]
    assert kept and kept[0].owner() == "daemon"
    assert any(SECRET in p.read_text(errors="replace") for p in files)
    secret = [p for p in files if p.name == "kept" or SECRET in p.read_text(errors="replace")]
    secret += [f"/proc/{pid}/{name}" for pid in pids for name in ("environ", "cwd/kept", "mem")]
    kills = "".join(f"kill -9 {pid} 2>/dev/null && echo killed {pid}\n" for pid in (*pids, node.process.pid))
    assert said(node, kills + reads(secret)) == "nobody\n"
    assert said(node, reads(kept), pool="daemon") == f"read {kept[0]}\ndaemon\n"        # and its own it may
    task = node.api.get(f"/v1/tasks/{id}").json()
    assert (task["state"], task["attempt"]) == ("running", 1)
    node.api.post(f"/v1/tasks/{id}/cancel")
    node.api.wait(id)


def test_a_job_of_a_user_does_not_leave_its_control_group(node):
    limits = node.api.get("/v1/pools/nobody").json()["enforced"]
    if "cgroup" not in limits["memory"]:
        pytest.skip(f"no control groups here: {limits}")
    groups = [p for top in pathlib.Path("/sys/fs/cgroup").iterdir() if top.is_dir()
              for name in ("cgroup.procs", "tasks") for p in (top / name, top / "suanlu" / name)
              if p.exists()] + [p for p in [pathlib.Path("/sys/fs/cgroup/cgroup.procs")] if p.exists()]
    assert groups
    tries = "".join(f"(echo $$ > '{p}') 2>/dev/null && echo 'left for {p}'\n" for p in groups)
    assert said(node, tries + "id -un") == "nobody\n"


def test_a_file_is_fetched_and_stored_with_the_rights_of_the_job(node):
    """So a link that is changed between the look and the copy gives nothing that the job could not open."""
    theirs = node.files / "theirs"
    theirs.write_text("not for nobody")
    theirs.chmod(0o600)
    os.chown(theirs, pwd.getpwnam("daemon").pw_uid, -1)
    spec = {"script": "cat in", "inputs": [{"url": f"file://{theirs}", "path": "in"}]}
    assert node.api.wait(node.api.submit(pools=["daemon"], **spec)["id"])["state"] == "done"
    task = node.api.wait(node.api.submit(pools=["nobody"], **spec)["id"])
    assert (task["state"], task["phase"]) == ("failed", "input")
    shut = node.files / "shut"
    shut.mkdir(mode=0o755)
    task = node.api.wait(node.api.submit(script="echo x >out", pools=["nobody"], outputs=[
        {"url": f"file://{shut}/out", "path": "out"}])["id"])
    assert (task["state"], task["phase"]) == ("failed", "output") and not (shut / "out").exists()
