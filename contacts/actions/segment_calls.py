"""
Segment's calls: track and identify, read by the account's mappings, written to profiles.

A call is taken whole or not at all: where one of the mappings that fit it cannot be followed,
none of them writes. What a mapping writes into a field is

* a literal;
* `useAudienceKey` (track): the boolean `properties[audience_key]`, true `on`, false `off`;
* a trait's name (identify): a boolean is `on` or `off`, a text or number is itself.

An absent value, or one of another kind, refuses the call. Of several calls for one address
the later ones win, field by field. Only addresses Subscribed on the mapping's list are
written to; where no list of a call has its address Subscribed, the call is skipped.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from accounts.tenancy import sql
from accounts.wire.envelopes import storable
from contacts.actions.profiles import set_profiles
from contacts.actions.segment_mappings import USE_AUDIENCE_KEY, is_trait, mappings
from contacts.identity import normalise_email
from contacts.models import ProfileField, SegmentEventType, SegmentMapping, SubscriptionState
from contacts.values import Value, clean_value

TAKEN, SKIPPED, REFUSED, UNMAPPED = "taken", "skipped", "refused", "unmapped"

OWN_SOURCE = "The source should not be a Listrak source"
OWN_NAME = "conductor"
LISTRAK = "listrak"
EMAIL_PATHS = ("context.traits.email", "traits.email", "properties.email")
METHOD = "Segment"
LONGEST_REFUSAL = 300

COUNT = """
    UPDATE contacts_segmentmapping AS mapping
    SET
        taken = mapping.taken + counted.taken,
        skipped = mapping.skipped + counted.skipped,
        refused = mapping.refused + counted.refused
    FROM (
        SELECT locked.id, one.taken, one.skipped, one.refused
        FROM jsonb_to_recordset(%(counts)s::jsonb)
            AS one (id bigint, taken bigint, skipped bigint, refused bigint)
        INNER JOIN contacts_segmentmapping AS locked ON locked.id = one.id
        ORDER BY locked.id
        FOR NO KEY UPDATE OF locked
    ) AS counted
    WHERE mapping.id = counted.id
"""
COUNT_ALL = """
    UPDATE contacts_segmentinlet AS inlet
    SET
        taken = inlet.taken + %(taken)s,
        skipped = inlet.skipped + %(skipped)s,
        refused = inlet.refused + %(refused)s,
        unmapped = inlet.unmapped + %(unmapped)s,
        last_at = %(now)s,
        last_refusal = CASE WHEN %(why)s = '' THEN inlet.last_refusal ELSE %(why)s END
