"""
kill -9 at random, and everybody ends where the oracle says: nothing twice, nothing lost.

Four workers on two clusters move people over a real embedded database. CI kills ten times amid
1,000 people; `bin/test --kills 100` a hundred times amid 20,000.
"""

import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from conductor.postgres.embedded import embedded_cluster
from tests.crash.killing import Killer, SecondCluster, pause
from tests.engine.other_side import OtherSide, answer, other_side
from tests.platform.installation import (
    Installation,
    clean_environment,
    make_ready,
    manage,
    up,
)

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("CONDUCTOR_KILLS", "10"))
PEOPLE = int(os.environ.get("CONDUCTOR_KILL_PEOPLE", "1000"))
SEED = int(os.environ.get("CONDUCTOR_KILL_SEED", "1"))
# How long nothing may come of the work before it counts as stuck.
SECONDS = 240
# Whoever has something to do within the hour, or is held; facts and messages on their way.
BUSY = """
    SELECT
        (
            SELECT count(*)
            FROM conversations_enrollment AS enrollment
            WHERE
                enrollment.ended_at IS NULL
                AND (
                    enrollment.due_at IS NULL
                    OR enrollment.due_at < statement_timestamp() + interval '1 hour'
                )
        )
        + (SELECT count(*) FROM contacts_intake)
        + (
            SELECT count(*)
            FROM messaging_delivery AS delivery
            WHERE delivery.state IN ('queued', 'sending')
        )
        + (SELECT count(*) FROM contacts_segmenttouch)
        + (
            SELECT count(*)
            FROM conversations_alarm AS alarm
            WHERE alarm.due_at < statement_timestamp() + interval '1 hour'
        )
"""


@pytest.fixture
def shop() -> Iterator[OtherSide]:
    """The other side of webhooks, which nobody kills."""
    with other_side() as shop:
        shop.behaviours["/200"] = answer(200, b'{"tier": "gold"}')
        yield shop


@pytest.fixture
def installation(shop: OtherSide) -> Iterator[Installation]:
    """A bin/up on data of its own, which may call the shop."""
    place = Path(tempfile.mkdtemp(prefix="conductor-kills-", dir="/tmp"))
    place.chmod(0o755)
    make_ready(place / "data")
    allowed = {"CONDUCTOR_OUTGOING_ALLOW": f"localhost:{shop.port}"}
    with up(
        place / "data", environment={**clean_environment(place / "data"), **allowed}
    ) as running:
        running.wait_until_ok()
        yield running
    shutil.rmtree(place)


@pytest.fixture
def second(installation: Installation) -> Iterator[SecondCluster]:
    """Another cluster of two workers."""
    cluster = SecondCluster(installation.data)
    cluster.start()
    yield cluster
    cluster.stop()


def call(data: Path, what: str) -> str:
    """Call something of the ground inside the installation, again until it was not killed."""
    program = (
        "from django.utils.timezone import now; from tests.crash import ground; "
        f"print('->', ground.{what})"
    )
    deadline = time.monotonic() + SECONDS
    while True:
        done = manage(data, "shell", "--no-imports", "-v", "0", "-c", program)
        if done.returncode == 0:
            return done.stdout.partition("-> ")[2].strip()
        assert time.monotonic() < deadline, done.stderr
        time.sleep(1)


def busy(data: Path, account_id: int) -> int | None:
    """Return how much is still to be done; None if the database is away."""
    try:
        with psycopg.connect(embedded_cluster(data).app_url, connect_timeout=30) as connection:
            connection.execute("SELECT set_config('app.account_id', %s, true)", [str(account_id)])
            row = connection.execute(BUSY).fetchone()
    except psycopg.OperationalError:
        return None
    assert row is not None
    return int(row[0])


def work_off(installation: Installation, account_id: int, killer: Killer, kills: int) -> None:
    """Kill so often while there is work, then wait for the end of it."""
    least, deadline = None, time.monotonic() + SECONDS
    while True:
        left = busy(installation.data, account_id)
        if left == 0:
            return
        if left is not None and (least is None or left < least):
            least, deadline = left, time.monotonic() + SECONDS
        assert time.monotonic() < deadline, (
            f"{left} left, killed {Counter(killer.done)}\n{installation.log.read_text()[-5000:]}"
        )
        if len(killer.done) < kills:
            pause(killer.chance)
            if killer.kill():
                deadline = time.monotonic() + SECONDS
        else:
            time.sleep(0.3)


def test_everybody_ends_where_the_oracle_says(
    installation: Installation, second: SecondCluster, shop: OtherSide
) -> None:
    data = installation.data
    account_id = int(call(data, f"prepare({PEOPLE}, now=now(), port={shop.port})"))
    killer = Killer(installation, second, random.Random(SEED))

    turns = 0
    while turns == 0 or len(killer.done) < KILLS:
        turns += 1
        for half, name in enumerate(("Order Imported", "Cart")):
            call(data, f"raise_for_all({account_id}, {name!r}, {turns}, now=now())")
            # Some are left for the second half, where those who wait are woken.
            kills = KILLS - KILLS // 4 if half == 0 else KILLS
            work_off(installation, account_id, killer, kills)
    verdict = call(data, f"judge({account_id}, {turns})")
    visits = int(call(data, f"called({account_id})"))
    calls = Counter(heard.headers["Idempotency-Key"] for heard in shop.heard)

    assert verdict == f"agreed {PEOPLE}", (verdict, Counter(killer.done))
    # Each visit has asked at least once, always under the one name; again after a death only.
    assert len(calls) == visits > 0, (len(calls), calls.total(), visits)
