"""A queue, a provider that does as the test says, and a turn of sending."""

import pytest

from accounts.tenancy import in_account
from messaging.models import Provider
from messaging.providers import carriers
from messaging.sending.heart import Heart
from messaging.sending.pace import PACE
from messaging.sending.sender import serve
from tests.factories import CommittedMessageFactory, ListFactory, QueuedEmailFactory
from tests.messaging.lanes.scripted import Scripted


@pytest.fixture
def scripted(acme, now, monkeypatch):
    """Acme's email goes by a scripted provider."""
    monkeypatch.setitem(carriers(), "scripted", Scripted)
    monkeypatch.setattr(Scripted, "got", [])
    PACE.seconds.clear()
    with in_account(acme.pk):
        return Provider.objects.create(
            channel="email", kind="scripted", is_default=True, updated_at=now
        )


@pytest.fixture
def queue(acme, now):
    """Queue emails to addresses of one list."""
    with in_account(acme.pk):
        shop = ListFactory.create()
        message = CommittedMessageFactory.create(list=shop)

    def put(*addresses, **fields):
        with in_account(acme.pk):
            return [
                QueuedEmailFactory.create(
                    list=shop, message=message, address=address, **{"queued_at": now, **fields}
                )
                for address in addresses
            ]

    return put


@pytest.fixture
def turn(acme, now):
    """Serve acme once, in one lane or in both."""

    def serve_once(at=now, lane=None):
        with Heart(lambda: at) as heart:
            return serve(acme.pk, heart=heart, clock=lambda: at, lane=lane)

    return serve_once
