"""
Step types, one file each: what a step is called, what it takes, how it leaves, what it does.

A file's docstring is the builder's help, `Config` is the validator of what is written in a
conversation file, and the file ends in `STEP = Wait()`. `step_types()` finds them by
scanning this folder: there is no list to edit, and no step type knows another.
"""

import hashlib
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from accounts.models import List
from contacts import filters
from contacts.actions import facts
from contacts.durations import InvalidDurationError, is_zone, parse_duration
from contacts.filters import Heard, saved
from contacts.models import ExternalEvent, ProfileField, Segment
from messaging.eligibility import OF_THIS_TICK
from messaging.models import CouponPool, PhoneList, SavedMessage, ShortCode, SmsMessage

KEY_PATTERN = r"[a-z][a-z0-9_-]{0,62}"

# Where an exit leads when the file says nothing: the step that follows, or nowhere.
# Neither is a step key, which begins with a letter: a step may well be called `end`.
NEXT = ">next"
END = ">end"

EARLIEST_YEAR, LATEST_YEAR = 1970, 2200

Rule = dict[str, Any]


@dataclass(frozen=True)
class StepProblem:
    """Why a well-formed step cannot run; `path` is within its settings ("" = the whole)."""

    path: str
    code: str
    text: str


@dataclass(frozen=True)
class Enterable:
    """A conversation that an action may enroll into, with the first step of each thread."""

    conversation_id: int
    threads: dict[str, str]


@dataclass(frozen=True)
class MessageUse:
    """
    The message that a step sends, as the file names it, and what it changes in it.

    `saved` is a saved message's name (email) or an SMS message's ("" for text of the
    step's own); `overrides` replace the committed content: {content key: text}.
    """

    channel: Literal["email", "sms"]
    saved: str
    overrides: dict[str, str]
    commit_latest: bool
    short_code: str = ""
    phone_list: str = ""


class Names(Protocol):
    """What a list's names mean; None is a name that does not exist on the list."""

    @property
    def zone(self) -> str:
        """The conversation's time zone: `account`, `contact` or an IANA name."""
        ...

    @property
    def list(self) -> List:
        """The conversation's list."""
        ...

    def field(self, name: str) -> ProfileField | None:
        """Find a profile field by `Group.Field`."""
        ...

    def event(self, name: str) -> ExternalEvent | None:
        """Find an external event."""
        ...

    def short_code(self, code: str) -> ShortCode | None:
        """Find a short code paired with the list."""
        ...

    def phone_list(self, code: str, name: str) -> PhoneList | None:
        """Find a phone list of a short code."""
        ...

    def sms_message(self, code: str, phone_list: str, name: str) -> SmsMessage | None:
        """Find a text message of a phone list."""
        ...

    def saved_message(self, name: str) -> SavedMessage | None:
        """Find a saved message (without its content)."""
        ...

    def has_sms_message(self, name: str) -> bool:
        """Say whether some phone list has a text message of that name."""
        ...

    def other_list(self, name: str) -> List | None:
        """Find a list of the account."""
        ...

    def segment(self, name: str) -> Segment | None:
        """Find a segment of the list."""
        ...

    def pool(self, name: str) -> CouponPool | None:
        """Find a coupon pool of the account."""
        ...

    def secret(self, name: str) -> bool:
        """Say whether the account has a secret of that name."""
        ...

    def conversation(self, name: str) -> Enterable | None:
        """Find a conversation of the list."""
        ...


# The rows that a step's statement may touch: those of one step of one version in the wave
# under way, and, while a culprit is sought, of a range of enrollments only.
HERE = (
    "arrivals.wave = %(wave)s AND arrivals.version_id = %(version_id)s "
    "AND arrivals.step_key = %(step_key)s "
    "AND arrivals.enrollment_id BETWEEN %(first)s AND %(last)s"
)


# The same rows for a statement with joins. The planner knows nothing of `arrivals` and takes
# HERE for a single row, whose joins it would run as loops over everything; these it takes for
# a few dozen: it looks up great tables by index and joins small ones by hash.
THESE = f"(CASE WHEN {HERE} THEN 1 END) = 1"


# The draw of a visit, 0 to 9,999: known before the enrollment exists, the same whenever it is
# asked for. Over the aliases `enrolled` and `arrivals`; mod() and no percent sign, which a
# statement with parameters would have to double.
DRAW = """mod(
    ('x' || substr(md5(
        enrolled.conversation_id::text || ':' || enrolled.subscription_id::text || ':'
        || enrolled.entry_number::text || ':' || arrivals.step_key || ':'
        || arrivals.visit_number::text
    ), 1, 8))::bit(32)::bigint,
    10000
)"""
DRAWS = 10_000


