"""Giving a coupon code: whom, which, how often, and what when there is none."""

import threading
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from accounts.actions import InvalidValueError
from accounts.models import Account
from accounts.tenancy import in_account, sql
from conductor.conversations.actions.rehearsing import Start, start_rehearsal
from conductor.conversations.models import Tally
from conductor.engine.tick import run_tick
from conductor.steps.action.set_coupon import EXPIRY
from contacts.models import ProfileField
from messaging.actions.coupons import create_pool, update_pool
from messaging.models import CouponCode, CouponPool
from tests.engine.world import World
from tests.steps.acting import act, profile_of, run

GIVE = act("set_coupon: {pool: Welcome, field: Profile.Note}")


def fill(pool: CouponPool, *codes: str, **given: Any) -> None:
    """Put codes into a pool."""
    CouponCode.objects.bulk_create(CouponCode(pool=pool, code=code, **given) for code in codes)


def counted() -> list[tuple[str, str, int]]:
    """Return what was only counted, by step."""
    return list(Tally.objects.values_list("step_key", "name", "total"))


@pytest.fixture
def pool(world: World) -> CouponPool:
    """An empty pool of unique codes."""
    return create_pool(name="Welcome", now=world.now)


@pytest.fixture
def seasons(world: World) -> CouponPool:
    """An empty pool of static codes."""
    return create_pool(name="Welcome", kind="static", now=world.now)


