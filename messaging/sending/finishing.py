"""Put deliveries together that are filled in: links, headers, MIME; for a phone the text alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from messaging import rendering
from messaging.actions.provider_events import digest
from messaging.mime import bare, one_line, shown_mailbox, with_preheader
from messaging.models import CommittedMessage
from messaging.models.broadcast import FORWARDED
from messaging.models.message import Channel
from messaging.providers import Outgoing
from messaging.sending.claim import Claimed
from messaging.tracking.links import unsubscribe_url
from messaging.tracking.plans import Plan
from messaging.tracking.rules import Rules
from messaging.tracking.texts import with_short_links

MOST_SMS_SENT = 1600
# Parts that are filled in, or an email that is whole.
Content = dict[str, str] | bytes


@dataclass(frozen=True)
class Refused:
    """A delivery that could not be filled in, and why."""

    delivery_id: int
    reason: str


class Finisher:
    """Turns the filled-in parts of one message into what a provider is handed."""

    def __init__(
        self, message: CommittedMessage, plan: Plan | None, rules: Rules, *, now: datetime
    ) -> None:
        self.message = message
        self.plan = plan
        self.rules = rules
        content = message.content
        self.from_email = bare(content.get("from_email", ""))
        # What all copies share, as whoever puts the whole email together is told.
        self.shared: dict[str, Any] = {
            "from_email": self.from_email,
            "reply_to": content.get("reply_to", ""),
            "at": now.isoformat(),
            "marks": () if plan is None else plan.marks,
        }
        self.form = rendering.Form(self.shared)

    def finish(self, row: Claimed, parts: Content) -> Outgoing | Refused:
        """Return one delivery as its provider is handed it."""
        if isinstance(parts, bytes):
            return self.whole_email(row, parts)
        if row.channel != Channel.SMS:
            return self.email(row, parts)
        text = parts["text"].strip()
        if not text or len(text) > MOST_SMS_SENT:
            return Refused(row.id, "template error (the text is empty or too long)")
        return self.text_message(row, text)

    def text_message(self, row: Claimed, text: str) -> Outgoing:
        """Return a text message."""
        return Outgoing(
            delivery_id=row.id,
            account_id=row.account_id,
            channel=row.channel,
            address=row.address,
            sender=row.short_code,
            contact_id=row.contact_id,
            text=self.with_short_links(row, text),
            media_url=self.message.content.get("media_url", ""),
        )

    def with_short_links(self, row: Claimed, text: str) -> str:
        """Return a text whose links are ours, where its list counts clicks."""
        if not self.rules.tracks_clicks:
            return text
        return with_short_links(
            text,
            self.message.content,
            base=self.rules.base,
            account_id=row.account_id,
            delivery_id=row.id,
            message_id=row.message_id,
        )

    def email(self, row: Claimed, parts: dict[str, str]) -> Outgoing:
        """Return an email with its MIME."""
        html = self.finished(row, parts)
        stamp = rendering.Stamp(row.address, self.message_id(row), self.headers(row))
        return Outgoing(
            delivery_id=row.id,
            account_id=row.account_id,
            channel=row.channel,
            address=row.address,
            sender=shown_mailbox(parts["from_name"], self.from_email),
            contact_id=row.contact_id,
            subject=one_line(parts["subject"]),
            preheader=one_line(parts["preheader"]),
            html=html,
            text=parts["text"],
            raw=self.form.written(parts, html, stamp),
            headers=stamp.headers,
        )

    def stamp(self, row: Claimed, plan: Plan) -> rendering.Stamp:
        """Return what is a recipient's own."""
        message_id, delivery_id = known_as(row)
        addresses = plan.in_place_of_marks(
            account_id=row.account_id, message_id=message_id, delivery_id=delivery_id
        )
        return rendering.Stamp(row.address, self.message_id(row), self.headers(row), addresses)

    def whole_email(self, row: Claimed, raw: bytes) -> Outgoing:
        """Return an email that was put together."""
        return Outgoing(
            delivery_id=row.id,
            account_id=row.account_id,
            channel=row.channel,
            address=row.address,
            sender=self.from_email,
            contact_id=row.contact_id,
            raw=raw,
        )

    def finished(self, row: Claimed, parts: dict[str, str]) -> str:
        """Return an email's HTML as it goes out: preheader, links, pixel."""
        html = with_preheader(parts["html"], parts["preheader"])
        if self.plan is None:
            return html
        message_id, delivery_id = known_as(row)
        return self.plan.fill(
            html, account_id=row.account_id, message_id=message_id, delivery_id=delivery_id
        )

    def headers(self, row: Claimed) -> tuple[tuple[str, str], ...]:
        """Return the headers by which mail programs take somebody off the list."""
        plan = self.plan
        if plan is None or row.is_transactional or not plan.rules.has_removal_header:
            return ()
        return (
            ("List-Unsubscribe", f"<{unsubscribe_url(row.account_id, row.id)}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        )

    def message_id(self, row: Claimed) -> str:
        """Return the same Message-ID for the same delivery, whoever sends it."""
        domain = self.from_email.rpartition("@")[2] or "conductor.invalid"
        return f"{row.id}.{digest(row.account_id, row.id)}@{domain}"


@dataclass(frozen=True)
class Filled:
    """
    A delivery whose templates are filled in, put together when its turn comes.

    That is while the message before it travels: MIME and links cost as much as handing over.
    """

    row: Claimed
    parts: Content
    finisher: Finisher

    def finish(self) -> Outgoing | Refused:
        """Put it together; a text that is empty or too long is refused."""
        return self.finisher.finish(self.row, self.parts)


def known_as(row: Claimed) -> tuple[int, int]:
    """Return the message and delivery that an email's links name: none in one that is sent on."""
    return (0, 0) if row.event.get(FORWARDED) else (row.message_id, row.id)
