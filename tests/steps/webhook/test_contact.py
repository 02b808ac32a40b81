"""Webhook: the contact while a call is under way, and what a file may not say."""

import json
from datetime import timedelta
from typing import Any

import pytest

from accounts import secrets
from conductor.conversations.document import parse_document
from conductor.conversations.explaining import explain
from conductor.conversations.models import Enrollment
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.engine.calls import Caller
from tests.engine.other_side import OtherSide, answer
from tests.engine.world import World
from tests.steps.webhook.conftest import Run

MINUTE = timedelta(minutes=1)


class TestContact:
    def test_that_ended_meanwhile_stays_ended_and_is_not_called_for(
        self, world: World, shop: OtherSide, hook: Any, caller: Caller
    ) -> None:
        hook()
        grace, ada = world.person(), world.person()
        world.happen(grace, ada)
        world.tick()
        Enrollment.objects.filter(subscription_id=grace.pk).update(
            ended_at=world.now, end_reason="by hand", due_at=None
        )

        caller.make_all()
        world.tick()

        assert len(shop.heard) == 1
        assert world.place(grace).end_reason == "by hand"
        assert world.path(ada) == ["start>next", "call>next", "rest"]

    def test_whose_outcome_comes_after_a_move_by_hand_stays_where_it_is(
        self, world: World, shop: OtherSide, hook: Any, caller: Caller
    ) -> None:
        hook()
        grace = world.person()
        world.happen(grace)
        world.tick()
        caller.start_due()
        moved_to = world.now + timedelta(days=3)
        Enrollment.objects.filter(subscription_id=grace.pk).update(
            step_key="rest", visit_number=1, due_at=moved_to
        )

        while caller.under_way:
            caller.step()
        world.tick()

        assert world.place(grace).step_key == "rest"
        assert world.place(grace).due_at == moved_to

    def test_stays_while_nobody_has_called(
        self, world: World, shop: OtherSide, hook: Any, caller: Caller
    ) -> None:
        hook()
        grace = world.person()
        world.happen(grace)
        world.tick()
        for _ in range(5):
            world.tick(world.now + timedelta(minutes=15))
        assert world.path(grace) == ["start>next", "call"]

        caller.make_all()
        world.tick()

        assert world.path(grace) == ["start>next", "call>next", "rest"]
        assert len(shop.heard) == 1

    def test_is_explained_by_what_became_of_the_call_so_far(
        self, world: World, shop: OtherSide, hook: Any, run: Run
    ) -> None:
        shop.behaviours["/"] = answer(503)
        conversation = hook()
        grace = world.person()
        run(grace)

        said = explain(conversation=conversation, contact=grace.contact, now=world.now)

        assert said.place is not None
        assert said.place.next_at == world.now + MINUTE
        assert "called once, status 503; it is called again" in said.place.text

    def test_is_held_where_a_secret_is_gone(
        self, world: World, shop: OtherSide, hook: Any, run: Run
    ) -> None:
        secret = secrets.create_secret(name="TOKEN", value="t0ken", now=world.now)
        hook("headers: {Authorization: '{{ secrets.TOKEN }}'}")
        secrets.delete_secret(secret=secret, now=world.now)
        grace = world.person()

        assert run(grace) == ["start>next", "call"]
        assert world.place(grace).held_reason == "the secret TOKEN is gone"
        assert shop.heard == []

    @pytest.mark.parametrize(
        "template",
        [
            "body: '{{ fields.Profile.Note }}'",
            "headers: {X-Note: '{{ fields[\"Profile.Note\"] }}'}",
        ],
    )
    def test_is_held_where_a_field_that_a_template_reads_is_gone(
        self, world: World, shop: OtherSide, hook: Any, run: Run, template: str
    ) -> None:
        hook(template)
        world.fields["Note"].delete()
        grace = world.person()

        assert run(grace) == ["start>next", "call"]
        assert world.place(grace).held_reason == "the field is gone"
        assert shop.heard == []


