"""Why a contact is where it is."""

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.tenancy import in_account
from conductor.conversations.actions.by_hand import Chosen, move_on, skip_wait
from conductor.conversations.explaining import explain
from conductor.conversations.models import Call, Conversation, Enrollment, Refusal
from contacts.models import Contact, Intake
from messaging.actions.coupons import create_pool
from messaging.eligibility import Reason
from tests.api.conftest import connect
from tests.engine.world import World

pytestmark = pytest.mark.django_db

PAUSE = "{key: pause, wait: {for: P3D}}"


def live(world, steps):
    conversation = world.live(steps)
    conversation.refresh_from_db()
    return conversation


def contact_of(subscription):
    return Contact.objects.get(pk=subscription.contact_id)


@pytest.fixture
def world(inside_acme, now):
    return World(now)


class TestExplain:
    def test_says_where_somebody_waits_and_until_when(self, world, now):
        conversation = live(world, PAUSE)
        grace = world.person()
        world.happen(grace)
        world.tick()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert (told.entered, told.code) == (True, "")
        assert told.place is not None
        assert (told.place.step_key, told.place.state) == ("pause", "waiting")
        assert told.place.next_at == now + timedelta(days=3)

    def test_says_why_somebody_was_turned_away(self, world, now):
        conversation = live(world, "")
        grace = world.person()
        for _ in range(2):
            world.happen(grace)
            world.tick()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert [(one.reason, one.code) for one in told.refusals] == [
            ("entered before", Reason.FAILS_FLOW_FILTER)
        ]
        assert [one.reason for one in told.entries] == ["terminated"]

    @pytest.mark.parametrize(
        ("reason", "code", "words"),
        [
            ("loop", Reason.OVER_ACCOUNT_LIMIT, "a hundred times"),
            ("step_error 22P02", Reason.MISSING_VARIABLE, "cannot be read"),
            ("step_error the segment is gone", Reason.NOT_IN_LIST, "the segment is gone"),
            ("step_error the message is gone", Reason.TEMPLATE_ERROR, "the message is gone"),
            ("tick failed", Reason.EXTERNAL_DATA_ERROR, "broke off"),
            ("the secret KEY is gone", Reason.EXTERNAL_DATA_ERROR, "the secret KEY is gone"),
        ],
    )
    def test_says_why_somebody_is_held(self, world, now, reason, code, words):
        conversation = live(world, PAUSE)
        grace = world.person()
        world.happen(grace)
        world.tick()
        Enrollment.objects.update(held_reason=reason, due_at=None)

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert told.place is not None
        assert (told.code, told.place.state) == (code, "held")
        assert words in told.text

    @pytest.mark.parametrize(
        ("reason", "code"),
        [
            ("already in", Reason.FAILS_FLOW_FILTER),
            ("entered lately", Reason.FAILS_FLOW_FILTER),
            ("loop", Reason.OVER_ACCOUNT_LIMIT),
            ("the field is gone", Reason.MISSING_VARIABLE),
        ],
    )
    def test_has_a_sentence_of_its_own_for_each_refusal(self, world, now, reason, code):
        conversation = live(world, PAUSE)
        grace = world.person()
        Refusal.objects.create(
            conversation=conversation,
            contact_id=grace.contact_id,
            kind="external_event",
            reason=reason,
            refused_at=now,
        )

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert (told.code, told.refusals[0].code) == (code, code)
        assert told.text not in {str(code.label), ""}

    def test_says_inside_that_the_conversation_is_paused(self, world, now):
        conversation = live(world, PAUSE)
        grace = world.person()
        world.happen(grace)
        world.tick()
        conversation.paused_at = now
        conversation.save()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert told.place is not None
        assert (told.code, told.place.next_at) == (Reason.CONVERSATION_PAUSED, None)
        assert "paused" in told.text

    def test_finds_a_fact_behind_thousands_of_others(self, world, now):
        conversation = live(world, PAUSE)
        conversation.paused_at = now
        conversation.save()
        ann, grace = world.person(), world.person()
        Intake.objects.bulk_create(
            Intake(
                conversation_id=conversation.pk,
                kind="external_event",
                contact_id=ann.contact_id,
                occurred_at=now,
                recorded_at=now,
            )
            for _ in range(5_000)
        )
        world.happen(grace)

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert (told.code, len(told.waiting)) == (Reason.CONVERSATION_PAUSED, 1)

    def test_says_who_was_moved_by_hand(self, world, now):
        conversation = live(world, PAUSE)
        grace = world.person()
        world.happen(grace)
        world.tick()
        skip_wait(conversation=conversation, chosen=Chosen(contact=contact_of(grace)), now=now)
        world.tick()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        moved = [one for one in told.entries if one.reason == "by hand"]
        assert [(one.what, one.step_key) for one in moved] == [("moved", "pause")]
        assert "by hand" in moved[0].text

    def test_names_the_filter_at_which_somebody_left(self, world, now):
        conversation = live(world, "{key: buyers, filter: {purchase: {within: P60D}}}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert (told.place, told.code) == (None, Reason.FAILS_STEP_FILTER)
        assert told.entries[0].step_key == "buyers"

    @pytest.mark.parametrize(
        ("step", "what"),
        [
            ("{key: ask, webhook: {url: 'https://shop.example/'}}", "webhook failed"),
            ("{key: ask, code: {source: 'return {exit: 1}'}}", "code failed"),
        ],
    )
    def test_says_that_a_webhook_or_a_script_failed(self, world, now, step, what):
        conversation = live(world, step)
        grace = world.person()
        world.happen(grace)
        world.tick()
        Call.objects.update(
            state="failed", outcome={"status": 404, "error": "status 404"}, ended_at=now
        )
        Enrollment.objects.filter(ended_at=None).update(due_at=now)
        world.tick()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        (failure,) = told.failures
        assert (failure.step_key, failure.what, failure.at) == ("ask", what, now)
        assert failure.reason == ("status 404" if what == "webhook failed" else "")
        assert failure.code == Reason.EXTERNAL_DATA_ERROR

    def test_says_that_there_was_no_coupon_code(self, world, now):
        create_pool(name="Welcome", now=now)
        conversation = live(
            world, "{key: code, action: {set_coupon: {pool: Welcome, field: Profile.Note}}}"
        )
        grace = world.person()
        world.happen(grace)
        world.tick()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        (failure,) = told.failures
        assert (failure.step_key, failure.what) == ("code", "no code")
        assert failure.code == Reason.COUPON_POOL_EMPTY
        assert failure.text.startswith("There was no coupon code for them")

    @pytest.mark.parametrize(
        ("step", "way"),
        [
            ("if: {branches: [{name: failed, filter: {all: []}}]}", "failed"),
            ("split: {groups: [{name: no_code, weight: 100}]}", "no_code"),
            ("code: {source: 'return {exit: \"no_code\"}', exits: [no_code]}", "no_code"),
        ],
    )
    def test_takes_no_way_of_that_name_for_a_failure(self, world, now, step, way):
        conversation = live(world, f"{{key: ask, {step}}}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert world.path(grace)[1] == f"ask>{way}"
        assert told.failures == []

    def test_takes_nobody_for_failed_who_was_moved_on_by_that_way(self, world, now):
        conversation = live(world, "{key: ask, webhook: {url: 'https://shop.example/'}}")
        grace = world.person()
        world.happen(grace)
        world.tick()
        grace_alone = Chosen(contact=contact_of(grace))
        move_on(conversation=conversation, chosen=grace_alone, exit="failed", now=now)
        world.tick()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert world.path(grace)[1] == "ask>failed"
        assert told.failures == []

    def test_says_what_became_of_each_message(self, world, now):
        conversation = live(world, "{key: mail, message: {saved_message: We miss you}}")
        grace = world.person(email="grace@mail.example", state="Unsubscribed")
        world.happen(grace)
        world.tick()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        message = told.messages[0]
        assert (message.what, message.code) == ("skipped", Reason.SUPPRESSED)
        assert message.text == Reason.SUPPRESSED.label

    def test_says_that_a_paused_conversation_keeps_a_fact_waiting(self, world, now):
        conversation = live(world, PAUSE)
        grace = world.person()
        world.happen(grace)
        Conversation.objects.update(paused_at=now)
        conversation.refresh_from_db()

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert (told.entered, told.code) == (False, Reason.CONVERSATION_PAUSED)
        assert Intake.objects.count() == len(told.waiting) == 1

    def test_says_that_somebody_is_not_on_the_list(self, world, now):
        conversation = live(world, PAUSE)
        stranger = Contact.objects.create(
            email="who@mail.example", email_norm="who@mail.example", created_at=now, updated_at=now
        )

        told = explain(conversation=conversation, contact=stranger, now=now)

        assert told.code == Reason.NOT_IN_LIST

    def test_every_code_is_of_the_closed_list(self, world, now):
        conversation = live(world, PAUSE)
        grace = world.person()
        for reason in ("already in", "loop", "step_error 22P02", "expired"):
            conversation_id = conversation.pk
            from conductor.conversations.models import Refusal

            Refusal.objects.create(
                conversation_id=conversation_id,
                contact_id=grace.contact_id,
                kind="import",
                reason=reason,
                refused_at=now,
            )

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert {one.code for one in told.refusals} <= set(Reason.values)

    def test_asks_one_statement_for_all_of_it(self, world, now, django_assert_num_queries):
        conversation = live(world, PAUSE)
        grace, ada = world.person(), world.person()
        world.happen(grace)
        world.tick()

        for person in (grace, ada):
            contact = contact_of(person)
            with django_assert_num_queries(1):
                told = explain(conversation=conversation, contact=contact, now=now)

            assert told.entered is (person is grace)
            assert (told.place is None) is (person is ada)

    def test_names_the_thread_and_the_version_of_whoever_is_inside(self, world, now):
        conversation = live(world, f"{PAUSE}\n{{key: later, wait: {{for: P9D}}}}")
        grace = world.person()
        world.happen(grace)
        world.tick()
        world.publish(conversation, conversation.draft)

        told = explain(conversation=conversation, contact=contact_of(grace), now=now)

        assert told.place is not None
        assert (told.place.version, told.place.thread) == (1, "Main")


class TestExplanationRoute:
    @pytest.fixture
    def waiting(self, acme, now):
        """A conversation in which Grace waits."""
        with in_account(acme.pk):
            world = World(now)
            conversation = live(world, PAUSE)
            world.happen(world.person(email="grace@mail.example", external_id="G1"))
            world.tick()
        return conversation

    def test_answers_place_and_reasons(self, acme, now, waiting):
        wire = connect(acme, now, types=["email"])

        data = wire.get(
            f"/conductor/v1/Conversation/{waiting.pk}/Explanation",
            emailAddress="Grace@mail.example",
        )

        assert (data["entered"], data["place"]["stepKey"]) == (True, "pause")
        assert data["refusals"] == data["messages"] == []

    @pytest.mark.parametrize("who", ["", "emailAddress=a@b.example&phoneNumber=%2B12125550100"])
    def test_wants_exactly_one_name(self, acme, now, waiting, who):
        wire = connect(acme, now, types=["email"])

        answer = wire.call("GET", f"/conductor/v1/Conversation/{waiting.pk}/Explanation?{who}")

        assert answer.status_code == 400

    def test_knows_no_other_accounts_conversation(self, globex, now, waiting):
        wire = connect(globex, now, types=["email"])

        answer = wire.call(
            "GET", f"/conductor/v1/Conversation/{waiting.pk}/Explanation?emailAddress=a@b.example"
        )

        assert answer.status_code == 404


class TestWhyPage:
    @pytest.fixture
    def address(self, acme, now):
        with in_account(acme.pk):
            world = World(now)
            conversation = live(world, PAUSE)
            grace = world.person(email="grace@mail.example")
            world.happen(grace)
            world.tick()
        page = reverse("desk:why", args=[acme.slug, world.in_list.pk, grace.contact_id])
        return f"{page}?conversation={conversation.pk}"

    def test_shows_where_they_wait(self, client, ben, address):
        client.force_login(ben)

        page = client.get(address).content.decode()

        assert "They wait at this step." in page or "They are about to go on." in page
        assert "Wait 3 days" in page

    @pytest.mark.parametrize("is_paused", [True, False])
    def test_shows_how_they_came_and_what_stands_in_the_way(
        self, client, ben, acme, address, now, is_paused
    ):
        with in_account(acme.pk):
            Conversation.objects.update(paused_at=now if is_paused else None)
        client.force_login(ben)

        page = client.get(address).content.decode()

        assert "Entered by an external event" in page
        assert "Why they did not enter" not in page
        assert ("not before the conversation is resumed" in page) is is_paused

    def test_is_not_there_for_a_stranger(self, client, zoe, address):
        client.force_login(zoe)

        assert client.get(address).status_code == 404
