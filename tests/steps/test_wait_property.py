"""Every way to wait, drawn: the engine's SQL against a plain reading with zoneinfo."""

# Wall-clock times are naive on purpose.

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.tenancy import sql
from conductor.conversations.document import parse_step
from conductor.conversations.names import ListNames
from conductor.engine.arrivals import StepArrivals
from conductor.engine.program import read_program
from contacts.durations import is_zone, parse_duration
from contacts.models import Contact, Subscription
from tests.engine.world import World

ACCOUNT_ZONE = "America/New_York"
# Zones whose rules are settled: PostgreSQL and Python each bring their own data.
ZONES = [
    "America/New_York",
    "Europe/London",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "America/Caracas",
    "Asia/Pyongyang",
    "Asia/Kathmandu",
    "Antarctica/Troll",
    "America/Sao_Paulo",
    "America/St_Johns",
]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTE = timedelta(minutes=1)


# The plain reading.


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks show a time: the first of two, or the end of the gap."""
    found = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    while (found - MINUTE).astimezone(zone).replace(tzinfo=None) > wall:
        found -= MINUTE
    return found


def shifted(day: date, written: str) -> date:
    """Move a day by months, its end clamped, then by days."""
    offset = parse_duration(written or "P0D", signed=True)
    year, month = divmod(day.year * 12 + day.month - 1 + offset.months, 12)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last)) + timedelta(days=offset.days)


def inside(moment: datetime, window: dict[str, Any] | None, zone: ZoneInfo) -> datetime:
    """Look at every minute until the window is open."""
    if not window:
        return moment
    days = {WEEKDAYS.index(day) for day in window.get("days") or WEEKDAYS}
    opens = time.fromisoformat(window.get("from") or "00:00")
    closes = time.fromisoformat(window["to"]) if window.get("to") else time.max
    while True:
        wall = moment.astimezone(zone).replace(tzinfo=None)
        if wall.weekday() in days and opens <= wall.time() < closes:
            return moment
        moment += MINUTE


def part_of(parts: dict[str, Any], name: str, today: date, entry: date, field: date | None) -> Any:
    """Return the number that a part stands for; None where its field is empty."""
    written = parts.get(name, "")
    if not isinstance(written, str):
        return written
    source = {"": today, "entry": entry}.get(written, field)
    return getattr(source, name) if source else None


def day_in(parts: dict[str, Any], year: int, month: int, number: int) -> date:
    """Return the day of a month that the parts ask for."""
    last = monthrange(year, month)[1]
    asked = parts.get("day")
    if not isinstance(asked, dict):
        return date(year, month, min(number, last))
    found = [
        date(year, month, day)
        for day in range(1, last + 1)
        if date(year, month, day).weekday() == WEEKDAYS.index(asked["weekday"])
    ]
    nth = len(found) if asked["nth"] == "last" else min(asked["nth"], len(found))
    return found[nth - 1]


def until_parts(
    parts: dict[str, Any], now: datetime, entered: datetime, field: date | None, zone: ZoneInfo
) -> tuple[str | None, datetime | None]:
    """Return the exit taken at once, or the due time."""
    here, entry = now.astimezone(zone), entered.astimezone(zone)
    today, began = here.date(), entry.date()
    year, month, number = (
        part_of(parts, name, today, began, field) for name in ("year", "month", "day")
    )
    if None in (year, month, number):
        return "no_date", None
    written = parts.get("time", "")
    clock = {"": here.time(), "entry": entry.time()}.get(written) or time.fromisoformat(written)
    while True:
        day = shifted(day_in(parts, year, month, number), parts.get("offset", ""))
        due = instant(datetime.combine(day, clock), zone)
        if due > now:
            return None, due
        if not parts.get("roll"):
            return "past", None
        year += 1


def until_field(
    until: dict[str, Any], now: datetime, field: date | None, zone: ZoneInfo
) -> tuple[str | None, datetime | None]:
    """Return the exit taken at once, or the due time."""
    here = now.astimezone(zone)
    if field is None:
        return "no_date", None
    day = shifted(field, until.get("offset", ""))
    if until.get("year") == "next_occurrence":
        year = here.year - 7
        while True:
            last = monthrange(year, field.month)[1]
            day = shifted(date(year, field.month, min(field.day, last)), until.get("offset", ""))
            if day >= here.date():
                break
            year += 1
    if day < here.date():
        return "past", None
    clock = time.fromisoformat(until["at"]) if until.get("at") else here.time()
    return None, instant(datetime.combine(day, clock), zone)


def expected(
    wait: dict[str, Any], now: datetime, entered: datetime, field: date | None, zone: ZoneInfo
) -> tuple[str | None, datetime | None]:
    """Return the exit taken at once, or the due time."""
    leave: str | None = None
    due: datetime | None
    if "for" in wait:
        length = parse_duration(wait["for"])
        due = now
        if length.months or length.days:
            wall = now.astimezone(zone).replace(tzinfo=None)
            months = f"P{length.months}M" if length.months else ""
            day = shifted(wall.date(), months) + timedelta(days=length.days)
            due = instant(datetime.combine(day, wall.time()), zone)
        due += timedelta(seconds=length.seconds)
    elif "until" in wait:
        due = instant(datetime.fromisoformat(wait["until"]), zone)
        leave = "past" if due <= now else None
    elif "until_field" in wait:
        leave, due = until_field(wait["until_field"], now, field, zone)
    else:
        leave, due = until_parts(wait["until_parts"], now, entered, field, zone)
    if leave or due is None:
        return leave, None
    due = inside(max(due, now), wait.get("window"), zone)
    return ("next", None) if due <= now else (None, due)


# What is drawn: whole minutes around the days when clocks are moved make gaps and folds likely.

MOMENTS = st.builds(
    lambda year, month, day, minute: (
        datetime(year, month, 1, tzinfo=UTC) + timedelta(days=day, minutes=minute)
    ),
    st.integers(1972, 2032),
    st.sampled_from([1, 2, 3, 4, 5, 8, 9, 10, 11, 12]),
    st.integers(0, 30),
    st.integers(0, 1439),
)
CLOCKS = st.builds("{:02}:{:02}".format, st.sampled_from([0, 1, 2, 3, 9, 23]), st.integers(0, 59))
OFFSETS = st.sampled_from(["", "-P4W", "P10D", "P1M", "-P1Y2M3D", "P0D", "-P1D"])
DAYS = st.dates(date(1972, 1, 1), date(2034, 12, 31))
FIELD = "Profile.Renewal"


def given_parts(**parts: Any) -> Any:
    """Draw a mapping with some of the keys; an empty text is no key."""
    return st.fixed_dictionaries({}, optional=parts).map(
        lambda drawn: {key: value for key, value in drawn.items() if value not in ("", None)}
    )


HOURS: list[dict[str, str]] = [
    {},
    {"from": "09:00", "to": "17:00"},
    {"from": "01:30", "to": "02:30"},
    {"from": "02:15"},
    {"to": "01:10"},
]
WINDOWS = st.none() | st.builds(
    lambda days, hours: {**days, **hours},
    given_parts(days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True)),
    st.sampled_from(HOURS),
)
NUMBERS = st.builds(
    lambda months, days, minutes: (
        f"P{months}M{days}DT{minutes}M" if months + days + minutes else "PT1M"
    ),
    st.sampled_from([0, 0, 1, 5, 12, 13]),
    st.sampled_from([0, 1, 7, 31]),
    st.sampled_from([0, 0, 30, 1440]),
)
WAITS = (
    st.fixed_dictionaries({"for": NUMBERS})
    | st.fixed_dictionaries(
        {"until": st.builds(lambda day, clock: f"{day}T{clock}:00", DAYS, CLOCKS)}
    )
    | st.fixed_dictionaries(
        {
            "until_field": given_parts(
                offset=OFFSETS, at=CLOCKS, year=st.sampled_from(["same", "next_occurrence"])
            ).map(lambda drawn: {"field": FIELD, **drawn})
        }
    )
    | st.fixed_dictionaries(
        {
            "until_parts": given_parts(
                day=st.integers(1, 31)
                | st.just(FIELD)
                | st.fixed_dictionaries(
                    {
                        "nth": st.sampled_from([1, 2, 4, 5, "last"]),
                        "weekday": st.sampled_from(WEEKDAYS),
                    }
                ),
                month=st.integers(1, 12) | st.sampled_from(["entry", FIELD]),
                year=st.integers(1972, 2034) | st.sampled_from(["entry", FIELD]),
                roll=st.booleans(),
                time=CLOCKS | st.just("entry"),
                offset=OFFSETS,
            ).filter({"day", "month", "year"}.intersection)
        }
    )
)


def run(
    world: World, person: Subscription, wait: dict[str, Any], now: datetime, entered: datetime
) -> tuple[str | None, datetime | None]:
    """Let the person arrive at the wait; return the exit and the due time."""
    step = parse_step({"key": "pause", "wait": wait})
    names = ListNames(world.in_list)
    assert step.type.problems(step.config, names) == []
    compiled = {
        "triggers": [],
        "steps": {"pause": {"kind": "wait", "settings": step.type.compile(step.config, names)}},
    }
    for table in ("enrolled", "arrivals"):
        sql.execute(sql.statement("conductor.engine", f"create_{table}"))
        sql.execute(f"DELETE FROM {table}")
    ids = {"subscription_id": person.pk, "contact_id": person.contact_id}
    sql.execute(
        "INSERT INTO enrolled (id, conversation_id, version_id, list_id, subscription_id, "
        "contact_id, entry_number, entry_kind, entry_thread, entry_method, entry_properties, "
        "depth, entered_at, is_new) VALUES (1, 1, 1, 1, %(subscription_id)s, %(contact_id)s, 1, "
        "'', '', '', '{}', 0, %(entered)s, TRUE)",
        entered=entered,
        **ids,
    )
    sql.execute(
        "INSERT INTO arrivals (enrollment_id, version_id, subscription_id, contact_id, is_new, "
        "wave, step_key, visit_number, visit_counts, arrived_at, is_due) VALUES (1, 1, "
        "%(subscription_id)s, %(contact_id)s, TRUE, 1, 'pause', 1, '{}', %(now)s, FALSE)",
        now=now,
        **ids,
    )
    arrivals = StepArrivals(
        program=read_program(1, 1, compiled),
        step_key="pause",
        wave=1,
        now=now,
        account_zone=ACCOUNT_ZONE,
    )
    step.type.execute(arrivals)
    found = sql.fetch_all("SELECT exit, due_at FROM arrivals")
    leave, due = found[0]
    return leave, due


@pytest.fixture
def person(world: World) -> Subscription:
    """Somebody whose zone and date are drawn."""
    somebody: Subscription = world.person()
    return somebody


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    wait=WAITS,
    window=WINDOWS,
    now=MOMENTS,
    before=st.integers(0, 100_000),
    field=DAYS | st.none(),
    zone=st.sampled_from([*ZONES, "Mars/Base", ""]),
    whose=st.sampled_from(["contact", "step", "account"]),
)
# The last Sunday of a month without rest; the fifth that is not there.
@example(
    wait={"until_parts": {"day": {"nth": 5, "weekday": "sun"}, "month": 2, "roll": True}},
    window=None,
    now=datetime(2026, 11, 18, 12, tzinfo=UTC),
    before=0,
    field=None,
    zone="UTC",
    whose="account",
)
# A leap day's anniversary, 28 February in a common year, within a window on Mondays.
@example(
    wait={"until_field": {"field": FIELD, "year": "next_occurrence", "at": "02:30"}},
    window={"days": ["mon"]},
    now=datetime(2025, 2, 28, 23, tzinfo=UTC),
    before=5,
    field=date(2000, 2, 29),
    zone="America/St_Johns",
    whose="contact",
)
# Samoa left out 30 December 2011.
@example(
    wait={"for": "P1D"},
    window=None,
    now=datetime(2011, 12, 29, 22, tzinfo=UTC),
    before=0,
    field=None,
    zone="Pacific/Apia",
    whose="step",
)
def test_every_wait_is_what_it_says(
    world: World,
    person: Subscription,
    wait: dict[str, Any],
    window: dict[str, Any] | None,
    now: datetime,
    before: int,
    field: date | None,
    zone: str,
    whose: str,
) -> None:
    entered = now - timedelta(minutes=before)
    if window:
        wait = {**wait, "window": window}
    if whose == "contact" or (whose == "step" and is_zone(zone)):
        wait = {**wait, "time_zone": zone if whose == "step" else "contact"}
    Contact.objects.filter(pk=person.contact_id).update(time_zone=zone)
    profile = {str(world.fields["Renewal"].pk): field.isoformat()} if field else {}
    Subscription.objects.filter(pk=person.pk).update(profile=profile)
    local = zone if wait.get("time_zone") and is_zone(zone) else ACCOUNT_ZONE

    found = run(world, person, wait, now, entered)

    assert found == expected(wait, now, entered, field, ZoneInfo(local))
