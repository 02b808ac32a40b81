"""Waits: for a time, until a day, for something to happen."""

import re
from calendar import monthrange
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from tests.contacts.filters.oracle import Reading, kind_of
from tests.oracle.conversations import Enrollment, Step
from tests.oracle.outcomes import At, Leave, Outcome, Stay
from tests.oracle.times import (
    WEEKDAYS,
    after,
    anniversary,
    clock,
    instant,
    into_window,
    moment_of,
    shifted_date,
    span,
)


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
