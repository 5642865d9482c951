"""Inputs are fetched and outputs stored by the run itself: over HTTP, from files, and not from elsewhere."""
import hashlib
import http.server
import os
import pathlib
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
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        if self.path.startswith("/readonly/"):
            return self.send_error(403)
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
    with Daemon({"files": {"read": [str(files / "in")], "write": [str(files / "out")]}}) as d:
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


def test_an_output_that_nobody_takes_fails_the_run(node, shop):
    t = run(node, script="echo x > out", outputs=[{"path": "out", "url": f"{shop}/readonly/x"}])
    assert (t["state"], t["phase"]) == ("failed", "output")


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
