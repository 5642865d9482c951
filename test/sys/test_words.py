"""Refusals in the reader's language: in the tree no sentence lacks Chinese, and a daemon says it when asked."""

import copy
import functools
import json
import pathlib
import re
import socket
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tree as tree_lib  # noqa: E402
from client import CONTRACT, POOL, ROOT, Daemon  # noqa: E402

HUB = {"name": "hub", "region": "cn/62", "owner": "hub-co", "engine": "fake", "clearance": 2,
       "price": {"cpu_hour": "3600.00"}, "groups": [{"count": 1, "cpus": 8, "memory_mb": 8192}]}
CHINESE = re.compile("[\u4e00-\u9fff]")
ZH = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
UNTIL = "2036-01-01T00:00:00+08:00"


# ---- the tree ----

check = functools.partial(tree_lib.check, "check-words")


@pytest.fixture
def tree(tmp_path):
    return tree_lib.copy(tmp_path)


def test_every_refusal_of_the_house_has_chinese():
    r = check(ROOT)
    assert r.returncode == 0, r.stdout + r.stderr


@pytest.mark.parametrize("file, line", [
    ("flow/planted.c", 'int f(struct err *e) { return err_set(e, FLOW_E_LIMIT, "there are %d doors", 3); }'),
    ("flow/planted.c", 'int f(struct err *e) { return err_field(e, "a", x ? "is blue" : "is missing"); }'),
    ("api/planted.c", 'void f(void) { reply_no(c, NO_TYPE, NULL, "is missing", "ask the " "porter"); }'),
    ("domain/planted.c", 'const char *f(void) { return "must be round"; }'),
    ("base/planted.c", 'void f(void) { dec_fail(d, "x", "must be %" PRIu32 " feet", 3); }'),
    ("engine/planted.c", 'int f(struct err *e) { return err_set(e, ENGINE_E_GONE, "run %s is blue", x); }'),
    ("select/planted.c", 'void f(void) { say(w, "%s yards", x); }'),
])
def test_a_sentence_without_chinese_is_found_in_the_house(tree, file, line):
    (tree / "src" / file).write_text(f"/* planted.c - a sentence */\n{line}\n")
    r = check(tree)
    assert r.returncode == 1 and len(r.stdout.splitlines()) == 1, r.stdout
    assert r.stdout.startswith(f"src/{file}:2: no Chinese for ")


@pytest.mark.parametrize("line", [
    'void f(void) { log_error("api", "the door of %s is open", x); }',
    'int f(struct err *e) { return err_set(e, -EIO, "the disk is full of %s", x); }',
    'const char *f(void) { return tr("the door is open", "门开着"); }',
    'json_t *f(void) { return json_pack("{s:s, s:i}", "a door", x); }',
])
def test_what_no_caller_reads_needs_none_in_the_house(tree, line):
    (tree / "src/flow/planted.c").write_text(f"/* planted.c - a sentence */\n{line}\n")
    assert check(tree).returncode == 0


# ---- a daemon ----

@pytest.fixture(scope="module")
def node():
    with Daemon({"pools": [HUB]}) as d:
        assert d.api.post("/v1/tenants", json={"name": "acme"}).status_code == 201
        yield d


VOUCHER = {"title": "t", "issuer": "park", "tenant": "acme", "rate": 0.3, "face_micro": 1000, "valid_until": UNTIL}

