"""
Why: for one contact and one conversation, where it is, what comes next, and what kept it out.

One statement reads everything (explain.sql). Whatever the engine wrote down is told twice:
in its own word (`already in`, `otherwise`), and as a code of the closed list that messages
use, too (`messaging.eligibility.Reason`), so that support may sort and search by it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from conductor.conversations.models import Conversation
from conductor.conversations.remarks import held_sentence
from contacts.models import Contact
from messaging.eligibility import Reason
from messaging.eligibility import sentence as message_sentence

MOST = 50

# What the engine says, the nearest of the closed list, and a sentence for the marketer. Who
# may enter when, and once at a time, is the conversation's own filter; what it may not do
# without end is a limit. The list has no word for a fault of ours: `external data error` is
# the nearest.
REFUSALS: Mapping[str, tuple[Reason, str]] = {
    "not on list": (Reason.NOT_IN_LIST, "They are not on the conversation's list."),
    "trigger filter": (Reason.FAILS_FLOW_FILTER, "They did not match the trigger's filter."),
    "already in": (Reason.FAILS_FLOW_FILTER, "They were inside already, and nobody is twice."),
    "entered before": (
        Reason.FAILS_FLOW_FILTER,
        "They have entered before, and the conversation takes everybody once.",
    ),
    "entered lately": (Reason.FAILS_FLOW_FILTER, "Their last entry is not long enough ago."),
    "expired": (Reason.CONVERSATION_PAUSED, "The conversation takes nobody in any more."),
    "loop": (
        Reason.OVER_ACCOUNT_LIMIT,
        "Conversations started one another in a circle: a chain ends after ten.",
    ),
    "thread is gone": (Reason.SUPERSEDED, "The running version has no such thread any more."),
    "tick failed": (
        Reason.EXTERNAL_DATA_ERROR,
        "Each attempt to let them in broke off, and it was given up.",
    ),
    "not published": (Reason.CONVERSATION_PAUSED, "The conversation was not published."),
}
ENDS: Mapping[str, tuple[Reason | None, str]] = {
    "terminated": (None, "They came to the end."),
    "goal": (Reason.EXITED_BY_GOAL, "They reached the goal."),
    "exit rule": (Reason.EXITED_BY_GOAL, "The conversation's exit rule came true."),
    "unsubscribed": (Reason.SUPPRESSED, "They unsubscribed, which ends this conversation."),
    "restarted": (Reason.SUPERSEDED, "They entered again, which ended this stay."),
    "address changed": (Reason.NOT_IN_LIST, "Their address changed: the new one goes on."),
    "contact deleted": (Reason.CONTACT_DELETED, "The contact was deleted."),
    "by hand": (None, "Somebody ended it by hand."),
    "otherwise": (Reason.FAILS_STEP_FILTER, "They did not match a filter on the way."),
    "no_date": (Reason.MISSING_VARIABLE, "They have no date to wait for."),
    "missing address": (Reason.MISSING_ADDRESS, str(Reason.MISSING_ADDRESS.label)),
    "invalid address": (Reason.INVALID_ADDRESS, str(Reason.INVALID_ADDRESS.label)),
}

# Why a contact is held, by how the reason begins; what is not here is an error of data.
HELD: Mapping[str, Reason] = {
    "loop": Reason.OVER_ACCOUNT_LIMIT,
    "step_error 22": Reason.MISSING_VARIABLE,
    "step_error 53": Reason.OVER_ACCOUNT_LIMIT,
    "step_error 54": Reason.OVER_ACCOUNT_LIMIT,
    "the field is gone": Reason.MISSING_VARIABLE,
    "the coupon pool is gone": Reason.COUPON_POOL_EMPTY,
    "the list is gone": Reason.NOT_IN_LIST,
    "the phone list is gone": Reason.NOT_IN_LIST,
    "the segment": Reason.NOT_IN_LIST,
    "the thread is gone": Reason.SUPERSEDED,
    "the conversation is gone": Reason.SUPERSEDED,
    "the message is gone": Reason.TEMPLATE_ERROR,
    "the contact is gone": Reason.CONTACT_DELETED,
    "no email address": Reason.MISSING_ADDRESS,
    "no way out": Reason.SUPERSEDED,
}
BY_HAND = "by hand"

# What came to nothing at a step, by its kind: the engine's word, the code, a sentence.
FAILURES: Mapping[str, tuple[str, Reason, str]] = {
    "webhook": (
        "webhook failed",
        Reason.EXTERNAL_DATA_ERROR,
        "Another system was called, and failed: {error}.",
    ),
    "code": (
        "code failed",
        Reason.EXTERNAL_DATA_ERROR,
        "The script failed, and set nothing; the conversation's remarks count why.",
    ),
    "action": (
        "no code",
        Reason.COUPON_POOL_EMPTY,
        "There was no coupon code for them, and the field was emptied; the conversation's remarks count why.",
    ),
}

# A webhook step's call that is not over.
CALLING = {"queued", "calling"}


@dataclass(frozen=True)
class Told:
    """One thing that happened or did not: when, the engine's word, the code, in words."""

    at: datetime
    what: str
    reason: str
    code: str
    text: str
    step_key: str = ""
    channel: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Place:
    """Where a contact is in the conversation, and when it goes on (null: a fault holds it)."""

    enrollment_id: int
    version: int
    thread: str
    step_key: str
    state: str
    since: datetime
    next_at: datetime | None
    reason: str
    text: str