"""


@dataclass(frozen=True)
class Taken:
    """What became of a call: `taken`, `skipped`, `unmapped`, or `refused` and why."""

    result: str
    why: str = ""


@dataclass
class Wanted:
    """What one call wants written: the mappings that fit, with values by field."""

    email_norm: str = ""
    writes: list[tuple[SegmentMapping, dict[int, Value | None]]] = field(default_factory=list)


class RefusedCallError(ValueError):
    """A call that cannot be taken; the message says why, without personal data."""


def take_calls(*, calls: Sequence[Any], now: datetime) -> list[Taken]:
    """
    Write what the account's mappings make of calls; return the outcomes, in order.

    One statement a list, whatever the number of calls.
    """
    reader = Reader.of(mappings())
    outcomes: dict[int, Taken] = {}
    wanted: dict[int, Wanted] = {}
    counts: Counter[tuple[int, str]] = Counter()
    for place, call in enumerate(calls):
        fitting: list[SegmentMapping] = []
        try:
            fitting = reader.fitting(call)
            wanted[place] = reader.read(call, fitting)
        except RefusedCallError as refused:
            outcomes[place] = Taken(REFUSED, str(refused))
            counts.update((mapping.pk, REFUSED) for mapping in fitting)
    written = _write(wanted, now)
    for place, one in wanted.items():
        results = [
            TAKEN if (mapping.list_id, one.email_norm) in written else SKIPPED
            for mapping, _ in one.writes
        ]
        counts.update(
            (mapping.pk, result) for (mapping, _), result in zip(one.writes, results, strict=True)
        )
        outcomes[place] = Taken(_whole(results))
    ordered = [outcomes[place] for place in range(len(calls))]
    _count(counts, ordered, now)
    return ordered


def _whole(results: Sequence[str]) -> str:
    if not results:
        return UNMAPPED
    return TAKEN if TAKEN in results else SKIPPED


@dataclass(frozen=True)
class Reader:
    """The account's mappings, with the profile fields they write, by id."""

    mappings: Sequence[SegmentMapping]
    fields: Mapping[int, ProfileField]

    @classmethod
    def of(cls, given: Sequence[SegmentMapping]) -> "Reader":
        """Read the fields of mappings."""
        wanted = {int(key) for mapping in given for key in mapping.values}
        return cls(given, ProfileField.objects.in_bulk(wanted) if wanted else {})

    def fitting(self, call: Any) -> list[SegmentMapping]:
        """
        Return the mappings whose conditions a call meets.

        :raises RefusedCallError: for what is no call, or comes from here.
        """
        if not isinstance(call, dict):
            raise RefusedCallError("A call is a JSON object.")
        if is_ours(call):
            raise RefusedCallError(OWN_SOURCE)
        event_type = type_of(call)
        return [
            mapping
            for mapping in self.mappings
            if mapping.event_type == event_type and fits(mapping, call)
        ]

    def read(self, call: Mapping[str, Any], fitting: Iterable[SegmentMapping]) -> Wanted:
        """
        Return what a call wants written.

        :raises RefusedCallError: without an address, or a value that can be written.
        """
        wanted = Wanted()
        for mapping in fitting:
            email_norm = email_of(call, mapping)
            if wanted.email_norm not in ("", email_norm):
                raise RefusedCallError("The mappings of the call find several addresses in it.")
            wanted.email_norm = email_norm
            wanted.writes.append((mapping, self.values(call, mapping)))
        return wanted

    def values(self, call: Mapping[str, Any], mapping: SegmentMapping) -> dict[int, Value | None]:
        """Return what a mapping writes, by field."""
        return {
            int(key): self._value(call, mapping, int(key), text)
            for key, text in mapping.values.items()
        }

    def _value(
        self, call: Mapping[str, Any], mapping: SegmentMapping, field_id: int, text: str
    ) -> Value | None:
        into = self.fields.get(field_id)
        if into is None:
            raise RefusedCallError(f"A profile field of the mapping {mapping.name} is gone.")
        try:
            return clean_value(into, raw_value(call, mapping, text))
        except InvalidValueError as refused:
            # Not with its message, which holds the value.
            raise RefusedCallError(f"{into.name} does not take the value of the call.") from refused


def raw_value(call: Mapping[str, Any], mapping: SegmentMapping, text: str) -> Any:
    """
    Return what a mapping's value stands for in a call.

    :raises RefusedCallError: where the call has nothing for it.
    """
    if text == USE_AUDIENCE_KEY:
        key = at(call, "properties.audience_key")
        switch = object_at(call, "properties").get(key) if isinstance(key, str) else None
        if not isinstance(switch, bool):
            raise RefusedCallError("The property that audience_key names is no boolean.")
        return "on" if switch else "off"
    if not is_trait(mapping.event_type, text):
        return text
    traits = object_at(call, "traits")
    value = traits[text] if text in traits else at(call, f"traits.{text}")
    if isinstance(value, bool):
        return "on" if value else "off"
    if not isinstance(value, str | int | float) or not str(value).strip():
        raise RefusedCallError(f"The call has no trait {text}.")
    if not storable(str(value)):
        raise RefusedCallError(f"The trait {text} holds characters that cannot be kept.")
    return value


