"""Contact/SegmentationField: profile values for many contacts at once (Segment's route)."""

from typing import Any

from accounts.actions import InvalidValueError
from accounts.api import found_list
from accounts.models import List
from accounts.wire import Created, Frame, Id, InvalidParameterError, WireIn, WireRequest, created
from contacts import actions
from contacts.actions.batches import keep_remarks
from contacts.actions.customers import Outcome, Remark
from contacts.api.contacts import CONTACTS, FieldValueIn
from contacts.identity import normalise_email
from contacts.models import ProfileField, Subscription, SubscriptionState
from contacts.models.imports import ImportKind

profiles = Frame("/email/v1", integration="email", tag="Contact")

NOBODY = "The address is not on the list."
TAKEN_FROM = [SubscriptionState.SUBSCRIBED.value, SubscriptionState.PENDING.value]


class ContactValuesIn(WireIn):
    """The values of one contact."""

    email_address: str
    segmentation_field_values: list[FieldValueIn] = []

    @property
    def profile(self) -> dict[int, Any]:
        """Return raw values by field id."""
        return {
            given.segmentation_field_id: given.value for given in self.segmentation_field_values
        }


@profiles.post(CONTACTS + "/SegmentationField", levels=["Contact"])
def save_values(request: WireRequest, list_id: Id, body: list[ContactValuesIn]) -> Created:
    """
    Set profile values of contacts that are on the list; nobody is put on it.

    A row that is not taken is shown under Imports; a field that the list has not refuses
    the whole.
    """
    shown = found_list(list_id)
    check_fields(shown, body)
    outcome = Outcome()
    # In the order of the addresses: two batches then lock the same contacts alike.
    for place in sorted(range(len(body)), key=lambda place: body[place].email_address.lower()):
        save_row(request, shown, body[place], place, outcome)
    rows = [row.model_dump(by_alias=True) for row in body]
    keep_remarks(
        kind=ImportKind.CONTACTS.value,
        outcome=outcome,
        rows=rows,
        list=shown,
        now=request.now,
        by=request.client,
    )
    return created("")


def check_fields(shown: List, body: list[ContactValuesIn]) -> None:
    """
    Refuse fields that the list has not.

    :raises InvalidParameterError: naming `segmentationFieldId`.
    """
    wanted = {field_id for row in body for field_id in row.profile}
    if ProfileField.objects.filter(list=shown, pk__in=wanted).count() < len(wanted):
        raise InvalidParameterError("segmentationFieldId")


def save_row(
    request: WireRequest, shown: List, row: ContactValuesIn, place: int, outcome: Outcome
) -> None:
    """Set the values of one contact, or say why not."""
    try:
        email_norm = normalise_email(row.email_address)
        subscription = Subscription.objects.filter(
            list=shown, contact__email_norm=email_norm, state__in=TAKEN_FROM
        ).first()
        if subscription is None:
            raise InvalidValueError("emailAddress", NOBODY)
        result = actions.set_profile(
            subscription=subscription, profile=row.profile, now=request.now
        )
    except InvalidValueError as refused:
        outcome.rejects.append(Remark(place, refused.field, refused.message))
        return
    if result.changed:
        outcome.updated += 1
    else:
        outcome.unchanged += 1
