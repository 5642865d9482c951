"""Passwords and sessions; wrong ones are counted, and others are served meanwhile."""

import concurrent.futures
import contextlib
import datetime
import pathlib
import socket
import sqlite3
import statistics
import sys
import threading
import time

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Daemon  # noqa: E402

GOOD = "ein langer Satz ist leicht"


def account(d, name, roles=("user",), password=GOOD):
    """An account that has been through its first login; its password."""
    made = d.api.post("/v1/users", json={"name": name, "tenant": "default", "roles": list(roles)})
    assert made.status_code == 201, made.text
    keeper = getattr(d, "keeper", d.api)
    once = keeper.post(f"/v1/users/{name}/password")
    assert once.status_code == 201, once.text
    with login(d, name, once.json()["password"]) as api:
        changed = api.post("/v1/session/password", json={"old": once.json()["password"], "new": password})
        assert changed.status_code == 204, changed.text


def try_login(d, name, password):
    with d.client(token="") as nobody:
        return nobody.post("/v1/session", json={"user": name, "password": password})


def login(d, name, password=GOOD):
    r = try_login(d, name, password)
    assert r.status_code == 201, r.text
    return d.client(r.json()["token"])


@pytest.fixture(scope="module")
def node():
    with Daemon() as d:
        account(d, "sun", ["security"])
        d.keeper = login(d, "sun")
        account(d, "li")
        yield d
        d.keeper.close()


def test_a_session_does_what_its_account_may(node):
    r = try_login(node, "li", GOOD)
    assert r.json()["roles"] == ["user"] and not r.json()["change_password"]
    assert r.headers["cache-control"] == "no-store"
    with node.client(r.json()["token"]) as li:
        me = li.get("/v1/session").json()
        assert me["user"] == "li" and me["session"] and me["scopes"] is None
        task = li.submit(script="true")
        assert li.get(f"/v1/tasks/{task['id']}").json()["spec"]["owner"] == "li"
        assert li.get("/v1/users").status_code == 403
        assert li.delete("/v1/session").status_code == 204
        assert li.get("/v1/session").status_code == 401
    assert node.api.delete("/v1/session").status_code == 409


def test_a_password_for_the_first_time_can_only_be_changed(node):
    node.api.post("/v1/users", json={"name": "new", "tenant": "default", "roles": ["user"]})
    assert try_login(node, "new", "") .status_code == 400
    assert try_login(node, "new", "anything goes here").status_code == 401
    once = node.api.post("/v1/users/new/password").json()["password"]
    r = try_login(node, "new", once)
    assert r.json()["change_password"]
    with node.client(r.json()["token"]) as new:
        assert new.get("/v1/session").json()["scopes"] == ["self"]
        assert new.get("/v1/tasks").status_code == 403
        assert new.post("/v1/tasks", json={"script": "true"}).status_code == 403
        for old, fresh, status in ((once, "short", 400), (once, once, 400), (once, "new-new-new-1", 400),
                                   ("not the old one", GOOD, 401), (once, GOOD, 204)):
            assert new.post("/v1/session/password", json={"old": old, "new": fresh}).status_code == status
        assert new.get("/v1/tasks").status_code == 200
    assert try_login(node, "new", once).status_code == 401
    assert once not in node.log and GOOD not in node.log


def test_who_may_reset_whose_password(node):
    assert node.api.post("/v1/users/sun/password").status_code == 403      # an admin, of security
    assert node.api.post("/v1/users/nobody/password").status_code == 404
    with login(node, "li") as li:
        assert li.post("/v1/users/sun/password").status_code == 403
    assert node.keeper.post("/v1/users/sun/password").status_code == 403   # one's own


def test_a_reset_ends_all_sessions(node):
    account(node, "reset")
    with login(node, "reset") as one, login(node, "reset") as two:
        assert one.post("/v1/session/password",
                        json={"old": GOOD, "new": GOOD + "!"}).status_code == 204
        assert one.get("/v1/session").status_code == 200
        assert two.get("/v1/session").status_code == 401, "the other session ends with a change"
        assert node.api.post("/v1/users/reset/password").status_code == 201
        assert one.get("/v1/session").status_code == 401


