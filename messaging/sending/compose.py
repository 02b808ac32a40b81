"""Fill claimed deliveries in: contexts, templates, MIME."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Account, List
from contacts.durations import is_zone
from contacts.models import ProfileField
from messaging import rendering
from messaging.mime import Envelope, Letter, Skeleton, one_line, with_preheader
from messaging.models import CommittedMessage
from messaging.models.message import Channel
from messaging.providers import Outgoing
from messaging.sending.claim import Claimed

EMAIL_PARTS = {
    "subject": False,
    "preheader": False,
    "from_name": False,
    "text": False,
    "html": True,
}
MOST_SMS_SENT = 1600


@dataclass(frozen=True)
class Refused:
    """A delivery that could not be filled in, and why."""

    delivery_id: int
    reason: str


@dataclass(frozen=True)
class Frame:
    """What a batch has in common: messages, lists, fields by list, the account's zone."""

    messages: Mapping[int, CommittedMessage]
    lists: Mapping[int, List]
    fields: Mapping[int, list[tuple[str, str, str]]]  # list -> (id, group, field)
    time_zone: str


def load_frame(claimed: Iterable[Claimed], *, account_id: int) -> Frame:
    """Read what filling in needs; inside the account, before the transaction ends."""
    rows = list(claimed)
    lists = {row.list_id for row in rows}
    fields = defaultdict(list)
    for field in ProfileField.objects.filter(list__in=lists).select_related("group"):
        fields[field.list_id].append((str(field.pk), field.group.name, field.name))
    return Frame(
        messages=CommittedMessage.objects.in_bulk({row.message_id for row in rows}),
        lists=List.objects.in_bulk(lists),
        fields=dict(fields),
        time_zone=Account.objects.get(pk=account_id).time_zone,
    )


def compose(
    claimed: Iterable[Claimed], frame: Frame, *, now: datetime
) -> tuple[list[Outgoing], list[Refused]]:
    """Fill every delivery in, message by message; what cannot be filled in is refused."""
    by_message = defaultdict(list)
    for row in claimed:
        by_message[row.message_id].append(row)
    ready: list[Outgoing] = []
    refused: list[Refused] = []
    for message_id, rows in by_message.items():
        message = frame.messages[message_id]
        contexts = [context_of(row, frame, now=now) for row in rows]
        filled = rendering.render(sources_of(message), contexts)
        finish = Finisher(message, now=now)
        for row, parts in zip(rows, filled, strict=True):
            if isinstance(parts, rendering.TemplateFaultError):
                refused.append(Refused(row.id, template_error(parts)))
            else:
                finish(row, parts, ready, refused)
    ready.sort(key=lambda outgoing: outgoing.delivery_id)
    return ready, refused


def sources_of(message: CommittedMessage) -> dict[str, tuple[str, bool]]:
    """Return a message's templates: part -> (source, escaped as HTML)."""
    if message.channel == Channel.SMS:
        return {"text": (message.content["text"], False)}
    return {part: (message.content.get(part, ""), html) for part, html in EMAIL_PARTS.items()}


def template_error(fault: rendering.TemplateFaultError) -> str:
    """Return the reason of a template that failed, with its line."""
    return f"template error (line {fault.line})" if fault.line else "template error"


def context_of(row: Claimed, frame: Frame, *, now: datetime) -> dict[str, Any]:
    """Return what a template sees of one contact."""
    in_list = frame.lists[row.list_id]
    own_zone = row.contact.get("time_zone", "")
    zone = own_zone if is_zone(own_zone) else frame.time_zone
    return {
        "contact": row.contact,
        "fields": profile_fields(row.profile, frame.fields.get(row.list_id, [])),
        "list": {"id": in_list.pk, "name": in_list.name},
        "event": row.event,
        "now": now.isoformat(),
        "time_zone": zone,
    }


def profile_fields(
    profile: Mapping[str, Any], fields: Iterable[tuple[str, str, str]]
) -> dict[str, Any]:
    """Return values as `Group.Field` and as `Group` -> `Field`."""
    values: dict[str, Any] = {}
    for key, group, name in fields:
        value = profile.get(key, "")
        values.setdefault(group, {})
        if isinstance(values[group], dict):
            values[group][name] = value
        values[f"{group}.{name}"] = value
    return values


class Finisher:
    """Turns the filled-in parts of one message into what a provider is handed."""

    def __init__(self, message: CommittedMessage, *, now: datetime) -> None:
        self.message = message
        self.now = now
        content = message.content
        self.from_email = content.get("from_email", "")
        self.skeleton = Skeleton(from_email=self.from_email, reply_to=content.get("reply_to", ""))

    def __call__(
        self,
        row: Claimed,
        parts: dict[str, str],
        ready: list[Outgoing],
        refused: list[Refused],
    ) -> None:
        """Append one delivery to `ready`, or to `refused`."""
        if row.channel == Channel.SMS:
            text = parts["text"].strip()
            if not text or len(text) > MOST_SMS_SENT:
                refused.append(Refused(row.id, "template error (the text is empty or too long)"))
                return
            ready.append(self.text_message(row, text))
        else:
            ready.append(self.email(row, parts))

    def text_message(self, row: Claimed, text: str) -> Outgoing:
        """Return a text message."""
        return Outgoing(
            delivery_id=row.id,
            account_id=row.account_id,
            channel=row.channel,
            address=row.address,
            sender=row.short_code,
            contact_id=row.contact_id,
            text=text,
            media_url=self.message.content.get("media_url", ""),
        )

    def email(self, row: Claimed, parts: dict[str, str]) -> Outgoing:
        """Return an email with its MIME."""
        html = with_preheader(parts["html"], parts["preheader"])
        envelope = Envelope(to=row.address, message_id=self.message_id(row), at=self.now)
        letter = Letter(
            subject=parts["subject"], from_name=parts["from_name"], html=html, text=parts["text"]
        )
        name = one_line(parts["from_name"])
        return Outgoing(
            delivery_id=row.id,
            account_id=row.account_id,
            channel=row.channel,
            address=row.address,
            sender=f"{name} <{self.from_email}>" if name else self.from_email,
            contact_id=row.contact_id,
            subject=one_line(parts["subject"]),
            preheader=one_line(parts["preheader"]),
            html=parts["html"],
            text=parts["text"],
            raw=self.skeleton.fill(letter, envelope),
        )

    def message_id(self, row: Claimed) -> str:
        """Return the same Message-ID for the same delivery, whoever sends it."""
        seed = f"{row.account_id}:{row.id}"
        digest = hashlib.sha256(seed.encode()).hexdigest()[:16]
        domain = self.from_email.rpartition("@")[2] or "conductor.invalid"
        return f"{row.id}.{digest}@{domain}"