class TestUniqueCodes:
    def test_go_to_one_visit_each(self, world: World, pool: CouponPool) -> None:
        fill(pool, *[f"K{number}" for number in range(20)])
        world.live(GIVE)
        people = [world.person() for _ in range(12)]

        run(world, *people)

        given = [profile_of(world, person)["Note"] for person in people]
        assert len(set(given)) == 12
        for person, code in zip(people, given, strict=True):
            row = CouponCode.objects.get(code=code)
            assert (row.handed_at, row.contact_id, row.enrollment_id, row.step_key) == (
                world.now,
                person.contact_id,
                world.place(person).pk,
                "act",
            )
        assert CouponCode.objects.filter(handed_at=None).count() == 8

    def test_are_seen_by_the_next_step(self, world: World, pool: CouponPool) -> None:
        fill(pool, "ONLY")
        world.live(f"{GIVE}\n{{key: ask, filter: {{field: Profile.Note, is: ONLY}}}}")
        grace = world.person()

        run(world, grace)

        assert world.path(grace) == [
            "start>next",
            "act>next",
            "ask>next",
            "end>end",
            "(terminated)",
        ]

    def test_run_out(self, world: World, pool: CouponPool) -> None:
        fill(pool, "ONE")
        world.live(
            "{key: act, action: {set_coupon: {pool: Welcome, field: Profile.Note}}, "
            "exits: {no_code: sorry}}\n{key: stop, terminate: {}}\n"
            "{key: sorry, action: {set_field: {field: Profile.Points, value: 1}}}"
        )
        people = [world.person(profile={"Note": "old"}) for _ in range(3)]

        run(world, *people)

        profiles = [profile_of(world, person) for person in people]
        assert sorted(map(str, profiles)) == ["{'Note': 'ONE'}", "{'Points': 1}", "{'Points': 1}"]
        exits = sorted(world.path(person)[1] for person in people)
        assert exits == ["act>next", "act>no_code", "act>no_code"]
        assert counted() == [("act", "no coupon code: the pool is used up", 2)]

    def test_give_way_to_the_fallback(self, world: World, pool: CouponPool) -> None:
        update_pool(pool=pool, now=world.now, fallback_code="SORRY5")
        fill(pool, "ONE")
        world.live(GIVE)
        people = [world.person() for _ in range(3)]

        run(world, *people)

        given = sorted(profile_of(world, person)["Note"] for person in people)
        assert given == ["ONE", "SORRY5", "SORRY5"]
        assert {world.path(person)[1] for person in people} == {"act>next"}

    @pytest.mark.parametrize(
        ("cutoff", "last_day", "is_given"),
        [
            (0, date(2026, 11, 17), False),
            (0, date(2026, 11, 18), True),
            (7, date(2026, 11, 24), False),
            (7, date(2026, 11, 25), True),
            (7, None, True),
        ],
    )
    def test_need_days_left(
        self,
        world: World,
        pool: CouponPool,
        cutoff: int,
        last_day: date | None,
        is_given: bool,  # noqa: FBT001
    ) -> None:
        update_pool(pool=pool, now=world.now, cutoff_days=cutoff)
        fill(pool, "ONE", expires_on=last_day)
        world.live(GIVE)
        grace = world.person()

        run(world, grace)

        assert profile_of(world, grace) == ({"Note": "ONE"} if is_given else {})

    def test_go_in_the_order_in_which_they_expire(self, world: World, pool: CouponPool) -> None:
        today = world.now.date()
        fill(pool, "NEVER")
        fill(pool, "GONE", expires_on=today - timedelta(days=1))
        fill(pool, "LATE", expires_on=today + timedelta(days=9))
        fill(pool, "SOON", expires_on=today + timedelta(days=1))
        world.live(GIVE)
        people = [world.person() for _ in range(3)]

        for person in people:
            run(world, person)

        assert [profile_of(world, person)["Note"] for person in people] == ["SOON", "LATE", "NEVER"]

    def test_are_found_without_reading_those_that_have_expired(
        self, world: World, pool: CouponPool
    ) -> None:
        gone = world.now.date() - timedelta(days=1)
        fill(pool, *[f"G{number}" for number in range(20_000)], expires_on=gone)
        fill(pool, "LEFT")
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=["messaging_couponcode"])
        free = f"SELECT free.id FROM messaging_couponcode AS free WHERE free.pool_id = {pool.pk}"
        asked = (
            f"AND free.handed_at IS NULL AND {EXPIRY} >= current_date ORDER BY {EXPIRY}, free.id"
        )

        rows = sql.fetch_all(f"EXPLAIN (ANALYZE) {free} {asked} LIMIT 5")

        plan = "\n".join(row[0] for row in rows)
        assert "coupon_code_to_give" in plan
        assert "Rows Removed" not in plan

    def test_count_days_in_the_account_zone(self, world: World, pool: CouponPool) -> None:
        fill(pool, "ONE", expires_on=date(2026, 11, 18))
        world.live(GIVE)
        grace = world.person()
        # The evening of the 18th in New York.
        world.now = datetime.fromisoformat("2026-11-19T03:00:00+00:00")

        run(world, grace)

        assert profile_of(world, grace) == {"Note": "ONE"}

    def test_are_new_at_the_next_visit(self, world: World, pool: CouponPool) -> None:
        fill(pool, "ONE", "TWO")
        world.live(
            f"{GIVE}\n{{key: pause, wait: {{for: P1D}}}}\n{{key: again, go_to: {{to: act}}}}"
        )
        grace = world.person()

        run(world, grace)
        first = profile_of(world, grace)["Note"]
        world.tick(world.now + timedelta(days=1))

        assert {first, profile_of(world, grace)["Note"]} == {"ONE", "TWO"}
        visits = CouponCode.objects.order_by("visit_number").values_list("visit_number", flat=True)
        assert list(visits) == [1, 2]

    def test_stay_with_a_visit_that_is_run_again(self, world: World, pool: CouponPool) -> None:
        fill(pool, "ONE", "TWO")
        world.live(GIVE)
        grace = world.person()
        run(world, grace)
        enrollment = world.place(grace)
        type(enrollment).objects.filter(pk=enrollment.pk).update(
            ended_at=None, step_key="act", due_at=world.now, held_reason="step_error 40001"
        )
        given = profile_of(world, grace)["Note"]

        world.tick()

        assert profile_of(world, grace)["Note"] == given
        assert CouponCode.objects.filter(handed_at=None).count() == 1

    def test_of_another_pool_stay_there(self, world: World, pool: CouponPool) -> None:
        fill(create_pool(name="Other", now=world.now), "FOREIGN")
        world.live(GIVE)
        grace = world.person()

        run(world, grace)

        assert world.path(grace)[1] == "act>no_code"
        assert CouponCode.objects.get().handed_at is None


class TestStaticCodes:
    def test_are_the_days(self, world: World, seasons: CouponPool) -> None:
        fill(seasons, "PAST", starts_on=date(2026, 11, 1), ends_on=date(2026, 11, 17))
        fill(seasons, "TODAY", starts_on=date(2026, 11, 18), ends_on=date(2026, 11, 18))
        fill(seasons, "NEXT", starts_on=date(2026, 11, 19), ends_on=date(2026, 12, 18))
        world.live(GIVE)
        people = [world.person() for _ in range(3)]

        run(world, *people)

        assert {profile_of(world, person)["Note"] for person in people} == {"TODAY"}
        assert not CouponCode.objects.exclude(handed_at=None).exists()

    @pytest.mark.parametrize(
        ("fallback", "exit_name", "profile"),
        [("", "no_code", {}), ("SORRY5", "next", {"Note": "SORRY5"})],
    )
    def test_may_be_over(
        self,
        world: World,
        seasons: CouponPool,
        fallback: str,
        exit_name: str,
        profile: dict[str, str],
    ) -> None:
        update_pool(pool=seasons, now=world.now, fallback_code=fallback)
        fill(seasons, "PAST", starts_on=date(2026, 11, 1), ends_on=date(2026, 11, 17))
        world.live(GIVE)
        grace = world.person(profile={"Note": "old"})

        run(world, grace)

        assert world.path(grace)[1] == f"act>{exit_name}"
        assert profile_of(world, grace) == profile
        why = [("act", "no coupon code: none is valid today", 1)]
        assert counted() == ([] if fallback else why)


