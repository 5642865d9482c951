"""test_cli.py - the command line against a real daemon: words, exit codes, tables"""

import json
import os
import pathlib
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import POOL, Daemon  # noqa: E402

OK, NO, USAGE, REFUSED, NOT_FOUND, NOT_ALLOWED, UNREACHABLE, CONFLICT = range(8)

CITY = [
    dict(POOL),
    {"name": "hub", "tier": "centre", "region": "cn/62", "engine": "fake", "clearance": 2,
     "price": {"cpu_hour": "0.10"}, "carbon_g_kwh": 90,
     "links": [{"region": "cn/50", "latency_ms": 30, "mbps": 1000}],
     "groups": [{"count": 1, "cpus": 2, "memory_mb": 2048}]},
]
HERE = ("--within", POOL["region"])


@pytest.fixture(scope="module")
def daemon():
    with Daemon({"pools": CITY}) as d:
        yield d


def ok(result):
    assert result.returncode == OK, (result.stdout, result.stderr)
    return result.stdout


def no(result, code, *words):
    assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
    for word in words:
        assert word in result.stderr, result.stderr
    return result.stderr


def submit(daemon, *args):
    return ok(daemon.cli("submit", *args)).strip()


def test_a_task_is_submitted_watched_and_read(daemon):
    done = daemon.cli("submit", "--wait", *HERE, "sh", "-c", "echo hallo; echo leise >&2")
    assert ok(done).strip().isdigit()
    id = done.stdout.strip()
    assert "done" in done.stderr
    assert ok(daemon.cli("logs", id)) == "hallo\n"
    assert ok(daemon.cli("logs", "--stderr", id)) == "leise\n"
    assert ok(daemon.cli("logs", "-f", id)) == "hallo\n"
    shown = ok(daemon.cli("show", id))
    assert "done" in shown and "centre" in shown


def test_a_failed_task_is_the_exit_code_of_wait(daemon):
    failed = daemon.cli("submit", "--wait", *HERE, "sh", "-c", "exit 3")
    no(failed, NO, "failed")
    assert "its command failed" in ok(daemon.cli("show", failed.stdout.strip()))


def test_an_array_is_watched_to_its_end(daemon):
    done = daemon.cli("submit", "--array", "0-3", "--wait", "--walltime", "10s", *HERE, "true")
    ok(done)
    assert "4 done" in done.stderr


def test_logs_follow_until_the_end(daemon):
    id = submit(daemon, *HERE, "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.3; done")
    assert ok(daemon.cli("logs", "-f", id)) == "1\n2\n3\n"


def test_bytes_of_a_log_come_unchanged(daemon):
    id = submit(daemon, "--wait", *HERE, "sh", "-c", r"printf '\377\000a'; seq 200000")
    env = dict(daemon.env, SUANLU_STATE=str(daemon.state))
    want = b"\xff\0a" + "".join(f"{i}\n" for i in range(1, 200001)).encode()
    for flags in ([], ["-f"]):
        got = subprocess.run([daemon.program, "logs", *flags, id], env=env, capture_output=True,
                             timeout=60)
        assert got.returncode == OK and got.stdout == want


def test_what_no_pool_may_take_is_refused_with_the_rule(daemon):
    result = daemon.cli("submit", "--level", "core", "true")
    no(result, REFUSED, "refused", "suanlu why")
    why = ok(daemon.cli("why", result.stdout.strip()))
    assert "no pool could ever take" in why
    assert "data level" in why and "core" in why and "hub" in why


def test_a_dry_run_decides_and_runs_nothing(daemon):
    before = ok(daemon.cli("ls", "--all", "--json"))
    out = ok(daemon.cli("submit", "--dry-run", "--prefer", "cheapest", "--walltime", "1m", "true"))
    assert "would go to hub" in out and "cheapest" in out and "seed" in out
    no(daemon.cli("submit", "--dry-run", "--json", "--level", "core", "true"), REFUSED)
    assert ok(daemon.cli("ls", "--all", "--json")) == before


def test_the_pools_that_may_have_it_are_named(daemon):
    assert "centre" in ok(daemon.cli("submit", "--dry-run", "--pool", "centre", "--walltime", "1m", "true"))
    no(daemon.cli("submit", "--dry-run", "--pool", "nowhere", "--walltime", "1m", "true"), USAGE, "no pool")
    no(daemon.cli("submit", "--pool", "centre,", "true"), USAGE, "pools")


