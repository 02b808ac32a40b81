"""
Noting what happened, where an endpoint listens: in the transaction of the fact, set by set.

Facts of subscriptions, deliveries and receipts come by `contacts.actions.happenings`. The
engine's hot path is not asked: who entered and ended is read behind it (`reading`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts.tenancy import sql
from conductor.webhooks.models import Kind

# Of `{kinds}`, an array of text.
LISTENING = """
    EXISTS (
        SELECT FROM webhooks_endpoint AS endpoint WHERE jsonb_exists_any(endpoint.kinds, {kinds})
    )
"""
LISTENS = sql.Kept(f"SELECT {LISTENING.format(kinds='%(kinds)s::text[]')}")
# `{rows}` has the columns of `happenings.NOTERS`.
NOTE = """
    WITH told AS MATERIALIZED ({rows}), noted AS (
        INSERT INTO webhooks_happening (
            kind, list_id, contact_id, delivery_id, enrollment_id, occurred_at, recorded_at, detail
        )
        SELECT
            told.kind, told.list_id, told.contact_id, told.delivery_id, told.enrollment_id,
            told.occurred_at, told.recorded_at, told.detail
        FROM told
        WHERE EXISTS (
            SELECT FROM webhooks_endpoint AS endpoint
            WHERE webhooks_hears(endpoint.kinds, endpoint.lists, told.kind::text, told.list_id)
        )
        RETURNING id, kind, list_id
    )
    INSERT INTO webhooks_pending (endpoint_id, happening_id)
    SELECT endpoint.id, noted.id
    FROM noted
    INNER JOIN webhooks_endpoint AS endpoint
        ON webhooks_hears(endpoint.kinds, endpoint.lists, noted.kind::text, noted.list_id)
    ORDER BY noted.id
"""


def note(kinds: Sequence[str], rows: str, params: Mapping[str, Any]) -> None:
    """Note the rows of a SELECT for the endpoints that hear of their kinds."""
    known = [kind for kind in kinds if kind in Kind.values]
    if known and sql.fetch_value(LISTENS, kinds=known):
        sql.execute(NOTE.replace("{rows}", rows), **params)