class TestPool:
    def test_that_is_off_gives_nothing_at_all(self, world: World, pool: CouponPool) -> None:
        update_pool(pool=pool, now=world.now, is_active=False, fallback_code="SORRY5")
        fill(pool, "ONE")
        world.live(GIVE)
        grace = world.person(profile={"Note": "old"})

        run(world, grace)

        assert world.path(grace)[1] == "act>no_code"
        assert profile_of(world, grace) == {}
        assert CouponCode.objects.get().handed_at is None
        assert counted() == [("act", "no coupon code: the pool is not active", 1)]

    def test_that_is_gone_holds(self, world: World, pool: CouponPool) -> None:
        world.live(GIVE)
        grace = world.person()
        pool.delete()

        run(world, grace)

        assert world.place(grace).held_reason == "the coupon pool is gone"

    def test_whose_field_is_gone_holds_and_keeps_its_codes(
        self, world: World, pool: CouponPool
    ) -> None:
        fill(pool, "ONE")
        world.live(GIVE)
        grace = world.person()
        ProfileField.objects.filter(pk=world.fields["Note"].pk).delete()

        run(world, grace)

        assert world.place(grace).held_reason == "the field is gone"
        assert CouponCode.objects.get().handed_at is None


@pytest.mark.django_db(transaction=True)
class TestTwoConnections:
    def test_never_hand_out_one_code_twice(self, acme: Account, now: datetime) -> None:
        with in_account(acme.pk):
            world = World(now)
            pool = create_pool(name="Welcome", now=now)
            fill(pool, *[f"K{number:03}" for number in range(60)])
            world.live(f"{{key: pause, wait: {{for: P1D}}}}\n{GIVE}")
            world.happen(*[world.person() for _ in range(60)])
        with in_account(acme.pk):
            run_tick(now=now, limit=1000)
        later, failures = now + timedelta(days=1), []
        ready = threading.Barrier(3)

        def tick() -> None:
            try:
                ready.wait(120)
                for _ in range(4):
                    with in_account(acme.pk):
                        run_tick(now=later, limit=5)
            except Exception as failure:
                failures.append(failure)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=tick, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)

        assert failures == []
        with in_account(acme.pk):
            handed = CouponCode.objects.exclude(handed_at=None)
            assert handed.count() == 60
            assert len(set(handed.values_list("enrollment_id", flat=True))) == 60
            field = str(world.fields["Note"].pk)
            profiles = world.in_list.subscriptions.values_list("profile", flat=True)
            assert len({profile[field] for profile in profiles}) == 60


class TestRehearsal:
    @pytest.mark.parametrize(
        ("codes", "fallback", "shown"),
        [(["REAL"], "", "TEST-CODE"), ([], "ALL10", "ALL10"), ([], "", None)],
    )
    def test_shows_a_code_that_is_none_and_keeps_the_pool(
        self, world: World, pool: CouponPool, codes: list[str], fallback: str, shown: str | None
    ) -> None:
        fill(pool, *codes)
        update_pool(pool=pool, now=world.now, fallback_code=fallback)
        grace = world.person()

        test_run = start_rehearsal(
            conversation=world.live(GIVE),
            emails=[grace.contact.email],
            speed="full",
            write_to_own=False,
            start=Start(),
            now=world.now,
        )
        world.tick()

        test_run.refresh_from_db()
        own = test_run.rehearsal.get("state", {}).get(str(grace.contact_id), {"profile": {}})
        assert own["profile"].get(str(world.fields["Note"].pk)) == shown
        assert "Note" not in profile_of(world, grace)
        assert not CouponCode.objects.exclude(handed_at=None).exists()


class TestName:
    def test_that_somebody_takes_at_this_moment_is_refused(self, world: World) -> None:
        def take_first(execute: Any, text: Any, *rest: Any) -> Any:
            if str(text).startswith('INSERT INTO "messaging_couponpool"'):
                execute(text, *rest)
            return execute(text, *rest)

        with (
            connections["default"].execute_wrapper(take_first),
            pytest.raises(InvalidValueError) as refused,
        ):
            create_pool(name="Taken", now=world.now)

        assert refused.value.field == "name"
