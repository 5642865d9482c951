"""The API as clients meet it: what it answers, what it refuses, who sees what."""

import copy
import pathlib
import sys
import threading
import time

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import CONTRACT, POOL, Daemon  # noqa: E402


@pytest.fixture(scope="module")
def node():
    with Daemon() as d:
        assert d.api.post("/v1/tenants", json={"name": "lab", "title": "实验室"}).status_code == 201
        yield d


@pytest.fixture(scope="module")
def done(node):
    """A task that is over."""
    id = node.api.submit(name="hello", script="echo out; echo err >&2; exit 3")["id"]
    return node.api.wait(id)


# ---- who may call ----

def paths():
    for template, item in CONTRACT.doc["paths"].items():
        for method in ("get", "post", "delete"):
            if method in item:
                yield method, template, item[method]


@pytest.mark.parametrize("method,template,operation", list(paths()),
                         ids=lambda x: x if isinstance(x, str) else "")
def test_without_a_token_everything_but_health_is_closed(node, method, template, operation):
    path = template.replace("{id}", "1").replace("{name}", "centre")
    with node.client(token="") as nobody:
        r = nobody.request(method, path)
    if operation["x-role"] == ["public"]:
        # It has no provider; a file of that name is not there, and no file at all without npm's registry.
        absent = template in ("/v1/session/providers/{name}", "/v1/session/callback", "/console/{file}")
        if template == "/console/":
            assert r.status_code in (200, 404)
        elif template == "/":
            assert r.status_code == 302 and r.headers["location"] == "/console/"
        else:
            assert r.status_code == (404 if absent else 400 if method == "post" else 200)
    else:
        assert r.status_code == 401
        assert r.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("role", ["user", "operator", "admin", "security", "auditor"])
def test_a_role_opens_its_own_routes_only(node, role):
    with node.user("lab", roles=[role]) as someone:
        for method, template, operation in paths():
            if operation["x-role"] == ["public"] or template.endswith("events"):
                continue
            path = template.replace("{id}", "999999").replace("{name}", "no-such")
            status = someone.request(method, path).status_code
            assert (status != 403) == (role in operation["x-role"]), f"{method} {template}: {status}"


@pytest.mark.parametrize("header", ["Bearer", "Bearer sl_", "Bearer sl_" + "x" * 43, "Basic abc",
                                    "Bearer " + "x" * 4000])
def test_a_wrong_token_is_refused(node, header):
    with node.client(token="") as nobody:
        assert nobody.get("/v1/node", headers={"Authorization": header}).status_code == 401


def test_a_revoked_token_is_refused(node):
    made = node.api.post("/v1/tokens", json={"name": "gone", "tenant": "lab", "roles": ["user"]}).json()
    with node.client(made["token"]) as someone:
        assert someone.get("/v1/tasks").status_code == 200
        assert node.api.delete(f"/v1/tokens/{made['id']}").status_code == 204
        assert someone.get("/v1/tasks").status_code == 401


def test_another_tenants_task_does_not_exist(node, done):
    with node.user("stranger") as stranger:
        for tail in ("", "/runs", "/decisions", "/logs", "/events", "/logs?follow=1"):
            assert stranger.get(f"/v1/tasks/{done['id']}{tail}").status_code == 404
        assert stranger.post(f"/v1/tasks/{done['id']}/cancel").status_code == 404
        assert stranger.get("/v1/tasks").json()["tasks"] == []


def test_a_token_text_is_shown_once(node):
    made = node.api.post("/v1/tokens", json={"name": "once", "tenant": "lab", "roles": ["user"]}).json()
    assert made["token"] not in node.api.get("/v1/tokens").text
    assert made["token"] not in node.log


# ---- refusals ----

@pytest.mark.parametrize("path", ["/console", "/v1", "/v1/", "/v1/task", "/v1/tasks/", "/v1/tasks/1/x",
                                  "/v1/tasks//runs", "/V1/tasks", "/v1/pools/centre/"])
def test_an_unknown_path_is_404(node, path):
    assert node.api.get(path).status_code == 404


def test_a_wrong_method_names_the_right_ones(node):
    r = node.api.put("/v1/tasks")
    assert r.status_code == 405 and r.headers["allow"] == "POST, GET"


