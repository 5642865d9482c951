"""soak_check.py - what was acknowledged, what ran, and what the node says, held against each other

Three witnesses: the Ledger (answers that clients got), the marks (one line when a script begins and one
when it ends, written by the runs themselves), and the journal (tasks and events, through the API).
"""
import collections
import contextlib
import datetime
import sqlite3
import time

from soak_load import events

OVER = ("done", "failed", "cancelled", "refused")


class Mark:
    """What one run left behind."""

    def __init__(self):
        self.starts, self.ends, self.codes = [], [], []


def read_marks(path):
    """task number -> {attempt -> Mark}"""
    marks = collections.defaultdict(dict)
    if not path.exists():
        return marks
    for line in path.read_text().splitlines():
        what, task, run, ns, *code = line.split()
        m = marks[int(task)].setdefault(int(run.rsplit("-", 1)[1]), Mark())
        (m.starts if what == "start" else m.ends).append(int(ns))
        if code:
            m.codes.append(int(code[0]))
    return marks


class Check:
    def __init__(self, soak):
        self.soak, self.node, self.ledger = soak, soak.node, soak.ledger
        self.findings = []
        self.unsaid = 0                 # runs that went well, and whose shim was killed before it could say so
        self.tasks = {}                 # number -> task as the node tells it

    def wrong(self, text):
        self.findings.append(text)

    def settle(self, seconds):
        """Wait until everything that was acknowledged is over, and read it."""
        left = collections.deque((e, i) for e in self.ledger.expected for i in range(e.n))
        end = time.monotonic() + seconds
        while left:
            e, i = left.popleft()
            id = f"{e.id}_{i}" if e.kind in ("array",) or e.n > 1 else str(e.id)
            status, t = self.node.call("GET", f"/v1/tasks/{id}")
            if status != 200:
                self.wrong(f"{e.name}: task {id} was acknowledged and is gone: {status}")
            elif t["state"] in OVER:
                self.tasks[e.id + i] = t
            elif time.monotonic() > end:
                self.wrong(f"{e.name}: task {id} is still {t['state']} ({t['reason']})")
            else:
                left.append((e, i))
                time.sleep(0.02)

    def numbers(self):
        """Task numbers are dense: each belongs to one acknowledged submission, and none to nobody."""
        owner = {}
        for e in self.ledger.expected:
            for no in range(e.id, e.id + e.n):
                if no in owner:
                    self.wrong(f"task {no} was acknowledged twice: {owner[no]} and {e.name}")
                owner[no] = e.name
        gaps = set(range(1, max(owner, default=0) + 1)) - set(owner)
        if gaps:
            self.wrong(f"tasks that nobody was told of: {sorted(gaps)[:10]}")
        for no, t in self.tasks.items():
            if t["name"] != owner.get(no):
                self.wrong(f"task {no} is {t['name']}, acknowledged as {owner.get(no)}")

    def events(self):
        """What the watcher heard stands in the journal, word for word; the last state agrees."""
        last, durable = {}, self.node.call("GET", "/v1/node")[1]["store"]["durable"]
        seen, at = 0, 0
        with contextlib.suppress(OSError):
            for seq, event in events(self.node, 0, lambda: at >= durable, silent_s=10):
                at = seq
                if self.ledger.heard.get(seq, event) != event:
                    self.wrong(f"event {seq} was told as {self.ledger.heard[seq]} and is {event}")
                seen += seq in self.ledger.heard
                if event["event"] == "choose" and event.get("pool") == "b":
                    self.drained(event)
                if event.get("state") and event["task"]:
                    last[event["task"]] = event["state"]
        if seen != len(self.ledger.heard):
            self.wrong(f"{len(self.ledger.heard) - seen} events were told and are not in the journal")
        for t in self.tasks.values():
            if last.get(t["id"]) != t["state"]:
                self.wrong(f"task {t['id']} is {t['state']}, its last event says {last.get(t['id'])}")
        return at

    def drained(self, event):
        ms = stamp_ns(event["at"]) / 1e6
        for since, until in self.ledger.pool_b:
            if since + 5 < ms < until - 5:
                self.wrong(f"task {event['task']} was sent to a drained pool at {event['at']}")

    def runs(self, marks):
        """One start for each run, one run at a time, and as many as the node counts."""
        for no, by_attempt in marks.items():
            if no not in self.tasks:
                self.wrong(f"task {no} ran and was acknowledged to nobody")
                continue
            before = None
            for attempt in sorted(by_attempt):
                m = by_attempt[attempt]
                if len(m.starts) != 1 or len(m.ends) > 1:
                    self.wrong(f"run {no}-{attempt} began {len(m.starts)} times and ended {len(m.ends)} times")
                    continue
                if before and m.starts[0] < max(before.starts + before.ends):
                    self.wrong(f"task {no}: run {attempt} began while the one before it went on")
                before = m
            if max(by_attempt) > self.tasks[no]["attempt"]:
                self.wrong(f"task {no} ran {max(by_attempt)} times, the node counts {self.tasks[no]['attempt']}")

    def ends(self, marks):
        """Each task ended as it had to, after as many runs as it had to have."""
        for e in self.ledger.expected:
            for no in range(e.id, e.id + e.n):
                t, ran = self.tasks.get(no), marks.get(no, {})
                if not t:
                    continue
                if e.local:
                    self.local_end(e, no, t, ran)
                elif t["state"] not in ("done", "failed") and not e.cancel_asked:
                    self.wrong(f"{e.name}: {t['state']} ({t['reason']})")

    def local_end(self, e, no, t, ran):
        code = (t["reason"] or {}).get("code")
        good = [a for a, m in ran.items() if m.codes == [0] and not self.unheard(no, a, t)]
        where = f"{e.name} (task {t['id']}, {t['state']}, {code}, attempt {t['attempt']}, lost {t['lost']})"
        if t["state"] == "done":
            if good != [t["attempt"]]:
                self.wrong(f"{where}: done, but the runs that went well are {good}")
            if t["attempt"] != 1 + t["failures"] + t["lost"]:
                self.wrong(f"{where}: the figures do not add up: {t['failures']} failures")
            if len(ran) < t["attempt"] - t["lost"]:
                self.wrong(f"{where}: only {len(ran)} runs left a mark")
            if not t["lost"] and t["attempt"] != 1 + min(e.fails, e.retries):
                self.wrong(f"{where}: {e.fails} failures were due")
        elif t["state"] == "failed" and code == "dependency":
            if not e.after or ran:
                self.wrong(f"{where}: given up without a reason, or after it ran")
        elif t["state"] == "failed":
            if not e.bad or good:
                self.wrong(f"{where}: nothing should have failed")
            if not t["lost"] and len(ran) != 1 + e.retries:
                self.wrong(f"{where}: {len(ran)} runs")
        elif t["state"] == "cancelled":
            if not e.cancel_asked:      # its answer may have been cut off, and the next one was 409
                self.wrong(f"{where}: nobody cancelled it")
        else:
            self.wrong(f"{where}: that cannot be")

    def unheard(self, no, attempt, t):
        """Between the last word of a script and the result that its shim writes, only the shim knows how it
        ended: killed then, the run is lost however well it went, and the task runs again."""
        if attempt == t["attempt"] or (no, attempt) not in self.soak.shims_killed:
            return False
        self.unsaid += 1
        return True

    def losses(self):
        """A run is lost only where its own shim was killed."""
        for no, t in self.tasks.items():
            if not t["lost"] or t["pool"] not in ("a", "b"):
                continue
            runs = self.node.call("GET", f"/v1/tasks/{t['id']}/runs")[1]["runs"]
            for run in runs:
                if run["end"] == "lost" and (no, run["attempt"]) not in self.soak.shims_killed:
                    self.wrong(f"task {t['id']}: run {run['attempt']} was taken for lost, nobody killed its shim")

    def cancels(self, marks):
        """After a cancel was answered a task may still end by itself, but not begin."""
        for e in self.ledger.expected:
            for no in range(e.id, e.id + e.n) if e.cancelled_ns else ():
                for attempt, m in marks.get(no, {}).items():
                    if m.starts and min(m.starts) > e.cancelled_ns + self.soak.slack_ns:
                        late = (min(m.starts) - e.cancelled_ns) / 1e6
                        self.wrong(f"{e.name}: run {no}-{attempt} began {late:.0f} ms after the cancel was answered")

    def orders(self, marks):
        """Dependencies and array limits, by the marks."""
        for e in self.ledger.expected:
            if e.limit:
                self.limit(e, marks)
            if e.after:
                self.dependency(e, marks.get(e.id, {}))

    def limit(self, e, marks):
        moves = []
        for no in range(e.id, e.id + e.n):
            for m in marks.get(no, {}).values():
                if m.starts and m.ends:
                    moves += [(m.starts[0], 1), (m.ends[0], -1)]
        alive = 0
        for _, step in sorted(moves):
            alive += step
            if alive > e.limit:
                self.wrong(f"{e.name}: {alive} elements at once, {e.limit} allowed")
                return

    def dependency(self, e, ran):
        on = [self.tasks.get(no) for no in range(e.after.id, e.after.id + e.after.n)]
        t = self.tasks.get(e.id)
        if not t or None in on:
            return
        good = [x["state"] == "done" for x in on]
        met = {"done": all(good), "ended": True, "failed": not all(good)}[e.when]
        gave_up = t["state"] == "failed" and (t["reason"] or {}).get("code") == "dependency"
        if ran and not met:
            self.wrong(f"{e.name} ran after {e.after.name}, which was not {e.when}")
        if gave_up and met:
            self.wrong(f"{e.name} was given up although {e.after.name} was {e.when}")
        if ran and e.when != "failed":
            begun = min(m.starts[0] for m in ran.values() if m.starts)
            ended = max(stamp_ns(x["ended_at"]) for x in on)
            if begun < ended - 5_000_000:
                self.wrong(f"{e.name} began before {e.after.name} was over")

    def leftovers(self):
        """Nothing holds room, and nothing is alive."""
        for name in ("a", "b", "flaps"):
            pool = self.node.call("GET", f"/v1/pools/{name}")[1]
            if pool["running"] or pool["state"]["cpus_free"] != pool["state"]["cpus"]:
                self.wrong(f"pool {name} is not empty: {pool['running']} runs, {pool['state']['cpus_free']} cpus free")
        if self.node.shims():
            self.wrong(f"shims are left, over the runs {sorted(self.node.shims().values())}")

    def outputs(self):
        for e in self.ledger.expected:
            if e.kind == "input" and self.tasks.get(e.id, {}).get("state") == "done":
                out = self.node.files / e.name
                if not out.exists() or out.read_text() != self.soak.input_text:
                    self.wrong(f"{e.name}: its output is not its input")

    def journal(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.node.dir}/state/suanlu.db?mode=ro", uri=True)) as db:
            if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                self.wrong("the journal is damaged")
            n, low, high = db.execute("SELECT count(*), min(seq), max(seq) FROM record").fetchone()
            if (n, low) != (high, 1):
                self.wrong(f"rows are missing from the journal: {n} of {low} to {high}")
        return n


def stamp_ns(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e9)
