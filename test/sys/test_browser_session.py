"""Sessions of browsers: the cookie is one more carrier of the same text, and only pages of this node use it."""

import pathlib
import re
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Daemon, files_below  # noqa: E402
from test_login import GOOD, account  # noqa: E402
from test_oidc import Provider, until_keys  # noqa: E402
from test_tls import Authority, Https  # noqa: E402

OURS = {"Sec-Fetch-Site": "same-origin"}
LIMIT = 4000


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    p = Provider(tmp_path_factory.mktemp("keys"))
    yield p
    p.close()


@pytest.fixture(scope="module")
def node(provider):
    with Daemon(provider.config()) as d:
        assert d.api.post("/v1/tenants", json={"name": "lab"}).status_code == 201
        account(d, "li")
        until_keys(d, provider.token())
        yield d


def cookie_of(response, name="suanlu"):
    """(value, attributes) of the one Set-Cookie of that name."""
    lines = [line for line in response.headers.get_list("set-cookie") if line.startswith(name + "=")]
    assert len(lines) == 1, lines
    value, *attributes = lines[0].split("; ")
    return value.split("=", 1)[1], set(attributes)


def open_by_cookie(d, body=None, headers=None):
    with d.client(token="") as nobody:
        return nobody.post("/v1/session", json=body or {"user": "li", "password": GOOD, "cookie": True},
                           headers=headers or {})


def browser(d, value, name="suanlu", **headers):
    """A page of this node, with that cookie."""
    api = d.client(token="")
    api.headers.update({"Cookie": f"theme=dark; {name}={value}; lang=zh", **(headers or OURS)})
    return api


def wrongs(d):
    return int(re.search(r"^suanlu_wrong_tokens_total (\d+)", d.api.get("/metrics").text, re.M).group(1))


def test_a_login_by_cookie_shows_no_token_and_works_like_one(node):
    r = open_by_cookie(node, headers=OURS)
    assert r.status_code == 201 and set(r.json()) == {"user", "roles", "expires", "change_password"}
    assert r.headers["cache-control"] == "no-store"
    value, attributes = cookie_of(r)
    assert attributes - {a for a in attributes if a.startswith("Max-Age=")} == {"HttpOnly", "SameSite=Strict", "Path=/"}
    age = [int(a[8:]) for a in attributes if a.startswith("Max-Age=")]
    assert len(age) == 1 and 12 * 3600 - 60 < age[0] <= 12 * 3600
    with browser(node, value) as page:
        me = page.get("/v1/session").json()
        assert me["user"] == "li" and me["session"]
        task = page.submit(script="true")
        assert page.wait(task["id"])["state"] == "done"
        assert [e.name for e in page.events(f"/v1/tasks/{task['id']}/events")]
        assert page.get("/v1/users").status_code == 403
    assert value not in node.log


def test_a_page_writes_with_sec_fetch_site_or_else_with_its_origin(node):
    value, _ = cookie_of(open_by_cookie(node))
    host = (node.state / "address").read_text().strip()
    for headers in (OURS, {"Origin": f"http://{host}"}, {"Origin": f"HTTPS://{host}"},
                    {**OURS, "Origin": "https://evil.example"}):
        with browser(node, value, **headers) as page:
            assert page.post("/v1/tasks", json={"script": "true"}).status_code == 201, headers


def test_what_a_page_of_another_site_sends_with_the_cookie_changes_nothing(node):
    value, _ = cookie_of(open_by_cookie(node))
    host = (node.state / "address").read_text().strip()
    before = len(node.api.get("/v1/tasks", params={"limit": 1000}).json()["tasks"])
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
                    {"Sec-Fetch-Site": "", "Origin": f"http://{host}"},
                    {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{host}"}, {"Origin": "http://evil.example"},
                    {"Origin": "null"}, {"Origin": ""}, {"Origin": host}, {"Origin": f"http://{host}.evil.example"},
                    {"Origin": f"http://{host}1"}, {"Origin": f"http://evil.example/http://{host}"}, {"X-Nothing": "1"}):
        with browser(node, value, **headers) as page:
            for method, path in (("POST", "/v1/tasks"), ("DELETE", "/v1/session"), ("POST", "/v1/session/tokens")):
                r = page.request(method, path, json={"script": "true"} if path == "/v1/tasks" else None)
                assert r.status_code == 403 and "set-cookie" not in r.headers, (headers, r.text)
    assert len(node.api.get("/v1/tasks", params={"limit": 1000}).json()["tasks"]) == before
    with browser(node, value) as page:
        assert page.get("/v1/session").status_code == 200, "no logout either"


