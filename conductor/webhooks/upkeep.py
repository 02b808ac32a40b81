"""What is forgotten: people, and what is older than the log reaches."""

from datetime import datetime, timedelta

from accounts.tenancy import in_account, lookups, sql
from contacts.actions.erasure import Erasing

KEPT = timedelta(days=30)

# What is about them: by the contact, and consents of numbers that were no contact's, which are
# gone by now.
OF_THEM = """(
    happening.contact_id = ANY(%(ids)s::bigint[])
    OR (
        happening.contact_id IS NULL
        AND NOT EXISTS (
            SELECT FROM messaging_phonesubscription AS consent
            WHERE consent.id = (happening.detail ->> 'phone_id')::bigint
        )
    )
)"""
# In this order: an answer may repeat what it was told, so it goes with whom it was about.
FORGET_PEOPLE = (
    f"""
    UPDATE webhooks_call AS call
    SET response = ''
    WHERE call.response <> '' AND EXISTS (
        SELECT
        FROM jsonb_array_elements_text(call.happenings) AS told (id)
        INNER JOIN webhooks_happening AS happening ON told.id::bigint = happening.id
        WHERE {OF_THEM}
    )
    """,
    f"""
    DELETE FROM webhooks_pending AS pending
    WHERE pending.happening_id = ANY(ARRAY(
        SELECT happening.id FROM webhooks_happening AS happening WHERE {OF_THEM}
    ))
    """,
    f"DELETE FROM webhooks_happening AS happening WHERE {OF_THEM}",
)
FORGET_OLD = (
    "DELETE FROM webhooks_call AS call WHERE call.ended_at < %(before)s",
    # What still waits to be told stays, however long an endpoint was paused or silent.
    """
    DELETE FROM webhooks_pending AS pending
    WHERE NOT EXISTS (
        SELECT FROM webhooks_endpoint AS endpoint WHERE endpoint.id = pending.endpoint_id
    )
    """,
    """
    DELETE FROM webhooks_happening AS happening
    WHERE happening.recorded_at < %(before)s
        AND NOT EXISTS (
            SELECT FROM webhooks_pending AS pending WHERE pending.happening_id = happening.id
        )
        AND NOT happening.id = ANY(ARRAY(
            SELECT told.id::bigint
            FROM webhooks_call AS call
            CROSS JOIN LATERAL jsonb_array_elements_text(call.happenings) AS told (id)
            WHERE call.state IN ('queued', 'calling')
        ))
    """,
)


def forget_people(erasing: Erasing) -> None:
    """Clear what endpoints were told, and were to be told, of people."""
    for statement in FORGET_PEOPLE:
        sql.execute(statement, ids=erasing.contact_ids)


def forget_old(now: datetime) -> None:
    """Remove, in every account, calls that were over and what happened 30 days ago."""
    for account_id in lookups.all_accounts():
        with in_account(account_id):
            for statement in FORGET_OLD:
                sql.execute(statement, before=now - KEPT)
