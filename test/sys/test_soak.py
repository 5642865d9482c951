"""The soak, for a short time and with the sanitizers on; and that what it looks for would be found.

SUANLU_SOAK_S sets how long it goes on; ./dev soak SECONDS runs it alone.
"""

import argparse
import os
import pathlib
import random
import runpy
import signal
import sys
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parents[1] / "soak"
SECONDS = float(os.environ.get("SUANLU_SOAK_S", "25"))

sys.path.insert(0, str(HERE))
from soak_check import Check, read_marks  # noqa: E402

Soak = runpy.run_path(str(HERE / "soak"), run_name="soak")["Soak"]


@pytest.fixture(scope="module")
def soaked():
    """A node that went through it, still up; with what was acknowledged."""
    seed = int(os.environ.get("SUANLU_SEED", random.SystemRandom().randrange(1 << 31)))
    print(f"\nseed {seed}, {SECONDS:.0f} s")
    where = tempfile.mkdtemp(prefix="suanlu-soak-", dir="/var/tmp")
    soak = Soak(argparse.Namespace(seed=seed, rate=6.0, every=1.5), where)
    try:
        soak.prepare()
        soak.run(SECONDS)
        assert not soak.failure, f"seed {seed}: {soak.failure}"
        check = Check(soak)
        check.settle(120)
        yield soak, check
        log = (soak.node.dir / "daemon.log").read_text(errors="replace")
        assert "AddressSanitizer" not in log and "runtime error" not in log, log
    finally:
        soak.node.remove()


def findings(soaked, look):
    soak, check = soaked
    again = Check(soak)
    again.tasks = dict(check.tasks)
    look(again)
    return again.findings


def test_nothing_acknowledged_is_lost_and_nothing_runs_twice(soaked):
    soak, check = soaked
    marks = read_marks(soak.node.marks)

    def all_of_it(c):
        c.numbers()
        c.runs(marks)
        c.ends(marks)
        c.cancels(marks)
        c.orders(marks)
        c.events()
        c.outputs()
        c.losses()
        c.leftovers()
    assert not check.findings, check.findings
    assert not findings(soaked, all_of_it)
    assert soak.kills >= SECONDS / 5 and len(check.tasks) > SECONDS
    assert {e.kind for e in soak.ledger.expected} >= {"single", "batch", "flaps"}


def test_a_run_that_begins_twice_would_be_found(soaked):
    marks = read_marks(soaked[0].node.marks)
    mark = next(m for runs in marks.values() for m in runs.values() if m.starts)
    mark.starts.append(mark.starts[0] + 1)
    assert any("began 2 times" in f for f in findings(soaked, lambda c: c.runs(marks)))


def test_two_runs_at_once_would_be_found(soaked):
    marks = read_marks(soaked[0].node.marks)
    runs = next(r for r in marks.values() if len(r) == 1 and next(iter(r.values())).ends)
    (attempt, mark), = runs.items()
    runs[attempt + 1] = type(mark)()
    runs[attempt + 1].starts.append(mark.ends[0] - 1)
    assert any("while the one before it went on" in f for f in findings(soaked, lambda c: c.runs(marks)))


def test_a_run_without_a_task_would_be_found(soaked):
    marks = read_marks(soaked[0].node.marks)
    marks[10 ** 9] = next(iter(marks.values()))
    assert any("acknowledged to nobody" in f for f in findings(soaked, lambda c: c.runs(marks)))


def test_a_done_task_that_left_no_mark_would_be_found(soaked):
    marks = read_marks(soaked[0].node.marks)
    marks.pop(next(no for no, t in soaked[1].tasks.items() if t["state"] == "done" and no in marks))
    assert any("done, but the runs that went well are []" in f for f in findings(soaked, lambda c: c.ends(marks)))


def test_a_second_good_run_would_be_found(soaked):
    soak, check = soaked
    marks = read_marks(soak.node.marks)
    no, t = next((no, t) for no, t in check.tasks.items() if t["state"] == "done" and t["attempt"] == 1 and no in marks)
    marks[no][2] = marks[no][1]
    t = dict(t, attempt=2, lost=1)
    again = Check(soak)
    again.tasks = {**check.tasks, no: t}
    again.ends(marks)
    assert any("the runs that went well are [1, 2]" in f for f in again.findings), again.findings
    again = Check(soak)                         # unless the first one's shim was killed
    again.tasks = {**check.tasks, no: t}
    soak.shims_killed.append((no, 1))
    try:
        again.ends(marks)
    finally:
        soak.shims_killed.remove((no, 1))
    assert not again.findings and again.unsaid


def test_a_run_whose_shim_dies_after_its_last_word_is_lost_and_runs_again(soaked):
    """Shown by hand what the soak meets by chance: the shim stands still while the script ends, and is killed."""
    soak, _ = soaked
    words = soak.node.dir / "words"
    status, t = soak.node.call("POST", "/v1/tasks", {
        "script": f"echo >{words}.begun; sleep 2; echo $SUANLU_RUN >>{words}", "cpus": 0.25, "memory_mb": 16,
        "walltime_s": 60, "stay_within": "cn/50"})
    assert status == 201, t
    # A shim that stands still before its script began would never begin it.
    until(lambda: (words.parent / "words.begun").exists())
    shim = until(lambda: [pid for pid, run in soak.node.shims().items() if run == (int(t["id"]), 1)])[0]
    os.kill(shim, signal.SIGSTOP)
    until(lambda: words.exists())
    time.sleep(0.3)
    os.kill(shim, signal.SIGKILL)
    done = until(lambda: [d for d in [soak.node.call("GET", f"/v1/tasks/{t['id']}")[1]] if d["state"] == "done"])[0]
    assert (done["attempt"], done["lost"]) == (2, 1)
    assert [w.rsplit("-", 1)[1] for w in words.read_text().split()] == ["1", "2"]


def test_a_loss_that_nobody_caused_would_be_found(soaked):
    """The run of the test before: its shim is not in the soak's book."""
    soak, check = soaked
    _, listed = soak.node.call("GET", "/v1/tasks?state=done&limit=100")
    again = Check(soak)
    again.tasks = {int(t["id"]): t for t in listed["tasks"] if t["lost"] and "_" not in str(t["id"])}
    again.losses()
    assert any("nobody killed its shim" in f for f in again.findings), (again.findings, again.tasks)


def until(look, seconds=30):
    end = time.monotonic() + seconds
    while not (got := look()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return got


def test_a_lost_task_would_be_found(soaked):
    soak, _ = soaked
    gone = soak.ledger.expected.pop(len(soak.ledger.expected) // 2)
    try:
        assert any("nobody was told of" in f for f in findings(soaked, lambda c: c.numbers()))
    finally:
        soak.ledger.expected.append(gone)


def test_an_event_that_was_told_and_is_not_in_the_journal_would_be_found(soaked):
    soak, _ = soaked
    soak.ledger.heard[10 ** 9] = {"seq": 10 ** 9}
    try:
        assert any("1 events were told" in f for f in findings(soaked, lambda c: c.events()))
    finally:
        del soak.ledger.heard[10 ** 9]
