"""Contacts on lists: subscribe, unsubscribe, change the profile, change the address."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from accounts.models import List
from contacts.actions import errors, facts, happenings
from contacts.actions.events import find_events, raise_event
from contacts.actions.people import save_contact
from contacts.actions.profile import changed_fields, clean_profile, merge_profile, read_update_type
from contacts.actions.standing import Standing, standing_of
from contacts.actions.subscription_rows import (
    Before,
    existing,
    insert_with_contact,
    new_row,
    note,
    store,
    take,
)
from contacts.actions.texts import clean_text
from contacts.identity import normalise_email, typed_email
from contacts.models import Contact, ProfileField, Subscription, SubscriptionState
from contacts.values import Value

SUBSCRIBED = SubscriptionState.SUBSCRIBED.value
UNSUBSCRIBED = SubscriptionState.UNSUBSCRIBED.value
ADDRESS_CHANGE = "AddressChange"


@dataclass(frozen=True)
class SubscribeResult:
    """A subscription, whether it is new, whether anything of it changed."""

    subscription: Subscription
    created: bool
    changed: bool


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
    standing: Standing | None = None,
) -> SubscribeResult:
    """
    Put a contact on a list, or change how it stands there; one request of page or API.

    `state` is Subscribed, Pending, or None: a new one is Subscribed, and who left is with
    `override_unsubscribe`; any other stays as it is. `profile` maps ids of fields to raw values.
    The events are raised last. `quiet` starts no conversation by `subscribed`, `resubscribed` or `profile_updated`
    (the events always do); those who are inside one are asked again all the same.
    `standing` is how the address stands, with the fields of `profile`, if it was asked just now.

    :raises UnsubscribedAddressError: for one who left the list, unless
        `override_unsubscribe`.
    :raises UpdateUnsubscribedWithEventsError: for events of one who left and stays away.
    :raises NoAddressError: for a contact without an email address.
    :raises InvalidValueError: for a bad address, field, value, event or update type.
    """
    update_type = read_update_type(update_type)
    if contact is None and standing is None:
        standing = standing_of(list_id=list.pk, email=email, field_ids=profile or ())
    wish = _Wish(
        list=list,
        now=now,
        method=method,
        state=state,
        given=clean_profile(
            list=list, values=profile or {}, fields=None if standing is None else standing.fields
        ),
        update_type=update_type,
        external_contact_id=external_contact_id,
        override=override_unsubscribe,
        has_events=bool(event_ids),
    )
    events = find_events(list=list, event_ids=event_ids)
    known = contact or (standing and standing.contact)
    put = _newcomer(wish, email, standing) if standing and known is None else None
    if put is None:
        # Or somebody else has created the same person at this moment: then it is found.
        put = _known(wish, known or save_contact(email=email, now=now).contact)
    _announce(put, now, depth, facts.QUIET if quiet else facts.ROLES)
    for event in events:
        raise_event(
            external_event=event,
            contact=put.subscription.contact,
            now=now,
            source=source,
            depth=depth,
        )
    return SubscribeResult(put.subscription, put.created, put.created or put.changed)


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
    subscription = existing(list, email, contact)
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
        note(happenings.UNSUBSCRIBED, subscription, now, method)
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
    before = Before(locked)
    locked.profile = merge_profile(before.profile, given, update_type)
    changed = store(locked, before, now)
    if changed:
        put = _Put(locked, before, created=False, changed=True)
        _announce(put, now, depth, facts.QUIET if quiet else facts.ROLES)
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
    old = existing(list, email, None)
    if old.state != SUBSCRIBED:
        raise errors.ChangeUnsubscribedAddressError
    contact = save_contact(email=_new_address(new_email), now=now).contact
    taken = Subscription.objects.filter(list=list, contact=contact).first()
    if taken is not None:
        raise TAKEN[taken.state]
    new, _ = take(list, contact, now)
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
    note(happenings.UNSUBSCRIBED, old, now, ADDRESS_CHANGE)
    note(happenings.SUBSCRIBED, new, now, method)
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


@dataclass(frozen=True)
class _Wish:
    """What is asked of a subscription, cleaned: see `subscribe`."""

    list: List
    now: datetime
    method: str
    state: str | None
    given: Mapping[ProfileField, Value | None]
    update_type: str
    external_contact_id: str | None
    override: bool
    has_events: bool


@dataclass(frozen=True)
class _Put:
    """
    What came of a wish.

    `heard` are the kinds of facts that somebody listens to, `is_noted` whether anybody outside
    hears of who subscribes, where that is known.
    """

    subscription: Subscription
    before: Before
    created: bool
    changed: bool
    heard: Collection[str] | None = None
    is_noted: bool = True


def _newcomer(wish: _Wish, email: str, standing: Standing) -> _Put | None:
    """Create a person who is on the list at once, by one statement; None if it is there now."""
    contact = Contact(
        email=typed_email(email, standing.email_norm),
        email_norm=standing.email_norm,
        created_at=wish.now,
        updated_at=wish.now,
    )
    subscription = new_row(wish.list, contact, wish.now)
    before = _fulfil(wish, subscription, created=True)
    if not insert_with_contact(subscription):
        return None
    return _Put(
        subscription,
        before,
        created=True,
        changed=True,
        heard=standing.heard,
        is_noted=standing.is_noted,
    )


def _known(wish: _Wish, contact: Contact) -> _Put:
    """
    Change how a contact stands with the list, or put it there.

    :raises NoAddressError: for one without an email address.
    """
    if not contact.email_norm:
        raise errors.NoAddressError
    subscription, created = take(wish.list, contact, wish.now)
    before = _fulfil(wish, subscription, created=created)
    changed = store(subscription, before, wish.now)
    return _Put(subscription, before, created=created, changed=changed)


def _fulfil(wish: _Wish, subscription: Subscription, *, created: bool) -> Before:
    """Give a subscription what is asked, unwritten yet; return how it stood before."""
    before = Before(subscription)
    wanted = _wanted(wish.state, subscription, created=created, override=wish.override)
    if wish.has_events and wanted == UNSUBSCRIBED:
        raise errors.UpdateUnsubscribedWithEventsError
    _move(subscription, wanted, wish.now, wish.method)
    subscription.profile = merge_profile(before.profile, wish.given, wish.update_type)
    if wish.external_contact_id is not None:
        subscription.external_contact_id = clean_text(
            "externalContactID", wish.external_contact_id, longest=100
        )
    return before


def _new_address(text: str) -> str:
    try:
        normalise_email(text)
    except InvalidValueError as bad:
        raise InvalidValueError("newEmailAddress", bad.message) from bad
    return text


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


def _announce(put: _Put, now: datetime, depth: int, roles: Sequence[str]) -> None:
    """Tell who listens: added, subscribed or resubscribed, then the profile."""
    subscription, before = put.subscription, put.before
    heard = put.heard
    if heard is None:
        heard = facts.audience(list_id=subscription.list_id)
    became_pending = subscription.state == SubscriptionState.PENDING.value != before.state
    given: dict[str, Any] = {
        "subscription": subscription,
        "now": now,
        "depth": depth,
        "heard": heard,
    }
    if put.created or became_pending:
        facts.announce(kind=facts.ADDED, **given)
    if subscription.state == SUBSCRIBED != before.state:
        method = subscription.subscribe_method
        kind = facts.RESUBSCRIBED if before.was_subscribed else facts.SUBSCRIBED
        facts.announce(kind=kind, method=method, roles=roles, **given)
        if put.is_noted:
            note(happenings.SUBSCRIBED, subscription, now, method)
    fields = changed_fields(before.profile, subscription.profile)
    if fields:
        properties = {"fields": fields}
        facts.announce(kind=facts.PROFILE_UPDATED, properties=properties, roles=roles, **given)
