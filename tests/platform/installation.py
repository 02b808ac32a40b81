"""A clone and its bin/up as a person at the shell has them."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import parse_qs, urlsplit

import psycopg

from conductor.data_directory import CODE, locked
from conductor.postgres.embedded import embedded_cluster
from conductor.postgres.temporary import PREFIX

# What waits here waits for a machine that does other things as well.
STOP_SECONDS = 120.0


def clean_environment(data: Path | None, *, measured: bool = False) -> dict[str, str]:
    """
    Return our environment without what bin/test put into it.

    `measured` where coverage is to hear of what runs there too: it takes twice as long.
    """
    ours = ("DATABASE_", "CONDUCTOR_", "DJANGO_", "PYTEST_", *(() if measured else ("COVERAGE_",)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    if data is not None:
        environment["CONDUCTOR_DATA"] = str(data)
    return environment


def manage(
    data: Path,
    *arguments: str,
    code: Path = CODE,
    program: str = "manage.py",
    measured: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Run a command of manage.py on a data directory."""
    return subprocess.run(
        [code / ".venv/bin/python", code / program, *arguments],
        env={**clean_environment(data, measured=measured), "PYTHONPATH": str(code)},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def make_ready(data: Path) -> None:
    """
    Make a data directory that is migrated already: for tests of what comes after that.

    The first who asks migrates one, beside the temporary cluster of this run and gone with
    it; the others copy it. On another server than that nothing happens: bin/up does it.
    """
    socket = parse_qs(urlsplit(os.environ.get("DATABASE_URL", "")).query).get("host", [""])[0]
    place = Path(socket).parent
    if not place.name.startswith(PREFIX):
        return
    ready, unfinished = place / "ready", place / "unfinished"
    with locked(place / "ready.lock"):
        if not ready.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            done = manage(unfinished, "migrate", "-v", "0", program="tests/migrating.py")
            assert done.returncode == 0, done.stderr
            # What these tests end are processes, never the machine: nothing waits for the
            # disk, which the rest of the run keeps busy.
            own_settings = unfinished / "postgres/data/conf.d/zz-own.conf"
            own_settings.write_text("fsync = off\n")
            unfinished.rename(ready)
    data.mkdir(parents=True, exist_ok=True)
    # The server's user owns its part of it.
    subprocess.run(["cp", "-a", f"{ready}/.", data], check=True)


def query(data: Path, statement: str) -> list[list[Any]]:
    """Run a statement as the plain role through `manage.py shell`."""
    program = (
        "import json; from django.db import connection; cursor = connection.cursor(); "
        f"cursor.execute({statement!r}); "
        "print(json.dumps(cursor.fetchall() if cursor.description else [], default=str))"
    )
    done = manage(data, "shell", "--no-imports", "-v", "0", "-c", program)
    assert done.returncode == 0, done.stderr
    rows: list[list[Any]] = json.loads(done.stdout)
    return rows


def rows(data: Path, statement: LiteralString) -> list[tuple[Any, ...]]:
    """Run a statement as the plain role on the running embedded database."""
    with psycopg.connect(embedded_cluster(data).app_url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@dataclass
class Installation:
    """A running bin/up."""

    process: "subprocess.Popen[str]"
    data: Path
    log: Path

    @property
    def run(self) -> dict[str, Any]:
        """Return what run.json says."""
        found: dict[str, Any] = json.loads((self.data / "run.json").read_text())
        return found

    def wait_until_ok(self, seconds: float = 300) -> dict[str, Any]:
        """Return the first good answer of /healthz."""
        deadline = time.monotonic() + seconds
        found: Any = None
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            found = self.health()
            if found is not None and found[0] == 200:
                body: dict[str, Any] = found[1]
                return body
            time.sleep(0.2)
        raise AssertionError(f"not well after {seconds} s: {found}\n{self.log.read_text()}")

    def health(self, host: str = "shop.example") -> tuple[int, dict[str, Any]] | None:
        """Return status and body of /healthz, asked under any Host; None if no answer."""
        try:
            request = urllib.request.Request(f"{self.run['url']}/healthz", headers={"Host": host})
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as answer:
            return answer.code, json.load(answer)
        except (OSError, ValueError):
            return None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            said = self.log.read_text()
            self.process.kill()
            raise AssertionError(f"not stopped after {STOP_SECONDS} s:\n{said}") from None


@contextmanager
def up(
    data: Path,
    *arguments: str,
    code: Path = CODE,
    environment: dict[str, str] | None = None,
) -> Iterator[Installation]:
    """Run bin/up on a free port; it is stopped at the end, whatever happened."""
    data.mkdir(parents=True, exist_ok=True)
    log = data.parent / f"{data.name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(code / "bin/up"), "--port", "0", "--no-demo", *arguments],
            env=environment or clean_environment(data),
            cwd="/",
            stdout=output,
            stderr=output,
            text=True,
        )
    installation = Installation(process, data, log)
    try:
        yield installation
    finally:
        if process.poll() is None:
            installation.stop()
        log.unlink(missing_ok=True)


def left_of(data: Path) -> list[str]:
    """Return what is left of a data directory's processes once they had the time to end."""
    deadline = time.monotonic() + STOP_SECONDS
    while (left := processes_of(data)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def processes_of(data: Path) -> list[str]:
    """Return the command lines of all processes that belong to a data directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        marked = f"CONDUCTOR_SUPERVISED={data}\0".encode() in environment
        if line and (marked or f"{data}/postgres/data" in line):
            found.append(line)
    return found
