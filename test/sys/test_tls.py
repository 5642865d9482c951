"""TLS of our own, and machines that show a certificate."""

import contextlib
import os
import pathlib
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import Daemon  # noqa: E402


HELLO = bytes.fromhex("160301020001")   # a record begins


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, directory, name="city"):
        self.dir = directory
        self.key, self.cert = directory / f"{name}-ca.key", directory / f"{name}-ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name} CA", "-keyout", self.key, "-out", self.cert)

    def issue(self, name, subject, alt, days=2):
        key, cert, csr, ext = (self.dir / f"{name}.{x}" for x in ("key", "pem", "csr", "ext"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                "-keyout", key, "-out", csr)
        ext.write_text(f"subjectAltName={alt}\n")
        openssl("x509", "-req", "-in", csr, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", days,
                "-extfile", ext, "-out", cert)
        key.chmod(0o600)
        return cert, key


class Https(Daemon):
    """A daemon that speaks TLS; clients trust the authority."""

    def __init__(self, authority, config=None, env=None, **tls):
        self.authority = authority
        self.cert, self.key = authority.issue("node", "/CN=node", "IP:127.0.0.1")
        self.mine = None
        super().__init__({"tls": {"certificate": str(self.cert), "key": str(self.key), **tls}, **(config or {})}, env=env)

    def client(self, token=None, mine=None, **kwargs):
        from client import Api
        address = (self.state / "address").read_text().strip()
        assert address.startswith("https://")
        token = self.token if token is None else token
        context = ssl.create_default_context(cafile=str(self.authority.cert))
        mine = mine or self.mine
        if mine:
            context.load_cert_chain(str(mine[0]), str(mine[1]))
        api = Api.__new__(Api)
        httpx.Client.__init__(api, base_url=address, verify=context, trust_env=False, timeout=10.0,
                              headers={"Authorization": f"Bearer {token}"} if token else {}, **kwargs)
        return api

    @property
    def port(self):
        return int((self.state / "address").read_text().strip().rsplit(":", 1)[1])


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def node(authority):
    with Https(authority) as d:
        yield d


def test_work_is_done_over_tls(node):
    task = node.api.submit(script="echo over tls")
    assert node.api.wait(task["id"])["state"] == "done"
    assert "over tls" in node.api.get(f"/v1/tasks/{task['id']}/logs").text


def test_large_bodies_and_answers_pass(node):
    big = "x" * 900000
    r = node.api.post("/v1/tasks", json={"script": "true", "env": {"A": big[:100000]}, "name": "big",
                                         "meta": {}, "command": None, "kind": "compute"})
    assert r.status_code in (201, 400), r.text
    for _ in range(300):
        node.api.post("/v1/tasks", json={"command": ["true", "y" * 2000], "cpus": 999})
    listed = node.api.get("/v1/tasks", params={"limit": 1000}).json()["tasks"]
    assert len(listed) >= 300


def test_a_stream_of_events_passes(node):
    id = node.api.submit(script="true")["id"]
    assert [e.name for e in node.api.events(f"/v1/tasks/{id}/events")][-1] == "end"


def test_a_plain_request_is_not_answered(node):
    with socket.create_connection(("127.0.0.1", node.port), timeout=5) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        with contextlib.suppress(ConnectionError):
            while chunk := s.recv(1000):
                got += chunk
    assert b"HTTP/1.1" not in got


@pytest.mark.parametrize("version,good", [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_old_versions_are_refused(node, version, good):
    context = ssl.create_default_context(cafile=str(node.authority.cert))
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    v = getattr(ssl.TLSVersion, version)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, v
    if v == ssl.TLSVersion.TLSv1_3:
        context.minimum_version = v
    try:
        with socket.create_connection(("127.0.0.1", node.port), timeout=5) as raw, \
                context.wrap_socket(raw, server_hostname="127.0.0.1") as s:
            assert good and s.version() == version.replace("_", ".")
    except (ssl.SSLError, ConnectionError):
        assert not good


def test_the_command_line_speaks_tls(node):
    env = {"SUANLU_STATE": str(node.state), "SUANLU_CA": str(node.authority.cert), "PATH": os.environ["PATH"],
           "LC_ALL": "C.UTF-8"}
    done = subprocess.run([node.program, "node"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    del env["SUANLU_CA"]
    done = subprocess.run([node.program, "node"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 6, "a certificate that nobody vouches for is not believed"


def test_what_is_sent_before_the_handshake_ends_is_not_taken(node, tmp_path):
    """Early data of TLS 1.3 can be sent again by somebody who heard them; no ticket of ours allows any."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}", "-tls1_3", "-ign_eof",
                           "-sess_out", tmp_path / "ticket"], text=True, capture_output=True, timeout=20,
                          input="GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert "200 OK" in done.stdout, done.stdout + done.stderr
    ticket = subprocess.run(["openssl", "sess_id", "-in", tmp_path / "ticket", "-noout", "-text"], text=True,
                            capture_output=True, timeout=20).stdout
    assert "TLSv1.3" in ticket and "Max Early Data: 0" in ticket, ticket


def memory_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) // 1024


def many(wanted):
    """So many sockets as we may open here, above what else is open; said aloud when it is fewer."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    n = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - 500)
    if n < wanted:
        print(f"only {n} of {wanted} connections: the limit of open files is {hard}")
    return n


def closed(s):
    s.setblocking(False)
    try:
        return s.recv(100) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


# No byte; a record of which no more comes; half of them each.
@pytest.mark.parametrize("starts,kept", [((b"",), 10000), ((HELLO,), 1000), ((b"", HELLO), 6000)],
                         ids=["silent", "begun", "both"])
def test_ten_thousand_half_open_handshakes_keep_nobody_out(authority, starts, kept):
    """A thousand handshakes at once: the oldest makes room, so a good client always gets in."""
    n = many(10000)
    kept = min(kept, n)
    limits = {"head_ms": 60000, "connections": 12000}
    # What is freed must not stay in a sanitizer's quarantine, or it would count.
    with Https(authority, {"http": limits}, env={"ASAN_OPTIONS": "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}) as d:
        before = memory_mb(d.process.pid)
        idle = []
        try:
            for i in range(n):
                s = socket.create_connection(("127.0.0.1", d.port), timeout=20)
                if starts[i % len(starts)]:
                    s.sendall(starts[i % len(starts)])
                idle.append(s)
            for _ in range(20):
                began = time.monotonic()
                with d.client() as api:
                    assert api.get("/v1/node").status_code == 200
                assert time.monotonic() - began < 5
            grown = memory_mb(d.process.pid) - before
            assert grown < 150, f"{n} connections took {grown} MB"
            gone = [i for i, s in enumerate(idle) if closed(s)]
            # Each good client took the place of one that had begun.
            assert n - kept <= len(gone) <= n - kept + 20 * (starts != (b"",)), len(gone)
            begun = [i for i in range(n) if starts[i % len(starts)]]
            assert gone == begun[:len(gone)], "the oldest of those that began, and nobody else"
        finally:
            for s in idle:
                s.close()


def test_the_time_of_those_who_only_connect_or_dawdle_is_over(authority):
    with Https(authority, {"http": {"head_ms": 1500}}) as d:
        idle = [socket.create_connection(("127.0.0.1", d.port), timeout=5) for _ in range(400)]
        for s in idle[::2]:
            s.sendall(HELLO)
        time.sleep(3)
        gone = [closed(s) for s in idle]
        for s in idle:
            s.close()
        assert all(gone), "their time is over"


def test_new_certificates_are_read_at_sighup_and_bad_ones_are_not(authority, tmp_path):
    with Https(authority) as d:
        def serial():
            context = ssl.create_default_context(cafile=str(authority.cert))
            with socket.create_connection(("127.0.0.1", d.port), timeout=5) as raw, \
                    context.wrap_socket(raw, server_hostname="127.0.0.1") as s:
                return s.getpeercert()["serialNumber"]

        def hup(words):
            d.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + 5
            while words not in d.log:
                assert time.monotonic() < end, d.log
                time.sleep(0.05)

        first = serial()
        with d.client() as kept:
            assert kept.get("/healthz").status_code == 200
            cert, key = authority.issue("fresh", "/CN=node", "IP:127.0.0.1")
            shutil.copy(cert, d.cert)
            shutil.copy(key, d.key)
            hup("were read again")
            assert serial() != first
            assert kept.get("/healthz").status_code == 200, "who is connected stays so"
        second = serial()
        d.cert.write_text("not a certificate")
        hup("stay as they were")
        assert serial() == second


@pytest.mark.parametrize("what,words", [("mode", "can be read or changed by others"), ("other", "mismatch"),
                                        ("gone", "No such file"), ("cert", "the certificate")])
def test_files_that_cannot_be_used_are_refused(authority, what, words):
    d = Https(authority)
    if what == "mode":
        d.key.chmod(0o644)
    elif what == "other":
        shutil.copy(authority.issue("x", "/CN=x", "IP:127.0.0.1")[1], d.key)
    elif what == "gone":
        d.key.unlink()
    else:
        d.cert.write_text("x")
    with pytest.raises(AssertionError, match=words):
        d.start()


def test_beyond_this_machine_tls_or_a_word_is_needed(authority):
    for config, good in (({"listen": "0.0.0.0:0"}, False), ({"listen": "0.0.0.0:0", "tls": True}, True),
                         ({"listen": "0.0.0.0:0", "listen_beyond_loopback": True}, True)):
        d = Https(authority, config) if config.pop("tls", False) else Daemon(config)
        done = subprocess.run([d.program, "serve", "--config", str(d.config_file), "--check-config"],
                              capture_output=True, text=True, timeout=20)
        assert (done.returncode == 0) == good, done.stderr


# ---- machines ----

CLIENTS = [{"subject": "CN=edge-1,O=City", "user": "edge"}, {"name": "URI:spiffe://city/edge-2", "user": "edge"},
           {"subject": "CN=nobody", "user": "not-there"}]


@pytest.fixture(scope="module")
def mutual(authority):
    with Https(authority, client_ca=str(authority.cert), clients=CLIENTS) as d:
        d.api.post("/v1/users", json={"name": "sun", "tenant": "default", "roles": ["security"]})
        d.api.post("/v1/users", json={"name": "edge", "tenant": "default", "roles": ["user"]})
        yield d


def test_a_machine_is_known_by_its_certificate(mutual, authority):
    by_subject = authority.issue("edge-1", "/O=City/CN=edge-1", "DNS:edge-1")
    by_name = authority.issue("edge-2", "/CN=whatever", "URI:spiffe://city/edge-2,DNS:edge-2")
    for mine in (by_subject, by_name):
        with mutual.client(token="", mine=mine) as edge:
            me = edge.get("/v1/session").json()
            assert me["user"] == "edge" and me["roles"] == ["user"]
            assert edge.submit(script="true")["id"]
            assert edge.get("/v1/users").status_code == 403
    assert mutual.api.post("/v1/users/edge", json={"disabled": True}).status_code == 200
    with mutual.client(token="", mine=by_subject) as edge:
        assert edge.get("/v1/session").status_code == 401
    assert mutual.api.post("/v1/users/edge", json={"disabled": False}).status_code == 200


def test_a_certificate_that_is_not_on_the_list_opens_nothing(mutual, authority):
    for subject, alt in (("/CN=edge-1", "DNS:x"), ("/O=City/CN=edge-10", "DNS:x"), ("/CN=edge-1/O=City", "DNS:x"),
                         ("/CN=nobody", "DNS:x"), ("/CN=x", "URI:spiffe://city/edge-22"),
                         ("/CN=x", "DNS:spiffe.city"), ("/CN=edge-1,O=City", "DNS:x"), ("/CN=edge-1+O=City", "DNS:x"),
                         ("/O=City/CN=Edge-1", "DNS:x"), ("/O=City/OU=CN=edge-1", "DNS:x"),
                         ("/CN=URI:spiffe:\\/\\/city\\/edge-2", "DNS:x"), ("/CN=x", "email:edge-1@city"),
                         ("/CN=x", "URI:SPIFFE://city/edge-2"), ("/CN=x", "URI:spiffe://city/edge-2/")):
        with mutual.client(token="", mine=authority.issue("z", subject, alt)) as edge:
            assert edge.get("/v1/session").status_code == 401, subject
    with mutual.client(token="") as nobody:
        assert nobody.get("/v1/session").status_code == 401
        assert nobody.get("/healthz").status_code == 200


def test_a_token_counts_before_a_certificate(mutual, authority):
    mine = authority.issue("edge-1", "/O=City/CN=edge-1", "DNS:edge-1")
    with mutual.client(mine=mine) as root:
        assert root.get("/v1/session").json()["name"] == "default"
    with mutual.client(token="sl_" + "x" * 42 + "A", mine=mine) as wrong:
        assert wrong.get("/v1/session").status_code == 401


def test_a_page_of_another_site_does_not_use_a_certificate(mutual, authority):
    mine = authority.issue("edge-1", "/O=City/CN=edge-1", "DNS:edge-1")
    with mutual.client(token="", mine=mine) as edge:
        r = edge.post("/v1/tasks", json={"script": "true"}, headers={"Sec-Fetch-Site": "cross-site"})
        assert r.status_code == 403 and "another site" in r.json()["detail"]
        task = edge.post("/v1/tasks", json={"script": "sleep 60"}, headers={"Sec-Fetch-Site": "same-origin"})
        assert task.status_code == 201
        cancel = f"/v1/tasks/{task.json()['id']}/cancel"
        for origin in ("https://evil.example", "null"):         # an old browser, and a form without fields
            r = edge.post(cancel, headers={"Origin": origin})
            assert r.status_code == 403 and "another site" in r.json()["detail"], origin
        assert edge.post(cancel, headers={"Origin": str(edge.base_url).rstrip("/")}).status_code in (200, 202)


def test_a_certificate_of_another_authority_is_refused(mutual, tmp_path):
    stranger = Authority(tmp_path, "evil")
    mine = stranger.issue("edge-1", "/O=City/CN=edge-1", "DNS:edge-1")
    with pytest.raises((httpx.HTTPError, ssl.SSLError)):
        with mutual.client(token="", mine=mine) as edge:
            edge.get("/v1/session")


def test_where_certificates_are_required_nobody_comes_in_without(authority):
    mine = authority.issue("edge-1", "/O=City/CN=edge-1", "DNS:edge-1")
    d = Https(authority, client_ca=str(authority.cert), client_required=True)
    d.mine = mine
    with d:
        assert d.api.get("/healthz").status_code == 200
        d.mine = None
        with pytest.raises((httpx.HTTPError, ssl.SSLError)):
            with d.client() as nobody:
                nobody.get("/healthz")
        d.mine = mine


def test_the_key_may_be_a_credential_of_systemd(authority, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    d = Https(authority)
    d.env["CREDENTIALS_DIRECTORY"] = str(credentials)
    shutil.move(d.key, credentials / "node.key")
    d.config_file.write_text(d.config_file.read_text().replace(str(d.key), "credential:node.key"))
    (credentials / "node.key").chmod(0o440)
    with pytest.raises(AssertionError, match="can be read or changed by others"):
        d.start()
    (credentials / "node.key").chmod(0o400)
    with d:
        assert d.client().get("/v1/node").status_code == 200
        # A token of the command line, and one that is not there.
        (credentials / "mine").write_text(d.token)
        (credentials / "mine").chmod(0o400)
        d.env["SUANLU_CA"] = str(authority.cert)
        assert d.cli("ls", "--token-file", "credential:mine").returncode == 0
        assert d.cli("ls", "--token-file", "credential:../state/token").returncode != 0
