"""Contact/SegmentationField: profile values for many contacts at once (Segment's route)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ninja import Body

from accounts.actions import InvalidValueError
from accounts.api import found_list
from accounts.models import List
from accounts.wire import Created, Frame, Id, InvalidParameterError, WireIn, WireRequest, created
from accounts.wire.bodies import ROWS, Rows
from contacts.actions.batches import Remarks
from contacts.actions.customers import Outcome, Remark
from contacts.actions.profiles import set_profiles
from contacts.api.contacts import CONTACTS, FieldValueIn
from contacts.identity import normalise_email
from contacts.models import ProfileField, SubscriptionState
from contacts.models.imports import ImportKind
from contacts.values import Value, clean_value

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


@profiles.post(CONTACTS + "/SegmentationField", levels=["Contact"], reads=ROWS)
def save_values(request: WireRequest, list_id: Id, body: Body[Rows[ContactValuesIn]]) -> Created:
    """
    Set profile values of contacts that are on the list; nobody is put on it.

    A row that is not taken is shown under Imports; a field that the list has not refuses
    the whole. What is answered is applied, up to 250 MB in one call.
    """
    shown = found_list(list_id)
    remarks = Remarks(
        kind=ImportKind.CONTACTS.value, list=shown, now=request.now, by=request.client
    )
    for rows in body.batches():
        remarks.add(set_values(shown, rows, request.now), rows)
    remarks.end()
    return created("")


def set_values(shown: List, rows: Sequence[ContactValuesIn], now: datetime) -> Outcome:
    """Set the values of some contacts; say what became of each row."""
    profiles = [row.profile for row in rows]
    fields = wanted_fields(shown, profiles)
    outcome = Outcome()
    taken: dict[int, tuple[str, dict[int, Value | None]]] = {}
    places: dict[str, int] = {}
    for place, (row, given) in enumerate(zip(rows, profiles, strict=True)):
        try:
            email_norm = normalise_email(row.email_address)
            profile = {key: clean_value(fields[key], raw) for key, raw in given.items()}
        except InvalidValueError as refused:
            outcome.rejects.append(Remark(place, refused.field, refused.message))
            continue
        # Of one address the later rows win, as if each came by itself.
        first = places.setdefault(email_norm, place)
        taken[place] = (email_norm, profile) if first == place else (email_norm, {})
        if first != place:
            taken[first][1].update(profile)
    written = set_profiles(
        list=shown,
        profiles={place: taken[place] for place in places.values()},
        now=now,
        states=TAKEN_FROM,
    )
    for place, (email_norm, _) in taken.items():
        if places[email_norm] not in written.found:
            outcome.rejects.append(Remark(place, "emailAddress", NOBODY))
    outcome.updated = written.changed
    outcome.unchanged = len(rows) - written.changed - len(outcome.rejects)
    return outcome


def wanted_fields(shown: List, profiles: Iterable[Mapping[int, Any]]) -> dict[int, ProfileField]:
    """
    Return the fields that are named, by id.

    :raises InvalidParameterError: naming `segmentationFieldId`, for one that the list has not.
    """
    wanted = {field_id for profile in profiles for field_id in profile}
    fields = ProfileField.objects.filter(list=shown).in_bulk(wanted)
    if len(fields) < len(wanted):
        raise InvalidParameterError("segmentationFieldId")
    return fields
