"""A browser logs in at an OpenID provider: code flow with PKCE, and what may be forged on the way."""

import base64
import concurrent.futures
import contextlib
import hashlib
import json
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Daemon, files_below  # noqa: E402
from test_browser_session import OURS, browser, cookie_of, wrongs  # noqa: E402
from test_oidc import Key, Provider, b64, real_provider  # noqa: E402
from test_tls import Authority  # noqa: E402

REDIRECT = "http://127.0.0.1:7070/v1/session/callback"
SECRET = "s3cr%t with: blanks+"
UNDER_WAY, EXCHANGE_S = 8, 10


class LoginProvider(Provider):
    """One that knows its client, and checks what it gets for a code as RFC 6749 and 7636 say."""

    def __init__(self, directory, secret=SECRET):
        super().__init__(directory)
        self.secret, self.codes, self.got = secret, {}, []
        self.more, self.hook, self.described = {}, None, {}

    def description(self):
        return {**super().description(), "authorization_endpoint": self.issuer + "/authorize?realm=a b".replace(" ", "+"),
                "token_endpoint": self.issuer + "/token", **self.described}

    def config(self, **more):
        return super().config(**{"client_id": "node 1", "redirect": REDIRECT, "audience": None, **more})

    def authorize(self, location):
        """What its page does when somebody has logged in there; the code and the state."""
        url = urllib.parse.urlsplit(location)
        asked = {k: v[0] for k, v in urllib.parse.parse_qs(url.query, strict_parsing=True).items()}
        assert f"{url.scheme}://{url.netloc}{url.path}" == self.issuer + "/authorize" and asked["realm"] == "a b"
        assert asked["response_type"] == "code" and asked["client_id"] == "node 1"
        assert asked["redirect_uri"] == REDIRECT and "openid" in asked["scope"].split(" ")
        assert asked["code_challenge_method"] == "S256" and len(asked["nonce"]) == len(asked["state"]) == 43
        code = f"code+{len(self.codes)}&/="
        self.codes[code] = asked
        return code, asked["state"]

    def posted(self, path, headers, body):
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body.decode(), strict_parsing=True).items()}
        self.got.append((dict(headers), form))
        asked = self.codes.pop(form["code"], None)
        error = "invalid_grant"
        if self.secret:
            kind, given = headers["Authorization"].split(" ")
            name, secret = map(urllib.parse.unquote_plus, base64.b64decode(given).decode().split(":"))
            assert kind == "Basic" and "client_id" not in form
            if (name, secret) != ("node 1", self.secret):
                error, asked = "invalid_client", None
        else:
            assert "Authorization" not in headers and form["client_id"] == "node 1"
        assert headers["Content-Type"] == "application/x-www-form-urlencoded" and path == "/token"
        proof = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not asked or asked["code_challenge"] != proof or asked["redirect_uri"] != form["redirect_uri"] or \
           form["grant_type"] != "authorization_code":
            return 400, json.dumps({"error": error}).encode()
        if self.hook:
            return self.hook(asked)
        return 200, self.tokens(asked)

    def tokens(self, asked, **more):
        claims = self.claims(**{"aud": "node 1", "nonce": asked["nonce"], **self.more, **more})
        return json.dumps({"access_token": "of no use here", "token_type": "Bearer",
                           "id_token": self.keys[0].sign(claims)}).encode()


@contextlib.contextmanager
def started(p, tmp_path, **more):
    """A daemon at whose provider people log in."""
    secret = tmp_path / "client-secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    with Daemon(p.config(**{"client_secret": str(secret), **more})) as d:
        assert d.api.post("/v1/tenants", json={"name": "lab"}).status_code == 201
        until_described(d)
        yield d


def until_described(d, name="city"):
    end = time.monotonic() + 15
    with d.client(token="") as nobody:
        while nobody.get(f"/v1/session/providers/{name}").status_code != 302:
            assert time.monotonic() < end, d.log
            time.sleep(0.1)


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    p = LoginProvider(tmp_path_factory.mktemp("keys"))
    yield p
    p.close()


