"""GA4GH TES 1.1 on a real daemon: documents, views, lists, states, and what the executors see."""

import base64
import json
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, Daemon  # noqa: E402

TES = "/ga4gh/tes/v1"
OVER = ("COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "CANCELED")
HOST = dict(POOL, name="host", images="host")

boxed = pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")


@pytest.fixture(scope="module")
def node():
    with Daemon({"pools": [HOST]}) as d:
        yield d


def executor(*command, **more):
    return {"image": "debian:12", "command": list(command), **more}


def sh(text, **more):
    return executor("/bin/sh", "-c", text, **more)


def task(*executors, **more):
    return {"executors": list(executors) or [executor("true")], **more}


def create(api, doc):
    r = api.post(f"{TES}/tasks", json=doc)
    assert r.status_code == 200, r.text
    return r.json()["id"]


def get(api, id, view="FULL"):
    r = api.get(f"{TES}/tasks/{id}", params={"view": view})
    assert r.status_code == 200, r.text
    return r.json()


def wait(api, id, states=OVER, timeout=30):
    end = time.monotonic() + timeout
    while (seen := get(api, id, "MINIMAL"))["state"] not in states:
        assert time.monotonic() < end, f"still {seen}: {get(api, id)}"
        time.sleep(0.05)
    return get(api, id)


def run(api, doc):
    return wait(api, create(api, doc))


def listed(api, **params):
    r = api.get(f"{TES}/tasks", params=params)
    assert r.status_code == 200, r.text
    return r.json()


# ---- the service ----

def test_the_service_says_what_it_is(node):
    info = node.api.get(f"{TES}/service-info").json()
    assert info["type"] == {"group": "org.ga4gh", "artifact": "tes", "version": "1.1.0"}
    assert {"accelerators", "data_level", "stay_within"} <= set(info["tesResources_backend_parameters"])
    assert node.api.get(f"{TES}/tasks/service-info").json() == info


def test_it_is_closed_without_a_token(node):
    with node.client(token="") as nobody:
        for path in ("/service-info", "/tasks", "/tasks/1"):
            assert nobody.get(TES + path).status_code == 401
        assert nobody.post(f"{TES}/tasks", json=task()).status_code == 401


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_a_password_may_be_the_token(node):
    with node.client(token="") as nobody:
        assert nobody.get(f"{TES}/tasks", headers=basic(f"anyone:{node.token}")).status_code == 200


@pytest.mark.parametrize("text", ["anyone:wrong", "anyone", ":", "a:sl_" + "x" * 43, "x" * 4000])
def test_another_password_is_refused(node, text):
    with node.client(token="") as nobody:
        assert nobody.get(f"{TES}/tasks", headers=basic(text)).status_code == 401


def test_a_password_opens_tes_only(node):
    with node.client(token="") as nobody:
        assert nobody.get("/v1/tasks", headers=basic(f"anyone:{node.token}")).status_code == 401


# ---- documents ----

def test_the_document_comes_back(node):
    doc = task(sh("cat /data/in", env={"A": "1"}, workdir="/data", stdout="/data/out"), name="round", description="d",
               inputs=[{"path": "/data/in", "content": "it's\n'quoted'\\'", "name": "n", "type": "FILE"}],
               tags={"WORKFLOW": "w 1"}, volumes=["/vol/a"],
               resources={"cpu_cores": 1, "ram_gb": 0.25, "disk_gb": 1.5, "preemptible": True,
                          "backend_parameters": {"Walltime_S": "90"}})
    id = create(node.api, doc)
    full = wait(node.api, id)
    assert full["state"] == "COMPLETE", full
    for key, value in doc.items():
        assert full[key] == value
    assert full["logs"][0]["logs"][0]["stdout"] == "it's\n'quoted'\\'"
    some = get(node.api, id, "BASIC")
    assert "content" not in some["inputs"][0] and "system_logs" not in some["logs"][0]
    assert "stdout" not in some["logs"][0]["logs"][0] and some["tags"] == doc["tags"]
    assert set(get(node.api, id, "MINIMAL")) == {"id", "state"}
    spec = node.api.get(f"/v1/tasks/{id}").json()["spec"]
    assert (spec["cpus"], spec["memory_mb"], spec["walltime_s"]) == (1, 250, 90)


def test_the_server_fills_in_the_type_of_a_file(node):
    id = create(node.api, task(inputs=[{"path": "/a", "content": ""}]))
    assert get(node.api, id, "BASIC")["inputs"] == [{"path": "/a", "type": "FILE"}]


def test_null_is_absent_and_the_unknown_is_noted(node):
    done = run(node.api, task(executor("true", flavour="x"), name=None, volumes=None, id="7", state="COMPLETE", foo=1))
    assert done["state"] == "COMPLETE" and "foo" not in done and "name" not in done
    notes = " ".join(done["logs"][0]["system_logs"])
    assert "foo is not known" in notes and "executors[0].flavour is not known" in notes


REFUSED = {
    "executors": ({}, "executors"),
    "no executor": ({"executors": []}, "executors"),
    "no image": ({"executors": [{"command": ["true"]}]}, "executors[0].image"),
    "an image that is an option": ({"executors": [{"command": ["true"], "image": "-v"}]}, "executors[0].image"),
    "no command": ({"executors": [{"image": "x"}]}, "executors[0].command"),
    "an empty command": (task(executor()), "executors[0].command"),
    "a relative path": (task(inputs=[{"path": "a", "content": "x"}]), "inputs[0].path"),
    "a path upwards": (task(inputs=[{"path": "/a/../../b", "content": "x"}]), "inputs[0].path"),
    "a path with a newline": (task(inputs=[{"path": "/a\nb", "content": "x"}]), "inputs[0].path"),
    "the root": (task(inputs=[{"path": "/", "content": "x"}]), "inputs[0].path"),
    "a kernel's path": (task(inputs=[{"path": "/proc/1/mem", "content": "x"}]), "inputs[0].path"),
    "neither url nor content": (task(inputs=[{"path": "/a"}]), "inputs[0].url"),
    "an unknown scheme": (task(inputs=[{"path": "/a", "content": "x"}, {"path": "/b", "url": "s3://b/k"}]),
                          "inputs[1].url"),
    "a directory by http": (task(inputs=[{"path": "/a", "url": "http://h/d", "type": "DIRECTORY"}]), "inputs[0].url"),
    "a directory by value": (task(inputs=[{"path": "/a", "content": "x", "type": "DIRECTORY"}]), "inputs[0].content"),
    "another type": (task(inputs=[{"path": "/a", "content": "x", "type": "LINK"}]), "inputs[0].type"),
    "wildcards without a prefix": (task(outputs=[{"path": "/a/*", "url": "file:///x"}]), "outputs[0].path_prefix"),
    "wildcards at the root": (task(outputs=[{"path": "/*", "url": "file:///x", "path_prefix": "/"}]), "outputs[0].path"),
    "wildcards by http": (task(outputs=[{"path": "/a/*", "url": "http://h/x", "path_prefix": "/"}]), "outputs[0].url"),
    "a relative stdout": (task(executor("true", stdout="x")), "executors[0].stdout"),
    "a strange variable": (task(executor("true", env={"A;rm": "x"})), "executors[0].env"),
    "a volume that is everything": (task(volumes=["/"]), "volumes"),
    "a tag that is no text": (task(tags={"a": 1}), "tags.a"),
    "a negative size": (task(resources={"ram_gb": -1}), "resources.ram_gb"),
    "a size that is text": (task(resources={"disk_gb": "1"}), "resources.disk_gb"),
    "half a core": (task(resources={"cpu_cores": 0.5}), "resources.cpu_cores"),
    "a wrong parameter": (task(resources={"backend_parameters": {"walltime_s": "soon"}}),
                          "resources.backend_parameters.walltime_s"),
    "an unknown accelerator": (task(resources={"backend_parameters": {"accelerators": "abacus:2"}}),
                               "resources.backend_parameters.accelerators"),
    "an unknown parameter, strictly": (task(resources={"backend_parameters": {"vmsize": "x"},
                                                       "backend_parameters_strict": True}),
                                       "resources.backend_parameters"),
    "zones, strictly": (task(resources={"zones": ["us-west-1"], "backend_parameters_strict": True}), "resources.zones"),
    "too large a document": (task(description="x" * 16000, tags={str(i): "y" * 16000 for i in range(5)}), ""),
    "too much content": (task(inputs=[{"path": f"/a{i}", "content": "x" * 200000} for i in range(3)]), "inputs"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_refused_with_its_field(node, what):
    doc, field = REFUSED[what]
    r = node.api.post(f"{TES}/tasks", json=doc)
    assert r.status_code == 400, r.text
    assert (r.json().get("field") or "").startswith(field), r.text


@pytest.mark.parametrize("body", ["[]", "1", "null", '"x"'])
def test_a_task_is_an_object(node, body):
    r = node.api.post(f"{TES}/tasks", content=body, headers={"Content-Type": "application/json"})
    assert r.status_code == 400


def test_parameters_become_native_fields(node):
    id = create(node.api, task(resources={"zones": ["cn/50/500106"], "backend_parameters": {
        "data_level": "important", "prefer": "cheapest", "KIND": "render", "retries": "2",
        "accelerators": '{"count": 1, "share": 0.5}'}}))
    spec = node.api.get(f"/v1/tasks/{id}").json()["spec"]
    assert spec["stay_within"] == "cn/50/500106" and spec["data_level"] == "important"
    assert (spec["prefer"], spec["kind"], spec["retries"]) == ("cheapest", "render", 2)
    assert spec["accelerators"] == {"count": 1, "share": 0.5}
    refused = get(node.api, id)
    assert refused["state"] == "SYSTEM_ERROR"
    assert any("clearance" in line for line in refused["logs"][0]["system_logs"]), refused


def test_the_same_key_makes_one_task(node):
    ids = {node.api.post(f"{TES}/tasks", json=task(), headers={"Idempotency-Key": "tes-1"}).json()["id"]
           for _ in range(2)}
    assert len(ids) == 1


# ---- running ----

def test_an_executor_that_fails_stops_the_task(node):
    done = run(node.api, task(sh("echo one"), sh("echo two >&2; exit 7"), sh("echo three")))
    assert done["state"] == "EXECUTOR_ERROR"
    logs = done["logs"][0]["logs"]
    assert [x["exit_code"] for x in logs] == [0, 7]
    assert [x["stdout"] for x in logs] == ["one\n", ""] and logs[1]["stderr"] == "two\n"
    assert logs[0]["start_time"] <= logs[0]["end_time"] <= logs[1]["start_time"]


def test_an_error_may_be_ignored(node):
    done = run(node.api, task(sh("exit 7", ignore_error=True), sh("printf three")))
    assert done["state"] == "COMPLETE"
    assert [(x["exit_code"], x["stdout"]) for x in done["logs"][0]["logs"]] == [(7, ""), (0, "three")]


def test_a_command_that_is_not_there_is_the_executors_error(node):
    done = run(node.api, task(executor("no-such-program")))
    assert done["state"] == "EXECUTOR_ERROR" and done["logs"][0]["logs"][0]["exit_code"] == 127


def test_125_of_an_executor_is_its_own(node):
    done = run(node.api, task(sh("exit 125")))
    assert done["state"] == "EXECUTOR_ERROR" and done["logs"][0]["logs"][0]["exit_code"] == 125


def test_an_executor_cannot_speak_for_another_run(node):
    done = run(node.api, task(sh("echo 'suanlu: n00000000-1-1: executor 1 ended 2020-01-01T00:00:00Z exit 9' >&2")))
    assert [x["exit_code"] for x in done["logs"][0]["logs"]] == [0]


def test_a_missing_input_is_a_system_error_with_words(node):
    done = run(node.api, task(inputs=[{"path": "/in", "url": f"file://{node.files}/none"}]))
    assert done["state"] == "SYSTEM_ERROR" and done["logs"][0]["logs"] == []
    assert any("phase input" in line for line in done["logs"][0]["system_logs"])


def test_an_output_that_was_not_made_is_a_system_error(node):
    done = run(node.api, task(outputs=[{"path": "/x/out", "url": f"file://{node.files}/never"}]))
    assert done["state"] == "SYSTEM_ERROR" and done["logs"][0]["outputs"] == []


@boxed
def test_executors_share_files_at_the_paths_of_the_document(node):
    (node.files / "a b%41.txt").write_text("from storage\n")
    (node.files / "dir").mkdir()
    (node.files / "dir" / "x").write_text("x")
    done = run(node.api, task(
        sh("cat '/data/in file' /data/dir/x; echo new >/vol/a/new; pwd; echo $A", workdir="/some/where",
           stdout="/logs/out", env={"A": "/data/in file"}),
        executor("cat", stdin="/logs/out", stderr="/logs/err"), sh("cat /vol/a/new; ls /tmp | wc -l; ls -d /usr"),
        inputs=[{"path": "/data/in file", "url": f"{node.files}/a b%41.txt"},
                {"path": "/data/dir", "url": f"file://{node.files}/dir/", "type": "DIRECTORY"}],
        outputs=[{"path": "/logs/out", "url": f"file://{node.files}/o/out"}], volumes=["/vol/a/"]))
    assert done["state"] == "COMPLETE", done
    text = "from storage\nx/some/where\n/data/in file\n"
    logs = done["logs"][0]
    assert [x["stdout"] for x in logs["logs"]] == [text, text, "new\n0\n/usr\n"]
    assert (node.files / "o" / "out").read_text() == text
    assert logs["outputs"] == [{"url": f"file://{node.files}/o/out", "path": "/logs/out", "size_bytes": str(len(text))}]
    assert not pathlib.Path("/some/where").exists() and not pathlib.Path("/vol").exists()


@boxed
def test_several_outputs_by_directory_and_by_wildcards(node):
    done = run(node.api, task(
        sh("cd /res; mkdir -p sub d/e; echo 1 >sub/a1.txt; echo 22 >sub/b2.txt; echo 3 >sub/cc.txt; echo 4 >d/e/f"),
        outputs=[{"path": "/res/sub/[ab]?.txt", "path_prefix": "/res", "url": f"file://{node.files}/picked"},
                 {"path": "/res/d", "url": f"file://{node.files}/whole", "type": "DIRECTORY"}]))
    assert done["state"] == "COMPLETE", done
    files = {str(p.relative_to(node.files)) for n in ("picked", "whole") for p in (node.files / n).rglob("*")
             if p.is_file()}
    assert files == {"picked/sub/a1.txt", "picked/sub/b2.txt", "whole/e/f"}
    outputs = {o["path"]: (o["url"], o["size_bytes"]) for o in done["logs"][0]["outputs"]}
    assert outputs["/res/sub/b2.txt"] == (f"file://{node.files}/picked/sub/b2.txt", "3")
    assert outputs["/res/d/e/f"][1] == "2" and len(outputs) == 3


@boxed
def test_a_file_of_the_machine_is_not_overwritten(node):
    target = node.files / "precious"
    target.write_text("kept")
    done = run(node.api, task(sh(f"echo new >{target}"), outputs=[
        {"path": str(target), "url": f"file://{node.files}/copy"}]))
    assert done["state"] == "COMPLETE", done
    assert target.read_text() == "kept" and (node.files / "copy").read_text() == "new\n"


def run_without_bubblewrap(node, doc, tmp_path):
    """The script of a task, as a machine without bubblewrap runs it."""
    script = node.api.get(f"/v1/tasks/{create(node.api, doc)}").json()["spec"]["script"]
    tools, work = tmp_path / "bin", tmp_path / "work"
    tools.mkdir()
    work.mkdir()
    for tool in pathlib.Path("/usr/bin").iterdir():
        if tool.name != "bwrap":
            (tools / tool.name).symlink_to(tool)
    return work, subprocess.run(["/bin/sh", "-c", script], cwd=work, capture_output=True, text=True, timeout=60,
                                env={"PATH": str(tools), "SUANLU_RUN": "n1-1-1"})


def test_without_bubblewrap_paths_are_rewritten_where_that_is_exact(node, tmp_path):
    work, done = run_without_bubblewrap(node, task(
        executor("cp", "/data/in", "/data/out"), sh("cat; echo $A; pwd", stdin="/data/out", stdout="/data/all",
                                                    env={"A": "/data/out"}, workdir="/w"),
        inputs=[{"path": "/data/in", "content": "x\n"}]), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (work / "root/data/out").read_text() == "x\n"
    assert (work / "root/data/all").read_text() == f"x\n{work}/root/data/out\n{work}/root/w\n"
    assert not pathlib.Path("/data/out").exists()


@pytest.mark.parametrize("where", ["command", "env", "content"])
def test_without_bubblewrap_a_path_within_a_text_is_refused(node, tmp_path, where):
    inputs = [{"path": "/data/in", "content": "cat /data/in" if where == "content" else "x"}]
    doc = {"command": task(sh("cat /data/in"), inputs=inputs),
           "env": task(executor("env", env={"A": "/data/in:/data/in"}), inputs=inputs),
           "content": task(executor("sh", "/data/in"), inputs=inputs)}[where]
    _, done = run_without_bubblewrap(node, doc, tmp_path)
    assert done.returncode == 125 and "needs bubblewrap" in done.stderr, done.stderr


def test_a_pool_without_images_refuses_clearly():
    with Daemon({"pools": [POOL]}) as d:
        done = run(d.api, task())
        assert done["state"] == "SYSTEM_ERROR"
        assert done["logs"][0]["metadata"]["reason"] == "image"
        assert any(line.startswith("refused: image") for line in done["logs"][0]["system_logs"])
        assert get(d.api, done["id"], "BASIC")["logs"][0]["metadata"] == {"reason": "image"}


def test_each_run_has_its_log(node):
    done = run(node.api, task(sh("exit 4"), resources={"backend_parameters": {"retries": "1"}}))
    assert done["state"] == "EXECUTOR_ERROR" and len(done["logs"]) == 2
    assert [x["logs"][0]["exit_code"] for x in done["logs"]] == [4, 4]
    assert [x["metadata"]["pool"] for x in done["logs"]] == ["host", "host"]


# ---- cancel ----

def test_cancel(node):
    id = create(node.api, task(executor("sleep", "100")))
    wait(node.api, id, ("RUNNING",))
    r = node.api.post(f"{TES}/tasks/{id}:cancel")
    assert (r.status_code, r.json()) == (200, {})
    assert get(node.api, id, "MINIMAL")["state"] in ("INITIALIZING", "RUNNING", "CANCELED")
    assert wait(node.api, id)["state"] == "CANCELED"
    assert node.api.post(f"{TES}/tasks/{id}:cancel").status_code == 200


def test_what_is_over_cannot_be_cancelled(node):
    done = run(node.api, task())
    assert node.api.post(f"{TES}/tasks/{done['id']}:cancel").status_code == 409


@pytest.mark.parametrize("id", ["999999", "job-0", "1_2_3", "-1", "cancel"])
def test_a_task_that_is_not_there(node, id):
    assert node.api.get(f"{TES}/tasks/{id}").status_code == 404
    assert node.api.post(f"{TES}/tasks/{id}:cancel").status_code == 404


def test_a_native_task_is_not_of_tes(node):
    id = node.api.submit(script="true")["id"]
    node.api.wait(id)
    assert node.api.get(f"{TES}/tasks/{id}").status_code == 404
    assert id not in [t["id"] for t in listed(node.api, page_size=2047)["tasks"]]


def test_a_forged_document_does_no_harm(node):
    for meta in ({"tes": {"inputs": 3, "executors": "x", "outputs": [1, {"path": 5}]}},
                 {"tes": {"inputs": [{}], "executors": [{}] * 3}, "contents": [[-5, 1 << 40]], "notes": [1]},
                 {"tes": {"inputs": [7, {}]}, "contents": [[0, 9], [3, 2]], "notes": "x"}):
        id = node.api.submit(script="true", meta=meta)["id"]
        node.api.wait(id)
        # Answers hold what was forged, so they are not held against the contract here.
        import httpx
        for path in (f"/tasks/{id}?view=FULL", "/tasks?view=FULL&page_size=1&name_prefix="):
            r = httpx.get(str(node.api.base_url) + TES + path, headers=node.api.headers, trust_env=False)
            assert r.status_code == 200 and isinstance(json.loads(r.text), dict)
    assert node.api.get("/v1/node").status_code == 200


# ---- list ----

def test_a_list_is_filtered_and_paged():
    with Daemon({"pools": [HOST]}) as d:
        ids = [create(d.api, task(name=f"p{i % 2}-{i}", tags={"n": str(i), "wf": "a&b=c" if i < 3 else "other"}))
               for i in range(5)]
        for id in ids:
            wait(d.api, id)
        seen, token = [], ""
        while token is not None:
            page = listed(d.api, page_size=2, page_token=token)
            assert all(set(t) == {"id", "state"} for t in page["tasks"]) and len(page["tasks"]) <= 2
            seen += [t["id"] for t in page["tasks"]]
            token = page.get("next_page_token")
        assert seen == ids[::-1]

        def found(**params):
            return {t["id"] for t in listed(d.api, **params)["tasks"]}

        assert found(name_prefix="p1") == {ids[1], ids[3]} and found(name_prefix="x") == set()
        assert found(state="COMPLETE") == set(ids) and found(state="CANCELED") == set()
        assert found(tag_key="n") == set(ids) and found(tag_key="none") == set()
        assert found(tag_key="wf", tag_value="a&b=c") == set(ids[:3])
        assert found(tag_key=["wf", "n"], tag_value=["a&b=c", "2"]) == {ids[2]}
        assert found(tag_key=["wf", "n"], tag_value=["other"]) == set(ids[3:])
        full = listed(d.api, view="FULL", page_size=1)["tasks"][0]
        assert full["tags"]["n"] == "4" and full["logs"][0]["logs"][0]["exit_code"] == 0
        with d.user("stranger") as stranger:
            assert listed(stranger)["tasks"] == []
            assert stranger.get(f"{TES}/tasks/{ids[0]}").status_code == 404
            assert stranger.post(f"{TES}/tasks/{ids[0]}:cancel").status_code == 404


@pytest.mark.parametrize("query", ["view=full", "page_size=0", "page_size=2048", "page_size=x", "page_token=x",
                                   "state=DONE", "tag_value=x", "foo=1", "state=QUEUED&state=RUNNING",
                                   "tag_key=a&tag_key=%ff", "&".join(["tag_key=a"] * 17)])
def test_a_question_that_makes_no_sense_is_refused(node, query):
    assert node.api.get(f"{TES}/tasks?{query}").status_code == 400


def test_a_restart_forgets_nothing():
    with Daemon({"pools": [HOST]}) as d:
        before = run(d.api, task(sh("echo kept"), name="old", tags={"a": "b"},
                                 inputs=[{"path": "/data/x", "content": "y'z"}]))
        d.kill()
        d.start()
        assert get(d.api, before["id"]) == before