def test_a_page_of_another_site_reads_without_the_cookie(node):
    value, _ = cookie_of(open_by_cookie(node))
    for site in ("cross-site", "same-site", "nonsense", ""):
        with browser(node, value, **{"Sec-Fetch-Site": site}) as page:
            r = page.get("/v1/session")
            assert r.status_code == 401 and "no token" in r.json()["detail"], site
    for headers in (OURS, {"Sec-Fetch-Site": "none"}, {"X-Nothing": "1"}):
        with browser(node, value, **headers) as page:
            assert page.get("/v1/session").status_code == 200, headers


def test_a_page_of_another_site_logs_nobody_in(node):
    """Else its visitor would work, and upload, as somebody else."""
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
                    {"Origin": "null"}):
        for body in ({"user": "li", "password": GOOD, "cookie": True}, {"token": node.token, "cookie": True}):
            r = open_by_cookie(node, body, headers)
            assert r.status_code == 403 and "set-cookie" not in r.headers, headers


def test_a_header_counts_before_a_cookie(node):
    value, _ = cookie_of(open_by_cookie(node))
    with browser(node, value) as page:
        page.headers["Authorization"] = f"Bearer {node.token}"
        assert page.get("/v1/session").json()["user"] is None
        page.headers["Authorization"] = "Bearer sl_" + "x" * 42 + "A"
        assert page.get("/v1/session").status_code == 401
        page.headers["Authorization"] = "Basic bGk6eA=="
        assert page.get("/v1/session").status_code == 401


def test_two_cookies_of_one_name_are_none(node):
    """One of them is somebody else's who can set cookies for this host."""
    value, _ = cookie_of(open_by_cookie(node))
    other, _ = cookie_of(open_by_cookie(node))
    with node.client(token="") as page:
        for cookie in (f"suanlu={value}; suanlu={other}", f"suanlu={value}; suanlu={value}", f'suanlu="{value}"',
                       f"Suanlu={value}", f"xsuanlu={value}", f"suanlu.={value}", f"__Host-suanlu={value}",
                       f"a=suanlu={value}", "suanlu=", "suanlu"):
            assert page.get("/v1/session", headers={"Cookie": cookie}).status_code == 401, cookie
        r = page.get("/v1/session", headers=[("Cookie", f"suanlu={value}"), ("Cookie", "a=b")])
        assert r.status_code == 400


def test_a_token_that_one_has_goes_into_the_cookie(node, provider):
    r = open_by_cookie(node, {"token": node.token, "cookie": True})
    assert r.status_code == 201, r.text
    assert r.json() == {"user": None, "name": "default", "roles": ["user", "operator", "admin"], "expires": None,
                        "change_password": False}
    value, attributes = cookie_of(r)
    assert attributes == {"HttpOnly", "SameSite=Strict", "Path=/"}, "it never expires: until the browser ends"
    assert value == node.token
    r = open_by_cookie(node, {"token": provider.token(), "cookie": True})
    assert r.status_code == 201 and r.json()["name"] == "city.li" and r.json()["user"] is None and r.json()["expires"]
    value, _ = cookie_of(r)
    with browser(node, value) as page:
        assert page.get("/v1/session").json()["name"] == "city.li"
        assert page.post("/v1/tasks", json={"script": "true"}).status_code == 201


@pytest.mark.parametrize("body,field", [
    ({"token": "TOKEN"}, "cookie"), ({"token": "TOKEN", "cookie": False}, "cookie"),
    ({"token": "TOKEN", "cookie": True, "user": "li"}, "token"),
    ({"token": "TOKEN", "cookie": True, "password": GOOD}, "token"), ({"user": "li", "cookie": True}, "password"),
    ({"cookie": True}, "user"), ({"token": "", "cookie": True}, "token"), ({"token": 7, "cookie": True}, "token"),
    ({"user": "li", "password": GOOD, "cookie": "yes"}, "cookie"),
    ({"user": "li", "password": GOOD, "cookie": True, "domain": "x"}, "domain"),
], ids=str)
def test_a_login_that_is_neither_is_refused(node, body, field):
    body = {k: node.token if v == "TOKEN" else v for k, v in body.items()}
    r = open_by_cookie(node, body)
    assert r.status_code == 400 and r.json()["field"] == field and "set-cookie" not in r.headers


def test_wrong_tokens_are_not_put_into_a_cookie_and_are_counted(node, provider):
    before = wrongs(node)
    head, body, sig = provider.token().split(".")
    texts = ["sl_" + "x" * 42 + "A", "hello", f"{head}.{body}.{sig[:-8]}AAAAAAAA", provider.token(exp=1),
             provider.token(aud="other"), "a; Domain=evil.example", "a\r\nSet-Cookie: b=c"]
    for text in texts:
        r = open_by_cookie(node, {"token": text, "cookie": True})
        assert r.status_code == 401 and "set-cookie" not in r.headers, text
    assert wrongs(node) == before + len(texts)
    r = open_by_cookie(node, {"token": provider.token(groups=[]), "cookie": True})
    assert r.status_code == 403 and "set-cookie" not in r.headers


