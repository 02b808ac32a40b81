"""bin/up: what it starts, what it says, what survives it."""

import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

from conductor.data_directory import CODE
from tests.platform.installation import (
    Installation,
    clean_environment,
    left_of,
    manage,
    processes_of,
    query,
    rows,
    up,
)

INSERT = (
    "INSERT INTO accounts_heartbeat (part, beat_at) "
    "SELECT 'kept ' || number, now() FROM generate_series(1, 500) AS number"
)
DELETE = "DELETE FROM accounts_heartbeat WHERE part LIKE 'kept %'"
COUNT = "SELECT count(*) FROM accounts_heartbeat WHERE part LIKE 'kept %'"


class TestUp:
    def test_starts_continues_survives_and_stops(self, data: Path) -> None:
        with up(data, environment=clean_environment(data, measured=True)) as first:
            self.is_well(first)
            keys = (data / "secrets.json").read_text()
            assert stat.S_IMODE((data / "secrets.json").stat().st_mode) == 0o600
            self.refuses_a_second_beside(data, first)
            self.refuses_a_taken_port(data, first)
            # A command finds the running database, and leaves it running.
            query(data, INSERT)
            assert first.health() is not None
            self.brings_back_a_killed_worker(first)
            assert first.stop(signal.SIGINT) == 0
        assert left_of(data) == []
        assert not (data / "run.json").exists()

        with up(data) as second:
            second.wait_until_ok()
            assert (data / "secrets.json").read_text() == keys
            rows(data, DELETE)
            rows(data, INSERT)
            self.loses_database_and_supervisor(second)
            left = processes_of(data)
        assert any("qcluster" in line for line in left), left

        with up(data) as third:
            third.wait_until_ok()
            assert rows(data, COUNT) == [(500,)]
            workers = [line for line in processes_of(data) if "qcluster" in line]
            # The parent, the sentinel, the monitor, the pusher and the workers of ours.
            assert len(workers) <= 4 + int(os.environ.get("CONDUCTOR_WORKERS", "2"))
            assert third.stop(signal.SIGTERM) == 0
        assert left_of(data) == []

    def is_well(self, first: Installation) -> None:
        health = first.wait_until_ok()
        assert health == {
            "status": "ok",
            "version": "0.1.0",
            "database": health["database"],
            "due_lag_seconds": 0.0,
            "parts": {"web": "ok", "worker": "ok", "pulse": "ok", "database": "ok"},
        }
        assert health["database"].startswith("18.")
        assert first.run["pid"] == first.process.pid
        assert first.run["url"].endswith(str(first.run["ports"]["web"]))

    def refuses_a_second_beside(self, data: Path, first: Installation) -> None:
        beside = subprocess.run(
            [CODE / "bin/up", "--port", "0", "--no-demo"],
            env=clean_environment(data, measured=True),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert beside.returncode == 1
        assert f"already runs on {data}: {first.run['url']}" in beside.stderr

    def refuses_a_taken_port(self, data: Path, first: Installation) -> None:
        port = str(first.run["ports"]["web"])
        done = subprocess.run(
            [CODE / "bin/up", "--no-demo", "--port", port],
            env=clean_environment(data.with_name("other"), measured=True),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 1
        assert f"port {port}" in done.stderr

    def brings_back_a_killed_worker(self, installation: Installation) -> None:
        worker = installation.run["children"]["worker"]
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + 120
        while installation.run["children"]["worker"] == worker:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert not Path(f"/proc/{worker}").exists()
        installation.wait_until_ok()

    def loses_database_and_supervisor(self, installation: Installation) -> None:
        lock_file = installation.data / "postgres/data/postmaster.pid"
        postmaster = int(lock_file.read_text().split()[0])
        # The supervisor would start it again at once.
        installation.process.send_signal(signal.SIGSTOP)
        os.kill(postmaster, signal.SIGKILL)
        found = installation.health()
        assert found is not None
        assert found[0] == 503
        assert found[1]["status"] == "failing"
        assert found[1]["parts"]["database"].startswith("The database does not answer: ")
        installation.process.kill()
        installation.process.wait()


class TestManage:
    def test_runs_the_database_for_its_own_duration(self, data: Path) -> None:
        assert query(data, "SELECT current_user") == [["conductor_app"]]
        assert left_of(data) == []

    def test_keeps_the_owner_from_other_commands(self, data: Path) -> None:
        program = "import os; print('DATABASE_OWNER_URL' in os.environ)"
        done = manage(data, "shell", "--no-imports", "-v", "0", "-c", program)

        assert done.stdout.strip() == "False"

    def test_wants_the_plain_address_too(self, data: Path) -> None:
        environment = clean_environment(data, measured=True)
        environment |= {"DATABASE_OWNER_URL": "postgresql:///x"}
        done = subprocess.run(
            [CODE / ".venv/bin/python", CODE / "manage.py", "showmigrations"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 1
        assert "DATABASE_URL is not" in done.stderr

    def test_says_what_is_wrong_with_damaged_keys(self, data: Path) -> None:
        (data / "secrets.json").write_text(json.dumps({"secret_key": "x"}))

        done = manage(data, "showmigrations", measured=True)

        assert done.returncode == 1
        assert "is damaged" in done.stderr
