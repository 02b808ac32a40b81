"""
The alarms of yearly date triggers, set for a whole list when a version goes live.

A short list's at once; a long list's by ticks, batch by batch, by a row of the queue that
says how far it has come (`SETUP`, of kind `alarm`, and of no contact). What counts is the
moment of the publish: an instant that passes before a contact was looked at rings then.

What a trigger that is gone or has changed had set on a long list is forgotten in the same
way, first: the alarms with smaller ids than the publish took. None of them rings meanwhile,
but those that were due already.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.tenancy import sql
from conductor.conversations.models import Conversation, Version
from contacts.actions import facts
from contacts.models import Intake
from contacts.segments import jobs

# The method of the row that stands for those nobody has looked at.
SETUP = "setup"
NOBODY = 0
# No alarm that is written later has a smaller one; those before have.
NEXT_ID = "SELECT nextval(pg_get_serial_sequence('conversations_alarm', 'id'))"


def date_trigger(conversation_id: int, trigger: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """
    Return a program's date trigger as statements read it.

    {conversation_id, step_key, field_id (text), months, days, at, zone}.
    """
    alarm = trigger["alarm"]
    return {
        "conversation_id": conversation_id,
        "step_key": trigger["step_key"],
        "field_id": str(alarm["field_id"]),
        "months": alarm["offset"]["months"],
        "days": alarm["offset"]["days"],
        "at": alarm["at"],
        "zone": zone,
    }


def set_alarms(
    *,
    conversation: Conversation,
    version: Version,
    previous: Version | None,
    account_zone: str,
    now: datetime,
) -> None:
    """
    Set the alarms of a version's date triggers, for everybody on the list who has the date.

    An instant up to `now` is next year's; what was due already and has not been rung yet
    still rings. A trigger that stays as it was keeps its alarms: they are kept up to date.
    """
    triggers = _date_triggers(version)
    former = [] if previous is None else _date_triggers(previous)
    changed = [trigger for trigger in triggers if trigger not in former]
    unchanged = [trigger for trigger in triggers if trigger in former]
    if not triggers:
        queued = Intake.objects.filter(conversation_id=conversation.pk, kind=facts.ALARM)
        queued.exclude(method=SETUP).delete()
    _leave_to_come(conversation, unchanged)
    replaced = [trigger for trigger in former if trigger not in unchanged]
    if (changed or replaced) and jobs.is_long(conversation.list_id):
        _begin(conversation, changed, _to_forget(replaced, changed, now), now)
        return
    sql.execute(
        sql.statement("conductor.conversations", "forget_alarms"),
        conversation_id=conversation.pk,
        step_keys=[trigger["step_key"] for trigger in triggers],
        unchanged=[trigger["step_key"] for trigger in unchanged],
        now=now,
    )
    if changed:
        look_on(
            {"triggers": changed, "after": 0, "last": 2**62, "since": now.isoformat()},
            list_id=conversation.list_id,
            account_zone=account_zone,
            most=None,
        )


def go_on(row: Intake, *, list_id: int, account_zone: str, most: int) -> int:
    """
    Do the next batch of what is to come; return how many were looked at, 1 at least.

    The row holds {triggers, since, after, last, looked, total, forget}; `forget` is a list of
    {step_key, upto, since, after}. It is gone when everything is done.
    """
    job = row.properties
    if job.get("forget"):
        seen, row.properties = _forget_on(row.conversation_id, job, most)
    elif job["triggers"]:
        seen, last = look_on(job, list_id=list_id, account_zone=account_zone, most=most)
        row.properties = {**job, "after": last, "looked": job["looked"] + seen}
        if last is None or seen < most:
            row.properties["triggers"] = []
    else:
        seen = 0
    _keep(row)
    return max(1, seen)


def forgotten(conversation_ids: Iterable[int]) -> dict[tuple[int, str], list[dict[str, Any]]]:
    """
    Return which alarms of conversations are still to be forgotten and must not ring.

    {(conversation id, step key): [{upto, since}]}: ids below `upto` that are due after
    `since`; where that is null, all of them.
    """
    found = defaultdict(list)
    rows = Intake.objects.filter(
        conversation_id__in=list(conversation_ids), kind=facts.ALARM, method=SETUP
    )
    for row in rows:
        for one in row.properties.get("forget", ()):
            known = {"upto": one["upto"], "since": one["since"]}
            found[row.conversation_id, one["step_key"]].append(known)
    return found


def look_on(
    job: Mapping[str, Any], *, list_id: int, account_zone: str, most: int | None
) -> tuple[int, int | None]:
    """
    Set the alarms of those on the list who come next; return how many, and the last of them.

    `job` is what the row of the queue holds: {triggers, since, after, last, looked, total}.
    """
    looked, last = sql.fetch_one(
        sql.statement("conductor.conversations", "set_all_alarms"),
        triggers=json.dumps(job["triggers"]),
        list_id=list_id,
        account_zone=account_zone,
        since=datetime.fromisoformat(job["since"]),
        after=job["after"],
        last=job["last"],
        most=most,
    ) or (0, None)
    return looked, last


def to_come(conversation_id: int) -> QuerySet[Intake, Intake]:
    """Return the rows that stand for contacts whom nobody has looked at yet."""
    return Intake.objects.filter(conversation_id=conversation_id, kind=facts.ALARM, method=SETUP)


def _begin(
    conversation: Conversation,
    triggers: list[dict[str, Any]],
    forget: list[dict[str, Any]],
    now: datetime,
) -> None:
    total, last = jobs.size_of(conversation.list_id)
    Intake.objects.create(
        conversation_id=conversation.pk,
        kind=facts.ALARM,
        method=SETUP,
        contact_id=NOBODY,
        occurred_at=now,
        recorded_at=now,
        properties={
            "triggers": triggers,
            "forget": forget,
            "since": now.isoformat(),
            "after": 0,
            "last": last,
            "looked": 0,
            "total": total,
        },
    )


def _to_forget(
    replaced: Iterable[dict[str, Any]], changed: Iterable[dict[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    """Say which alarms a publish makes void: those of triggers that it replaces, set before."""
    stay = {trigger["step_key"] for trigger in changed}
    upto = sql.fetch_value(NEXT_ID)
    return [
        {
            "step_key": trigger["step_key"],
            "upto": upto,
            "since": now.isoformat() if trigger["step_key"] in stay else None,
            "after": 0,
        }
        for trigger in replaced
    ]


def _forget_on(
    conversation_id: int, job: Mapping[str, Any], most: int
) -> tuple[int, dict[str, Any]]:
    """Forget the next alarms; return how many were looked at, and the job as it is then."""
    first, *others = job["forget"]
    seen, last = sql.fetch_one(
        sql.statement("conductor.conversations", "forget_next_alarms"),
        conversation_id=conversation_id,
        step_key=first["step_key"],
        after=first["after"],
        upto=first["upto"],
        since=None if first["since"] is None else datetime.fromisoformat(first["since"]),
        most=most,
    ) or (0, None)
    left = [{**first, "after": last}, *others] if seen == most else others
    return seen, {**job, "forget": left}


def _keep(row: Intake) -> None:
    """Write down what is left of a job; one without anything left is over."""
    if row.properties["triggers"] or row.properties.get("forget"):
        row.save(update_fields=["properties"])
    else:
        row.delete()


def _leave_to_come(conversation: Conversation, unchanged: list[dict[str, Any]]) -> None:
    """Take from what is to come the triggers that are gone or have changed."""
    for row in to_come(conversation.pk):
        kept = [trigger for trigger in row.properties["triggers"] if trigger in unchanged]
        row.properties["triggers"] = kept
        _keep(row)


def _date_triggers(version: Version) -> list[dict[str, Any]]:
    program = version.program
    return [
        date_trigger(version.conversation_id, trigger, program["time_zone"])
        for trigger in program["triggers"]
        if trigger.get("alarm")
    ]
