"""Webhook: what is sent."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from accounts import secrets
from conductor.conversations.models import Call
from conductor.engine.calls import Caller
from tests.engine.other_side import OtherSide, answer
from tests.engine.world import World
from tests.steps.webhook.conftest import Run

MINUTE = timedelta(minutes=1)


class TestRequest:
    def test_is_filled_in_from_the_contact(
        self, world: World, shop: OtherSide, hook: Any, run: Run
    ) -> None:
        body = '{"first": {{ contact.first_name | tojson }}, "points": {{ fields.Profile.Points }}}'
        hook(
            f"method: PUT, headers: {{X-Order: '{{{{ event.order }}}}'}}, body: '{body}'",
            path="/people/{{ contact.external_id | urlencode }}",
        )
        grace = world.person(first_name='Grace "G"', external_id="a b", profile={"Points": 5})

        path = run(grace, properties={"order": "A-17"})

        (heard,) = shop.heard
        assert path == ["start>next", "call>next", "rest"]
        assert heard.path == "/people/a%20b"
        assert heard.method == "PUT"
        assert json.loads(heard.body) == {"first": 'Grace "G"', "points": 5}
        assert heard.headers["X-Order"] == "A-17"
        assert heard.headers["Content-Type"] == "application/json"

    def test_is_signed_with_the_secret_and_carries_those_that_it_names(
        self, world: World, shop: OtherSide, hook: Any, run: Run
    ) -> None:
        secrets.create_secret(name="SIGNING", value="s3cret-of-acme", now=world.now)
        secrets.create_secret(name="TOKEN", value="t0ken", now=world.now)
        hook("secret: SIGNING, body: hello, headers: {Authorization: 'Bearer {{ secrets.TOKEN }}'}")

        run(world.person())

        (heard,) = shop.heard
        at = int(world.now.timestamp())
        digest = hmac.new(b"s3cret-of-acme", f"{at}.hello".encode(), hashlib.sha256).hexdigest()
        assert heard.headers["Conductor-Signature"] == f"t={at},v1={digest}"
        assert heard.headers["Authorization"] == "Bearer t0ken"

    def test_has_a_key_of_the_visit_that_all_its_attempts_share(
        self, world: World, shop: OtherSide, hook: Any, run: Run, caller: Caller
    ) -> None:
        hook()
        shop.behaviours["/"] = answer(503)
        run(world.person())
        run(world.person())
        world.now += MINUTE
        caller.make_all()

        keys = [heard.headers["Idempotency-Key"] for heard in shop.heard]
        assert len(keys) == 4
        assert len(set(keys)) == 2
        assert keys[0] != keys[1]

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET", "DELETE"])
    def test_has_the_method(
        self, world: World, shop: OtherSide, hook: Any, run: Run, method: str
    ) -> None:
        hook(f"method: {method}")

        path = run(world.person())

        assert shop.heard[0].method == method
        assert path == ["start>next", "call>next", "rest"]

    def test_cannot_be_split_by_a_value_with_line_breaks(
        self, world: World, shop: OtherSide, hook: Any, run: Run
    ) -> None:
        hook("headers: {X-Name: '{{ contact.first_name }}'}")

        path = run(world.person(first_name="x\r\nX-Admin: 1"))

        assert shop.heard == []
        assert path == ["start>next", "call>failed", "rest"]

    def test_names_the_line_of_a_template_that_fails(
        self, world: World, shop: OtherSide, hook: Any, run: Run
    ) -> None:
        hook('body: "one\\n{{ contact.first_name - 2 }}"')

        path = run(world.person())

        assert path == ["start>next", "call>failed", "rest"]
        assert Call.objects.get().outcome == {"error": "template error in body (line 2)"}
        assert shop.heard == []
