"""
What happened, on its way to whoever outside listens: an account's webhooks.

Noted in the transaction of the fact, beside telling the engine (`contacts.actions.facts`): a
batch asks once whether anybody listens to its kinds. The app that keeps what is noted stands
above and says so when it is ready (`NOTERS`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contacts.actions import facts

# By name of the app: kinds, a SELECT, its parameters. The rows are of these columns: kind,
# list_id, contact_id, delivery_id, enrollment_id, occurred_at, recorded_at, detail.
NOTERS: dict[str, Callable[[Sequence[str], str, Mapping[str, Any]], None]] = {}
# By name of the app, in SQL: whether anybody listens to one of `{kinds}`, an array of text.
LISTENING: dict[str, str] = {}

SUBSCRIBED = "subscribed"
UNSUBSCRIBED = "unsubscribed"

OF_FACTS = """
    SELECT
        CASE fact.kind WHEN 'resubscribed' THEN 'subscribed' ELSE fact.kind END AS kind,
        fact.list_id, fact.contact_id, NULL::bigint AS delivery_id, NULL::bigint AS enrollment_id,
        fact.occurred_at, fact.recorded_at, jsonb_build_object('method', fact.method) AS detail
    FROM ({rows}) AS fact ({columns})
"""
OF_SUBSCRIPTION = """
    SELECT
        %(kind)s::text AS kind, %(list_id)s::bigint AS list_id, %(contact_id)s::bigint AS contact_id,
        NULL::bigint AS delivery_id, NULL::bigint AS enrollment_id,
        %(now)s::timestamptz AS occurred_at, %(now)s::timestamptz AS recorded_at,
        jsonb_build_object('method', %(method)s::text) AS detail
"""


def heard_if(kind: str) -> str:
    """Return the condition, in SQL, that anybody listens to a kind."""
    kinds = f"ARRAY['{kind}']"
    return " OR ".join(one.format(kinds=kinds) for one in LISTENING.values()) or "FALSE"


def note(kinds: Sequence[str], rows: str, /, **params: Any) -> None:
    """Note the rows of a SELECT, if anybody listens to any of `kinds`."""
    for noter in NOTERS.values():
        noter(kinds, rows, params)


def note_facts(kinds: Sequence[str], rows: str, /, **params: Any) -> None:
    """Note facts of subscriptions that were announced: a SELECT of `facts.COLUMNS`."""
    columns = ", ".join(facts.COLUMNS)
    note(kinds, OF_FACTS.replace("{rows}", rows).replace("{columns}", columns), **params)
