"""The engine's statements use their indexes, as the plain role, under the policies."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from accounts.tenancy import sql
from conductor.conversations.models import Enrollment, Version
from conductor.engine import endings, triggers
from conductor.engine.faults import FIRST, LAST
from conductor.engine.intake import COMING_BACK
from conductor.engine.tallies import FALLBACKS
from tests import crowds
from tests.engine.world import World

# By whichever of the two unique indexes that hold it.
BY_ID = re.compile(
    r"Index (?:Only )?Scan using \w+ on contacts_contact\b[^\n]*\n\s+Index Cond: [^\n]*\bid = "
)

PEOPLE = 20_000
TABLES = [
    "contacts_contact",
    "contacts_subscription",
    "contacts_intake",
    "conversations_enrollment",
]
# What a tick asks of enrollments.
HOT = ("live_conversations", "claim_due", "take_facts", "update_enrollments")
REFILLED = ["contacts_intake", "conversations_enrollment"]
# Half of the enrollments are due, ten facts are queued, the others' places are taken.
FILL = (
    crowds.PEOPLE,
    crowds.ON_LIST,
    """
    INSERT INTO conversations_enrollment (
        conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
        entry_kind, entry_thread, entry_method, entry_properties, depth, entered_at, step_key,
        visit_number, visit_counts, arrived_at, due_at, held_reason, end_reason
    )
    SELECT
        %(conversation_id)s, %(version_id)s, list_id, id, contact_id, 1, 'external_event',
        'Main', '', '{}', 0, %(now)s, 'pause', 1, '{}', %(now)s,
        %(now)s::timestamptz + (row_number() OVER () - %(size)s / 2) * interval '1 minute', '', ''
    FROM contacts_subscription
    """,
    """
    INSERT INTO contacts_intake (
        conversation_id, kind, external_event_id, contact_id, subscription_id, occurred_at,
        recorded_at, method, properties, depth
    )
    SELECT
        %(conversation_id)s, 'external_event', %(event_id)s, contact_id, id, %(now)s, %(now)s,
        '', '{}', 0
    FROM contacts_subscription
    """,
)

# Half of the deliveries are put off.
PUT_OFF = """
    INSERT INTO messaging_delivery (
        channel, list_id, address, state, reason, enrollment_id, thread, step_key, visit_number,
        event_properties, is_transactional, is_test, resend_unknown, queued_at, not_before,
        claimed_by, provider, provider_message_id
    )
    SELECT
        'email', %(list_id)s, '', CASE WHEN n * 2 > %(size)s THEN 'deferred' ELSE 'sent' END, '', n,
        'Main', 'hello', 1, '{}', FALSE, FALSE, FALSE, %(now)s, %(now)s, '', '', ''
    FROM generate_series(1, %(size)s) AS n
"""


def fill(world: World, statements: Sequence[str]) -> None:
    """Write the crowd's rows."""
    version = Version.objects.get()
    for statement in statements:
        sql.execute(
            statement,
            size=PEOPLE,
            now=world.now,
            list_id=world.in_list.pk,
            conversation_id=version.conversation_id,
            version_id=version.pk,
            event_id=world.event.pk,
        )
    sql.execute("SET CONSTRAINTS ALL IMMEDIATE")


def told(tables: list[str]) -> dict[str, float]:
    """Return how many rows the planner takes each table for."""
    return dict(
        sql.fetch_all(
            "SELECT relname, reltuples FROM pg_class WHERE relname = any(%(tables)s)",
            tables=tables,
        )
    )


@pytest.fixture
def crowd(world: World) -> World:
    """Twenty thousand people inside a conversation, with a fact queued for each."""
    world.live("{key: pause, wait: {for: P1D}}")
    world.tick()
    fill(world, FILL)
    sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
    # One tick makes the temporary tables; the fixture's own rows are none of its work.
    for table in ("enrolled", "arrivals", "outbox", "facts"):
        sql.execute(sql.statement("conductor.engine", f"create_{table}"))
    return world


def plan(name: str, **params: Any) -> str:
    """Return the plan of one of the engine's statements as text."""
    return plan_of(sql.statement("conductor.engine", name), **params)


def plan_of(statement: str, **params: Any) -> str:
    """Return the plan of a statement as text."""
    rows = sql.fetch_all(f"EXPLAIN {statement}", **params)
    return "\n".join(row[0] for row in rows)


