"""What is exempt from caps and hours is not exempt from consent and suppression."""

from datetime import datetime, time
from typing import Any

import pytest

from messaging.actions.broadcasts import send_transaction, transactions_of
from messaging.actions.commits import commit_email
from messaging.actions.suppressions import suppress
from messaging.actions.trials import send_test_email
from messaging.models import Delivery, FrequencyCap, SendingRules
from messaging.sending.claim import claim
from messaging.sending.lanes import Lane
from tests.factories import (
    PhoneListFactory,
    PhoneSubscriptionFactory,
    QueuedEmailFactory,
    QueuedTextFactory,
    SavedMessageFactory,
    SubscriptionFactory,
)

pytestmark = pytest.mark.usefixtures("inside_acme")


@pytest.fixture(autouse=True)
def strict(inside_acme: Any, now: datetime) -> None:
    """Let the account write to nobody now: a cap that is used up, hours that are over."""
    FrequencyCap.objects.create(channel="any", period="day", most=1, created_at=now)
    SendingRules.objects.create(
        email_opens=time(2),
        email_closes=time(3),
        sms_opens=time(2),
        sms_closes=time(3),
        updated_at=now,
    )


def became(delivery: Delivery, now: datetime, channel: str = "email") -> str:
    """Claim what is urgent; return how a delivery stands."""
    claim(channel=channel, provider="sandbox", sender="t", most=9, now=now, lane=Lane.URGENT)
    delivery.refresh_from_db()
    return f"{delivery.state} {delivery.reason}".strip()


class TestTransactionalEmail:
    @pytest.mark.parametrize(
        ("state", "by_step", "as_asked_for"),
        [
            ("Subscribed", "sending", "sending"),
            ("Unsubscribed", "skipped suppressed", "sending"),
            ("Pending", "skipped pending double opt-in", "sending"),
        ],
    )
    def test_reaches_an_unsubscribed_address_only_as_a_transactional_message(
        self, now: datetime, state: str, by_step: str, as_asked_for: str
    ) -> None:
        grace = SubscriptionFactory.create(state=state)
        saved = SavedMessageFactory.create(list=grace.list)
        of_a_step = QueuedEmailFactory.create(
            list=grace.list, contact=grace.contact, is_transactional=True
        )
        asked_for = send_transaction(
            message=commit_email(saved_message=saved, now=now),
            transactions=transactions_of(saved=saved, in_list=grace.list, now=now),
            contact=grace.contact,
            address=grace.contact.email_norm,
            now=now,
        )

        assert (became(of_a_step, now), became(asked_for, now)) == (by_step, as_asked_for)

    @pytest.mark.parametrize("reason", ["hard bounce", "complaint", "manual", "erased"])
    def test_reaches_no_suppressed_address(self, now: datetime, reason: str) -> None:
        grace = SubscriptionFactory.create()
        address = grace.contact.email_norm
        suppress(channel="email", addresses=[address], reason=reason, now=now)
        saved = SavedMessageFactory.create(list=grace.list)
        message = commit_email(saved_message=saved, now=now)
        asked_for = send_transaction(
            message=message,
            transactions=transactions_of(saved=saved, in_list=grace.list, now=now),
            contact=grace.contact,
            address=address,
            now=now,
        )
        tried = send_test_email(message=message, address=address, now=now)
        of_a_step = QueuedEmailFactory.create(
            list=grace.list, contact=grace.contact, is_transactional=True
        )

        states = {became(one, now) for one in (asked_for, tried, of_a_step)}

        assert states == {"skipped suppressed"}


class TestTransactionalText:
    @pytest.mark.parametrize(
        ("consent", "outcome"),
        [
            ({}, "sending"),
            ({"state": "Unsubscribed"}, "skipped suppressed"),
            ({"state": "Pending", "pending_age_gate": True}, "skipped age gate"),
            (None, "skipped no consent for this list/purpose"),
        ],
    )
    def test_goes_at_any_hour_to_who_agreed_to_its_list(
        self, now: datetime, consent: dict[str, Any] | None, outcome: str
    ) -> None:
        phones = PhoneListFactory.create(kind="Transactional")
        address = "+12125550123"
        if consent is not None:
            PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=address, **consent)
        text = QueuedTextFactory.create(phone_list=phones, address=address)

        assert became(text, now, "sms") == outcome

    def test_reaches_no_suppressed_number(self, now: datetime) -> None:
        text = QueuedTextFactory.create()
        suppress(channel="sms", addresses=[text.address], reason="hard bounce", now=now)

        assert became(text, now, "sms") == "skipped suppressed"
