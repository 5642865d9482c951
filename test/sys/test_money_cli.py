"""The verbs price, voucher, budget and statement, as people type them."""

import csv
import json
import pathlib
import sys

import openpyxl
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import ROOT, Daemon  # noqa: E402

HUB = {"name": "hub", "region": "cn/62", "owner": "hub-co", "engine": "fake", "clearance": 4,
       "price": {"cpu_hour": "3600.00"}, "groups": [{"count": 1, "cpus": 8, "memory_mb": 8192}]}
UNTIL = "2036-01-01T00:00:00+08:00"


@pytest.fixture(scope="module")
def node():
    with Daemon({"pools": [HUB]}) as d:
        for name in ("acme", "mine"):
            assert d.api.post("/v1/tenants", json={"name": name}).status_code == 201
        yield d


def said(node, *args, code=0):
    r = node.cli(*args)
    assert r.returncode == code, r.stdout + r.stderr
    return r.stdout + r.stderr


@pytest.mark.parametrize("place,rate", [("shanghai", (0.3, 0.3)), ("hangzhou", (0.3, 0.2)),
                                        ("henan", (0.2, 0.2))])
def test_the_published_schemes_can_be_issued_from_their_files(node, place, rate):
    file = str(ROOT / "examples" / "vouchers" / f"{place}.yaml")
    out = said(node, "voucher", "new", "-f", file, "--tenant", "acme", "--face", "300000", "--until",
               UNTIL, "--json")
    v = json.loads(out)
    assert (v["rate"]["domestic"], v["rate"]["other"]) == rate
    assert v["issuer"] == place and v["face_micro"] == 300000000000
    shown = said(node, "voucher", "show", str(v["id"]))
    assert "300000.00" in shown and v["title"] in shown


def test_an_option_goes_before_the_file(node, tmp_path):
    file = tmp_path / "v.yaml"
    file.write_text("issuer: park\nrate: 0.1\ntenant: other\nface_micro: 1\n")
    out = said(node, "voucher", "new", "--tenant", "mine", "-f", str(file), "--face", "0.5", "--until",
               UNTIL, "--json")
    assert (json.loads(out)["tenant"], json.loads(out)["face_micro"]) == ("mine", 500000)


def test_vouchers_are_listed_in_both_languages(node):
    assert "PAYS" in said(node, "voucher") and "30% domestic, 20%" in said(node, "voucher", "ls")
    assert "国产 30%，其他 20%" in said(node, "voucher", "--lang", "zh")


def test_a_voucher_is_withdrawn_with_a_reason(node):
    assert "wants --reason" in said(node, "voucher", "withdraw", "1", code=2)
    assert "is withdrawn" in said(node, "voucher", "withdraw", "1", "--reason", "misused")
    said(node, "voucher", "withdraw", "1", "--reason", "again", code=7)
    assert "withdrawn" in said(node, "voucher", "show", "1")
    assert "withdrawal" in said(node, "statement", "--issuer", "shanghai")
    assert "撤回" in said(node, "statement", "--issuer", "shanghai", "--lang", "zh")


def test_prices_are_set_and_listed(node):
    assert "no price was set" in said(node, "price")
    said(node, "price", "set", "hub", "--cpu-hour", "1800")
    said(node, "price", "set", "hub", "--chip", "cpu", "--cpu-hour", "3600", "--from", UNTIL)
    out = said(node, "price", "ls")
    assert "1800.00" in out and "3600.00" in out and "cpu" in out
    assert "wants --cpu-hour" in said(node, "price", "set", "hub", code=2)
    assert "no pool of this name" in said(node, "price", "set", "no-such", "--cpu-hour", "1", code=2)


def test_a_budget_is_filled_used_and_shown(node):
    out = said(node, "budget", "set", "default", "--add", "100000.5", "--reason", "June")
    assert "¥100000.50" in out and "its budget" in out
    id = said(node, "submit", "--", "sleep", "0.2").split()[-1]
    task = node.api.wait(node.api.get("/v1/tasks").json()["tasks"][0]["id"])
    left = json.loads(said(node, "budget", "--json"))
    assert left["available_micro"] == 100000500000 - task["cost_micro"] and task["cost_micro"] > 0
    assert "came back to the tenant" in said(node, "budget", "refund", task["id"], "--reason", "sorry")
    assert json.loads(said(node, "budget", "--json"))["available_micro"] == 100000500000
    said(node, "budget", "set", "default", "--take", "200000", "--reason", "x", code=7)
    assert "wants --reason" in said(node, "budget", "set", "default", "--add", "1", code=2)
    assert "yuan" in said(node, "budget", "set", "default", "--add", "much", "--reason", "x", code=2)
    assert id


def test_a_statement_is_shown_and_written(node, tmp_path):
    out = said(node, "statement")
    assert "refund" in out and "sum" in out
    assert "合计" in said(node, "statement", "--lang", "zh", "--by", "day")
    table = tmp_path / "s.csv"
    said(node, "statement", "--owner", "hub-co", "-o", str(table))
    rows = list(csv.reader(table.open(encoding="utf-8-sig")))
    assert rows[0][9] == "Amount (yuan)" and rows[-1][9] == "0.000000"    # refunded in full
    assert oct(table.stat().st_mode & 0o777) == "0o600"
    book = tmp_path / "s.xlsx"
    said(node, "statement", "--lang", "zh", "-o", str(book))
    sheet = openpyxl.load_workbook(book).active
    assert sheet["A1"].value == "租户对账单" and sheet["A2"].value == "default"


@pytest.mark.parametrize("args,words", [
    (("statement", "-o", "x.pdf"), ".csv or .xlsx"),
    (("statement", "extra"), "too much"),
    (("statement", "--month", "2026-99"), "must be a month"),
    (("statement", "-o", "/no/such/place.csv"), "could not write"),
    (("voucher", "new", "-f", "/no/such.yaml"), "/no/such.yaml"),
    (("voucher", "show", "x"), "not the id"),
    (("voucher", "buy"), 'there is no "voucher buy"'),
    (("price", "ls", "--chip", "cpu"), "go with `price set`"),
    (("budget", "show"), "wants a name"),
])
def test_what_is_wrong_is_said(node, args, words):
    r = node.cli(*args)
    assert r.returncode != 0 and words in r.stderr