class TestMisjudged:
    def test_tables_are_looked_at_before_they_are_read(self, crowd: World) -> None:
        """Found empty, and full again: the planner takes them for one row until it is told."""
        for table in reversed(REFILLED):
            sql.execute(f"DELETE FROM {table}")
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=REFILLED)
        fill(crowd, FILL[2:])
        assert told(REFILLED) == dict.fromkeys(REFILLED, 0)

        crowd.tick(limit=10)

        assert all(rows > PEOPLE / 2 for rows in told(REFILLED).values())

    def test_tables_are_let_alone_where_there_are_few(self, crowd: World) -> None:
        for table in reversed(REFILLED):
            sql.execute(f"DELETE FROM {table}")
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=REFILLED)

        crowd.tick(limit=10)

        assert told(REFILLED) == dict.fromkeys(REFILLED, 0)


class TestPlans:
    def test_claim_walks_along_the_due_index(self, crowd: World) -> None:
        conversation_id = Version.objects.get().conversation_id

        found = plan("claim_due", conversation_ids=[conversation_id], shares=[1000], now=crowd.now)

        assert "Index Scan using enrollment_due" in found
        assert "Seq Scan on conversations_enrollment" not in found

    def test_shares_are_counted_along_the_queues(self, crowd: World) -> None:
        ids = [Version.objects.get().conversation_id]

        found = plan(
            "waiting", due_ids=ids, queued_ids=ids, now=crowd.now, each_due=50, each_queued=50
        )

        assert "enrollment_due" in found
        assert "intake_in_order" in found
        assert "Seq Scan" not in found

    def test_looking_for_work_is_two_probes(self, crowd: World) -> None:
        found = plan("live_conversations", now=crowd.now)

        assert "enrollment_due" in found
        assert "intake_in_order" in found
        for table in ("contacts_intake", "conversations_enrollment"):
            assert f"Seq Scan on {table}" not in found

    def test_intake_walks_along_the_queue_and_probes_the_rest(self, crowd: World) -> None:
        conversation = {
            "conversation_id": Version.objects.get().conversation_id,
            "share": 500,
            "list_id": crowd.in_list.pk,
            "reentry": "once",
            "zone": "account",
            "is_expired": False,
        }

        found = plan(
            "take_facts",
            now=crowd.now,
            conversations=json.dumps([conversation]),
            triggers="[]",
            account_zone="America/New_York",
            crowd=16,
            passed_over=[],
        )

        assert "intake_in_order" in found
        assert "enrollment_entry_number_once" in found
        for table in ("contacts_intake", "contacts_subscription", "conversations_enrollment"):
            assert f"Seq Scan on {table}" not in found

    def test_flush_finds_each_enrollment_by_its_key(self, crowd: World) -> None:
        sql.execute(
            """
            INSERT INTO arrivals (
                enrollment_id, version_id, subscription_id, contact_id, is_new, wave, step_key,
                visit_number, visit_counts, arrived_at, is_due, exit
            )
            SELECT
                id, version_id, subscription_id, contact_id, FALSE, 1, 'end', 1, '{}', entered_at,
                FALSE, 'end'
            FROM conversations_enrollment
            LIMIT 1000
            """
        )

        found = plan("update_enrollments", now=crowd.now, exits="[]")

        assert "Seq Scan on conversations_enrollment" not in found

    def test_wakes_find_each_enrollment_by_its_key(self, crowd: World) -> None:
        found = plan("claim_known", enrollment_ids=list(range(1000)))

        assert "Seq Scan on conversations_enrollment" not in found
        assert crowd.in_list.pk

    def test_wakes_of_the_erased_find_enrollments_by_contact(self, crowd: World) -> None:
        found = plan("find_strays")

        assert "enrollment_by_contact" in found
        assert "Seq Scan on conversations_enrollment" not in found
        assert crowd.in_list.pk

    def test_what_is_put_back_is_found_among_the_tick_s_own(self, crowd: World) -> None:
        statements: dict[str, dict[str, Any]] = {
            "facts_behind_wakes": {},
            "later_facts": {},
            "put_back": {"fact_ids": [1, 2]},
            "end_by_facts": {"ending": [1]},
            "settle_woken": {"waking": "[]"},
            "count_tallies": {"now": crowd.now, "tallies": "[]"},
        }
        for name, given in statements.items():
            found = plan(name, **given)

            for table in ("contacts_intake", "contacts_subscription", "conversations_enrollment"):
                assert f"Seq Scan on {table}" not in found, name

    def test_why_somebody_is_where_they_are_is_looked_up_by_contact(self, crowd: World) -> None:
        version = Version.objects.get()
        statement = sql.statement("conductor.conversations", "explain")

        found = plan_of(
            statement,
            conversation_id=version.conversation_id,
            list_id=crowd.in_list.pk,
            contact_id=Enrollment.objects.values_list("contact_id", flat=True)[0],
            most=50,
        )

        for index in ("enrollment_by_contact", "intake_by_contact"):
            assert index in found
        for table in TABLES:
            assert f"Seq Scan on {table}" not in found

    def test_whose_zone_falls_back_is_looked_up_by_contact(self, crowd: World) -> None:
        here = {"conversation_id": Version.objects.get().conversation_id, "number": 0}
        places = {"version_id": Version.objects.get().pk}
        for people, given in (
            (triggers.ASKED_HERE, here),
            (endings.ASKED_HERE, places),
            (COMING_BACK, {"conversation_id": here["conversation_id"]}),
        ):
            asked = FALLBACKS.format(people=people, zone="zone_or(contact.time_zone, 'UTC')")

            found = plan_of(asked, first=FIRST, last=LAST, **given)

            assert BY_ID.search(found), found
            assert "Seq Scan on contacts_contact" not in found

    def test_messages_put_off_are_found_by_enrollment(self, crowd: World) -> None:
        sql.execute(PUT_OFF, list_id=crowd.in_list.pk, now=crowd.now, size=PEOPLE)
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=["messaging_delivery"])

        found = plan("skip_deferred")

        assert "delivery_once_per_visit" in found

    def test_flush_asks_for_a_subscription_only_by_its_key(self, crowd: World) -> None:
        for name, given in {
            "update_enrollments": {"now": crowd.now, "exits": "[]"},
            "insert_enrollments": {"now": crowd.now, "exits": "[]"},
            "insert_visits": {"now": crowd.now, "programs": "[]", "rehearsals": []},
        }.items():
            assert "Seq Scan on contacts_subscription" not in plan(name, **given), name

    def test_a_tick_reads_none_of_those_who_have_ended(self, crowd: World) -> None:
        """All but twenty have left; ten of those are due, ten of the others come again."""
        Enrollment.objects.filter(
            pk__in=Enrollment.objects.order_by("pk")[20:].values("pk")
        ).update(ended_at=crowd.now, due_at=None, end_reason="terminated")
        Enrollment.objects.filter(ended_at=None).update(due_at=crowd.now)
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)

        with sql.explained(*HOT) as plans:
            done = crowd.tick(limit=10)

        assert (done.claimed, done.facts) == (10, 10)
        assert plans.keys() == set(HOT)
        for name, lines in plans.items():
            found = "\n".join(lines)
            assert "Seq Scan on conversations_enrollment" not in found, name
            read = re.findall(r"on conversations_enrollment .*actual time=\S+ rows=([0-9]+)", found)
            dropped = re.findall("Rows Removed by .*: ([0-9]+)", found)
            assert all(int(rows) < 200 for rows in [*read, *dropped]), found


