"""Fill claimed deliveries in: contexts and templates."""

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
from messaging.models import CommittedMessage
from messaging.models.message import LITERAL, Channel
from messaging.purchases import Key, order_named, orders_of
from messaging.rendering.names import Path, is_there, written
from messaging.sending.claim import Claimed
from messaging.sending.finishing import Content, Filled, Finisher, Refused, known_as
from messaging.tracking.plans import Plan, plan_of
from messaging.tracking.rules import Rules, rules_of


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
) -> tuple[list[Filled], list[Refused]]:
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
                sources, contexts, form=finisher.shared, stamps=stamps, stop=stop
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
