"""Actions: what a step writes, and what cannot be written."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.conversations import Enrollment
from tests.oracle.outcomes import At, Hold, Leave, Outcome, draw
from tests.oracle.people import PENDING, Fact, empty
from tests.oracle.times import Span, clock, shifted_date, span
from tests.oracle.waits import as_date


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
    """Write a code, of a pool of single ones another each time; which one does not matter."""
    pool = world.pools[config["pool"]]
    today = clock(now, ZoneInfo(world.account_zone)).date()
    code = pool.fallback
    if pool.lasts:
        code = f"{config['pool']}-all" if pool.lasts[0] <= today <= pool.lasts[1] else code
    elif pool.free and (
        pool.expires is None or pool.expires >= today + timedelta(days=pool.cutoff_days)
    ):
        pool.free, pool.given = pool.free - 1, pool.given + 1
        code = f"{config['pool']}-{pool.free}"
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
