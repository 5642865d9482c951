"""Prices, vouchers, budgets, refunds and statements of a real daemon: who may see them, and that every
figure adds up to the ledger, to the last micro-yuan."""

import concurrent.futures
import csv
import datetime
import io
import pathlib
import sys
import time

import openpyxl
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Daemon  # noqa: E402

# An hour of a cpu costs 3,600 yuan: a second is a yuan.
def pool(name, region, owner, yuan):
    return {"name": name, "region": region, "owner": owner, "engine": "fake", "clearance": 4,
            "price": {"cpu_hour": yuan}, "groups": [{"count": 4, "cpus": 8, "memory_mb": 65536}]}


POOLS = [pool("hub", "cn/62", "hub-co", "3600.00"), pool("edge", "cn/50/500106", "=park", "7200.00")]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
YUAN = 1000000


def later(days=1.0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return at.isoformat()


def month():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)).strftime("%Y-%m")


@pytest.fixture(scope="module")
def node():
    with Daemon({"pools": POOLS}) as d:
        yield d


def ok(response, status=200):
    assert response.status_code == status, response.text
    return response.json()


def voucher(node, tenant, **rest):
    spec = dict({"issuer": "sh", "tenant": tenant, "face_micro": 1000 * YUAN, "rate": 0.3,
                 "valid_until": later()}, **rest)
    return ok(node.api.post("/v1/vouchers", json=spec), 201)


def grant(node, tenant, yuan, **rest):
    return ok(node.api.post("/v1/budgets", json=dict(
        {"tenant": tenant, "add_micro": round(yuan * YUAN), "reason": "test"}, **rest)))


def accounts(node):
    got = ok(node.api.get("/v1/ledger"))
    assert got["sum_micro"] == 0
    return {(a["kind"], a["name"]): a["balance_micro"] for a in got["accounts"]}


def run(user, seconds, node, **rest):
    task = user.submit(command=["sleep", str(seconds)], **dict({"prefer": "cheapest"}, **rest))
    return node.api.wait(task["id"])


def test_a_run_is_charged_what_was_measured_and_the_rest_is_released(node):
    user = node.user("plain")
    task = user.submit(command=["sleep", "2"], walltime_s=60, prefer="cheapest")
    node.api.wait(task["id"], states=("running",))
    held = ok(user.get("/v1/budgets"))
    assert held == {"tenant": "plain", "limited": False, "available_micro": -60 * YUAN,
                    "held_micro": 60 * YUAN}
    done = node.api.wait(task["id"])
    cost = done["cost_micro"]
    measured = user.get(f"/v1/tasks/{task['id']}/runs").json()["runs"][0]["usage"]["run_ms"]
    assert cost == measured * 1000 and 2000 <= measured < 20000
    assert ok(user.get("/v1/budgets"))["available_micro"] == -cost
    assert ok(user.get("/v1/budgets"))["held_micro"] == 0
    books = accounts(node)
    assert books["tenant", "plain"] == -cost


def test_a_budget_stops_before_it_is_overdrawn(node):
    user = node.user("poor")
    grant(node, "poor", 25)
    tasks = [user.submit(command=["sleep", "1"], walltime_s=10, prefer="cheapest")["id"]
             for _ in range(5)]
    lowest = 25 * YUAN
    waited = False
    end = time.time() + 60
    while time.time() < end:
        lowest = min(lowest, ok(user.get("/v1/budgets"))["available_micro"])
        states = [user.get(f"/v1/tasks/{t}").json() for t in tasks]
        waited = waited or any(s["state"] == "waiting" and s["reason"]["code"] == "budget"
                               for s in states)
        assert ok(user.get("/v1/budgets"))["held_micro"] <= 20 * YUAN   # not three of up to ten yuan
        if all(s["state"] == "done" for s in states):
            break
        time.sleep(0.05)
    assert waited and lowest >= 0
    assert all(user.get(f"/v1/tasks/{t}").json()["state"] == "done" for t in tasks)


