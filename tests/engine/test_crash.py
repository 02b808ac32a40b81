"""A running Conductor: how soon it moves a contact, and what kill -9 amid 10,000 leaves."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from conductor.postgres.embedded import embedded_cluster
from tests.platform.installation import Installation, make_ready, manage, up

pytestmark = pytest.mark.slow

PEOPLE = 10_000
PREPARE = """
from django.utils import timezone
from accounts.actions import create_account
from accounts.tenancy import in_account
from accounts.tenancy.wake import wake
from conductor.engine.benchmarks import ground as ground_of
now = timezone.now()
account = create_account(
    name="Acme", owner_email="ada@acme.example", postal_address="1 Main Street", now=now
).account
ground = ground_of.prepare(account, now=now, size={size}, seed=1)
with in_account(account.pk):
    steps = ground_of.WINBACK.replace("P3D", "PT2S")
    conversation = ground_of.publish(ground, "Winback", steps=steps)
"""
START_ALL = """
    ground_of.raise_for_all(ground, conversation)
    wake("advance")
print(account.pk)
"""
# The first contact finds everything cold; the quickest of the others tells.
RAISE_ONE_BY_ONE = """
import time
from contacts.actions import raise_event
from contacts.models import Contact
from messaging.models import Delivery
latencies = []
with in_account(account.pk):
    people = list(Contact.objects.order_by("id"))
for person in people:
    with in_account(account.pk):
        raise_event(external_event=ground.event, contact=person, now=timezone.now(), source="api")
    committed = time.monotonic()
    queued = False
    while not queued and time.monotonic() < committed + 120:
        time.sleep(0.02)
        with in_account(account.pk):
            queued = Delivery.objects.filter(contact=person).exists()
    latencies.append(time.monotonic() - committed)
    time.sleep(1.5)
print(min(latencies[1:]))
"""
SECONDS = 240


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """A bin/up on data of its own."""
    place = Path(tempfile.mkdtemp(prefix="conductor-crash-", dir="/tmp"))
    place.chmod(0o755)
    make_ready(place / "data")
    with up(place / "data") as running:
        running.wait_until_ok()
        yield running
    shutil.rmtree(place)


def run(data: Path, program: str) -> str:
    """Run a program against the installation and return the last word it printed."""
    done = manage(data, "shell", "--no-imports", "-v", "0", "-c", program)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def count(data: Path, account_id: int, statement: LiteralString) -> int:
    """Return what a statement counts in an account, as the plain role; -1 if it cannot."""
    try:
        with psycopg.connect(embedded_cluster(data).app_url, connect_timeout=2) as connection:
            connection.execute("SELECT set_config('app.account_id', %s, true)", [str(account_id)])
            row = connection.execute(statement).fetchone()
    except psycopg.OperationalError:
        return -1
    assert row is not None
    return int(row[0])


def wait_for(data: Path, account_id: int, statement: LiteralString, least: int) -> int:
    """Wait until a statement counts `least`; return what it then counts."""
    deadline = time.monotonic() + SECONDS
    found = -1
    while time.monotonic() < deadline:
        found = count(data, account_id, statement)
        if found >= least:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{found} of {least} after {SECONDS} s: {statement}")


class TestLatency:
    def test_queues_the_first_message_at_once(self, installation: Installation) -> None:
        """Long before the minute of the schedule; how soon, `benchmark` measures."""
        installation.wait_until_ok()

        seconds = float(run(installation.data, PREPARE.format(size=4) + RAISE_ONE_BY_ONE))

        assert seconds < 20


class TestKill:
    def test_loses_and_doubles_nothing(self, installation: Installation) -> None:
        data = installation.data
        account = int(run(data, PREPARE.format(size=PEOPLE) + START_ALL))

        entered = wait_for(data, account, "SELECT count(*) FROM conversations_enrollment", 1)
        worker = installation.run["children"]["worker"]
        os.killpg(os.getpgid(worker), signal.SIGKILL)
        assert entered < PEOPLE, "It was over before the worker was killed."

        mailed = wait_for(
            data, account, "SELECT count(*) FROM messaging_delivery WHERE channel = 'email'", 1
        )
        database = embedded_cluster(data).pid()
        assert database is not None
        os.kill(database, signal.SIGKILL)
        assert mailed < PEOPLE, "It was over before the database was killed."

        wait_for(
            data,
            account,
            "SELECT count(*) FROM conversations_enrollment WHERE ended_at IS NOT NULL",
            PEOPLE,
        )

        def total(statement: LiteralString) -> int:
            return count(data, account, statement)

        assert total("SELECT count(*) FROM conversations_enrollment") == PEOPLE
        assert total("SELECT count(*) FROM contacts_intake") == 0
        assert total("SELECT count(*) FROM conversations_refusal") == 0
        assert total("SELECT count(*) FROM conversations_visit") == PEOPLE * 6
        assert (
            total("SELECT count(DISTINCT (enrollment_id, step_key)) FROM conversations_visit")
            == PEOPLE * 6
        )
        assert total("SELECT count(*) FROM messaging_delivery") == PEOPLE * 2
        assert (
            total("SELECT count(DISTINCT (enrollment_id, step_key)) FROM messaging_delivery")
            == PEOPLE * 2
        )
        assert total("SELECT count(*) FROM messaging_delivery WHERE state = 'skipped'") == 0
        # In one statement: the sender goes on while we count.
        doubled = "SELECT count(*) - count(DISTINCT delivery_id) FROM messaging_sandboxmessage"
        assert total(doubled) == 0
