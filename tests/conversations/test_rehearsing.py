"""Test runs: a draft is run by named contacts, apart from everything that counts."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from accounts.actions import InvalidValueError
from accounts.tenancy import in_account, lookups, sql
from conductor.conversations.actions import UnsoundConversationError, delete_conversation
from conductor.conversations.actions.rehearsing import (
    Start,
    end_rehearsal,
    forget_rehearsals,
    start_rehearsal,
)
from conductor.conversations.models import Conversation, Enrollment, Refusal, Turn, Visit
from conductor.conversations.summary import summarize
from conductor.engine.turns import serve
from contacts.models import Listener
from messaging.models import Delivery
from messaging.sending.claim import claim
from messaging.sending.lanes import Lane
from tests.engine.world import World

pytestmark = pytest.mark.django_db

STEPS = """
{key: pause, wait: {for: P3D}}
{key: mail, message: {saved_message: We miss you}}
"""


@pytest.fixture
def world(inside_acme, now):
    return World(now)


@pytest.fixture
def drawn(world, now):
    """A conversation that is drawn and live, and Grace on its list."""
    live = world.live(STEPS)
    live.refresh_from_db()
    version = live.published
    live.commits = {
        key: step["settings"]["committed_id"]
        for key, step in version.program["steps"].items()
        if "committed_id" in step["settings"]
    }
    live.save()
    world.person(email="grace@mail.example")
    return live


def rehearse(conversation, now, **given):
    asked = {
        "speed": "full",
        "write_to_own": False,
        "start": Start(),
        "emails": ["grace@mail.example"],
    }
    return start_rehearsal(conversation=conversation, now=now, **{**asked, **given})


class TestStartRehearsal:
    def test_runs_to_the_end_at_full_speed(self, world, drawn, now):
        run = rehearse(drawn, now)

        for _ in range(3):
            world.tick(now)

        enrollment = Enrollment.objects.get(conversation=run)
        assert enrollment.end_reason == "terminated"
        assert list(
            Visit.objects.filter(conversation_id=run.pk)
            .order_by("pk")
            .values_list("step_key", flat=True)
        ) == ["start", "pause", "mail", "end"]

    def test_waits_as_drawn_at_real_speed(self, world, drawn, now):
        run = rehearse(drawn, now, speed="real")

        world.tick(now)

        assert Enrollment.objects.get(conversation=run).due_at == now + timedelta(days=3)

    def test_counts_nothing_in_what_it_rehearses(self, world, drawn, now):
        rehearse(drawn, now)
        for _ in range(3):
            world.tick(now)

        summary = summarize(conversation=drawn)

        assert (summary.entered, summary.deliveries) == (0, [])
        assert not Refusal.objects.exists()
        assert set(Delivery.objects.values_list("is_test", flat=True)) == {True}

    def test_is_in_no_figure_of_the_deployment(self, world, drawn, now):
        ada = world.person(email="ada@mail.example")
        world.happen(ada)
        rehearse(drawn, now)

        for _ in range(3):
            serve(drawn.account_id, now=now)

        left = Visit.objects.values_list("conversation_id", "step_key")
        assert left.filter(conversation_id=drawn.pk).count() == 1
        assert left.exclude(conversation_id=drawn.pk).count() == 4
        assert Turn.objects.get().steps == 1
        assert Delivery.objects.count() == 1
        assert sum(lookups.delivery_states().values()) == 0

    def test_may_run_while_the_same_contact_is_inside(self, world, drawn, now):
        grace = world.person(email="ada@mail.example")
        world.happen(grace)
        world.tick(now)

        run = rehearse(drawn, now, emails=["ada@mail.example"])
        world.tick(now)

        assert Enrollment.objects.filter(conversation=run).count() == 1

    def test_carries_the_event_that_it_pretends(self, world, drawn, now):
        run = rehearse(drawn, now, start=Start(event="Order Imported", properties={"sku": "A1"}))
        world.tick(now)

        enrollment = Enrollment.objects.get(conversation=run)
        assert enrollment.entry_external_event_id == world.event.pk
        assert enrollment.entry_properties == {"sku": "A1"}

    @pytest.mark.parametrize(
        ("field", "given"),
        [
            ("emails", {"emails": []}),
            ("emails", {"emails": ["nobody@mail.example"]}),
            ("emails", {"emails": [f"a{n}@mail.example" for n in range(21)]}),
            ("thread", {"start": Start(thread="Other")}),
            ("event", {"start": Start(event="Other")}),
        ],
    )
    def test_names_what_is_wrong(self, drawn, now, field, given):
        with pytest.raises(InvalidValueError) as refused:
            rehearse(drawn, now, **given)

        assert refused.value.field == field
        assert Conversation.objects.count() == 1

    def test_refuses_a_draft_with_problems(self, drawn, now):
        drawn.draft["threads"][0]["steps"][1]["wait"] = {}

        with pytest.raises(UnsoundConversationError):
            rehearse(drawn, now)


class TestRehearsedMessages:
    def delivered(self, world, drawn, now, **given):
        rehearse(drawn, now, **given)
        for _ in range(3):
            world.tick(now)
        claimed = claim(
            channel="email", provider="smtp", lane=Lane.URGENT, sender="s", most=10, now=now
        )
        return claimed.sending

    def test_stay_in_the_house_whatever_the_provider(self, world, drawn, now):
        sending = self.delivered(world, drawn, now)

        assert [one.provider for one in sending] == ["sandbox"]

    def test_go_to_own_people_if_so_asked(self, world, drawn, now, ada):
        world.person(email=ada.email)

        sending = self.delivered(
            world, drawn, now, write_to_own=True, emails=[ada.email, "grace@mail.example"]
        )

        assert {one.address: one.provider for one in sending} == {
            ada.email: "smtp",
            "grace@mail.example": "sandbox",
        }


class TestEndRehearsal:
    def test_leaves_nothing_behind(self, world, drawn, now):
        run = rehearse(drawn, now)
        world.tick(now)

        end_rehearsal(run=run, now=now)

        assert Conversation.objects.count() == 1
        assert not Visit.objects.exists()
        assert not Enrollment.objects.exists()
        assert not Listener.objects.filter(conversation_id=run.pk).exists()

    def test_comes_by_itself_after_a_month(self, world, drawn, now):
        rehearse(drawn, now)
        world.tick(now)

        forget_rehearsals(now + timedelta(days=29))
        kept = Conversation.objects.count()
        forget_rehearsals(now + timedelta(days=31))

        assert (kept, Conversation.objects.count()) == (2, 1)

    def test_comes_with_the_end_of_the_conversation(self, world, drawn, now):
        rehearse(drawn, now)
        world.tick(now)
        Conversation.objects.filter(pk=drawn.pk).update(published=None)
        drawn.refresh_from_db()

        delete_conversation(conversation=drawn, now=now)
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")

        assert not Conversation.objects.exists()
        assert not Enrollment.objects.exists()
        assert not Delivery.objects.exists()


class TestTesterPage:
    @pytest.fixture
    def address(self, acme, now):
        with in_account(acme.pk):
            world = World(now)
            conversation = world.live("{key: pause, wait: {for: P3D}}")
            world.person(email="grace@mail.example")
        return reverse("conversations:tester", args=[acme.slug, world.in_list.pk, conversation.pk])

    FORM = {
        "emails": "grace@mail.example",
        "thread": "Main",
        "speed": "full",
        "recipients": "sandbox",
    }

    def test_starts_a_run_and_shows_it(self, client, mia, address):
        client.force_login(mia)

        page = client.post(address, self.FORM, follow=True)

        assert page.status_code == 200
        assert "Test run" in page.content.decode()

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"emails": "nobody@mail.example"}, "Not on this list"),
            ({"properties": "[1]"}, "JSON object"),
            ({"speed": "warp"}, "valid choice"),
        ],
    )
    def test_keeps_what_was_typed(self, client, mia, address, given, words):
        client.force_login(mia)

        page = client.post(address, {**self.FORM, **given})

        assert page.status_code == 422
        assert words in page.content.decode()

    def test_shows_what_a_visit_set_in_the_run(self, client, mia, acme, now):
        with in_account(acme.pk):
            world = World(now)
            step = "{key: act, action: {set_field: {field: Profile.Points, value: 71}}}"
            conversation = world.live(step)
            world.person(email="grace@mail.example")
        at = [acme.slug, world.in_list.pk, conversation.pk]
        client.force_login(mia)
        run = client.post(reverse("conversations:tester", args=at), self.FORM).headers["Location"]
        with in_account(acme.pk):
            world.tick(datetime.now(UTC))

        page = client.get(run).content.decode()

        assert "Profile.Points: 71, in this test" in page
        assert "They came to the end." in page

    def test_removes_a_run(self, client, mia, acme, address):
        client.force_login(mia)
        run = client.post(address, self.FORM).headers["Location"]

        client.post(f"{run}remove/")

        with in_account(acme.pk):
            assert not Conversation.objects.exclude(rehearsal_of=None).exists()

    @pytest.fixture
    def run(self, client, mia, address):
        """The address of a test run that Mia has started."""
        client.force_login(mia)
        return client.post(address, self.FORM).headers["Location"]

    def test_is_nothing_for_a_viewer(self, client, ben, address, run):
        client.force_login(ben)

        assert client.get(address).status_code == 403
        assert client.get(run).status_code == 403
        assert client.post(f"{run}remove/").status_code == 403

    def test_is_not_there_for_a_stranger(self, client, zoe, address, run):
        client.force_login(zoe)

        assert client.get(address).status_code == 404
        assert client.get(run).status_code == 404
        assert client.post(f"{run}remove/").status_code == 404
