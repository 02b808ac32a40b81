"""
What each kind of step does with one person.

Each function takes the interpreter and the enrollment and says what comes of it: `Leave` by an
exit, `Stay` until a time, `Hold` for a reason, or `End`.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import md5
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers

from tests.contacts.filters.oracle import Reading, kind_of
from tests.oracle.acts import Call
from tests.oracle.conversations import Delivery, Enrollment, Step
from tests.oracle.people import PENDING, SUBSCRIBED, UNSUBSCRIBED, Fact, empty
from tests.oracle.rules import reads
from tests.oracle.times import (
    WEEKDAYS,
    Span,
    after,
    anniversary,
    clock,
    instant,
    into_window,
    moment_of,
    shifted_date,
    span,
)


@dataclass
class Leave:
    """Go on by an exit."""

    exit: str


@dataclass
class Stay:
    """Wait here until a time."""

    until: datetime


@dataclass
class Hold:
    """Be held for a reason."""

    reason: str


@dataclass
class End:
    """The enrollment is over, for a reason."""

    reason: str


Outcome = Leave | Stay | Hold | End


@dataclass
class At:
    """Somebody at a step, at an instant; `is_due` when its time there has come."""

    world: Any
    one: Enrollment
    step: Step
    now: datetime
    is_due: bool

    @property
    def config(self) -> Any:
        """Return the step's settings."""
        return self.step.config

    def asks(self, rule: Any) -> bool:
        """Whether a rule holds."""
        return bool(self.world.asks(self.one, rule, self.now))


def run_step(world: Any, one: Enrollment, now: datetime, *, is_due: bool) -> Outcome:
    """Run the step where a person is."""
    step = one.here()
    kind: Callable[[At], Outcome] = globals()[f"run_{step.kind}"]
    return kind(At(world, one, step, now, is_due))


def run_trigger(at: At) -> Outcome:
    return Leave("next")


def run_terminate(at: At) -> Outcome:
    return End("goal" if (at.config or {}).get("goal") else "terminated")


def run_filter(at: At) -> Outcome:
    return Leave("next" if at.asks(at.config) else "otherwise")


def run_if(at: At) -> Outcome:
    for branch in at.config["branches"]:
        if at.asks(branch["filter"]):
            return Leave(branch["name"])
    return Leave("else")


def run_go_to(at: At) -> Outcome:
    rule = at.config.get("filter")
    return Leave("match" if not rule or at.asks(rule) else "next")


def draw(one: Enrollment) -> int:
    """Return the draw of this visit: 0 to 9,999."""
    standing = one.person.lists[one.conversation.in_list]
    text = f"{one.conversation.id}:{standing.id}:{one.number}:{one.step}:{one.visit}"
    return int(md5(text.encode()).hexdigest()[:8], 16) % 10_000


def run_split(at: At) -> Outcome:
    groups = at.config["groups"]
    store = at.config.get("store")
    if store:
        value = at.world.read_field(at.one, store)
        for group in groups:
            if not empty(value) and str(value).strip().lower() == group["name"].strip().lower():
                return Leave(group["name"])
    bounds = [100 * bound for bound in accumulate(group["weight"] for group in groups)]
    number = draw(at.one)
    name = next(
        group["name"] for group, bound in zip(groups, bounds, strict=True) if number < bound
    )
    if store:
        at.world.write_field(at.one, store, name, at.now)
    return Leave(name)


# --- waits


def run_wait(at: At) -> Outcome:
    """Hold for a time; what it reads, it reads on arrival."""
    if at.is_due:
        return Leave("next")
    config, zone = at.config, at.world.zone(at.one, at.config.get("time_zone"))
    if "for" in config:
        due = after(at.now, span(config["for"]), zone)
    elif "until" in config:
        due = moment_of(config["until"], zone)
        if due <= at.now:
            return Leave("past")
    elif "until_field" in config:
        found = until_field(at.world, at.one, config["until_field"], at.now, zone)
        if isinstance(found, Leave):
            return found
        due = found
    else:
        found = until_parts(at.world, at.one, config["until_parts"], at.now, zone)
        if isinstance(found, Leave):
            return found
        due = found
    due = into_window(due, config.get("window"), zone)
    return Stay(due) if due > at.now else Leave("next")


