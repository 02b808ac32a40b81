"""The oldest PostgreSQL that Conductor runs on: Debian's 15, where it is installed."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from conductor.data_directory import CODE
from conductor.postgres.temporary import temporary_cluster
from tests.platform.installation import clean_environment

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
# What must hold on every server: accounts apart, and a conversation from its file to its
# messages. Both migrate first.
STORIES = ["tests/accounts/test_tenancy.py", "tests/conversations/test_running.py"]


@pytest.mark.slow
@pytest.mark.skipif(not PROGRAMS.exists(), reason="PostgreSQL 15 is not installed here")
class TestPostgres15:
    def test_tells_the_same_story(self, data: Path) -> None:
        """Migrate and run the tests of a whole conversation again, on this server."""
        with temporary_cluster(PROGRAMS) as cluster:
            with psycopg.connect(cluster.app_url) as connection:
                assert connection.info.server_version // 10000 == 15
            environment = clean_environment(data) | {
                "DATABASE_URL": cluster.app_url,
                "DATABASE_OWNER_URL": cluster.owner_url,
                "CONDUCTOR_SECRET_KEY": cluster.kept.secret_key,
                "CONDUCTOR_ENCRYPTION_KEY": cluster.kept.encryption_key,
            }
            python = str(CODE / ".venv/bin/python")
            done = subprocess.run(
                [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, STORIES)],
                cwd=CODE,
                env=environment,
                capture_output=True,
                text=True,
                timeout=400,
                check=False,
            )

        assert done.returncode == 0, done.stdout[-8000:]
        assert " passed" in done.stdout