@pytest.fixture(scope="module")
def node(provider, tmp_path_factory):
    with started(provider, tmp_path_factory.mktemp("node"), title="City", title_zh="市统一身份认证") as d:
        yield d


@pytest.fixture(autouse=True)
def as_ever(request):
    yield
    if "provider" in request.fixturenames:
        p = request.getfixturevalue("provider")
        p.more, p.hook, p.described = {}, None, {}


def begin(d, headers=None):
    """A browser is sent away: (where to, the cookie of its login)."""
    with d.client(token="") as page:
        r = page.get("/v1/session/providers/city", headers=headers or OURS)
    assert r.status_code == 302, r.text
    assert r.headers["referrer-policy"] == "no-referrer" and r.headers["cache-control"] == "no-store"
    value, attributes = cookie_of(r, "suanlu-login")
    assert attributes == {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"}
    return r.headers["location"], value


def come_back(d, cookie, timeout=10.0, **query):
    with d.client(token="") as page:
        page.timeout = timeout
        headers = {"Sec-Fetch-Site": "cross-site", **({"Cookie": f"suanlu-login={cookie}"} if cookie else {})}
        return page.get("/v1/session/callback", params=query, headers=headers)


def log_in(d, p, **query):
    location, cookie = begin(d)
    code, state = p.authorize(location)
    return come_back(d, cookie, **{"code": code, "state": state, **query})


def failed(r, code):
    """It says why, ends the login, and no session begins."""
    assert r.status_code == 303, r.text
    assert r.headers["location"] == f"/console/#/login?error={code}"
    assert r.headers["referrer-policy"] == "no-referrer" and r.headers["cache-control"] == "no-store"
    assert len(r.headers.get_list("set-cookie")) == 1
    value, attributes = cookie_of(r, "suanlu-login")
    assert value == "" and "Max-Age=0" in attributes
    return True


def test_the_buttons_are_those_of_the_configuration(node):
    with node.client(token="") as nobody:
        assert nobody.get("/v1/session/providers").json() == {
            "providers": [{"name": "city", "title": "City", "title_zh": "市统一身份认证"}]}
        assert nobody.get("/v1/session/providers/moon").status_code == 404
        assert nobody.get("/v1/session/providers/city", params={"redirect_uri": "https://evil.example"}).status_code == 400


def test_without_a_client_id_nobody_logs_in_there(provider):
    with Daemon(Provider.config(provider)) as d, d.client(token="") as nobody:
        assert nobody.get("/v1/session/providers").json() == {"providers": []}
        for path in ("/v1/session/providers/city", "/v1/session/callback"):
            assert nobody.get(path).status_code == 404


def test_who_logs_in_at_the_provider_has_a_session_here(node, provider):
    r = log_in(node, provider, session_state="x", authuser="0")
    assert r.status_code == 303 and r.headers["location"] == "/console/", node.log
    assert r.headers["referrer-policy"] == "no-referrer" and r.headers["cache-control"] == "no-store"
    assert cookie_of(r, "suanlu-login")[0] == ""
    value, attributes = cookie_of(r)
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= attributes and any(a.startswith("Max-Age=") for a in attributes)
    with browser(node, value) as page:
        me = page.get("/v1/session").json()
        assert (me["name"], me["tenant"], me["roles"], me["user"]) == ("city.li", "lab", ["user"], None)
        assert page.post("/v1/tasks", json={"script": "true"}).status_code == 201
        assert page.delete("/v1/session").status_code == 204
    with node.client(token=value) as li:
        assert li.get("/v1/session").status_code == 200, "the id token holds as a bearer, until its exp"


def test_a_public_client_proves_itself_by_the_verifier_alone(provider, tmp_path):
    p = LoginProvider(tmp_path, secret=None)
    try:
        with started(p, tmp_path, client_secret=None) as d:
            assert log_in(d, p).headers["location"] == "/console/"
    finally:
        p.close()


def test_each_login_has_secrets_of_its_own(node, provider):
    seen = set()
    for _ in range(5):
        location, cookie = begin(node)
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)
        name, *secrets = cookie.split(".")
        assert name == "city" and secrets[:2] == [asked["state"][0], asked["nonce"][0]] and secrets[2] not in location
        seen |= set(secrets)
    assert len(seen) == 15 and all(re.fullmatch(r"[A-Za-z0-9_-]{43}", s) for s in seen)


