"""Every row of the table of routes, asked by every role, by nobody, and with every scope.

THOUGHT_OF is written by hand, apart from the code: a new row fails here until somebody has thought about who
may use it. Keep it in the order of src/api/routes.c.
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import CONTRACT, Daemon  # noqa: E402
from test_openapi import routes  # noqa: E402

ROLES = ("user", "operator", "admin", "security", "auditor")
ALL = " ".join(ROLES)
PUBLIC = "public"

THOUGHT_OF = {
    "GET /healthz": (PUBLIC, None),
    "GET /readyz": (PUBLIC, None),
    "GET /metrics": (ALL, "node:read"),
    "GET /": (PUBLIC, None),
    "GET /console/": (PUBLIC, None),
    "GET /console/{file}": (PUBLIC, None),
    "GET /v1/node": (ALL, "node:read"),
    "GET /v1/accelerators": (ALL, "node:read"),
    "POST /v1/tasks": ("user", "tasks:write"),
    "POST /v1/batches": ("user", "tasks:write"),
    "GET /v1/tasks": (ALL, "tasks:read"),
    "GET /v1/tasks/{id}": (ALL, "tasks:read"),
    "POST /v1/tasks/{id}/cancel": ("user operator", "tasks:write"),
    "GET /v1/tasks/{id}/runs": (ALL, "tasks:read"),
    "GET /v1/tasks/{id}/decisions": (ALL, "tasks:read"),
    "GET /v1/tasks/{id}/logs": (ALL, "tasks:read"),
    "GET /v1/tasks/{id}/events": (ALL, "tasks:read"),
    "GET /v1/events": (ALL, "tasks:read"),
    "GET /v1/history": (ALL, "tasks:read"),
    "POST /v1/decisions": ("user operator", "tasks:read"),
    "GET /v1/pools": (ALL, "pools:read"),
    "GET /v1/pools/{name}": (ALL, "pools:read"),
    "POST /v1/pools/{name}/drain": ("operator", "pools:write"),
    "POST /v1/pools/{name}/lost": ("operator", "pools:write"),
    "POST /v1/pools/{name}/resume": ("operator", "pools:write"),
    "POST /v1/pools/{name}/clearance": ("security", "pools:write"),
    "GET /v1/datasets": (ALL, "data:read"),
    "POST /v1/datasets": ("user security", "data:write"),
    "GET /v1/datasets/{name}": (ALL, "data:read"),
    "DELETE /v1/datasets/{name}": ("user security", "data:write"),
    "GET /v1/quota": (ALL, "tasks:read"),
    "GET /v1/quotas": ("operator admin security auditor", "identity:read"),
    "GET /v1/quotas/{name}": (ALL, "tasks:read"),
    "POST /v1/quotas/{name}": ("admin", "identity:write"),
    "GET /v1/datasets/{name}/report": ("security auditor", "audit:read"),
    "GET /v1/audit": ("auditor", "audit:read"),
    "GET /v1/audit/head": ("auditor", "audit:read"),
    "GET /v1/tenants": ("admin security auditor", "identity:read"),
    "POST /v1/tenants": ("admin", "identity:write"),
    "GET /v1/tenants/{name}": ("admin security auditor", "identity:read"),
    "POST /v1/tenants/{name}": ("admin", "identity:write"),
    "DELETE /v1/tenants/{name}": ("admin", "identity:write"),
    "GET /v1/users": ("admin security auditor", "identity:read"),
    "POST /v1/users": ("admin", "identity:write"),
    "GET /v1/users/{name}": ("admin security auditor", "identity:read"),
    "POST /v1/users/{name}": ("admin security", "identity:write"),
    "DELETE /v1/users/{name}": ("admin security", "identity:write"),
    "POST /v1/users/{name}/password": ("admin security", "identity:write"),
    "POST /v1/session": (PUBLIC, None),
    "DELETE /v1/session": (ALL, "self"),
    "GET /v1/session/providers": (PUBLIC, None),
    "GET /v1/session/providers/{name}": (PUBLIC, None),
    "GET /v1/session/callback": (PUBLIC, None),
    "POST /v1/session/password": (ALL, "self"),
    "GET /v1/session": (ALL, "self"),
    "GET /v1/session/tokens": (ALL, "self"),
    "POST /v1/session/tokens": (ALL, "self"),
    "DELETE /v1/session/tokens/{id}": (ALL, "self"),
    "GET /v1/prices": (ALL, "ledger:read"),
    "POST /v1/prices": ("operator", "ledger:write"),
    "GET /v1/vouchers": (ALL, "ledger:read"),
    "POST /v1/vouchers": ("operator", "ledger:write"),
    "GET /v1/vouchers/{id}": (ALL, "ledger:read"),
    "POST /v1/vouchers/{id}/withdraw": ("operator", "ledger:write"),
    "GET /v1/budgets": (ALL, "ledger:read"),
    "POST /v1/budgets": ("operator", "ledger:write"),
    "POST /v1/tasks/{id}/refund": ("operator", "ledger:write"),
    "GET /v1/ledger": ("operator admin auditor", "ledger:read"),
    "GET /v1/statements": (ALL, "ledger:read"),
    "GET /v1/tokens": ("admin security auditor", "identity:read"),
    "POST /v1/tokens": ("admin", "identity:write"),
    "DELETE /v1/tokens/{id}": ("admin security", "identity:write"),
    "GET /ga4gh/tes/v1/service-info": (ALL, "tasks:read"),
    "POST /ga4gh/tes/v1/tasks": ("user", "tasks:write"),
    "GET /ga4gh/tes/v1/tasks": (ALL, "tasks:read"),
    "GET /ga4gh/tes/v1/tasks/{id}": (ALL, "tasks:read"),
    "POST /ga4gh/tes/v1/tasks/{id}:cancel": ("user operator", "tasks:write"),
}

# What an auditor may do beside reading: to its own session.
AUDITOR_WRITES = "/v1/session"

ROWS = [(*row.split(" "), *rule) for row, rule in THOUGHT_OF.items()]
IDS = list(THOUGHT_OF)


@pytest.fixture(scope="module")
def node():
    with Daemon() as d:
        yield d


@pytest.fixture(scope="module")
def clients(node):
    """A client for each (role, scope); scope None: not narrowed."""
    made = {}

    def get(role, scope=None):
        if (role, scope) not in made:
            name = f"{role}-{scope or 'all'}".replace(":", "-")
            spec = {"name": name, "tenant": "default", "roles": [role]}
            if scope:
                spec["scopes"] = [scope]
            text = node.api.post("/v1/tokens", json=spec).json()["token"]
            made[role, scope] = node.client(text)
        return made[role, scope]

    yield get
    for client in made.values():
        client.close()


@pytest.fixture(scope="module")
def strangers(node):
    """Nobody, and somebody with a token that is not known."""
    with node.client(token="") as nobody, node.client(token="sl_" + "x" * 42 + "A") as stranger:
        yield nobody, stranger


def ask(client, method, path):
    path = path.replace("{id}", "999999").replace("{name}", "no-such")
    with client.stream(method, path) as response:       # a stream of events does not end
        return response.status_code


def test_every_row_was_thought_about():
    there = {f"{method} {path}": (set(roles.split(",")), scope)
             for (method, path), (roles, _, scope) in routes().items()}
    assert not set(there) - set(THOUGHT_OF), "rows of src/api/routes.c that nobody thought about"
    assert not set(THOUGHT_OF) - set(there), "rows that are gone"
    for row, (roles, scope) in THOUGHT_OF.items():
        assert there[row] == (set(roles.split(" ")), scope or "-"), row


def test_an_auditor_writes_nothing_but_its_own_session():
    for method, path, roles, _ in ROWS:
        if "auditor" in roles.split(" ") and method != "GET":
            assert path.startswith(AUDITOR_WRITES), path


@pytest.mark.parametrize("method,path,roles,scope", ROWS, ids=IDS)
def test_without_a_token_a_row_is_closed(strangers, method, path, roles, scope):
    for client in strangers:
        status = ask(client, method, path)
        assert (status != 401) if roles == PUBLIC else (status == 401)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("method,path,roles,scope", ROWS, ids=IDS)
def test_a_role_opens_its_rows_and_no_other(clients, method, path, roles, scope, role):
    allowed = roles == PUBLIC or role in roles.split(" ")
    status = ask(clients(role), method, path)
    assert (status != 403) == allowed and status not in (401, 500), status


@pytest.mark.parametrize("method,path,roles,scope", ROWS, ids=IDS)
def test_a_scope_opens_its_rows_and_no_other(clients, method, path, roles, scope):
    role = "user" if roles == PUBLIC else roles.split(" ")[0]
    for given in CONTRACT.doc["components"]["schemas"]["Scope"]["enum"]:
        status = ask(clients(role, given), method, path)
        assert (status != 403) == (roles == PUBLIC or given == scope), f"{given}: {status}"