def test_why_speaks_chinese(daemon):
    id = submit(daemon, "--wait", *HERE, "true")
    why = ok(daemon.cli("why", "--lang", "zh", id))
    assert f"任务 {id} 已派往 centre" in why and "资源池" in why and "得分" in why


def test_json_is_the_answer_of_the_api(daemon):
    id = submit(daemon, "--wait", *HERE, "true")
    for args, path in ((("show", id), f"/v1/tasks/{id}"), (("pools",), "/v1/pools"),
                       (("why", id), f"/v1/tasks/{id}/decisions"), (("dataset",), "/v1/datasets"),
                       (("tenant",), "/v1/tenants"), (("user",), "/v1/users")):
        assert json.loads(ok(daemon.cli(*args, "--json"))) == daemon.api.get(path).json()
    no(daemon.cli("show", "999999", "--json"), NOT_FOUND, '"code"')


def test_a_task_file_is_read_and_options_win(daemon, tmp_path):
    file = tmp_path / "task.yaml"
    file.write_text("name: from-file\ncommand: [sh, -c, 'echo $WORD']\nenv: {WORD: eins}\n"
                    f"stay_within: {POOL['region']}\n")
    id = submit(daemon, "--wait", "-f", str(file), "--name", "from-option", "--env", "WORD=zwei")
    assert ok(daemon.cli("logs", id)) == "zwei\n"
    assert "from-option" in ok(daemon.cli("show", id))


def test_a_script_runs(daemon, tmp_path):
    file = tmp_path / "work.sh"
    file.write_text("echo from a script\n")
    id = submit(daemon, "--wait", *HERE, "--script", str(file))
    assert ok(daemon.cli("logs", id)) == "from a script\n"


def test_files_go_in_and_come_out(daemon):
    (daemon.files / "in put.txt").write_text("words\n")
    ok(daemon.cli("submit", "--wait", *HERE, "--input", f"{daemon.files}/in put.txt=a",
                  "--output", f"b={daemon.files}/out.txt", "sh", "-c", "tr a-z A-Z < a > b"))
    assert (daemon.files / "out.txt").read_text() == "WORDS\n"


def test_a_drained_pool_holds_its_tasks_and_says_why(daemon):
    no(daemon.cli("pools", "drain", "centre"), USAGE, "--reason")
    ok(daemon.cli("pools", "drain", "centre", "--reason", "the fan is broken"))
    try:
        id = submit(daemon, *HERE, "true")
        assert "waiting" in ok(daemon.cli("ls"))
        assert "the fan is broken" in ok(daemon.cli("why", id))
        assert "drained" in ok(daemon.cli("pools"))
        assert "cancelled" in ok(daemon.cli("cancel", id))
        no(daemon.cli("cancel", id), CONFLICT)
    finally:
        ok(daemon.cli("pools", "resume", "centre"))


def test_a_running_task_is_cancelled(daemon):
    id = submit(daemon, *HERE, "sleep", "60")
    daemon.api.wait(id, states=("running",))
    ok(daemon.cli("cancel", id))
    assert daemon.api.wait(id)["state"] == "cancelled"


def test_data_sets_are_added_shown_and_removed(daemon):
    ok(daemon.cli("dataset", "add", "frames", "--url", f"file://{daemon.files}/x", "--level", "3",
                  "--region", "cn/50", "--size", "20G"))
    assert "20 GB" in ok(daemon.cli("data"))
    assert "hub" in ok(daemon.cli("submit", "--dry-run", "--input", "dataset:frames=f", "true"))
    ok(daemon.cli("dataset", "rm", "frames"))
    sure = ("--url", f"file://{daemon.files}/sure", "--level", "1", "--region", "cn/50")
    ok(daemon.cli("dataset", "add", "sure", *sure, "--size", "1048577", "--sha256", "0" * 64))
    shown = ok(daemon.cli("dataset", "show", "sure"))
    assert "1048577 bytes, checked" in shown and "0" * 64 in shown
    ok(daemon.cli("dataset", "rm", "sure"))
    for size in "0", "-1", "5x", "9" * 30:
        no(daemon.cli("dataset", "add", "sure", *sure, "--size", size), USAGE)
    no(daemon.cli("dataset", "add", "sure", *sure, "--sha256", "abc"), USAGE)
    no(daemon.cli("data", "show", "frames"), NOT_FOUND)
    no(daemon.cli("data", "add", "half", "--level", "3"), USAGE)


