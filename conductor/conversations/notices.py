"""
Mails that tell the account's people how a mobile step's messages fare.

The *Notification* tab asks for them: once a day what became of yesterday's messages, and,
at most once an hour, that some have failed. A mail is sent before it is noted as sent: a
crash in between repeats it, and loses none.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Count

from accounts.models import Account
from accounts.tenancy import in_account, lookups
from conductor.conversations.models import Conversation, Notice
from contacts.durations import local_instant
from messaging.eligibility import sentence
from messaging.models import Delivery

AN_HOUR = timedelta(hours=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mail:
    """One mail, and what its notice has told once it is sent."""

    notice_id: int
    to: list[str]
    subject: str
    text: str
    told: dict[str, Any]


def listen_to_steps(
    *, conversation: Conversation, program: Mapping[str, Any], now: datetime
) -> None:
    """Make the notices those of the version that runs from now on."""
    Notice.objects.filter(conversation=conversation).delete()
    wanted = {
        key: step["settings"]["notification"]
        for key, step in program["steps"].items()
        if step["settings"].get("notification", {}).get("emails")
    }
    tomorrow = _next_morning(now, conversation.account)
    Notice.objects.bulk_create(
        Notice(
            conversation=conversation,
            step_key=key,
            emails=notification["emails"],
            daily_at=tomorrow if "daily" in notification["on"] else None,
            told_failed=_failed(conversation.pk, key) if "failure" in notification["on"] else None,
        )
        for key, notification in wanted.items()
    )


def send_notices(now: datetime) -> int:
    """Mail what is to be told by now, in every account; return how many mails."""
    count = 0
    for account_id in lookups.notice_accounts():
        with in_account(account_id):
            account = Account.objects.get(pk=account_id)
            mails = list(_mails(account, now))
        for mail in mails:
            count += _send(account_id, mail)
    return count


def _send(account_id: int, mail: Mail) -> int:
    try:
        send_mail(mail.subject, mail.text, settings.DEFAULT_FROM_EMAIL, mail.to)
    except (OSError, ValueError) as problem:
        # Not its message, which names the addresses that were refused.
        log.warning("A notice was not mailed, and is tried again: %s", type(problem).__name__)
        return 0
    with in_account(account_id):
        Notice.objects.filter(pk=mail.notice_id).update(**mail.told)
    return 1


def _mails(account: Account, now: datetime) -> Iterable[Mail]:
    for notice in Notice.objects.select_related("conversation"):
        if notice.daily_at is not None and notice.daily_at <= now:
            yield _daily(notice, account, now)
        if notice.told_failed is not None and _may_tell(notice, now):
            failed = _failed(notice.conversation_id, notice.step_key)
            if failed > notice.told_failed:
                yield _failure(notice, failed, now)


def _may_tell(notice: Notice, now: datetime) -> bool:
    return notice.told_at is None or notice.told_at + AN_HOUR <= now


def _daily(notice: Notice, account: Account, now: datetime) -> Mail:
    """Say what became of the messages of the day before."""
    end = _morning(now, account)
    start = _morning(end - AN_HOUR, account)
    rows = (
        Delivery.objects.filter(
            conversation_id=notice.conversation_id,
            step_key=notice.step_key,
            queued_at__gte=start,
            queued_at__lt=end,
            is_test=False,
        )
        .values_list("state", "reason")
        .annotate(total=Count("id"))
        .order_by("state", "reason")
    )
    lines = [_line(state, reason, total) for state, reason, total in rows]
    day = start.astimezone(account.zone).date().isoformat()
    return Mail(
        notice.pk,
        notice.emails,
        f"{_title(notice)}: messages of {day}",
        "\n".join(lines or ["No message was due."]) + "\n",
        {"daily_at": _next_morning(now, account)},
    )


def _failure(notice: Notice, failed: int, now: datetime) -> Mail:
    more = failed - (notice.told_failed or 0)
    reasons = (
        Delivery.objects.filter(
            conversation_id=notice.conversation_id, step_key=notice.step_key, state="failed"
        )
        .values_list("reason")
        .annotate(total=Count("id"))
        .order_by("-total")[:10]
    )
    lines = [f"{more} more messages of this step have failed; in all:"]
    lines += [_line("failed", reason, total) for reason, total in reasons]
    return Mail(
        notice.pk,
        notice.emails,
        f"{_title(notice)}: {more} messages failed",
        "\n".join(lines) + "\n",
        {"told_failed": failed, "told_at": now},
    )


def _failed(conversation_id: int, step_key: str) -> int:
    return Delivery.objects.filter(
        conversation_id=conversation_id, step_key=step_key, state="failed", is_test=False
    ).count()


def _line(state: str, reason: str, total: int) -> str:
    return f"{total} {state}" + (f": {sentence(reason)}" if reason else "")


def _title(notice: Notice) -> str:
    return f"{notice.conversation.name}, step {notice.step_key}"


def _morning(moment: datetime, account: Account) -> datetime:
    """Return the beginning of the moment's day by the account's clock."""
    day = moment.astimezone(account.zone).replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=None
    )
    return local_instant(day, account.zone)


def _next_morning(now: datetime, account: Account) -> datetime:
    return _morning(_morning(now, account) + timedelta(hours=36), account)