def test_a_code_of_another_browser_opens_nothing(node, provider):
    """An attacker lets a victim's browser finish the login that the attacker began."""
    location, cookie = begin(node)
    code, state = provider.authorize(location)
    _, victim = begin(node)
    before = len(provider.got)
    for given in ({"cookie": None}, {"cookie": victim}, {"cookie": "city.a.b.c"}, {"cookie": cookie[:-1]},
                  {"cookie": cookie + "A"}, {"cookie": cookie + "."}, {"cookie": "moon" + cookie[4:]}, {"cookie": "x"}):
        assert failed(come_back(node, code=code, state=state, **given), "state"), given
    for other in (state[:-1], state + "A", state[:-1] + ("A" if state[-1] != "A" else "B"), "", None):
        query = {"code": code} if other is None else {"code": code, "state": other}
        assert failed(come_back(node, cookie, **query), "state"), other
    assert len(provider.got) == before, "the provider was not asked"
    assert come_back(node, cookie, code=code, state=state).headers["location"] == "/console/"


def test_strays_neither_count_nor_fill_the_log(node):
    """Any page can send its visitors to the callback."""
    before, lines = wrongs(node), node.log.count("login: state")
    for _ in range(150):
        failed(come_back(node, None, state="x", code="y"), "state")
    assert wrongs(node) == before and node.log.count("login: state") - lines < 75


def test_a_code_put_into_a_login_of_ones_own_is_refused_by_the_verifier_or_the_nonce(node, provider):
    """A stolen code, with the thief's own cookie and state."""
    location, _ = begin(node)
    code, _ = provider.authorize(location)
    mine, cookie = begin(node)
    _, state = provider.authorize(mine)
    assert failed(come_back(node, cookie, code=code, state=state), "provider")
    assert "invalid_grant" in node.log
    provider.more = {"nonce": "of another login"}           # a provider that does not know PKCE
    assert failed(log_in(node, provider), "provider")
    assert "nonce" in node.log


def test_a_code_counts_once(node, provider):
    location, cookie = begin(node)
    code, state = provider.authorize(location)
    assert come_back(node, cookie, code=code, state=state).headers["location"] == "/console/"
    assert failed(come_back(node, cookie, code=code, state=state), "provider")


@pytest.mark.parametrize("claims,code", [
    ({"nonce": None}, "provider"), ({"nonce": 7}, "provider"), ({"nonce": ""}, "provider"), ({"aud": "other"}, "provider"),
    ({"aud": None}, "provider"), ({"aud": ["node 1", "other"], "azp": "other"}, "provider"), ({"azp": 7}, "provider"),
    ({"iss": "https://evil.example"}, "provider"), ({"exp": 1}, "provider"), ({"exp": None}, "provider"),
    ({"iat": 32503680000}, "provider"), ({"groups": []}, "forbidden"), ({"groups": ["admins", "guards"]}, "forbidden"),
    ({"org": {"tenant": "moon"}}, "forbidden"), ({"sub": "Li Wang"}, "forbidden"), ({"pad": "x" * 3000}, "large"),
], ids=lambda v: str(v)[:40])
def test_a_token_that_does_not_hold_opens_no_session(node, provider, claims, code):
    provider.more = claims
    assert failed(log_in(node, provider), code), node.log
    assert f"login: city: {code}: " in node.log


def test_a_token_for_several_that_this_client_asked_for_holds(node, provider):
    provider.more = {"aud": ["other", "node 1"], "azp": "node 1"}
    assert log_in(node, provider).headers["location"] == "/console/"


def test_a_token_of_another_key_opens_no_session(node, provider, tmp_path):
    stranger = Key(tmp_path, "k1")
    provider.hook = lambda asked: (200, json.dumps({"id_token": stranger.sign(
        provider.claims(aud="node 1", nonce=asked["nonce"]))}).encode())
    assert failed(log_in(node, provider), "provider")
    none = b64(b'{"alg":"none"}')
    provider.hook = lambda asked: (200, json.dumps({"id_token": f"{none}." + b64(json.dumps(
        provider.claims(aud="node 1", nonce=asked["nonce"])).encode()) + "."}).encode())
    assert failed(log_in(node, provider), "provider")