def test_a_new_token_is_shown_once_and_can_be_revoked(daemon, tmp_path):
    ok(daemon.cli("tenant", "new", "lab"))
    made = daemon.cli("token", "new", "--name", "bob", "--tenant", "lab", "--role", "user")
    text = ok(made).strip()
    assert text.startswith("sl_") and len(text) == 46
    assert text not in made.stderr and text not in ok(daemon.cli("token", "--json"))
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(0o600)
    ok(daemon.cli("ls", "--token-file", str(file)))
    no(daemon.cli("token", "--token-file", str(file)), NOT_ALLOWED)
    tokens = json.loads(ok(daemon.cli("token", "--json")))["tokens"]
    id = next(t["id"] for t in tokens if t["name"] == "bob")
    ok(daemon.cli("token", "revoke", str(id)))
    no(daemon.cli("ls", "--token-file", str(file)), NOT_ALLOWED)


def test_three_people_share_what_one_had():
    with Daemon() as d:
        ok(d.cli("tenant", "new", "lab", "--title", "实验室"))
        assert "实验室" in ok(d.cli("tenant"))
        no(d.cli("user", "new", "an", "--tenant", "lab", "--role", "user"), CONFLICT, "security")
        ok(d.cli("user", "new", "sun", "--tenant", "lab", "--role", "security", "--title", "孙"))
        ok(d.cli("user", "new", "an", "--tenant", "lab", "--role", "user"))
        no(d.cli("user", "change", "an", "--role", "admin"), NOT_ALLOWED, "only security")
        out = ok(d.cli("user"))
        assert "孙" in out and "security" in out
        assert "user,operator,admin " in ok(d.cli("token")) and "security" not in ok(d.cli("token"))
        ok(d.cli("user", "disable", "an"))
        assert "disabled" in ok(d.cli("user", "show", "an"))
        ok(d.cli("user", "rm", "an"))
        no(d.cli("user", "show", "an"), NOT_FOUND)
        ok(d.cli("tenant", "disable", "lab"))
        no(d.cli("tenant", "rm", "lab"), CONFLICT, "accounts")


def test_a_narrowed_token_does_what_it_is_for(tmp_path):
    with Daemon() as d:
        text = ok(d.cli("token", "new", "--name", "watcher", "--tenant", "default", "--role", "user",
                        "--scope", "tasks:read,pools:read", "--pool", "centre",
                        "--expires", "2099-01-01T12:00:00Z")).strip()
        file = tmp_path / "token"
        file.write_text(text)
        file.chmod(0o600)
        ok(d.cli("ls", "--token-file", str(file)))
        no(d.cli("submit", "--token-file", str(file), "true"), NOT_ALLOWED, "tasks:write")
        assert "2099-01-01" in ok(d.cli("token"))
        no(d.cli("token", "new", "--own", "--name", "x"), CONFLICT, "machine")


def test_a_token_that_others_can_read_is_refused(daemon):
    file = daemon.state / "token"
    file.chmod(0o644)
    try:
        words = no(daemon.cli("ls"), NOT_ALLOWED, "chmod 600")
        assert daemon.token not in words
    finally:
        file.chmod(0o600)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nobody_there_is_said_with_a_hint(daemon):
    no(daemon.cli("ls", "--server", "127.0.0.1:1"), UNREACHABLE,
       "could not reach suanlu at 127.0.0.1:1: connection refused", "suanlu serve")
    no(daemon.cli("ls", "--server", "127.0.0.1:1", "--lang", "zh"), UNREACHABLE, "连接被拒绝")


