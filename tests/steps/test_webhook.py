"""Webhook: what is sent, what the answer does, who goes where."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import secrets
from conductor.conversations.document import parse_document
from conductor.conversations.explaining import explain
from conductor.conversations.models import Call, Conversation, Enrollment
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.conversations.remarks import remarks
from conductor.engine.calls import Caller
from tests.engine.other_side import Names, OtherSide, Script, answer, hang_up, other_side
from tests.engine.world import World
from tests.steps.test_action import profile_of

MINUTE = timedelta(minutes=1)
Run = Callable[..., list[str]]


@pytest.fixture
def shop() -> Iterator[OtherSide]:
    """The other side, known as shop.example."""
    with other_side() as server:
        yield server


@pytest.fixture
def names(settings: Any) -> Names:
    """The names that there are; the deployment allows shop.example."""
    settings.OUTGOING_ALLOW = ["shop.example"]
    return Names({"shop.example": [["127.0.0.1"]], "inner.example": [["10.0.0.7"]]})


@pytest.fixture
def caller(world: World, names: Names) -> Caller:
    """A caller by the world's clock."""
    return Caller(clock=lambda: world.now, resolver=names)


@pytest.fixture
def hook(world: World, shop: OtherSide) -> Callable[..., Any]:
    """Publish a conversation with one webhook; more settings as YAML flow."""

    def publish(more: str = "", *, path: str = "/", exits: str = "") -> Any:
        settings = f"url: 'http://shop.example:{shop.port}{path}'"
        settings += f", {more}" if more else ""
        return world.live(
            f"{{key: call, webhook: {{{settings}}}{exits}}}\n{{key: rest, wait: {{for: P1D}}}}"
        )

    return publish


@pytest.fixture
def run(world: World, caller: Caller) -> Run:
    """Bring a person in, make the calls, let the person go on; return the path."""

    def bring(person: Any, *, at: datetime | None = None, **given: Any) -> list[str]:
        world.happen(person, **given)
        world.tick(at)
        caller.make_all()
        world.tick()
        return world.path(person)

    return bring


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
