"""doc/security.md names tests that exist; and secrets are where they belong and nowhere else."""

import os
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, ROOT, Daemon, files_below, processes  # noqa: E402

FAKE = {"name": "p", "tier": "centre", "region": "cn/50", "engine": "fake", "clearance": 4,
        "groups": [{"count": 1, "cpus": 8, "memory_mb": 65536}], "options": {"run_ms": 5}}
KINDS = ("unit", "contract", "sim", "sys", "web")


def named():
    """(row, name) of every test that the tables of doc/security.md name."""
    for line in (ROOT / "doc" / "security.md").read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split(" | ")]
        if len(cells) < 4 or not re.match(r"\d+[a-z]?$", cells[0]):
            continue
        for name in re.findall(r"`([a-z][a-z0-9_]+)`", cells[3]):
            yield cells[0], name


def there():
    names = set()
    for kind in KINDS:
        for path in (ROOT / "test" / kind).iterdir():
            if path.suffix in (".c", ".py"):
                names.add(path.stem)
                text = path.read_text(encoding="utf-8")
                names.update(re.findall(r"^static void ([a-z0-9_]+)\(", text, re.M))
                names.update(re.findall(r"^ *def (test_[a-z0-9_]+)\(", text, re.M))
    return names


def in_the_code():
    """Functions that a row names for `by reading`."""
    found = set()
    for path in (ROOT / "src").rglob("*.[ch]"):
        found.update(re.findall(r"\b([a-z][a-z0-9_]+)\(", path.read_text(encoding="utf-8")))
    return found


def test_every_test_that_the_threat_model_names_exists():
    tests, functions = there(), in_the_code()
    missing = [f"row {row}: {name}" for row, name in named()
               if name not in tests and "_" in name and name not in functions]
    assert not missing, missing


def test_a_name_that_is_no_test_would_be_found():
    assert "a_test_that_nobody_wrote" not in there() | in_the_code()
    assert {"test_audit", "every_single_bit_of_an_entry_counts", "test_who_did_it_and_from_where_is_in_the_log",
            "no_run_breaks_the_rule_about_data"} <= there()


def test_the_threat_model_names_many_tests():
    assert len({name for _, name in named()}) > 80


def test_every_threat_says_how_it_is_proved_or_that_it_is_not():
    for line in (ROOT / "doc" / "security.md").read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split(" | ")]
        if len(cells) >= 4 and re.match(r"\d+[a-z]?$", cells[0]):
            assert re.search(r"`[a-z./ ]+|not yet|by reading", cells[3]), line


# ---- secrets ----

def answers(api):
    for path in ("/v1/tokens", "/v1/node", "/v1/pools", "/v1/tasks", "/v1/datasets", "/metrics", "/v1/audit",
                 "/v1/users", "/v1/tenants", "/v1/session", "/v1/tasks/1", "/v1/tasks/1/runs", "/v1/tasks/1/logs",
                 "/v1/quota", "/v1/history", "/v1/pools/centre"):
        for response in (api.get(path), api.get(path + "?nonsense=1")):
            yield path, response.content
    yield "wrong", api.get("/v1/nowhere").content


ALL_SEEN = "cat /proc/self/environ /proc/$PPID/environ | tr '\\0' '\\n'; ls -l /proc/self/fd; sleep 60"


def passwords(d, secrets):
    """The first one, the one after it, a wrong one, and the token of the session."""
    d.api.post("/v1/users", json={"name": "sun", "tenant": "default", "roles": ["security"]})
    secrets["once"] = d.api.post("/v1/users/sun/password").json()["password"]
    secrets["password"], secrets["wrong password"] = "correct horse battery staple", "incorrect horse battery staple"
    with d.client(token="") as nobody:
        session = nobody.post("/v1/session", json={"user": "sun", "password": secrets["once"]}).json()["token"]
        assert nobody.post("/v1/session", json={"user": "sun", "password": secrets["wrong password"]}).status_code == 401
        assert nobody.post("/v1/session", json={"user": secrets["wrong password"], "password": 7}).status_code == 400
    with d.client(session) as sun:
        change = {"old": secrets["once"], "new": secrets["password"]}
        assert sun.post("/v1/session/password", json={**change, "old": secrets["wrong password"]}).status_code == 401
        assert sun.post("/v1/session/password", json=change).status_code == 204
    secrets["session"] = session


def test_no_secret_is_anywhere_but_where_it_belongs(tmp_path):
    secrets = {"of the environment": "s3cret-of-the-daemons-environment"}
    with Daemon({"pools": [FAKE, POOL], "log": "debug"}, directory=tmp_path,
                env={"TOKEN_OF_SOMETHING": secrets["of the environment"]}) as d:
        secrets["first"] = d.token
        job = d.api.submit(script=ALL_SEEN, pools=["centre"])["id"]
        d.api.wait(job, ("running",))
        d.api.post("/v1/tenants", json={"name": "lab"})
        for name, roles in (("ann", ["user"]), ("eve", ["auditor"])):
            made = d.api.post("/v1/tokens", json={"name": name, "tenant": "lab", "roles": roles})
            secrets[name] = made.json()["token"]
        passwords(d, secrets)
        api = d.client(secrets["ann"])
        api.wait(api.submit(command=["true"], pools=["p"])["id"])
        # A wrong token, a token in the wrong place, a token with one letter changed.
        wrong = secrets["ann"][:-1] + ("A" if secrets["ann"][-1] != "A" else "B")
        assert d.client(wrong).get("/v1/tasks").status_code == 401
        secrets["wrong"] = wrong
        assert d.cli("ls", "--token-file", "/nowhere").returncode != 0
        seen = [(f"answer {path}", body) for client in (d.api, api, d.client(secrets["eve"]))
                for path, body in answers(client)]
        shown = [(str(path), body) for path, body in processes(but=[d.process.pid])]
        assert any(b"suanlu-shim" in body and str(tmp_path).encode() in body for _, body in shown)
        assert any(b"SUANLU_RUN=" in body for _, body in seen)
        seen += shown + [("/proc/daemon/cmdline", pathlib.Path(f"/proc/{d.process.pid}/cmdline").read_bytes())]
        d.api.post(f"/v1/tasks/{job}/cancel")
        d.api.wait(job)
        d.kill()
    seen += [(str(path), body) for path, body in files_below(tmp_path)]
    assert any(path.endswith("suanlu.db") for path, _ in seen) and any(path.endswith("/log") for path, _ in seen)
    for name, secret in secrets.items():
        where = [path for path, body in seen if secret.encode() in body]
        allowed = [str(d.state / "token")] if name == "first" else []
        assert where == allowed, (name, where)
    assert os.stat(d.state / "token").st_mode & 0o077 == 0


