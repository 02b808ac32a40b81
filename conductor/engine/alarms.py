"""
Yearly dates: alarms whose instant has come become facts of kind `date`.

The timer is the row (`conversations_alarm`), one for each date trigger and subscription of
the list that has the date. It is set for the whole list at publish
(`conductor.conversations.alarms`), for one contact by facts of the role `alarm`, and for
next year when it rings. The value that counts is the one in force at the instant: a change
recorded before it moves the alarm, one recorded after it is for the years to come. An
instant that had passed before the conversation went live, or before the date was known, is
next year's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Account
from accounts.tenancy import current_account_id, sql
from conductor.conversations.alarms import date_trigger, forgotten, go_on, to_come
from conductor.engine.program import programs


@dataclass(frozen=True)
class Rung:
    """What `ring` did: alarms that rang, that were passed over, and dates set anew."""

    rung: int = 0
    missed: int = 0
    changed: int = 0

    @property
    def rows(self) -> int:
        """How many it took up: 0 when there was nothing to do."""
        return self.rung + self.missed + self.changed


def ring(*, now: datetime, limit: int) -> Rung:
    """
    Queue a fact of kind `date` for every alarm of the current account that is due.

    It means one trigger (`step_key`), happened when it was due and is recorded `now`, so
    that the same tick takes it in. Takes up to `limit` alarms of a trigger and as many
    changes of a conversation, and looks at as many whose alarms are still to be set or
    forgotten; what is left is due again at once. An account without yearly dates costs one
    probe. Must run inside the tick's transaction, before its intake.
    """
    found = sql.fetch_all(_statement("alarmed_conversations"), now=now)
    if not found:
        return Rung()
    account_zone = Account.objects.values_list("time_zone", flat=True).get(
        pk=current_account_id() or 0
    )
    looked = _look_on(found, account_zone, limit)
    given = {"triggers": json.dumps(_triggers(found)), "account_zone": account_zone}
    sql.execute(_statement("create_alarm_changes"))
    changed = 0
    rung = Rung()
    if any(has_changes for *_, has_changes in found):
        changed = int(
            sql.fetch_value(
                _statement("take_alarm_changes"), now=now, each=limit, triggers=given["triggers"]
            )
        )
        # What was due before it changed rings first, by what it was set to.
        rung = _ring(now=now, each=limit, with_changes=True, **given)
        sql.execute(_statement("forget_changed"), triggers=given["triggers"])
        sql.execute(_statement("set_alarms"), **given)
        sql.execute("DELETE FROM alarm_changes")
    last = _ring(now=now, each=limit, with_changes=False, **given)
    return Rung(rung.rung + last.rung, rung.missed + last.missed, changed + looked)


def _look_on(found: Sequence[tuple[Any, ...]], account_zone: str, limit: int) -> int:
    """Set or forget the alarms of those who come next on lists that are long; return how many."""
    taken = 0
    for conversation_id, _, list_id, _ in found:
        row = to_come(conversation_id).order_by("pk").first()
        if row is None or taken >= limit:
            continue
        taken += go_on(row, list_id=list_id, account_zone=account_zone, most=limit)
    return taken


def _ring(**given: Any) -> Rung:
    rung, missed = sql.fetch_one(_statement("ring_alarms"), **given) or (0, 0)
    return Rung(rung, missed)


def _triggers(found: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return the date triggers of conversations, as the statements read them."""
    running = programs(version_id for _, version_id, *_ in found)
    void = forgotten(conversation_id for conversation_id, *_ in found)
    return [
        {
            **date_trigger(conversation_id, trigger, running[version_id].zone),
            "forgotten": void.get((conversation_id, trigger["step_key"]), []),
        }
        for conversation_id, version_id, *_ in found
        for trigger in running[version_id].triggers
        if trigger.get("alarm")
    ]


def _statement(name: str) -> str:
    return sql.statement("conductor.engine", name)
