"""Callers: side by side, fair, killed; slow and hostile servers hold up nobody else."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from accounts.models import Account
from accounts.outgoing import Request
from accounts.tenancy import in_account, lookups
from conductor.conversations.actions import pause_conversation, resume_conversation
from conductor.conversations.models import Call, Conversation, Enrollment
from conductor.engine import calls
from conductor.engine.calls import SLOTS_OF_STEP, Caller
from conductor.engine.requests import MOST_ATTEMPTS, Claimed, claim
from tests.engine import other_side as behaviour
from tests.engine.other_side import Names, OtherSide, answer, other_side
from tests.engine.world import World
from tests.mother import Mother

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 2 * SLOTS_OF_STEP
# Whose end must not be waited for; all others have as long as a webhook may take.
ENDLESS = ("/dead", "/never", "/drip_head", "/drip_body")
CALLER = Path(__file__).with_name("dying_caller.py")


@pytest.fixture
def shop(settings: Any) -> Iterator[OtherSide]:
    """The other side, which the deployment allows as shop.example."""
    settings.OUTGOING_ALLOW = ["shop.example"]
    with other_side() as server:
        yield server


@pytest.fixture
def names() -> Names:
    """The names that there are."""
    return Names({"shop.example": [["127.0.0.1"]]})


def queue(account: Account, shop: OtherSide, now: datetime, *paths: str, people: int = 1) -> World:
    """Have people of an account wait for calls: one conversation a path, so many in each."""
    with in_account(account.pk):
        world = World(now)
        for path in paths:
            url = f"http://shop.example:{shop.port}{path}"
            world.live(
                f"{{key: call, webhook: {{url: '{url}', timeout: {patience(path)}}}}}\n"
                "{key: rest, wait: {for: P1D}}"
            )
        world.happen(*[world.person() for _ in range(people)])
        world.tick()
    return world


def patience(path: str) -> str:
    """Return for how long an answer is waited for."""
    return "PT1S" if path in ENDLESS else "PT30S"


def states(account: Account) -> dict[str, int]:
    """Count an account's calls by their state."""
    with in_account(account.pk):
        return dict(Counter(Call.objects.values_list("state", flat=True)))


def stepped(caller: Caller, until: Callable[[], bool]) -> None:
    """Let a caller work until something is so, for some minutes at most."""
    end = time.monotonic() + 180
    while time.monotonic() < end and not until():
        caller.step()


