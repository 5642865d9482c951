"""tools/check-layers: the tree keeps to the tables of doc/house.md, and a breach is found."""
import functools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tree  # noqa: E402
from tree import ROOT  # noqa: E402

check = functools.partial(tree.check, "check-layers")


@pytest.fixture
def copy(tmp_path):
    return tree.copy(tmp_path, "doc/house.md")


def test_the_tree_keeps_to_the_house():
    r = check(ROOT)
    assert r.returncode == 0, r.stdout + r.stderr


@pytest.mark.parametrize("file, line, rule", [
    ("base/planted.c", '#include "domain/task.h"', 'base may not use "domain/task.h", only: itself'),
    ("domain/planted.c", '#include "flow/flow.h"', 'domain may not use "flow/flow.h"'),
    ("select/planted.h", '  #  include "store/store.h"', 'select may not use "store/store.h"'),
    ("flow/planted.c", '#include "store/queue.h"', 'flow may not use "store/queue.h"'),
    ("cmd/planted.c", '#include "domain/pool.h"', 'cmd may not use "domain/pool.h"'),
    ("api/planted.c", '#include "engine/engine.h"', 'api may not use "engine/engine.h"'),
    ("store/planted.c", '#include "config.h"', 'store may not use "config.h"'),
    ("flow/planted.c", "#include <sqlite3.h>", "flow may not use <sqlite3.h>, only: store"),
    ("select/planted.c", "#include <uv.h>", "select may not use <uv.h>"),
    ("engine/planted.c", "#include <curl/curl.h>", "engine may not use <curl/curl.h>"),
    ("store/planted.c", "#include <libpq-fe.h>", "a new part needs a decision"),
    ("base/planted.c", '#include "../domain/task.h"', "name headers from there"),
    ("base/planted.c", '#include "err.h"', "name headers from there"),
    ("select/planted.c", "long f(void) { return clock_now_ms (); }", "clock_now_ms() may not be called"),
    ("domain/planted.c", "void *f(void) { return fopen(\"x\", \"r\"); }", "fopen() may not be called"),
    ("planted/planted.c", '#include "base/err.h"', "the room planted is not in the table"),
])
def test_a_planted_breach_is_found(copy, file, line, rule):
    planted = copy / "src" / file
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"/* planted.c - a breach */\n{line}\n")
    r = check(copy)
    assert r.returncode == 1
    at = 1 if file.startswith("planted/") else 2
    found = [x for x in r.stdout.splitlines() if "planted" in x]
    assert len(found) == 1 and found[0].startswith(f"src/{file}:{at}: "), r.stdout
    assert rule in found[0]


@pytest.mark.parametrize("line", [
    "/* clock_now_ms() is given, never read here */",
    'const char *f(void) { return "time()"; }',
    "// open( is for others",
    "int reopen(void); int my_time(void);",
    "#include <sys/stat.h>\n#include <uthash.h>\n#include \"base/err.h\"",
])
def test_what_only_looks_like_a_breach_is_none(copy, line):
    (copy / "src/select/planted.c").write_text(f"{line}\n")
    assert "planted.c" not in check(copy).stdout


@pytest.mark.parametrize("head", ["| room | may use |", "| outside header | rooms |", "| word | never in |"])
def test_a_house_without_its_table_is_no_house(copy, head):
    house = copy / "doc/house.md"
    house.write_text(house.read_text().replace(head, "| x | y |"))
    r = check(copy)
    assert r.returncode == 1 and "has no table" in r.stderr
