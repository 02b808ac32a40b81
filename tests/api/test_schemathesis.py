"""
schemathesis calls our own routes with what their OpenAPI description allows, and with what not.

An answer is one that is declared: its status, its content type, its headers, the shape of its
body. The description is the one that integrators read. `CONDUCTOR_FUZZ=50` draws fifty of each
kind for each route, and takes the vendor's routes, too.
"""

import os

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor.wsgi import application
from tests.api.test_isolation import ids

__all__ = ["ids"]

MORE = int(os.environ.get("CONDUCTOR_FUZZ") or 0)
EXAMPLES = MORE or 2
MOST_DRAWN = 1_000
OURS = "" if MORE else "^/conductor/v1/"


@pytest.fixture
def one_connection():
    """Let requests leave the connection open, with the transaction of the test in it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def schema(one_connection, monkeypatch):
    """What schemathesis makes of our description; it is imported by no other test."""
    import schemathesis
    from schemathesis.generation.hypothesis import setup

    # Else it takes parts of Hypothesis out that other tests of this process want.
    monkeypatch.setattr(setup, "_is_patched", True, raising=False)
    loaded = schemathesis.openapi.from_wsgi("/conductor/v1/openapi.json", application)
    loaded.config.generation.update(with_security_parameters=False)
    forget_long_lists(loaded.raw_schema)
    return loaded.include(path_regex=OURS) if OURS else loaded


def forget_long_lists(schema):
    """Take out limits that a list breaks only with more members than Hypothesis draws."""
    inside = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and schema.get("maxItems", 0) > MOST_DRAWN:
        schema.pop("maxItems")
    for one in inside:
        if isinstance(one, dict | list):
            forget_long_lists(one)


@pytest.mark.django_db
def test_every_answer_is_declared(wire, ids, schema):
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.generation.feedback import NO_FEEDBACK
    from schemathesis.specs.openapi import checks

    judged_by = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]
    there = {name.replace("_", ""): value for name, value in ids.items()}
    called = set()

    for found in schema.get_all_operations():
        operation = found.ok()
        # Without the words that it finds in what is loaded: those differ from run to run.
        modes = [operation.as_strategy(mode, feedback=NO_FEEDBACK) for mode in GenerationMode]

        @given(case=st.one_of(modes), is_there=st.booleans())
        @settings(
            max_examples=len(modes) * EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def call(case, is_there):
            if is_there:
                for name in case.path_parameters:
                    case.path_parameters[name] = there.get(name.lower(), 1)
            case.call_and_validate(
                headers={"Authorization": f"Bearer {wire.token}"}, checks=judged_by
            )

        call()
        called.add(operation.label)

    assert "POST /conductor/v1/List/{listId}/Event/Batch" in called
