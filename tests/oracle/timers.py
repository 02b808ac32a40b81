"""What a tick looks at before the facts: segments that people entered or left, yearly dates."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.acts import Acts
from tests.oracle.conversations import Conversation, Step, Version
from tests.oracle.people import Fact, Person
from tests.oracle.rules import Asked
from tests.oracle.things import Segment
from tests.oracle.times import anniversary, clock, instant, shifted_date, span
from tests.oracle.waits import as_date


class UndefinedOrderError(Exception):
    """Two enrollments of one person met in one tick: the page gives them no order."""


@dataclass
class Alarm:
    """The day on which a yearly date next lets somebody in; at what instant its zone says."""

    conversation: Conversation
    step: Step
    person: Person
    day: date


class Timers(Acts):
    """Segments and yearly dates."""

    def __init__(self, *, zone: str, types: dict[str, str]) -> None:
        super().__init__(zone=zone, types=types)
        self.alarms: dict[tuple[str, str, str], Alarm] = {}

    def publish(self, conversation: Conversation, structure: dict[str, Any], now: datetime) -> None:
        """Put a file live: from now on its segments are watched, its dates set."""
        former = conversation.versions[-1] if conversation.versions else None
        conversation.publish(structure, self.segments)
        self._forget_segments()
        for step in conversation.live.triggers:
            if "segment" in step.config:
                self._watch_segment(conversation, step, former, now)
        self._set_alarms(conversation, former, now)

    # --- segments

    def _forget_segments(self) -> None:
        """Keep no segment up to date that no live version starts by."""
        started = {
            step.config["segment"]["name"]
            for one in self.conversations.values()
            if one.versions
            for step in one.live.triggers
            if "segment" in step.config
        }
        for segment in self.segments.values():
            segment.is_tracked = segment.is_tracked and segment.name in started

    def _watch_segment(
        self, conversation: Conversation, step: Step, former: Version | None, now: datetime
    ) -> None:
        wanted = step.config["segment"]
        segment = self.segments[wanted["name"]]
        if segment.rule is not None and not segment.is_tracked:
            segment.members = {one.name for one in self._inside(segment, now)}
        segment.is_tracked = True
        known = [
            one.config["segment"]["name"]
            for one in (former.triggers if former else [])
            if one.key == step.key and one.config.get("segment", {}).get("include_existing")
        ]
        if wanted.get("include_existing") and wanted["name"] not in known:
            for name in sorted(segment.members):
                conversation.queue.append(
                    Fact(
                        "segment_entered", self.people[name], segment.in_list, now, now,
                        name=segment.name, only=step.key, told_at=now,
                    )
                )  # fmt: skip

    def _inside(self, segment: Segment, now: datetime) -> list[Person]:
        """Return whom a segment's rule holds for."""
        return [
            person
            for person in self.people.values()
            if segment.in_list in person.lists
            and Asked(
                person=person, in_list=segment.in_list, types=self.types, now=now,
                zone=self.account_zone, account_zone=self.account_zone, segments=self.segments,
            ).rule(segment.rule or {})
        ]  # fmt: skip

    def segment_moves(self, now: datetime) -> list[tuple[Segment, Person, str]]:
        """Return who entered or left a segment since it was last asked."""
        moves = []
        for segment in self.segments.values():
            if segment.rule is None or not segment.is_tracked:
                continue
            inside = {one.name for one in self._inside(segment, now)}
            for name in sorted(inside ^ segment.members):
                way = "entered" if name in inside else "left"
                moves.append((segment, self.people[name], way))
        return moves

    def keep_segments(self, now: datetime) -> None:
        """Tell who entered or left a segment."""
        moves = self.segment_moves(now)
        for segment, person, way in moves:
            segment.members ^= {person.name}
            self.tell(
                f"segment_{way}", person, segment.in_list, now,
                name=segment.name, depth=person.touched_depth,
            )  # fmt: skip
        people = [id(person) for _, person, _ in moves]
        if len(set(people)) < len(people):
            raise UndefinedOrderError
        for person in self.people.values():
            person.touched_depth = 0

    # --- yearly dates

    def erase(self, person: Person, now: datetime) -> None:
        """Forget somebody's dates, too."""
        super().erase(person, now)
        self.alarms = {key: one for key, one in self.alarms.items() if one.person is not person}

    def tell(self, kind: str, person: Person, in_list: str, now: datetime, **more: Any) -> None:
        """Set alarms anew when their date changes."""
        super().tell(kind, person, in_list, now, **more)
        if kind not in {"profile_updated", "added"}:
            return
        for conversation, step in self._date_triggers(in_list):
            if kind == "added" or step.config["date"]["field"] in more["fields"]:
                self._set_alarm(conversation, step, person, now)

    def _date_triggers(self, in_list: str) -> list[tuple[Conversation, Step]]:
        return [
            (conversation, step)
            for conversation in self.conversations.values()
            if conversation.in_list == in_list and conversation.versions
            for step in conversation.live.triggers
            if "date" in step.config
        ]

    def _set_alarms(
        self, conversation: Conversation, former: Version | None, now: datetime
    ) -> None:
        live = {step.key: step for step in conversation.live.triggers if "date" in step.config}
        same_zone = former is not None and former.setting("time_zone") == conversation.live.setting(
            "time_zone"
        )
        for key in [key for key in self.alarms if key[0] == conversation.name]:
            if key[1] not in live:
                del self.alarms[key]
        for step in live.values():
            before = former.steps.get(step.key) if former and same_zone else None
            is_same = (
                before is not None
                and isinstance(before.config, dict)
                and before.config.get("date") == step.config["date"]
            )
            for person in self.people.values():
                if conversation.in_list in person.lists and not is_same:
                    self._set_alarm(conversation, step, person, now)

    def _set_alarm(
        self, conversation: Conversation, step: Step, person: Person, now: datetime
    ) -> None:
        """Find the first instant after now."""
        key = (conversation.name, step.key, person.name)
        self.alarms.pop(key, None)
        zone = self._alarm_zone(conversation, person)
        for day in self._days(conversation, step, person, clock(now, zone).date()):
            alarm = Alarm(conversation, step, person, day)
            if self.due(alarm) > now:
                self.alarms[key] = alarm
                return

    def _days(
        self, conversation: Conversation, step: Step, person: Person, around: date
    ) -> list[date]:
        """Return the days of the years around one, the offset added."""
        config = step.config["date"]
        found = as_date(person.lists[conversation.in_list].profile.get(config["field"]))
        if found is None:
            return []
        offset = span(config.get("offset") or "P0D")
        years = range(around.year - 6, around.year + 8)
        return sorted({shifted_date(anniversary(found, year), offset) for year in years})

    def _alarm_zone(self, conversation: Conversation, person: Person) -> ZoneInfo:
        return self.zone_of(person, conversation.live.setting("time_zone", "account"))

    def due(self, alarm: Alarm) -> datetime:
        """Return the instant of an alarm."""
        at = time.fromisoformat(alarm.step.config["date"].get("at") or "00:00")
        zone = self._alarm_zone(alarm.conversation, alarm.person)
        return instant(datetime.combine(alarm.day, at), zone)

    def due_alarms(self, now: datetime) -> list[Alarm]:
        """Return the alarms whose time has come."""
        return [
            alarm
            for alarm in self.alarms.values()
            if not alarm.conversation.is_paused and self.due(alarm) <= now
        ]

    def ring(self, now: datetime) -> None:
        """Let in by the date; a day that is over is passed over."""
        for alarm in self.due_alarms(now):
            zone = self._alarm_zone(alarm.conversation, alarm.person)
            if clock(now, zone).date() == alarm.day:
                alarm.conversation.queue.append(
                    Fact(
                        "date", alarm.person, alarm.conversation.in_list, now, self.due(alarm),
                        only=alarm.step.key, told_at=now, role="trigger",
                        properties={"date": alarm.day.isoformat()},
                    )
                )  # fmt: skip
            key = (alarm.conversation.name, alarm.step.key, alarm.person.name)
            del self.alarms[key]
            for day in self._days(alarm.conversation, alarm.step, alarm.person, alarm.day):
                if day > alarm.day:
                    self.alarms[key] = Alarm(alarm.conversation, alarm.step, alarm.person, day)
                    break

    def zone_of(self, person: Person, name: str) -> ZoneInfo:
        """Return a zone by what a file calls it."""
        if name == "contact":
            name = person.time_zone or "account"
        return ZoneInfo(self.account_zone if name == "account" else name)