def test_a_token_for_an_answer_is_given_once(tmp_path):
    with Daemon({"pools": [FAKE]}, directory=tmp_path) as d:
        made = d.api.post("/v1/tokens", json={"name": "x", "tenant": "default", "roles": ["user"]}).json()
        assert made["token"].startswith("sl_")
        listed = [t for t in d.api.get("/v1/tokens").json()["tokens"] if t["id"] == made["id"]]
        assert listed and "token" not in listed[0] and "hash" not in listed[0]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_file_that_others_can_read_is_not_used(tmp_path, mode):
    with Daemon({"pools": [FAKE]}, directory=tmp_path) as d:
        path = tmp_path / "loose"
        path.write_text(d.token)
        path.chmod(mode)
        out = d.cli("ls", "--token-file", str(path), "--server", "http://" + (d.state / "address").read_text())
        assert out.returncode != 0 and d.token not in out.stdout + out.stderr


SIGNED = "http://127.0.0.1:1/bucket/in?X-Amz-Signature=5ignature"


def test_environment_and_signatures_are_shown_to_the_owner_alone(tmp_path):
    tes = {"executors": [{"image": "x", "command": ["true"], "env": {"KEY": "3nvironment"}}],
           "inputs": [{"url": SIGNED, "path": "/in"}]}
    with Daemon({"pools": [FAKE]}, directory=tmp_path) as d:
        ann = d.user("lab", name="ann")
        others = [d.user("lab", name="bob"), d.api, d.user("office", ["operator"]), d.user("office", ["security"]),
                  d.user("office", ["auditor"])]
        task = ann.submit(script="true", env={"KEY": "3nvironment"}, inputs=[{"url": SIGNED, "path": "in"}],
                          outputs=[{"url": SIGNED, "path": "out"}])["id"]
        made = ann.post("/ga4gh/tes/v1/tasks", json=tes)
        assert made.status_code == 200, made.text
        tes_id = made.json()["id"]
        data = ann.post("/v1/datasets", json={"name": "scans", "url": SIGNED, "region": "cn/50", "level": 1})
        assert data.status_code == 201 and data.json()["url"] == SIGNED
        paths = [f"/v1/tasks/{task}", f"/v1/tasks/{tes_id}", "/v1/datasets", "/v1/datasets/scans",
                 f"/ga4gh/tes/v1/tasks/{tes_id}?view=FULL", f"/ga4gh/tes/v1/tasks/{tes_id}?view=BASIC",
                 "/ga4gh/tes/v1/tasks?view=FULL", f"/v1/tasks/{task}/decisions", f"/v1/tasks/{task}/runs"]
        mine = "".join(ann.get(p).text for p in paths)
        assert mine.count("5ignature") >= 6 and mine.count("3nvironment") >= 4
        for api in others:
            for path in [*paths, "/v1/audit?limit=1000", "/v1/datasets/scans/report", "/v1/history"]:
                answer = api.get(path)
                assert "5ignature" not in answer.text and "3nvironment" not in answer.text, path
        # What is hidden is fingerprinted all the same.
        entries = others[-1].get("/v1/audit?limit=1000").json()["entries"]
        shown = [e["shown"] for e in entries if e["kind"] == "submit"]
        assert shown[0]["env"] == {"KEY": "***"} and shown[0]["inputs"][0]["url"].endswith("/in?***")
        assert "5ignature" not in d.log and "3nvironment" not in d.log


def test_runs_of_false_length_do_not_move_the_forecast_of_another_tenant(tmp_path):
    work = {"command": ["true"], "name": "iris", "kind": "train", "walltime_s": 3600}

    def forecast(api):
        decided = api.post("/v1/decisions", json=work).json()
        run = decided["pools"][0]["terms"]
        return run["run_basis"], run["run_p50_s"]

    with Daemon({"pools": [FAKE]}, directory=tmp_path) as d:
        lab, eve = d.user("lab"), d.user("eve")
        assert forecast(lab) == ("walltime", 1800)
        for _ in range(8):
            eve.wait(eve.submit(**work)["id"])
        assert forecast(eve) == ("history", 1)
        assert forecast(lab) == ("walltime", 1800)
        d.kill()
        d.start()                       # what is learned is read again as it was
        assert forecast(d.client(eve.headers["authorization"].split()[1])) == ("history", 1)
        assert forecast(d.client(lab.headers["authorization"].split()[1])) == ("walltime", 1800)