@pytest.mark.parametrize("status,body", [
    (200, b""), (200, b"<html>"), (200, b"[]"), (200, b"{}"), (200, b'{"id_token":7}'), (200, b'{"id_token":""}'),
    (200, b'{"id_token":"a.b.c"}'), (200, b'{"id_token":"x\\r\\nSet-Cookie: a=b"}'), (500, b"{}"), (302, b"{}"),
    (200, b'{"id_token":"' + b"x" * 70000 + b'"}'), (400, b'{"error":"a\\nb secret"}'), (400, b'{"error":{}}'),
], ids=lambda v: str(v)[:30])
def test_what_is_no_answer_of_a_token_endpoint_opens_no_session(node, provider, status, body):
    provider.hook = lambda asked: (status, body)
    assert failed(log_in(node, provider), "provider")
    assert "b secret" not in node.log


def test_the_answer_of_another_issuer_is_not_taken(node, provider):
    """Mix-up: the code goes to the provider that the browser was sent to, or nowhere (RFC 9207)."""
    before = len(provider.got)
    for iss in ("https://evil.example", provider.issuer + "/", ""):
        assert failed(log_in(node, provider, iss=iss), "provider"), iss
    assert len(provider.got) == before
    assert log_in(node, provider, iss=provider.issuer).headers["location"] == "/console/"


def test_a_provider_that_says_its_issuer_must_do_so(tmp_path):
    p = LoginProvider(tmp_path)
    p.described = {"authorization_response_iss_parameter_supported": True}
    try:
        with started(p, tmp_path) as d:
            assert failed(log_in(d, p), "provider")
            assert log_in(d, p, iss=p.issuer).headers["location"] == "/console/"
    finally:
        p.close()


@pytest.mark.parametrize("error,code", [("access_denied", "denied"), ("server_error", "provider"),
                                        ("x\r\nSet-Cookie: a=b", None), ("<script>", "provider")])
def test_what_the_provider_says_instead_of_a_code(node, provider, error, code):
    location, cookie = begin(node)
    _, state = provider.authorize(location)
    r = come_back(node, cookie, state=state, error=error, error_description="anything")
    if code:
        assert failed(r, code)
    else:
        assert r.status_code == 400, "control bytes are no query"
    assert "script" not in node.log and "anything" not in node.log


def test_no_code_or_a_huge_one_is_not_exchanged(node, provider):
    before = len(provider.got)
    for code in (None, "", "x" * 2049):
        location, cookie = begin(node)
        _, state = provider.authorize(location)
        r = come_back(node, cookie, state=state, **({} if code is None else {"code": code}))
        assert failed(r, "provider")
    assert len(provider.got) == before


def test_a_page_of_another_site_does_not_begin_a_login(node):
    with node.client(token="") as page:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            r = page.get("/v1/session/providers/city", headers=headers)
            assert r.status_code == 403 and "set-cookie" not in r.headers
    begin(node, {"Sec-Fetch-Site": "none"})


def test_a_silent_provider_holds_a_few_logins_for_a_while_and_nobody_else(node, provider):
    quiet = threading.Event()
    provider.hook = lambda asked: (quiet.wait(EXCHANGE_S + 20), (200, provider.tokens(asked)))[1]
    begun = [begin(node) for _ in range(UNDER_WAY + 1)]
    logins = [(cookie, *provider.authorize(location)) for location, cookie in begun]
    try:
        with concurrent.futures.ThreadPoolExecutor(UNDER_WAY) as pool:
            got = len(provider.got)
            waiting = [pool.submit(come_back, node, cookie, EXCHANGE_S + 10, code=code, state=state)
                       for cookie, code, state in logins[:UNDER_WAY]]
            end = time.monotonic() + 8
            while len(provider.got) < got + UNDER_WAY:
                assert time.monotonic() < end
                time.sleep(0.02)
            cookie, code, state = logins[-1]
            r = come_back(node, cookie, code=code, state=state)
            assert r.status_code == 503 and "retry-after" in r.headers and "set-cookie" not in r.headers
            assert node.api.get("/v1/node").status_code == 200
            assert all(failed(w.result(), "provider") for w in waiting), "after ten seconds"
    finally:
        quiet.set()
    provider.hook = None
    assert come_back(node, cookie, code=code, state=state).headers["location"] == "/console/", "it could be tried again"


