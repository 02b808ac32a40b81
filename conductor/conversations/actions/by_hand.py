"""
What a marketer does to contacts by hand: enter, move on, skip a wait, end.

Nothing is moved here. What was decided is written down (a fact for the intake, `told` on
the enrollment), and the next tick carries it out like everything else; so a paused
conversation carries it out when it is resumed. Doing it twice changes nothing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from conductor.conversations.actions.publishing import NotPublishedError
from conductor.conversations.models import Conversation, Version
from conductor.conversations.program import entry_into
from contacts import filters
from contacts.models import Contact, Segment

By = User | ApiClient | None

# Whom a marketer lets in, as facts. `people` is a SELECT of subscription id and contact id.
ENTER = """
    INSERT INTO contacts_intake (
        conversation_id, kind, contact_id, subscription_id, step_key, occurred_at, recorded_at,
        method, properties, depth
    )
    SELECT
        %(conversation_id)s,
        'by_hand',
        people.contact_id,
        people.id,
        %(step_key)s,
        %(now)s,
        %(now)s,
        'by hand',
        '{{}}',
        0
    FROM ({people}) AS people
    ORDER BY people.id
"""
# By which exit enrollments leave their step in the next tick. One that a tick has locked is
# waited for, and asked again where it then is.
TELL = """
    UPDATE conversations_enrollment AS enrollment
    SET
        told = way.told,
        due_at = %(now)s
    FROM
        jsonb_to_recordset(%(ways)s::jsonb) AS way (version_id bigint, step_key text, told text),
        ({people}) AS people
    WHERE
        enrollment.conversation_id = %(conversation_id)s
        AND enrollment.ended_at IS NULL
        AND enrollment.told = ''
        AND enrollment.subscription_id = people.id
        AND (%(enrollment_id)s::bigint IS NULL OR enrollment.id = %(enrollment_id)s)
        AND enrollment.version_id = way.version_id
        AND enrollment.step_key = way.step_key
"""
ONE = """
    SELECT subscription.id, subscription.contact_id
    FROM contacts_subscription AS subscription
    WHERE subscription.list_id = %(list_id)s AND subscription.contact_id = %(contact_id)s
"""
EVERYBODY = """
    SELECT subscription.id, subscription.contact_id
    FROM contacts_subscription AS subscription
    WHERE subscription.list_id = %(list_id)s
