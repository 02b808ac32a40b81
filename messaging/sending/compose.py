"""Fill claimed deliveries in: contexts, templates, MIME."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from accounts.models import Account, List
from contacts.durations import is_zone
from contacts.models import ProfileField
from messaging import rendering, samples, wording
from messaging.actions.blanks import Blank
from messaging.actions.provider_events import digest
from messaging.mime import (
    Envelope,
    Letter,
    Skeleton,
    bare,
    one_line,
    shown_mailbox,
    with_preheader,
)
from messaging.models import CommittedMessage
from messaging.models.broadcast import FORWARDED
from messaging.models.message import LITERAL, Channel
from messaging.providers import Outgoing
from messaging.purchases import Key, order_named, orders_of
from messaging.rendering.names import Path, is_there, written
from messaging.sending.claim import Claimed
from messaging.tracking.links import unsubscribe_url
from messaging.tracking.plans import Plan, plan_of
from messaging.tracking.rules import Rules, rules_of
from messaging.tracking.texts import with_short_links

EMAIL_PARTS = {
    "subject": False,
    "preheader": False,
    "from_name": False,
    "text": False,
    "html": True,
}
MOST_SMS_SENT = 1600
# Parts that are filled in, or an email that is whole.
Content = dict[str, str] | bytes


@dataclass(frozen=True)
class Refused:
    """A delivery that could not be filled in, and why."""

    delivery_id: int
    reason: str


@dataclass(frozen=True)
class Frame:
    """
    What a batch has in common: messages, lists and their rules, fields by list, the account.

    `orders`: those that began the entries, where a message names them. `blanks`: by delivery,
    the names that were left empty so far.
    """

    messages: Mapping[int, CommittedMessage]
    lists: Mapping[int, List]
    rules: Mapping[int, Rules]
    fields: Mapping[int, list[tuple[str, str, str]]]  # list -> (id, group, field)
    account: Account
    orders: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)
    blanks: dict[int, Blank] = field(default_factory=dict)

    @property
    def time_zone(self) -> str:
        """The account's zone."""
        return self.account.time_zone

    def covers(self, rows: Iterable[Claimed]) -> bool:
        """Say whether it holds what all of some deliveries have in common."""
        return all(row.message_id in self.messages and row.list_id in self.lists for row in rows)


def load_frame(
    claimed: Iterable[Claimed],
    *,
    account_id: int,
    messages: Mapping[int, CommittedMessage] | None = None,
    known: Frame | None = None,
) -> Frame:
    """
    Read what filling in needs; inside the account, before the transaction ends.

    `messages`: those that nobody has committed, for a preview. `known`: what was read a moment
    ago, and is not read again if it is all that there is to know.
    """
    rows = list(claimed)
    lists = {row.list_id for row in rows}
    if known is not None and known.covers(rows):
        return replace(known, orders=orders_named(rows, known.messages), blanks={})
    fields = defaultdict(list)
    for one in ProfileField.objects.filter(list__in=lists).select_related("group"):
        fields[one.list_id].append((str(one.pk), one.group.name, one.name))
    account = Account.objects.get(pk=account_id)
    found = List.objects.in_bulk(lists)
    if messages is None:
        messages = CommittedMessage.objects.in_bulk({row.message_id for row in rows})
    return Frame(
        messages=messages,
        lists=found,
        rules={pk: rules_of(one, account) for pk, one in found.items()},
        fields=dict(fields),
        account=account,
        orders=orders_named(rows, messages),
    )


def orders_named(
    rows: Iterable[Claimed], messages: Mapping[int, CommittedMessage]
) -> dict[Key, dict[str, Any]]:
    """Return the orders that began the entries of those whose message names one."""
    about = {pk for pk, one in messages.items() if wording.names(one.content, "order")}
    return orders_of({order_key(row) for row in rows if row.message_id in about})


def order_key(row: Claimed) -> Key:
    """Return whose order a delivery is about, and its number."""
    return row.contact_id, order_named(row.event)


def fill_in(
    claimed: Iterable[Claimed],
    frame: Frame,
    *,
    now: datetime,
    stop: Callable[[], bool] = lambda: False,
    only_mime: bool = False,
) -> tuple[list["Filled"], list[Refused]]:
    """
    Fill every delivery's templates in, message by message; a template's fault is refused.

    Which names were left empty is added to the frame's `blanks`. Once `stop` says so, what is
    left is neither filled in nor refused; one is, so that it goes on. With `only_mime` nobody
    asks for an email's parts: where it can be, it is put together where it is filled in.
    """
    by_message = defaultdict(list)
    for row in claimed:
        by_message[row.message_id, row.is_transactional].append(row)
    ready: list[Filled] = []
    refused: list[Refused] = []
    for (message_id, is_transactional), rows in by_message.items():
        if (ready or refused) and stop():
            break
        message = frame.messages[message_id]
        plan = plan_for(message, frame, transactional=is_transactional)
        contexts = [context_of(row, frame, now=now, plan=plan) for row in rows]
        frame.blanks.update(blanks_of(rows, contexts, wording.shown_names(message.content)))
        finisher = Finisher(message, plan, frame.rules[message.list_id], now=now)
        sources = sources_of(message, plan)
        texts: Sequence[Content | rendering.TemplateFaultError]
        if only_mime and plan is not None and plan.is_foreseen:
            stamps = [finisher.stamp(row, plan) for row in rows]
            texts = rendering.render_whole(
                sources, contexts, form=finisher.form(plan), stamps=stamps, stop=stop
            )
        else:
            texts = rendering.render(sources, contexts, stop=stop)
        for row, parts in zip(rows, texts, strict=False):
            if isinstance(parts, rendering.TemplateFaultError):
                refused.append(Refused(row.id, template_error(parts)))
            else:
                ready.append(Filled(row, parts, finisher))
    ready.sort(key=lambda one: one.row.id)
    return ready, refused


