"""Segments: save a rule under a name, or keep a set of a list's contacts by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.actions import FaultyContentError, InvalidValueError, record
from accounts.models import ApiClient, List, User
from contacts import filters
from contacts.actions.texts import clean_name
from contacts.filters import naming, saved
from contacts.filters.reading import Fault, within
from contacts.identity import normalise_email
from contacts.models import Segment, SegmentKind, Subscription
from contacts.segments import manual, tracking
from contacts.segments.nesting import MOST_LEAVES, nesting_of

By = User | ApiClient | None
RULE, MANUAL = SegmentKind.RULE.value, SegmentKind.MANUAL.value
LONGEST_NAME = 120
# The most addresses that one request may bring.
MOST_ADDRESSES = 10_000

NOT_ENROLLED = "Nobody is in a conversation here: this can only be asked inside one."
IN_ITSELF = "This segment would ask for itself."

SUBSCRIPTIONS = """
    SELECT one.subscription_id, 0::smallint
    FROM unnest(%(subscription_ids)s::bigint[]) AS one (subscription_id)
"""


class InvalidRuleError(FaultyContentError):
    """A segment's rule that cannot be kept; `faults` are (path, sentence), in order."""

    def __init__(self, faults: list[Fault]) -> None:
        path, text = faults[0]
        super().__init__(f"rule.{path}" if path else "rule", text)
        self.faults = faults


class SegmentInUseError(InvalidValueError):
    """A segment that something else asks for, and so cannot be deleted."""

    code = "ERROR_SEGMENT_IN_USE"


@dataclass(frozen=True)
class Addressed:
    """What came of addresses: how many moved, how many stood so before, which are not known."""

    moved: int
    unmoved: int
    unknown: tuple[str, ...]


def create_segment(
    *,
    list: List,
    name: str,
    now: datetime,
    rule: Mapping[str, Any] | None = None,
    kind: str = RULE,
    by: By = None,
) -> Segment:
    """
    Save a rule under a name, or begin an empty segment that is kept by hand.

    :raises InvalidValueError: field `name`, `kind`, or `rule` where one is kept by hand.
    :raises InvalidRuleError: for a rule that is malformed or names what the list has not.
    """
    if kind not in SegmentKind.values:
        raise InvalidValueError("kind", f"A segment is one of {', '.join(SegmentKind.values)}.")
    if kind == MANUAL and rule:
        raise InvalidValueError("rule", "A segment that is kept by hand has no rule.")
    List.objects.select_for_update(no_key=True).get(pk=list.pk)
    made = Segment(
        list=list,
        name=_free_name(list, name),
        kind=kind,
        created_at=now,
        modified_at=now,
    )
    if kind == RULE:
        made.rule, made.resolved = check_rule(list=list, rule=rule or {})
    made.save()
    record(verb="created", noun="segment", object_id=made.pk, now=now, by=by)
    return made


def update_segment(
    *,
    segment: Segment,
    now: datetime,
    name: str | None = None,
    rule: Mapping[str, Any] | None = None,
    by: By = None,
) -> Segment:
    """
    Rename a segment or change its rule; None leaves as it is.

    Whoever asks for it asks the new rule from now on; where it is tracked everybody is
    asked again, and who is in it by the new rule only enters.

    :raises InvalidValueError: field `name`, or `rule` where it is kept by hand.
    :raises InvalidRuleError: as `create_segment`, and for one that would ask for itself.
    """
    List.objects.select_for_update(no_key=True).get(pk=segment.list_id)
    if name is not None:
        segment.name = _free_name(segment.list, name, other_than=segment.pk)
    changed = False
    if rule is not None:
        if segment.kind == MANUAL:
            raise InvalidValueError("rule", "A segment that is kept by hand has no rule.")
        before = segment.resolved
        segment.rule, segment.resolved = check_rule(list=segment.list, rule=rule, segment=segment)
        changed = segment.resolved != before
    if changed:
        segment.revision += 1
        segment.member_count = segment.counted_at = None
    segment.modified_at = now
    # What the engine writes while this runs, whether it is tracked, is not ours to save.
    segment.save(
        update_fields=[
            *("name", "rule", "resolved", "revision", "member_count", "counted_at"),
            "modified_at",
        ]
    )
    if changed:
        tracking.rule_changed(segment, now=now)
    record(verb="updated", noun="segment", object_id=segment.pk, now=now, by=by)
    return segment


def delete_segment(*, segment: Segment, now: datetime, by: By = None) -> None:
    """
    Delete a segment with its members.

    :raises SegmentInUseError: field `segment`, if a running conversation or another
        segment asks for it; the message names them.
    """
    List.objects.select_for_update(no_key=True).get(pk=segment.list_id)
    users = users_of(segment)
    if users:
        raise SegmentInUseError(
            "segment", f"{segment.name} is used by {', '.join(users)}, and cannot be deleted."
        )
    pk = segment.pk
    tracking.forget(segment)
    segment.delete()
    record(verb="deleted", noun="segment", object_id=pk, now=now, by=by)


def users_of(segment: Segment) -> list[str]:
    """Return what asks for a segment, in words: running conversations and other segments."""
    nesting = nesting_of(segment.list, {})
    inner = [pk for pk, asked in nesting.asked.items() if segment.pk in asked]
    others = Segment.objects.filter(pk__in=inner).order_by("name").values_list("name", flat=True)
    return [
        *(f"the conversation “{name}”" for name in naming.users_of_segment(segment.pk)),
        *(f"the segment “{name}”" for name in others),
    ]


