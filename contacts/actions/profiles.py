"""Profiles of many contacts at once, each with values of its own."""

from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from contacts.actions import facts

# What changed is what is announced: a value that was there already is no news. A value is
# a scalar and null is no value, so that stripping nulls clears what was set to null.
WRITE = """
changed AS (
    UPDATE contacts_subscription AS subscription
    SET
        profile = jsonb_strip_nulls(subscription.profile || written.given),
        updated_at = %(now)s
    FROM ({rows}) AS written (subscription_id, given, depth)
    WHERE
        subscription.id = written.subscription_id
        AND subscription.profile
            IS DISTINCT FROM jsonb_strip_nulls(subscription.profile || written.given)
    RETURNING
        subscription.id,
        subscription.list_id,
        subscription.contact_id,
        written.depth,
        array(SELECT jsonb_object_keys(written.given)) AS fields
)
"""
FACTS = f"""
    SELECT
        '{facts.PROFILE_UPDATED}', changed.list_id, NULL::bigint, NULL::bigint, NULL::bigint,
        changed.contact_id, changed.id, %(now)s::timestamptz, %(now)s::timestamptz, %(method)s,
        jsonb_build_object('fields', to_jsonb(changed.fields)), changed.depth::smallint
    FROM changed
"""


def write_profiles(rows: str, /, *, now: datetime, method: str, **params: Any) -> int:
    """
    Write values into profiles by one statement; return how many profiles changed.

    `rows` is a SELECT of (subscription id, jsonb {field id: value as the field holds it,
    null to clear it}, depth of the fact), one row a subscription. Watchers, alarms and
    segments hear of it; no trigger does.
    """
    given = WRITE.format(rows=rows)
    if not sql.fetch_value("SELECT EXISTS (SELECT FROM contacts_listener)"):
        return sql.execute(
            f"WITH {given} SELECT changed.id FROM changed", now=now, method=method, **params
        )
    _, changed = facts.queue(
        FACTS,
        roles=facts.QUIET,
        given=f"{given},",
        returning="(SELECT count(*) FROM changed)",
        now=now,
        method=method,
        **params,
    )
    return int(changed)