def blanks_of(
    rows: Iterable[Claimed], contexts: Iterable[Mapping[str, Any]], shown: Iterable[Path]
) -> dict[int, Blank]:
    """Return which of the shown names a delivery's values lack; tests are not counted."""
    paths = {path: written(path) for path in shown}
    if not paths:
        return {}
    found = {}
    for row, context in zip(rows, contexts, strict=True):
        lacked = tuple(name for path, name in paths.items() if not is_there(path, context))
        if lacked and not row.is_test:
            found[row.id] = Blank(row.message_id, lacked)
    return found


def plan_for(message: CommittedMessage, frame: Frame, *, transactional: bool) -> Plan | None:
    """Return an email made ready for its list; None for a text message."""
    if message.channel == Channel.SMS:
        return None
    return plan_of(
        message.content,
        name=message.name,
        rules=frame.rules[message.list_id],
        transactional=transactional,
    )


def sources_of(message: CommittedMessage, plan: Plan | None) -> Mapping[str, tuple[str, bool]]:
    """Return a message's templates: part -> (source, escaped as HTML)."""
    if plan is not None:
        return plan.sources
    text = message.content["text"]
    if message.content.get(LITERAL):
        text = text.replace("{", '{{ "{" }}')
    return {"text": (text, False)}


def template_error(fault: rendering.TemplateFaultError) -> str:
    """Return the reason of a template that failed, with its line."""
    return f"template error (line {fault.line})" if fault.line else "template error"


def context_of(
    row: Claimed, frame: Frame, *, now: datetime, plan: Plan | None = None
) -> dict[str, Any]:
    """Return what a template sees of one contact."""
    in_list = frame.lists[row.list_id]
    content = frame.messages[row.message_id].content
    own_zone = row.contact.get("time_zone", "")
    zone = own_zone if is_zone(own_zone) else frame.time_zone
    return {
        "contact": samples.PERSON if row.is_test and row.contact_id is None else row.contact,
        "fields": profile_fields(row.profile, frame.fields.get(row.list_id, [])),
        "list": {"id": in_list.pk, "name": in_list.name, "public_name": in_list.shown_name},
        "event": row.event,
        "order": frame.orders.get(order_key(row), {}) if frame.orders else {},
        "coupon": coupon_of(row, content),
        "account": {
            "name": frame.account.name,
            "postal_address": frame.account.postal_address,
        },
        "now": now.isoformat(),
        "time_zone": zone,
        **(plan.addresses(row.account_id, known_as(row)[1]) if plan is not None else {}),
    }


def known_as(row: Claimed) -> tuple[int, int]:
    """Return the message and delivery that an email's links name: none in one that is sent on."""
    return (0, 0) if row.event.get(FORWARDED) else (row.message_id, row.id)


def coupon_of(row: Claimed, content: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the coupon that the conversation gave: the code in the field that it gave it into.

    A test and a preview, which no conversation sends, show the code of a test run.
    """
    if "coupon_field" in content:
        code = row.profile.get(content["coupon_field"]) or ""
        return {"code": code, "pool": content.get("coupon_pool", "")}
    return dict(samples.COUPON) if row.is_test else {"code": "", "pool": ""}


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

    def __init__(
        self, message: CommittedMessage, plan: Plan | None, rules: Rules, *, now: datetime
    ) -> None:
        self.message = message
        self.plan = plan
        self.rules = rules
        self.now = now
        content = message.content
        self.from_email = bare(content.get("from_email", ""))
        self.skeleton = Skeleton(from_email=self.from_email, reply_to=content.get("reply_to", ""))

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
        headers = self.headers(row)
        envelope = Envelope(
            to=row.address, message_id=self.message_id(row), at=self.now, headers=headers
        )
        letter = Letter(
            subject=parts["subject"], from_name=parts["from_name"], html=html, text=parts["text"]
        )
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
            raw=self.skeleton.fill(letter, envelope),
            headers=headers,
        )

    def form(self, plan: Plan) -> dict[str, Any]:
        """Return what all copies share, for those who put the whole email together."""
        return {
            "from_email": self.from_email,
            "reply_to": self.message.content.get("reply_to", ""),
            "at": self.now.isoformat(),
            "marks": plan.marks,
        }

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
