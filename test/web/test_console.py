"""The web console in a real browser: who gets in, what is shown to whom, what the page may not do."""

import pathlib
import re
import sys
import time

import pytest

TEST = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEST / "lib"))
from client import ROOT, Daemon  # noqa: E402

pytest.importorskip("selenium", reason="needs python3-selenium")
from browser import browser  # noqa: E402

PASSWORD = "four words of a test"
CJK = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def node():
    with Daemon() as d:
        page = d.api.get("/console/")
        if page.status_code == 404:
            pytest.skip("the program was built without its console: ./dev test gets its parts from npm's registry")
        assert d.api.post("/v1/tenants", json={"name": "lab", "title": "Imaging lab"}).status_code == 201
        people = {"chief": ["security"], "wang": ["user"], "boss": ["admin"], "ops": ["operator"], "zhao": ["auditor"]}
        d.address = (d.state / "address").read_text().strip()
        d.once = {}
        for name, roles in people.items():
            # Whoever watches others is named by security, and not by admin.
            first = roles if name == "chief" else ["user"]
            assert d.api.post("/v1/users", json={"name": name, "tenant": "lab", "roles": first}).status_code == 201
            d.once[name] = d.api.post(f"/v1/users/{name}/password").json()["password"]
            if roles != first:
                with api(d, "chief") as chief:
                    r = chief.post(f"/v1/users/{name}", json={"roles": roles})
                    assert r.status_code in (200, 204), r.text
        yield d


@pytest.fixture(scope="module")
def chromium(node):
    with browser(node.address) as page:
        yield page


@pytest.fixture
def page(chromium):
    """Nobody is signed in; at the end the browser must have had nothing to complain about."""
    chromium.line()
    chromium.open()
    chromium.forget()
    chromium.open()
    chromium.sees("密码", "令牌")
    chromium.complaints()
    yield chromium
    assert chromium.complaints() == []


def password_of(node, name):
    """The account's own password, set by the API when it is the first time."""
    if node.once.get(name):
        with node.client("") as api:
            token = api.post("/v1/session", json={"user": name, "password": node.once[name]}).json()["token"]
        with node.client(token) as api:
            r = api.post("/v1/session/password", json={"old": node.once.pop(name), "new": PASSWORD})
            assert r.status_code == 204, r.text
    return PASSWORD


def api(node, name):
    """A client with the account's own session."""
    password = password_of(node, name)
    with node.client("") as stranger:
        return node.client(stranger.post("/v1/session", json={"user": name, "password": password}).json()["token"])


def sign_in(page, node, name):
    password = password_of(node, name)
    page.fill("user", name)
    page.fill("password", password)
    page.click("登录")
    page.sees(f"{name} · lab")


# ---- in and out ----

def test_a_password_that_is_good_once_is_replaced_before_anything_else(page, node):
    node.api.post("/v1/users", json={"name": "newcomer", "tenant": "lab", "roles": ["user"]})
    once = node.api.post("/v1/users/newcomer/password").json()["password"]
    page.fill("user", "newcomer")
    page.fill("password", once)
    page.click("登录")
    page.sees("此密码仅供首次登录")
    assert "资源池" not in page.text()
    page.fill("fresh", PASSWORD)
    page.fill("again", PASSWORD + "!")
    page.click("设置密码")
    page.sees("两次输入不一致")
    page.clear("again")
    page.fill("again", PASSWORD)
    page.click("设置密码")
    page.sees("newcomer · lab", "资源池")


def test_a_wrong_password_is_refused_in_the_readers_language(page, node):
    page.fill("user", "wang")
    page.fill("password", "not this one at all")
    page.click("登录")
    page.sees("名称或密码错误")
    assert "newcomer" not in page.text() and page.cookies() == {}


