"""Contact/SegmentationField: profile values for many contacts at once (Segment's route)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any

from ninja import Body

from accounts.actions import InvalidValueError
from accounts.api import found_list
from accounts.models import List
from accounts.wire import Created, Frame, Id, InvalidParameterError, WireIn, WireRequest, created
from accounts.wire.bodies import ROWS, Rows
from accounts.wire.envelopes import storable
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
# The keys of a row, and of a value, as they mostly are.
ROW_KEYS = {"emailAddress", "segmentationFieldValues"}
VALUE_KEYS = {"segmentationFieldId", "value"}
MORE_VALUE_KEYS = {*VALUE_KEYS, "segmentationFieldGroupId"}
TAKEN_FROM = [SubscriptionState.SUBSCRIBED.value, SubscriptionState.PENDING.value]


@dataclass(frozen=True, slots=True)
class PlainValues:
    """The values of one contact, given as they mostly are."""

    email_address: str
    profile: dict[int, Any]

    def model_dump(self, **_options: Any) -> dict[str, Any]:
        """Return what was given, as the shape would."""
        given = [
            {"segmentationFieldId": field_id, "value": value}
            for field_id, value in self.profile.items()
        ]
        return {"emailAddress": self.email_address, "segmentationFieldValues": given}


class ContactValuesIn(WireIn):
    """The values of one contact."""

    email_address: str
    segmentation_field_values: list[FieldValueIn] = []

    @staticmethod
    def plain(row: Any) -> PlainValues | None:
        """
        Read a row of the very keys and kinds that are declared; None for any other.

        A call brings thousands of them, and to check each by the shape took longer than to
        store it.
        """
        if type(row) is not dict or row.keys() != ROW_KEYS:
            return None
        email, given = row["emailAddress"], row["segmentationFieldValues"]
        if type(email) is not str or type(given) is not list or not storable(email):
            return None
        profile: dict[int, Any] = {}
        for one in given:
            if type(one) is not dict or not VALUE_KEYS <= one.keys() <= MORE_VALUE_KEYS:
                return None
            field_id, value = one["segmentationFieldId"], one["value"]
            if type(field_id) is not int or not _is_plain(value):
                return None
            profile[field_id] = value
        return PlainValues(email, profile)

    @property
    def profile(self) -> dict[int, Any]:
        """Return raw values by field id."""
        return {
            given.segmentation_field_id: given.value for given in self.segmentation_field_values
        }


def _is_plain(value: Any) -> bool:
    kind = type(value)
    return storable(value) if kind is str else kind in {int, float, bool, NoneType}


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


def set_values(
    shown: List, rows: Sequence[ContactValuesIn | PlainValues], now: datetime
) -> Outcome:
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
