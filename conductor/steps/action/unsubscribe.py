"""Unsubscribe the contact from this list, or from another list of the account.

The contact goes on in this conversation, but no email of the list reaches it any more. From a
list that it is not on, or has left before, nothing changes.
"""

from collections.abc import Mapping
from typing import Any

from accounts.models import List
from conductor.steps import (
    THESE,
    Arrivals,
    Names,
    NameText,
    StepProblem,
    Told,
    announce,
    hold_here,
)
from conductor.steps.action.act import Act
from conductor.steps.action.subscribe import LIST_IS_GONE, list_problems
from contacts.actions import facts

THIS = "this"

UNSUBSCRIBE = f"""
    UPDATE contacts_subscription AS subscription
    SET
        state = 'Unsubscribed',
        unsubscribed_at = %(now)s,
        unsubscribe_method = 'action',
        updated_at = %(now)s
    FROM (
        SELECT {{id}} AS id FROM arrivals {{joins}} WHERE {THESE} ORDER BY {{id}}
    ) AS leaving
    WHERE subscription.id = leaving.id AND subscription.state <> 'Unsubscribed'
    RETURNING subscription.id AS subscription_id, subscription.list_id, subscription.contact_id
"""
# One look-up by both keys for each contact: a list that was filled lately is taken for an empty
# one where the planner knows its id, and would be read from end to end.
ON_OTHER = """
    CROSS JOIN LATERAL (
        SELECT standing.id
        FROM contacts_subscription AS standing
        WHERE standing.list_id = (SELECT %(list_id)s::bigint) AND standing.contact_id = arrivals.contact_id
        LIMIT 1
    ) AS other
"""
FROM_THIS = UNSUBSCRIBE.format(joins="", id="arrivals.subscription_id")
FROM_OTHER = UNSUBSCRIBE.format(joins=ON_OTHER, id="other.id")
LEFT = Told(
    kinds=(facts.UNSUBSCRIBED,),
    key="contact_id",
    columns="list_id bigint, subscription_id bigint",
    list_id="written.list_id",
    subscription_id="written.subscription_id",
)


class UnsubscribeAct(Act[str]):
    """Take off a list."""

    name = "unsubscribe"
    place = 8
    label = "Unsubscribe from a list"
    Setting = NameText

    def sentence(self, setting: str) -> str:
        """Name the list."""
        if not setting:
            return ""
        return f"Unsubscribe from {'this list' if setting == THIS else setting}"

    def problems(self, setting: str, names: Names) -> list[StepProblem]:
        """Find a missing or unknown list."""
        return [] if setting == THIS else list_problems("unsubscribe", setting, names)

    def compile(self, setting: str, names: Names) -> dict[str, Any]:
        """Return the list's id; None is the conversation's own."""
        found = None if setting == THIS else names.other_list(setting)
        return {"list_id": found.pk if found else None}

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Unsubscribe everybody here."""
        list_id = settings["list_id"]
        if list_id is not None and not List.objects.filter(pk=list_id).exists():
            hold_here(arrivals, LIST_IS_GONE)
            return
        announce(
            arrivals,
            LEFT,
            write=FROM_THIS if list_id is None else FROM_OTHER,
            list_id=list_id,
        )


ACT = UnsubscribeAct()