class TestCallingAccounts:
    def test_are_those_with_calls_to_make_longest_waiting_first(
        self, acme: Account, globex: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        queue(globex, shop, now - timedelta(minutes=2), "/", people=3)
        queue(acme, shop, now - timedelta(minutes=1), "/", people=2)

        early = lookups.calling_accounts(now=now - timedelta(seconds=90), most=5)
        late = lookups.calling_accounts(now=now, most=5)
        Caller(clock=lambda: now, resolver=names).make_all()

        assert (early, late) == ([globex.pk], [globex.pk, acme.pk])
        assert lookups.calling_accounts(now=now, most=5) == []

    def test_are_not_those_whose_calls_wait_for_a_resume(
        self, acme: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        queue(acme, shop, now, "/paused", "/")
        with in_account(acme.pk):
            paused = Conversation.objects.earliest("pk")
            pause_conversation(conversation=paused, now=now)
        caller = Caller(clock=lambda: now, resolver=names)

        caller.make_all()
        meanwhile = states(acme), lookups.calling_accounts(now=now, most=5)
        with in_account(acme.pk):
            paused.refresh_from_db()
            resume_conversation(conversation=paused, now=now)
        caller.make_all()

        assert meanwhile == ({"queued": 1, "done": 1}, [])
        assert states(acme) == {"done": 2}


class TestMake:
    def test_comes_to_an_outcome_whatever_cannot_be_read(
        self, acme: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        # A field that the claim did not find: a fault of ours, as any other would be.
        claimed = Claimed(
            account_id=acme.pk,
            call_id=1,
            version_id=1,
            step_key="call",
            attempts=1,
            claimed_at=now,
            key="1-1-call-1",
            settings={"save": [{"field_id": 1, "name": "Profile.Note", "pointer": ""}]},
            fields={},
            request=Request("POST", f"http://shop.example:{shop.port}/"),
        )

        outcome = calls.start(claimed, names).result(timeout=120)

        assert outcome == {"status": 200, "error": "the answer cannot be read"}


class TestWriteDown:
    def test_lets_the_others_go_on_where_one_outcome_cannot_be_stored(
        self, acme: Account, shop: OtherSide, now: datetime
    ) -> None:
        queue(acme, shop, now, "/", people=5)
        claimed = claim(acme.pk, now=now, most=9, each=9, full=[])
        good: dict[str, Any] = {"status": 200}

        calls.write_down(
            acme.pk,
            [
                (one, {**good, "error": "\0"} if place == 3 else good)
                for place, one in enumerate(claimed)
            ],
            now=now,
        )

        assert states(acme) == {"done": 4, "failed": 1}
        with in_account(acme.pk):
            failed = Call.objects.get(state="failed")
            assert (failed.pk, failed.outcome) == (
                claimed[3].call_id,
                {"error": "the answer cannot be kept"},
            )
            assert Enrollment.objects.filter(due_at=now).count() == 5


class TestCaller:
    def test_makes_calls_side_by_side(
        self, acme: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        together = threading.Barrier(8, timeout=120)

        def wait_for_seven_others(handler: Any) -> None:
            together.wait()
            answer()(handler)

        shop.behaviours["/"] = wait_for_seven_others
        queue(acme, shop, now, "/", people=16)

        Caller(clock=lambda: now, resolver=names).make_all()

        assert states(acme) == {"done": 16}

    def test_is_not_stopped_by_a_server_that_never_answers(
        self, acme: Account, globex: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        shop.behaviours["/dead"] = behaviour.never
        queue(acme, shop, now - timedelta(hours=1), "/dead", "/alive", people=PEOPLE)
        queue(globex, shop, now, "/alive", people=3)
        caller = Caller(clock=lambda: now, resolver=names)

        stepped(caller, lambda: states(globex) == {"done": 3})
        stepped(caller, lambda: states(acme).get("done") == PEOPLE)

        assert states(globex) == {"done": 3}
        assert states(acme)["done"] == PEOPLE
        assert "failed" not in states(acme)
        under_way = Counter(one.account_id for one in caller.under_way.values())
        assert set(under_way) <= {acme.pk}
        assert under_way[acme.pk] <= SLOTS_OF_STEP
        shop.over.set()
        caller.finish(seconds=120)

    def test_ends_slow_and_endless_answers_and_lets_the_contact_go_on(
        self, acme: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        for name in ("never", "drip_head", "drip_body", "huge", "hang_up", "rubbish", "break_off"):
            shop.behaviours[f"/{name}"] = getattr(behaviour, name)
        paths = list(shop.behaviours)
        at = now
        world = queue(acme, shop, now, *paths)
        for minutes in (0, 1, 4, 20):
            at += timedelta(minutes=minutes)
            Caller(clock=lambda: at, resolver=names).make_all()  # noqa: B023 - called here

        with in_account(acme.pk):
            outcomes = {
                call.outcome.get("error", "done") for call in Call.objects.filter(state="failed")
            }
            assert states(acme) == {"done": 2, "failed": 5}
            world.tick(at)
            assert set(Enrollment.objects.values_list("step_key", flat=True)) == {"rest"}
        assert outcomes == {
            "no answer: no answer in time",
            "no answer: the connection was refused or closed",
            "no answer: the connection broke",
        }

    def test_calls_nothing_inside_even_when_its_name_turns(
        self, acme: Account, shop: OtherSide, now: datetime
    ) -> None:
        rebinding = Names({"evil.example": [["192.88.99.1"], ["127.0.0.1"]]})
        with in_account(acme.pk):
            world = World(now)
            url = f"http://evil.example:{shop.port}/"
            world.live(f"{{key: call, webhook: {{url: '{url}', timeout: PT1S}}}}")
            world.happen(world.person())
            world.tick()

        for minutes in (0, 1):
            at = now + timedelta(minutes=minutes)
            Caller(clock=lambda: at, resolver=rebinding).make_all()  # noqa: B023 - called here

        with in_account(acme.pk):
            assert Call.objects.get().outcome == {
                "error": "not called: the address is not on the public internet"
            }
        assert shop.heard == []

    def test_runs_until_it_is_told_to_stop(
        self, acme: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        stop = threading.Event()
        caller = Caller(clock=lambda: now, resolver=names)
        thread = threading.Thread(target=caller.run, args=[stop], daemon=True)
        thread.start()
        queue(acme, shop, now, "/", people=3)

        for _ in range(2400):
            if states(acme) == {"done": 3}:
                break
            time.sleep(0.05)
        stop.set()
        thread.join(120)

        assert not thread.is_alive()
        assert states(acme) == {"done": 3}

    def test_forgets_what_was_over_long_ago_and_nobody_waits_for(
        self, acme: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        world = queue(acme, shop, now, "/a", "/b")
        Caller(clock=lambda: now, resolver=names).make_all()
        with in_account(acme.pk):
            enrollment = Enrollment.objects.order_by("id")[0]
            Enrollment.objects.exclude(pk=enrollment.pk).update(ended_at=now)

        calls.forget_calls(now + timedelta(days=29))
        assert states(acme) == {"done": 2}
        calls.forget_calls(now + timedelta(days=31))

        assert states(acme) == {"done": 1}
        with in_account(acme.pk):
            world.tick(now + timedelta(days=31))
            assert Enrollment.objects.get(pk=enrollment.pk).step_key == "rest"

    def test_shares_the_work_with_another_and_makes_no_call_twice(
        self, acme: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        queue(acme, shop, now, "/", people=60)

        def work() -> None:
            try:
                Caller(clock=lambda: now, resolver=names).make_all()
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)

        assert states(acme) == {"done": 60}
        keys = [heard.headers["Idempotency-Key"] for heard in shop.heard]
        assert len(keys) == len(set(keys)) == 60


class TestKilled:
    @pytest.mark.parametrize(
        ("point", "calls_before", "calls_after"),
        [("claimed", 0, 4), ("called", 4, 8), ("written", 4, 4)],
    )
    def test_calls_again_after_its_lease_with_the_same_keys(
        self,
        acme: Account,
        shop: OtherSide,
        names: Names,
        mother: Mother,
        point: str,
        calls_before: int,
        calls_after: int,
    ) -> None:
        now = datetime.now(UTC)
        world = queue(acme, shop, now - timedelta(seconds=1), "/", people=4)

        code, said = mother.run(CALLER.read_text(), point)
        assert code == -signal.SIGKILL, said
        assert len(shop.heard) == calls_before
        later = datetime.now(UTC)
        Caller(clock=lambda: later + timedelta(seconds=60), resolver=names).make_all()
        assert len(shop.heard) == calls_before
        Caller(clock=lambda: later + timedelta(seconds=121), resolver=names).make_all()

        assert len(shop.heard) == calls_after
        keys = Counter(heard.headers["Idempotency-Key"] for heard in shop.heard)
        assert len(keys) == 4
        with in_account(acme.pk):
            attempts = set(Call.objects.values_list("attempts", flat=True))
            assert attempts == {1 if point == "written" else 2}
            world.tick(later + timedelta(seconds=121))
            assert set(Enrollment.objects.values_list("step_key", flat=True)) == {"rest"}

    def test_four_times_gives_up_so_that_the_contact_goes_on(
        self, acme: Account, shop: OtherSide, names: Names, now: datetime
    ) -> None:
        world = queue(acme, shop, now, "/")
        at = now
        for _ in range(MOST_ATTEMPTS):
            claim(acme.pk, now=at, most=1, each=1, full=[])
            at += timedelta(minutes=3)

        Caller(clock=lambda: at, resolver=names).make_all()

        assert shop.heard == []
        with in_account(acme.pk):
            assert Call.objects.get().outcome == {"error": "no answer: the caller died"}
            world.tick(at)
            assert set(Enrollment.objects.values_list("step_key", flat=True)) == {"rest"}
