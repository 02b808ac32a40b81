"""The alarms of yearly date triggers, set for a whole list when a version goes live."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from conductor.conversations.models import Conversation, Version
from contacts.actions import facts
from contacts.models import Intake


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
    if changed:
        sql.execute(
            sql.statement("conductor.conversations", "set_all_alarms"),
            triggers=json.dumps(changed),
            list_id=conversation.list_id,
            account_zone=account_zone,
            now=now,
        )


def _date_triggers(version: Version) -> list[dict[str, Any]]:
    program = version.program
    return [
        date_trigger(version.conversation_id, trigger, program["time_zone"])
        for trigger in program["triggers"]
        if trigger.get("alarm")
    ]
