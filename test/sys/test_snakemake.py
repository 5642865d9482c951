"""Snakemake's TES executor and the py-tes client, unchanged, on a real daemon.

They come from test/requirements.txt, in the virtual environment SUANLU_VENV, or venv in the build
directory.  On a pool with `images: host` their jobs run on this machine, which must have
bubblewrap: Snakemake's jobs work in /tmp, each in one of its own.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, ROOT, Daemon  # noqa: E402

BUILD = pathlib.Path(os.environ.get("SUANLU_BUILD", ROOT / "build"))
VENV = pathlib.Path(os.environ.get("SUANLU_VENV", BUILD / "venv")).resolve()
TES = "/ga4gh/tes/v1"
HOST = dict(POOL, images="host")

pytestmark = pytest.mark.skipif(not (VENV / "bin" / "snakemake").exists(),
                                reason="the packages of test/requirements.txt are not installed")
boxed = pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
seen = pytest.mark.skipif(VENV.parts[1] == "tmp", reason="a job cannot see a virtual environment below /tmp")


def python(*args, **kwargs):
    return subprocess.run([str(VENV / "bin" / "python"), *args], capture_output=True, text=True, timeout=240, **kwargs)


def environment(d, **more):
    path = f"{VENV}/bin:{os.environ['PATH']}"
    return dict(os.environ, PATH=path, HOME=str(d.directory), **more)


def snakemake(d, workdir, auth):
    """What a user types.  The job script says where Python is, as an image otherwise would."""
    jobscript = d.directory / "jobscript.sh"
    jobscript.write_text(f"#!/bin/sh\n# properties = {{properties}}\nexport PATH={VENV}/bin:$PATH\n{{exec_job}}\n")
    address = (d.state / "address").read_text().strip()
    return python("-m", "snakemake", "--tes", f"http://{address}/ga4gh/tes", "--jobs", "3", "--jobscript",
                  str(jobscript), "--default-resources", "mem_mb=200", "--max-status-checks-per-second", "5",
                  cwd=workdir, env=environment(d, **auth))


def workflow(d, name="wf"):
    workdir = d.files / name
    workdir.mkdir()
    shutil.copy(ROOT / "test" / "snakemake" / "Snakefile", workdir)
    (workdir / "text.txt").write_text("the cat and the dog\nand a bird\nthe end\n" * 30)
    return workdir


@boxed
@seen
def test_a_workflow_of_three_steps():
    with Daemon({"pools": [HOST]}) as d:
        workdir = workflow(d)
        done = snakemake(d, workdir, {"TES_TOKEN": d.token})
        assert done.returncode == 0, done.stderr
        counts = dict(line.split() for line in (workdir / "result" / "counts.txt").read_text().splitlines())
        assert counts == {"the": "90", "and": "60", "cat": "30", "dog": "30", "a": "30", "bird": "30", "end": "30"}
        assert (workdir / "result" / "merge.log").read_text().startswith("merged")
        tasks = d.api.get(f"{TES}/tasks", params={"view": "BASIC"}).json()["tasks"]
        assert [t["state"] for t in tasks] == ["COMPLETE"] * 5      # split, three times count, merge
        assert tasks[0]["resources"]["ram_gb"] == 1 and len(tasks[0]["logs"][0]["outputs"]) == 2
        assert not pathlib.Path("/tmp/run_snakemake.sh").exists()


@boxed
@seen
def test_a_failing_step_ends_the_workflow_and_the_log_says_why():
    with Daemon({"pools": [HOST]}) as d:
        workdir = workflow(d)
        (workdir / "text.txt").unlink()
        (workdir / "text.txt").mkdir()          # split cannot read it
        done = snakemake(d, workdir, {"FUNNEL_SERVER_USER": "me", "FUNNEL_SERVER_PASSWORD": d.token})
        assert done.returncode != 0 and "[TES] Task errored: 1" in done.stderr, done.stderr
        full = d.api.get(f"{TES}/tasks/1", params={"view": "FULL"}).json()
        assert full["state"] == "EXECUTOR_ERROR" and "split" in full["logs"][0]["logs"][0]["stderr"]


def client(d, text):
    """Run Python with `cli`, a py-tes client of the daemon, and what one needs."""
    address = (d.state / "address").read_text().strip()
    head = f"""
        import tes, sys
        cli = tes.HTTPClient("http://{address}/ga4gh/tes", timeout=10, token="{d.token}")
        def create(*command, **more):
            return cli.create_task(tes.Task(executors=[tes.Executor(image="debian:12", command=list(command))], **more))
    """
    done = python("-c", textwrap.dedent(head) + textwrap.dedent(text), env=environment(d))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_py_tes_creates_waits_lists_and_cancels():
    with Daemon({"pools": [HOST]}) as d:
        out = client(d, """
            id = create("echo", "hello", name="first", tags={"a": "b"},
                        inputs=[tes.Input(path="/in", content="x", type="FILE")],
                        resources=tes.Resources(cpu_cores=1, ram_gb=0.2, disk_gb=1, preemptible=False))
            assert cli.wait(id, timeout=20).state == "COMPLETE"
            full = cli.get_task(id, view="FULL")
            assert full.logs[0].logs[0].stdout == "hello\\n" and full.logs[0].logs[0].exit_code == 0
            assert full.tags == {"a": "b"} and full.inputs[0].content == "x"
            assert full.logs[0].start_time <= full.logs[0].end_time and full.creation_time
            bad = create("false")
            assert cli.wait(bad, timeout=20).state == "EXECUTOR_ERROR"
            long = create("sleep", "100")
            cli.cancel_task(long)
            while cli.get_task(long, view="MINIMAL").state != "CANCELED":
                pass
            page = cli.list_tasks(view="BASIC", page_size=2)
            assert [t.id for t in page.tasks] == [long, bad], page
            rest = cli.list_tasks(view="FULL", page_size=2, page_token=page.next_page_token)
            assert [t.id for t in rest.tasks] == [id] and rest.tasks[0].name == "first"
            print("fine")
        """)
        assert out == "fine\n"


def test_py_tes_learns_that_a_wrong_token_is_refused():
    with Daemon({"pools": [HOST]}) as d:
        out = client(d, """
            cli.token = "sl_" + "x" * 43
            try:
                cli.list_tasks()
            except Exception as e:
                print(e.response.status_code)
        """)
        assert out == "401\n"
