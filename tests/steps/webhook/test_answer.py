"""Webhook: what the answer does, who goes where."""

import json
from datetime import timedelta
from typing import Any

import pytest

from conductor.conversations.models import Call, Conversation, Enrollment
from conductor.conversations.remarks import remarks
from conductor.engine.calls import Caller
from tests.engine.other_side import Names, OtherSide, Script, answer, hang_up
from tests.engine.world import World
from tests.steps.test_action import profile_of
from tests.steps.webhook.conftest import Run

MINUTE = timedelta(minutes=1)


class TestExit:
    @pytest.mark.parametrize("status", [200, 201, 204, 299])
    def test_is_next_on_success(
        self, world: World, shop: OtherSide, hook: Any, run: Run, status: int
    ) -> None:
        shop.behaviours["/"] = answer(status, b"")
        hook()

        assert run(world.person()) == ["start>next", "call>next", "rest"]

    def test_is_counted_with_why_when_it_failed(
        self, world: World, shop: OtherSide, hook: Any, run: Run
    ) -> None:
        hook()
        shop.behaviours["/"] = answer(404)

        run(world.person())
        run(world.person())

        (remark,) = remarks(Conversation.objects.get())
        assert (remark.step_key, remark.text, remark.count, remark.last_at) == (
            "call",
            "webhook failed: status 404",
            2,
            world.now,
        )

    @pytest.mark.parametrize("status", [300, 301, 302, 307, 400, 401, 404, 410, 418])
    def test_is_failed_at_once_on_what_no_retry_mends(
        self, world: World, shop: OtherSide, hook: Any, run: Run, status: int
    ) -> None:
        shop.behaviours["/"] = answer(status, Location="http://inner.example/")
        hook()

        assert run(world.person()) == ["start>next", "call>failed", "rest"]
        assert len(shop.heard) == 1
        assert Call.objects.get().outcome == {"status": status, "error": f"status {status}"}

    def test_may_lead_elsewhere(self, world: World, shop: OtherSide, hook: Any, run: Run) -> None:
        shop.behaviours["/"] = answer(404)
        hook(exits=", exits: {failed: end}")

        assert run(world.person()) == ["start>next", "call>failed", "end>end", "(terminated)"]

    @pytest.mark.parametrize("status", [429, 500, 503, 599])
    def test_is_failed_after_attempts_at_0_1_5_and_25_minutes(
        self, world: World, shop: OtherSide, hook: Any, run: Run, caller: Caller, status: int
    ) -> None:
        shop.behaviours["/"] = answer(status)
        hook()
        grace = world.person()
        started = world.now
        run(grace)
        heard = {0: 1}

        for minute in (1, 2, 4, 5, 6, 24, 25, 26, 60):
            world.now = started + minute * MINUTE
            caller.make_all()
            world.tick()
            heard[minute] = len(shop.heard)

        assert heard == {0: 1, 1: 2, 2: 2, 4: 2, 5: 3, 6: 3, 24: 3, 25: 4, 26: 4, 60: 4}
        assert world.path(grace) == ["start>next", "call>failed", "rest"]
        assert world.place(grace).arrived_at == started + 25 * MINUTE

    def test_is_next_when_a_later_attempt_succeeds(
        self, world: World, shop: OtherSide, hook: Any, run: Run, caller: Caller
    ) -> None:
        shop.behaviours["/"] = Script([answer(503), hang_up, answer(200)])
        hook()
        grace = world.person()
        assert run(grace) == ["start>next", "call"]
        for minutes in (1, 4):
            world.now += minutes * MINUTE
            caller.make_all()
            world.tick()

        assert world.path(grace) == ["start>next", "call>next", "rest"]

    def test_is_failed_for_an_address_inside_without_any_connection(
        self, world: World, names: Names, run: Run
    ) -> None:
        world.live("{key: call, webhook: {url: 'http://inner.example/'}}")

        assert run(world.person())[:2] == ["start>next", "call>failed"]
        assert Call.objects.get().outcome == {
            "error": "not called: the address is not on the public internet"
        }


