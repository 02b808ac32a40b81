"""What recipients do by the links in their messages: confirm, leave a list, come back, choose lists."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.actions import record
from accounts.models import Account, List
from contacts.actions import RefusedError
from contacts.actions.subscriptions import subscribe, unsubscribe
from contacts.models import Contact, Subscription, SubscriptionState
from messaging.actions.bounces import BOUNCE, BY_RECIPIENT, COMPLAINT
from messaging.actions.receipts import CameBack, write_receipts
from messaging.models import Delivery, ReceiptKind

ONE_CLICK = "OneClick"
# Whoever was taken off by these comes back another way, if at all.
FOR_GOOD = (BOUNCE, COMPLAINT, "AddressChange")


@dataclass(frozen=True)
class Recipient:
    """Whom a message was sent to; without `contact` they have been forgotten, or it was a test."""

    account: Account
    delivery: Delivery
    list: List
    contact: Contact | None
    subscription: Subscription | None

    @property
    def has_left(self) -> bool:
        """Say whether they are off the list."""
        gone = SubscriptionState.UNSUBSCRIBED
        return self.subscription is not None and self.subscription.state == gone

    @property
    def is_pending(self) -> bool:
        """Say whether they were signed up and have not confirmed it yet."""
        pending = SubscriptionState.PENDING
        return self.subscription is not None and self.subscription.state == pending

    @property
    def may_return(self) -> bool:
        """Say whether a click takes the leaving back."""
        return self.has_left and may_return(self.subscription)


def may_return(subscription: Subscription | None) -> bool:
    """Say whether a recipient may put themselves back on a list."""
    return subscription is not None and subscription.unsubscribe_method not in FOR_GOOD


def find_recipient(delivery_id: int) -> Recipient | None:
    """Return whom a delivery of the current account was sent to; None for one that is gone."""
    delivery = (
        Delivery.objects.select_related("list", "contact", "account").filter(pk=delivery_id).first()
    )
    if delivery is None:
        return None
    contact = None if delivery.is_test else delivery.contact
    subscription = None
    if contact is not None:
        subscription = Subscription.objects.filter(list=delivery.list_id, contact=contact).first()
    return Recipient(delivery.account, delivery, delivery.list, contact, subscription)


def leave(*, recipient: Recipient, now: datetime, method: str = BY_RECIPIENT) -> bool:
    """
    Take a recipient off the list that wrote; say whether that changed anything.

    Of a test, or of somebody who is forgotten or never was on the list, nothing changes.
    """
    if recipient.contact is None or recipient.subscription is None:
        return False
    changed = unsubscribe(
        list=recipient.list, contact=recipient.contact, method=method, now=now
    ).changed
    if changed:
        came_back = CameBack(recipient.delivery.pk, ReceiptKind.UNSUBSCRIBED.value, now)
        write_receipts([came_back], now=now)
        note(recipient, "unsubscribed", now)
    return changed


def come_back(*, recipient: Recipient, now: datetime) -> bool:
    """Put a recipient back on the list they have left by mistake; say whether that was possible."""
    if recipient.subscription is None or not recipient.may_return:
        return False
    if not _rejoin(recipient.subscription, now):
        return False
    note(recipient, "subscribed", now)
    return True


def confirm(*, recipient: Recipient, now: datetime) -> bool:
    """Put a recipient who is pending on the list; say whether that changed anything."""
    if recipient.contact is None or not recipient.is_pending:
        return False
    try:
        subscribe(list=recipient.list, contact=recipient.contact, method=BY_RECIPIENT, now=now)
    except RefusedError:  # who has left at this very moment
        return False
    note(recipient, "confirmed", now)
    return True


def choices(recipient: Recipient) -> list[Subscription]:
    """Return how a recipient stands with each list that they are or were on, by its name."""
    if recipient.contact is None:
        return []
    found = Subscription.objects.filter(contact=recipient.contact).select_related("list")
    return sorted(found, key=lambda one: (one.list.name.lower(), one.pk))


def on_offer(recipient: Recipient) -> list[Subscription]:
    """Return how a recipient stands with the lists that they may choose."""
    gone = SubscriptionState.UNSUBSCRIBED
    return [one for one in choices(recipient) if one.state != gone or may_return(one)]


def told_apart(rows: Sequence[Subscription]) -> list[tuple[Subscription, str]]:
    """
    Return subscriptions with the names of their lists as a recipient reads them, in their order.

    Lists of one sender that have no public name are told apart by their own names.
    """
    shared = Counter(one.list.shown_name for one in rows)
    named = []
    for one in rows:
        name = one.list.shown_name
        if shared[name] > 1:
            name = one.list.public_name or one.list.name
        named.append((one, name))
    return sorted(named, key=lambda pair: (pair[1].lower(), pair[0].pk))


def choose(*, recipient: Recipient, wanted: Collection[int], now: datetime) -> int:
    """
    Put a recipient on the lists they want of those they know, off the others; return how many.

    `wanted`: ids of lists; one that they never were on is none of their business.
    """
    changed = 0
    for one in choices(recipient):
        is_wanted = one.list_id in wanted
        is_off = one.state == SubscriptionState.UNSUBSCRIBED
        if is_off and is_wanted and may_return(one):
            changed += _rejoin(one, now)
        elif not is_off and not is_wanted:
            changed += unsubscribe(
                list=one.list, contact=one.contact, method=BY_RECIPIENT, now=now
            ).changed
    if changed:
        note(recipient, "chose", now)
    return changed


def _rejoin(subscription: Subscription, now: datetime) -> int:
    try:
        subscribe(
            list=subscription.list,
            contact=subscription.contact,
            method=BY_RECIPIENT,
            override_unsubscribe=True,
            now=now,
        )
    except RefusedError:
        return 0
    return 1


def note(recipient: Recipient, verb: str, now: datetime) -> None:
    """Write down what a recipient did, and by which message."""
    record(
        verb=verb,
        noun="subscription",
        object_id=recipient.subscription.pk if recipient.subscription else None,
        now=now,
        detail={"by": "recipient", "delivery": recipient.delivery.pk},
    )


def masked(address: str) -> str:
    """Return an address that its owner knows again, and whoever got the mail forwarded does not."""
    name, at, domain = address.rpartition("@")
    if not at:
        return ""
    shown = name[0] + "…" + (name[-1] if len(name) > 4 else "")
    return f"{shown}@{domain}"
