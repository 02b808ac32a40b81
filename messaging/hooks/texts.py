"""Texts that came in by a provider: whose number it was, and who wrote."""

from datetime import datetime

from django.core.exceptions import SuspiciousOperation

from accounts.actions import InvalidValueError
from contacts.identity import normalise_phone
from messaging.actions.replies import take_inbound
from messaging.models import ShortCode
from messaging.transports.calls import HeardText
from messaging.transports.sms import number_of

MOST_TEXT = 4000


def take_text(heard: HeardText, *, provider: str, now: datetime) -> None:
    """
    Take one text of the current account, once.

    A text to none of our numbers, or from what is no number, is passed over: calling
    again would not change it.

    :raises SuspiciousOperation: for one without an id, which could not be told from a replay.
    """
    if not heard.provider_message_id:
        raise SuspiciousOperation("A text without an id.")
    to = number_of(heard.to)
    short_code = next(
        (one for one in ShortCode.objects.order_by("pk") if number_of(one.code) == to), None
    )
    if short_code is None:
        return
    try:
        phone = normalise_phone(heard.sender, short_code.country)
    except InvalidValueError:
        return
    take_inbound(
        short_code=short_code,
        phone_e164=phone,
        text=heard.text[:MOST_TEXT].replace("\0", ""),
        media=heard.media,
        provider=provider,
        provider_message_id=heard.provider_message_id,
        now=now,
    )