def is_ours(call: Mapping[str, Any]) -> bool:
    """Tell whether a call was made by Listrak's source, or by ours: it would run in circles."""
    paths = ("context.integration.name", "context.integration", "context.library.name")
    names = [at(call, path) for path in paths]
    said = [name.strip().lower() for name in names if isinstance(name, str)]
    return any(LISTRAK in name or name == OWN_NAME for name in said)


def type_of(call: Mapping[str, Any]) -> str:
    """Return the type of a call, in lower case; one that says none is known by its parts."""
    said = call.get("type")
    if isinstance(said, str) and said.strip():
        return said.strip().lower()
    if call.get("event"):
        return SegmentEventType.TRACK.value
    if isinstance(call.get("traits"), dict):
        return SegmentEventType.IDENTIFY.value
    raise RefusedCallError("The type of the call is missing.")


def fits(mapping: SegmentMapping, call: Mapping[str, Any]) -> bool:
    """Tell whether a call meets the conditions of a mapping."""
    conditions = (
        (mapping.event_name, "event"),
        (mapping.audience_key, "properties.audience_key"),
        (mapping.computation_key, "context.personas.computation_key"),
    )
    return all(not wanted or at(call, path) == wanted for wanted, path in conditions)


def email_of(call: Mapping[str, Any], mapping: SegmentMapping) -> str:
    """
    Return the address of a call, normalised.

    :raises RefusedCallError: if it has none, or one that cannot be.
    """
    for path in [mapping.email_path] if mapping.email_path else EMAIL_PATHS:
        text = at(call, path)
        if isinstance(text, str) and text.strip():
            try:
                return normalise_email(text)
            except InvalidValueError as refused:
                raise RefusedCallError("The call's email address is none.") from refused
    raise RefusedCallError("The call has no email address.")


def at(call: Any, path: str) -> Any:
    """Return what stands at a path of names with dots, None for nothing."""
    for name in path.split("."):
        if not isinstance(call, dict):
            return None
        call = call.get(name)
    return call


def object_at(call: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the object at a path, an empty one for anything else."""
    found = at(call, path)
    return found if isinstance(found, dict) else {}


def _write(wanted: Mapping[int, Wanted], now: datetime) -> set[tuple[int, str]]:
    """Write profiles, list by list; return (list id, address) of who is Subscribed there."""
    lists = {mapping.list_id: mapping.list for one in wanted.values() for mapping, _ in one.writes}
    written: set[tuple[int, str]] = set()
    for list_id in sorted(lists):
        profiles: dict[str, dict[int, Value | None]] = {}
        for one in wanted.values():
            for mapping, values in one.writes:
                if mapping.list_id == list_id:
                    profiles.setdefault(one.email_norm, {}).update(values)
        emails = [*profiles]
        done = set_profiles(
            list=lists[list_id],
            profiles={place: (email, profiles[email]) for place, email in enumerate(emails)},
            now=now,
            states=[SubscriptionState.SUBSCRIBED.value],
            method=METHOD,
        )
        written |= {(list_id, emails[place]) for place in done.found}
    return written


def _count(counts: Mapping[tuple[int, str], int], outcomes: Sequence[Taken], now: datetime) -> None:
    """Add up, last of all: the rows are locked until the call is over."""
    if counts:
        rows = [
            {"id": key, **{name: counts.get((key, name), 0) for name in (TAKEN, SKIPPED, REFUSED)}}
            for key in sorted({key for key, _ in counts})
        ]
        sql.execute(COUNT, counts=json.dumps(rows))
    results = Counter(one.result for one in outcomes)
    refusals = [one.why for one in outcomes if one.why]
    sql.execute(
        COUNT_ALL,
        now=now,
        why=refusals[-1][:LONGEST_REFUSAL] if refusals else "",
        **{name: results[name] for name in (TAKEN, SKIPPED, REFUSED, UNMAPPED)},
    )
