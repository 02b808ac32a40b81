"""The oldest PostgreSQL that Conductor runs on: Debian's 15, where it is installed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from conductor.data_directory import CODE
from conductor.postgres.cluster import Cluster
from conductor.postgres.temporary import temporary_cluster
from tests.platform.installation import clean_environment

PROGRAMS = Path("/usr/lib/postgresql/15/bin")

pytestmark = pytest.mark.skipif(not PROGRAMS.exists(), reason="PostgreSQL 15 is not installed here")

TWO_ACCOUNTS = """
from django.utils import timezone
from accounts.actions import create_account
for name in ("Acme", "Globex"):
    create_account(name=name, owner_email=f"{name}@example.com", now=timezone.now())
"""


@pytest.fixture(scope="module")
def cluster(module_data: Path) -> Iterator[Cluster]:
    """A migrated cluster of version 15."""
    with temporary_cluster(PROGRAMS) as started:
        run(started, module_data, "migrate", "-v", "0")
        yield started


def run(cluster: Cluster, data: Path, *arguments: str) -> str:
    """Run a command of manage.py on it and return what it printed."""
    addresses = {"DATABASE_URL": cluster.app_url, "DATABASE_OWNER_URL": cluster.owner_url}
    done = subprocess.run(
        [CODE / ".venv/bin/python", CODE / "manage.py", *arguments],
        env=clean_environment(data) | addresses,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# What must hold on every server: accounts apart, and a conversation from its file to its
# messages.
STORIES = ["tests/accounts/test_tenancy.py", "tests/conversations/test_running.py"]


class TestPostgres15:
    def test_tells_the_same_story(self, cluster: Cluster, module_data: Path) -> None:
        """Run the tests of a whole conversation again, on this server."""
        environment = clean_environment(module_data) | {
            "DATABASE_URL": cluster.app_url,
            "DATABASE_OWNER_URL": cluster.owner_url,
            "CONDUCTOR_SECRET_KEY": cluster.kept.secret_key,
            "CONDUCTOR_ENCRYPTION_KEY": cluster.kept.encryption_key,
        }
        done = subprocess.run(
            [CODE / ".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *STORIES],
            cwd=CODE,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

        assert done.returncode == 0, done.stdout[-8000:]
        assert " passed" in done.stdout

    def test_migrates_and_keeps_accounts_apart(self, cluster: Cluster, module_data: Path) -> None:
        run(cluster, module_data, "shell", "-v", "0", "-c", TWO_ACCOUNTS)

        with psycopg.connect(cluster.app_url) as connection:
            assert connection.info.server_version // 10000 == 15
            rows = connection.execute("SELECT lookup_accounts()").fetchall()
            assert len(rows) == 2
            first, second = sorted(row[0] for row in rows)
            count = "SELECT count(*) FROM accounts_membership"
            assert connection.execute(count).fetchone() == (0,)
            connection.execute("SELECT set_config('app.account_id', %s, true)", [str(first)])
            assert connection.execute(count).fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(
                    "INSERT INTO accounts_list (account_id, name, from_name, from_email, "
                    "created_at) VALUES (%s, 'x', 'x', 'x@example.com', now())",
                    [second],
                )