def test_a_browser_that_leaves_gives_its_place_back(node, provider):
    quiet = threading.Event()
    provider.hook = lambda asked: (quiet.wait(20), (200, provider.tokens(asked)))[1]
    try:
        for _ in range(UNDER_WAY + 2):
            location, cookie = begin(node)
            code, state = provider.authorize(location)
            with pytest.raises(httpx.ReadTimeout):
                come_back(node, cookie, 0.3, code=code, state=state)
    finally:
        quiet.set()
    provider.hook = None
    assert log_in(node, provider).headers["location"] == "/console/"


def test_the_daemon_stops_while_a_code_is_exchanged(provider, tmp_path):
    quiet = threading.Event()
    provider.hook = lambda asked: (quiet.wait(20), (200, b"{}"))[1]
    try:
        with started(provider, tmp_path) as d, concurrent.futures.ThreadPoolExecutor(1) as pool:
            location, cookie = begin(d)
            code, state = provider.authorize(location)
            got = len(provider.got)
            w = pool.submit(come_back, d, cookie, code=code, state=state)
            while len(provider.got) == got:
                time.sleep(0.02)
            assert d.stop() == 0, "and nothing leaks"
            with contextlib.suppress(httpx.HTTPError):
                w.result()
    finally:
        quiet.set()


def test_those_who_make_codes_up_are_told_to_wait(provider, tmp_path):
    """Cookie and state are theirs to invent; each would be a question to the provider."""
    with started(provider, tmp_path) as d:
        cookie = ".".join(["city"] + ["A" * 43] * 3)
        with d.client(token="") as page:
            page.headers["Cookie"] = f"suanlu-login={cookie}"
            answers = [page.get("/v1/session/callback", params={"state": "A" * 43, "code": f"{i}"}).status_code
                       for i in range(400)]
        assert set(answers) == {303, 429}, d.log
        assert d.log.count("login: city") == answers.count(303) < 400


def test_those_who_make_codes_up_and_leave_are_told_to_wait_too(provider, tmp_path):
    """Each is a question to the provider, whether or not somebody waits for the answer."""
    quiet = threading.Event()
    provider.hook = lambda asked: (quiet.wait(20), (400, b"{}"))[1]
    try:
        with started(provider, tmp_path) as d:
            before = wrongs(d)
            for _ in range(3):
                location, cookie = begin(d)
                code, state = provider.authorize(location)
                with pytest.raises(httpx.ReadTimeout):
                    come_back(d, cookie, 0.3, code=code, state=state)
            end = time.monotonic() + 5
            while wrongs(d) < before + 3:
                assert time.monotonic() < end, "counted by address"
                time.sleep(0.1)
    finally:
        quiet.set()


def test_no_secret_of_a_login_is_kept_or_logged(node, provider):
    location, cookie = begin(node)
    code, state = provider.authorize(location)
    r = come_back(node, cookie, code=code, state=state)
    token, _ = cookie_of(r)
    secrets = [s.encode() for s in (token, code, SECRET, *cookie.split(".")[1:])]
    for path, data in files_below(node.directory):
        for secret in secrets:
            assert secret not in data, path


def test_the_secret_of_the_client_is_read_again(provider, tmp_path):
    with started(provider, tmp_path) as d:
        file = tmp_path / "client-secret"
        file.write_text("another one")
        assert failed(log_in(d, provider), "provider") and "invalid_client" in d.log
        file.chmod(0o644)
        assert failed(log_in(d, provider), "provider") and "can be read" in d.log
        file.chmod(0o600)
        file.write_text(SECRET)
        assert log_in(d, provider).headers["location"] == "/console/"