def until_field(
    world: Any, one: Enrollment, config: dict[str, Any], now: datetime, zone: ZoneInfo
) -> Any:
    """Return when a date of the profile comes, or how the person leaves at once."""
    day = as_date(world.read_field(one, config["field"]))
    if day is None:
        return Leave("no_date")
    offset = span(config.get("offset") or "P0D")
    arrival = clock(now, zone)
    if config.get("year") == "next_occurrence":
        years = range(arrival.year - 6, arrival.year + 8)
        found = (shifted_date(anniversary(day, year), offset) for year in years)
        day = next(shifted for shifted in found if shifted >= arrival.date())
    else:
        day = shifted_date(day, offset)
    at = time.fromisoformat(config["at"]) if config.get("at") else arrival.time()
    due = instant(datetime.combine(day, at), zone)
    if due > now:
        return due
    # Today's time has passed: at once, or as soon as the window opens.
    return now if day == arrival.date() else Leave("past")


def until_parts(
    world: Any, one: Enrollment, config: dict[str, Any], now: datetime, zone: ZoneInfo
) -> Any:
    """Return when a day put together from parts comes; a part left out is the arrival's."""
    arrival, entry = clock(now, zone), clock(one.entered_at, zone)
    parts: dict[str, Any] = {}
    for name in ("day", "month", "year"):
        parts[name] = part_of(world, one, config.get(name, ""), name, arrival, entry)
        if parts[name] is None:
            return Leave("no_date")
    at = config.get("time")
    if at:
        read = entry.time() if at == "entry" else time.fromisoformat(at)
    else:
        read = arrival.time()
    offset = span(config.get("offset") or "P0D")
    years = range(parts["year"], parts["year"] + 200) if config.get("roll") else [parts["year"]]
    for year in years:
        day = shifted_date(day_of(parts["day"], parts["month"], year), offset)
        due = instant(datetime.combine(day, read), zone)
        if due > now:
            return due
    return Leave("past")


def part_of(
    world: Any, one: Enrollment, part: Any, name: str, arrival: datetime, entry: datetime
) -> Any:
    """Return a number for a part of a day, or which weekday; None if its field is no date."""
    if part == "":
        return getattr(arrival, name)
    if part == "entry":
        return getattr(entry, name)
    if isinstance(part, dict) and "field" in part:
        part = part["field"]
    if isinstance(part, str):
        day = as_date(world.read_field(one, part))
        return getattr(day, name) if day else None
    return part


def day_of(day: Any, month: int, year: int) -> date:
    """Return a day of a month: its number, clamped, or the n-th of its weekdays."""
    first = date(year, month, 1)
    last = monthrange(year, month)[1]
    if isinstance(day, int):
        return first.replace(day=min(day, last))
    wanted = WEEKDAYS.index(day["weekday"])
    days = [one for one in range(1, last + 1) if first.replace(day=one).weekday() == wanted]
    number = len(days) if day["nth"] == "last" else min(day["nth"], len(days))
    return first.replace(day=days[number - 1])


