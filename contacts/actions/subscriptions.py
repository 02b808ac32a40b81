"""Contacts on lists: subscribe, unsubscribe, change the profile, change the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from accounts.models import List
from accounts.tenancy.rows import insert_unless_there, row_of
from contacts.actions import errors, facts, happenings
from contacts.actions.events import find_events, raise_event
from contacts.actions.people import find_contact, save_contact
from contacts.actions.profile import changed_fields, clean_profile, merge_profile, read_update_type
from contacts.actions.texts import clean_text
from contacts.identity import email_key, normalise_email
from contacts.models import Contact, ProfileField, Subscription, SubscriptionState

SUBSCRIBED = SubscriptionState.SUBSCRIBED.value
UNSUBSCRIBED = SubscriptionState.UNSUBSCRIBED.value
ADDRESS_CHANGE = "AddressChange"
LOCKED = "list_id = %(list_id)s AND contact_id = %(contact_id)s FOR UPDATE"


@dataclass(frozen=True)
class SubscribeResult:
    """A subscription, whether it is new, whether anything of it changed."""

    subscription: Subscription
    created: bool
    changed: bool
    warnings: tuple[str, ...] = ()


def subscribe(
    *,
    list: List,
    now: datetime,
    method: str,
    email: str = "",
    contact: Contact | None = None,
    state: str | None = SUBSCRIBED,
    profile: Mapping[int, Any] | None = None,
    update_type: str | None = "Update",
    external_contact_id: str | None = None,
    override_unsubscribe: bool = False,
    event_ids: Sequence[int] = (),
    source: str = "api",
    quiet: bool = False,
    depth: int = 0,
) -> SubscribeResult:
    """
    Put a contact on a list, or change how it stands there; one request of page or API.

    `state` is Subscribed, Pending, or None: a new one is Subscribed, and who left is with
    `override_unsubscribe`; any other stays as it is. `profile` maps ids of fields to raw values. The events are raised last.
    `quiet` starts no conversation by `subscribed`, `resubscribed` or `profile_updated`
    (the events always do); those who are inside one are asked again all the same.

    :raises UnsubscribedAddressError: for one who left the list, unless
        `override_unsubscribe`.
    :raises UpdateUnsubscribedWithEventsError: for events of one who left and stays away.
    :raises NoAddressError: for a contact without an email address.
    :raises InvalidValueError: for a bad address, field, value, event or update type.
    """
    update_type = read_update_type(update_type)
    given = clean_profile(list=list, values=profile or {})
    events = find_events(list=list, event_ids=event_ids)
    warnings: tuple[str, ...] = ()
    is_new = False
    if contact is None:
        saved = save_contact(email=email, now=now)
        contact, warnings, is_new = saved.contact, saved.warnings, saved.created
    if not contact.email_norm:
        raise errors.NoAddressError
    subscription, created = _found_or_made(list, contact, now, is_new=is_new)
    before = _Standing(subscription)
    wanted = _wanted(state, subscription, created=created, override=override_unsubscribe)
    if events and wanted == UNSUBSCRIBED:
        raise errors.UpdateUnsubscribedWithEventsError
    _move(subscription, wanted, now, method)
    subscription.profile = merge_profile(before.profile, given, update_type)
    if external_contact_id is not None:
        subscription.external_contact_id = clean_text(
            "externalContactID", external_contact_id, longest=100
        )
    changed = _store(subscription, before, now, created=created)
    roles = facts.QUIET if quiet else facts.ROLES
    _announce(subscription, before, now, depth, roles, created=created)
    for event in events:
        raise_event(external_event=event, contact=contact, now=now, source=source, depth=depth)
    return SubscribeResult(subscription, created, created or changed, warnings)


def unsubscribe(
    *,
    list: List,
    now: datetime,
    method: str,
    email: str = "",
    contact: Contact | None = None,
    depth: int = 0,
) -> SubscribeResult:
    """
    Take a contact off a list. Twice changes nothing: the first date stands.

    :raises NotSubscribedAddressError: for one who never was on the list.
    :raises InvalidValueError: for a bad address.
    """
    subscription = _existing(list, email, contact)
    changed = subscription.state != UNSUBSCRIBED
    if changed:
        subscription.state = UNSUBSCRIBED
        subscription.unsubscribed_at = now
        subscription.unsubscribe_method = method
        subscription.updated_at = now
        subscription.save()
        facts.announce(
            kind=facts.UNSUBSCRIBED, subscription=subscription, now=now, method=method, depth=depth
        )
        _note(happenings.UNSUBSCRIBED, subscription, now, method)
    return SubscribeResult(subscription, created=False, changed=changed)


def set_profile(
    *,
    subscription: Subscription,
    profile: Mapping[int, Any],
    now: datetime,
    update_type: str | None = "Update",
    quiet: bool = False,
    depth: int = 0,
) -> SubscribeResult:
    """
    Change a profile; `profile` maps ids of fields to raw values.

    Starts conversations by `profile_updated` if a stored value changed, unless `quiet`;
    those who are inside one are asked again in any case.

    :raises InvalidValueError: for an unknown field, a value it does not take, a bad type.
    """
    update_type = read_update_type(update_type)
    given = clean_profile(list=subscription.list, values=profile)
    locked = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
    before = _Standing(locked)
    locked.profile = merge_profile(before.profile, given, update_type)
    changed = _store(locked, before, now)
    if changed:
        roles = facts.QUIET if quiet else facts.ROLES
        _announce(locked, before, now, depth, roles, created=False)
    return SubscribeResult(locked, created=False, changed=changed)


def change_address(
    *, list: List, email: str, new_email: str, now: datetime, method: str, depth: int = 0
) -> SubscribeResult:
    """
    Move a subscription to a new address, which is a contact of its own.

    The profile is copied, the old subscription becomes Unsubscribed (method
    `AddressChange`); orders and consents stay with the old contact. The old one's
    conversations on the list end; then those that listen to `address_changed` take the new.

    :raises ChangeUnsubscribedAddressError: unless the old address is Subscribed.
    :raises AddressTakenError, NewAddressUnsubscribedError, NewAddressPendingError: for a
        new address that stands on the list already.
    """
    old = _existing(list, email, None)
    if old.state != SUBSCRIBED:
        raise errors.ChangeUnsubscribedAddressError
    contact = save_contact(email=_new_address(new_email), now=now).contact
    taken = Subscription.objects.filter(list=list, contact=contact).first()
    if taken is not None:
        raise TAKEN[taken.state]
    new, _ = _take(list, contact, now)
    new.state = SUBSCRIBED
    new.subscribed_at, new.subscribe_method = now, method
    new.profile = dict(old.profile)
    new.external_contact_id = old.external_contact_id
    new.save()
    old.state = UNSUBSCRIBED
    old.unsubscribed_at, old.unsubscribe_method = now, ADDRESS_CHANGE
    old.updated_at = now
    old.save()
    _announce_address(old, new, now, method, depth)
    _note(happenings.UNSUBSCRIBED, old, now, ADDRESS_CHANGE)
    _note(happenings.SUBSCRIBED, new, now, method)
    return SubscribeResult(new, created=True, changed=True)


TAKEN = {
    SubscriptionState.SUBSCRIBED.value: errors.AddressTakenError,
    SubscriptionState.UNSUBSCRIBED.value: errors.NewAddressUnsubscribedError,
    SubscriptionState.PENDING.value: errors.NewAddressPendingError,
}


def _announce_address(
    old: Subscription, new: Subscription, now: datetime, method: str, depth: int
) -> None:
    """Tell those whom the old address is inside of, then who may let the new one in."""
    facts.announce(
        kind=facts.ADDRESS_CHANGED,
        subscription=old,
        now=now,
        properties={"to_subscription": new.pk},
        depth=depth,
        roles=["watch"],
    )
    facts.announce(
        kind=facts.UNSUBSCRIBED,
        subscription=old,
        now=now,
        method=ADDRESS_CHANGE,
        depth=depth,
        roles=facts.QUIET,
    )
    facts.announce(kind=facts.ADDED, subscription=new, now=now, method=method, depth=depth)
    facts.announce(
        kind=facts.ADDRESS_CHANGED,
        subscription=new,
        now=now,
        method=method,
        properties={"from_subscription": old.pk},
        depth=depth,
        roles=["trigger"],
    )


class _Standing:
    """How a subscription stood before the act."""

    def __init__(self, subscription: Subscription) -> None:
        self.state = subscription.state
        self.profile: dict[str, Any] = dict(subscription.profile)
        self.external_contact_id = subscription.external_contact_id
        self.was_subscribed = subscription.subscribed_at is not None


def _new_address(text: str) -> str:
    try:
        normalise_email(text)
    except InvalidValueError as bad:
        raise InvalidValueError("newEmailAddress", bad.message) from bad
    return text


def _existing(list: List, email: str, contact: Contact | None) -> Subscription:
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


def _found_or_made(
    list: List, contact: Contact, now: datetime, *, is_new: bool
) -> tuple[Subscription, bool]:
    """
    Return the contact's subscription, locked, or one that is still to be stored.

    Whoever is `is_new`, of this very transaction, is on no list.
    """
    return (_made(list, contact, now), True) if is_new else _take(list, contact, now)


def _made(list: List, contact: Contact, now: datetime) -> Subscription:
    return Subscription(
        list=list,
        contact=contact,
        state=SubscriptionState.PENDING,
        profile=_waiting(list, contact),
        email_key=email_key(list.pk, contact.email_norm),
        created_at=now,
        updated_at=now,
    )


def _take(list: List, contact: Contact, now: datetime) -> tuple[Subscription, bool]:
    """Return the contact's subscription, locked, and whether it was made just now."""
    while True:
        subscription = row_of(Subscription, LOCKED, list_id=list.pk, contact_id=contact.pk)
        if subscription is not None:
            return subscription, False
        made = _made(list, contact, now)
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


