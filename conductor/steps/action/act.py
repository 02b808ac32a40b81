"""What the acts share: their protocol, writing a field, holding those for whom nothing is left."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from conductor.clocks import count_fallbacks
from conductor.steps import (
    FIELD_IS_GONE,
    IN_ORDER,
    NEXT,
    Arrivals,
    Names,
    StepProblem,
    Told,
    announce,
    empty,
    hold_here,
    unknown,
)
from contacts.actions import facts
from contacts.models import ProfileField

S = TypeVar("S")

# Everybody here gets {value}; NULL clears, and no value is null in a profile. The rows are
# locked in the order of their ids, as everybody locks them who writes many profiles.
WRITE_FIELD = f"""
    UPDATE contacts_subscription AS subscription
    SET
        profile = jsonb_strip_nulls(
            subscription.profile || jsonb_build_object(%(field)s::text, {{value}})
        ),
        updated_at = %(now)s
    FROM {IN_ORDER} AS arrivals
    INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id
    {{joins}}
    WHERE
        subscription.id = arrivals.subscription_id
        AND coalesce(arrivals.held_reason, '') = ''
        AND (subscription.profile -> %(field)s::text) IS DISTINCT FROM {{value}}
    RETURNING subscription.id AS subscription_id
"""
# A value that asks nothing of the row it is written to is worked out once for each.
WORKED_OUT = "CROSS JOIN LATERAL (SELECT ({value}) AS value OFFSET 0) AS given"
# For a value that is read in the contact's zone.
WITH_CONTACT = "INNER JOIN contacts_contact AS contact ON contact.id = arrivals.contact_id"
# The engine asks those inside again; nobody enters a conversation by what an action writes.
CHANGED = Told(
    kinds=(facts.PROFILE_UPDATED,),
    properties="jsonb_build_object('fields', jsonb_build_array(%(field)s::text))",
    roles=facts.QUIET,
)


class Act(Generic[S]):
    """One thing that an action step does; a module of this package ends in `ACT = ...()`."""

    name: ClassVar[str]
    # Where it stands among the others.
    place: ClassVar[int]
    label: ClassVar[str]
    # The type of its setting: a StepConfig or a name.
    Setting: ClassVar[Any]

    def sentence(self, setting: S) -> str:
        """Say in one line what it does, or "" where nothing is chosen yet."""
        raise NotImplementedError

    def exits(self) -> dict[str, str]:
        """Name the ways out in order, each with its default."""
        return {"next": NEXT}

    def problems(self, setting: S, names: Names) -> list[StepProblem]:
        """Say what keeps it from being done."""
        raise NotImplementedError

    def compile(self, setting: S, names: Names) -> dict[str, Any]:
        """Return ids for names; only for a setting without problems."""
        raise NotImplementedError

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Do it to everybody at the step."""
        raise NotImplementedError


def write_field(
    arrivals: Arrivals, field_id: int, value: str, /, *, joins: str = "", **params: Any
) -> None:
    """
    Write a field of everybody here; later steps of this tick see it.

    `value` is a jsonb expression over `subscription` (the row as it is when it is written,
    whoever else wrote it just before), `arrivals`, `enrolled` and `joins`.
    """
    if "subscription." not in value:
        joins, value = f"{joins} {WORKED_OUT.format(value=value)}", "given.value"
    announce(
        arrivals,
        CHANGED,
        write=WRITE_FIELD.format(value=f"({value})", joins=joins),
        field=str(field_id),
        **params,
    )


def write_dated(
    arrivals: Arrivals, field_id: int, value: str, /, *, zone: str, **params: Any
) -> None:
    """
    Write a field with what the calendar of `zone` says: `{zone}` in `value`.

    `zone` is the conversation's; contacts without a zone of their own are counted.
    """
    named = arrivals.zone(zone)
    joins = WITH_CONTACT if "contact." in named else ""
    if joins:
        count_fallbacks(arrivals, "TRUE")
    write_field(arrivals, field_id, value.replace("{zone}", named), joins=joins, **params)


def field_here(arrivals: Arrivals, field_id: int) -> ProfileField | None:
    """Return a field; where it is gone, hold everybody here and return None."""
    field = ProfileField.objects.filter(pk=field_id).first()
    if field is None:
        hold_here(arrivals, FIELD_IS_GONE)
    return field


def field_problems(
    path: str, name: str, names: Names, *, of_type: Sequence[str] = (), kind: str = ""
) -> list[StepProblem]:
    """Return the problems of a field's name; `kind` says in words what it has to be."""
    field = names.field(name) if name else None
    if field is None:
        return [unknown(path, "field", name) if name else empty(path, "Choose the field.")]
    if of_type and field.data_type not in of_type:
        return [StepProblem(path, "wrong_type", f"“{name}” is no {kind} field.")]
    return []


def known_field(names: Names, name: str) -> ProfileField:
    """Return a field that exists."""
    field = names.field(name)
    if field is None:
        raise ValueError("Only a step without problems is compiled.")
    return field
