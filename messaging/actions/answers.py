"""Answers: single texts to one number, because it wrote or signed up."""

from datetime import datetime

from accounts.tenancy.wake import wake
from contacts.models import Contact
from messaging.actions.commits import commit_sms
from messaging.models import REPLY, Delivery, PhoneList, ShortCode


def queue_reply(
    *,
    short_code: ShortCode,
    phone_e164: str,
    text: str,
    contact: Contact | None,
    now: datetime,
    phone_list: PhoneList | None = None,
) -> Delivery | None:
    """Queue one text to who wrote or signed up, in the urgent lane; None without a phone list."""
    phone_list = phone_list or short_code.phone_lists.order_by("-is_active", "pk").first()
    if phone_list is None:
        return None
    message = commit_sms(sms_message=None, phone_list=phone_list, text=text, now=now)
    delivery = Delivery.objects.create(
        channel="sms",
        list_id=short_code.email_list_id,
        contact=contact,
        phone_list=phone_list,
        message=message,
        address=phone_e164,
        state="queued",
        step_key=REPLY,
        is_transactional=True,
        queued_at=now,
    )
    wake("urgent")
    return delivery
