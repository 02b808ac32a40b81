"""
The alarms of yearly date triggers, set for a whole list when a version goes live.

A short list's at once; a long list's by ticks, batch by batch, by a row of the queue that
says how far it has come (`SETUP`, of kind `alarm`, and of no contact). What counts is the
moment of the publish: an instant that passes before a contact was looked at rings then.
"""

import json
from collections.abc import Mapping
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
    kept = [] if previous is None else _date_triggers(previous)
    changed = [trigger for trigger in triggers if trigger not in kept]
    unchanged = [trigger["step_key"] for trigger in triggers if trigger in kept]
    sql.execute(
        sql.statement("conductor.conversations", "forget_alarms"),
        conversation_id=conversation.pk,
        step_keys=[trigger["step_key"] for trigger in triggers],
        unchanged=unchanged,
        now=now,
    )
    if not triggers:
        Intake.objects.filter(conversation_id=conversation.pk, kind=facts.ALARM).delete()
    _leave_to_come(conversation, [trigger for trigger in triggers if trigger in kept])
    if changed and jobs.is_long(conversation.list_id):
        _begin(conversation, changed, now)
    elif changed:
        look_on(
            {"triggers": changed, "after": 0, "last": 2**62, "since": now.isoformat()},
            list_id=conversation.list_id,
            account_zone=account_zone,
            most=None,
        )


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


def _begin(conversation: Conversation, triggers: list[dict[str, Any]], now: datetime) -> None:
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
            "since": now.isoformat(),
            "after": 0,
            "last": last,
            "looked": 0,
            "total": total,
        },
    )


def _leave_to_come(conversation: Conversation, unchanged: list[dict[str, Any]]) -> None:
    """Take from what is to come the triggers that are gone or have changed."""
    for row in to_come(conversation.pk):
        kept = [trigger for trigger in row.properties["triggers"] if trigger in unchanged]
        row.properties["triggers"] = kept
        if kept:
            row.save(update_fields=["properties"])
        else:
            row.delete()


def _date_triggers(version: Version) -> list[dict[str, Any]]:
    program = version.program
    return [
        date_trigger(version.conversation_id, trigger, program["time_zone"])
        for trigger in program["triggers"]
        if trigger.get("alarm")
    ]
