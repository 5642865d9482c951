"""Callers of an OpenID provider: a small one here, which lies as told, and a real one from PyPI."""

import base64
import contextlib
import http.server
import json
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import ROOT, Daemon  # noqa: E402

RETRY_S = 10    # OIDC_RETRY_S of src/api/oidc.h


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An RSA key, by the openssl program."""

    def __init__(self, directory, kid):
        self.kid, self.file = kid, str(directory / f"{kid}.pem")
        subprocess.run(["openssl", "genrsa", "-out", self.file, "2048"], check=True, capture_output=True)
        out = subprocess.run(["openssl", "rsa", "-in", self.file, "-noout", "-modulus"], check=True,
                             capture_output=True, text=True).stdout
        self.n = bytes.fromhex(out.strip().split("=")[1])

    def jwk(self):
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": b64(self.n), "e": "AQAB"}

    def sign(self, claims, **head):
        head = {"alg": "RS256", "kid": self.kid, **head}
        text = ".".join(b64(json.dumps(x).encode()) for x in (head, claims))
        sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.file], input=text.encode(),
                             check=True, capture_output=True).stdout
        return f"{text}.{b64(sig)}"


class Provider:
    """Discovery and keys; counts how often its keys are asked for."""

    def __init__(self, directory, port=0):
        self.directory = directory
        self.keys, self.asked, self.issuer_told = [Key(directory, "k1")], 0, None
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/.well-known/openid-configuration":
                    body = provider.description()
                else:
                    provider.asked += 1
                    body = {"keys": [k.jwk() for k in provider.keys]}
                self.answer(200, json.dumps(body).encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(*provider.posted(self.path, self.headers, body))

            def answer(self, status, data):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def description(self):
        return {"issuer": self.issuer_told or self.issuer, "jwks_uri": self.issuer + "/keys"}

    def posted(self, path, headers, body):
        return 404, b""

    def claims(self, **more):
        now = int(time.time())
        return {k: v for k, v in {"iss": self.issuer, "aud": "suanlu", "sub": "li", "iat": now, "exp": now + 300,
                                  "groups": ["staff"], "org": {"tenant": "lab"}, **more}.items()
                if v is not None}

    def token(self, **more):
        return self.keys[0].sign(self.claims(**more))

    def config(self, **more):
        return {"identity": {"oidc": [{
            "name": "city", "issuer": self.issuer, "audience": "suanlu", "tenant_claim": "org.tenant",
            "roles_claim": "groups", "skew_s": 5,
            "roles": {"user": ["staff"], "operator": ["ops"], "admin": ["admins"], "security": ["guards"],
                      "auditor": ["audit"]}, **more}]}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    p = Provider(tmp_path_factory.mktemp("keys"))
    yield p
    p.close()


def until_keys(d, token):
    end = time.monotonic() + 15
    while ask(d, token).status_code == 503:
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def node(provider):
    with Daemon(provider.config()) as d:
        assert d.api.post("/v1/tenants", json={"name": "lab"}).status_code == 201
        until_keys(d, provider.token())
        yield d


def ask(d, token, path="/v1/session"):
    with d.client(token=token) as api:
        return api.get(path)


def test_a_caller_of_the_provider_works(node, provider):
    with node.client(provider.token()) as li:
        me = li.get("/v1/session").json()
        assert (me["name"], me["tenant"], me["roles"], me["user"]) == ("city.li", "lab", ["user"], None)
        task = li.submit(script="true")
        assert li.wait(task["id"])["state"] == "done"
        assert li.get(f"/v1/tasks/{task['id']}").json()["spec"]["owner"] == "city.li"
        assert li.get("/v1/users").status_code == 403
        assert li.post("/v1/session/tokens", json={"name": "x"}).status_code == 409


def test_with_a_provider_there_are_several_people_from_the_start(node):
    assert node.api.get("/v1/node").json()["single_user"] is False
    assert node.api.get("/v1/session").json()["roles"] == ["user", "operator", "admin"]
    r = node.api.post("/v1/tokens", json={"name": "x", "tenant": "default", "roles": ["security"]})
    assert r.status_code == 403


@pytest.mark.parametrize("groups,roles", [
    (["staff", "ops"], ["user", "operator"]), (["guards"], ["security"]), ("audit", ["auditor"]),
    (["staff", "unknown"], ["user"]),
])
def test_groups_become_roles(node, provider, groups, roles):
    assert ask(node, provider.token(groups=groups)).json()["roles"] == roles


@pytest.mark.parametrize("claims,words", [
    ({"groups": ["admins", "guards"]}, "joins"), ({"groups": []}, "no role"), ({"groups": None}, "no role"),
    ({"groups": {"staff": 1}}, "no role"), ({"sub": "Li Wang"}, "name"), ({"sub": "li.wang"}, "name"),
    ({"sub": None}, "name"), ({"sub": 7}, "name"), ({"sub": "l" * 60}, "name"),
    ({"org": None}, "tenant"), ({"org": {"tenant": "../x"}}, "tenant"), ({"org": {"tenant": "moon"}}, "no tenant"),
], ids=str)
def test_a_caller_who_cannot_be_placed_is_refused(node, provider, claims, words):
    r = ask(node, provider.token(**claims))
    assert r.status_code == 403 and words in r.json()["detail"]


@pytest.mark.parametrize("claims", [
    {"iss": "http://127.0.0.1:1"}, {"iss": None}, {"aud": "other"}, {"aud": None}, {"exp": 1}, {"exp": None},
    {"nbf": 32503680000}, {"iat": 32503680000},
], ids=str)
def test_claims_that_do_not_hold_are_refused(node, provider, claims):
    r = ask(node, provider.token(**claims))
    assert r.status_code == 401


def test_signatures_that_do_not_hold_are_refused(node, provider, tmp_path):
    good, stranger = provider.token(), Key(tmp_path, "k1")
    head, body, sig = good.split(".")
    none = b64(json.dumps({"alg": "none"}).encode())
    shared = b64(json.dumps({"alg": "HS256", "kid": "k1"}).encode())
    for text in (stranger.sign(provider.claims()), f"{none}.{body}.", f"{none}.{body}.{sig}",
                 f"{shared}.{body}.{sig}", f"{head}.{body}.", f"{head}.{body}.AAAA",
                 f"{head}.{b64(json.dumps(provider.claims(sub='root')).encode())}.{sig}",
                 provider.keys[0].sign(provider.claims(), crit=["x"])):
        assert ask(node, text).status_code == 401, text
    assert ask(node, good).status_code == 200


def test_a_key_of_one_provider_signs_for_no_other(provider, tmp_path):
    other = Provider(tmp_path)          # its key has the same kid
    try:
        config = provider.config()
        config["identity"]["oidc"] += other.config(name="other")["identity"]["oidc"]
        with Daemon(config) as d:
            d.api.post("/v1/tenants", json={"name": "lab"})
            for p, name in ((provider, "city.li"), (other, "other.li")):
                until_keys(d, p.token())
                assert ask(d, p.token()).json()["name"] == name, "one subject of two providers is two people"
            assert ask(d, other.keys[0].sign(provider.claims())).status_code == 401
            assert ask(d, provider.keys[0].sign(other.claims())).status_code == 401
    finally:
        other.close()


def test_a_flood_of_forged_tokens_is_not_verified_and_those_who_work_go_on(provider):
    with Daemon(provider.config()) as d:
        d.api.post("/v1/tenants", json={"name": "lab"})
        good = provider.token()
        until_keys(d, good)
        assert ask(d, good).status_code == 200
        head, body, sig = good.split(".")
        with d.client(token=f"{head}.{body}.{sig[:-8]}AAAAAAAA") as forger, d.client(token=good) as known, \
                d.client(token=provider.token(sub="new")) as new:
            statuses = [forger.get("/v1/session").status_code for _ in range(400)]
            assert set(statuses) == {401, 429}
            r = new.get("/v1/session")
            assert r.status_code == 429 and int(r.headers["retry-after"]) >= 1
            assert known.get("/v1/session").status_code == 200, "it held before"
            time.sleep(2)
            assert new.get("/v1/session").status_code == 200


def test_a_stream_ends_with_the_token(node, provider):
    with node.client(provider.token(exp=int(time.time()) - 2)) as li:       # 3 s are left: the skew
        began = time.monotonic()
        with li.stream("GET", "/v1/events", timeout=20) as r:
            assert r.status_code == 200
            for _ in r.iter_raw():
                pass
        assert time.monotonic() - began < 8


def test_a_new_key_is_fetched_but_not_for_everybody_who_asks(provider, tmp_path):
    p = Provider(tmp_path)
    try:
        with Daemon(p.config()) as d:
            d.api.post("/v1/tenants", json={"name": "lab"})
            until_keys(d, p.token())
            before = p.asked
            # The keys change. A token of a new key is heard of, and the set is fetched once.
            old = p.token()
            p.keys = [Key(tmp_path, "k2")]
            end = time.monotonic() + RETRY_S + 10
            while ask(d, p.token()).status_code != 200:
                assert time.monotonic() < end
                time.sleep(0.2)
            assert p.asked == before + 1
            # What the provider has withdrawn does not hold any more.
            assert ask(d, old).status_code in (401, 503)
            # Somebody who makes up names of keys does not make us ask again and again.
            asked, stranger = p.asked, Key(tmp_path, "made-up")
            for i in range(20):
                stranger.kid = f"made-up-{i}"
                assert ask(d, stranger.sign(p.claims())).status_code in (401, 503)
            assert p.asked <= asked + 1
            assert ask(d, p.token()).status_code == 200
    finally:
        p.close()


def test_a_provider_that_is_not_there_is_said_and_tried_again(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    p = Provider(tmp_path, 0)
    config = p.config(issuer=f"http://127.0.0.1:{port}")
    claims = p.claims(iss=f"http://127.0.0.1:{port}")
    key = p.keys[0]
    p.close()
    with Daemon(config) as d:
        d.api.post("/v1/tenants", json={"name": "lab"})
        r = ask(d, key.sign(claims))
        assert r.status_code == 503 and "Retry-After" in r.headers
        assert d.api.get("/v1/node").status_code == 200, "its own tokens work"
        (tmp_path / "late").mkdir()
        late = Provider(tmp_path / "late", port)
        try:
            late.keys = [key]
            end = time.monotonic() + 3 * RETRY_S
            while ask(d, key.sign(claims)).status_code != 200:
                assert time.monotonic() < end, d.log
                time.sleep(0.5)
        finally:
            late.close()


def test_a_description_of_another_issuer_leads_nowhere(tmp_path):
    p = Provider(tmp_path)
    p.issuer_told = "https://evil.example"
    try:
        with Daemon(p.config()) as d:
            d.api.post("/v1/tenants", json={"name": "lab"})
            assert ask(d, p.token()).status_code == 503
            assert p.asked == 0 and "another issuer" in d.log
    finally:
        p.close()


@pytest.mark.parametrize("change,words", [
    ({"issuer": "http://id.city"}, "https"), ({"issuer": "http://127.0.0.1:80@id.city"}, "https"),
    ({"issuer": "https://me@id.city"}, "user name"), ({"jwks": "file:///etc/passwd"}, "https"), ({"audience": ""}, "audience"),
    ({"roles": {}}, "roles"), ({"roles": {"admin": ["*"]}}, "everybody"), ({"roles": {"root": ["x"]}}, "root"),
    ({"tenant": "lab"}, "one of the two"), ({"tenant_claim": None}, "one of the two"), ({"name": "a.b"}, "name"),
    ({"skew_s": 4000}, "skew_s"), ({"secret": "x"}, "secret"),
], ids=str)
def test_a_wrong_configuration_is_refused(provider, change, words):
    d = Daemon(provider.config(**change))
    done = subprocess.run([d.program, "serve", "--config", str(d.config_file), "--check-config"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and words in done.stderr


# ---- a real provider ----

@contextlib.contextmanager
def real_provider(build, pkce=False):
    """pkce: with authlib's own check of it, which the provider leaves out."""
    programs = build / "venv" / "bin"
    program = [programs / "python", ROOT / "test" / "lib" / "oidc_pkce.py"] if pkce else \
        [programs / "oidc-provider-mock", "--port"]
    if not (programs / "oidc-provider-mock").exists():
        pytest.skip("needs the packages of test/requirements.txt: ./dev test gets them from a package index")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen([*program, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while True:
            try:
                httpx.get(issuer + "/jwks", trust_env=False)
                break
            except httpx.HTTPError:
                assert time.monotonic() < end and server.poll() is None
                time.sleep(0.2)
        yield issuer
    finally:
        server.terminate()
        server.wait(20)


def id_token(issuer, user):
    """As a browser does it: register, authorize as that user, exchange the code."""
    with httpx.Client(base_url=issuer, trust_env=False) as web:
        back = "http://127.0.0.1:1/back"
        client = web.post("/oauth2/clients", json={"redirect_uris": [back]}).json()
        r = web.post("/oauth2/authorize", params={
            "client_id": client["client_id"], "redirect_uri": back, "response_type": "code",
            "scope": "openid"}, data={"sub": user})
        code = urllib.parse.parse_qs(urllib.parse.urlparse(r.headers["location"]).query)["code"][0]
        r = web.post("/oauth2/token", auth=(client["client_id"], client["client_secret"]), data={
            "grant_type": "authorization_code", "code": code, "redirect_uri": back})
        return client["client_id"], r.json()["id_token"]


def test_tokens_of_a_real_provider_hold():
    probe = Daemon()
    with real_provider(probe.build) as issuer:
        audience, token = id_token(issuer, "wang")
        config = {"identity": {"oidc": [{"name": "real", "issuer": issuer, "audience": audience,
                                         "tenant": "default", "roles": {"user": ["*"]}}]}}
        with Daemon(config) as d:
            until_keys(d, token)
            me = ask(d, token).json()
            assert me["name"] == "real.wang" and me["roles"] == ["user"]
            other, for_other = id_token(issuer, "wang")
            assert other != audience and ask(d, for_other).status_code == 401
            head, body, sig = token.split(".")
            claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            claims["sub"] = "root"
            assert ask(d, f"{head}.{b64(json.dumps(claims).encode())}.{sig}").status_code == 401
            assert re.fullmatch(r"RS256|ES256|EdDSA", json.loads(
                base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["alg"])