def test_a_disabled_account_has_no_session(node):
    account(node, "gone")
    with login(node, "gone") as gone:
        assert node.api.post("/v1/users/gone", json={"disabled": True}).status_code == 200
        assert gone.get("/v1/session").status_code == 401
    assert try_login(node, "gone", GOOD).status_code == 401


def test_nobody_chooses_the_token_of_a_session(node):
    chosen = "sl_" + "x" * 42 + "A"
    seen = {chosen}
    for way in ({"headers": {"Authorization": f"Bearer {chosen}"}}, {"headers": {"Cookie": f"token={chosen}"}}, {}, {}):
        with node.client(token="") as nobody:
            r = nobody.post("/v1/session", json={"user": "li", "password": GOOD}, **way)
        if r.status_code == 201:        # a wrong token beside the password may be refused, never taken
            assert r.json()["token"] not in seen and "set-cookie" not in r.headers
            seen.add(r.json()["token"])
    assert len(seen) >= 3
    with node.client(token="") as nobody:
        r = nobody.post("/v1/session", json={"user": "li", "password": GOOD, "token": chosen})
        assert r.status_code == 400 and r.json()["field"] == "token"
    with node.client(token=chosen) as nobody:
        assert nobody.get("/v1/session").status_code == 401


def test_a_token_counts_in_its_header_alone(node):
    """In an address it would stand in logs of proxies; a cookie would be sent by other people's pages."""
    with login(node, "li") as li, node.client(token="") as nobody:
        token = li.headers["authorization"].split()[1]
        for way in ({"params": {"token": token}}, {"params": {"access_token": token}},
                    {"headers": {"Cookie": f"token={token}; session={token}"}}, {"auth": ("li", GOOD)},
                    {"auth": ("li", token)}, {"headers": {"X-Token": token}}, {"headers": {"Authorization": token}}):
            assert nobody.get("/v1/session", **way).status_code in (400, 401), way
        assert li.get("/v1/session").status_code == 200


def test_a_page_of_another_site_changes_nothing(node):
    with login(node, "li") as li, node.client(token="") as nobody:
        for site in ("cross-site", "same-site", "nonsense", ""):
            said = {"Sec-Fetch-Site": site}
            r = li.post("/v1/tasks", json={"script": "true"}, headers=said)
            assert r.status_code == 403 and "another site" in r.json()["detail"], r.text
            assert li.delete("/v1/session", headers=said).status_code == 403
            r = nobody.post("/v1/session", json={"user": "li", "password": GOOD}, headers=said)
            assert r.status_code == 403
            r = li.get("/v1/session", headers=said)
            assert r.status_code == 200 and not [h for h in r.headers if h.startswith("access-control")]
        for site in ("same-origin", "none"):
            assert li.post("/v1/tasks", json={"script": "true"}, headers={"Sec-Fetch-Site": site}).status_code == 201


def test_nobody_gives_themselves_a_role_or_becomes_somebody_else(node):
    with login(node, "li") as li:
        assert li.post("/v1/users/li", json={"roles": ["user", "security"]}).status_code == 403
        assert li.post("/v1/users", json={"name": "li2", "tenant": "default", "roles": ["admin"]}).status_code == 403
        assert li.post("/v1/tokens", json={"name": "x", "tenant": "default", "roles": ["user"]}).status_code == 403
        for more, field in (({"user": "sun"}, "user"), ({"tenant": "other"}, "tenant"), ({"id": 1}, "id"),
                            ({"roles": ["security"]}, "roles"), ({"roles": ["user", "admin"]}, "roles")):
            r = li.post("/v1/session/tokens", json={"name": "mine", **more})
            assert r.status_code == 400 and r.json()["field"] == field, r.text
        r = li.post("/v1/session", json={"user": "li", "password": GOOD, "roles": ["admin"]})
        assert r.status_code == 400 and r.json()["field"] == "roles"
        assert li.get("/v1/session").json()["roles"] == ["user"]