@pytest.mark.parametrize("query,field", [
    ("nonsense=1", "nonsense"), ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"),
    ("limit=-1", "limit"), ("limit=99999999999999999999", "limit"), ("limit=1&limit=2", "limit"),
    ("state=sleeping", "state"), ("before=abc", "before"), ("array=1_2", "array"),
    ("pool=no-such", "pool"), ("name=%ff", "name"), ("name=%01", "name"), ("Limit=1", "Limit"),
])
def test_a_wrong_query_is_refused_by_name(node, query, field):
    r = node.api.get(f"/v1/tasks?{query}")
    assert r.status_code == 400 and r.json()["field"] == field


@pytest.mark.parametrize("id", ["0", "01", "-1", "1_", "_1", "x", "1_2_3", "99999999999999999999999", "1%20"])
def test_an_id_is_parsed_strictly(node, id):
    assert node.api.get(f"/v1/tasks/{id}").status_code == 400


@pytest.mark.parametrize("body,status", [
    (b"", 400), (b"{", 400), (b"[]", 400), (b"null", 400), (b'"x"', 400), (b"{}{}", 400),
    (b'{"script":"true","nonsense":1}', 400), (b'{"script":"true","script":"x"}', 400),
    (b'{"script":1}', 400), (b'{"script":"\xff"}', 400), (b'{"script":"a\\u0000b"}', 400),
    (b'{"script":"true","cpus":-1}', 400), (b'{"script":"true","cpus":1e300}', 400),
    (b'{"script":"true","memory_mb":1.5}', 400), (b'{"script":"true","nodes":0}', 400),
    (b'{"script":"true","retries":99999999999999999999}', 400),
    (b'{"script":"true","array":"0-999999"}', 400), (b'{"script":"true","tenant":"other"}', 400),
    (b"[" * 100000, 400), (b'{"script":"' + b"x" * (2 << 20) + b'"}', 413),
], ids=lambda v: repr(v)[:60])
def test_a_bad_body_is_refused_and_changes_nothing(node, body, status):
    before = node.api.get("/v1/node").json()["store"]["appended"]
    r = node.api.post("/v1/tasks", content=body, headers={"Content-Type": "application/json"})
    assert r.status_code == status
    assert node.api.get("/v1/node").json()["store"]["appended"] == before


@pytest.mark.parametrize("kind", [None, "text/plain", "application/jsonx", "application/json; charset=gbk",
                                  "application/x-www-form-urlencoded"])
def test_a_body_of_another_type_is_refused(node, kind):
    headers = {"Content-Type": kind} if kind else {}
    r = node.api.post("/v1/tasks", content=b'{"script":"true"}', headers=headers)
    assert r.status_code == 415


def test_a_body_where_none_is_wanted_is_refused(node, done):
    r = node.api.post(f"/v1/tasks/{done['id']}/cancel", json={})
    assert r.status_code == 413


# ---- tasks ----

def test_a_task_tells_how_it_ended(node, done):
    assert done["state"] == "failed" and done["exit_code"] == 3 and done["end"] == "exit"
    runs = node.api.get(f"/v1/tasks/{done['id']}/runs").json()["runs"]
    assert [r["exit_code"] for r in runs] == [3]
    assert runs[0]["run_id"] == done["run_id"]


def test_a_task_tells_why_it_went_there(node, done):
    decisions = node.api.get(f"/v1/tasks/{done['id']}/decisions").json()["decisions"]
    assert decisions[0]["outcome"] == "chosen" and decisions[0]["pool"] == "centre"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_task_that_waits_behind_equal_ones_is_told_what_would_be_decided_now(node, language):
    # Of equal tasks only the first is decided about: the others have no decision of their own.
    ids = [node.api.submit(script="sleep 100", cpus=3, memory_mb=100, name="equal")["id"] for _ in range(40)]
    try:
        r = node.api.get(f"/v1/tasks/{ids[-1]}/decisions", headers={"Accept-Language": language})
        assert [(d["event"], d["seq"], d["outcome"]) for d in r.json()["decisions"]] == [("now", None, "waiting")]
    finally:
        for id in ids:
            node.api.post(f"/v1/tasks/{id}/cancel")


