"""test_report.py - the reports in a real browser: drawn, whole in one file, and the figures are the JSON's"""

import html.parser
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import zlib

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from client import Daemon  # noqa: E402
import test_quotas  # noqa: E402
import test_plan  # noqa: E402
import test_simulate  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium here: apt-get install chromium")


def browse(where, *args):
    """Headless, with a profile of its own and nothing that asks the network."""
    profile = where / "profile"
    r = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                        "--no-first-run", "--disable-background-networking",
                        "--disable-component-update", "--disable-sync", "--disable-extensions",
                        f"--user-data-dir={profile}", "--window-size=1000,1000", *args,
                        (where / "report.html").as_uri()],
                       capture_output=True, timeout=120)
    shutil.rmtree(profile, ignore_errors=True)
    assert r.returncode == 0, r.stderr.decode()[-400:]
    return r.stdout.decode()


class Page(html.parser.HTMLParser):
    """The figures of a page by their name, and how many of each element there are."""

    def __init__(self, text):
        super().__init__()
        self.figures, self.count, self.name = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.name = dict(attrs).get("data-figure")
        for key, value in attrs:
            assert key not in ("src", "href") and "url(" not in (value or ""), (tag, key, value)

    def handle_data(self, data):
        if self.name:
            self.figures.append((self.name, data))

    def handle_endtag(self, tag):
        self.name = None


def look_up(doc, path):
    for part in path.split("."):
        doc = doc[int(part)] if part.isdigit() else doc[part]
    return doc


def same(figures, doc):
    """Every figure of the page is the JSON's, as exactly as it is written."""
    for path, text in figures:
        value, digits = look_up(doc, path), len(text.partition(".")[2])
        assert float(text) == pytest.approx(value, abs=0.5 * 10 ** -digits + 1e-9, rel=1e-5), path


