"""
Our own routes take whatever comes: never a crash, never an answer that is not declared.

Calls are drawn from the OpenAPI description: ids that name something or nothing, parameters and
bodies of the declared shape, of one that is off in a place, or of no shape at all.
"""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor.api import openapi_schema
from tests.api.test_isolation import ids

__all__ = ["ids"]

EXAMPLES = int(os.environ.get("CONDUCTOR_FUZZ") or 80)
OURS = "/conductor/v1/"
DEEPEST = 4
# Takes a write key, not a token.
KEYED = "/conductor/v1/source/segment"
SCHEMA = openapi_schema()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
    if path.startswith(OURS) and path != KEYED
]
JUNK: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\0", "\ud800", "2026-02-30", "9" * 400, "1e400", "%s", "{{", "'", "../"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def bodies(shape: dict[str, Any], depth: int = 0) -> Any:
    """Draw values of a shape, in some places off."""
    if depth > DEEPEST:
        return JUNK
    if "$ref" in shape:
        return bodies(SCHEMA["components"]["schemas"][shape["$ref"].rpartition("/")[2]], depth + 1)
    for kinds in ("anyOf", "oneOf", "allOf"):
        if kinds in shape:
            return st.one_of([bodies(one, depth) for one in shape[kinds]])
    drawn = {
        "object": lambda: objects(shape, depth),
        "array": lambda: st.lists(bodies(shape.get("items", {}), depth + 1), max_size=3),
        "string": lambda: st.text(max_size=30),
        "integer": st.integers,
        "number": st.floats,
        "boolean": st.booleans,
    }.get(shape.get("type", ""), lambda: JUNK)()
    return st.one_of(drawn, drawn, drawn, JUNK)


def objects(shape: dict[str, Any], depth: int) -> Any:
    known = shape.get("properties", {})
    required = {
        name: bodies(known[name], depth + 1) for name in shape.get("required", []) if name in known
    }
    others = {name: bodies(one, depth + 1) for name, one in known.items() if name not in required}
    return st.fixed_dictionaries(required, optional=others)


def mutated(example: Any) -> Any:
    """Draw the example, or it with junk in one place."""
    if isinstance(example, dict) and example:
        return st.one_of(
            st.just(example),
            st.sampled_from(sorted(example)).flatmap(
                lambda name: st.one_of(JUNK, mutated(example[name])).map(
                    lambda value: {**example, name: value}
                )
            ),
        )
    if isinstance(example, list) and example:
        return mutated(example[0]).map(lambda one: [one, *example[1:]])
    return st.one_of(st.just(example), JUNK)


def body_of(operation: dict[str, Any]) -> Any:
    contents = list(operation.get("requestBody", {}).get("content", {}).values())
    if not contents:
        return st.just(None)
    return st.one_of(mutated(contents[0]["example"]), bodies(contents[0]["schema"]), JUNK)


@st.composite
def calls(draw: Any) -> tuple[str, str, dict[str, Any], dict[str, str], dict[str, str], Any]:
    """Draw an operation with what it is called with."""
    method, path, operation = draw(st.sampled_from(OPERATIONS))
    odd = st.sampled_from(["0", "-1", "999999", "x", "9" * 30, "%00", "é"])
    named, query = {}, {}
    for one in operation["parameters"]:
        if one["in"] == "path":
            named[one["name"]] = draw(st.one_of(st.just(""), st.just(""), odd))
        elif draw(st.booleans()):
            drawn = draw(bodies(one["schema"]))
            query[one["name"]] = drawn if isinstance(drawn, str) else json.dumps(drawn)
    return method, path, operation, named, query, draw(body_of(operation))


@given(called=calls())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.django_db
def test_any_call_is_answered_as_declared(wire, ids, called):
    method, path, operation, named, query, body = called
    snake = {name.replace("_", "").lower(): str(value) for name, value in ids.items()}
    for name, value in named.items():
        path = path.replace(f"{{{name}}}", value or snake.get(name.lower(), "1"))

    answer = wire.client.generic(
        method,
        path,
        data="" if body is None else json.dumps(body),
        content_type="application/json",
        query_params={name: value.replace("\ud800", "?") for name, value in query.items()},
        headers={"Authorization": f"Bearer {wire.token}"},
    )

    assert answer.status_code < 500
    assert answer.status_code in {int(status) for status in operation["responses"]}
    if answer["Content-Type"].startswith("application/json"):
        said = json.loads(answer.content)
        assert ("error" in said) == (answer.status_code >= 400)