# Of three steps the second is full, with a hundred times as many calls as the others.
CALLS = """
    INSERT INTO conversations_call (
        enrollment_id, conversation_id, version_id, step_key, visit_number, state, attempts,
        next_at, outcome, created_at
    )
    SELECT
        n, 1, 1, CASE mod(n, 100) WHEN 0 THEN 'a' WHEN 1 THEN 'c' ELSE 'b' END, 1, 'queued', 0,
        %(now)s, '{}', %(now)s
    FROM generate_series(1, %(size)s) AS n
"""


def test_calls_are_claimed_without_reading_those_of_full_steps(world: World) -> None:
    sql.execute(CALLS, size=PEOPLE, now=world.now)
    sql.execute("SELECT refresh_statistics(%(tables)s)", tables=["conversations_call"])
    given = {
        "now": world.now,
        "lease_until": world.now,
        "most": 64,
        "each": 16,
        "full_versions": [1],
        "full_steps": ["b"],
        "attempts": 4,
    }

    with sql.explained("claim_calls") as plans:
        sql.execute(sql.statement("conductor.engine", "claim_calls"), **given)

    steps = sql.fetch_all(
        "SELECT step_key, count(*) FROM conversations_call WHERE state <> 'queued' GROUP BY 1 ORDER BY 1"
    )
    assert steps == [("a", 16), ("c", 16)]
    found = "\n".join(plans["claim_calls"])
    assert "call_by_step" in found
    assert "Rows Removed by Filter" not in found.partition("chosen")[0]
