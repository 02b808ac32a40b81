"""`manage.py backup` and `restore`: every account's rows come back, under their policies."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from conductor.data_directory import CODE
from conductor.postgres.cluster import Cluster
from conductor.postgres.embedded import embedded_cluster
from conductor.postgres.sizing import temporary_settings
from conductor.postgres.temporary import temporary_cluster
from tests.platform.installation import clean_environment, make_ready

MAKE_ACCOUNTS = """
from django.utils import timezone
from accounts.actions import create_account
for name in ("Acme", "Globex"):
    create_account(name=name, owner_email=f"{name}@example.com", now=timezone.now())
"""


@pytest.fixture(scope="module")
def cluster(module_data: Path) -> Iterator[Cluster]:
    """A cluster with two accounts, whose database these tests may replace."""
    make_ready(module_data)
    started = replace(embedded_cluster(module_data), settings=temporary_settings())
    started.start()
    try:
        for arguments in (["migrate", "-v", "0"], ["shell", "-v", "0", "-c", MAKE_ACCOUNTS]):
            done = manage(started, module_data, *arguments)
            assert done.returncode == 0, done.stderr
        yield started
    finally:
        started.stop(seconds=2)


@pytest.fixture(scope="module")
def file(cluster: Cluster, module_data: Path) -> Path:
    """A backup of it."""
    path = module_data / "all.backup"
    saved = manage(cluster, module_data, "backup", str(path))
    assert saved.returncode == 0, saved.stderr
    assert json.loads(saved.stdout) == {"file": str(path), "bytes": path.stat().st_size}
    return path


def manage(cluster: Cluster, data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command on that cluster as on a PostgreSQL of one's own."""
    addresses = {"DATABASE_URL": cluster.app_url, "DATABASE_OWNER_URL": cluster.owner_url}
    return subprocess.run(
        [CODE / ".venv/bin/python", CODE / "manage.py", *arguments],
        env=clean_environment(data, measured=True) | addresses,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def unforced(cluster: Cluster) -> list[str]:
    """Return the tenant tables whose policy is not forced."""
    with psycopg.connect(cluster.owner_url) as connection:
        return [
            row[0]
            for row in connection.execute(
                "SELECT class.relname FROM pg_class AS class JOIN pg_attribute AS attribute "
                "ON attribute.attrelid = class.oid WHERE attribute.attname = 'account_id' "
                "AND class.relkind IN ('r', 'p') "
                "AND class.relnamespace = 'public'::regnamespace "
                "AND NOT (class.relrowsecurity AND class.relforcerowsecurity)"
            )
        ]


def members(cluster: Cluster) -> dict[int, int]:
    """Return how many memberships each account has, seen as the plain role sees them."""
    found = {}
    with psycopg.connect(cluster.app_url) as connection:
        for (account_id,) in connection.execute("SELECT lookup_accounts()").fetchall():
            connection.execute("SELECT set_config('app.account_id', %s, true)", [str(account_id)])
            row = connection.execute("SELECT count(*) FROM accounts_membership").fetchone()
            found[account_id] = row[0] if row else 0
    return found


class TestBackup:
    def test_comes_back_whole(self, cluster: Cluster, data: Path, file: Path) -> None:
        before = members(cluster)
        assert list(before.values()) == [1, 1]
        self.lose_rows(cluster)

        restored = manage(cluster, data, "restore", str(file))

        assert restored.returncode == 0, restored.stderr
        assert json.loads(restored.stdout)["former_database"] == "conductor_before_restore"
        assert members(cluster) == before
        assert unforced(cluster) == []
        # A database that was restored is migrated and backed up as any other.
        assert manage(cluster, data, "migrate", "-v", "0").returncode == 0
        again = file.with_name("again.backup")
        assert manage(cluster, data, "backup", str(again)).returncode == 0

    def lose_rows(self, cluster: Cluster) -> None:
        with psycopg.connect(cluster.app_url) as connection:
            for account_id in members(cluster):
                connection.execute(
                    "SELECT set_config('app.account_id', %s, true)", [str(account_id)]
                )
                connection.execute("DELETE FROM accounts_membership")

    def test_restores_into_a_new_installation(self, data: Path, file: Path) -> None:
        with temporary_cluster() as new:
            restored = manage(new, data, "restore", str(file))

            assert restored.returncode == 0, restored.stderr
            assert json.loads(restored.stdout)["former_database"] == ""
            assert list(members(new).values()) == [1, 1]

    def test_refuses_what_is_no_backup(self, cluster: Cluster, data: Path, tmp_path: Path) -> None:
        letter = tmp_path / "letter.txt"
        letter.write_text("Dear shop")

        done = manage(cluster, data, "restore", str(letter))

        assert done.returncode == 1
        assert "pg_restore failed" in done.stderr
        assert "Traceback" not in done.stderr

    def test_refuses_while_somebody_is_connected(
        self, cluster: Cluster, data: Path, file: Path
    ) -> None:
        with psycopg.connect(cluster.app_url):
            done = manage(cluster, data, "restore", str(file))

        assert done.returncode == 1
        assert "is in use" in done.stderr

    def test_wants_the_owner(self, cluster: Cluster, data: Path, tmp_path: Path) -> None:
        environment = clean_environment(data) | {"DATABASE_URL": cluster.app_url}
        done = subprocess.run(
            [CODE / ".venv/bin/python", CODE / "manage.py", "backup", tmp_path / "x"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 1
        assert "set DATABASE_OWNER_URL" in done.stderr
        assert list(tmp_path.iterdir()) == []
