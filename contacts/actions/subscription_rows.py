"""Rows of subscriptions: found and locked, made, written if they differ, noted for who listens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from accounts.models import List
from accounts.tenancy import sql
from accounts.tenancy.rows import insert_unless_there, is_stored, row_of
from contacts.actions import errors, happenings
from contacts.actions.people import find_contact
from contacts.identity import email_key, normalise_email
from contacts.models import Contact, ProfileField, Subscription, SubscriptionState

LOCKED = "list_id = %(list_id)s AND contact_id = %(contact_id)s FOR UPDATE"
# A person and its subscription, together; nothing if somebody has the address.
INSERT_BOTH = sql.Kept("""
    WITH contact AS (
        INSERT INTO contacts_contact (
            email, email_norm, phone_e164, external_id, first_name, last_name, postal_code,
            time_zone, locale, created_at, updated_at
        )
        VALUES (
            %(email)s, %(email_norm)s, '', '', '', '', '',
            '', '', %(now)s::timestamptz, %(now)s::timestamptz
        )
        ON CONFLICT DO NOTHING
        RETURNING id
    )

    INSERT INTO contacts_subscription (
        list_id, contact_id, state, email_key, external_contact_id, profile, subscribed_at,
        subscribe_method, unsubscribe_method, created_at, updated_at
    )
    SELECT
        %(list_id)s, contact.id, %(state)s, %(email_key)s, %(external_contact_id)s,
        %(profile)s::jsonb, %(subscribed_at)s::timestamptz, %(subscribe_method)s, '',
        %(now)s::timestamptz, %(now)s::timestamptz
    FROM contact
    RETURNING contact_id, id
""")


class Before:
    """How a subscription stood before the act."""

    def __init__(self, subscription: Subscription) -> None:
        self.state = subscription.state
        self.profile: dict[str, Any] = dict(subscription.profile)
        self.external_contact_id = subscription.external_contact_id
        self.was_subscribed = subscription.subscribed_at is not None


def existing(list: List, email: str, contact: Contact | None) -> Subscription:
    """Return the subscription, locked."""
    found = contact or find_contact(email_norm=normalise_email(email))
    subscription = (
        Subscription.objects.select_for_update(of=("self",))
        .filter(list=list, contact=found)
        .first()
    )
    if subscription is None:
        raise errors.NotSubscribedAddressError
    return subscription


def new_row(list: List, contact: Contact, now: datetime) -> Subscription:
    """Return the subscription of a contact that comes onto a list, unwritten and Pending yet."""
    return Subscription(
        list=list,
        contact=contact,
        state=SubscriptionState.PENDING.value,
        profile=_waiting(list, contact),
        email_key=email_key(list.pk, contact.email_norm),
        created_at=now,
        updated_at=now,
    )


def insert_with_contact(subscription: Subscription) -> bool:
    """
    Insert the subscription of a new contact, of which just the address is known, and the contact.

    False, and nothing is inserted: somebody else has created the same person, of which we may
    have had to wait to hear.
    """
    contact = subscription.contact
    ids = sql.fetch_one(
        INSERT_BOTH,
        email=contact.email,
        email_norm=contact.email_norm,
        list_id=subscription.list_id,
        state=subscription.state,
        email_key=subscription.email_key,
        external_contact_id=subscription.external_contact_id,
        profile=Jsonb(subscription.profile),
        subscribed_at=subscription.subscribed_at,
        subscribe_method=subscription.subscribe_method,
        now=subscription.created_at,
    )
    if ids is None:
        return False
    is_stored(contact, ids[0])
    is_stored(subscription, ids[1])
    subscription.contact = contact
    return True


def take(list: List, contact: Contact, now: datetime) -> tuple[Subscription, bool]:
    """Return the contact's subscription, locked, and whether it was made just now."""
    while True:
        subscription = row_of(Subscription, LOCKED, list_id=list.pk, contact_id=contact.pk)
        if subscription is not None:
            return subscription, False
        made = new_row(list, contact, now)
        # Somebody else may put it on the list at this moment.
        if insert_unless_there(made):
            _wait_no_more(contact, made.profile, now)
            return made, True


def _waiting(list: List, contact: Contact) -> dict[str, Any]:
    """Return the values that wait with a contact until it comes onto the list."""
    if not contact.profile:
        return {}
    fields = ProfileField.objects.filter(list=list, pk__in=contact.profile)
    keys = {str(pk) for pk in fields.values_list("pk", flat=True)}
    return {key: value for key, value in contact.profile.items() if key in keys}


def _wait_no_more(contact: Contact, taken: Mapping[str, Any], now: datetime) -> None:
    """Take away from a contact what has come onto the list with it."""
    if not taken:
        return
    contact.profile = {key: kept for key, kept in contact.profile.items() if key not in taken}
    contact.updated_at = now
    contact.save(update_fields=["profile", "updated_at"])


def store(subscription: Subscription, before: Before, now: datetime) -> bool:
    """Write the subscription if it differs; say whether it did."""
    changed = (
        subscription.state != before.state
        or subscription.profile != before.profile
        or subscription.external_contact_id != before.external_contact_id
    )
    if changed:
        subscription.updated_at = now
        subscription.save()
    return changed


def note(kind: str, subscription: Subscription, now: datetime, method: str) -> None:
    """Note for whoever outside listens how a subscription stands now."""
    happenings.note(
        [kind],
        happenings.OF_SUBSCRIPTION,
        kind=kind,
        list_id=subscription.list_id,
        contact_id=subscription.contact_id,
        now=now,
        method=method,
    )