class TestSavedValues:
    SAVE = "save_response: {Profile.Note: /tier, Profile.Points: /points/0}"

    def test_are_typed_as_their_fields(
        self, world: World, shop: OtherSide, hook: Any, run: Run
    ) -> None:
        shop.behaviours["/"] = answer(body=b'{"tier": "gold", "points": ["1,250.5"]}')
        hook(self.SAVE)
        grace = world.person(profile={"Vip": "on"})

        assert run(grace) == ["start>next", "call>next", "rest"]
        assert profile_of(world, grace) == {"Note": "gold", "Points": 1250.5, "Vip": "on"}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"no json",
            b"[]",
            b'{"points": {}}',
            b'{"tiers": 1}',
            b'{"points": []}',
            b"[" * 9999,
        ],
    )
    def test_are_left_where_the_pointer_finds_nothing(
        self, world: World, shop: OtherSide, hook: Any, run: Run, body: bytes
    ) -> None:
        shop.behaviours["/"] = answer(body=body)
        hook(self.SAVE)
        grace = world.person(profile={"Note": "old", "Points": 3})

        assert run(grace) == ["start>next", "call>next", "rest"]
        assert profile_of(world, grace) == {"Note": "old", "Points": 3}

    def test_are_cleared_by_null(self, world: World, shop: OtherSide, hook: Any, run: Run) -> None:
        shop.behaviours["/"] = answer(body=b'{"tier": null}')
        hook(self.SAVE)
        grace = world.person(profile={"Note": "old", "Points": 3})

        run(grace)

        assert profile_of(world, grace) == {"Points": 3}

    @pytest.mark.parametrize(
        "body",
        [
            b'{"points": ["many"]}',
            b'{"points": [1e999]}',
            b'{"points": [%s]}' % (b"9" * 400),
            b'{"points": [true]}',
            b'{"tier": {"a": 1}}',
            b'{"tier": "\\ud800"}',
            b'{"tier": "a\\u0000b"}',
        ],
    )
    def test_that_a_field_cannot_hold_hold_the_contact_until_a_retry(
        self, world: World, shop: OtherSide, hook: Any, run: Run, caller: Caller, body: bytes
    ) -> None:
        shop.behaviours["/"] = Script([answer(body=body), answer(body=b'{"tier": "gold"}')])
        hook(self.SAVE)
        grace, ada = world.person(), world.person()

        assert run(grace) == ["start>next", "call"]
        held = world.place(grace)
        name = "Profile.Points" if b"points" in body else "Profile.Note"
        assert held.held_reason == f"the answer's value does not fit {name}"
        assert profile_of(world, grace) == {}
        Enrollment.objects.filter(pk=held.pk).update(due_at=world.now)
        world.tick()
        caller.make_all()
        world.tick()

        assert world.path(grace) == ["start>next", "call>next", "rest"]
        assert profile_of(world, grace) == {"Note": "gold"}
        assert profile_of(world, ada) == {}

    @pytest.mark.parametrize(
        ("pointer", "found"),
        [
            *(("", None), ("/", "empty"), ("/a~1b", "slash"), ("/m~0n", "tilde")),
            *(("/list/1", "b"), ("/list/01", "old"), ("/list/-", "old"), ("/list/9", "old")),
            ("/ü", "umlaut"),
        ],
    )
    def test_are_found_as_rfc_6901_says(
        self, world: World, shop: OtherSide, hook: Any, run: Run, pointer: str, found: str | None
    ) -> None:
        document = {"": "empty", "a/b": "slash", "m~n": "tilde", "list": ["a", "b"], "ü": "umlaut"}
        shop.behaviours["/"] = answer(body=json.dumps(document).encode())
        hook(f"save_response: {{Profile.Note: '{pointer}'}}")
        grace = world.person(profile={"Note": "old"})

        path = run(grace)

        if found is None:  # the whole document is no text
            assert path == ["start>next", "call"]
        else:
            assert profile_of(world, grace) == {"Note": found}

    def test_of_a_field_that_vanished_hold_the_contact_before_any_call(
        self, world: World, shop: OtherSide, hook: Any, run: Run
    ) -> None:
        hook(self.SAVE)
        grace = world.person()
        world.fields["Note"].delete()

        assert run(grace) == ["start>next", "call"]
        assert world.place(grace).held_reason == "the field is gone"
        assert shop.heard == []
