"""Commit a message to a conversation: freeze what will be sent."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from accounts.models import List
from messaging import wording
from messaging.actions.messages import check_email, check_sms_text, check_words
from messaging.models import CommittedMessage, PhoneList, SavedMessage, SmsMessage
from messaging.models.message import LITERAL, PERSONAL, Channel

OVERRIDABLE = ("subject", "preheader", "from_name", "from_email", "reply_to")


def commit_email(
    *, saved_message: SavedMessage, overrides: Mapping[str, str] | None = None, now: datetime
) -> CommittedMessage:
    """
    Freeze a saved message as it is now, with a step's overrides folded in.

    `overrides` may name subject, preheader, from_name, from_email, reply_to; empty ones
    do not count. A sender that neither names is the list's. The same content is kept
    once: committing it again returns the row that is there.

    :raises InvalidValueError: for an override that is unknown or does not compile.
    """
    given = {key: value for key, value in (overrides or {}).items() if value}
    unknown = sorted(set(given) - set(OVERRIDABLE))
    if unknown:
        raise InvalidValueError(unknown[0], f"{unknown[0]} cannot be overridden.")
    check_email(given)
    parts = {key: getattr(saved_message, key) for key in (*OVERRIDABLE, "html", "text")}
    in_list = saved_message.list
    content = frozen({**parts, **given}, in_list)
    return keep(
        in_list=in_list, channel=Channel.EMAIL, name=saved_message.name, content=content, now=now
    )


def frozen(parts: Mapping[str, str], in_list: List) -> dict[str, str]:
    """Return an email's content as it is sent: a sender that it does not name is the list's."""
    content = {key: parts.get(key, "") for key in (*OVERRIDABLE, "html", "text")}
    for key in ("from_name", "from_email", "reply_to"):
        content[key] = content[key] or getattr(in_list, key)
    return content


def commit_sms(
    *,
    sms_message: SmsMessage | None,
    phone_list: PhoneList,
    now: datetime,
    text: str = "",
    media_url: str = "",
) -> CommittedMessage:
    """
    Freeze an SMS message as it is now; `text` and `media_url`, where given, override it.

    :raises InvalidValueError: if there is no text at all, or it does not compile.
    """
    words = text or (sms_message.text if sms_message else "")
    check_sms_text(words)
    content = {
        "text": words,
        "media_url": media_url or (sms_message.media_url if sms_message else ""),
    }
    return keep(
        in_list=phone_list.short_code.email_list,
        channel=Channel.SMS,
        name=sms_message.name if sms_message else "",
        content=content,
        now=now,
    )


def commit_words(
    *, phone_list: PhoneList, text: str, now: datetime, sms_message: SmsMessage | None = None
) -> CommittedMessage:
    """
    Freeze a text that is for one person, so that it goes when the person is forgotten.

    With `sms_message` it stands in for that message's words, and is a template like them;
    without, it is what somebody wrote by hand and is sent as it stands, braces and all.

    :raises InvalidValueError: field `text`, if there is none, it is too long or, a template,
        does not compile.
    """
    content: dict[str, Any] = {"text": text, "media_url": "", PERSONAL: True}
    if sms_message is None:
        check_words(text)
        content[LITERAL] = True
    else:
        check_sms_text(text)
        content["media_url"] = sms_message.media_url
    return keep(
        in_list=phone_list.short_code.email_list,
        channel=Channel.SMS,
        name=sms_message.name if sms_message else "",
        content=content,
        now=now,
    )


def with_coupon(
    message: CommittedMessage, *, field_id: int, pool: str, now: datetime
) -> CommittedMessage:
    """
    Return a message whose `coupon` is the code in a profile field; itself if it shows none.

    `pool` is the name of where the code comes from.
    """
    if not wording.names(message.content, "coupon"):
        return message
    content = {**message.content, "coupon_field": str(field_id), "coupon_pool": pool}
    return keep(
        in_list=message.list,
        channel=Channel(message.channel),
        name=message.name,
        content=content,
        now=now,
    )


def keep(
    *, in_list: List, channel: Channel, name: str, content: dict[str, Any], now: datetime
) -> CommittedMessage:
    """Return the committed message of that content; of two at once both get the same row."""
    digest = content_hash(name, content)
    CommittedMessage.objects.bulk_create(
        [
            CommittedMessage(
                list=in_list,
                channel=channel,
                name=name,
                content=content,
                content_hash=digest,
                committed_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    return CommittedMessage.objects.get(list=in_list, channel=channel, content_hash=digest)


def content_hash(name: str, content: Mapping[str, Any]) -> str:
    """Return the SHA-256 (64 hex digits) of a message's name and content."""
    canonical = json.dumps([name, content], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