def test_a_secret_that_others_can_read_stops_the_start(provider, tmp_path):
    for text, mode in (("x", 0o644), ("", 0o600), ("a\nb", 0o600), (None, 0)):
        file = tmp_path / "wrong"
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
            file.chmod(mode)
        d = Daemon(provider.config(client_secret=str(file)))
        with pytest.raises(AssertionError, match="client secret"):
            d.start()


def test_an_https_redirect_makes_the_cookies_of_https_behind_a_proxy(tmp_path):
    p = LoginProvider(tmp_path)
    try:
        with Daemon(p.config(redirect="https://node.city/v1/session/callback")) as d, d.client(token="") as page:
            until_described(d)
            r = page.get("/v1/session/providers/city")
            assert {"Secure", "HttpOnly", "SameSite=Lax"} <= cookie_of(r, "__Host-suanlu-login")[1]
            r = page.post("/v1/session", json={"token": d.token, "cookie": True})
            assert "Secure" in cookie_of(r, "__Host-suanlu")[1]
    finally:
        p.close()


@pytest.mark.parametrize("described", [
    {"authorization_endpoint": "http://evil.example/a"}, {"authorization_endpoint": "javascript:alert(1)"},
    {"authorization_endpoint": "https://evil.example/\r\nSet-Cookie: a=b"}, {"authorization_endpoint": "https://x/ y"},
    {"authorization_endpoint": None}, {"token_endpoint": "http://evil.example/"}, {"token_endpoint": 7},
    {"authorization_endpoint": "https://x/" + "y" * 3000}, {"authorization_endpoint": "https://x/#frag"},
    {"authorization_endpoint": "http://127.0.0.1:1@evil.example/a"}, {"token_endpoint": "http://localhost:@evil.example/"},
    {"token_endpoint": "http://[::1]:80.evil.example/"}, {"token_endpoint": "https://id.city@evil.example/"},
    {"token_endpoint": "https:///x"},
], ids=lambda v: str(v)[:50])
def test_a_place_that_we_do_not_ask_is_not_gone_to(tmp_path, described):
    p = LoginProvider(tmp_path)
    p.described = described
    try:
        with Daemon(p.config()) as d, d.client(token="") as page:
            end = time.monotonic() + 10
            while "no place for logins" not in d.log:
                assert time.monotonic() < end
                time.sleep(0.1)
            r = page.get("/v1/session/providers/city")
            assert r.status_code == 503 and "retry-after" in r.headers and "set-cookie" not in r.headers
    finally:
        p.close()


@pytest.mark.parametrize("described", [{"authorization_endpoint": "http://127.0.0.1:1/a"},
                                       {"token_endpoint": "http://localhost:1/t"}, {"jwks_uri": "http://[::1]:1/k"}],
                         ids=lambda v: list(v)[0])
def test_a_provider_elsewhere_names_no_service_of_this_machine(tmp_path, described):
    """What it says to ask is asked from here, with the secret of the client."""
    ca, p = Authority(tmp_path), LoginProvider(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*map(str, ca.issue("id", "/CN=id", "IP:127.0.0.1")))
    p.server.socket = tls.wrap_socket(p.server.socket, server_side=True)
    p.issuer, p.described = p.issuer.replace("http:", "https:"), described
    try:
        with Daemon(p.config(ca_file=str(ca.cert))) as d, d.client(token="") as page:
            end = time.monotonic() + 10
            while "that we ask" not in d.log:
                assert time.monotonic() < end, d.log
                time.sleep(0.1)
            if "jwks_uri" not in described:
                assert page.get("/v1/session/providers/city").status_code == 503
            p.described = {}
    finally:
        p.close()