"""

END = "!end"
# What leads on where nobody said otherwise, the first that a step has.
ONWARD = ("next", "timed_out", "happened")
WAITS = ("wait", "wait_for")


@dataclass(frozen=True)
class Chosen:
    """
    Whom: one enrollment, one contact, a segment of the list, or those at a step.

    What is given must all hold. `step_key` also guards a click on an old page: who has
    moved on meanwhile is left alone.
    """

    enrollment_id: int | None = None
    contact: Contact | None = None
    segment: Segment | None = None
    step_key: str = ""


def enter_by_hand(
    *,
    conversation: Conversation,
    chosen: Chosen,
    now: datetime,
    thread: str = "",
    by: By = None,
) -> int:
    """
    Let a contact, or a segment, in at the start of a thread ("" = the first); count them.

    Neither the trigger nor its filter is asked; the list, the end of the conversation,
    re-entry and whether they are inside are. Who is refused is kept with the reason.

    :raises NotPublishedError: if nothing runs.
    :raises InvalidValueError: field `thread` for one that the running version has not,
        `segment` for one whose rule names what is gone.
    """
    version: Version | None = conversation.published
    if version is None:
        raise NotPublishedError
    step_key = _entry(version, thread)
    people, params = _people(chosen, conversation, now)
    entered = sql.execute(
        ENTER.format(people=people),
        conversation_id=conversation.pk,
        step_key=step_key,
        now=now,
        **params,
    )
    if entered:
        wake("advance")
        _note("entered by hand", conversation, chosen, entered, now=now, by=by)
    return entered


def end_by_hand(*, conversation: Conversation, chosen: Chosen, now: datetime, by: By = None) -> int:
    """End those chosen who are inside, where they are; return how many."""
    told = _tell(conversation, chosen, now, lambda _key, _step: END)
    _note("ended by hand", conversation, chosen, told, now=now, by=by)
    return told


def skip_wait(*, conversation: Conversation, chosen: Chosen, now: datetime, by: By = None) -> int:
    """Let those chosen who stand at a wait go on now; return how many."""
    told = _tell(
        conversation,
        chosen,
        now,
        lambda _key, step: onward(step) if step["kind"] in WAITS else None,
    )
    _note("wait skipped", conversation, chosen, told, now=now, by=by)
    return told


def move_on(
    *, conversation: Conversation, chosen: Chosen, now: datetime, exit: str = "", by: By = None
) -> int:
    """
    Let those chosen leave the step they are at by an exit ("" = the way on); count them.

    The step is not run: a message that it holds is not sent. Who is at a step without that
    exit is left alone.

    :raises InvalidValueError: field `exit` for one that no step of theirs has.
    """
    versions = Version.objects.filter(conversation=conversation)
    known = {
        name for version in versions for step in _steps(version).values() for name in step["exits"]
    }
    if exit and exit not in known:
        raise InvalidValueError("exit", f"No step of this conversation has an exit “{exit}”.")
    told = _tell(
        conversation,
        chosen,
        now,
        lambda _key, step: onward(step) if not exit else exit if exit in step["exits"] else None,
    )
    _note("moved on by hand", conversation, chosen, told, now=now, by=by)
    return told


def onward(step: Mapping[str, Any]) -> str | None:
    """Return the exit that leads on from a compiled step; None at an end."""
    exits = step["exits"]
    return next((name for name in ONWARD if name in exits), next(iter(exits), None))


def _tell(conversation: Conversation, chosen: Chosen, now: datetime, decide: Any) -> int:
    """Write down for each of those chosen by which exit it leaves in the next tick."""
    ways = [
        {"version_id": version.pk, "step_key": key, "told": told}
        for version in Version.objects.filter(conversation=conversation)
        for key, step in _steps(version).items()
        for told in [decide(key, step)]
        if told is not None and (not chosen.step_key or chosen.step_key == key)
    ]
    people, params = _people(chosen, conversation, now)
    told = sql.execute(
        TELL.format(people=people),
        conversation_id=conversation.pk,
        enrollment_id=chosen.enrollment_id,
        ways=json.dumps(ways),
        now=now,
        **params,
    )
    if told:
        wake("advance")
    return told


def _steps(version: Version) -> dict[str, dict[str, Any]]:
    steps: dict[str, dict[str, Any]] = version.program["steps"]
    return steps


def _entry(version: Version, thread: str) -> str:
    found = entry_into(version.program["entries"], thread)
    if found is None:
        raise InvalidValueError("thread", f"The running version has no thread “{thread}”.")
    return found


def _people(
    chosen: Chosen, conversation: Conversation, now: datetime
) -> tuple[str, dict[str, Any]]:
    """
    Return a SELECT of the subscriptions that are meant, and its parameters.

    :raises InvalidValueError: field `segment` for one whose rule names what is gone.
    """
    if chosen.segment is not None:
        in_list: List = conversation.list
        rule = {"leaf": "segment", "segment_id": chosen.segment.pk}
        try:
            matching = filters.matching(
                rule,
                columns="subscription.id, subscription.contact_id",
                list_id=in_list.pk,
                time_zone=conversation.account.time_zone,
                now=now,
            )
        except filters.VanishedError as gone:
            text = f"Nobody can be found by {chosen.segment.name}: {gone.reason}."
            raise InvalidValueError("segment", text) from gone
        given = {name: value for name, value in matching.params.items() if name != "now"}
        return matching.sql, given
    if chosen.contact is not None:
        return ONE, {"contact_id": chosen.contact.pk, "list_id": conversation.list_id}
    return EVERYBODY, {"list_id": conversation.list_id}


def _note(
    verb: str,
    conversation: Conversation,
    chosen: Chosen,
    count: int,
    *,
    now: datetime,
    by: By,
) -> None:
    if not count:
        return
    detail: dict[str, Any] = {"count": count}
    if chosen.segment is not None:
        detail["segment"] = chosen.segment.name
    if chosen.contact is not None:
        detail["contact_id"] = chosen.contact.pk
    record(verb=verb, noun="conversation", object_id=conversation.pk, now=now, by=by, detail=detail)


def named_exits(versions: Iterable[Version], key: str) -> list[str]:
    """Return the exits that a step has in some versions, in order, each once."""
    names = [name for version in versions for name in _steps(version).get(key, {}).get("exits", {})]
    return list(dict.fromkeys(names))