@dataclass(frozen=True)
class Explanation:
    """
    The answer.

    `text` is one sentence, `code` the closed list's word for what stands in the way now
    ("" = nothing). `entries` are all that ended or go on, and where somebody moved them on by
    hand, `refusals` what did not let them
    in, `messages` every message with its state, `failures` webhooks and scripts that failed and coupons that there were not,
    `waiting` facts not taken yet; each newest first, at most 50.
    """

    entered: bool
    code: str
    text: str
    place: Place | None
    entries: list[Told]
    refusals: list[Told]
    messages: list[Told]
    failures: list[Told]
    waiting: list[Told]


def explain(*, conversation: Conversation, contact: Contact, now: datetime) -> Explanation:
    """Say where a contact is in a conversation, when it goes on, and why it did not enter."""
    rows = sql.fetch_dicts(
        sql.statement("conductor.conversations", "explain"),
        conversation_id=conversation.pk,
        contact_id=contact.pk,
        list_id=conversation.list_id,
        most=MOST,
    )
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], []).append(json.loads(row["found"]))
    enrollments = by_kind.get("enrollment", [])
    inside = next((row for row in enrollments if row["ended_at"] is None), None)
    refusals = list(_refusals(by_kind.get("refusal", [])))
    waiting = list(_queued(by_kind.get("queued", []), conversation))
    place = None if inside is None else _place(inside, conversation, now)
    entries = list(_entries(enrollments))
    code, text = _answer(
        place, entries, refusals, waiting, conversation, on_list="subscription" in by_kind
    )
    moved = _moved(by_kind.get("moved", []))
    return Explanation(
        entered=bool(enrollments),
        code=code,
        text=text,
        place=place,
        entries=sorted([*entries, *moved], key=lambda told: told.at, reverse=True),
        refusals=refusals,
        messages=list(_messages(by_kind.get("delivery", []))),
        failures=list(_failures(by_kind.get("failure", []))),
        waiting=waiting,
    )


def _answer(
    place: Place | None,
    entries: Sequence[Told],
    refusals: Sequence[Told],
    waiting: Sequence[Told],
    conversation: Conversation,
    *,
    on_list: bool,
) -> tuple[str, str]:
    """Return the code and the sentence for what is most to the point now."""
    if place is not None:
        paused = Reason.CONVERSATION_PAUSED if conversation.paused_at is not None else None
        return paused or (held_code(place.reason) if place.state == "held" else ""), place.text
    latest = max([*entries, *refusals, *waiting], key=lambda told: told.at, default=None)
    if latest is not None:
        return latest.code, latest.text
    if conversation.published_id is None:
        return Reason.CONVERSATION_PAUSED, "The conversation was never published."
    if not on_list:
        return Reason.NOT_IN_LIST, "They are not on the conversation's list."
    return "", "Nothing has happened to them that a trigger of this conversation hears."