def test_an_exhausted_budget_is_told_with_its_figures(node):
    user = node.user("broke")
    grant(node, "broke", 5)
    id = user.submit(command=["true"], walltime_s=10, prefer="cheapest")["id"]
    task = node.api.wait(id, states=("waiting",))
    end = time.time() + 10
    while not (task["reason"] or {}).get("code") == "budget" and time.time() < end:
        time.sleep(0.05)
        task = user.get(f"/v1/tasks/{id}").json()
    assert task["reason"]["code"] == "budget"
    why = user.get(f"/v1/tasks/{id}/decisions").json()["decisions"][-1]
    said = {p["pool"]: r for p in why["pools"] for r in p["reasons"] if r["reason"] == "budget"}
    assert said["hub"]["need"] == "10.00 yuan to be reserved"
    assert said["hub"]["have"] == "5.00 yuan left of the budget of broke"
    assert said["edge"]["need"] == "20.00 yuan to be reserved"
    grant(node, "broke", 5)
    assert node.api.wait(id)["state"] == "done"


def test_money_for_a_name_without_a_tenant_is_refused(node):
    before = accounts(node)
    assert node.api.post("/v1/tenants", json={"name": "left"}).status_code == 201
    grant(node, "left", 5)
    assert node.api.delete("/v1/tenants/left").status_code == 204
    for name in ("labb", "left"):
        for path, doc in (("/v1/budgets", {"add_micro": YUAN, "reason": "x"}), ("/v1/budgets", {"reason": "x"}),
                          ("/v1/vouchers", {"issuer": "sh", "face_micro": YUAN, "rate": 0.3, "valid_until": later()})):
            said = node.api.post(path, json=dict(doc, tenant=name))
            assert said.status_code == 404 and "no tenant" in said.json()["detail"], said.text
    assert node.api.post("/v1/budgets", json={"tenant": "labb", "add_micro": -1, "reason": "x"}).status_code == 404
    assert not [v for v in ok(node.api.get("/v1/vouchers"))["vouchers"] if v["tenant"] in ("labb", "left")]
    grant(node, "left", -5)     # what one that is gone has left is taken back
    assert {k: v for k, v in accounts(node).items() if v} == {k: v for k, v in before.items() if v}


def test_what_is_reserved_cannot_be_taken_out_of_a_budget(node):
    user = node.user("taken")
    grant(node, "taken", 30)
    id = user.submit(command=["sleep", "3"], walltime_s=20, prefer="cheapest")["id"]
    node.api.wait(id, states=("running",))
    r = node.api.post("/v1/budgets", json={"tenant": "taken", "add_micro": -11 * YUAN, "reason": "x"})
    assert r.status_code == 409 and "10000000 micro-yuan" in r.json()["detail"]
    user.post(f"/v1/tasks/{id}/cancel")
    node.api.wait(id)


def test_a_price_set_later_is_not_that_of_a_run_chosen_before(node):
    user = node.user("price")
    first = user.submit(command=["sleep", "2"], prefer="cheapest")["id"]
    node.api.wait(first, states=("running",))
    price = ok(node.api.post("/v1/prices", json={"pool": "hub", "price": {"cpu_hour": "1800.00"}}), 201)
    assert price["price"] == {"cpu_hour": "1800.00", "accelerator_hour": "0.00"}
    assert ok(user.get("/v1/pools/hub"))["price"] == price["price"]
    second = user.submit(command=["sleep", "2"], prefer="cheapest")["id"]
    for id, per_ms in ((first, 1000), (second, 500)):
        cost = node.api.wait(id)["cost_micro"]
        assert cost == user.get(f"/v1/tasks/{id}/runs").json()["runs"][0]["usage"]["run_ms"] * per_ms
    why = user.get(f"/v1/tasks/{second}/decisions").json()["decisions"][0]
    hub = next(p for p in why["pools"] if p["pool"] == "hub")
    assert hub["terms"]["cost_micro"] == hub["terms"]["run_p50_s"] * 500000
    ok(node.api.post("/v1/prices", json={"pool": "hub", "price": {"cpu_hour": "3600.00"}}), 201)
    assert len(ok(user.get("/v1/prices", params={"pool": "hub"}))["prices"]) == 2


