"""The contract is consistent in itself and with the routes that the daemon really has."""

import os
import pathlib
import re
import subprocess
import sys

import jsonschema
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from client import CONTRACT, METHODS, ROOT  # noqa: E402

DOC = CONTRACT.doc


def operations():
    for path, item in DOC["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


OPERATIONS = list(operations())
IDS = [f"{method} {path}" for method, path, _ in OPERATIONS]


def walk(node, at="#"):
    yield at, node
    children = node.items() if isinstance(node, dict) else \
        enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from walk(child, f"{at}/{key}")


def routes():
    build = pathlib.Path(os.environ.get("SUANLU_BUILD", ROOT / "build"))
    out = subprocess.run([str(build / "suanlu"), "routes"], capture_output=True, text=True, timeout=20,
                         check=True).stdout
    return {tuple(line.split(" ")[:2]): line.split(" ")[2:] for line in out.splitlines()}


def test_every_route_is_described_and_nothing_else():
    assert set(routes()) == {(method, path) for method, path, _ in OPERATIONS}


@pytest.mark.parametrize("method,path,operation", OPERATIONS, ids=IDS)
def test_roles_scope_and_body_limit_are_those_of_the_route(method, path, operation):
    roles, body_max, scope = routes()[method, path]
    assert scope == operation.get("x-scope", "-"), "the scope of the row in src/api/routes.c"
    assert set(roles.split(",")) == set(operation["x-role"])
    assert int(body_max) == operation["x-body-max"]


def test_every_reference_resolves():
    for at, node in walk(DOC):
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            try:
                CONTRACT.resolver.resolve(node["$ref"])
            except jsonschema.RefResolutionError as e:
                pytest.fail(f"{at}: {e}")


def test_every_schema_is_a_valid_schema():
    for name, schema in DOC["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
    for at, node in walk(DOC["paths"]):
        if at.endswith("/schema"):
            jsonschema.Draft202012Validator.check_schema(node)


def test_every_component_is_used():
    used = {node["$ref"] for _, node in walk(DOC) if isinstance(node, dict) and "$ref" in node}
    for kind in ("schemas", "responses", "parameters"):
        for name in DOC["components"][kind]:
            assert f"#/components/{kind}/{name}" in used, f"{kind}/{name} is used nowhere"


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("method,path,operation", OPERATIONS, ids=IDS)
def test_an_operation_says_what_it_refuses(method, path, operation):
    responses = operation["responses"]
    assert operation["summary"] and operation["tags"]
    assert "400" in responses, "an unknown query parameter is refused everywhere"
    if operation["x-role"] != ["public"]:
        assert "401" in responses and "403" in responses
    else:
        assert operation["security"] == []
    if "{" in path:
        assert "404" in responses
    if "requestBody" in operation:
        assert {"413", "415"} <= set(responses) and operation["x-body-max"] > 0
    else:
        assert operation["x-body-max"] == 0


@pytest.mark.parametrize("method,path,operation", OPERATIONS, ids=IDS)
def test_path_parameters_are_declared(method, path, operation):
    declared = [CONTRACT.deref(p) for p in
                DOC["paths"][path].get("parameters", []) + operation.get("parameters", [])]
    in_path = {p["name"] for p in declared if p["in"] == "path"}
    assert in_path == set(re.findall(r"\{([^}]+)\}", path))
    assert all(p.get("required") for p in declared if p["in"] == "path")


def test_objects_are_closed():
    """Whatever is not described is not said: every object of an answer names its fields."""
    open_on_purpose = {"enforced", "env"}
    for at, node in walk(DOC["components"]["schemas"], "#"):
        name = at.split("/")[-1]
        if not isinstance(node, dict) or node.get("type") != "object" or name in open_on_purpose:
            continue
        if name.endswith("Fields") or name in ("TaskBase", "TokenLimits"):
            continue        # closed where they are used
        assert "additionalProperties" in node or node.get("unevaluatedProperties") is False or \
            "/oneOf/" in at, at
