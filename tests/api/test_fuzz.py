"""
Our own routes take whatever comes: never a crash, never an answer that is not declared.

Calls are drawn from the examples of the OpenAPI description, which get far: ids that name
something or nothing, parameters and bodies that are right, off in one place, or junk. What the
shapes allow and what not is drawn by schemathesis (test_schemathesis.py).
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
    return st.one_of(mutated(contents[0]["example"]), JUNK)


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
            drawn = draw(JUNK)
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