def draw(
    *,
    conversation_id: int,
    subscription_id: int,
    entry_number: int,
    step_key: str,
    visit_number: int,
) -> int:
    """Return the draw of a visit, 0 to 9,999: the Python twin of `DRAW`."""
    text = f"{conversation_id}:{subscription_id}:{entry_number}:{step_key}:{visit_number}"
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) % DRAWS


class Arrivals(Protocol):
    """
    The contacts of one tick that are at one step: rows of the temporary table `arrivals`.

    Beside it stands `enrolled`: how each enrollment of the tick began. A statement is
    restricted by `HERE`, names for each row its `exit` or its `due_at`, and is free to run
    twice. `settings` are the step's, as compiled (ids for names); `thread` is its thread.
    """

    @property
    def step_key(self) -> str:
        """The step they are at."""
        ...

    @property
    def thread(self) -> str:
        """The name of the thread that the step is in."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The step's compiled settings."""
        ...

    @property
    def now(self) -> datetime:
        """The tick's time."""
        ...

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is a test run: nobody else's conversations may start from it."""
        ...

    def zone(self, named: str = "") -> str:
        """
        Return the SQL expression of an IANA zone: of `named`, "" = the conversation's.

        For `contact` it reads the alias `contact` and falls back to the account's.
        """
        ...

    def run(self, statement: str, /, **params: Any) -> int:
        """Run one statement over them; `now` and what HERE needs are given. Count its rows."""
        ...

    def fetch(self, statement: str, /, **params: Any) -> list[tuple[Any, ...]]:
        """Run one query over them, with the same parameters; return its rows."""
        ...

    def given(self) -> dict[str, Any]:
        """Return `now` and what HERE needs, for statements that are run elsewhere."""
        ...

    def tally(self, name: str, count: int) -> None:
        """Count something of this step that only the marketer reads; see Tally."""
        ...


@dataclass(frozen=True)
class Told:
    """
    The facts that follow from what a step wrote: SQL over `arrivals`, `enrolled`, `written`.

    A row that was written belongs to the arrival of its `key`, `subscription_id` or
    `contact_id`; `columns` are those of `written` that are read, with their types. `kinds`
    are all that there may be, `kind` says which one a row is ("" = the only one), of those
    that `also` joins. `roles` are those that hear of it: see `contacts.actions.facts`.
    """

    kinds: tuple[str, ...]
    key: str = "subscription_id"
    columns: str = ""
    also: str = ""
    kind: str = ""
    list_id: str = "enrolled.list_id"
    external_event_id: str = "NULL::bigint"
    segment_id: str = "NULL::bigint"
    event_id: str = "NULL::bigint"
    subscription_id: str = "arrivals.subscription_id"
    properties: str = "'{}'::jsonb"
    order: str = "arrivals.enrollment_id"
    roles: tuple[str, ...] = facts.ROLES


# What was written is looked up by its key, not joined: nobody can tell the planner how many
# rows a statement writes, and it would run the join as a loop over both.
WRITTEN = """
    written AS ({write}),

    outcome AS MATERIALIZED (
        SELECT jsonb_object_agg(written.{key}::text, to_jsonb(written)) AS by_key FROM written
    ),
"""
READ = "CROSS JOIN LATERAL jsonb_to_record(outcome.by_key -> arrivals.{key}::text) AS written ({columns})"
TOLD = f"""
    SELECT
        {{kind}}, {{told.list_id}}, {{told.external_event_id}}, {{told.segment_id}},
        {{told.event_id}}, arrivals.contact_id, {{told.subscription_id}}, %(now)s::timestamptz,
        %(now)s::timestamptz, 'action', {{told.properties}}, (enrolled.depth + 1)::smallint
    FROM arrivals
    INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id
    CROSS JOIN outcome
    {{read}}
    {{told.also}}
    WHERE {THESE} AND outcome.by_key ? arrivals.{{told.key}}::text
    ORDER BY {{told.order}}, arrivals.enrollment_id
"""