def test_the_name_of_an_account_that_is_gone_opens_nothing_and_is_not_given_again(node):
    account(node, "left")
    with login(node, "left") as left:
        assert node.api.delete("/v1/users/left").status_code == 204
        assert left.get("/v1/session").status_code == 401
    assert try_login(node, "left", GOOD).status_code == 401
    again = node.api.post("/v1/users", json={"name": "left", "tenant": "default", "roles": ["user"]})
    assert again.status_code == 409, "tasks and data of the first one would be the second one's"
    assert node.api.post("/v1/tenants", json={"name": "firm"}).status_code == 201
    assert node.api.delete("/v1/tenants/firm").status_code == 204
    assert node.api.post("/v1/tenants", json={"name": "firm"}).status_code == 409


def test_a_tenant_with_live_tasks_is_not_deleted_and_nothing_of_it_changes(node):
    with node.user("busy") as user:
        ids = [user.submit(command=["sleep", "600"], cpus=cpus)["id"] for cpus in (1, 4)]
        node.api.wait(ids[0], states=("running",))      # and the other one waits for its cpus
        before = [user.get(f"/v1/tasks/{id}").json() for id in ids]
        assert [t["state"] for t in before] == ["running", "waiting"]
        rows = written(node)
        for live in (ids, ids[:1]):
            r = node.api.delete("/v1/tenants/busy")
            assert r.status_code == 409 and "tasks that are not over" in r.json()["detail"], r.text
            zh = node.api.delete("/v1/tenants/busy", headers={"Accept-Language": "zh"})
            assert zh.status_code == 409 and "任务" in zh.json()["detail"], zh.text
            tenant = node.api.get("/v1/tenants/busy").json()
            assert not tenant["disabled"] and tenant["quota"]["running"] == 1, tenant
            assert tenant["quota"]["waiting"] == len(live) - 1
            assert [user.get(f"/v1/tasks/{id}").json()["state"] for id in live] == \
                [t["state"] for t in before[:len(live)]]
            if live is ids:
                assert written(node) == rows, "a refusal is not written down"
                assert user.post(f"/v1/tasks/{ids[1]}/cancel").status_code in (200, 202)
                node.api.wait(ids[1])
        user.post(f"/v1/tasks/{ids[0]}/cancel")
        assert node.api.wait(ids[0])["state"] == "cancelled"
        r = node.api.delete("/v1/tenants/busy")
        assert r.status_code == 409 and "tokens" in r.json()["detail"], r.text


def test_sessions_outlive_a_restart(tmp_path):
    with Daemon(directory=tmp_path) as d:
        account(d, "sun", ["security"])
        r = try_login(d, "sun", GOOD).json()
        d.kill()
        d.start()
        with d.client(r["token"]) as sun:
            assert sun.get("/v1/session").json()["user"] == "sun"
        assert try_login(d, "sun", GOOD).status_code == 201


def test_nobody_learns_which_names_exist(node):
    """The same words, and within the noise the same time."""
    account(node, "known")
    took = {"known": [], "unknown": []}
    words = set()
    for i in range(4):
        for name in took:
            began = time.monotonic()
            r = try_login(node, name, "a wrong password")
            took[name].append(time.monotonic() - began)
            words.add((r.status_code, r.json()["detail"]))
    assert len(words) == 1 and words.pop()[0] == 401
    a, b = (statistics.median(took[name]) for name in took)
    assert 0.4 < a / b < 2.5, took


@pytest.mark.parametrize("name", ["locked", "not-there"])
def test_a_name_is_locked_after_five_wrong_passwords(node, name):
    if name == "locked":
        account(node, name)
    seen = [try_login(node, name, f"a wrong password {i}") for i in range(6)]
    assert [r.status_code for r in seen] == [401] * 5 + [429]
    assert 1 <= int(seen[-1].headers["retry-after"]) <= 31
    # The right one does not help now, and others are not meant.
    assert try_login(node, name, GOOD).status_code == 429
    assert try_login(node, "li", GOOD).status_code == 201