REFUSED = [
    ("POST", "/v1/tenants", {"name": "acme"}),
    ("POST", "/v1/tenants", {"name": "Not a name"}),
    ("DELETE", "/v1/tenants/nobody", None),
    ("POST", "/v1/users", {"name": "li"}),
    ("POST", "/v1/users", {"name": "li", "tenant": "acme", "roles": ["admin", "security"]}),
    ("POST", "/v1/users", {"name": "li", "tenant": "nobody", "roles": ["security"]}),
    ("POST", "/v1/tokens", {"name": "m", "tenant": "acme", "roles": ["user"], "pools": ["nowhere"]}),
    ("POST", "/v1/tokens", {"name": "m", "tenant": "acme", "roles": ["king"]}),
    ("DELETE", "/v1/tokens/999", None),
    ("DELETE", "/v1/tokens/abc", None),
    ("POST", "/v1/datasets", {"name": "d", "url": "file:///etc/../x", "level": 1, "size_mb": 1}),
    ("POST", "/v1/datasets", {"name": "d", "url": "file:///etc/passwd", "level": 1, "size_mb": 1}),
    ("POST", "/v1/datasets", {"name": "d", "url": "https://a.example/x", "level": 9}),
    ("DELETE", "/v1/datasets/nothing", None),
    ("POST", "/v1/pools/nowhere/clearance", {"level": 2, "reason": "r"}),
    ("POST", "/v1/quotas/nobody", {"running": 1}),
    ("POST", "/v1/quotas/acme", {"running": -1}),
    ("POST", "/v1/vouchers", {**VOUCHER, "tenant": "nobody"}),
    ("POST", "/v1/vouchers", {**VOUCHER, "rate": 7}),
    ("POST", "/v1/vouchers", {**VOUCHER, "colour": "red"}),
    ("POST", "/v1/vouchers/77/withdraw", {"reason": "r"}),
    ("POST", "/v1/prices", {"pool": "nowhere", "cpu_hour": "1.00"}),
    ("POST", "/v1/prices", {"pool": "hub", "chip": "toaster", "cpu_hour": "1.00"}),
    ("GET", "/v1/statements?month=soon&tenant=acme", None),
    ("GET", "/v1/audit?limit=0", None),
    ("GET", "/v1/tasks/999", None),
    ("POST", "/v1/tasks", {"command": [], "walltime_s": 60}),
    ("POST", "/v1/tasks", {"command": ["true"], "walltime_s": "long"}),
    ("POST", "/v1/tasks", {"command": ["true"], "inputs": [{"dataset": "nothing", "path": "x"}]}),
    ("POST", "/v1/tasks", {"command": ["true"], "pools": ["nowhere"]}),
    ("POST", "/v1/tasks", {"command": ["true"], "env": {"1A": "x"}}),
    ("POST", "/v1/nothing", {}),
    ("PATCH", "/v1/tasks", None),
]


@pytest.mark.parametrize("method, path, body", REFUSED)
def test_a_refusal_is_the_same_in_chinese_but_for_its_words(node, method, path, body):
    en = node.api.request(method, path, json=body)
    zh = node.api.request(method, path, json=body, headers=ZH)
    a, b = en.json(), zh.json()
    assert 400 <= en.status_code < 500 and en.status_code == zh.status_code, en.text
    assert (a["code"], a.get("field")) == (b["code"], b.get("field"))
    for key in ("message", "detail", "hint"):
        assert not a[key] or not CHINESE.search(a[key]), a
        assert not a[key] or CHINESE.search(b[key]), (a[key], b[key])
    assert a["detail"] or a["hint"]
    assert (a["detail"] == "no such path") == path.startswith("/v1/nothing")
    assert (a["code"] == "method_not_allowed") == (method == "PATCH")
    assert a["message_zh"] == b["message_zh"] == b["message"]
    assert zh.headers["Content-Language"] == "zh" and "Content-Language" not in en.headers


@pytest.mark.parametrize("header, zh", [
    (None, False), ("", False), ("zh", True), ("ZH-hans-CN", True), ("en", False), ("fr", False), ("*", False),
    ("en,zh", False), ("zh,en", True), ("en;q=0.3, zh;q=0.7", True), ("zh;q=0.3,en;q=0.7", False),
    ("zh;q=0", False), ("zh;q=0.001", True), ("fr, zh;q=0.2", True), ("zhx", False), (",,;q=,zh", True),
    ("zh;q=x,en;q=0.1", False), ("zh" * 1000, False),
])
def test_the_language_is_the_one_that_the_header_prefers(node, header, zh):
    r = node.api.get("/v1/pools/nowhere", headers={} if header is None else {"Accept-Language": header})
    assert bool(CHINESE.search(r.json()["detail"])) == zh


def test_a_wrong_token_is_refused_in_chinese(node):
    r = node.api.get("/v1/tasks", headers={**ZH, "Authorization": "Bearer sl_wrong"})
    assert r.status_code == 401 and CHINESE.search(r.json()["detail"]) and CHINESE.search(r.json()["hint"])


