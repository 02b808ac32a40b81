"""Segment (segment.com): mappings of its calls to profile fields, and the calls themselves."""

from datetime import datetime
from typing import Any

from ninja import Body

from accounts.api import found_list
from accounts.models import List
from accounts.models.api_client import WRITE_KEY_TYPE
from accounts.wire import (
    Collection,
    Created,
    Deleted,
    Frame,
    Id,
    InvalidParameterError,
    Resource,
    Updated,
    WireIn,
    WireOut,
    WireRequest,
    created,
    deleted,
    found,
    updated,
)
from accounts.wire.access import BASIC
from accounts.wire.errors import MalformedBodyError, NotFoundError
from contacts.actions import segment_mappings as actions
from contacts.actions.segment_calls import OWN_SOURCE, REFUSED, Taken, take_calls
from contacts.models import SegmentMapping

segment_com = Frame("/conductor/v1", integration="email", tag="SegmentMapping")

MAPPINGS = "/SegmentMapping"
ONE = MAPPINGS + "/{segment_mapping_id}"
LEVELS = ["Segmentation"]
NAMES = {"name": "mappingName", "mapping": "segmentMapping"}
MOST_CALLS = 10_000


class MappingIn(WireIn):
    """
    A mapping: which calls write what into which profile fields of a list.

    `values` maps a profile field, by id or as `Group.Field`, to a literal, to `useAudienceKey`
    (track calls), or to a trait's name (identify calls; there only `on` and `off` are literals).
    Conditions that are not given always hold.
    """

    mapping_name: str
    list_id: int
    event_type: str
    values: dict[str, Any]
    event_name: str = ""
    audience_key: str = ""
    computation_key: str = ""
    email_path: str = ""

    def given(self, in_list: List) -> actions.NewMapping:
        """Return what the mapping says."""
        return actions.NewMapping(
            name=self.mapping_name,
            list=in_list,
            event_type=self.event_type,
            values=self.values,
            event_name=self.event_name,
            audience_key=self.audience_key,
            computation_key=self.computation_key,
            email_path=self.email_path,
        )


class MappingOut(WireOut):
    """A mapping: conditions, "" for none, values by the field's id, its counts of calls."""

    segment_mapping_id: int
    mapping_name: str
    list_id: int
    event_type: str
    event_name: str
    audience_key: str
    computation_key: str
    email_path: str
    values: dict[str, str]
    taken_count: int
    skipped_count: int
    refused_count: int
    create_date: datetime
    modified_date: datetime


class CallOut(WireOut):
    """
    What became of one call.

    `result` is `taken`, `skipped` (the address is not Subscribed on the list), `unmapped` (no
    mapping fits), all three with status 200, or `refused` with status 400 and the reason.
    """

    index: int
    status: int
    result: str
    error: str
    message: str


def mapping_out(mapping: SegmentMapping) -> MappingOut:
    """Write a mapping."""
    return MappingOut(
        segment_mapping_id=mapping.pk,
        mapping_name=mapping.name,
        list_id=mapping.list_id,
        event_type=mapping.event_type,
        event_name=mapping.event_name,
        audience_key=mapping.audience_key,
        computation_key=mapping.computation_key,
        email_path=mapping.email_path,
        values=mapping.values,
        taken_count=mapping.taken,
        skipped_count=mapping.skipped,
        refused_count=mapping.refused,
        create_date=mapping.created_at,
        modified_date=mapping.modified_at,
    )


def found_mapping(mapping_id: int) -> SegmentMapping:
    """
    Return a mapping that is not deleted.

    :raises NotFoundError: if there is none of that id.
    """
    rows = SegmentMapping.objects.filter(deleted_at=None).select_related("list")
    return found(rows, pk=mapping_id)


def list_of(body: MappingIn) -> List:
    """
    Return the list that a mapping names.

    :raises InvalidParameterError: naming `listId`, if there is none of that id.
    """
    try:
        return found_list(body.list_id)
    except (NotFoundError, OverflowError) as unknown:
        raise InvalidParameterError("listId") from unknown


