"""What nginx refuses, we refuse; what both take, both read the same.

Each shape is sent to nginx and to our server, followed by a plain last request, so
that a server that sees another end of the first message gives other answers.
Shapes on which we are stricter are listed at the end of the run (pytest -rP).
"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

HOST = b"Host: a\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def post(lines, body=b"hello", line=b"POST /a HTTP/1.1\r\n", host=HOST):
    return line + host + lines + b"\r\n" + body


def get(target=b"/a", line=None, host=HOST, lines=b""):
    return (line or b"GET " + target + b" HTTP/1.1\r\n") + host + lines + b"\r\n"


SHAPES = {
    # what everyone takes
    "a plain get": get(),
    "a body with a length": post(b"Content-Length: 5\r\n"),
    "a chunked body": post(CHUNKED, HELLO),
    "chunk sizes in upper case, with zeros": post(CHUNKED, b"0000000A\r\n0123456789\r\n00\r\n\r\n"),
    "a chunk extension": post(CHUNKED, b"5;a=b\r\nhello\r\n0\r\n\r\n"),
    "a length of zero": post(b"Content-Length: 0\r\n", b""),
    "a length with zeros in front": post(b"Content-Length: 005\r\n"),
    "a get with a body": post(b"Content-Length: 5\r\n", line=b"GET /a HTTP/1.1\r\n"),
    "blanks around a value": get(lines=b"X:  a \t\r\n"),
    "an empty value": get(lines=b"X:\r\n"),
    "coding in other case": post(b"transfer-ENCODING: Chunked\r\n", HELLO),
    "a query": get(b"/a?b=c&d=/../e"),
    "escapes in the path": get(b"/%E7%AE%97/%2Da"),
    "a continue that nobody waits for": post(b"Expect: 100-continue\r\nContent-Length: 5\r\n"),
    "an upgrade": get(lines=b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
    # two framings
    "length and chunked": post(b"Content-Length: 5\r\n" + CHUNKED, HELLO),
    "chunked and length": post(CHUNKED + b"Content-Length: 5\r\n", HELLO),
    "chunked and a length that smuggles": post(b"Content-Length: 4\r\n" + CHUNKED,
                                               b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "two lengths": post(b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    "two equal lengths": post(b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    "lengths in a list": post(b"Content-Length: 5, 5\r\n"),
    "chunked twice": post(CHUNKED + CHUNKED, HELLO),
    "chunked in a list twice": post(b"Transfer-Encoding: chunked, chunked\r\n", HELLO),
    "chunked and identity": post(CHUNKED + b"Transfer-Encoding: identity\r\n", HELLO),
    "identity": post(b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n"),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", HELLO),
    "chunked, gzip": post(b"Transfer-Encoding: chunked, gzip\r\n", HELLO),
    "chunked with a parameter": post(b"Transfer-Encoding: chunked;a=b\r\n", HELLO),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"\r\n', HELLO),
    "xchunked": post(b"Transfer-Encoding: xchunked\r\n", HELLO),
    "chunked after a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", HELLO),
    "chunked before a form feed": post(b"Transfer-Encoding: chunked\x0c\r\n", HELLO),
    "chunked before a nul": post(b"Transfer-Encoding: chunked\x00\r\n", HELLO),
    "an empty coding": post(b"Transfer-Encoding:\r\nContent-Length: 5\r\n"),
    "chunked in HTTP/1.0": post(CHUNKED, HELLO, b"POST /a HTTP/1.0\r\n"),
    # numbers
    "a plus": post(b"Content-Length: +5\r\n"),
    "a minus": post(b"Content-Length: -5\r\n"),
    "hexadecimal": post(b"Content-Length: 0x5\r\n"),
    "a blank inside": post(b"Content-Length: 5 5\r\n"),
    "a word": post(b"Content-Length: five\r\n"),
    "an empty length": post(b"Content-Length:\r\n"),
    "a length above 64 bits": post(b"Content-Length: 18446744073709551621\r\n"),
    "a length of 63 bits": post(b"Content-Length: 9223372036854775807\r\n"),
    # names
    "a blank before the colon": post(b"Transfer-Encoding : chunked\r\n", HELLO),
    "a tab before the colon": post(b"Transfer-Encoding\t: chunked\r\n", HELLO),
    "a blank before the colon of length": post(b"Content-Length : 5\r\n"),
    "a blank in a name": post(b"Content Length: 5\r\n", b""),
    "a blank before a name": post(b" Content-Length: 5\r\n", b""),
    "a first line that is folded": post(b" folded\r\n", b"", host=b""),
    "a folded value": get(lines=b"X: a\r\n b\r\n"),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n", HELLO),
    "no name": get(lines=b": a\r\n"),
    "no colon": get(lines=b"abc\r\n"),
    "a name with brackets": get(lines=b"X(y): a\r\n"),
    "a name with a high byte": get(lines=b"X\xff: a\r\n"),
    "a name with a nul": get(lines=b"X\x00: a\r\n"),
    "a name with an underscore": post(b"Content_Length: 5\r\n", b""),
    "a nul in a value": get(lines=b"X: a\x00b\r\n"),
    "a control byte in a value": get(lines=b"X: a\x01b\r\n"),
    "a delete byte in a value": get(lines=b"X: a\x7fb\r\n"),
    # ends of lines
    "bare LF everywhere": b"GET /a HTTP/1.1\nHost: a\n\n",
    "a bare LF after the request line": b"GET /a HTTP/1.1\nHost: a\r\n\r\n",
    "a bare LF after a header": get(lines=b"X: a\nY: b\r\n"),
    "a bare LF that hides a coding": post(b"X: a\n" + CHUNKED, HELLO),
    "a bare CR in a value": get(lines=b"X: a\rY: b\r\n"),
    "a bare CR that hides a coding": post(b"X: \rTransfer-Encoding: chunked\r\n", b""),
    "two CRs": get(lines=b"X: a\r\r\n"),
    "an end with bare LF": b"GET /a HTTP/1.1\r\nHost: a\r\n\n",
    "no version and a bare LF": b"GET /a\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "an empty line before": b"\r\n" + get(),
    # request lines
    "two blanks": get(line=b"GET  /a HTTP/1.1\r\n"),
    "a blank at the end": get(line=b"GET /a HTTP/1.1 \r\n"),
    "a tab instead of a blank": get(line=b"GET\t/a\tHTTP/1.1\r\n"),
    "a blank in the target": get(line=b"GET /a b HTTP/1.1\r\n"),
    "a lower-case method": get(line=b"get /a HTTP/1.1\r\n"),
    "a method with a bracket": get(line=b"GE(T /a HTTP/1.1\r\n"),
    "an unknown method": get(line=b"FOO /a HTTP/1.1\r\n"),
    "trace": get(line=b"TRACE /a HTTP/1.1\r\n"),
    "connect": get(line=b"CONNECT a:80 HTTP/1.1\r\n"),
    "no version": b"GET /a\r\n",
    "HTTP/0.9": get(line=b"GET /a HTTP/0.9\r\n"),
    "HTTP/1.2": get(line=b"GET /a HTTP/1.2\r\n"),
    "HTTP/2.0": get(line=b"GET /a HTTP/2.0\r\n"),
    "HTTP/1": get(line=b"GET /a HTTP/1\r\n"),
    "HTTP/1.01": get(line=b"GET /a HTTP/1.01\r\n"),
    "http in lower case": get(line=b"GET /a http/1.1\r\n"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    # targets
    "an absolute target": get(b"http://a/b"),
    "an absolute target of another host": get(b"http://b/b"),
    "a star": get(b"*"),
    "a target without a slash": get(b"a"),
    "dots above the root": get(b"/../a"),
    "escaped dots above the root": get(b"/%2e%2e/a"),
    "dots and an escaped slash": get(b"/a/..%2f..%2f..%2fb"),
    "dots inside": get(b"/a/../b"),
    "a nul in the target": get(b"/a\x00b"),
    "an escaped nul": get(b"/a%00b"),
    "a broken escape": get(b"/a%zz"),
    "a cut escape": get(b"/a%4"),
    "a control byte in the target": get(b"/a\x01b"),
    "raw high bytes in the target": get(b"/\xe7\xae\x97"),
    "escaped bytes that are no UTF-8": get(b"/%ff"),
    "a fragment": get(b"/a#b"),
    # hosts
    "no host": get(host=b""),
    "an empty host": get(host=b"Host:\r\n"),
    "two hosts": get(host=b"Host: a\r\nHost: b\r\n"),
    "two equal hosts": get(host=HOST + HOST),
    "a host with a slash": get(host=b"Host: a/b\r\n"),
    "a host with a blank": get(host=b"Host: a b\r\n"),
    "a host with two dots": get(host=b"Host: a..b\r\n"),
    "a host with a nul": get(host=b"Host: a\x00b\r\n"),
    "a host with a user": get(host=b"Host: u@a\r\n"),
    "a host with a port that is a word": get(host=b"Host: a:b\r\n"),
    "a host with an open bracket": get(host=b"Host: [::1\r\n"),
    # other lines given twice
    "two authorizations": get(lines=b"Authorization: a\r\nAuthorization: b\r\n"),
    "two content types": get(lines=b"Content-Type: a/b\r\nContent-Type: c/d\r\n"),
    "an unknown expectation": get(lines=b"Expect: more\r\n"),
    # chunks
    "a chunk size that ends with LF": post(CHUNKED, b"5\nhello\r\n0\r\n\r\n"),
    "a chunk that ends with LF": post(CHUNKED, b"5\r\nhello\n0\r\n\r\n"),
    "a chunk that ends with nothing": post(CHUNKED, b"5\r\nhello0\r\n\r\n"),
    "a chunk that ends with other bytes": post(CHUNKED, b"5\r\nhelloXX0\r\n\r\n"),
    "a chunk size with a plus": post(CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with 0x": post(CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with a minus": post(CHUNKED, b"-5\r\nhello\r\n0\r\n\r\n"),
    "a blank before a chunk size": post(CHUNKED, b" 5\r\nhello\r\n0\r\n\r\n"),
    "a blank behind a chunk size": post(CHUNKED, b"5 \r\nhello\r\n0\r\n\r\n"),
    "an empty chunk size": post(CHUNKED, b"\r\nhello\r\n0\r\n\r\n"),
    "a chunk size that is a word": post(CHUNKED, b"xyz\r\nhello\r\n0\r\n\r\n"),
    "a chunk size above 64 bits": post(CHUNKED, b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "a bare LF in a chunk extension": post(CHUNKED, b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "a bare CR in a chunk extension": post(CHUNKED, b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "a long chunk extension": post(CHUNKED, b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n"),
    "a trailer": post(CHUNKED, b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
    "a trailer that frames": post(CHUNKED, b"5\r\nhello\r\n0\r\nContent-Length: 40\r\n\r\n"),
    "an end with bare LF after chunks": post(CHUNKED, b"5\r\nhello\r\n0\r\n\n"),
    "two last chunks": post(CHUNKED, HELLO + b"0\r\n\r\n"),
    # sizes
    "a target of 9000 bytes": get(b"/" + b"a" * 9000),
    "a header of 200 KB": get(lines=b"X: " + b"a" * 200_000 + b"\r\n"),
    "5000 headers": get(lines=b"X: y\r\n" * 5000),
}

stricter = []


def answers(port, raw):
    """[(status, first line of the body), ...]; an empty list: closed or silent."""
    data = b""
    with socket.create_connection(("127.0.0.1", port), timeout=1.5) as s:
        try:
            s.sendall(raw + LAST)
            while piece := s.recv(65536):
                data += piece
        except OSError:
            pass
    found = []
    while m := re.match(rb"HTTP/1\.[01] (\d{3})[^\r]*\r\n((?:[^\r\n]+\r\n)*)\r\n", data):
        n = re.search(rb"content-length: *(\d+)", m[2], re.I)
        end = m.end() + (int(n[1]) if n else 0)
        text = data[m.end():end].split(b"\n")[0].strip().decode(errors="replace")
        if m[1] != b"100":
            found.append((int(m[1]), text))
        data = data[end:]
    return found


def refused(found):
    """Is the first message refused?  (The last one is not under test.)"""
    return not found or found[0][0] >= 400


def same_reading(a, b):
    """Both took the first message: equal answers up to where either refuses."""
    for (sa, ta), (sb, tb) in zip(a, b):
        if sa >= 400 or sb >= 400:
            return sb >= 400 or sa < 400
        if ta.split()[0::2] != tb.split()[0::2]:    # method, length; nginx rewrites paths
            return False
    return len(b) <= len(a)


def wait_for(port, path=None):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}: {path.read_text() if path else ''}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def ours():
    build = os.environ.get("SUANLU_BUILD")
    if not build:
        pytest.skip("set SUANLU_BUILD to the build directory")
    with subprocess.Popen([pathlib.Path(build) / "http_echo"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as p:
        yield int(p.stdout.readline())
        p.stdin.close()
        assert p.wait(10) == 0


CONFIG = """
daemon off; master_process off; pid {d}/pid; error_log {d}/error.log crit;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {d}/body; proxy_temp_path {d}/proxy;
    fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
    map $content_length $len {{ default $content_length; "" 0; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_http_version 1.1; proxy_pass http://unix:{d}/back; }}
    }}
    server {{ listen unix:{d}/back; location / {{ return 200 "$request_method $uri $len\\n"; }} }}
}}
"""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not program:
        pytest.skip("nginx is missing: apt-get install nginx-light")
    d = tmp_path_factory.mktemp("nginx")
    port = free_port()
    (d / "nginx.conf").write_text(CONFIG.format(d=d, port=port))
    with subprocess.Popen([program, "-p", d, "-e", d / "error.log", "-c", d / "nginx.conf"],
                          stderr=subprocess.DEVNULL) as p:
        try:
            wait_for(port, d / "error.log")
            yield port
        finally:
            p.terminate()
            p.wait(10)


@pytest.mark.parametrize("name", SHAPES)
def test_what_nginx_refuses_we_refuse(name, nginx, ours):
    theirs, mine = answers(nginx, SHAPES[name]), answers(ours, SHAPES[name])
    if refused(mine) and not refused(theirs):
        stricter.append((name, theirs[0][0], mine[0][0] if mine else "closed"))
    assert refused(mine) or not refused(theirs), f"nginx: {theirs}, we: {mine}"
    if not refused(mine):
        assert same_reading(theirs, mine), f"nginx: {theirs}, we: {mine}"


def test_no_smuggled_request_is_ever_answered(ours):
    for name, raw in SHAPES.items():
        assert not any("/smuggled" in text for _, text in answers(ours, raw)), name


def test_the_shapes_on_which_we_are_stricter_are_listed():
    for name, theirs, mine in stricter:
        print(f"nginx {theirs}, we {mine}: {name}")


def test_what_everyone_takes_we_take(ours):
    for name in list(SHAPES)[:15]:
        found = answers(ours, SHAPES[name])
        assert [status for status, _ in found] == [200, 200], f"{name}: {found}"