def test_figures_of_a_decision_are_said_in_the_language_that_is_asked_for(node):
    task = {"command": ["true"], "walltime_s": 60, "cpus": 64, "data_level": 3}
    en, zh = (node.api.post("/v1/decisions", json=task, headers=h).json() for h in ({}, ZH))
    said = {r["reason"]: (r["need"], r["have"]) for r in zh["pools"][0]["reasons"]}
    assert said["cpu"] == ("单个节点 64 核", "单个节点最多 8 核，8192 MB")
    assert said["clearance"] == ("3", "2")
    was = {r["reason"]: (r["need"], r["have"]) for r in en["pools"][0]["reasons"]}
    assert was["cpu"] == ("64 cpus on one node", "at most 8 cpus, 8192 MB on one node")
    for d in (en, zh):
        d.pop("at"), d.pop("seed")
        for r in d["pools"][0]["reasons"]:
            r.pop("need"), r.pop("have")
    assert en == zh


def test_a_stored_decision_is_told_in_both_languages(node):
    id = node.api.post("/v1/tasks", json={"command": ["true"], "walltime_s": 60, "memory_mb": 1 << 20}).json()["id"]
    path = f"/v1/tasks/{id}/decisions"
    en, zh = (node.api.get(path, headers=h).json()["decisions"][-1] for h in ({}, ZH))
    assert en["pools"][0]["reasons"][0]["need"] == "1048576 MB on one node"
    assert zh["pools"][0]["reasons"][0]["need"] == "单个节点 1048576 MB"
    assert en["seq"] == zh["seq"] and en["seed"] == zh["seed"]
    assert "单个节点 1048576 MB" in node.cli("why", "--lang", "zh", id).stdout
    assert "1048576 MB on one node" in node.cli("why", id).stdout
    assert node.cli("why", "--lang", "zh", "--json", id).stdout == node.cli("why", "--json", id).stdout


# ---- the command line ----

@pytest.mark.parametrize("args, words", [
    (("tenant", "new", "acme"), "名称已被占用"),
    (("pools", "show", "nowhere"), "没有此资源池"),
    (("submit", "--pool", "nowhere", "true"), "pools：没有资源池 “nowhere”"),
    (("voucher", "withdraw", "77", "--reason", "r"), "没有此算力券"),
    (("show", "999"), "没有任务 999，或不属于您"),
    (("user", "new", "li", "--tenant", "nobody", "--role", "security"), "提示：由 admin 创建：suanlu tenant new nobody"),
])
def test_the_command_line_says_a_refusal_in_chinese(node, args, words):
    zh = node.cli(args[0], "--lang", "zh", *args[1:])
    en = node.cli(args[0], "--lang", "en", *args[1:])
    assert zh.returncode == en.returncode != 0
    assert words in zh.stderr
    assert not CHINESE.search(en.stderr)


def test_what_an_engine_says_is_told_in_chinese(tmp_path):
    pool = dict(HUB, options={"lose_per_mille": 1000, "seed": 1})
    with Daemon({"pools": [pool]}, directory=tmp_path) as d:
        id = d.api.post("/v1/tasks", json={"command": ["true"], "walltime_s": 60, "retries": 0}).json()["id"]
        end = time.monotonic() + 20
        while not any(r.get("text") for r in d.api.get(f"/v1/tasks/{id}/runs").json()["runs"]):
            assert time.monotonic() < end, d.api.get(f"/v1/tasks/{id}/runs").text
            time.sleep(0.05)
        assert "按本引擎的选项丢失" in d.cli("show", "--lang", "zh", id).stdout
        assert "lost, as the options of this engine ask" in d.cli("show", id).stdout


def test_a_pool_of_which_nobody_heard_is_stale_and_not_up(tmp_path):
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("a.b.c")
    with socket.create_server(("127.0.0.1", 0)) as mute:        # takes questions and never answers
        pool = {"name": "mute", "region": "cn/62", "engine": "slurm", "clearance": 2, "options": {
            "url": f"http://127.0.0.1:{mute.getsockname()[1]}", "user": "u", "token_file": str(token), "down_s": 600}}
        with Daemon({"pools": [pool, HUB]}, directory=tmp_path) as d:
            state = d.api.get("/v1/pools/mute").json()["state"]
            assert state["stale"] and not state["down"]
            assert not d.api.get("/v1/pools/hub").json()["state"]["stale"]
            for lang, stale, up in ("en", "stale", "up"), ("zh", "状态过期", "正常"):
                said = d.cli("pools", "--lang", lang).stdout.splitlines()
                assert [stale in line.split() for line in said] == [False, True, False], said
                assert [up in line.split() for line in said] == [False, False, True], said
                shown = d.cli("pools", "show", "--lang", lang, "mute").stdout
                assert stale in shown and ("由集群限制，以分钟计" in shown) == (lang == "zh"), shown


