"""
One PostgreSQL cluster on this machine: made, started, adopted, stopped.

A cluster is found by its directory alone. Whoever needs it calls `start`, which starts
the server or finds it running; all of it happens under a file lock, so that several
processes may call at once. The server is its own session: Ctrl-C at the shell does not
reach it.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from conductor import processes
from conductor.data_directory import Secrets, locked
from conductor.postgres import PostgresError
from conductor.postgres.binaries import (
    ServerUser,
    identity,
    major_of,
    make_private,
    make_private_socket_directory,
    run_as,
    server_environment,
)
from conductor.postgres.roles import (
    APP,
    DATABASE,
    OWNER,
    address,
    make_roles_and_database,
)

PORT = 5432
# Replaying the log of a large import after a crash takes minutes, not seconds.
RECOVERY_SECONDS = 600.0
STOP_SECONDS = 10.0
LEFT_OVER_SECONDS = 120.0


@dataclass
class Cluster:
    """
    A cluster in `directory/data`, run by `user` with `programs`, answering on a socket.

    `settings` are lines of postgresql.conf that are written at every start.
    """

    directory: Path
    socket_directory: Path
    programs: Path
    user: ServerUser | None
    kept: Secrets
    settings: dict[str, str]
    _child: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        """Return what PostgreSQL calls its data directory."""
        return self.directory / "data"

    @property
    def start_log(self) -> Path:
        """Return the file with what the server said before its own log began."""
        return self.directory / "start.log"

    @property
    def app_url(self) -> str:
        """Return the address for the plain role."""
        return self._address(APP, self.kept.app_password)

    @property
    def owner_url(self) -> str:
        """Return the address for the owner of the database."""
        return self._address(OWNER, self.kept.owner_password)

    @property
    def administrator_url(self) -> str:
        """Return the address for the server's administrator, to whom no policy applies."""
        return self._address("postgres", self.kept.superuser_password)

    def _address(self, role: str, password: str, database: str = DATABASE) -> str:
        return address(
            role=role,
            password=password,
            socket_directory=self.socket_directory,
            port=PORT,
            database=database,
        )

    def start(self) -> None:
        """
        Start the server, or find it running, and return when it answers.

        A new directory is made a cluster first, with roles and database. After a crash
        the server replays its log: up to ten minutes.

        :raises PostgresError: if it does not start, or is of another major version.
        """
        make_private(self.directory, self.user)
        with locked(self.directory / ".lock"):
            make_private_socket_directory(self.socket_directory, self.user)
            if not self._answers():
                self._prepare()
                self._launch()
            with self.superuser() as connection:
                make_roles_and_database(connection, self.kept)

    def stop(self, *, seconds: float = STOP_SECONDS) -> None:
        """
        Stop the server: sessions are ended and everything is written out.

        What takes longer than `seconds` is cut off; the log then holds what was
        acknowledged. Nothing happens where none runs.
        """
        with locked(self.directory / ".lock"):
            pid = self.pid()
            for kind in (signal.SIGINT, signal.SIGQUIT):
                if pid is not None and processes.is_alive(pid):
                    os.kill(pid, kind)
                    processes.wait_for_end(pid, seconds=seconds, child=self._child)
            self._child = None
            # Made at every start, in a place that is shared with others.
            with suppress(OSError):
                self.socket_directory.rmdir()

    def pid(self) -> int | None:
        """Return the process id of the running server, None where none runs."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
        except (OSError, ValueError):
            return None
        if self._child is not None and self._child.pid == pid:
            self._child.poll()
        return pid if processes.works_in(pid, self.data) else None

    @contextmanager
    def superuser(
        self, database: str = "postgres"
    ) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
        """Connect as the administrator, in autocommit; for roles and databases only."""
        with psycopg.connect(
            self._address("postgres", self.kept.superuser_password, database),
            autocommit=True,
            connect_timeout=10,
        ) as connection:
            yield connection

    def _answers(self) -> bool:
        """
        Tell whether a server runs here, waiting for one that is starting up.

        The process id alone would not do: a killed server stays a zombie until somebody
        reaps it, and its number may be given to another program.
        """
        deadline = time.monotonic() + RECOVERY_SECONDS
        while self.pid() is not None and time.monotonic() < deadline:
            if self._lets_us_in():
                return True
            time.sleep(0.05)
        return False

    def _prepare(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._refuse_other_major()
        self._write_settings()
        self._disarm_stale_lock_files()

    def _initialise(self) -> None:
        command: list[str | Path] = [self.programs / "initdb", "--pgdata", self.data]
        command += ["--username=postgres", "--encoding=UTF8", "--auth=scram-sha-256"]
        command += ["--no-instructions", "--data-checksums", *self._locale()]
        with self._password_file() as password_file:
            said = run_as(self.user, [*command, f"--pwfile={password_file}"])
        if said.returncode:
            raise PostgresError(f"initdb failed in {self.data}: {said.stderr.strip()}")
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude_dir = 'conf.d'\n")

    def _locale(self) -> list[str]:
        """Return the byte order for sorting, and Unicode for letters, without ICU."""
        if major_of(self.programs) >= 17:
            return [
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
            ]
        return ["--locale=C.UTF-8"]

    @contextmanager
    def _password_file(self) -> Iterator[Path]:
        with tempfile.NamedTemporaryFile("w", dir=self.directory) as file:
            file.write(self.kept.superuser_password + "\n")
            file.flush()
            if self.user is not None:
                os.chown(file.name, self.user.uid, self.user.gid)
            yield Path(file.name)

    def _refuse_other_major(self) -> None:
        there = (self.data / "PG_VERSION").read_text().strip()
        ours = major_of(self.programs)
        if there != str(ours):
            raise PostgresError(
                f"The database in {self.data} was written by PostgreSQL {there}, and this "
                f"is PostgreSQL {ours}: run `manage.py backup FILE` with the release of "
                "Conductor that wrote it, move that directory away, start this release "
                "and run `manage.py restore FILE`."
            )

    def _write_settings(self) -> None:
        folder = self.data / "conf.d"
        make_private(folder, self.user)
        values = {
            **self.settings,
            "listen_addresses": "''",
            "port": str(PORT),
            "unix_socket_directories": f"'{self.socket_directory}'",
            "unix_socket_permissions": "0700",
        }
        lines = [f"{name} = {value}\n" for name, value in values.items()]
        path = folder / "conductor.conf"
        path.write_text("# Written at every start; put your own lines into zz-own.conf.\n")
        with path.open("a") as file:
            file.writelines(lines)
        if self.user is not None:
            os.chown(path, self.user.uid, self.user.gid)

    def _disarm_stale_lock_files(self) -> None:
        """
        Let a start succeed after the server was killed.

        PostgreSQL takes a lock file for live while any process has its number, zombies
        and strangers included. It passes over the number of its own parent, and still
        looks at the shared memory that the file names; so the file gets our number and
        is not removed: a left-over backend is still seen.
        """
        (self.socket_directory / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
        path = self.data / "postmaster.pid"
        if path.exists():
            _, *rest = path.read_text().split("\n")
            path.write_text("\n".join([str(os.getpid()), *rest]))

    def _launch(self) -> None:
        """Start the server, again for a while if backends of a killed one are still going."""
        deadline = time.monotonic() + LEFT_OVER_SECONDS
        while True:
            with self.start_log.open("wb") as log:
                self._child = subprocess.Popen(
                    [self.programs / "postgres", "-D", self.data],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=server_environment(),
                    start_new_session=True,
                    umask=0o077,
                    **identity(self.user),
                )
            try:
                self._wait_until_ready(self._child)
            except LeftOverBackendsError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                return

    def _wait_until_ready(self, server: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + RECOVERY_SECONDS
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise self._failed_start()
            if self._lets_us_in():
                return
            time.sleep(0.05)
        raise PostgresError(
            f"PostgreSQL did not answer within {RECOVERY_SECONDS:.0f} seconds: "
            f"see {self.start_log} and {self.data}/log."
        )

    def _lets_us_in(self) -> bool:
        """
        Tell whether the server takes connections by now.

        :raises PostgresError: if it takes none from us, and never will.
        """
        try:
            with self.superuser():
                return True
        except psycopg.OperationalError as problem:
            if "authentication failed" not in str(problem):
                return False
            raise PostgresError(
                f"secrets.json does not belong to the database in {self.data}: "
                "put the copy back that was made with it."
            ) from problem

    def _failed_start(self) -> PostgresError:
        said = self.start_log.read_text(errors="replace").strip()
        if "still in use" in said:
            return LeftOverBackendsError(f"Sessions of a killed server still run in {self.data}.")
        last = said.splitlines()[-1] if said else "it said nothing"
        return PostgresError(f"PostgreSQL did not start in {self.data}: {last}")


class LeftOverBackendsError(PostgresError):
    """Processes of a killed server still hold its shared memory."""