@segment_com.get(MAPPINGS, answer=Collection[MappingOut], levels=LEVELS)
def all_mappings(request: WireRequest) -> Collection[MappingOut]:
    """Return the account's mappings of Segment's calls, 50 at most."""
    return Collection[MappingOut](data=[mapping_out(row) for row in actions.mappings()])


@segment_com.post(MAPPINGS, levels=LEVELS, names=NAMES)
def create_mapping(request: WireRequest, body: MappingIn) -> Created:
    """
    Add a mapping; the 51st is refused.

    It says which of Segment's calls to `POST /conductor/v1/source/segment` write what into which
    profile fields of a list. Without `emailPath` the address is looked for at `context.traits.email`,
    `traits.email`, `properties.email`. A 51st is `ERROR_SEGMENT_MAPPING_LIMIT_MET`.
    """
    made = actions.create_mapping(
        given=body.given(list_of(body)), now=request.now, by=request.client
    )
    return created(made.pk)


@segment_com.get(ONE, answer=Resource[MappingOut], levels=LEVELS)
def one_mapping(request: WireRequest, segment_mapping_id: Id) -> Resource[MappingOut]:
    """Return a mapping."""
    return Resource[MappingOut](data=mapping_out(found_mapping(segment_mapping_id)))


@segment_com.put(ONE, answer=Updated, levels=LEVELS, names=NAMES)
def update_mapping(request: WireRequest, segment_mapping_id: Id, body: MappingIn) -> Updated:
    """Give a mapping other settings; all are given anew."""
    changed = actions.update_mapping(
        mapping=found_mapping(segment_mapping_id),
        given=body.given(list_of(body)),
        now=request.now,
        by=request.client,
    )
    return updated(changed.pk)


@segment_com.delete(ONE, levels=LEVELS)
def delete_mapping(request: WireRequest, segment_mapping_id: Id) -> Deleted:
    """
    Use a mapping no more.

    Calls that none fits are answered `unmapped`. What it wrote stays.
    """
    actions.delete_mapping(
        mapping=found_mapping(segment_mapping_id), now=request.now, by=request.client
    )
    return deleted()


@segment_com.post(
    "/source/segment", answer=Collection[CallOut], integration=WRITE_KEY_TYPE, scheme=BASIC
)
def take(request: WireRequest, body: Body[dict[str, Any]]) -> Collection[CallOut]:
    """
    Take Segment's calls: one track or identify call, or up to 10,000 of them as `batch`.

    HTTP basic with the account's write key as user name and no password (*Integrations >
    Segment*). Each call is taken, skipped or refused by itself; results stand in their order.
    Calls that Listrak's source or ours has made are refused.
    """
    given = {str(key).lower(): value for key, value in body.items()}
    calls = given.get("batch", [body])
    if not isinstance(calls, list):
        raise MalformedBodyError("A batch is a JSON array.")
    if len(calls) > MOST_CALLS:
        raise MalformedBodyError(f"At most {MOST_CALLS} calls are taken at once.")
    # A batch may say once for all of its calls where they come from.
    shared = given.get("context")
    if "batch" in given and isinstance(shared, dict):
        calls = [with_context(call, shared) for call in calls]
    outcomes = take_calls(calls=calls, now=request.now)
    return Collection[CallOut](data=[call_out(*each) for each in enumerate(outcomes)])


def with_context(call: Any, shared: dict[str, Any]) -> Any:
    """Give a call its batch's context, as far as it has none of its own."""
    if not isinstance(call, dict):
        return call
    own = call.get("context")
    return {**call, "context": {**shared, **(own if isinstance(own, dict) else {})}}


def call_out(index: int, outcome: Taken) -> CallOut:
    """Write what became of a call."""
    refused = outcome.result == REFUSED
    error = "ERROR_INVALID_SOURCE" if outcome.why == OWN_SOURCE else InvalidParameterError.error
    return CallOut(
        index=index,
        status=400 if refused else 200,
        result=outcome.result,
        error=error if refused else "",
        message=outcome.why,
    )