def colours(png):
    """How many pixels of a screenshot have which colour: rows are unfiltered by hand."""
    at, data = 8, b""
    while at < len(png):
        n, kind = struct.unpack(">I4s", png[at:at + 8])
        body = png[at + 8:at + 8 + n]
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", body[:10])
        if kind == b"IDAT":
            data += body
        at += 12 + n
    size, raw, last, seen = {2: 3, 6: 4}[colour], zlib.decompress(data), None, {}
    for y in range(height):
        line = bytearray(raw[y * (width * size + 1) + 1:(y + 1) * (width * size + 1)])
        how, above = raw[y * (width * size + 1)], last or bytearray(len(line))
        for i in range(len(line)):
            a, b = line[i - size] if i >= size else 0, above[i]
            c = above[i - size] if i >= size else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[i] = (line[i] + (0, a, b, (a + b) // 2, paeth)[how]) & 255
        last = line
        for i in range(0, len(line), size * 4):         # every fourth pixel is enough
            key = bytes(line[i:i + 3])
            seen[key] = seen.get(key, 0) + 1
    return seen


def whole_in_one_file(text):
    assert "://" not in text and "<script" not in text and "@import" not in text
    assert "Content-Security-Policy\" content=\"default-src 'none';" in text


def check(where, command, doc, lines, bars=0):
    text = (where / "report.html").read_text()
    whole_in_one_file(text)
    assert "算路" in text and "Suanlu" in text
    page = Page(browse(where, "--dump-dom"))
    assert len(page.figures) >= 5, command
    same(page.figures, doc)
    assert page.count["polyline"] == lines and page.count.get("rect", 0) == bars
    browse(where, f"--screenshot={where}/shot.png")
    seen = colours((where / "shot.png").read_bytes())
    assert seen.get(bytes.fromhex("c8102e"), 0) > 50, "the first line of the charts is not drawn"


@needs_browser
@pytest.mark.parametrize("args, lines", [
    (("--policy", "suanlu,fgd,random", "--seeds", "1-2"), 6),
    (("--policy", "suanlu,best-fit", "--departures", "--cpu-hour", "0.1"), 4),
])
def test_the_report_of_simulate_shows_what_the_json_says(tmp_path, args, lines):
    (tmp_path / "nodes.csv").write_text(test_simulate.NODES)
    (tmp_path / "tasks.csv").write_text(test_simulate.TIMED)
    r = test_simulate.simulate(tmp_path, "--json", "--html", "report.html", *args)
    assert r.returncode == 0, r.stderr
    check(tmp_path, "simulate", json.loads(r.stdout), lines)


@needs_browser
def test_the_report_of_plan_shows_what_the_json_says(tmp_path):
    (tmp_path / "city.yaml").write_text(yaml.safe_dump({"state": "x", "pools": [test_plan.HUB, test_plan.CHIPS]}))
    (tmp_path / "past.jsonl").write_text(test_plan.history(test_plan.TASKS))
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(test_plan.pool("new", 16, "0.36")))
    r = test_plan.plan(tmp_path, "--json", "--html", "report.html", "--add", "new.yaml", "--drain", "chips")
    assert r.returncode == 0, r.stderr
    # Three pools, four pictures, two bars each.
    check(tmp_path, "plan", json.loads(r.stdout), 4, 24)


def test_names_from_outside_cannot_add_markup(tmp_path):
    (tmp_path / "<b>&.csv").write_text(test_simulate.NODES)
    (tmp_path / "tasks.csv").write_text(test_simulate.TIMED)
    r = subprocess.run([f"{test_simulate.BUILD}/suanlu", "simulate", "--nodes", "<b>&.csv", "--tasks",
                        "tasks.csv", "--html", "report.html"], cwd=tmp_path, env=test_simulate.ENV,
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    text = (tmp_path / "report.html").read_text()
    assert "&lt;b&gt;&amp;.csv" in text and not re.search(r"<b>&", text)


EVIL = "</td><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">&'"


@pytest.fixture
def travelled(tmp_path):
    """A data set that was read, kept from a pool and refused everywhere, with markup in every free text."""
    pools = [test_quotas.pool("open", 1), test_quotas.pool("safe", 4)]
    with Daemon({"pools": pools}, directory=tmp_path) as d:
        data = {"name": "scans", "url": f"file://{d.files}/scans", "region": "cn/50", "level": 3}
        assert d.api.post("/v1/datasets", json=data).status_code == 201
        read = [{"dataset": "scans", "path": "in"}]
        for _ in range(3):
            d.api.wait(d.api.submit(command=["true"], inputs=read, name="<script>")["id"])
        security = d.user("office", ("security",))
        lower = dict(data, level=2, reason=EVIL)
        assert security.post("/v1/datasets", json=lower).status_code in (200, 201)
        raised = dict(data, level="core", reason=EVIL)
        assert d.api.post("/v1/datasets", json=raised).status_code in (200, 201)
        d.api.submit(command=["true"], inputs=read)
        token = tmp_path / "token"
        token.write_text(security.headers["Authorization"].split()[1])
        token.chmod(0o600)

        def audit(*args, lang="en"):
            return subprocess.run([d.program, "--lang", lang, "--token-file", str(token), "--server",
                                   "http://" + (d.state / "address").read_text(), "audit", *args],
                                  capture_output=True, text=True, timeout=20, cwd=tmp_path)

        yield audit


@needs_browser
@pytest.mark.parametrize("lang, says", [("en", ("data level", "done")), ("zh", ("数据级别", "已完成"))])
def test_the_page_of_a_data_set_shows_every_decision_refusal_and_run(tmp_path, travelled, lang, says):
    r = travelled("dataset", "scans", "--json", "--html", "report.html", lang=lang)
    assert r.returncode == 0, r.stderr
    doc = json.loads(r.stdout)
    assert doc["decisions"] == len(doc["decided"]) >= 4 and len(doc["runs"]) == 3
    assert doc["decided"][0]["pool"] == "safe" and doc["decided"][0]["refused"] == {"open": ["clearance"]}
    assert doc["decided"][-1]["what"] == "refuse" and set(doc["decided"][-1]["refused"]) == {"open", "safe"}
    whole_in_one_file((tmp_path / "report.html").read_text())
    dom = browse(tmp_path, "--dump-dom")
    page = Page(dom)
    same(page.figures, doc)
    rows = sum(len(doc[part]) for part in ("labels", "pools", "decided", "runs"))
    assert page.count["table"] == 4 and page.count["tr"] == rows + 4
    assert f"open: {says[0]}" in dom and f"<td>{says[1]}" in dom and "office" in dom


@needs_browser
def test_markup_in_a_reason_is_shown_and_not_done(tmp_path, travelled):
    assert travelled("dataset", "scans", "--html", "report.html").returncode == 0
    dom = browse(tmp_path, "--dump-dom")
    page = Page(dom)
    assert "script" not in page.count and "img" not in page.count
    assert "<title>算路" in dom and "&lt;script&gt;document.title='taken'" in dom


@needs_browser
def test_the_page_of_a_data_set_prints_on_a4(tmp_path, travelled):
    assert travelled("dataset", "scans", "--html", "report.html").returncode == 0
    browse(tmp_path, f"--print-to-pdf={tmp_path}/page.pdf")
    pdf = (tmp_path / "page.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox ?\[ ?0 0 ([\d.]+) ([\d.]+)", pdf)
    assert boxes and all(abs(float(w) - 595) < 2 and abs(float(h) - 842) < 2 for w, h in boxes), boxes
    assert len(re.findall(rb"/Type ?/Page\b", pdf)) == 1


def test_a_page_that_cannot_be_written_is_said(tmp_path, travelled):
    r = travelled("dataset", "scans", "--html", "no/such/report.html")
    assert r.returncode == 8 and "could not write no/such/report.html" in r.stderr
    assert travelled("ls", "--html", "x.html").returncode == 2
    r = travelled("dataset", "none", "--html", "report.html")
    assert r.returncode == 4 and not (tmp_path / "report.html").exists()