@pytest.mark.parametrize("change,words", [
    ({"redirect": None}, "redirect"), ({"redirect": "http://node.city/v1/session/callback"}, "https"),
    ({"redirect": "https://node.city/"}, "callback"), ({"redirect": "https:///v1/session/callback"}, "https"), ({"redirect": "https://node.city/x/v1/session/callback"}, "callback"),
    ({"redirect": "https://node.city/v1/session/callback?x=1"}, "callback"),
    ({"redirect": "https://u@node.city/v1/session/callback"}, "callback"), ({"scope": "profile"}, "openid"),
    ({"scope": "openid  profile"}, "openid"), ({"scope": "openid \"x\""}, "openid"), ({"client_id": ""}, "client_id"),
    ({"client_id": None, "audience": "x"}, "client_id"), ({"client_id": None, "redirect": None}, "audience"),
    ({"client_id": "a\tb"}, "client_id"), ({"title": "x" * 61}, "title"), ({"title_zh": "a\nb"}, "title_zh"),
], ids=str)
def test_a_wrong_configuration_of_logins_is_refused(provider, change, words):
    d = Daemon(provider.config(**change))
    done = subprocess.run([d.program, "serve", "--config", str(d.config_file), "--check-config"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and words in done.stderr, done.stderr


# ---- a real provider ----

@contextlib.contextmanager
def at_a_real_provider(directory, pkce=False, name="real", **more):
    """A daemon whose people log in at a provider that is not ours; its address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        here = f"http://127.0.0.1:{s.getsockname()[1]}"
    with real_provider(Daemon(directory=directory).build, pkce) as issuer:
        back = f"{here}/v1/session/callback"
        client = httpx.post(f"{issuer}/oauth2/clients", json={"redirect_uris": [back]}, trust_env=False).json()
        secret = directory / "secret"
        secret.write_text(client["client_secret"])
        secret.chmod(0o600)
        config = {"listen": here[7:], "identity": {"oidc": [{
            "name": name, "issuer": issuer, "client_id": client["client_id"], "client_secret": str(secret),
            "redirect": back, "tenant": "default", "roles": {"user": ["*"]}, **more}]}}
        with Daemon(config, directory=directory) as d:
            until_described(d, name)
            yield d, here


def at_the_form(web, here, **fields):
    """A browser is sent to the provider, and its form is filled in: the way back."""
    r = web.get(f"{here}/v1/session/providers/real", headers=OURS)
    assert r.status_code == 302
    page = web.get(r.headers["location"])
    assert page.status_code == 200 and 'name="sub"' in page.text, page.text
    r = web.post(page.url, data=fields)
    assert r.status_code == 302 and r.headers["location"].startswith(f"{here}/v1/session/callback?"), r.text
    return r.headers["location"]


@pytest.mark.parametrize("pkce", [False, True], ids=["without PKCE", "with PKCE"])
def test_a_browser_logs_in_at_a_real_provider(tmp_path, pkce):
    """It follows redirects and keeps cookies as a browser does."""
    with at_a_real_provider(tmp_path, pkce) as (d, here), httpx.Client(trust_env=False) as web:
        # Of a refusal it leaves out the state (RFC 6749, 4.1.2.1 wants it), and so any page could say it.
        for fields, where in (({"sub": "wang"}, "/console/"), ({"action": "deny"}, "/console/#/login?error=state")):
            r = web.get(at_the_form(web, here, **fields))
            assert r.status_code == 303 and r.headers["location"] == where, d.log
            me = web.get(f"{here}/v1/session", headers=OURS).json()
            assert me["name"] == "real.wang" and me["roles"] == ["user"], "what was denied ends no session"
        assert web.delete(f"{here}/v1/session", headers=OURS).status_code == 204
        assert web.get(f"{here}/v1/session", headers=OURS).status_code == 401


@pytest.mark.parametrize("pkce,words", [(False, "nonce"), (True, "invalid_grant")], ids=["by the nonce", "by PKCE"])
def test_a_real_providers_code_is_of_no_use_in_another_login(tmp_path, pkce, words):
    with at_a_real_provider(tmp_path, pkce) as (d, here), httpx.Client(trust_env=False) as victim, \
            httpx.Client(trust_env=False) as thief:
        stolen = urllib.parse.parse_qs(urllib.parse.urlsplit(at_the_form(victim, here, sub="wang")).query)["code"][0]
        own = urllib.parse.parse_qs(urllib.parse.urlsplit(at_the_form(thief, here, sub="evil")).query)["state"][0]
        r = thief.get(f"{here}/v1/session/callback", params={"code": stolen, "state": own})
        assert failed(r, "provider") and words in d.log
        assert thief.get(f"{here}/v1/session", headers=OURS).status_code == 401
