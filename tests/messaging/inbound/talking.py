"""A phone that writes, and how it stands."""

from datetime import datetime

from messaging import actions
from messaging.actions import Consent
from messaging.models import (
    Delivery,
    InboundText,
    PhoneList,
    PhoneSubscription,
)

PHONE = "+12125550123"

AGREED = Consent(source="Checkout", text="I agree to texts.", at=datetime.min, ip="192.0.2.7")  # noqa: DTZ901


def answered(inbound: InboundText) -> str:
    """Return the text that was queued in answer; "" for none."""
    if inbound.reply_id is None:
        return ""
    delivery = Delivery.objects.get(pk=inbound.reply_id)
    assert (delivery.state, delivery.is_transactional, delivery.address) == (
        "queued",
        True,
        inbound.phone_e164,
    )
    return str(delivery.message.content["text"]) if delivery.message else ""


def state(phone_list: PhoneList, phone: str = PHONE) -> str:
    """Return how a number stands with a list."""
    return PhoneSubscription.objects.get(phone_list=phone_list, phone_e164=phone).state


def import_into(phone_list: PhoneList, now: datetime) -> actions.PhoneCounts:
    """Have a file say that the number agreed."""
    consent = Consent(source="File", text="Agreed.", at=now)
    return actions.subscribe_phones(
        phone_list=phone_list, phones=[PHONE], contact_ids=[None], consent=consent, now=now
    )
