"""Inputs are fetched and outputs stored by the run itself: over HTTP, from files, and not from elsewhere."""
import hashlib
import http.server
import os
import pathlib
import shutil
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
from client import Daemon  # noqa: E402


class Shop(http.server.BaseHTTPRequestHandler):
    """Gives out what it has, takes what is put, moves, and fails a few times first."""
    things = {}
    fail = {}
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        if self.fail.get(self.path, 0) > 0:
            self.fail[self.path] -= 1
            return self.send_error(503)
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", "/" + self.path[len("/moved/"):])
            return self.end_headers()
        body = self.things.get(self.path.split("?")[0])
        if body is None:
            return self.send_error(404)
        if self.path.startswith("/cut/"):       # without a length nobody sees that the end is missing
            self.send_response(200)
            self.end_headers()
            return self.wfile.write(body[:len(body) // 2])
        if self.path.startswith("/short/"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + 1))
            self.end_headers()
            return self.wfile.write(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        if self.path.startswith("/readonly/"):
            return self.send_error(403)
        if self.path.startswith("/elsewhere/"):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", "/taken")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path.startswith("/half/"):
            self.rfile.read(int(self.headers["Content-Length"]) // 2)
            self.send_response(201)
            return self.end_headers()
        self.things[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def shop():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    d = tmp_path_factory.mktemp("files")
    (d / "in").mkdir()
    (d / "out").mkdir()
    return d


@pytest.fixture(scope="module")
def node(files):
    with Daemon({"files": {"read": [str(files / "in")], "write": [str(files / "out")], "inner": ["127.0.0.1"]}}) as d:
        yield d


def run(node, **task):
    return node.api.wait(node.api.submit(**task)["id"], timeout=60)


def test_an_input_over_http_arrives_whole_and_its_output_is_put_back(node, shop):
    data = os.urandom(3 << 20)
    Shop.things["/data"] = data
    t = run(node, script="sha256sum < in > sum; cp in copy",
            inputs=[{"url": f"{shop}/moved/data", "path": "in"}],
            outputs=[{"path": "sum", "url": f"{shop}/sum"}, {"path": "copy", "url": f"{shop}/copy"}])
    assert t["state"] == "done"
    assert Shop.things["/sum"].split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert Shop.things["/copy"] == data


def test_a_missing_input_fails_the_run_clearly_and_is_tried_three_times(node, shop):
    Shop.asked.clear()
    t = run(node, script="true", inputs=[{"url": f"{shop}/nothing", "path": "in"}])
    assert (t["state"], t["phase"], t["attempt"]) == ("failed", "input", 3)
    assert t["reason"]["code"] == "input"
    assert Shop.asked.count("/nothing") == 3
    log = node.api.get(f"/v1/tasks/{t['id']}/logs?stream=stderr").text
    assert "input 1 of 1" in log and "/nothing" in log


def test_an_input_that_comes_later_is_fetched_by_the_next_run(node, shop):
    Shop.things["/shy"] = b"here"
    Shop.fail["/shy"] = 1
    t = run(node, script="grep -q here in", inputs=[{"url": f"{shop}/shy", "path": "in"}])
    assert (t["state"], t["attempt"]) == ("done", 2)


def sum_of(data):
    return hashlib.sha256(data).hexdigest()


def refused_inputs(node, *cases):
    """The command never ran, and the run says why: which input, what was expected, what came."""
    ids = [node.api.submit(script="echo ran", inputs=[{"path": "in", **item}])["id"] for item, _ in cases]
    for id, (_, words) in zip(ids, cases):
        t = node.api.wait(id, timeout=60)
        assert (t["state"], t["phase"], t["reason"]["code"]) == ("failed", "input", "input")
        assert node.api.get(f"/v1/tasks/{id}/logs").text == ""
        text = node.api.get(f"/v1/tasks/{id}/runs").json()["runs"][0]["text"]
        for word in words:
            assert str(word) in text
        assert text in node.api.get(f"/v1/tasks/{id}/logs?stream=stderr").text


def test_inputs_that_are_what_they_should_be_are_used(node, shop, files):
    data = os.urandom(1 << 20)
    Shop.things["/sure"] = data
    (files / "in" / "sure").write_bytes(data)
    (files / "in" / "empty").write_bytes(b"")
    sure = {"size": len(data), "sha256": sum_of(data)}
    t = run(node, script="cmp a b && test -f c && test ! -s c && test $(ls -A | wc -l) = 3",
            inputs=[{"url": f"{shop}/sure", "path": "a", **sure},
                    {"url": f"file://{files}/in/sure", "path": "b", **sure},
                    {"url": f"file://{files}/in/empty", "path": "c", "sha256": sum_of(b"")}])
    assert t["state"] == "done"


def test_an_input_with_another_sum_is_not_run_on(node, shop, files):
    Shop.things["/other"] = b"other"
    (files / "in" / "other").write_bytes(b"other")
    refused_inputs(node, *[
        ({"url": url, "size": 5, "sha256": sum_of(b"right")}, ["input 1 of 1", url, sum_of(b"other"), sum_of(b"right")])
        for url in (f"{shop}/other", f"file://{files}/in/other")])


def test_an_input_with_another_size_is_not_run_on(node, shop, files):
    Shop.things["/five"] = b"12345"
    (files / "in" / "five").write_bytes(b"12345")
    refused_inputs(
        node,
        ({"url": f"{shop}/five", "size": 6}, ["/five", "5 bytes came", "6 were expected"]),
        ({"url": f"{shop}/five", "size": 4}, ["/five", "more came", "4 bytes"]),
        ({"url": f"file://{files}/in/five", "size": 4}, ["/five", "5 bytes came", "4 were expected"]))


def test_a_download_that_is_cut_off_is_not_run_on(node, shop):
    Shop.things["/cut/x"] = Shop.things["/short/x"] = data = b"x" * 5000
    refused_inputs(
        node,
        ({"url": f"{shop}/cut/x", "size": 5000}, ["/cut/x", "2500 bytes came", "5000 were expected"]),
        ({"url": f"{shop}/cut/x", "sha256": sum_of(data)}, ["/cut/x", sum_of(data[:2500]), sum_of(data)]),
        ({"url": f"{shop}/short/x"}, ["/short/x", "curl ended with 18"]))


def test_a_directory_has_no_sum(node, files):
    (files / "in" / "folder").mkdir()
    refused_inputs(node, ({"url": f"file://{files}/in/folder", "sha256": sum_of(b"")}, ["/folder", "directory"]))


def test_a_data_set_that_changed_since_it_was_registered_is_not_run_on(node, files):
    at = files / "in" / "frames"
    at.write_bytes(b"as it was")
    node.api.post("/v1/datasets", json={
        "name": "frames",
        "url": f"file://{at}", "region": "cn/50", "level": 1, "size": 9, "sha256": sum_of(b"as it was")}) \
        .raise_for_status()
    task = dict(script="cat in", inputs=[{"dataset": "frames", "path": "in"}])
    assert run(node, **task)["state"] == "done"
    at.write_bytes(b"as it is!")
    refused_inputs(node, ({"dataset": "frames"}, [at, sum_of(b"as it is!"), sum_of(b"as it was")]))
    r = node.api.get("/v1/datasets/frames").json()
    assert (r["size"], r["sha256"]) == (9, sum_of(b"as it was"))


def test_a_sum_that_is_none_is_refused_when_submitted(node, shop):
    for field, value in ("sha256", "abc"), ("sha256", sum_of(b"").upper()), ("size", 0), ("size", "5"):
        r = node.api.post("/v1/tasks", json={"script": "true", "inputs": [
            {"url": f"{shop}/data", "path": "in", field: value}]})
        assert (r.status_code, r.json()["field"]) == (400, f"inputs[0].{field}")


def test_what_was_stored_is_told_with_size_and_sum(node, shop, files):
    data = os.urandom(70000)
    (files / "in" / "raw").write_bytes(data)
    t = run(node, script="cp in a; mkdir d; echo x >d/y; : >empty", array="3",
            inputs=[{"url": f"file://{files}/in/raw", "path": "in"}],
            outputs=[{"path": "a", "url": f"{shop}/a{{index}}?X-Signature=secret"},
                     {"path": "d", "url": f"file://{files}/out/d"},
                     {"path": "empty", "url": f"file://{files}/out/empty"}])
    assert t["state"] == "done" and Shop.things["/a3?X-Signature=secret"] == data
    outputs = node.api.get(f"/v1/tasks/{t['id']}/runs").json()["runs"][0]["outputs"]
    assert outputs == [{"output": 1, "path": "a", "size": 70000, "sha256": sum_of(data)},
                       {"output": 2, "path": "d", "size": None, "sha256": None},
                       {"output": 3, "path": "empty", "size": 0, "sha256": sum_of(b"")}]
    shown = node.cli("show", t["id"]).stdout
    assert sum_of(data) in shown and "70000" in shown


def test_what_was_stored_before_another_output_failed_is_told(node, files):
    t = run(node, script="echo x >a", outputs=[{"path": "a", "url": f"file://{files}/out/first"},
                                              {"path": "b", "url": f"file://{files}/out/second"}])
    assert (t["state"], t["phase"]) == ("failed", "output")
    last = node.api.get(f"/v1/tasks/{t['id']}/runs").json()["runs"][-1]
    assert [o["output"] for o in last["outputs"]] == [1] and "output 2 of 2" in last["text"]


def test_an_output_of_which_only_a_part_is_taken_fails_the_run(node, shop):
    t = run(node, script="head -c 20000000 /dev/zero >out", outputs=[{"path": "out", "url": f"{shop}/half/x"}])
    assert (t["state"], t["phase"]) == ("failed", "output")
    last = node.api.get(f"/v1/tasks/{t['id']}/runs").json()["runs"][-1]
    assert "output 1 of 1 could not be stored" in last["text"] and last["outputs"] == []


def test_an_output_that_nobody_takes_fails_the_run(node, shop):
    t = run(node, script="echo x > out", outputs=[{"path": "out", "url": f"{shop}/readonly/x"}])
    assert (t["state"], t["phase"]) == ("failed", "output")


def test_an_output_that_is_sent_elsewhere_is_not_stored(node, shop):
    t = run(node, script="echo x > out", outputs=[{"path": "out", "url": f"{shop}/elsewhere/x"}])
    assert (t["state"], t["phase"]) == ("failed", "output")
    assert "307" in node.api.get(f"/v1/tasks/{t['id']}/runs").json()["runs"][0]["text"]
    assert "/taken" not in Shop.things


def test_an_output_that_was_not_made_is_named(node, files):
    t = run(node, script="true", outputs=[{"path": "result.txt", "url": f"file://{files}/out/r"}])
    assert (t["state"], t["phase"]) == ("failed", "output")
    assert "result.txt" in node.api.get(f"/v1/tasks/{t['id']}/logs?stream=stderr").text
    assert not (files / "out" / "r").exists()


def test_a_secret_in_a_query_is_in_no_log(node, shop):
    t = run(node, script="true", inputs=[{"url": f"{shop}/gone?signature=verysecret", "path": "in"}])
    assert t["state"] == "failed"
    assert "verysecret" not in node.api.get(f"/v1/tasks/{t['id']}/logs?stream=stderr").text


def test_a_file_within_the_roots_is_copied_in_and_out(node, files):
    (files / "in" / "a b.txt").write_text("hello")
    t = run(node, script="tr a-z A-Z < in > out", inputs=[{"url": f"file://{files}/in/a%20b.txt", "path": "in"}],
            outputs=[{"path": "out", "url": f"file://{files}/out/deep/er/o.txt"}])
    assert t["state"] == "done"
    assert (files / "out" / "deep" / "er" / "o.txt").read_text() == "HELLO"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "file:///etc/%70asswd"])
def test_a_file_outside_the_roots_is_refused_when_submitted(node, url):
    r = node.api.post("/v1/tasks", json={"script": "true", "inputs": [{"url": url, "path": "in"}]})
    assert r.status_code == 400
    assert r.json()["field"] == "inputs[0].url"


def test_a_link_that_leads_outside_is_refused_when_it_runs(node, files):
    os.symlink("/etc/passwd", files / "in" / "link")
    t = run(node, script="cat in", inputs=[{"url": f"file://{files}/in/link", "path": "in"}])
    assert (t["state"], t["phase"]) == ("failed", "input")
    assert "root:" not in node.api.get(f"/v1/tasks/{t['id']}/logs").text


def test_an_output_may_not_be_written_elsewhere(node, files):
    r = node.api.post("/v1/tasks", json={"script": "true", "outputs": [{"path": "x", "url": "file:///etc/x"}]})
    assert r.status_code == 400
    os.symlink("/etc", files / "out" / "etc")
    t = run(node, script="echo x > x", outputs=[{"path": "x", "url": f"file://{files}/out/etc/suanlu-test"}])
    assert (t["state"], t["phase"]) == ("failed", "output")
    assert not os.path.exists("/etc/suanlu-test")


@pytest.fixture(scope="module")
def tenants(tmp_path_factory):
    """Two tenants with directories of their own beside one for all."""
    top = tmp_path_factory.mktemp("tenants")
    for path in ("all", "own/lab", "own/eve", "own/default"):
        (top / path).mkdir(parents=True)
    (top / "all" / "x").write_text("for all")
    (top / "own" / "lab" / "x").write_text("of the lab")
    (top / "own" / "eve" / "link").symlink_to("../lab/x")
    (top / "own" / "eve" / "dir").symlink_to("../lab")
    roots = [str(top / "all"), str(top / "own" / "{tenant}")]
    with Daemon({"files": {"read": roots, "write": list(roots)}}) as d:
        d.lab, d.eve, d.top = d.user("lab"), d.user("eve"), top
        yield d


def test_each_tenant_reads_and_writes_its_own_directory_and_that_of_all(tenants):
    top = tenants.top
    task = tenants.lab.submit(
        script="cat a b > c", inputs=[{"url": f"file://{top}/all/x", "path": "a"},
                                      {"url": f"file://{top}/own/lab/x", "path": "b"}],
        outputs=[{"url": f"file://{top}/own/lab/c", "path": "c"}])
    task = tenants.lab.wait(task["id"])
    assert task["state"] == "done", task
    assert (top / "own" / "lab" / "c").read_text() == "for allof the lab"


@pytest.mark.parametrize("place", ["own/lab/x", "own/eve/../lab/x", "own/eve/%2e%2e/lab/x", "own/x", "own",
                                   "own/{tenant}/x", "own/lab"])
def test_a_tenant_does_not_name_a_file_of_another(tenants, place):
    url = f"file://{tenants.top}/{place}"
    said = tenants.eve.post("/v1/tasks", json={"script": "true", "inputs": [{"url": url, "path": "x"}]})
    assert said.status_code == 400 and said.json()["field"] == "inputs[0].url", said.text
    said = tenants.eve.post("/v1/tasks", json={"script": "true", "outputs": [{"url": url, "path": "x"}]})
    assert said.status_code == 400 and said.json()["field"] == "outputs[0].url", said.text
    said = tenants.eve.post("/v1/datasets", json={"name": "theirs", "url": url, "level": 1, "region": "cn/50"})
    assert said.status_code == 400 and said.json()["field"] == "url", said.text


@pytest.mark.parametrize("place", ["own/eve/link", "own/eve/dir/x"])
def test_a_link_into_the_directory_of_another_tenant_is_not_followed(tenants, place):
    task = tenants.eve.submit(script="cat x", inputs=[{"url": f"file://{tenants.top}/{place}", "path": "x"}])
    task = tenants.eve.wait(task["id"])
    assert task["state"] == "failed" and "of the lab" not in str(task), task
    task = tenants.eve.submit(script="echo mine > x", outputs=[{"url": f"file://{tenants.top}/own/eve/dir/y", "path": "x"}])
    assert tenants.eve.wait(task["id"])["state"] == "failed"
    assert not (tenants.top / "own" / "lab" / "y").exists()


def test_a_data_set_in_the_directory_of_a_tenant_is_that_tenants_alone(tenants):
    data = {"name": "labs", "url": f"file://{tenants.top}/own/lab/x", "level": 1, "region": "cn/50"}
    assert tenants.lab.post("/v1/datasets", json=data).status_code == 201
    read = {"script": "cat x", "inputs": [{"dataset": "labs", "path": "x"}]}
    assert tenants.lab.wait(tenants.lab.submit(**read)["id"])["state"] == "done"
    # The first token sees every data set, but its tasks are those of another tenant.
    said = tenants.api.post("/v1/tasks", json=read)
    assert said.status_code == 400 and "outside" in said.json()["detail"], said.text
    assert tenants.eve.post("/v1/tasks", json=read).status_code == 400


# ---- hosts of inner networks ----

METADATA = "169.254.169.254/latest/meta-data/"


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Names that lead to this machine: one that the configuration lists, one that it does not."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("giving a daemon an /etc/hosts of its own needs root and unshare: apt install util-linux")
    where = tmp_path_factory.mktemp("named")
    (where / "hosts").write_text("127.0.0.1 listed.example other.example\n")
    build = pathlib.Path(os.environ.get("SUANLU_BUILD", "build")).resolve()
    program = where / "suanlu"
    program.write_text(f"""#!/bin/sh
exec unshare --mount sh -c 'mount --bind {where}/hosts /etc/hosts && exec {build}/suanlu "$@"' sh "$@"
""")
    program.chmod(0o755)
    with Daemon({"files": {"inner": ["Listed.example"]}}, program=program) as d:
        yield d


@pytest.mark.parametrize("place", [
    METADATA, "169.254.169.254:80", "2852039166/x", "0xa9fea9fe", "0251.0376.0251.0376/x", "[::ffff:169.254.169.254]/x",
    "[fd00:ec2::254]/x", "100.100.100.200/latest/meta-data", "localhost/x", "LOCALHOST.:7070/v1/tasks", "[::1]/x", "0/x",
    "10.1.2.3/x", "192.168.0.1/x", "172.16.0.1/x", "127.0.0.1/x"])
def test_an_address_of_an_inner_network_is_refused_when_submitted(tenants, place):
    for url in (f"http://{place}", f"https://{place}"):
        item = [{"url": url, "path": "x"}]
        for what, path, doc in (("inputs[0].url", "/v1/tasks", {"script": "true", "inputs": item}),
                                ("outputs[0].url", "/v1/tasks", {"script": "true", "outputs": item}),
                                ("url", "/v1/datasets", {"name": "d", "url": url, "level": 1, "region": "cn/50"})):
            said = tenants.lab.post(path, json=doc, headers={"Accept-Language": "zh"})
            assert (said.status_code, said.json()["field"]) == (400, what), said.text
            assert "位于内部网络的地址" in said.json()["detail"] and "files.inner" in said.json()["hint"], said.text
    said = tenants.lab.post("/ga4gh/tes/v1/tasks", json={
        "executors": [{"image": "x", "command": ["true"]}], "inputs": [{"url": f"http://{place}", "path": "/in"}]})
    assert said.status_code == 400, said.text


def test_a_name_that_leads_into_an_inner_network_gives_nothing(named, shop):
    port = shop.rsplit(":", 1)[1]
    Shop.things["/secret"] = b"for nobody"
    task = run(named, script="cat in", inputs=[{"url": f"http://other.example:{port}/secret", "path": "in"}], retries=0)
    assert (task["state"], task["phase"]) == ("failed", "input")
    said = named.api.get(f"/v1/tasks/{task['id']}/runs").json()["runs"][0]["text"]
    assert "other.example" in said and "127.0.0.1 is an address of an inner network" in said
    assert "nobody" not in named.api.get(f"/v1/tasks/{task['id']}/logs").text
    assert b"for nobody" not in b"".join(p.read_bytes() for p in (named.state / "runs").rglob("in"))
    task = run(named, script="echo x >x", outputs=[{"url": f"http://other.example:{port}/x", "path": "x"}], retries=0)
    assert (task["state"], task["phase"]) == ("failed", "output")
    task = run(named, script="cat in", inputs=[{"url": f"http://other.example:{port}/none", "path": "in"}], retries=0)
    assert "404" not in named.api.get(f"/v1/tasks/{task['id']}/runs").json()["runs"][0]["text"]


def test_a_host_that_the_operator_lists_may_be_asked_there(named, shop):
    port = shop.rsplit(":", 1)[1]
    Shop.things["/given"] = b"given"
    task = run(named, script="cat in >out", inputs=[{"url": f"http://listed.EXAMPLE:{port}/moved/given", "path": "in"}],
               outputs=[{"url": f"http://listed.example:{port}/got", "path": "out"}])
    assert task["state"] == "done" and Shop.things["/got"] == b"given"
