"""Mappings of Segment's calls to profile fields, and the write key that lets the calls in."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.actions import FaultyContentError, InvalidValueError, record
from accounts.models import ApiClient, ApiToken, List, User
from accounts.models.api_client import WRITE_KEY_TYPE
from accounts.tenancy import sql
from accounts.wire.access import hash_write_key
from accounts.wire.envelopes import storable
from contacts.models import ProfileField, SegmentEventType, SegmentInlet, SegmentMapping
from contacts.values import clean_value

By = User | ApiClient | None

MOST_MAPPINGS = 50
MOST_VALUES = 50
LONGEST = 200  # characters of a condition, a path, a value
KEPT = timedelta(days=30)
NEVER = timedelta(days=365 * 100)
HINT_LETTERS = 4

USE_AUDIENCE_KEY = "useAudienceKey"
# In an identify mapping every other text names a trait.
SWITCHES = frozenset({"on", "off"})
PATH = re.compile(r"[^.\s]+(?:\.[^.\s]+){0,9}")

# Whoever counts the mappings waits here for whoever is about to add one.
LOCK_INLET = """
    INSERT INTO contacts_segmentinlet AS inlet (
        hint, taken, skipped, refused, unmapped, last_refusal
    )
    VALUES ('', 0, 0, 0, 0, '')
    ON CONFLICT (account_id) DO UPDATE SET hint = inlet.hint
    RETURNING inlet.id
"""


class TooManyMappingsError(InvalidValueError):
    """One more than an account may have."""

    code = "ERROR_SEGMENT_MAPPING_LIMIT_MET"

    def __init__(self) -> None:
        super().__init__("mapping", f"An account has {MOST_MAPPINGS} Segment mappings at most.")


@dataclass(frozen=True)
class NewMapping:
    """
    What a mapping says, as it is given.

    `values` maps a profile field, by id or as `Group.Field`, to what is written there.
    """

    name: str
    list: List
    event_type: str
    values: Mapping[str, Any]
    event_name: str = ""
    audience_key: str = ""
    computation_key: str = ""
    email_path: str = ""


def mappings() -> "list[SegmentMapping]":
    """Return the account's mappings in the order of their making, each with its list."""
    rows = SegmentMapping.objects.filter(deleted_at=None).select_related("list").order_by("pk")
    return [*rows]


def create_mapping(*, given: NewMapping, now: datetime, by: By = None) -> SegmentMapping:
    """
    Add a mapping.

    :raises TooManyMappingsError: for the 51st.
    :raises InvalidValueError: naming what cannot be: type, name, condition, path, field, value.
    """
    settings = check(given)
    _refuse_more()
    made = SegmentMapping.objects.create(created_at=now, modified_at=now, **settings)
    record(verb="created", noun="segment mapping", object_id=made.pk, now=now, by=by)
    return made


def update_mapping(
    *, mapping: SegmentMapping, given: NewMapping, now: datetime, by: By = None
) -> SegmentMapping:
    """
    Give a mapping other settings; its counts go on.

    :raises InvalidValueError: as for a new one.
    """
    settings = check(given)
    for name, value in settings.items():
        setattr(mapping, name, value)
    mapping.modified_at = now
    # Not the counts, which calls add to at this moment.
    mapping.save(update_fields=[*settings, "modified_at"])
    record(verb="updated", noun="segment mapping", object_id=mapping.pk, now=now, by=by)
    return mapping


def delete_mapping(*, mapping: SegmentMapping, now: datetime, by: By = None) -> None:
    """Use a mapping no more; for 30 days it can be put back."""
    SegmentMapping.objects.filter(deleted_at__lte=now - KEPT).delete()
    mapping.deleted_at = now
    mapping.save(update_fields=["deleted_at"])
    record(verb="deleted", noun="segment mapping", object_id=mapping.pk, now=now, by=by)


def restore_mapping(*, mapping: SegmentMapping, now: datetime, by: By = None) -> SegmentMapping:
    """
    Put a deleted mapping back; one that is there stays.

    :raises TooManyMappingsError: if others have taken its place.
    """
    if mapping.deleted_at is not None:
        _refuse_more()
        mapping.deleted_at = None
        mapping.save(update_fields=["deleted_at"])
        record(verb="restored", noun="segment mapping", object_id=mapping.pk, now=now, by=by)
    return mapping