def announce(arrivals: Arrivals, told: Told, /, *, write: str, **params: Any) -> None:
    """
    Write what a step writes, and tell who listens of each row written: one statement.

    `write` is an INSERT, UPDATE or DELETE with RETURNING, the key and the columns of `told`
    among it. A fact is one deeper in its chain than the enrollment.
    """
    if arrivals.is_rehearsal:
        told = replace(told, roles=tuple(role for role in told.roles if role != "trigger"))
    if facts.audience(roles=told.roles).isdisjoint(told.kinds):
        arrivals.run(write, **params)
        return
    rows = TOLD.format(
        kind=told.kind or f"'{told.kinds[0]}'",
        told=told,
        read=READ.format(key=told.key, columns=told.columns) if told.columns else "",
    )
    facts.queue(
        rows,
        given=WRITTEN.format(write=write, key=told.key),
        roles=told.roles,
        **arrivals.given(),
        **params,
    )


HOLD = f"""
    UPDATE arrivals
    SET exit = NULL, end_reason = NULL, due_at = NULL, held_reason = %(held_reason)s
    WHERE {HERE}
"""


FIELD_IS_GONE = "the field is gone"


def hold_here(arrivals: Arrivals, reason: str, where: str = "TRUE", /, **params: Any) -> int:
    """Hold those at the step for whom `where` is true, with a reason that a marketer reads."""
    return arrivals.run(f"{HOLD} AND {where}", held_reason=reason, **params)


class StepConfig(BaseModel):
    """
    A kind's settings, read from and written to the conversation file.

    Fields stand in the order of the file format's page; a default is left out when
    written. An empty required setting is no fault here but a problem of the step.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    # Settings of the file format that this version does not run: {name: what it is}.
    not_yet: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def read(cls, written: Any) -> Self:
        """Read the settings as a file has them; raises pydantic's ValidationError."""
        return cls.model_validate(written)

    def write(self) -> Any:
        """Return the settings as a file has them, defaults left out."""
        return self.model_dump(by_alias=True, exclude_defaults=True)


C = TypeVar("C", bound=StepConfig)
Family = Literal["entry", "message", "wait", "decision", "action", "end"]


class StepType(Generic[C]):
    """One kind of step."""

    kind: ClassVar[str]
    label: ClassVar[str]
    family: ClassVar[Family]
    icon: ClassVar[str]
    # Other words by which the chooser finds it.
    keywords: ClassVar[Sequence[str]] = ()
    # The exit that everybody takes at once, if the kind has one: rows arrive with it named.
    passes: ClassVar[str] = ""
    # Whether a contact that is here is asked again when something happens to it.
    wakes: ClassVar[bool] = False
    Config: type[C]

    @property
    def help(self) -> str:
        """What the builder says of it: the file's docstring."""
        module = inspect.getmodule(type(self))
        return inspect.cleandoc((module.__doc__ if module else "") or "")

    def sentence(self, config: C) -> str:
        """Say in one line what the step does: `Wait 3 days`."""
        raise NotImplementedError

    def exits(self, config: C) -> dict[str, str]:
        """Name the ways out in order, each with its default: NEXT, END or a step key."""
        return {"next": NEXT}

    def exit_names(self, config: C) -> set[str]:
        """Name every exit that a file may redirect."""
        return set(self.exits(config))

    def rules(self, config: C) -> dict[str, Rule]:
        """Return the rules among the settings by their path within them."""
        return {}

    def with_rules(self, config: C, rules: Mapping[str, Rule]) -> C:
        """Return the settings with these rules in the place of its own, by the same paths."""
        return config.model_copy(update={path or "rule": rule for path, rule in rules.items()})

    def unfit(self, rule: filters.Rule) -> list[tuple[str, str]]:
        """Return (path within it, sentence) for what no rule of this kind of step may ask."""
        return []

    def steps_named(self, config: C) -> dict[str, str]:
        """Return the other steps that the settings speak of: {path within them: step key}."""
        return {}

    def problems(self, config: C, names: Names) -> list[StepProblem]:
        """Say what keeps the settings from running: names, emptiness, types."""
        return []

    def compile(self, config: C, names: Names) -> dict[str, Any]:
        """Return what the engine runs: ids for names. Only for settings without problems."""
        raise NotImplementedError

    def holds(self, config: C) -> bool:
        """Say whether a contact surely stays for a time, so that a loop may pass here."""
        return False

    def hears(self, settings: Mapping[str, Any]) -> set[Heard]:
        """Return the facts that its contacts are to be asked again for; by compiled settings."""
        return set()

    def message(self, config: C) -> MessageUse | None:
        """Return the message that it sends, if it sends one."""
        return None

    def execute(self, arrivals: Arrivals) -> None:
        """Move or hold the contacts at this step: SQL over all of them at once."""
        if not self.passes:
            raise NotImplementedError