def test_a_task_in_a_file_is_refused_in_chinese(node, tmp_path):
    file = tmp_path / "task.yaml"
    file.write_text("command: [true]\ncpus: [1\n")
    r = node.cli("submit", "--lang", "zh", "-f", str(file))
    assert r.returncode == 2 and "不是有效的 YAML" in r.stderr, r.stderr


def test_an_altered_audit_log_is_named_in_chinese(node, tmp_path):
    made = node.api.post("/v1/tokens", json={"name": "eve", "tenant": "acme", "roles": ["auditor"]})
    secret = tmp_path / "token"
    secret.touch(mode=0o600)
    secret.write_text(made.json()["token"])
    lines = node.cli("audit", "export", "--token-file", str(secret)).stdout.splitlines()
    assert len(lines) > 3
    file = tmp_path / "log"
    file.write_text("\n".join(lines[:1] + lines[2:]) + "\n")
    zh = node.cli("audit", "verify", str(file), "--lang", "zh")
    en = node.cli("audit", "verify", str(file))
    assert zh.returncode == en.returncode == 1
    assert "it is missing, up to" in en.stdout and "缺失，直至第" in zh.stdout, zh.stdout + zh.stderr


# ---- refusals before the API ----

@pytest.mark.parametrize("request_, code, words", [
    (b"GET / HTTP/1.1\r\n\r\n", "bad_request", "HTTP 规范"),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "target_too_long", "过长"),
    (b"POST /v1/tasks HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n", "expectation_failed", "100-continue"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", "head_too_large", "请求头"),
    (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "not_implemented", "不支持"),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "version_not_supported", "只支持"),
    (b"GET / HTTP/1.1\r\nHost", "timeout", "按时"),
])
def test_what_is_refused_before_the_api_is_said_in_chinese_too(impatient, request_, code, words):
    host, port = (impatient.state / "address").read_text().strip().rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as s:
        s.sendall(request_)
        said = b""
        while part := s.recv(65536):
            said += part
    doc = json.loads(said.split(b"\r\n\r\n", 1)[1])
    CONTRACT.schema("Error", doc)
    assert doc["code"] == code and words in doc["message_zh"] and not CHINESE.search(doc["message"]), doc


@pytest.fixture(scope="module")
def impatient():
    with Daemon({"pools": [HUB], "http": {"head_ms": 500}}) as d:
        yield d


# ---- what a pool enforces, how a run ended ----

def test_what_a_pool_enforces_is_said_in_chinese():
    both = [copy.deepcopy(POOL), {**copy.deepcopy(POOL), "name": "plain", "options": {"limits": "rlimit"}}, HUB]
    with Daemon({"pools": both}) as d:
        for name, words in (("centre", ["TERM", "KILL", "MB"]), ("plain", ["TERM", "KILL", "MB", "rlimit", "CPU"]),
                            ("hub", [])):
            enforced = d.api.get(f"/v1/pools/{name}").json()["enforced"]
            shown = d.cli("pools", "show", "--lang", "zh", name).stdout.split("本池的限制手段：\n")[1].splitlines()
            assert len(shown) == len(enforced) and all(CHINESE.search(line.split(None, 1)[1]) or "cgroup" in line
                                                       for line in shown), shown
            assert not set(re.findall("[A-Za-z]{2,}", " ".join(x for x in shown if "cgroup" not in x))) - {
                *words, "CPU"}, shown
            assert "not enforced" not in "".join(shown) and enforced["pids"] in d.cli("pools", "show", name).stdout


def test_how_a_run_ended_is_said_in_chinese(node):
    id = node.api.submit(command=["true"])["id"]
    node.api.wait(id)
    zh, en = (node.cli("show", "--lang", lang, id).stdout for lang in ("zh", "en"))
    assert "退出" in zh.split("结果")[1].replace("退出码", "") and " exit " not in zh and " exit " in en, zh