def test_a_token_opens_the_console_and_no_script_can_read_it(page, node):
    token = (node.state / "token").read_text().strip()
    page.click("令牌")
    page.fill("token", token)
    page.click("登录")
    page.sees("新任务")
    cookie = page.cookies()["suanlu"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    seen = page.driver.execute_script("return document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"
                                      " + document.documentElement.outerHTML + location.href")
    assert token not in seen and "sl_" not in seen


def test_a_wrong_token_is_refused(page):
    page.click("令牌")
    page.fill("token", "sl_" + "A" * 43)
    page.click("登录")
    page.sees("令牌")
    page.until(lambda: "吊销" in page.text() or "无效" in page.text() or "未知" in page.text() or "过期" in page.text())
    assert page.cookies() == {}


def test_whoever_signed_out_is_out(page, node):
    sign_in(page, node, "wang")
    kept = page.cookies()["suanlu"]["value"]
    page.click("wang · lab")
    page.click("退出登录")
    page.sees("密码", "令牌")
    assert page.cookies() == {}
    with node.client(kept) as api:
        assert api.get("/v1/session").status_code == 401


def test_a_session_that_was_revoked_leads_back_to_the_sign_in(page, node):
    sign_in(page, node, "wang")
    kept = page.cookies()["suanlu"]["value"]
    with node.client(kept) as api:
        assert api.delete("/v1/session").status_code == 204
    page.go("pools")
    page.sees("密码", "令牌")


def test_a_session_that_ends_leaves_the_page_and_what_was_typed(page, node):
    sign_in(page, node, "wang")
    page.click("新任务")
    page.fill("script", "echo typed before the end")
    with node.client(page.cookies()["suanlu"]["value"]) as api:
        assert api.delete("/v1/session").status_code == 204
    page.click("提交")
    page.sees("已填写的内容仍保留")
    page.fill("user", "wang")
    page.fill("password", PASSWORD)
    page.click("登录")
    page.until(lambda: page.quiet(lambda: not page.part_is_there("user")))
    page.click("提交")
    page.sees("已完成")


def test_a_wrong_old_password_is_refused_and_ends_nothing(page, node):
    sign_in(page, node, "wang")
    page.go("account")
    page.click("修改密码")
    page.fill("old", "not this one at all")
    page.fill("new", PASSWORD + " and more")
    page.confirm("修改密码")
    page.sees("名称或密码错误")
    time.sleep(0.5)
    assert page.part_is_there("new") and not page.part_is_there("user")


def test_a_sign_out_that_did_not_arrive_is_told(page, node):
    sign_in(page, node, "wang")
    page.click("wang · lab")
    page.line(offline=True)
    page.click("退出登录")
    page.sees("尚未退出登录", "wang · lab")
    page.line()
    page.click("wang · lab")
    page.click("退出登录")
    page.sees("令牌")
    assert page.cookies() == {}


# ---- who sees what ----

@pytest.mark.parametrize("name,sees,not_sees", [
    ("wang", ["任务", "新任务"], ["租户与账号", "审计"]),
    ("chief", ["租户与账号"], ["新任务", "审计日志"]),
    ("zhao", ["审计", "租户与账号"], ["新任务"]),
])
def test_the_menu_offers_what_the_role_may(page, node, name, sees, not_sees):
    sign_in(page, node, name)
    page.sees(*sees)
    assert not [t for t in not_sees if t in page.text()]


def test_an_address_that_is_not_for_the_role_leads_to_the_tasks(page, node):
    sign_in(page, node, "wang")
    page.go("people")
    time.sleep(0.5)
    assert "新账号" not in page.text()
    page.sees("新任务")


def test_a_refusal_of_the_api_is_shown_and_the_form_stays(page, node):
    sign_in(page, node, "boss")
    page.go("people")
    page.click("新账号")
    page.fill("name", "both")
    page.choose("roles", "系统管理员", "审计员")
    page.confirm("新账号")
    page.sees("roles: ")
    assert page.part_is_there("name")
    assert node.api.get("/v1/users/both").status_code == 404


def test_a_password_is_shown_once_to_the_one_who_reset_it(page, node):
    node.api.post("/v1/users", json={"name": "forgot", "tenant": "lab", "roles": ["user"]})
    sign_in(page, node, "boss")
    page.go("people")
    page.sees("forgot")
    page.click("重置密码", within="//tr[.//*[text()='forgot']]")
    page.confirm("重置密码")
    once = page.part("once")
    assert re.fullmatch(r"[a-z2-9]{24}", once)
    with node.client("") as api:
        assert api.post("/v1/session", json={"user": "forgot", "password": once}).status_code == 201
    page.driver.refresh()
    page.sees("forgot")
    assert once not in page.text()


# ---- work and why ----

def test_before_a_task_is_sent_limits_and_the_place_are_shown(page, node):
    assert node.api.post("/v1/quotas/lab", json={"running": 7}).status_code in (200, 204)
    sign_in(page, node, "wang")
    before = node.api.get("/v1/node").json()["counts"]
    page.click("新任务")
    page.sees("运行 0 / 7")
    page.fill("script", "echo from the console")
    page.click("试算：会去哪里？")
    page.sees("已选定", "centre")
    after = node.api.get("/v1/node").json()["counts"]
    assert {k: v for k, v in before.items() if k != "decisions"} == {k: v for k, v in after.items() if k != "decisions"}
    page.click("提交")
    page.sees("完成", "from the console")


def test_what_a_run_writes_is_seen_while_it_runs_and_to_its_end(page, node):
    with api(node, "wang") as wang:
        task = wang.submit(script="echo begun; sleep 6; head -c 300000 /dev/zero | tr '\\0' x; echo; echo the very end; sleep 60")
        sign_in(page, node, "wang")
        page.go(f"tasks/{task['id']}")
        page.sees("begun")
        page.sees("the very end", "仅显示末尾", "运行中")
        assert wang.post(f"/v1/tasks/{task['id']}/cancel").status_code == 202


def test_a_refused_task_names_the_rule_and_both_figures(page, node):
    with api(node, "wang") as wang:
        task = wang.submit(script="true", data_level="core", name="secret-work")
    sign_in(page, node, "wang")
    page.go(f"tasks/{task['id']}")
    page.sees("已拒绝")
    why = page.part("why")
    assert "数据级别" in why and "核心" in why and "4" in why and "centre" in why


def test_a_name_that_is_markup_is_only_text(page, node):
    with api(node, "wang") as wang:
        wang.submit(script="true", name="<img src=x onerror=document.title='owned'>")
    sign_in(page, node, "wang")
    page.go("tasks")
    page.sees("<img src=x onerror=document.title='owned'>")
    assert page.driver.title != "owned"


def test_a_pool_is_cleared_for_less_by_security_and_only_with_a_reason(page, node):
    sign_in(page, node, "chief")
    page.go("pools")
    page.sees("centre")
    page.click("安全等级", within="//tr")
    page.choose("clearance", "2")
    page.confirm("安全等级")
    time.sleep(0.3)
    assert node.api.get("/v1/pools/centre").json()["clearance"] == 4
    page.fill("reason", "cabinet stands open")
    page.confirm("安全等级")
    page.until(lambda: node.api.get("/v1/pools/centre").json()["clearance"] == 2)
    with api(node, "chief") as chief:
        assert chief.post("/v1/pools/centre/clearance", json={"clearance": 4, "reason": "closed again"}).status_code == 200


def test_where_a_data_set_has_been_is_one_page(page, node):
    url = (node.files / "scans.txt").as_uri()
    (node.files / "scans.txt").write_text("scans\n")
    with api(node, "wang") as wang:
        r = wang.post("/v1/datasets", json={"name": "scans", "url": url, "region": "cn/50/500106", "level": 3})
        assert r.status_code in (200, 201), r.text
        task = wang.submit(script="true", inputs=[{"dataset": "scans", "path": "scans.txt"}])
        wang.wait(task["id"])
    sign_in(page, node, "chief")
    page.go("datasets/scans")
    page.sees("scans 去过哪里？", "centre", task["id"])


# ---- money ----

def test_the_months_sum_is_that_of_the_ledger_to_the_last_place(page, node):
    with api(node, "wang") as wang:
        wang.wait(wang.submit(script="sleep 0.2")["id"])
    sums = node.api.get("/v1/statements", params={"tenant": "lab"}).json()["sum"]
    assert sums["total_micro"] > 0
    sign_in(page, node, "wang")
    page.go("money")
    shown = page.part("sum")
    whole, rest = divmod(sums["total_micro"], 10 ** 6)
    assert f"¥{whole}." + re.sub(r"0{0,4}$", "", f"{rest:06d}") in shown
    # The file, as the browser would save it.
    head = page.driver.execute_async_script(
        "const done = arguments[0]; const a = [...document.querySelectorAll('a[download]')].find(x => x.href.includes('xlsx'));"
        "fetch(a.href).then(r => r.arrayBuffer()).then(b => done(String.fromCharCode(...new Uint8Array(b, 0, 2))))")
    assert head == "PK"


def test_an_operator_issues_a_voucher_and_it_is_listed(page, node):
    sign_in(page, node, "ops")
    page.go("money")
    page.click("发放")
    page.fill("issuer", "city")
    page.fill("tenant", "lab")
    page.fill("face", "10000.5")
    page.fill("until", "2030-12-31\n")
    page.confirm("发放")
    page.sees("¥10,000.50", "国产卡 30 %，其他 20 %")
    made = node.api.get("/v1/vouchers").json()["vouchers"]
    assert made[0]["face_micro"] == 10_000_500_000
    assert made[0]["valid_until"] == "2030-12-31T15:59:59.000Z", "to the end of the day, in Beijing"


def test_a_sum_that_is_none_is_refused_before_it_is_sent(page, node):
    sign_in(page, node, "ops")
    page.go("money")
    page.click("调整")
    page.fill("add", "1.2345678")
    page.fill("reason", "too fine")
    page.confirm("调整")
    page.sees("最多六位小数")


# ---- what the line and the address do to it ----

def test_an_address_that_is_no_escape_breaks_nothing_and_leads_nowhere_else(page, node):
    sign_in(page, node, "wang")
    page.go("tasks/%")
    page.sees("wang · lab")
    page.asked()
    page.go("tasks/..%2Fpools%2Fcentre")
    page.until(lambda: any("/v1/tasks/..%2Fpools%2Fcentre" in url for url in page.asked()))
    assert "取消任务" not in page.text()


def test_a_line_slower_than_the_page_looks_again_shows_the_task(page, node):
    with api(node, "wang") as wang:
        task = wang.submit(script="sleep 60", name="slowly-seen")
    sign_in(page, node, "wang")
    page.line(latency=3000)
    page.go(f"tasks/{task['id']}")
    page.sees("slowly-seen")
    page.line()
    with api(node, "wang") as wang:
        wang.post(f"/v1/tasks/{task['id']}/cancel")


def test_the_budget_of_one_tenant_is_not_shown_as_that_of_another(page, node):
    sign_in(page, node, "ops")
    page.go("money")
    page.part("budget")
    page.line(offline=True)
    page.driver.find_element("css selector", ".ant-input-search input").send_keys("x\n")
    page.sees("节点没有应答")
    assert not page.driver.find_elements("css selector", "[data-testid=budget]")


def test_a_title_that_cannot_be_taken_away_is_not_passed_over(page, node):
    assert node.api.post("/v1/tenants", json={"name": "titled", "title": "not for long"}).status_code == 201
    sign_in(page, node, "boss")
    page.go("people")
    page.click("修改", within="//tr[.//*[text()='titled']]")
    page.until(lambda: page.part_is_there("title"))
    page.clear("title")
    page.confirm("修改")
    page.sees("title: ")


# ---- audit ----

def test_an_auditor_sees_the_chain_and_that_it_was_read(page, node):
    sign_in(page, node, "zhao")
    page.go("audit")
    page.sees("SM3")
    page.go("tasks")
    page.sees("所有状态")
    page.go("audit")
    page.sees("audit_read zhao of lab")


# ---- the page itself ----

def test_the_page_asks_nobody_but_the_node(page, node):
    page.asked()
    sign_in(page, node, "zhao")
    for place in ("tasks", "pools", "datasets", "money", "people", "audit", "account"):
        page.go(place)
        time.sleep(0.3)
    asked = [u for u in page.asked() if not u.startswith("data:")]
    assert asked and [u for u in asked if not u.startswith(page.base + "/")] == []


def test_an_english_reader_meets_no_chinese(node):
    password = password_of(node, "zhao")
    with browser(node.address, "en-GB") as page:
        page.open()
        page.fill("user", "zhao")
        page.fill("password", password)
        page.click("Sign in")
        for place in ("tasks", "pools", "datasets", "money", "people", "audit", "account"):
            page.go(place)
            page.sees("zhao · lab")
            time.sleep(0.4)
            text = page.text().replace("算路", "").replace("中文", "")
            assert CJK.findall(text) == [], text
        assert page.complaints() == []


def test_its_headers_forbid_scripts_and_frames_of_others(node):
    r = node.api.get("/console/")
    policy = r.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
    assert r.headers["x-content-type-options"] == "nosniff" and r.headers["cache-control"] == "no-cache"
    name = re.search(r'src="/console/([^"]+\.js)"', r.text).group(1)
    assert "immutable" in node.api.get(f"/console/{name}").headers["cache-control"]


@pytest.mark.parametrize("name", ["nothing.js", "%2e%2e", "index.html%00", "stamp", "index.html.gz"])
def test_no_other_file_is_given_out(node, name):
    assert node.api.get(f"/console/{name}").status_code in (400, 404)


def test_every_code_of_the_program_has_its_words_in_the_console():
    words = (ROOT / "console" / "src" / "words.ts").read_text(encoding="utf-8")
    table = lambda name: set(re.findall(r"^  ([a-z_]+): \[", re.search(rf"const {name}: Words = {{\n(.*?)\n}};", words, re.S).group(1), re.M))
    reasons = (ROOT / "src" / "select" / "reason.c").read_text(encoding="utf-8")
    assert table("rules") == set(re.findall(r'\[REASON_[A-Z_]+\] = \{ "([a-z_]+)"', reasons))
    api = (ROOT / "doc" / "openapi.yaml").read_text(encoding="utf-8")
    listed = lambda pattern: set(re.split(r",\s*", re.search(pattern, api, re.S).group(1).strip()))
    assert table("states") == listed(r"    State:\n\s+enum: \[(.*?)\]")
    assert table("roles") == listed(r"    Role: \{enum: \[(.*?)\]")


# ---- an OpenID provider ----

def test_an_account_of_the_citys_provider_opens_the_console(tmp_path):
    sys.path.insert(0, str(TEST / "sys"))
    from test_browser_login import at_a_real_provider
    with at_a_real_provider(tmp_path, name="city", title_zh="城市统一身份") as (d, here), browser(here[7:]) as page:
        page.open()
        page.click("通过城市统一身份登录")
        issuer = d.config["identity"]["oidc"][0]["issuer"]
        page.until(lambda: page.driver.current_url.startswith(issuer))
        page.fill_named("sub", "li\n")
        page.sees("city.li · default", "新任务")
        assert page.driver.current_url.startswith(f"{here}/console/")
        page.go("account")
        page.sees("身份提供方")
        page.click("city.li · default")
        page.click("退出登录")
        page.sees("通过城市统一身份登录")
        # Not let in by the provider: back at the sign-in, with a reason and without a session.
        page.open("/console/#/login?error=denied")
        page.driver.refresh()
        page.sees("身份提供方未允许登录", "密码")
        assert "suanlu" not in page.cookies()
        assert page.complaints() == []
        assert d.api.get("/v1/tasks").status_code == 200