def make_write_key(*, now: datetime, by: User | None = None) -> str:
    """Return a new write key, which is shown once and kept as a hash; the old one ends."""
    inlet = SegmentInlet.objects.select_for_update(of=("self",)).get(pk=_inlet_id())
    client = inlet.client
    if client is None:
        client = ApiClient.objects.create(
            name="Segment",
            client_id=secrets.token_hex(10),
            secret_hash="",
            types=[WRITE_KEY_TYPE],
            levels=[],
            created_at=now,
        )
    key = secrets.token_urlsafe(32)
    ApiToken.objects.filter(client=client).delete()
    ApiToken.objects.create(
        client=client, token_hash=hash_write_key(key), issued_at=now, expires_at=now + NEVER
    )
    inlet.client, inlet.hint, inlet.key_made_at = client, key[-HINT_LETTERS:], now
    inlet.save(update_fields=["client", "hint", "key_made_at"])
    record(verb="rotated", noun="segment write key", object_id=inlet.pk, now=now, by=by)
    return key


def check(given: NewMapping) -> dict[str, Any]:
    """
    Return a mapping's columns.

    :raises InvalidValueError: naming what cannot be.
    """
    event_type = given.event_type.strip().lower()
    if event_type not in SegmentEventType.values:
        raise FaultyContentError("eventType", "The event type is track or identify.")
    if event_type == SegmentEventType.IDENTIFY:
        _refuse_conditions_of_tracks(given)
    name = given.name.strip()
    if not name or len(name) > 100 or not storable(name):
        raise FaultyContentError("name", "The mapping needs a name of 1 to 100 characters.")
    path = given.email_path.strip()
    if path and PATH.fullmatch(path) is None:
        raise FaultyContentError("emailPath", "A path is names with dots: context.traits.email.")
    return {
        "name": name,
        "list": given.list,
        "event_type": event_type,
        "event_name": _short("eventName", given.event_name),
        "audience_key": _short("audienceKey", given.audience_key),
        "computation_key": _short("computationKey", given.computation_key),
        "email_path": _short("emailPath", path),
        "values": check_values(given.list, event_type, given.values),
    }


def check_values(in_list: List, event_type: str, given: Mapping[str, Any]) -> dict[str, str]:
    """
    Return values by the field's id, as text.

    :raises InvalidValueError: `values`, for none, too many, an unknown field, a literal that
        the field does not take.
    """
    if not given or len(given) > MOST_VALUES:
        raise FaultyContentError("values", f"A mapping writes 1 to {MOST_VALUES} profile fields.")
    rows = ProfileField.objects.filter(list=in_list).select_related("group")
    known = {
        key: one for one in rows for key in (str(one.pk), f"{one.group.name}.{one.name}".lower())
    }
    found: dict[str, str] = {}
    for key, raw in given.items():
        field = known.get(str(key).strip().lower())
        if field is None:
            raise FaultyContentError("values", f"The list has no profile field {str(key)[:80]}.")
        text = ("on" if raw else "off") if isinstance(raw, bool) else raw
        if not isinstance(text, str | int | float) or not str(text).strip():
            raise FaultyContentError("values", f"{field.name} needs a text.")
        found[str(field.pk)] = _checked(field, event_type, _short("values", str(text)))
    return found


def is_trait(event_type: str, value: str) -> bool:
    """Tell whether a value names a trait: in an identify mapping all do but `on` and `off`."""
    return event_type == SegmentEventType.IDENTIFY and value.lower() not in SWITCHES


def _checked(field: ProfileField, event_type: str, value: str) -> str:
    if value.lower() == USE_AUDIENCE_KEY.lower():
        if event_type == SegmentEventType.IDENTIFY:
            raise FaultyContentError(
                "values", f"{USE_AUDIENCE_KEY} is of track calls; name a trait."
            )
        clean_switches(field)
        return USE_AUDIENCE_KEY
    if not is_trait(event_type, value):
        clean_literal(field, value)
    return value


def clean_switches(field: ProfileField) -> None:
    """
    Refuse a field that cannot hold on and off.

    :raises InvalidValueError: `values`.
    """
    for switch in sorted(SWITCHES):
        clean_literal(field, switch)


def clean_literal(field: ProfileField, value: str) -> None:
    """
    Refuse what a field does not take.

    :raises InvalidValueError: `values`.
    """
    try:
        clean_value(field, value)
    except InvalidValueError as refused:
        raise FaultyContentError("values", refused.message) from refused


def _refuse_conditions_of_tracks(given: NewMapping) -> None:
    if given.event_name.strip():
        raise FaultyContentError("eventName", "An identify call has no event name.")
    if given.audience_key.strip():
        raise FaultyContentError("audienceKey", "An identify call has no properties.")


def _short(field: str, text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST or not storable(text):
        raise FaultyContentError(field, f"At most {LONGEST} characters are taken.")
    return text


def _inlet_id() -> int:
    return int(sql.fetch_value(LOCK_INLET))


def _refuse_more() -> None:
    _inlet_id()
    if SegmentMapping.objects.filter(deleted_at=None).count() >= MOST_MAPPINGS:
        raise TooManyMappingsError
