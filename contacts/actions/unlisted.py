"""Profile values of contacts that are not on the list: they wait with the contact until it comes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.models import List
from contacts.actions.profile import clean_profile, merge_profile
from contacts.actions.subscriptions import set_profile
from contacts.models import Contact, Subscription


def set_values(*, list: List, contact: Contact, profile: Mapping[int, Any], now: datetime) -> None:
    """
    Keep values of a list's profile fields: on the subscription, or with a contact that has none.

    `profile` maps ids of fields to raw values, "" clears. What waited for a field that is
    written on the subscription is gone.

    :raises InvalidValueError: for an unknown field, a value it does not take.
    """
    given = clean_profile(list=list, values=profile)
    if not given:
        return
    locked = Contact.objects.select_for_update().get(pk=contact.pk)
    subscription = Subscription.objects.filter(list=list, contact=locked).first()
    if subscription is None:
        waiting = merge_profile(locked.profile, given, "Update")
    else:
        set_profile(subscription=subscription, profile=profile, now=now)
        keys = {str(field.pk) for field in given}
        waiting = {key: value for key, value in locked.profile.items() if key not in keys}
    if waiting != locked.profile:
        Contact.objects.filter(pk=locked.pk).update(profile=waiting, updated_at=now)
