"""Those whom a fault holds, and what was only counted."""

import pytest

from accounts.models import AuditEntry
from accounts.tenancy import in_account
from conductor.conversations.models import Conversation, Enrollment, Tally
from tests.conversations.pages.drawer import draw_winback


class TestHeld:
    @pytest.fixture
    def held(self, drawer, acme):
        """Grace, held at the filter."""
        keys = draw_winback(drawer)
        drawer.post("publication")
        with in_account(acme.pk):
            conversation = Conversation.objects.select_related("published").get()
            person = conversation.list.subscriptions.get()
            return Enrollment.objects.create(
                conversation=conversation,
                version=conversation.published,
                list_id=conversation.list_id,
                subscription_id=person.pk,
                contact_id=person.contact_id,
                entry_number=1,
                entry_kind="external_event",
                entry_thread="Winback",
                entered_at=conversation.created_at,
                arrived_at=conversation.created_at,
                step_key=keys[1],
                held_reason="step_error 22P02",
            )

    def test_says_who_is_held_and_why(self, drawer, held):
        assert "1 held" in drawer.client.get(drawer.url("thread", "winback")).text

        text = drawer.client.get(drawer.url("held")).text

        assert "Grace" in text
        assert "No order for 60 days" in text
        assert "a value cannot be read as what is needed here (22P02)" in text

    def test_shows_who_was_held_because_their_worker_died(self, drawer, held, acme):
        with in_account(acme.pk):
            Enrollment.objects.update(held_reason="tick failed")

        text = drawer.client.get(drawer.url("held")).text

        assert "each attempt to run this step for them broke off" in text

    def test_asks_before_it_ends_them(self, drawer, held, client, ben):
        text = drawer.client.get(drawer.url("held")).text

        assert f'data-open-dialog="end-{held.pk}"' in text
        assert "End all 1 held here?" in text
        assert text.count("This cannot be undone.") == 2
        client.force_login(ben)
        assert "data-open-dialog=" not in client.get(drawer.url("held")).text.partition("<main")[2]

    def test_says_what_was_only_counted(self, drawer, held, acme):
        with in_account(acme.pk):
            Tally.objects.create(
                conversation=held.conversation,
                step_key=held.step_key,
                name="webhook failed: status 404",
                total=7,
                last_at=held.arrived_at,
            )

        text = drawer.client.get(drawer.url("held")).text

        assert "Webhook failed: status 404" in text
        assert '<td data-label="Times">7</td>' in text

    def test_says_whom_the_accounts_zone_stood_in_for(self, drawer, held, acme):
        with in_account(acme.pk):
            Tally.objects.create(
                conversation=held.conversation,
                name="zone fallback",
                total=3,
                last_at=held.arrived_at,
            )

        text = drawer.client.get(drawer.url("held")).text

        assert "A contact has no valid time zone: the account&#x27;s stood in" in text
        assert '<td data-label="Step">The whole conversation</td>' in text

    def test_has_the_step_run_again(self, drawer, held, acme):
        drawer.post("settle_held", act="retry", enrollment=held.pk)

        with in_account(acme.pk):
            assert Enrollment.objects.get().due_at is not None

    def test_ends_them(self, drawer, held, acme, mia):
        drawer.post("settle_held", act="end")

        with in_account(acme.pk):
            assert Enrollment.objects.get().told == "!end"
            entry = AuditEntry.objects.get(verb="ended by hand")
            assert (entry.by_user, entry.object_id) == (mia, held.conversation_id)
        assert "Nobody is held" in drawer.client.get(drawer.url("held")).text