def _place(row: Mapping[str, Any], conversation: Conversation, now: datetime) -> Place:
    due = _moment(row["due_at"])
    held = row["held_reason"] if due is None else ""
    if conversation.paused_at is not None:
        due, text = None, "They wait: the conversation is paused, and goes on where it stood."
    elif held:
        text = f"They are held at this step: {held_sentence(held)}."
    elif due is not None and due <= now:
        text = "They are about to go on."
    elif (row.get("call") or {}).get("state") in CALLING:
        due, text = _moment(row["call"]["next_at"]), _called(row["call"])
    else:
        text = "They wait at this step."
    return Place(
        enrollment_id=row["id"],
        version=row["version"]["number"],
        thread=row["version"]["thread"] or row["entry_thread"],
        step_key=row["step_key"],
        state="held" if held else "waiting",
        since=_needed(row["arrived_at"]),
        next_at=due,
        reason=held,
        text=text,
    )


def _called(call: Mapping[str, Any]) -> str:
    """Say how far the call of a webhook step has come."""
    tried, error = call["attempts"], call["outcome"].get("error", "")
    if call["state"] == "calling":
        return f"They wait for the answer of another system (attempt {tried})."
    if not tried:
        return "They wait for another system to be called."
    times = "once" if tried == 1 else f"{tried} times"
    return f"They wait for another system: called {times}, {error}; it is called again."


def _entries(rows: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    for row in rows:
        if row["ended_at"] is None:
            yield Told(_needed(row["entered_at"]), "entered", "", "", "They are inside.")
            continue
        reason = row["end_reason"]
        code, text = ENDS.get(reason, (None, f"They left by “{reason}”."))
        yield Told(
            _needed(row["ended_at"]), "ended", reason, code or "", text, step_key=row["step_key"]
        )


def _moved(rows: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    for row in rows:
        way = "" if row["exit"] in ("next", "end") else f", by “{row['exit']}”"
        text = f"Somebody let them leave this step by hand{way}."
        yield Told(_needed(row["left_at"]), "moved", BY_HAND, "", text, step_key=row["step_key"])


def ended_words(reason: str) -> str:
    """Say for the marketer why somebody left."""
    return ENDS.get(reason, (None, f"They left by “{reason}”."))[1]


def held_code(reason: str) -> Reason:
    """Return the nearest of the closed list for why a contact is held, or refused by a fault."""
    told = reason.removeprefix("step_error ")
    return next(
        (
            code
            for begin, code in HELD.items()
            if (reason.startswith(begin) or told.startswith(begin))
        ),
        Reason.EXTERNAL_DATA_ERROR,
    )


def _refusals(rows: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    for row in rows:
        reason = row["reason"]
        code, text = REFUSALS.get(
            reason, (held_code(reason), f"The trigger could not be asked: {held_sentence(reason)}.")
        )
        yield Told(_needed(row["refused_at"]), row["kind"], reason, code, text)


def _messages(rows: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    for row in rows:
        reason = row["reason"]
        yield Told(
            at=_needed(row["queued_at"]),
            what=row["state"],
            reason=reason,
            code=reason.partition(" (")[0],
            text=message_sentence(reason) if reason else "",
            step_key=row["step_key"],
            channel=row["channel"],
            until=_moment(row["not_before"]),
        )


def _failures(rows: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    for row in rows:
        error = row["error"] or ""
        what, code, text = FAILURES[row["step_kind"]]
        yield Told(
            at=_needed(row["left_at"]),
            what=what,
            reason=error,
            code=code,
            text=text.format(error=error or "no answer is kept"),
            step_key=row["step_key"],
        )


def _queued(rows: Sequence[Mapping[str, Any]], conversation: Conversation) -> Iterator[Told]:
    for row in rows:
        is_paused = conversation.paused_at is not None
        text = (
            "Something happened to them that waits for the conversation to be resumed."
            if is_paused
            else "Something happened to them that is about to be looked at."
        )
        code = Reason.CONVERSATION_PAUSED if is_paused else ""
        yield Told(_needed(row["recorded_at"]), row["kind"], "queued", code, text)


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def _needed(written: str) -> datetime:
    return datetime.fromisoformat(written)
