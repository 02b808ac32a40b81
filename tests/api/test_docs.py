"""What an integrator reads at /conductor/v1/docs: of each operation enough to call it."""

import json
from collections import Counter
from typing import get_origin

from pydantic import ValidationError

from accounts.wire import WireIn, WireOut
from accounts.wire.bodies import Rows
from conductor.api import api, openapi_schema
from conductor.describing import BODIES, PAGED, REFUSED, WHOLE

LEAST = 60


def operations():
    """Return (method, path, operation) of each operation that is described."""
    return [
        (method, path, operation)
        for path, methods in openapi_schema()["paths"].items()
        for method, operation in methods.items()
    ]


def own_words(operation):
    """Return the description without what is said of every operation."""
    return operation["description"].replace(REFUSED, "").replace(PAGED, "").replace(WHOLE, "")


def shapes(kind):
    for below in kind.__subclasses__():
        yield below
        yield from shapes(below)


class TestOperations:
    def test_have_a_summary_of_their_own(self):
        for method, path, operation in operations():
            summary = operation["summary"]
            assert 8 <= len(summary) <= 160, (method, path, summary)
            assert summary[0].isupper(), (method, path, summary)
            assert "_" not in summary, (method, path, summary)

    def test_are_described(self):
        for method, path, operation in operations():
            assert len(own_words(operation).strip()) >= LEAST, (method, path)
            assert "Needs " in operation["description"], (method, path)

    def test_say_how_to_page(self):
        paged = {
            path
            for _, path, operation in operations()
            if any(one["name"] == "cursor" for one in operation["parameters"])
        }

        assert "/email/v1/List/{listId}/Contact" in paged
        assert all(
            PAGED in operation["description"]
            for method, path, operation in operations()
            if path in paged and method == "get"
        )

    def test_show_an_example_of_their_body(self):
        for method, path, operation in operations():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert content["example"], (method, path)
                json.dumps(content["example"])


class TestShapes:
    def test_have_a_name_each(self):
        """Of two shapes of one name OpenAPI knows only the last."""
        named = Counter(
            kind.__name__
            for base in (WireIn, WireOut)
            for kind in shapes(base)
            if "[" not in kind.__name__ and not kind.__module__.startswith("tests")
        )

        assert [name for name, number in named.items() if number > 1] == []


def with_body():
    """Return (methods, path, what ninja reads the body with) of each route that declares one."""
    return [
        (operation.methods, bound.prefix + path, model)
        for bound in api()._get_bound_routers()
        for path, view in bound.path_operations.items()
        for operation in view.operations
        for model in operation.models
        if model.__ninja_param_source__ == "body" and operation.include_in_schema
    ]


def plain(path):
    """Return a path as the wire and as Python name its parts."""
    return path.lower().translate(str.maketrans("", "", "{}_"))


def taken(model, example):
    """Read an example as ninja reads a body; each row of an array, too."""
    name, field = next(iter(model.model_fields.items()))
    if get_origin(field.annotation) is not Rows:
        model.model_validate({name: example})
        return
    rows = model.model_validate({name: Rows(iter([example]))})
    assert [row for batch in getattr(rows, name).batches() for row in batch]


def test_examples_are_taken_by_their_routes():
    examples = {
        (method, plain(path)): content["example"]
        for method, path, operation in operations()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    }
    refused = []

    for methods, path, model in with_body():
        for method in methods:
            try:
                taken(model, examples[method.lower(), plain(path)])
            except ValidationError as invalid:
                refused.append((method, path, str(invalid)))

    assert not refused, "\n".join(map(str, refused))


def test_every_body_that_is_written_out_is_some_routes():
    paths = [path for _, path, operation in operations() if "requestBody" in operation]

    assert [end for end in BODIES if not any(path.endswith(end) for path in paths)] == []