def test_a_task_that_is_over_cannot_be_cancelled(node, done):
    assert node.api.post(f"/v1/tasks/{done['id']}/cancel").status_code == 409


def test_the_same_key_makes_one_task(node):
    spec = {"script": "true", "idempotency_key": "k1"}
    first = node.api.post("/v1/tasks", json=spec)
    again = node.api.post("/v1/tasks", json={"script": "true"}, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"] and again.json()["again"]
    other = node.api.post("/v1/tasks", json=dict(spec, script="false"))
    assert other.status_code == 409 and other.json()["field"] == "idempotency_key"
    both = node.api.post("/v1/tasks", json=spec, headers={"Idempotency-Key": "k2"})
    assert both.status_code == 400


def test_an_array_tells_the_states_of_all(node):
    id = node.api.submit(script="true", array="0-4,9")["id"]
    for index in (0, 4, 9):
        node.api.wait(f"{id}_{index}")
    end = time.monotonic() + 20
    while node.api.get(f"/v1/tasks/{id}").json()["array"]["states"] != {"done": 6}:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert node.api.get(f"/v1/tasks/{id}_5").status_code == 404
    listed = node.api.get("/v1/tasks", params={"array": id}).json()["tasks"]
    assert [t["id"] for t in listed] == [f"{id}_{i}" for i in (9, 4, 3, 2, 1, 0)]


def test_pages_have_every_task_once(node):
    node.api.submit(script="true", array="1-7", name="paged")
    seen, before = [], None
    while True:
        params = {"name": "paged", "limit": 3, **({"before": before} if before else {})}
        page = node.api.get("/v1/tasks", params=params).json()
        seen += [t["id"] for t in page["tasks"]]
        before = page["next"]
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 7


def test_an_impossible_task_is_refused_with_reasons(node):
    s = node.api.submit(script="true", cpus=999)
    assert s["state"] == "refused" and s["reason"]["code"] == "cpu"
    dry = node.api.post("/v1/decisions", json={"script": "true", "cpus": 999}).json()
    assert dry["outcome"] == "refused"


# ---- logs ----

def test_logs_come_in_pieces(node, done):
    r = node.api.get(f"/v1/tasks/{done['id']}/logs", params={"limit": 2})
    assert r.content == b"ou" and r.headers["x-log-offset"] == "2" and r.headers["x-log-size"] == "4"
    r = node.api.get(f"/v1/tasks/{done['id']}/logs", params={"offset": 2})
    assert r.content == b"t\n"
    r = node.api.get(f"/v1/tasks/{done['id']}/logs", params={"stream": "stderr"})
    assert r.content == b"err\n"
    assert node.api.get(f"/v1/tasks/{done['id']}/logs", params={"attempt": 2}).status_code == 404
    assert node.api.get(f"/v1/tasks/{done['id']}/logs", params={"stream": "x"}).status_code == 400


def test_a_log_is_followed_to_the_end(node):
    id = node.api.submit(script="for i in 1 2 3; do echo line $i; sleep 0.4; done; printf '\\344\\270'")["id"]
    events = list(node.api.events(f"/v1/tasks/{id}/logs?follow=1&stream=stdout"))
    assert "".join(e.data["text"] for e in events if e.name == "log").startswith("line 1\nline 2\nline 3\n")
    assert events[-1].name == "end" and events[-1].data == {"state": "done", "exit_code": 0}
    assert node.api.get("/v1/tasks").status_code == 200


# ---- events ----

def test_a_task_is_watched_to_its_end(node):
    id = node.api.submit(script="sleep 0.3")["id"]
    kinds = [e.name for e in node.api.events(f"/v1/tasks/{id}/events")]
    assert kinds[0] == "submit" and kinds[-1] == "end" and "choose" in kinds
    again = [e.name for e in node.api.events(f"/v1/tasks/{id}/events")]
    assert again == kinds


def test_a_watch_resumes_without_gap_and_without_double(node):
    """Several watchers resume at every point of a history that goes on growing."""
    start = node.api.get("/v1/node").json()["store"]["durable"]
    last = node.api.submit(script="true", array="1-60%8")["id"]
    seqs = {}

    def watch(after):
        got = []
        with node.client() as api:
            for e in api.events("/v1/events", params={"after": after}):
                got.append(e.data["seq"])
                if e.name == "submit" and e.data["task"] == marker:
                    break
        seqs[after] = got

    marker = str(int(last) + 60)
    threads = [threading.Thread(target=watch, args=(start + k,)) for k in range(0, 60, 7)]
    for t, k in zip(threads, range(0, 60, 7)):
        while node.api.get("/v1/node").json()["store"]["durable"] < start + k:
            time.sleep(0.01)
        t.start()
    for index in range(1, 61):
        node.api.wait(f"{last}_{index}")
    assert node.api.submit(script="true")["id"] == marker
    for t in threads:
        t.join(20)
    full = seqs[start]
    assert full == list(range(start + 1, full[-1] + 1))
    for after, got in seqs.items():
        assert got == [s for s in full if s > after]


def test_a_tenant_hears_only_of_its_own(node):
    heard = []
    with node.user("quiet") as quiet, node.user("loud") as loud:
        def listen():
            for e in quiet.events("/v1/events", params={"after": 0}):
                heard.append(e)
                if e.name == "end":
                    break

        thread = threading.Thread(target=listen)
        thread.start()
        theirs = loud.submit(script="true")["id"]
        loud.wait(theirs)
        node.api.post("/v1/pools/centre/resume")
        mine = quiet.submit(script="true")["id"]
        thread.join(20)
        assert {e.data["task"] for e in heard} == {mine}


@pytest.mark.parametrize("how", ["revoked", "expired", "another"])
def test_a_stream_ends_with_its_token(how):
    """Within a second, not at the next ping."""
    with Daemon() as d:
        for spec in ({"name": "sun", "roles": ["security"]}, {"name": "an", "roles": ["user"]}):
            assert d.api.post("/v1/users", json={"tenant": "default", **spec}).status_code == 201
        spec = {"name": "x", "tenant": "default", "roles": ["user"]}
        if how == "expired":
            spec["expires"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        made = d.api.post("/v1/tokens", json=spec).json()
        began, ended = [], []

        def listen():
            with d.client(made["token"]) as api, api.stream("GET", "/v1/events", timeout=20) as r:
                began.append(r.status_code)
                for _ in r.iter_raw():
                    pass
                ended.append(time.monotonic())

        thread = threading.Thread(target=listen)
        thread.start()
        while not began:
            time.sleep(0.05)
        time.sleep(0.5)
        at = time.monotonic()
        if how == "revoked":
            assert d.api.delete(f"/v1/tokens/{made['id']}").status_code == 204
        elif how == "expired":
            at += 1.5
        else:
            # Somebody else's change leaves it alone.
            assert d.api.post("/v1/users/an", json={"disabled": True}).status_code == 200
            time.sleep(1)
            assert not ended
            at = time.monotonic()
            assert d.api.delete(f"/v1/tokens/{made['id']}").status_code == 204
        thread.join(10)
        assert ended and ended[0] - at < 1.5


def test_a_watch_from_the_future_is_refused(node):
    r = node.api.get("/v1/events?after=9000000000000")
    assert r.status_code == 400 and r.json()["field"] == "after"
    r = node.api.get("/v1/events", headers={"Last-Event-ID": "x"})
    assert r.status_code == 400


def test_a_slow_client_misses_nothing():
    """Far more than a stream may hold unsent, both from the journal and live."""
    with Daemon() as d:
        n = 12000
        first = d.api.submit(script="true", cpus=999, array=f"1-{n}")["id"]
        seen = []
        with d.client() as api:
            for e in api.events("/v1/events", params={"after": 0}, timeout=30):
                if not seen:
                    time.sleep(1)
                    d.api.submit(script="true", cpus=999, array=f"1-{n}")
                    time.sleep(1)
                seen.append(e.data["seq"])
                if e.data["task"] == f"{int(first) + n}_{n}":
                    break
        assert seen == list(range(1, seen[-1] + 1)) and len(seen) > 2 * n


# ---- what was long ago ----

def _until_idle(api, path):
    last = api.get("/v1/node").json()["store"]["durable"]
    for e in api.events(path):
        yield e
        if e.data["seq"] >= last:
            break


def test_a_task_is_still_known_when_memory_has_forgotten_it():
    with Daemon({"limits": {"finished": 1000}}) as d:
        id = d.api.submit(name="old", script="echo kept")["id"]
        before = d.api.wait(id)
        array = d.api.submit(script="true", array="3,5,8")["id"]
        for index in (3, 5, 8):
            d.api.wait(f"{array}_{index}")
        gone = d.api.submit(script="true", after=[{"task": d.api.submit(script="sleep 60")["id"]}])["id"]
        d.api.post(f"/v1/tasks/{gone}/cancel")
        told = [e.data for e in d.api.events(f"/v1/tasks/{gone}/events")]
        assert (told[-1]["event"], told[-1]["state"]) == ("cancel", "cancelled")
        # A thousand newer ones crowd them out; these no pool can take, so they are over at once.
        d.api.submit(script="true", data_level="core", array="0-1000")
        end = time.monotonic() + 10
        while d.api.get("/v1/tasks?name=old").json()["tasks"]:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert d.api.get(f"/v1/tasks/{id}").json() == before
        assert d.api.get(f"/v1/tasks/{array}").json()["array"]["states"] == {"done": 3}
        assert d.api.get(f"/v1/tasks/{array}_5").json()["index"] == 5
        assert d.api.get(f"/v1/tasks/{array}_4").status_code == 404
        assert len(d.api.get(f"/v1/tasks/{id}/runs").json()["runs"]) == 1
        assert len(d.api.get(f"/v1/tasks/{id}/decisions").json()["decisions"]) == 1
        assert d.api.post(f"/v1/tasks/{id}/cancel").status_code == 409
        assert [e.name for e in d.api.events(f"/v1/tasks/{id}/events")][-1] == "end"
        assert list(d.api.events(f"/v1/tasks/{id}/logs?follow=1"))[-1].name == "end"
        tasks = [e.data["task"] for e in d.api.events(f"/v1/tasks/{array}/events")]
        assert f"{array}_5" in tasks
        # What was told of a task is told again, word for word.
        assert [e.data for e in d.api.events(f"/v1/tasks/{gone}/events")] == told
        # Whose it was, and what its elements are called, is in the journal only.
        whole = [(e.name, e.data["task"]) for e in _until_idle(d.api, "/v1/events?after=0")]
        assert ("end", f"{array}_8") in whole and ("end", id) in whole
        with d.user("stranger") as stranger:
            assert stranger.get(f"/v1/tasks/{id}").status_code == 404


def test_a_client_that_leaves_harms_nobody(node, done):
    """Streams and reads of the journal are left at every stage."""
    for delay in (0, 0.001, 0.01, 0.1):
        for path in (f"/v1/tasks/{done['id']}/runs", f"/v1/tasks/{done['id']}/events", "/v1/events?after=0",
                     f"/v1/tasks/{done['id']}/logs?follow=1"):
            with node.client() as api, api.stream("GET", path):
                time.sleep(delay)
    assert node.api.get("/v1/node").status_code == 200


def test_streams_end_when_the_node_stops_and_resume_after_it():
    with Daemon() as d:
        id = d.api.submit(script="sleep 1; echo late")["id"]
        got, ended = [], []

        def listen(path):
            with d.client() as api:
                try:
                    got.extend(e for e in api.events(path))
                except httpx.HTTPError:
                    pass        # cut in the middle of an event is allowed, hanging is not
            ended.append(path)

        threads = [threading.Thread(target=listen, args=(p,)) for p in (
            "/v1/events?after=0", f"/v1/tasks/{id}/events", f"/v1/tasks/{id}/logs?follow=1")]
        for t in threads:
            t.start()
        time.sleep(0.4)
        assert d.stop() == 0
        for t in threads:
            t.join(10)
        assert len(ended) == 3
        last = max(e.data["seq"] for e in got if "seq" in e.data)
        d.start()
        rest = list(d.api.events(f"/v1/tasks/{id}/events", headers={"Last-Event-ID": str(last)}))
        assert rest[-1].name == "end" and all(e.data["seq"] > last for e in rest)
        assert d.api.get(f"/v1/tasks/{id}/logs").text == "late\n"


# ---- many at once ----

def test_a_batch_is_accepted_in_its_order(node):
    tasks = [{"command": ["true"], "name": f"b{i}"} for i in range(100)]
    r = node.api.post("/v1/batches", json={"tasks": tasks})
    assert r.status_code == 201
    ids = [int(t["id"]) for t in r.json()["tasks"]]
    assert ids == list(range(ids[0], ids[0] + 100))
    assert node.api.get(f"/v1/tasks/{ids[99]}").json()["name"] == "b99"


def test_a_batch_with_one_wrong_task_changes_nothing(node):
    before = node.api.get("/v1/tasks?limit=1").json()["tasks"][0]["id"]
    tasks = [{"command": ["true"]}] * 3 + [{"command": ["true"], "cpus": -1}]
    r = node.api.post("/v1/batches", json={"tasks": tasks})
    assert r.status_code == 400
    assert r.json()["field"] == "tasks[3].cpus"
    assert node.api.get("/v1/tasks?limit=1").json()["tasks"][0]["id"] == before


def test_a_batch_of_more_than_a_thousand_or_with_one_key_twice_is_refused(node):
    r = node.api.post("/v1/batches", json={"tasks": [{"command": ["true"]}] * 1001})
    assert r.status_code == 400 and r.json()["field"] == "tasks"
    r = node.api.post("/v1/batches", json={"tasks": [{"command": ["true"], "idempotency_key": "twice"}] * 2})
    assert r.status_code == 400 and r.json()["field"] == "tasks[1].idempotency_key"


def test_a_batch_said_again_is_known_task_by_task(node):
    tasks = [{"command": ["true"], "idempotency_key": f"batch-{i}"} for i in range(5)]
    first = node.api.post("/v1/batches", json={"tasks": tasks}).json()["tasks"]
    again = node.api.post("/v1/batches", json={"tasks": tasks}).json()["tasks"]
    assert [t["id"] for t in first] == [t["id"] for t in again]
    assert all(t["again"] for t in again) and not any(t["again"] for t in first)


def _pages(api, path, key):
    """Names of a list, asked for one by one, and the number of pages."""
    names, after, n = [], "", 0
    while after is not None:
        page = api.get(path, params={"limit": 1, **({"after": after} if after else {})}).json()
        names += [x["name"] for x in page[key]]
        after, n = page["next"], n + 1
    return names, n


def test_a_list_by_pages_has_each_once_and_no_page_for_what_is_not_to_be_seen(tmp_path):
    pools = [dict(copy.deepcopy(POOL), name=name) for name in ("first", "second", "third")]
    with Daemon({"pools": pools}, directory=tmp_path) as d:
        for name in "abcd":
            assert d.api.post("/v1/tenants", json={"name": name}).status_code == 201
        for name in "bd":
            assert d.api.delete(f"/v1/tenants/{name}").status_code == 204
        users = {name: d.user(name) for name in "ac"}
        for i, name in enumerate("acac"):
            data = {"name": f"s{i}", "url": f"https://{name}.example/{i}", "region": "cn/50", "level": 1}
            assert users[name].post("/v1/datasets", json=data).status_code == 201
        for api, path, key in ((d.api, "/v1/tenants", "tenants"), (d.api, "/v1/pools", "pools"),
                               (d.api, "/v1/datasets", "datasets"), (users["a"], "/v1/datasets", "datasets")):
            whole = [x["name"] for x in api.get(path).json()[key]]
            assert _pages(api, path, key) == (whole, len(whole)) and len(whole) > 1, path
            r = api.get(path, params={"after": "nobody"})
            assert (r.status_code, r.json()["field"]) == (400, "after")
            assert api.get(path, params={"limit": 0}).json()["field"] == "limit"
        assert _pages(users["a"], "/v1/datasets", "datasets")[0] == ["s0", "s2"]
        assert users["a"].get("/v1/datasets?after=s1").status_code == 400
        assert d.api.get("/v1/users").json() == {"users": [], "next": None}