def _wanted(state: str | None, subscription: Subscription, *, created: bool, override: bool) -> str:
    """Return the state to come; refuse to put back one who left, unless `override`."""
    if state not in {None, SUBSCRIBED, SubscriptionState.PENDING.value}:
        raise InvalidValueError("subscriptionState", f"{state!r} is no state to subscribe to.")
    comes_back = override and subscription.state == UNSUBSCRIBED
    wanted = state or (SUBSCRIBED if created or comes_back else subscription.state)
    if subscription.state == UNSUBSCRIBED != wanted and not override:
        raise errors.UnsubscribedAddressError
    # A double opt-in that is asked for again takes nobody off the list.
    return SUBSCRIBED if subscription.state == SUBSCRIBED else wanted


def _move(subscription: Subscription, wanted: str, now: datetime, method: str) -> None:
    """Give the subscription its new state, dates and methods."""
    if subscription.state == wanted:
        return
    subscription.state = wanted
    if wanted != SUBSCRIBED:
        return
    if subscription.subscribed_at is None:
        subscription.subscribed_at = now
    else:
        subscription.resubscribed_at = now
    subscription.subscribe_method = method
    subscription.unsubscribed_at, subscription.unsubscribe_method = None, ""


def _store(
    subscription: Subscription, before: _Standing, now: datetime, *, created: bool = False
) -> bool:
    """Write the subscription if it differs; say whether it did."""
    if created and not subscription.pk and insert_unless_there(subscription):
        return True
    changed = (
        subscription.state != before.state
        or subscription.profile != before.profile
        or subscription.external_contact_id != before.external_contact_id
    )
    if changed:
        subscription.updated_at = now
        subscription.save()
    return changed


def _announce(
    subscription: Subscription,
    before: _Standing,
    now: datetime,
    depth: int,
    roles: Sequence[str],
    *,
    created: bool,
) -> None:
    """Tell who listens: added, subscribed or resubscribed, then the profile."""
    heard = facts.audience(list_id=subscription.list_id)
    became_pending = subscription.state == SubscriptionState.PENDING.value != before.state
    given: dict[str, Any] = {
        "subscription": subscription,
        "now": now,
        "depth": depth,
        "heard": heard,
    }
    if created or became_pending:
        facts.announce(kind=facts.ADDED, **given)
    if subscription.state == SUBSCRIBED != before.state:
        method = subscription.subscribe_method
        kind = facts.RESUBSCRIBED if before.was_subscribed else facts.SUBSCRIBED
        facts.announce(kind=kind, method=method, roles=roles, **given)
        _note(happenings.SUBSCRIBED, subscription, now, method)
    fields = changed_fields(before.profile, subscription.profile)
    if fields:
        properties = {"fields": fields}
        facts.announce(kind=facts.PROFILE_UPDATED, properties=properties, roles=roles, **given)


def _note(kind: str, subscription: Subscription, now: datetime, method: str) -> None:
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