class TestProblems:
    def problems(self, world: World, settings: str) -> list[tuple[str, str]]:
        """Return path and code of each problem of a webhook with these settings."""
        step = parsed(f"webhook: {{{settings}}}")
        found = step.type.problems(step.config, ListNames(world.in_list))
        return [(problem.path, problem.code) for problem in found]

    @pytest.mark.parametrize(
        ("settings", "path", "code"),
        [
            ("url: ''", "url", "empty_setting"),
            ("url: 'shop.example/hook'", "url", "bad_url"),
            ("url: 'ftp://shop.example/'", "url", "bad_url"),
            ("url: 'https://'", "url", "bad_url"),
            ("url: 'https://u:p@shop.example/'", "url", "bad_url"),
            ("url: 'https://shop.example:99999/'", "url", "bad_url"),
            ("url: 'javascript:{{ contact.email }}'", "url", "bad_url"),
            ("url: 'https://a.example/{{ contact.'", "url", "template"),
            ("url: 'https://a.example/', body: '{{ x | nothing }}'", "body", "template"),
            ("url: 'https://a.example/', headers: {X-A: '{% if %}'}", "headers.X-A", "template"),
            ("url: 'https://a.example/', body: '{{ secrets.NONE }}'", "body", "unknown_secret"),
            ("url: 'https://a.example/', body: '{{ secrets[contact.email] }}'", "body", "secret"),
            ("url: 'https://a.example/', body: '{{ secrets | tojson }}'", "body", "secret"),
            ("url: 'https://a.example/', secret: NONE", "secret", "unknown_secret"),
            (
                "url: 'https://a.example/', body: '{{ fields.Profile.None }}'",
                "body",
                "unknown_field",
            ),
            (
                "url: 'https://a.example/', save_response: {A.B: /x}",
                "save_response",
                "unknown_field",
            ),
        ],
    )
    def test_are_found(self, world: World, settings: str, path: str, code: str) -> None:
        assert self.problems(world, settings) == [(path, code)]

    def test_are_none_where_all_is_there(self, world: World) -> None:
        secrets.create_secret(name="TOKEN", value="t0ken", now=world.now)

        assert not self.problems(
            world,
            "url: 'https://{{ fields.Profile.Note }}/{{ contact.email | urlencode }}', "
            'secret: TOKEN, body: \'{{ secrets.TOKEN }}{{ secrets["TOKEN"] }}'
            '{{ fields["Profile.Points"] }}\', headers: {X-A: "{{ event.order }}"}, '
            "save_response: {profile.note: '', Profile.Points: /a/0}",
        )

    @pytest.mark.parametrize(
        "settings",
        [
            "timeout: PT31S",
            "timeout: PT0.5S",
            "timeout: P1D",
            "timeout: PT1M",
            "method: HEAD",
            "method: post",
            "headers: {'X A': a}",
            "headers: {Host: a.example}",
            "headers: {conductor-signature: a}",
            'headers: {X-A: "a\\nb"}',
            "headers: {X-A: 1}",
            "save_response: {Profile.Note: tier}",
            "save_response: {Profile.Note: /a~2}",
            "retries: 3",
            "body: {a: 1}",
        ],
    )
    def test_of_the_form_are_faults(self, settings: str) -> None:
        with pytest.raises(MalformedConversationError):
            parsed(f"webhook: {{url: 'https://a.example/', {settings}}}")

    def test_leave_the_file_as_it_was_written(self) -> None:
        written = {
            "url": "https://a.example/",
            "method": "PUT",
            "headers": {"X-A": "{{ contact.email }}"},
            "body": "{}",
            "secret": "TOKEN",
            "timeout": "PT30S",
            "save_response": {"Profile.Note": "/tier"},
        }
        step = parsed(f"webhook: {json.dumps(written)}")

        assert step.config.write() == written
        assert list(step.config.write()) == list(written)


def parsed(kind: str) -> Any:
    """Return a step of a document, by its kind and settings."""
    structure = read_structure(
        "conversation: C\nlist: Store Customers\nthreads:\n  - thread: Main\n    steps:\n"
        f"      - {{key: call, {kind}}}\n"
    )
    return parse_document(structure).steps()["call"]
