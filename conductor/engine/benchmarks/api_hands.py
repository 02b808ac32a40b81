"""What calls of the API write, written by hand: the limit of `benchmark api`."""

import json
import time
from collections.abc import Callable

from accounts.tenancy import in_account, sql
from conductor.conversations.models import Conversation
from conductor.engine.benchmarks.ground import Ground

SET_VALUES = """
    UPDATE contacts_subscription AS subscription
    SET profile = subscription.profile || given.profile, updated_at = %(now)s
    FROM unnest(%(emails)s::text[], %(profiles)s::text[]::jsonb[]) AS given (email_norm, profile)
    INNER JOIN contacts_contact AS contact
        ON contact.email_norm = given.email_norm AND contact.email_norm <> ''
    WHERE subscription.contact_id = contact.id AND subscription.list_id = %(list_id)s
"""
RAISE = """
    WITH raised AS (
        INSERT INTO contacts_event (
            list_id, contact_id, external_event_id, occurred_at, recorded_at, source, properties,
            sku
        )
        SELECT
            %(list_id)s, contact.id, %(event_id)s, %(now)s, %(now)s, 'api', given.properties, ''
        FROM unnest(%(emails)s::text[], %(properties)s::text[]::jsonb[])
            AS given (email_norm, properties)
        INNER JOIN contacts_contact AS contact
            ON contact.email_norm = given.email_norm AND contact.email_norm <> ''
        RETURNING id, contact_id, properties
    )

    INSERT INTO contacts_intake (
        conversation_id, kind, external_event_id, event_id, contact_id, subscription_id,
        occurred_at, recorded_at, method, properties, depth
    )
    SELECT
        %(conversation_id)s, 'by hand', %(event_id)s, raised.id, raised.contact_id,
        subscription.id, %(now)s, %(now)s, 'api', raised.properties, 0
    FROM raised
    INNER JOIN contacts_subscription AS subscription
        ON subscription.contact_id = raised.contact_id AND subscription.list_id = %(list_id)s
"""


def set_values(ground: Ground, field_id: int, many: int, at_once: int, text: str) -> float:
    """Set one field of the first so many contacts; return seconds."""

    def write(numbers: range) -> None:
        sql.execute(
            SET_VALUES,
            list_id=ground.in_list.pk,
            now=ground.now,
            emails=_addresses(numbers),
            profiles=[json.dumps({str(field_id): f"{text} {number}"}) for number in numbers],
        )

    return _timed(ground, many, at_once, write)


def raise_events(ground: Ground, conversation: Conversation, many: int, at_once: int) -> float:
    """Store an event for each of the first so many contacts, and queue it; return seconds."""

    def write(numbers: range) -> None:
        sql.execute(
            RAISE,
            list_id=ground.in_list.pk,
            event_id=ground.event.pk,
            conversation_id=conversation.pk,
            now=ground.now,
            emails=_addresses(numbers),
            properties=[
                json.dumps({"sku": f"SHOE-{number % 1000}", "price": 49.9}) for number in numbers
            ],
        )

    return _timed(ground, many, at_once, write)


def _addresses(numbers: range) -> list[str]:
    return [f"shopper{number}@mail.example" for number in numbers]


def _timed(ground: Ground, many: int, at_once: int, write: Callable[[range], None]) -> float:
    began = time.monotonic()
    for first in range(1, many + 1, at_once):
        with in_account(ground.account.pk):
            write(range(first, min(first + at_once, many + 1)))
    return time.monotonic() - began