def as_date(value: Any) -> date | None:
    """Read a date of a profile."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value or "")):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def run_wait_for(at: At) -> Outcome:
    """Hold until something happens, or the time is over."""
    if has_happened(at.world, at.one, at.step, at.now):
        return Leave("happened")
    if at.is_due:
        return Leave("timed_out")
    return Stay(after(at.now, span(at.config["timeout"]), at.world.zone(at.one)))


def has_happened(world: Any, one: Enrollment, step: Step, now: datetime) -> bool:
    """Whether what a step waits for has happened since somebody came there, in time."""
    config = step.config
    if "filter" in config:
        return bool(world.asks(one, config["filter"], now))

    def counts(recorded_at: datetime, occurred_at: datetime) -> bool:
        in_time = one.due_at is None or recorded_at <= one.due_at
        came = one.arrived_at or now
        return came < recorded_at <= now and occurred_at <= now and in_time

    return any(
        counts(recorded_at, occurred_at) and fits(config.get("where"), told)
        for recorded_at, occurred_at, told in candidates(one, config)
    )


def candidates(one: Enrollment, config: dict[str, Any]) -> list[tuple[datetime, datetime, Any]]:
    """Return what may be what is waited for: when recorded, when occurred, what is told of it."""
    person, in_list = one.person, one.conversation.in_list
    if "event" in config:
        return [
            (event.recorded_at, event.occurred_at, event.properties)
            for event in person.events
            if event.in_list == in_list and event.name == config["event"]
        ]
    if "order" in config:
        wanted = config["order"].get("status") or []
        wanted = wanted if isinstance(wanted, list) else [wanted]
        return [
            (told_at, order.ordered_at,
             {"order_number": order.number, "status": status, "total": float(order.total)})
            for order in person.orders.values()
            for status, told_at in order.statuses
            if not wanted or status in wanted
        ]  # fmt: skip
    channel, key = ("email", "message") if "message" in config else ("sms", "sms")
    asked = config[key]
    return [
        (receipt.recorded_at, receipt.occurred_at, receipt.detail)
        for receipt in person.receipts
        if receipt.channel == channel
        and receipt.in_list == in_list
        and receipt.did == asked["did"]
        and (
            not asked.get("step")
            or (receipt.conversation, receipt.step) == (one.conversation.name, asked["step"])
        )
    ]


def fits(where: Any, told: dict[str, Any]) -> bool:
    """Whether the properties of something are as asked."""
    asked = where if isinstance(where, list) else [where] if where else []
    return all(
        Reading.value(
            Reading.__new__(Reading),
            told.get(one["name"]),
            {name: value for name, value in one.items() if name != "name"},
            kind_of({name: value for name, value in one.items() if name != "name"}),
        )
        for one in asked
    )


# --- other systems, and scripts


def run_webhook(at: At) -> Outcome:
    """Ask another system; an answer leads on, whatever it says by `next` or `failed`."""
    call = at.world.call_of(at.one)
    if call is None or not at.is_due:
        # Who is sent here again asks anew.
        at.world.calls = [one for one in at.world.calls if one is not call]
        statuses = [int(part) for part in at.config["url"].rpartition("/")[2].split("-")]
        at.world.calls.append(Call(at.one, at.one.step, at.one.visit, at.now, statuses))
        return Stay(at.now + LOOKS_AGAIN)
    if call.outcome is None:
        return Stay(at.now + LOOKS_AGAIN)
    if not 200 <= call.outcome < 300:
        return Leave("failed")
    for name in at.config.get("save_response", {}):
        at.world.write_field(at.one, name, ANSWER, at.now)
    return Leave("next")


LOOKS_AGAIN = timedelta(minutes=10)
ANSWER = "gold"


def run_code(at: At) -> Outcome:
    """Do what the script says, in Python."""
    exit_name, values = SCRIPTS[at.config["source"]](at)
    if exit_name != "failed":
        for name, value in values.items():
            at.world.write_field(at.one, name, value, at.now)
    return Leave(exit_name)


def script_by_lot(at: At) -> tuple[str, dict[str, Any]]:
    return ("low" if draw(at.one) < 5000 else "high"), {}


def script_by_points(at: At) -> tuple[str, dict[str, Any]]:
    points = at.world.read_field(at.one, "Profile.Points") or 0
    return "next", {"Profile.Note": "rich" if points > 3 else "poor"}


def script_by_thread(at: At) -> tuple[str, dict[str, Any]]:
    at.world.read_field(at.one, "Profile.Renewal")
    return ("low" if at.one.thread == "Main" else "high"), {"Profile.Renewal": None}


def script_that_fails(at: At) -> tuple[str, dict[str, Any]]:
    return "failed", {}


SCRIPTS: dict[str, Callable[[At], tuple[str, dict[str, Any]]]] = {
    "return {exit: draw < 5000 ? 'low' : 'high'}": script_by_lot,
    "return {set: {'Profile.Note': (fields['Profile.Points'] || 0) > 3 ? 'rich' : 'poor'}}": (
        script_by_points
    ),
    "return {exit: entry.thread === 'Main' ? 'low' : 'high', set: {'Profile.Renewal': null}}": (
        script_by_thread
    ),
    "return {exit: 'nowhere', set: {'Profile.Note': 'never'}}": script_that_fails,
    "return {set: {'Profile.Points': 'many'}}": script_that_fails,
    "return fields.nothing.at.all": script_that_fails,
}


# --- messages


def run_message(at: At) -> Outcome:
    """Queue an email; a refused at.one is kept with its reason, and nobody waits for it."""
    standing = at.one.person.lists[at.one.conversation.in_list]
    at.one.has_read.add(("standing", at.one.conversation.in_list))
    reason = ""
    if not at.one.person.email:
        reason = "missing address"
    elif standing.state == UNSUBSCRIBED:
        reason = "suppressed"
    elif standing.state != SUBSCRIBED:
        reason = "pending double opt-in"
    send(at.one, "email", at.one.person.email, reason, at.now)
    return Leave("next")


def run_mobile_message(at: At) -> Outcome:
    """Queue a text; a number that is none may end it."""
    named = at.config.get("phone_field")
    written = at.world.read_field(at.one, named) if named else at.one.person.phone
    written = str(written if written is not None else "").strip()
    address = e164(written)
    reason = ""
    if not written:
        reason = "missing address"
    elif not address:
        reason = "invalid address"
    else:
        reason = CONSENTS[at.world.phones.get(address)]
    send(at.one, "sms", address or written, reason, at.now)
    is_bad = reason in {"missing address", "invalid address"}
    if is_bad and at.config.get("invalid_number") == "terminate":
        return End(reason)
    return Leave("next")


CONSENTS = {
    None: "no consent for this list/purpose",
    "Subscribed": "",
    "Unsubscribed": "suppressed",
    "Pending": "pending double opt-in",
    "Age": "age gate",
}


def e164(written: str) -> str:
    """Read a number by the code's country; "" is no valid one."""
    for text in (written, f"+{written}"):
        try:
            number = phonenumbers.parse(text, "US")
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return ""


