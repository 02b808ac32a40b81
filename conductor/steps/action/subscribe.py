"""Subscribe the contact to a list of the account.

Who is not on the list yet, or has a double opt-in pending there, becomes Subscribed; who
stands on it already stays as it is. Who left the list is not put back: an unsubscribe is the
contact's own word, and only the contact takes it back. Conversations of that list hear of it.
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
    empty,
    hold_here,
    unknown,
)
from conductor.steps.action.act import Act
from contacts.actions import facts
from contacts.identity import EMAIL_KEY_SQL

LIST_IS_GONE = "the list is gone"

SUBSCRIBE = f"""
    INSERT INTO contacts_subscription AS standing (
        list_id, contact_id, state, email_key, external_contact_id, profile, subscribed_at,
        subscribe_method, unsubscribe_method, created_at, updated_at
    )
    SELECT
        %(list_id)s::bigint, contact.id, 'Subscribed',
        {EMAIL_KEY_SQL.format(list_id="%(list_id)s::bigint", email_norm="contact.email_norm")},
        '', '{{}}'::jsonb, %(now)s, 'action', '', %(now)s, %(now)s
    FROM arrivals
    INNER JOIN contacts_contact AS contact ON contact.id = arrivals.contact_id
    WHERE {THESE} AND contact.email_norm <> ''
    ORDER BY contact.id
    ON CONFLICT (account_id, list_id, contact_id) DO UPDATE
    SET
        state = 'Subscribed',
        subscribed_at = coalesce(standing.subscribed_at, excluded.subscribed_at),
        resubscribed_at = CASE
            WHEN standing.subscribed_at IS NULL THEN standing.resubscribed_at
            ELSE excluded.subscribed_at
        END,
        subscribe_method = excluded.subscribe_method,
        unsubscribed_at = NULL,
        unsubscribe_method = '',
        updated_at = excluded.updated_at
    WHERE standing.state = 'Pending'
    RETURNING
        standing.id AS subscription_id,
        standing.contact_id,
        standing.created_at = %(now)s AND standing.subscribed_at = %(now)s AS is_added,
        coalesce(standing.resubscribed_at = %(now)s, FALSE) AS is_back
"""
CAME = Told(
    kinds=(facts.ADDED, facts.SUBSCRIBED, facts.RESUBSCRIBED),
    key="contact_id",
    columns="subscription_id bigint, is_added boolean, is_back boolean",
    kind="told.kind",
    list_id="%(list_id)s::bigint",
    subscription_id="written.subscription_id",
    also=f"""INNER JOIN LATERAL (
        VALUES
            (1, '{facts.ADDED}', written.is_added),
            (2, '{facts.SUBSCRIBED}', NOT written.is_back),
            (3, '{facts.RESUBSCRIBED}', written.is_back)
    ) AS told (place, kind, holds) ON told.holds""",
    order="told.place",
)
WITHOUT_ADDRESS = """
    EXISTS (
        SELECT FROM contacts_contact AS contact
        WHERE contact.id = arrivals.contact_id AND contact.email_norm = ''
    )
"""


class SubscribeAct(Act[str]):
    """Put on a list."""

    name = "subscribe"
    place = 7
    label = "Subscribe to a list"
    Setting = NameText

    def sentence(self, setting: str) -> str:
        """Name the list."""
        return f"Subscribe to {setting}" if setting else ""

    def problems(self, setting: str, names: Names) -> list[StepProblem]:
        """Find a missing or unknown list."""
        return list_problems("subscribe", setting, names)

    def compile(self, setting: str, names: Names) -> dict[str, Any]:
        """Return the list's id."""
        found = names.other_list(setting)
        if found is None:
            raise ValueError("Only a step without problems is compiled.")
        return {"list_id": found.pk}

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Subscribe everybody here who may be."""
        if not List.objects.filter(pk=settings["list_id"]).exists():
            hold_here(arrivals, LIST_IS_GONE)
            return
        hold_here(arrivals, "no email address", WITHOUT_ADDRESS)
        announce(
            arrivals,
            CAME,
            write=SUBSCRIBE,
            list_id=settings["list_id"],
        )


def list_problems(path: str, name: str, names: Names) -> list[StepProblem]:
    """Return the problems of a list's name."""
    if not name:
        return [empty(path, "Choose the list.")]
    if names.other_list(name) is None:
        problem = unknown(path, "list", name)
        text = f"There is no list named “{name}” in this account."
        return [StepProblem(path, problem.code, text)]
    return []


ACT = SubscribeAct()
