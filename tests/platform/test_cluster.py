"""The cluster manager, on clusters of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from conductor import processes
from conductor.data_directory import CODE, made_secrets
from conductor.postgres import PostgresError
from conductor.postgres.cluster import Cluster
from conductor.postgres.embedded import embedded_cluster, joined_cluster
from conductor.postgres.temporary import temporary_cluster
from tests.platform.installation import clean_environment


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A throw-away cluster that keeps what it acknowledged."""
    with temporary_cluster() as started:
        started.stop()
        started.settings |= {"fsync": "on", "synchronous_commit": "on"}
        started.settings |= {"full_page_writes": "on"}
        started.start()
        yield started


def same(cluster: Cluster) -> Cluster:
    """Return the cluster as another process sees it: by its directory."""
    return replace(cluster, _child=None)


class TestStart:
    def test_makes_plain_roles(self, cluster: Cluster) -> None:
        with psycopg.connect(cluster.app_url) as connection:
            row = connection.execute(
                "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb FROM pg_roles "
                "WHERE rolname = current_user"
            ).fetchone()

        assert row == ("conductor_app", False, False, False)

    def test_finds_a_running_server(self, cluster: Cluster) -> None:
        other = same(cluster)

        other.start()

        assert other.pid() == cluster.pid()

    def test_trusts_nobody(self, cluster: Cluster) -> None:
        where = cluster.app_url.replace(cluster.kept.app_password, "wrong")

        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(where)

    def test_refuses_keys_of_another_cluster(self, cluster: Cluster) -> None:
        stranger = replace(cluster, kept=made_secrets(), _child=None)

        with pytest.raises(PostgresError, match="does not belong"):
            stranger.start()

    def test_refuses_another_major_version(self, cluster: Cluster) -> None:
        cluster.stop()
        (cluster.data / "PG_VERSION").write_text("17\n")

        with pytest.raises(PostgresError, match=r"written by PostgreSQL 17.*restore FILE"):
            cluster.start()

        (cluster.data / "PG_VERSION").write_text("18\n")

    def test_says_why_it_does_not_start(self, cluster: Cluster) -> None:
        cluster.stop()
        cluster.settings["wal_compression"] = "nonsense"

        with pytest.raises(PostgresError, match=r"did not start.*contains errors"):
            cluster.start()


class TestCrash:
    def test_loses_nothing_acknowledged(self, cluster: Cluster) -> None:
        pid = cluster.pid()
        assert pid is not None
        with psycopg.connect(cluster.owner_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
            for number in range(100):
                connection.execute("INSERT INTO kept VALUES (%s)", [number])
            # Our session's backend goes on for a moment after its server is gone.
            os.kill(pid, signal.SIGKILL)

        cluster.start()

        assert cluster.pid() != pid
        with psycopg.connect(cluster.owner_url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100,)

    def test_passes_over_a_zombie(self, cluster: Cluster) -> None:
        pid = cluster.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        # Nobody reaps it: another view of the cluster does not know that it is our child.
        other = same(cluster)
        while processes.is_alive(pid):
            pass
        assert Path(f"/proc/{pid}").exists()

        other.start()

        assert other.pid() not in {None, pid}
        other.stop()

    def test_passes_over_a_stranger_with_the_servers_number(self, cluster: Cluster) -> None:
        lock_file = cluster.data / "postmaster.pid"
        text = lock_file.read_text()
        cluster.stop()
        with subprocess.Popen(["sleep", "60"]) as stranger:
            lock_file.write_text(text.replace(text.split("\n")[0], str(stranger.pid), 1))
            os.chown(lock_file, cluster.data.stat().st_uid, cluster.data.stat().st_gid)

            cluster.start()

            assert cluster.pid() not in {None, stranger.pid}
            assert stranger.poll() is None
            stranger.kill()


class TestJoinedCluster:
    def test_is_started_by_the_first_and_stopped_by_the_last(self, data: Path) -> None:
        program = (
            "import sys, pathlib; from conductor.postgres.embedded import joined_cluster\n"
            "with joined_cluster(pathlib.Path(sys.argv[1])) as c: print(c.pid(), flush=True)"
        )
        users = [
            subprocess.Popen(
                [sys.executable, "-c", program, data],
                cwd=CODE,
                env=clean_environment(data),
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]

        with joined_cluster(data) as cluster:
            printed = {user.communicate(timeout=180)[0].strip() for user in users}
            # They came and went while we were in: all saw a server, none stopped ours.
            assert all(user.returncode == 0 for user in users)
            assert "" not in printed
            with psycopg.connect(cluster.app_url):
                pass

        assert embedded_cluster(data).pid() is None