@cache
def step_types() -> dict[str, StepType[Any]]:
    """Return every step type by its kind, as the files of this folder define them."""
    found: dict[str, StepType[Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        step = getattr(importlib.import_module(f"{__name__}.{module.name}"), "STEP", None)
        # Packages and modules that only serve a kind have none.
        if isinstance(step, StepType):
            found[step.kind] = step
    return found


def invalid(text: str) -> PydanticCustomError:
    """Return the error that a validator raises: a sentence."""
    return PydanticCustomError("invalid", "{text}", {"text": text})


def shape(value: object) -> str:
    """Say how a value is written, for settings that take several shapes (a Discriminator)."""
    if isinstance(value, dict | BaseModel):
        return "mapping"
    return "list" if isinstance(value, list) else "literal"


def _duration(written: str) -> str:
    try:
        parse_duration(written)
    except InvalidDurationError as fault:
        raise invalid(str(fault)) from fault
    # Kept as written: P2W stays P2W in the file.
    return written


def _offset(written: str) -> str:
    try:
        offset = parse_duration(written, signed=True)
    except InvalidDurationError as fault:
        raise invalid(str(fault)) from fault
    if offset.seconds:
        raise invalid("An offset is in days or more, such as -P3D.")
    return written


def _moment(written: str) -> str:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as fault:
        raise invalid(f"{written!r} is no date-time such as 2026-12-24T09:00:00.") from fault
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise invalid(f"A date-time lies between {EARLIEST_YEAR} and {LATEST_YEAR}.")
    return written


def _zone(written: str) -> str:
    if written not in {"", "account", "contact"} and not is_zone(written):
        raise invalid(f"{written!r} is no time zone: account, contact or an IANA name.")
    return written


# Exits that every step has or may be told; no group and no branch may be called so.
TAKEN_EXITS = frozenset({"end", "else", "!end"})


def _exit_name(written: str) -> str:
    if written in TAKEN_EXITS:
        raise invalid(f"“{written}” is taken: choose another name.")
    return written


def _empty_or(pattern: str) -> str:
    return rf"^(?:{pattern})?$"


# "" is not set yet.
DurationText = Annotated[str, AfterValidator(lambda text: _duration(text) if text else "")]
OffsetText = Annotated[str, AfterValidator(lambda text: _offset(text) if text else "")]
MomentText = Annotated[str, AfterValidator(lambda text: _moment(text) if text else "")]
ZoneText = Annotated[str, AfterValidator(_zone)]
TargetKey = Annotated[str, StringConstraints(pattern=_empty_or(KEY_PATTERN))]
NameText = Annotated[str, StringConstraints(max_length=250)]
# What a marketer calls a way out: no blank at its ends, no two in a row.
ExitName = Annotated[
    str, StringConstraints(max_length=100, pattern=r"^\S+(?: \S+)*$"), AfterValidator(_exit_name)
]
TimeText = Annotated[
    str, StringConstraints(pattern=_empty_or(r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"))
]


class SendConfig(StepConfig):
    """When a message may not go now, or whether it went is not known."""

    quiet_hours: Literal["defer", "skip"] = "defer"
    cap: Literal["defer", "skip"] = "skip"
    unknown: Literal["park", "resend"] = "park"


# The conversation of the step, for what counts by campaign.
CONVERSATION = """(
    SELECT version.conversation_id FROM conversations_version AS version
    WHERE version.id = %(version_id)s
)"""


def send_settings() -> Any:
    """Return the default of a message step's `send`."""
    return Field(default_factory=SendConfig)


def asked_of_all(send: Mapping[str, Any]) -> dict[str, str]:
    """Return what a message step asks `messaging.eligibility` of everybody: see Policy.email."""
    return {
        "skips_quiet": "TRUE" if send["quiet_hours"] == "skip" else "FALSE",
        "waits_for_cap": "TRUE" if send["cap"] == "defer" else "FALSE",
        "ticked": OF_THIS_TICK,
        "conversation": CONVERSATION,
    }


def sending(send: Mapping[str, Any]) -> dict[str, bool]:
    """Return the same as parameters of the outbox: it is asked again at the claim."""
    return {
        "resend_unknown": send["unknown"] == "resend",
        "skips_quiet": send["quiet_hours"] == "skip",
        "waits_for_cap": send["cap"] == "defer",
    }


def empty(path: str, text: str) -> StepProblem:
    """Return the problem of a required setting that is empty."""
    return StepProblem(path, "empty_setting", text)


def unknown(path: str, noun: str, name: str) -> StepProblem:
    """Return the problem of a name that the list does not have."""
    code = f"unknown_{noun.replace(' ', '_')}"
    return StepProblem(path, code, f"There is no {noun} named “{name}” on this list.")


def rule_problems(path: str, rule: Rule, names: Names) -> list[StepProblem]:
    """Return the problems of a rule: names that the list does not have, types that clash."""
    return [
        StepProblem(f"{path}.{within}".strip("."), "rule", text)
        for within, text in filters.problems(filters.parse(rule), names)
    ]


def resolved_rule(rule: Rule, names: Names) -> dict[str, Any] | None:
    """Return a rule with ids for names, or None where there is none."""
    return filters.resolve(filters.parse(rule), names) if rule else None


CHOOSE = f"""
    UPDATE arrivals
    SET exit = CASE {{branches}} ELSE %(others)s END
    FROM contacts_subscription AS subscription
    {{contact}}
    {{enrollment}}
    WHERE {THESE} AND subscription.id = arrivals.subscription_id {{same}}
"""
# A subscription's contact is always there: it is read only for what is asked of it.
CONTACT = "INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id"

# With each enrollment's latest arrival at every step, those of this tick included.
ENROLLMENT_AND_ARRIVALS = """
    CROSS JOIN (
        SELECT
            enrolled.*,
            coalesce(latest.arrived, '{}'::jsonb) AS arrived
        FROM enrolled
        LEFT JOIN (
            SELECT
                visit.enrollment_id,
                jsonb_object_agg(visit.step_key, visit.arrived_at ORDER BY visit.arrived_at) AS arrived
            FROM (
                SELECT past.enrollment_id, past.step_key, past.arrived_at
                FROM conversations_visit AS past
                WHERE past.enrollment_id = any(array(SELECT known.id FROM enrolled AS known))
                UNION ALL
                SELECT lately.enrollment_id, lately.step_key, lately.arrived_at
                FROM arrivals AS lately
            ) AS visit
            GROUP BY visit.enrollment_id
        ) AS latest ON latest.enrollment_id = enrolled.id
    ) AS enrollment
"""


def enrollment_for(condition: str) -> tuple[str, str]:
    """
    Return what a condition needs beside `subscription` and `contact`: a join, and its test.

    Both are "" for one that does not ask how the enrollment began or where it has been.
    """
    if "enrollment.arrived" in condition:
        return ENROLLMENT_AND_ARRIVALS, "AND enrollment.id = arrivals.enrollment_id"
    if "enrollment." in condition:
        return (
            "CROSS JOIN enrolled AS enrollment",
            "AND enrollment.id = arrivals.enrollment_id",
        )
    return "", ""


def fields_here(arrivals: Arrivals, ids: Iterable[int], where: str = "TRUE", /) -> bool:
    """Say whether fields are there; else hold those at the step for whom `where` is true."""
    wanted = set(ids)
    if wanted and ProfileField.objects.filter(pk__in=wanted).count() < len(wanted):
        hold_here(arrivals, FIELD_IS_GONE, where)
        return False
    return True


def can_ask(arrivals: Arrivals, *rules: Mapping[str, Any]) -> bool:
    """Say whether the fields that rules ask for are there; else hold everybody at the step."""
    asked = (leaf for rule in rules for leaf in saved.leaves_of(rule) if "field_id" in leaf)
    return fields_here(arrivals, (leaf["field_id"] for leaf in asked))


def decide(arrivals: Arrivals, rule: Mapping[str, Any], *, matching: str, others: str) -> None:
    """Name the exit of each contact by whether a resolved rule holds for it."""
    choose(arrivals, [(matching, rule)], others=others)


def choose(
    arrivals: Arrivals, branches: Sequence[tuple[str, Mapping[str, Any]]], *, others: str
) -> None:
    """Name the exit of each contact: of the first resolved rule that holds, else `others`."""
    if not can_ask(arrivals, *(rule for _, rule in branches)):
        return
    given: dict[str, Any] = {"others": others}
    cases = []
    for place, (name, rule) in enumerate(branches):
        asked = filters.condition(rule, zone=arrivals.zone(), prefix=f"step_{place}_")
        cases.append(f"WHEN {asked.sql} THEN %(exit_{place})s")
        given |= {**asked.params, f"exit_{place}": name}
    asked_of = " ".join(cases)
    enrollment, same = enrollment_for(asked_of)
    contact = CONTACT if "contact." in asked_of else ""
    statement = CHOOSE.format(branches=asked_of, contact=contact, enrollment=enrollment, same=same)
    arrivals.run(statement, **given)
