"""Turns, tasks and the pulse: who is served when, and what a crash leaves."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError
from django_q.models import OrmQ

from accounts.models import Account, Heartbeat
from accounts.tenancy import in_account
from conductor.conversations.models import Conversation, Enrollment, Turn, Version
from conductor.engine import pulse as pulses
from conductor.engine import tasks, turns
from conductor.engine import tick as ticks
from conductor.engine.pulse import Pulse, workers
from messaging.models import Delivery
from tests.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)


BYE = "{key: bye, message: {saved_message: We miss you}}"


@pytest.fixture
def grace(acme: Account, now: datetime) -> Any:
    """A contact of acme for whom an event waits in the queue."""
    with in_account(acme.pk):
        world = World(now)
        world.live(
            "{key: hello, message: {saved_message: We miss you}}\n{key: pause, wait: {for: P3D}}"
        )
        person = world.person(email="grace@mail.example")
        world.happen(person)
    OrmQ.objects.all().delete()
    return person


def waiting() -> list[str]:
    """Return the tasks that wait in the queue."""
    return [str(queued.func()) for queued in OrmQ.objects.order_by("pk")]


def clock() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class TestServe:
    def test_runs_a_tick_and_wakes_the_sender(
        self, acme: Account, grace: Any, now: datetime
    ) -> None:
        done = turns.serve(acme.pk, now=now)

        assert done is not None
        assert done.entered == 1
        with in_account(acme.pk):
            assert Delivery.objects.get().state == "queued"
            assert Turn.objects.values_list("attempts", "served_at").get() == (0, now)
        assert waiting() == ["messaging.tasks.send"]

    def test_leaves_an_attempt_behind_when_the_tick_fails(
        self, acme: Account, grace: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turns, "run_tick", _fail)
        monkeypatch.setattr(turns, "run_part", _fail)

        for attempt in range(1, turns.MOST_ATTEMPTS + 1):
            with pytest.raises(ZeroDivisionError):
                turns.serve(acme.pk, now=now)
            # Another worker does not take for dead what has only just begun.
            assert turns.serve(acme.pk, now=now) is None
            now += turns.BEGINNING
            with in_account(acme.pk):
                assert Turn.objects.get().attempts == attempt

        assert turns.serve(acme.pk, now=now) is None
        monkeypatch.undo()
        later = turns.serve(acme.pk, now=now + turns.PAUSE)
        assert later is not None
        assert later.entered == 1

    def test_finds_the_step_whose_message_is_gone(self, acme: Account, now: datetime) -> None:
        with in_account(acme.pk):
            world = World(now)
            world.live("{key: pause, wait: {for: P1D}}\n" + BYE)
            sound = world.live("{key: pause, wait: {for: P1D}}")
            # PostgreSQL refuses its delivery at the commit.
            version = Version.objects.order_by("pk").first()
            assert version is not None
            version.program["steps"]["bye"]["settings"]["committed_id"] = 0
            version.save()
            world.happen(world.person(), world.person())
        turns.serve(acme.pk, now=now)
        moment = now + timedelta(days=1)
        with pytest.raises(IntegrityError):
            turns.serve(acme.pk, now=moment)

        assert turns.serve(acme.pk, now=moment + turns.BEGINNING) is not None

        with in_account(acme.pk):
            held = Enrollment.objects.filter(version=version).values_list("step_key", "held_reason")
            assert list(held) == [("bye", "step_error the message is gone")] * 2
            assert (
                Enrollment.objects.filter(conversation=sound, end_reason="terminated").count() == 2
            )
            assert Turn.objects.get().attempts == 0

    @pytest.mark.parametrize("waits", [True, False])
    def test_sets_aside_what_fails_again_and_again(
        self, acme: Account, now: datetime, monkeypatch: pytest.MonkeyPatch, *, waits: bool
    ) -> None:
        with in_account(acme.pk):
            world = World(now)
            world.live(("{key: pause, wait: {for: P1D}}\n" if waits else "") + BYE)
            world.happen(world.person())
        if waits:
            turns.serve(acme.pk, now=now)
        moment = now + timedelta(days=1)
        if waits:
            with in_account(acme.pk):
                world.now = moment
                world.happen(world.person())
        # Whoever has a message to write fails when it is written.
        monkeypatch.setattr(ticks, "write_deliveries", _fail)
        for attempt in range(turns.TO_SET_ASIDE):
            moment += turns.PAUSE if attempt >= turns.MOST_ATTEMPTS else turns.BEGINNING
            with pytest.raises(ZeroDivisionError):
                turns.serve(acme.pk, now=moment)
        assert turns.serve(acme.pk, now=moment) is None

        turns.serve(acme.pk, now=moment + turns.PAUSE)

        with in_account(acme.pk):
            held = list(Enrollment.objects.values_list("held_reason", flat=True))
            assert held + world.refusals() == ["tick failed"]
            assert world.queued() == (1 if waits else 0)
            assert Turn.objects.get().attempts == turns.MOST_ATTEMPTS - 2

    def test_takes_up_less_after_each_failure(
        self, acme: Account, grace: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limits: list[int] = []
        monkeypatch.setattr(turns, "pace_of", lambda _account: turns.Pace(limit=1024))

        def note_and_fail(*, limit: int, **_more: Any) -> Any:
            limits.append(limit)
            return _fail()

        monkeypatch.setattr(turns, "run_tick", note_and_fail)
        monkeypatch.setattr(turns, "run_part", note_and_fail)

        for attempt in range(turns.TO_SET_ASIDE):
            now += turns.PAUSE if attempt >= turns.MOST_ATTEMPTS else turns.BEGINNING
            with pytest.raises(ZeroDivisionError):
                turns.serve(acme.pk, now=now)

        assert limits == [1024, 1024, 1024, 64, 4, 1, 1]


class TestAdvance:
    def test_serves_every_account_with_work(
        self, acme: Account, globex: Account, grace: Any, now: datetime
    ) -> None:
        with in_account(globex.pk):
            world = World(now)
            world.live("{key: hello, message: {saved_message: We miss you}}")
            world.happen(world.person())

        assert tasks.advance() == 2

        for account in (acme, globex):
            with in_account(account.pk):
                assert Enrollment.objects.count() == 1

    def test_passes_over_an_account_whose_tick_fails(
        self,
        acme: Account,
        globex: Account,
        grace: Any,
        now: datetime,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with in_account(globex.pk):
            world = World(now)
            world.live("{key: hello, message: {saved_message: We miss you}}")
            world.happen(world.person())
        serve = turns.serve
        monkeypatch.setattr(
            tasks,
            "serve",
            lambda account_id, *, now: (
                _fail() if account_id == acme.pk else serve(account_id, now=now)
            ),
        )

        assert tasks.advance() == 1

        with in_account(globex.pk):
            assert Enrollment.objects.count() == 1

    def test_enqueues_itself_when_the_second_is_over_and_work_is_left(
        self, acme: Account, grace: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "TASK_SECONDS", 0.0)

        tasks.advance()

        assert "conductor.engine.tasks.advance" in waiting()

    def test_leaves_paused_conversations_alone(
        self, acme: Account, grace: Any, now: datetime
    ) -> None:
        with in_account(acme.pk):
            Conversation.objects.update(paused_at=now)

        assert tasks.advance() == 0

        with in_account(acme.pk):
            Conversation.objects.update(paused_at=None)
        assert tasks.advance() == 1

    def test_leaves_benchmark_accounts_alone(self, acme: Account, grace: Any) -> None:
        with in_account(acme.pk):
            assert Account.objects.filter(pk=acme.pk).update(is_benchmark=True) == 1

        assert tasks.advance() == 0


class TestPulse:
    def test_wakes_a_worker_when_work_waits(self, grace: Any) -> None:
        pulse = Pulse(clock=clock)

        pulse.beat(now=clock())

        assert waiting() == ["conductor.engine.tasks.advance"]

    def test_keeps_as_many_tasks_queued_as_there_are_workers(self, grace: Any) -> None:
        pulse = Pulse(clock=clock)

        for _ in range(5):
            pulse.beat(now=clock())

        assert waiting() == ["conductor.engine.tasks.advance"] * workers()

    def test_is_silent_when_nothing_waits(self, acme: Account) -> None:
        Pulse(clock=clock).beat(now=clock())

        assert waiting() == []

    def test_signs_every_five_seconds(self, acme: Account, now: datetime) -> None:
        pulse = Pulse(clock=clock)

        for seconds in (0, 1, 4, 5, 6):
            pulse.beat(now=now + timedelta(seconds=seconds))

        assert Heartbeat.objects.get(part="pulse").beat_at == now + timedelta(seconds=5)

    def test_goes_on_after_a_beat_that_the_database_missed(
        self, acme: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stop = threading.Event()
        beats: list[datetime] = []

        def miss_once(_pulse: Pulse, *, now: datetime) -> None:
            beats.append(now)
            if len(beats) == 1:
                raise DatabaseError("the server closed the connection")
            stop.set()

        monkeypatch.setattr(Pulse, "beat", miss_once)
        monkeypatch.setattr(pulses, "SECONDS", 0.01)

        Pulse(clock=clock).run(stop)

        assert len(beats) == 2

    def test_runs_the_daily_tasks_once_a_day_each(self, acme: Account, now: datetime) -> None:
        ran: list[datetime] = []
        pulse = Pulse(clock=clock, daily=[ran.append, lambda now: _fail()])

        for moment in (now, now + timedelta(hours=1), now + timedelta(days=1)):
            beat_once(pulse, moment)

        assert ran == [now, now + timedelta(days=1)]

    def test_beats_on_while_a_task_of_the_clock_takes_its_time(
        self, acme: Account, now: datetime
    ) -> None:
        began, answered = threading.Event(), threading.Event()
        ran: list[datetime] = []

        def mail(at: datetime) -> None:
            ran.append(at)
            began.set()
            answered.wait(120)

        pulse = Pulse(clock=clock, minutely=[mail])
        for seconds in (0, 60, 61):
            pulse.beat(now=now + timedelta(seconds=seconds))
            assert began.wait(120)
        assert Heartbeat.objects.get(part="pulse").beat_at == now + timedelta(seconds=60)
        assert ran == [now]

        answered.set()
        assert pulse.beside is not None
        pulse.beside.join(120)
        beat_once(pulse, now + timedelta(seconds=62))

        assert ran == [now, now + timedelta(seconds=62)]

    def test_begins_again_what_a_lost_database_kept_from_beginning(
        self, acme: Account, now: datetime
    ) -> None:
        ran: list[str] = []

        def lose(_now: datetime) -> None:
            ran.append("lost")
            raise DatabaseError("the server closed the connection")

        pulse = Pulse(clock=clock, daily=[lose, lambda _now: ran.append("kept")])
        for seconds in (0, 1, 2):
            beat_once(pulse, now + timedelta(seconds=seconds))

        assert ran == ["lost", "kept"]


def beat_once(pulse: Pulse, now: datetime) -> None:
    """Beat, and wait for what the clock wanted."""
    pulse.beat(now=now)
    if pulse.beside is not None:
        pulse.beside.join(120)


def _fail(*_anything: Any, **_named: Any) -> Any:
    return 1 / 0