def test_a_list_is_shown_to_its_end():
    """A page has a thousand; the next begins after a name, or after a number."""
    with Daemon() as d:
        names = [f"t{n:04}" for n in range(1003)]

        def make(name):
            spec = {"name": name, "tenant": name, "roles": ["user"]}
            return (d.api.post("/v1/tenants", json={"name": name}).status_code,
                    d.api.post("/v1/tokens", json=spec).status_code)

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(make, names)) == {(201, 201)}
        for verb, column in (("tenant", 0), ("token", 1)):
            assert d.api.get(f"/v1/{verb}s").json()["next"]
            said = d.cli(verb, "ls")
            cells = [line.split() for line in said.stdout.splitlines()[1:]]
            assert sorted(c[column] for c in cells if c[column] != "default") == names and not said.stderr
            first = json.loads(d.cli(verb, "ls", "--json").stdout)
            assert first["next"] and len(first[f"{verb}s"]) == 1000


@pytest.mark.parametrize("args, words", [
    (("sumbit",), "no verb"),
    (("list",), "suanlu ls"),
    (("ls", "--everything"), "--everything"),
    (("ls", "--limit", "0"), "--limit"),
    (("ls", "12"), "suanlu show"),
    (("ls", "--state", "sleeping"), "state"),
    (("submit",), "what shall run"),
    (("submit", "--mem", "much", "true"), "--mem"),
    (("submit", "--nodes", "0", "true"), "nodes"),
    (("submit", "--deadline", "2001-01-01T00:00:00Z", "true"), "deadline"),
    (("submit", "job.sbatch"), "could not open job.sbatch"),
    (("submit", "-f", "/nowhere.yaml"), "/nowhere.yaml"),
    (("show",), "id"),
    (("logs", "1", "2"), "id"),
    (("pools", "burn"), "burn"),
    (("token", "new", "--name", "x"), "--tenant"),
    (("token", "ls", "--scope", "tasks:read"), "token new"),
    (("tenant", "burn"), "burn"),
    (("tenant", "ls", "--title", "x"), "`tenant new`"),
    (("user", "new", "li"), "--tenant"),
    (("user", "change", "li"), "--role"),
    (("ls", "--server", "what is this"), "address"),
])
def test_a_slip_is_answered_with_what_to_do(daemon, args, words):
    no(daemon.cli(*args), USAGE, words)


@pytest.mark.parametrize("verb", [
    "submit", "ls", "show", "why", "logs", "cancel", "pools", "dataset", "tenant", "user", "token", "node"])
def test_every_verb_explains_itself_in_both_languages(daemon, verb):
    assert ok(daemon.cli(verb, "--help")).startswith(f"usage: suanlu {verb}")
    assert ok(daemon.cli(verb, "--help", "--lang", "zh")).startswith(f"用法：suanlu {verb}")


def test_a_watched_task_survives_a_restart_of_the_daemon():
    with Daemon({"pools": CITY, "listen": "127.0.0.1:0"}) as d:
        id = submit(d, *HERE, "sh", "-c", "sleep 3; echo fertig")
        d.api.wait(id, states=("running",))
        address = (d.state / "address").read_text().strip()
        d.config["listen"] = address
        d.config_file.write_text(json.dumps(d.config))
        env = dict(d.env, SUANLU_STATE=str(d.state))
        logs = subprocess.Popen([d.program, "logs", "-f", id], env=env, stdout=subprocess.PIPE)
        time.sleep(0.5)
        d.kill()
        d.start()
        out, _ = logs.communicate(timeout=60)
        assert logs.returncode == OK and out == b"fertig\n"


def test_tables_have_no_colour_and_no_cut_in_a_pipe(daemon):
    name = "a-name-that-is-much-longer-than-any-terminal-is-wide-" * 2
    submit(daemon, "--wait", "--name", name, *HERE, "true")
    out = ok(daemon.cli("ls", "--all", "--limit", "1"))
    assert name in out and "\033" not in out


@pytest.mark.parametrize("args", [
    ("show", "12\033[2J"), ("12\033[2J",), ("submit", "--level", "\033[2J", "true"),
    ("submit", "--name", "\033[2J", "true"), ("ls", "--server", "\033[2J"),
])
def test_no_text_moves_the_cursor(daemon, args):
    assert "\033" not in no(daemon.cli(*args), USAGE)


def test_a_full_disk_is_not_success(daemon):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    env = dict(daemon.env, SUANLU_STATE=str(daemon.state))
    with open("/dev/full", "wb") as full:
        result = subprocess.run([daemon.program, "pools"], env=env, stdout=full,
                                stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 8 and result.stderr
