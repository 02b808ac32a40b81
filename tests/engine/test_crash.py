"""A running Conductor, and what kill -9 amid 5,000 contacts leaves."""

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

PEOPLE = 5_000
# Where the machine let all be over before there was anything to kill, it is done anew.
ATTEMPTS = 5
BEGIN = """
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
    ground_of.raise_for_all(ground, conversation)
    wake("advance")
print(account.pk)
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
        with psycopg.connect(embedded_cluster(data).app_url, connect_timeout=30) as connection:
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


class TestKill:
    def test_loses_and_doubles_nothing(self, installation: Installation) -> None:
        for _ in range(ATTEMPTS):
            account = int(run(installation.data, BEGIN.format(size=PEOPLE)))
            was_amid = self.kill_amid(installation, account)
            self.look_at(installation.data, account)
            if was_amid:
                return
        raise AssertionError("It was always over before anything was killed.")

    def kill_amid(self, installation: Installation, account: int) -> bool:
        """Kill the worker, then the database; say whether there was work left for both."""
        data = installation.data
        entered = wait_for(data, account, "SELECT count(*) FROM conversations_enrollment", 1)
        worker = installation.run["children"]["worker"]
        os.killpg(os.getpgid(worker), signal.SIGKILL)

        mailed = wait_for(
            data, account, "SELECT count(*) FROM messaging_delivery WHERE channel = 'email'", 1
        )
        database = embedded_cluster(data).pid()
        assert database is not None
        os.kill(database, signal.SIGKILL)
        return entered < PEOPLE and mailed < PEOPLE

    def look_at(self, data: Path, account: int) -> None:
        """Wait until all have come to the end; count what there is of each."""
        wait_for(
            data,
            account,
            "SELECT count(*) FROM conversations_enrollment WHERE ended_at IS NOT NULL",
            PEOPLE,
        )

        def total(statement: LiteralString) -> int:
            return wait_for(data, account, statement, 0)

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
