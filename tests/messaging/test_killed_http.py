"""kill -9 of what calls HTTP APIs and of what writes broadcasts: nothing twice, nothing lost."""

import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from accounts.tenancy import in_account
from messaging import actions, tasks, tokens
from messaging.actions.provider_events import ProviderEvent, record_provider_events
from messaging.actions.rules import set_rules
from messaging.actions.settling import send_again
from messaging.models import Broadcast, Delivery
from messaging.providers import carriers
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from messaging.transports.esp import BACKENDS
from tests.factories import (
    CommittedMessageFactory,
    ListFactory,
    PhoneListFactory,
    QueuedEmailFactory,
    QueuedTextFactory,
    SubscriptionFactory,
)
from tests.messaging.counterparts.web import running_web

pytestmark = pytest.mark.django_db(transaction=True)

SENDER = Path(__file__).with_name("dying_sender.py")
BROADCAST = Path(__file__).with_name("dying_broadcast.py")
MESSAGES, PEOPLE = 5, 8
PATIENCE = 120  # seconds


@pytest.fixture(autouse=True)
def fresh_sessions():
    yield
    BACKENDS.clear()


def serve_later(account):
    """Be another sender, when the dead one is known to be dead and its connections are free."""
    at = datetime.now(UTC) + timedelta(seconds=61)
    with Heart(lambda: at) as heart:
        serve(account.pk, heart=heart, clock=lambda: at)


class Api:
    """A provider's API that takes everything, and what it was asked for each delivery."""

    def __init__(self, web, kind):
        self.web = web
        self.kind = kind

    def asked(self):
        """Count the requests by delivery."""
        return Counter(self.number(asked.json) for asked in list(self.web.asked))

    def number(self, told):
        """Return the delivery of a request, by what names it to the provider."""
        if self.kind == "http_sms":
            return int(told["id"])
        token = tokens.read("delivery", told["Metadata"]["delivery"])
        assert token is not None
        return token.numbers[0]

    def wait(self):
        """Wait until it has heard all that was sent to it: who sent it is dead."""
        end = time.monotonic() + PATIENCE
        while (self.web.unended or not self.web.asked) and time.monotonic() < end:
            time.sleep(0.01)
        assert self.web.asked
        assert not self.web.unended


def taken(asked):
    """Answer as Postmark does, and as the gateway."""
    told = asked.json
    number = told.get("id") or told["Metadata"]["delivery"]
    return 200, {}, {"ErrorCode": 0, "Message": "OK", "MessageID": f"m-{number}", "id": number}


@pytest.fixture(params=["postmark", "http_sms"])
def api(request, acme, settings, monkeypatch):
    """Five messages are queued to a provider with an HTTP API."""
    kind = request.param
    channel = carriers()[kind].channels[0]
    settings.OUTGOING_ALLOW = ["127.0.0.1"]
    with running_web(taken) as web:
        with in_account(acme.pk):
            if kind == "postmark":
                monkeypatch.setattr(carriers()[kind], "api_url", web.url)
            actions.set_provider(
                channel=channel,
                kind=kind,
                settings={"url": f"{web.url}/send"} if kind == "http_sms" else {},
                secrets={"server_token": "hush"},
                now=datetime.now(UTC),
            )
            if channel == "email":
                QueuedEmailFactory.create_batch(MESSAGES, list=ListFactory.create())
            else:
                set_rules(follows_law=False, now=datetime.now(UTC))
                phones = PhoneListFactory.create(kind="Marketing")
                QueuedTextFactory.create_batch(MESSAGES, phone_list=phones)
        yield Api(web, kind)


class TestHttpApi:
    @pytest.mark.parametrize("point", ["asked", "handed"])
    def test_is_asked_for_nothing_twice_and_gets_the_rest(self, acme, api, mother, point):
        code, said = mother.run(SENDER.read_text(), point, "postmark", api.web.url)
        assert code == -signal.SIGKILL, said
        api.wait()

        serve_later(acme)

        arrived = api.asked()
        with in_account(acme.pk):
            found = list(Delivery.objects.order_by("pk"))
            assert {one.state for one in found} == {"unknown"}
            lost = [one.pk for one in found if one.pk not in arrived]
            record_provider_events(
                [self.delivered(api, number) for number in arrived], now=datetime.now(UTC)
            )
            send_again(list=found[0].list, deliveries=lost, now=datetime.now(UTC))

        serve_later(acme)

        with in_account(acme.pk):
            assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
        assert api.asked() == dict.fromkeys([one.pk for one in found], 1)

    def delivered(self, api, number):
        return ProviderEvent(
            provider=api.kind,
            event_id=f"e-{number}",
            kind="delivered",
            occurred_at=datetime.now(UTC),
            delivery_id=number,
        )


class TestBroadcast:
    @pytest.mark.parametrize(("point", "kept"), [("written", 0), ("between", 3)])
    def test_goes_on_where_it_was_and_reaches_each_once(self, acme, mother, point, kept):
        now = datetime.now(UTC) - timedelta(seconds=1)
        with in_account(acme.pk):
            shop = ListFactory.create()
            people = SubscriptionFactory.create_batch(PEOPLE, list=shop)
            message = CommittedMessageFactory.create(list=shop)
            Broadcast.objects.create(list=shop, message=message, created_at=now, send_at=now)

        code, said = mother.run(BROADCAST.read_text(), point)

        assert code == -signal.SIGKILL, said
        with in_account(acme.pk):
            assert Delivery.objects.count() == kept
        tasks.send_broadcasts()
        with in_account(acme.pk):
            reached = Counter(Delivery.objects.values_list("subscription_id", flat=True))
            assert reached == dict.fromkeys([one.pk for one in people], 1)
            done = Broadcast.objects.get()
            assert (done.status, done.counts["eligible"]) == ("Sent", PEOPLE)