def check_rule(
    *, list: List, rule: Mapping[str, Any], segment: Segment | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Return a segment's rule as it is written canonically, and with ids for names.

    :raises InvalidRuleError: for one that is malformed, asks for an enrollment, names what
        the list has not, is too large, or would ask for `segment` itself.
    """
    try:
        read = filters.parse(dict(rule))
    except filters.Malformed as malformed:
        raise InvalidRuleError(malformed.faults) from malformed
    names = naming.names_of(list)
    faults = [
        (path if leaf.type.flat else within(path, leaf.type.kind), NOT_ENROLLED)
        for leaf, path in filters.leaves(read)
        if leaf.type.asks_enrollment(leaf.config)
    ]
    faults += filters.problems(read, names)
    if faults:
        raise InvalidRuleError(faults)
    resolved = filters.resolve(read, names)
    _check_nesting(list, resolved, segment)
    return filters.write(read), resolved


def add_members(
    *, segment: Segment, subscription_ids: Sequence[int], now: datetime, by: By = None
) -> int:
    """
    Put subscriptions of the segment's list in; return how many are new. Others are left out.

    :raises InvalidValueError: field `segment`, for one that is kept by its rule.
    """
    _check_manual(segment)
    moved = manual.put_in(
        SUBSCRIPTIONS,
        segment_id=segment.pk,
        list_id=segment.list_id,
        now=now,
        subscription_ids=[*subscription_ids],
    )
    _record_moves("added to", segment, moved, now, by)
    return moved


def remove_members(
    *, segment: Segment, subscription_ids: Sequence[int], now: datetime, by: By = None
) -> int:
    """
    Take subscriptions out; return how many were in.

    :raises InvalidValueError: field `segment`, for one that is kept by its rule.
    """
    _check_manual(segment)
    moved = manual.take_out(
        SUBSCRIPTIONS,
        segment_id=segment.pk,
        list_id=segment.list_id,
        now=now,
        subscription_ids=[*subscription_ids],
    )
    _record_moves("removed from", segment, moved, now, by)
    return moved


def add_addresses(
    *, segment: Segment, addresses: Sequence[str], now: datetime, by: By = None
) -> Addressed:
    """
    Put contacts of the list in by their email addresses.

    :raises InvalidValueError: field `emailAddresses` for none or too many, `segment` for one
        that is kept by its rule.
    """
    known, unknown = _find_addresses(segment, addresses)
    moved = add_members(segment=segment, subscription_ids=known, now=now, by=by)
    return Addressed(moved, len(known) - moved, unknown)


def remove_addresses(
    *, segment: Segment, addresses: Sequence[str], now: datetime, by: By = None
) -> Addressed:
    """Take contacts out by their email addresses; refuses as `add_addresses` does."""
    known, unknown = _find_addresses(segment, addresses)
    moved = remove_members(segment=segment, subscription_ids=known, now=now, by=by)
    return Addressed(moved, len(known) - moved, unknown)


def count_members(*, segment: Segment, now: datetime) -> int:
    """
    Count who is in a segment, whatever the state of the subscription, and note the number.

    :raises filters.VanishedError: if what its rule names is gone.
    """
    total = filters.count(
        list=segment.list,
        rule={"leaf": "segment", "segment_id": segment.pk},
        time_zone=segment.account.time_zone,
        now=now,
    )
    Segment.objects.filter(pk=segment.pk).update(member_count=total, counted_at=now)
    segment.member_count, segment.counted_at = total, now
    return total


def _free_name(list: List, name: str, *, other_than: int = 0) -> str:
    name = clean_name("name", name, longest=LONGEST_NAME)
    taken = Segment.objects.filter(list=list, name__iexact=name).exclude(pk=other_than)
    if taken.exists():
        raise InvalidValueError("name", f"The list has a segment named {name} already.")
    return name


def _check_nesting(list: List, resolved: dict[str, Any], segment: Segment | None) -> None:
    """Refuse a rule that asks for its own segment, and one that makes any too large."""
    pk = segment.pk if segment is not None else 0
    if not saved.asked_for(resolved) and not pk:
        return
    nesting = nesting_of(list, {pk: resolved})
    if nesting.reaches(pk, pk):
        raise InvalidRuleError([("", IN_ITSELF)])
    for one in {pk, *nesting.askers(pk)}:
        leaves, deep = nesting.size(one)
        if leaves > MOST_LEAVES or deep > saved.DEEPEST:
            text = (
                f"With the segments that it asks for the rule has more than {MOST_LEAVES} leaves, "
                f"or is more than {saved.DEEPEST} segments deep."
            )
            raise InvalidRuleError([("", text)])


def _check_manual(segment: Segment) -> None:
    if segment.kind != MANUAL:
        raise InvalidValueError(
            "segment", f"Who is in {segment.name} is decided by its rule, not by hand."
        )


def _record_moves(verb: str, segment: Segment, moved: int, now: datetime, by: By) -> None:
    if moved:
        record(
            verb=verb, noun="segment", object_id=segment.pk, now=now, by=by, detail={"count": moved}
        )


def _find_addresses(
    segment: Segment, addresses: Sequence[str]
) -> tuple[list[int], tuple[str, ...]]:
    """Return the subscriptions of addresses, and the addresses that the list does not have."""
    written = [*dict.fromkeys(address.strip() for address in addresses if address.strip())]
    if not 1 <= len(written) <= MOST_ADDRESSES:
        raise InvalidValueError(
            "emailAddresses", f"Give 1 to {MOST_ADDRESSES:,} email addresses at a time."
        )
    normal: dict[str, str] = {}
    for address in written:
        try:
            normal[address] = normalise_email(address)
        except InvalidValueError:
            normal[address] = ""
    found = dict(
        Subscription.objects.filter(
            list=segment.list_id, contact__email_norm__in={*normal.values()} - {""}
        ).values_list("contact__email_norm", "pk")
    )
    unknown = tuple(address for address in written if normal[address] not in found)
    return [*found.values()], unknown