def test_a_token_too_large_for_a_cookie_is_refused_and_said(node, provider):
    fixed = len("suanlu=; HttpOnly; SameSite=Strict; Path=/; Max-Age=304")
    for more in (0, 1):
        size, pad = 0, LIMIT - fixed - 1200
        while size < LIMIT - fixed + more:      # base64 makes steps of four
            token, pad = provider.token(pad="x" * pad), pad + 1
            size = len(token)
        r = open_by_cookie(node, {"token": token, "cookie": True})
        if size <= LIMIT - fixed:
            assert r.status_code == 201, r.text
        else:
            assert r.status_code == 400 and r.json()["field"] == "token" and "4000" in r.json()["detail"]
            assert "set-cookie" not in r.headers
    with node.client(token=token) as api:
        assert api.get("/v1/session").status_code == 200, "in the header it works"


def test_logout_ends_a_session_and_clears_the_cookie(node):
    value, _ = cookie_of(open_by_cookie(node))
    with browser(node, value) as page:
        for status in (204, 401):       # the second time it is dead, and cleared all the same
            r = page.delete("/v1/session")
            cleared, attributes = cookie_of(r)
            assert r.status_code == status and cleared == "" and "Max-Age=0" in attributes
        r = page.get("/v1/session")
        assert r.status_code == 401 and "set-cookie" not in r.headers


def test_logout_leaves_a_token_and_a_jwt_what_they_are(node, provider):
    made = node.api.post("/v1/tokens", json={"name": "mine", "tenant": "default", "roles": ["user"]}).json()
    for text in (made["token"], provider.token()):
        value, _ = cookie_of(open_by_cookie(node, {"token": text, "cookie": True}))
        with browser(node, value) as page:
            r = page.delete("/v1/session")
            assert r.status_code == 204 and cookie_of(r)[0] == ""
        with node.client(token=text) as api:
            assert api.get("/v1/session").status_code == 200
    with node.client(token=made["token"]) as api:
        r = api.delete("/v1/session")
        assert r.status_code == 409 and "set-cookie" not in r.headers, "in a header it is as it was"


def test_a_cookie_that_is_over_locks_nobody_out(node, provider):
    """A browser with ten windows goes on asking with it; its owner, and the neighbours, have to log in again."""
    value, _ = cookie_of(open_by_cookie(node))
    with browser(node, value) as page:
        assert page.delete("/v1/session").status_code == 204
    before = wrongs(node)
    for dead in (value, provider.token(exp=int(time.time()) - 10)):
        with browser(node, dead) as page:
            assert {page.get("/v1/session").status_code for _ in range(200)} == {401}
            assert page.get("/v1/session").json()["hint"] == "log in again"
    assert wrongs(node) == before
    assert open_by_cookie(node).status_code == 201


def test_a_forged_cookie_is_counted(node, provider):
    head, body, sig = provider.token().split(".")
    before = wrongs(node)
    for text in (f"{head}.{body}.{sig[:-8]}AAAAAAAA", "hello", "sl_short"):
        with browser(node, text) as page:
            assert page.get("/v1/session").status_code == 401
    assert wrongs(node) == before + 3


def test_a_cookie_is_as_dead_as_its_account(node):
    account(node, "gone")
    r = open_by_cookie(node, {"user": "gone", "password": GOOD, "cookie": True})
    value, _ = cookie_of(r)
    with browser(node, value) as page:
        assert page.get("/v1/session").status_code == 200
        assert node.api.delete("/v1/users/gone").status_code == 204
        assert page.get("/v1/session").status_code == 401


def test_by_https_the_cookie_is_for_https_and_this_host_alone(tmp_path):
    with Https(Authority(tmp_path, "ca")) as d:
        r = open_by_cookie(d, {"token": d.token, "cookie": True})
        value, attributes = cookie_of(r, "__Host-suanlu")
        assert attributes == {"HttpOnly", "SameSite=Strict", "Path=/", "Secure"}
        with browser(d, value, "__Host-suanlu") as page:
            assert page.get("/v1/session").status_code == 200
        with browser(d, value, "suanlu") as page:
            assert page.get("/v1/session").status_code == 401, "a neighbour in the domain can set this one"


def test_the_text_of_a_cookie_is_kept_nowhere(node):
    value, _ = cookie_of(open_by_cookie(node))
    with browser(node, value) as page:
        page.submit(script="true")
    for path, data in files_below(node.directory):
        assert value.encode() not in data, path
