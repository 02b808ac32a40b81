"""The sandbox writes to our own database, which may go away amid a batch."""

from contextlib import suppress

import pytest
from django.db import DatabaseError, connections

from accounts.tenancy import in_account, sql
from messaging.models import SandboxMessage
from messaging.providers import Outgoing
from messaging.providers.sandbox import Sandbox
from tests.factories import QueuedEmailFactory


@pytest.fixture
def message(acme, now):
    """Return an email of a delivery, by what it says."""

    def of(text):
        with in_account(acme.pk):
            delivery = QueuedEmailFactory.create(queued_at=now)
        return Outgoing(
            delivery_id=delivery.pk,
            account_id=acme.pk,
            channel="email",
            address="grace@mail.example",
            sender="shop@acme.example",
            text=text,
        )

    return of


class Dying(list[Outgoing]):
    """A batch amid which the database ends our connection."""

    def __iter__(self):
        with suppress(DatabaseError):
            sql.fetch_value("SELECT pg_terminate_backend(pg_backend_pid())")
        return super().__iter__()


@pytest.mark.django_db(transaction=True)
class TestSandbox:
    def test_fails_no_message_because_the_database_went_away(self, acme, message, now):
        with pytest.raises(DatabaseError):
            list(Sandbox({}).send(Dying([message("Hi"), message("Ho")]), now=now))

        connections.close_all()
        with in_account(acme.pk):
            assert not SandboxMessage.objects.exists()

    def test_fails_alone_what_cannot_be_kept(self, acme, message, now):
        batch = [message("Hi"), message("\0"), message("Ho")]

        outcomes = list(Sandbox({}).send(batch, now=now))

        assert [one.state for one in outcomes] == ["sent", "failed", "sent"]
        with in_account(acme.pk):
            assert SandboxMessage.objects.count() == 2