def send(one: Enrollment, channel: str, address: str, reason: str, now: datetime) -> None:
    """Keep a message, or why there is none."""
    state = "skipped" if reason else "queued"
    one.deliveries.append(Delivery(one.step, one.visit, channel, state, reason, address, now))


# --- actions


def run_action(at: At) -> Outcome:
    """Write something; what cannot be used holds."""
    name, config = next((key, value) for key, value in at.config.items())
    act: Callable[..., Outcome | None] = globals()[f"act_{name}"]
    return act(at.world, at.one, config, at.now) or Leave("next")


def act_set_field(world: Any, one: Enrollment, config: Any, now: datetime) -> Outcome | None:
    """Write a literal, nothing, or another field's value, read as the field's type."""
    value, data_type = config["value"], world.types[config["field"]]
    if isinstance(value, dict):
        source = value["from_field"]
        value = world.read_field(one, source)
        if not empty(value) and world.types[source] != data_type:
            value = read_as(data_type, value)
            if value is None:
                return Hold("value")
    elif data_type == "CheckBox" and isinstance(value, bool):
        value = "on" if value else "off"
    world.write_field(one, config["field"], value, now)
    return None


def read_as(data_type: str, value: Any) -> Any:
    """Read a text as another type; None if it is none of it."""
    text = str(value).strip()
    if data_type == "Numeric":
        found = re.fullmatch(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?|[+-]?\.\d+", text, re.ASCII)
        number = float(text.replace(",", "")) if found else None
        return int(number) if number is not None and number.is_integer() else number
    if data_type == "Date":
        american = re.fullmatch(r"(\d\d?)/(\d\d?)/(\d{4})", text)
        if american:
            text = f"{american[3]}-{int(american[1]):02}-{int(american[2]):02}"
        day = as_date(text)
        return day and day.isoformat()
    if data_type == "CheckBox":
        return {"on": "on", "true": "on", "yes": "on", "off": "off", "no": "off"}.get(text.lower())
    return text


def act_set_date(world: Any, one: Enrollment, config: Any, now: datetime) -> None:
    """Write the date of the arrival here or of the entry, moved by an offset."""
    moment = one.entered_at if config.get("of") == "entry" else now
    day = clock(moment, world.zone(one)).date()
    day = shifted_date(day, span(config.get("offset") or "P0D"))
    world.write_field(one, config["field"], day.isoformat(), now)


def act_set_difference(world: Any, one: Enrollment, config: Any, now: datetime) -> None:
    """Write how many whole days, weeks or months have passed since a date."""
    since = as_date(world.read_field(one, config["from_field"]))
    until = clock(now, world.zone(one)).date()
    number = None
    if since is not None:
        sign = 1 if until >= since else -1
        earlier, later = min(since, until), max(since, until)
        days = (later - earlier).days
        months = 0
        while shifted_date(earlier, Span(months + 1, 0, 0)) <= later:
            months += 1
        unit = config.get("unit", "days")
        number = sign * {"days": days, "weeks": days // 7, "months": months}[unit]
    world.write_field(one, config["field"], number, now)


def act_set_coupon(world: Any, one: Enrollment, config: Any, now: datetime) -> Outcome | None:
    """Write a code; which one is not told, only of which pool."""
    pool = world.pools[config["pool"]]
    today = clock(now, ZoneInfo(world.account_zone)).date()
    code = pool.fallback
    if pool.lasts:
        code = f"one of {config['pool']}" if pool.lasts[0] <= today <= pool.lasts[1] else code
    elif pool.free and (
        pool.expires is None or pool.expires >= today + timedelta(days=pool.cutoff_days)
    ):
        pool.free, pool.given = pool.free - 1, pool.given + 1
        code = f"one of {config['pool']}"
    else:
        pool.missed += 1
    world.write_field(one, config["field"], code or None, now)
    return None if code else Leave("no_code")


def act_random_group(world: Any, one: Enrollment, config: Any, now: datetime) -> None:
    """Write a group's number."""
    world.write_field(one, config["field"], 1 + draw(one) % config["groups"], now)


def act_raise_event(world: Any, one: Enrollment, name: Any, now: datetime) -> None:
    """Let an event happen to the person."""
    one.has_written.add(("event", name))
    world.happen(
        one.person, one.conversation.in_list, name, now, method="action",
        properties={}, depth=one.depth + 1, by=one,
    )  # fmt: skip


def act_subscribe(world: Any, one: Enrollment, in_list: Any, now: datetime) -> Outcome | None:
    """Put the person on a list; who has left it stays away."""
    one.has_written.add(("standing", in_list))
    one.has_read.add(("standing", in_list))
    if not one.person.email:
        return Hold("no address")
    standing = one.person.lists.get(in_list)
    # Who has left stays away; who is there already stays as it is.
    if standing is None or standing.state == PENDING:
        world.subscribe(one.person, in_list, now, method="action", depth=one.depth + 1, by=one)
    return None


def act_unsubscribe(world: Any, one: Enrollment, in_list: Any, now: datetime) -> None:
    """Take the person off a list."""
    in_list = one.conversation.in_list if in_list == "this" else in_list
    one.has_written.add(("standing", in_list))
    if in_list in one.person.lists:
        world.unsubscribe(one.person, in_list, now, method="action", depth=one.depth + 1, by=one)


def act_enroll(world: Any, one: Enrollment, config: Any, now: datetime) -> None:
    """Let the person into a thread of a conversation: its trigger is not asked."""
    target = world.conversations[config["conversation"]]
    first = next(step for step in target.live.steps.values() if step.thread == config["thread"])
    fact = Fact(
        "enroll", one.person, target.in_list, now, now,
        depth=one.depth + 1, only=first.key, by=one, told_at=now, method="action",
    )  # fmt: skip
    target.queue.append(fact)


def act_add_to_segment(world: Any, one: Enrollment, name: Any, now: datetime) -> None:
    """Put the person into a segment kept by hand."""
    one.has_written.add(("segment", name))
    world.add_member(one.person, name, now, depth=one.depth + 1, by=one)


def act_remove_from_segment(world: Any, one: Enrollment, name: Any, now: datetime) -> None:
    """Take the person out of a segment kept by hand."""
    one.has_written.add(("segment", name))
    world.remove_member(one.person, name, now, depth=one.depth + 1, by=one)


def read_by_rule(world: Any, one: Enrollment, rule: Any) -> None:
    """Note what a rule reads."""
    one.has_read |= reads(rule, one.conversation.in_list, world.segments)
