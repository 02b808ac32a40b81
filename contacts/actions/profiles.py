"""Profiles of many contacts at once, each with values of its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import List
from accounts.tenancy import sql
from contacts.actions import facts
from contacts.values import Value

# What changed is what is announced: a value that was there already is no news. A value is
# a scalar and null is no value, so that stripping nulls clears what was set to null.
CHANGED = """
        array(
            SELECT one.key
            FROM jsonb_each(found.given) AS one
            WHERE found.before -> one.key IS DISTINCT FROM found.after -> one.key
            ORDER BY one.key::bigint
        ) AS fields
"""
WRITE = f"""
found AS MATERIALIZED (
    SELECT
        subscription.id,
        subscription.profile AS before,
        written.given,
        written.depth,
        jsonb_strip_nulls(subscription.profile || written.given) AS after
    FROM ({{rows}}) AS written (subscription_id, given, depth)
    INNER JOIN contacts_subscription AS subscription ON subscription.id = written.subscription_id
    ORDER BY subscription.id
    FOR NO KEY UPDATE OF subscription
), changed AS (
    UPDATE contacts_subscription AS subscription
    SET profile = found.after, updated_at = %(now)s
    FROM found
    WHERE subscription.id = found.id AND found.after <> found.before
    RETURNING
        subscription.id,
        subscription.list_id,
        subscription.contact_id,
        found.depth,
        {CHANGED}
)
"""
FACTS = f"""
    SELECT
        '{facts.PROFILE_UPDATED}', changed.list_id, NULL::bigint, NULL::bigint, NULL::bigint,
        changed.contact_id, changed.id, %(now)s::timestamptz, %(now)s::timestamptz, %(method)s,
        jsonb_build_object('fields', to_jsonb(changed.fields)), changed.depth::smallint
    FROM changed
"""

# The rows are locked in one order by everybody. What is null in `given` is cleared.
SET = f"""
found AS MATERIALIZED (
    SELECT
        subscription.id,
        subscription.profile AS before,
        given.place,
        given.profile AS given,
        jsonb_strip_nulls(subscription.profile || given.profile) AS after
    FROM unnest(%(places)s::integer[], %(emails)s::text[], %(profiles)s::text[]::jsonb[])
        AS given (place, email_norm, profile)
    INNER JOIN contacts_contact AS contact
        ON contact.email_norm = given.email_norm AND contact.email_norm <> ''
    INNER JOIN contacts_subscription AS subscription
        ON subscription.contact_id = contact.id AND subscription.list_id = %(list_id)s
    WHERE subscription.state = ANY(%(states)s)
    ORDER BY subscription.id
    FOR NO KEY UPDATE OF subscription
), changed AS (
    UPDATE contacts_subscription AS subscription
    SET profile = found.after, updated_at = %(now)s
    FROM found
    WHERE subscription.id = found.id AND found.after <> found.before
    RETURNING
        subscription.id,
        subscription.list_id,
        subscription.contact_id,
        found.place,
        0 AS depth,
        {CHANGED}
), """
OUTCOME = """json_build_array(
    (SELECT coalesce(json_agg(found.place), '[]') FROM found),
    (SELECT count(*) FROM changed)
)::text"""
SET_FACTS = f"{FACTS} ORDER BY changed.place"


@dataclass(frozen=True)
class Written:
    """Places of the profiles that were found, and how many of them changed."""

    found: frozenset[int]
    changed: int


def set_profiles(
    *,
    list: List,
    profiles: Mapping[int, tuple[str, Mapping[int, Value | None]]],
    now: datetime,
    states: Sequence[str],
    method: str = "",
) -> Written:
    """
    Set values of many contacts by one statement, and tell who listens, triggers included.

    `profiles` by place: the normalised address, once each, and values as their fields hold
    them by field id, None to clear. Addresses that do not stand in one of `states` with the
    list are not found.
    """
    if not profiles:
        return Written(frozenset(), 0)
    _, written = facts.queue(
        SET_FACTS,
        same_list=facts.ONE_LIST,
        given=SET,
        returning=OUTCOME,
        list_id=list.pk,
        places=[*profiles],
        emails=[email for email, _ in profiles.values()],
        profiles=[
            json.dumps({str(key): value for key, value in profile.items()})
            for _, profile in profiles.values()
        ],
        states=[*states],
        now=now,
        method=method,
    )
    found, changed = json.loads(written)
    return Written(frozenset(found), changed)


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
