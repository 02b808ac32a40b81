"""Answers and questions: texts to single numbers, because they wrote or were signed up."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts.models import Contact
from messaging.actions.commits import commit_sms, commit_words
from messaging.actions.reply_texts import reply_text
from messaging.models import Delivery, PhoneList, ShortCode
from messaging.models.delivery import ANSWER, ASK, REPLY

# Whom another list of the code has asked the same within that time is not asked again.
ASKED_LATELY = timedelta(days=1)


def queue_reply(
    *,
    short_code: ShortCode,
    phone_e164: str,
    text: str,
    contact: Contact | None,
    now: datetime,
    phone_list: PhoneList | None = None,
    step_key: str = REPLY,
) -> Delivery | None:
    """Queue one text to who wrote, in the urgent lane; None without a phone list."""
    phone_list = phone_list or short_code.phone_lists.order_by("-is_active", "pk").first()
    if phone_list is None:
        return None
    if step_key == ANSWER:  # somebody wrote it by hand
        message = commit_words(phone_list=phone_list, text=text, now=now)
    else:
        message = commit_sms(sms_message=None, phone_list=phone_list, text=text, now=now)
    delivery = Delivery.objects.create(
        channel="sms",
        list_id=short_code.email_list_id,
        contact=contact,
        phone_list=phone_list,
        message=message,
        address=phone_e164,
        state="queued",
        step_key=step_key,
        is_transactional=True,
        queued_at=now,
    )
    wake("urgent")
    return delivery


def queue_questions(
    *, phone_list: PhoneList, ids: Sequence[int], now: datetime, is_awaited: bool = False
) -> int:
    """
    Ask numbers what their list wants to know first: that they agree, how old their owner is.

    `ids` are phone subscriptions of the list; those that are not pending are not asked. Somebody
    who has just signed up waits for the question (`is_awaited`): it goes in the urgent lane, at
    any hour. Of a file's numbers each is asked once, whatever lists of the code they are put on,
    in the bulk lane and in the hours that the number allows. Return how many are asked.
    """
    if not ids or not (phone_list.require_double_opt_in or phone_list.require_age_gate):
        return 0
    kind = "confirm" if phone_list.require_double_opt_in else "age"
    code = phone_list.short_code
    message = commit_sms(
        sms_message=None,
        phone_list=phone_list,
        text=reply_text(code, kind, age=phone_list.minimum_age),
        now=now,
    )
    asked = sql.execute(
        sql.statement("messaging", "ask_phones"),
        ids=list(ids),
        list_id=code.email_list_id,
        message_id=message.pk,
        step_key=ASK,
        is_transactional=is_awaited,
        asked_since=now if is_awaited else now - ASKED_LATELY,
        now=now,
    )
    if asked:
        wake("urgent" if is_awaited else "send")
    return asked