def test_a_machine_has_no_password(node):
    with node.user("default") as machine:
        r = machine.post("/v1/session/password", json={"old": GOOD, "new": GOOD + "!"})
        assert r.status_code == 409


def test_many_logins_do_not_hold_up_others(node):
    """A password costs a tenth of a second of a core; the loop does not wait for it."""
    slow, stop = [], threading.Event()

    def ask():
        with node.client() as api:
            while not stop.is_set():
                began = time.monotonic()
                assert api.get("/v1/node").status_code == 200
                slow.append(time.monotonic() - began)

    asker = threading.Thread(target=ask)
    asker.start()
    logins = []
    threads = [threading.Thread(target=lambda i=i: logins.append(
        try_login(node, f"stranger-{i}", GOOD).status_code)) for i in range(40)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    stop.set()
    asker.join()
    assert logins.count(401) >= 10 and set(logins) <= {401, 503, 429}, logins
    assert statistics.median(slow) < 0.5


def wrong_tokens(address, k, n, source="127.0.0.1"):
    """n wrong tokens down one connection, none waited for; the answers as (status, Retry-After)."""
    answers, got = [], b""
    with socket.create_connection(address, timeout=60, source_address=(source, 0)) as s:
        for at in range(0, n, 100):
            s.sendall("".join("GET /v1/node HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sl_"
                              f"{k:04d}{i:038d}A\r\n\r\n" for i in range(at, min(at + 100, n))).encode())
            while len(answers) < min(at + 100, n):
                head, there, rest = got.partition(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
                length = int(fields.get(b"content-length", 0))
                if there and len(rest) >= length:
                    answers.append((int(head.split()[1]), fields.get(b"retry-after")))
                    got = rest[length:]
                    continue
                more = s.recv(1 << 16)
                assert more, "a connection was closed without an answer"
                got += more
    return answers


def peak_kb(d):
    return int(pathlib.Path(f"/proc/{d.process.pid}/status").read_text().split("VmHWM:")[1].split()[0])


def written(d):
    """Rows of the journal and of the audit log, bytes of the log."""
    with contextlib.closing(sqlite3.connect(f"file:{d.state}/suanlu.db?mode=ro", uri=True)) as db:
        rows = [db.execute(f"select count(*) from {table}").fetchone()[0] for table in ("record", "audit")]
    return *rows, len(d.log)


def remembered(d):
    line = [line for line in d.api.get("/metrics").text.splitlines() if line.startswith("suanlu_wrong_token_sources ")]
    return int(line[0].split()[1])


@pytest.fixture
def flooded():
    """Freed memory is not kept by the sanitizer, so that the peak is ours."""
    with Daemon(env={"ASAN_OPTIONS": "quarantine_size_mb=1"}) as d:
        host, port = (d.state / "address").read_text().strip().rsplit(":", 1)
        d.at = (host, int(port))
        d.api.get("/metrics")
        pathlib.Path(f"/proc/{d.process.pid}/clear_refs").write_text("5")       # the peak begins here
        yield d


def serve_while(d, clients, work):
    """Ask with the right token from each address until the work is done; how long each answer took."""
    took, going_on = [], True
    while going_on:
        going_on = not all(job.done() for job in work)
        for client in clients:
            began = time.monotonic()
            r = client.get(f"http://{d.at[0]}:{d.at[1]}/v1/node", headers={"Authorization": f"Bearer {d.token}"})
            assert r.status_code == 200, r.text
            took.append(time.monotonic() - began)
    return took


def test_ten_thousand_wrong_tokens_a_second_keep_nobody_from_working(flooded):
    """Each has an answer, a right token has one meanwhile, also from the same address, and nothing is kept of them."""
    d, n, before, peak = flooded, 10000, written(flooded), peak_kb(flooded)
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(4) as pool:
        clients = [stack.enter_context(httpx.Client(transport=httpx.HTTPTransport(local_address=source), timeout=30))
                   for source in ("127.0.0.1", "127.0.0.2")]
        began = time.monotonic()
        work = [pool.submit(wrong_tokens, d.at, k, n // 4) for k in range(4)]
        served = serve_while(d, clients, work)
        answers = [a for job in work for a in job.result()]
    took = time.monotonic() - began
    print(f"{n / took:.0f} wrong tokens a second; {len(served)} valid ones served meanwhile, "
          f"{statistics.median(served) * 1000:.1f} ms; peak {peak_kb(d) - peak} kB more")
    assert len(answers) == n and {status for status, _ in answers} == {401, 429}
    assert all(after in (b"1", b"2") if status == 429 else after is None for status, after in answers)
    assert 100 <= [status for status, _ in answers].count(401) <= 100 + 10 * (took + 1)
    assert len(served) >= 2 and statistics.median(served) < 0.5
    assert peak_kb(d) - peak < 30 << 10, "kB more"
    assert written(d) == before, "a wrong token is counted, not written down"
    assert remembered(d) == 1


def test_wrong_tokens_from_more_addresses_than_are_remembered_cost_no_more_memory(flooded):
    d, before, peak = flooded, written(flooded), peak_kb(flooded)
    for i in range(6000):
        assert wrong_tokens(d.at, i, 1, f"127.1.{i >> 8}.{i & 255}") == [(401, None)]
    assert 500 < remembered(d) <= 4096
    assert peak_kb(d) - peak < 30 << 10, "kB more"
    assert written(d) == before


def test_the_command_line_logs_in(tmp_path):
    def token_file(text):
        file = tmp_path / "session"
        file.write_text(text)
        file.chmod(0o600)
        return "--token-file", str(file)

    with Daemon() as d:
        assert d.cli("user", "new", "sun", "--tenant", "default", "--role", "security").returncode == 0
        once = d.cli("user", "reset", "sun")
        assert once.returncode == 0 and once.stdout.strip() not in once.stderr
        once = once.stdout.strip()
        assert d.cli("user", "login", "sun", input="wrong wrong wrong\n").returncode == 5
        assert d.cli("user", "login", "sun", input="").returncode == 2
        made = d.cli("user", "login", "sun", input=once + "\n")
        assert made.returncode == 0 and "passwd" in made.stderr
        mine = token_file(made.stdout.strip())
        assert d.cli("user", "ls", *mine).returncode == 5
        assert d.cli("user", "passwd", *mine, input=f"{once}\nshort\n").returncode == 2
        done = d.cli("user", "passwd", *mine, input=f"{once}\n{GOOD}\n")
        assert done.returncode == 0, done.stderr
        assert "sun" in d.cli("user", "ls", *mine).stdout
        own = d.cli("token", "new", "--own", "--name", "laptop", "--scope", "identity:read", *mine)
        assert own.returncode == 0 and own.stdout.startswith("sl_")
        assert "laptop" in d.cli("token", "ls", "--own", *mine).stdout
        id = d.cli("token", "ls", "--own", "--json", *mine).stdout.split('"id":')[1].split(",")[0]
        assert d.cli("token", "revoke", "--own", id, *mine).returncode == 0
        soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).isoformat()
        assert d.cli("token", "new", "--own", "--name", "brief", "--expires", soon, *mine).returncode == 0
        row = [line for line in d.cli("token", "ls", "--own", *mine).stdout.splitlines() if "brief" in line]
        assert len(row) == 1 and "good" in row[0] and "expired" not in row[0]
        time.sleep(2.1)
        for lang, word, good in (("en", "expired", "good"), ("zh", "已过期", "有效")):
            listed = d.cli("token", "ls", "--own", "--lang", lang, *mine).stdout.splitlines()
            row = [line for line in listed if "brief" in line]
            assert len(row) == 1 and word in row[0] and good not in row[0], listed
        assert d.cli("user", "logout", *mine).returncode == 0
        assert d.cli("user", "ls", *mine).returncode == 5
        for secret in (once, GOOD, made.stdout.strip(), own.stdout.strip()):
            assert secret not in d.log
            for name in d.state.iterdir():
                if name.is_file() and name.name != "token":
                    assert secret.encode() not in name.read_bytes(), f"{name} keeps a secret in clear"