def test_a_voucher_pays_its_share_and_the_cap_of_the_year_ends_it(node):
    user = node.user("helped")
    v = voucher(node, "helped", year_cap_micro=120000)
    cost = run(user, 0.3, node)["cost_micro"]
    got = ok(user.get(f"/v1/vouchers/{v['id']}"))
    assert got["used_micro"] == min(cost * 3 // 10, 120000) and got["held_micro"] == 0
    paid = got["used_micro"]
    cost += run(user, 0.5, node)["cost_micro"]
    got = ok(user.get(f"/v1/vouchers/{v['id']}"))
    assert paid < got["used_micro"] == 120000
    assert ok(user.get("/v1/budgets"))["available_micro"] == 120000 - cost


def test_a_voucher_that_expires_while_a_run_is_on_it_still_pays_for_that_run(node):
    user = node.user("expiring")
    v = voucher(node, "expiring", rate=0.5, valid_until=later(4 / 86400))
    id = user.submit(command=["sleep", "5"], walltime_s=30, prefer="cheapest")["id"]
    node.api.wait(id, states=("running",))
    cost = node.api.wait(id)["cost_micro"]
    assert ok(user.get(f"/v1/vouchers/{v['id']}"))["used_micro"] == cost // 2
    run(user, 0.1, node)
    assert ok(user.get(f"/v1/vouchers/{v['id']}"))["used_micro"] == cost // 2


def test_a_voucher_that_is_withdrawn_keeps_what_it_promised_and_promises_no_more(node):
    user = node.user("withdrawn")
    v = voucher(node, "withdrawn", rate=0.5)
    id = user.submit(command=["sleep", "2"], walltime_s=30, prefer="cheapest")["id"]
    node.api.wait(id, states=("running",))
    path = f"/v1/vouchers/{v['id']}/withdraw"
    assert ok(node.api.post(path, json={"reason": "misused"}))["withdrawn"]
    assert node.api.post(path, json={"reason": "again"}).status_code == 409
    cost = node.api.wait(id)["cost_micro"]
    run(user, 0.1, node)
    assert ok(user.get(f"/v1/vouchers/{v['id']}"))["used_micro"] == cost // 2
    assert accounts(node)["voucher", str(v["id"])] == 1000 * YUAN - cost // 2, "what is left stays in its account"


def test_a_reason_has_the_same_limit_wherever_one_is_given(node):
    user = node.user("reasons")
    v = voucher(node, "reasons")
    task = run(user, 0.05, node)
    for path, doc in ((f"/v1/vouchers/{v['id']}/withdraw", {}), (f"/v1/tasks/{task['id']}/refund", {"micro": 1}),
                      ("/v1/budgets", {"tenant": "reasons", "add_micro": 1}),
                      ("/v1/pools/hub/clearance", {"clearance": "core"})):
        r = node.api.post(path, json=dict(doc, reason="x" * 401))
        assert (r.status_code, r.json()["field"]) == (400, "reason"), path
        ok(node.api.post(path, json=dict(doc, reason="x" * 400)))


def test_a_refund_gives_each_his_part_and_never_more_than_was_charged(node):
    user = node.user("sorry")
    v = voucher(node, "sorry")
    task = run(user, 0.3, node)
    path = f"/v1/tasks/{task['id']}/refund"
    part = ok(node.api.post(path, json={"micro": 1001, "reason": "slow disk"}))
    assert part["refunded_micro"] == 1001 == part["tenant_micro"] + part["voucher_micro"]
    too_much = node.api.post(path, json={"micro": task["cost_micro"], "reason": "all"})
    assert too_much.status_code == 409
    ok(node.api.post(path, json={"reason": "all of it"}))
    assert node.api.post(path, json={"reason": "once more"}).status_code == 409
    assert node.api.post(path, json={"attempt": 7, "reason": "no such run"}).status_code == 409
    assert ok(user.get("/v1/budgets"))["available_micro"] == 0
    assert ok(user.get(f"/v1/vouchers/{v['id']}"))["left_micro"] == 1000 * YUAN


def test_settlements_refunds_and_budgets_at_once_lose_and_make_no_money():
    """Many people at once: runs end together while money comes, goes and is given back."""
    with Daemon({"pools": POOLS}) as d, concurrent.futures.ThreadPoolExecutor(16) as people:
        user = d.user("rush")
        grant(d, "rush", 40)
        v = voucher(d, "rush", face_micro=20 * YUAN)

        def submit(_):
            return user.submit(command=["sleep", "0.2"], walltime_s=10, prefer="cheapest")["id"]

        def money(i):       # three in, then out what is free, or nothing
            grant(d, "rush", 3)
            out = d.api.post("/v1/budgets", json={"tenant": "rush", "add_micro": -(3 + i % 2) * YUAN, "reason": "x"})
            assert out.status_code in (200, 409), out.text
            left = ok(user.get("/v1/budgets"))
            assert left["available_micro"] >= 0 and left["held_micro"] >= 0
            return 3 * YUAN - (out.status_code == 200) * (3 + i % 2) * YUAN

        jobs = [(people.submit(submit, i), people.submit(money, i)) for i in range(40)]
        ids, granted = [a.result() for a, _ in jobs], 40 * YUAN + sum(b.result() for _, b in jobs)
        costs = {}
        for id in ids:
            assert ok(user.get("/v1/budgets"))["available_micro"] >= 0
            task = d.api.wait(id, timeout=90)
            assert task["state"] == "done"
            costs[id] = task["cost_micro"]
        used = ok(user.get(f"/v1/vouchers/{v['id']}"))
        assert 0 < used["used_micro"] <= 20 * YUAN and used["held_micro"] == 0
        assert ok(user.get("/v1/budgets")) == {
            "tenant": "rush", "limited": True, "held_micro": 0,
            "available_micro": granted - sum(costs.values()) + used["used_micro"]}
        accounts(d)

        def refund(id, micro):
            r = d.api.post(f"/v1/tasks/{id}/refund", json={"reason": "x", **({"micro": micro} if micro else {})})
            assert r.status_code in (200, 409), r.text
            return r.json()["refunded_micro"] if r.status_code == 200 else 0

        whole, parts = ids[:20], ids[20:]
        again = [people.submit(refund, id, None) for id in whole for _ in range(6)]
        some = {id: [people.submit(refund, id, costs[id] * 2 // 5) for _ in range(6)] for id in parts}
        back = sorted(x.result() for x in again)
        assert back[:100] == [0] * 100 and back[100:] == sorted(costs[id] for id in whole), "each once"
        for id, answers in some.items():
            assert sorted(a.result() for a in answers) == [0] * 4 + [costs[id] * 2 // 5] * 2
            assert refund(id, None) == costs[id] - 2 * (costs[id] * 2 // 5)
        end = accounts(d)
        assert end["tenant", "rush"] == granted and end["voucher", str(v["id"])] == 20 * YUAN
        assert not [k for k in end if k[0] in ("owner", "held", "voucher-held") and end[k]]
        d.kill()
        d.start()
        assert accounts(d) == end


def test_a_lost_or_unstarted_run_costs_nothing_and_a_failed_one_what_it_took(node):
    user = node.user("fails")
    assert run(user, 0.2, node)["cost_micro"] > 0
    before = ok(user.get("/v1/budgets"))["available_micro"]
    id = user.submit(command=["exit", "3"], prefer="cheapest")["id"]
    assert node.api.wait(id)["state"] == "failed"
    cost = user.get(f"/v1/tasks/{id}").json()["cost_micro"]
    assert ok(user.get("/v1/budgets"))["available_micro"] == before - cost


# ---- statements ----

def statement(client, **params):
    return client.get("/v1/statements", params=dict({"month": month()}, **params))


def micro(text):
    yuan, six = str(text).split(".")
    assert len(six) == 6
    sign = -1 if yuan.startswith("-") else 1
    return sign * (abs(int(yuan)) * YUAN + int(six))


def read_csv(response):
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    return rows[0], rows[1:-1], rows[-1]


def read_xlsx(response):
    assert response.headers["content-type"] == XLSX
    sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
    rows = [list(r) for r in sheet.iter_rows(values_only=True)]
    return rows[2], rows[3:-1], rows[-1]


MONEY = {"total_micro": 9, "own_micro": 10, "voucher_micro": 11, "in_micro": 12}


@pytest.fixture(scope="module")
def adds(node):
    """A tenant of this name with four runs, a voucher of hz and a refund; and one called plain."""
    user = node.user("adds")
    grant(node, "adds", 100.000001, limited=False)
    voucher(node, "adds", rate={"domestic": 0.3, "other": 0.123}, issuer="hz")
    for seconds in ("0.05", "0.11", "0.07", "0.013"):
        task = run(user, seconds, node)
    ok(node.api.post(f"/v1/tasks/{task['id']}/refund", json={"micro": 77, "reason": '"late", =very'}))
    run(node.user("plain"), "0.02", node)
    return user


def test_statements_add_up_to_the_ledger_in_all_three_forms(node, adds):
    books = accounts(node)
    whose = {"tenant": "adds", "owner": "hub-co", "issuer": "hz"}
    for party, name in whose.items():
        doc = ok(statement(node.api, **{party: name}))
        for key, column in MONEY.items():
            want = doc["sum"][key]
            assert want == sum(line[key] for line in doc["lines"])
            head, lines, last = read_csv(statement(node.api, format="csv", **{party: name}))
            assert want == micro(last[column]) == sum(micro(line[column]) for line in lines)
            head, lines, last = read_xlsx(statement(node.api, format="xlsx", **{party: name}))
            assert want == round(last[column] * YUAN)
            assert want == sum(round(line[column] * YUAN) for line in lines)
            assert "yuan" in head[column]
        by_day = ok(statement(node.api, by="day", **{party: name}))
        assert by_day["sum"] == doc["sum"] and len(by_day["lines"]) < len(doc["lines"])
    tenant = ok(statement(node.api, tenant="adds"))["sum"]
    assert tenant["in_micro"] - tenant["own_micro"] == books["tenant", "adds"]
    owner = ok(statement(node.api, owner="hub-co"))["sum"]
    assert owner["total_micro"] == books["owner", "hub-co"]
    issuer = ok(statement(node.api, issuer="hz"))["sum"]
    assert issuer["in_micro"] == -books["issuer", "hz"]
    left = sum(v["left_micro"] for v in ok(node.api.get("/v1/vouchers", params={"issuer": "hz"}))["vouchers"])
    assert issuer["in_micro"] - issuer["total_micro"] == left
    assert tenant["voucher_micro"] == issuer["total_micro"]


def test_a_withdrawn_voucher_has_a_line_and_the_statement_still_adds_up_to_the_ledger(node):
    user = node.user("ended")
    v = voucher(node, "ended", rate=0.3, issuer="henan")
    kept = voucher(node, "ended", rate=0.1, issuer="henan")
    run(user, "0.03", node)
    left = ok(node.api.get(f"/v1/vouchers/{v['id']}"))["left_micro"]
    assert 0 < left < v["face_micro"]
    why = '"misused", =' + "x" * 280
    ok(node.api.post(f"/v1/vouchers/{v['id']}/withdraw", json={"reason": why}))
    run(user, "0.02", node)
    note = f"#{v['id']} {left // YUAN}.{left % YUAN:06} {why}"
    books = accounts(node)
    for party, name in {"tenant": "ended", "issuer": "henan"}.items():
        doc = ok(statement(node.api, **{party: name}))
        gone = [line for line in doc["lines"] if line["entry"] == "withdrawal"]
        assert [(g["note"], g["tenant"], g["in_micro"], g["total_micro"]) for g in gone] == [(note, "ended", 0, 0)]
        entries = [line["entry"] for line in doc["lines"]]
        assert entries.count("voucher") == 2 and entries[-1] == "run" and entries[-2] == "withdrawal"
        _, lines, last = read_csv(statement(node.api, format="csv", **{party: name}))
        assert [line[13] for line in lines if line[1] == "Withdrawal"] == [note]
        _, rows, bottom = read_xlsx(statement(node.api, format="xlsx", **{party: name}))
        assert [row[13] for row in rows if row[1] == "Withdrawal"] == [note]
        for key, column in MONEY.items():
            assert doc["sum"][key] == micro(last[column]) == sum(micro(line[column]) for line in lines)
            assert doc["sum"][key] == round(bottom[column] * YUAN) == sum(round(r[column] * YUAN) for r in rows)
        by_day = ok(statement(node.api, by="day", **{party: name}))
        assert by_day["sum"] == doc["sum"]
        assert sum(line["entry"] == "withdrawal" for line in by_day["lines"]) == 1
    issuer = ok(statement(node.api, issuer="henan"))["sum"]
    assert issuer["in_micro"] == v["face_micro"] + kept["face_micro"] == -books["issuer", "henan"]
    now = ok(node.api.get("/v1/vouchers", params={"issuer": "henan"}))["vouchers"]
    assert issuer["in_micro"] - issuer["total_micro"] == sum(x["left_micro"] for x in now)
    assert now[0]["withdrawn"] and now[0]["left_micro"] == left
    assert all(line["entry"] == "run" for line in ok(statement(node.api, owner="hub-co"))["lines"]
               if line["tenant"] == "ended")


def test_the_sum_of_all_tenants_is_that_of_all_owners(node, adds):
    run(adds, "0.02", node, prefer="fastest", cpus=1, near="cn/50/500106", max_latency_ms=1)
    books = accounts(node)
    tenants = [name for kind, name in books if kind == "tenant"]
    owners = [name for kind, name in books if kind == "owner"]
    assert len(tenants) > 1 and len(owners) > 1
    paid = sum(ok(statement(node.api, tenant=t))["sum"]["total_micro"] for t in tenants)
    got = sum(ok(statement(node.api, owner=o))["sum"]["total_micro"] for o in owners)
    assert paid == got > 0


def test_others_are_answered_while_a_long_table_is_made(node):
    user, lines = node.user("long"), 7000       # it was 5,000 once, on the thread that answers
    user.submit(command=["sleep", "0.01"], array=f"0-{lines - 1}", memory_mb=1, prefer="cheapest")
    end = time.monotonic() + 100
    while ok(statement(node.api, tenant="long", by="day"))["sum"]["runs"] < lines:
        assert time.monotonic() < end
        time.sleep(0.5)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        table = pool.submit(statement, node.api, tenant="long", format="xlsx")
        slowest, asked = 0, 0
        while not table.done():
            begun = time.monotonic()
            assert node.api.get("/healthz").status_code == 200
            slowest, asked = max(slowest, time.monotonic() - begun), asked + 1
        made_s = table.result().elapsed.total_seconds()
    head, rows, last = read_xlsx(table.result())
    assert len(rows) == lines and last[MONEY["total_micro"]] == pytest.approx(sum(r[9] for r in rows))
    assert asked >= 5 and slowest < made_s / 2, (asked, slowest, made_s)


def test_headings_are_chinese_or_english(node, adds):
    head, _, last = read_csv(statement(node.api, tenant="adds", format="csv", lang="zh"))
    assert head[9] == "金额（元）" and last[1] == "合计"
    assert "filename=\"tenant-" in statement(node.api, tenant="adds", format="csv").headers[
        "content-disposition"]
    head, _, _ = read_xlsx(statement(node.api, tenant="adds", format="xlsx", lang="zh"))
    assert head[9] == "金额（元）"


def test_a_text_that_looks_like_a_formula_is_none(node):
    user = node.user("formula")
    run(user, 0.02, node, prefer="fastest", cpus=1, near="cn/50/500106", max_latency_ms=1)
    _, lines, _ = read_csv(statement(node.api, owner="=park", format="csv"))
    assert lines and all(line[5] == "'=park" for line in lines)


def test_everybody_sees_his_own_statement_only(node, adds):
    other = node.user("plain")
    assert ok(statement(adds))["name"] == "adds"
    assert ok(statement(adds, tenant="adds"))["sum"]["runs"] >= 4
    for params in ({"tenant": "adds"}, {"owner": "hub-co"}, {"issuer": "hz"}):
        assert statement(other, **params).status_code == 403
    for role in ("operator", "admin", "security", "auditor"):
        assert statement(node.user("other", roles=[role]), tenant="adds").status_code == 200


def test_nobody_sees_the_money_of_others(node, adds):
    other = node.user("plain")
    hidden = ok(node.api.get("/v1/vouchers", params={"tenant": "adds"}))["vouchers"][0]["id"]
    assert other.get(f"/v1/vouchers/{hidden}").status_code == 404
    assert all(v["tenant"] == "plain" for v in ok(other.get("/v1/vouchers"))["vouchers"])
    assert other.get("/v1/budgets", params={"tenant": "adds"}).status_code == 404
    assert other.get("/v1/ledger").status_code == 403
    for path in ("/v1/prices", "/v1/vouchers", "/v1/budgets", "/v1/tasks/1/refund"):
        assert other.post(path, json={}).status_code == 403


@pytest.mark.parametrize("params,field", [
    ({"month": "2026-13"}, "month"), ({"month": "2026-1"}, "month"), ({"month": "now"}, "month"),
    ({"format": "pdf"}, "format"), ({"by": "year"}, "by"), ({"lang": "fr"}, "lang"),
    ({"tenant": "a", "owner": "b"}, "owner"), ({"year": "2026"}, "year"),
])
def test_a_wrong_question_for_a_statement_is_refused(node, params, field):
    r = node.api.get("/v1/statements", params=params)
    assert r.status_code == 400 and r.json()["field"] == field


@pytest.mark.parametrize("path,body,field", [
    ("/v1/prices", {"pool": "nowhere", "price": {"cpu_hour": "1"}}, "pool"),
    ("/v1/prices", {"pool": "hub", "chip": "no-such", "price": {"cpu_hour": "1"}}, "chip"),
    ("/v1/prices", {"pool": "hub", "price": {"cpu_hour": 1}}, "price.cpu_hour"),
    ("/v1/prices", {"pool": "hub", "price": {"cpu_hour": "1"}, "valid_from": "2020-01-01T00:00:00Z"},
     "valid_from"),
    ("/v1/vouchers", {"issuer": "sh"}, "tenant"),
    ("/v1/vouchers", {"issuer": "sh", "tenant": "a", "face_micro": 1, "rate": 2,
                      "valid_until": "2099-01-01T00:00:00Z"}, "rate"),
    ("/v1/budgets", {"tenant": "a"}, "reason"),
    ("/v1/budgets", {"tenant": "A b", "reason": "x"}, "tenant"),
    ("/v1/budgets", {"tenant": "a", "add_micro": 1.5, "reason": "x"}, "add_micro"),
])
def test_a_wrong_document_is_refused_and_changes_nothing(node, path, body, field):
    before = ok(node.api.get("/v1/node"))["counts"], accounts(node)
    r = node.api.post(path, json=body)
    assert r.status_code == 400 and r.json()["field"] == field
    assert (ok(node.api.get("/v1/node"))["counts"], accounts(node)) == before


def test_the_ledger_is_the_same_after_a_kill(tmp_path):
    d = Daemon({"pools": POOLS}, directory=tmp_path).start()
    try:
        user = d.user("acme")
        grant(d, "acme", 100000)
        voucher(d, "acme", kinds=["train"])
        for n in range(4):
            run(user, 0.05, d, kind="train")
        before = accounts(d), ok(statement(d.api, tenant="acme"))
        d.kill()
        d.start()
        assert (accounts(d), ok(statement(d.api, tenant="acme"))) == before
    finally:
        d.stop()
