"""pg_dump and pg_restore: the bundled ones, or newer ones that are installed."""

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from conductor.postgres import PostgresError
from conductor.postgres.binaries import bundled_programs


class NoClientError(PostgresError):
    """No program here is new enough for the server."""


def client(name: str, *, url: str) -> Path:
    """
    Return a program that is at least as new as the server behind `url`.

    :raises NoClientError: if there is none.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        wanted = connection.info.server_version // 10000
    for program in _candidates(name):
        if _major(program) >= wanted:
            return program
    raise NoClientError(
        f"The server is PostgreSQL {wanted} and there is no {name} of that version here: "
        f"install it (postgresql-client-{wanted}) and put it on PATH."
    )


def run_client(name: str, url: str, *arguments: str, options: str = "") -> None:
    """
    Run a program on the server behind `url`; `options` are the session's settings.

    :raises PostgresError: if there is none that fits, or with what it said.
    """
    where: dict[str, Any] = conninfo_to_dict(url)
    # Arguments are to be seen by everybody on the machine, the environment is not.
    password = where.pop("password", "")
    done = subprocess.run(
        [client(name, url=url), f"--dbname={make_conninfo('', **where)}", *arguments],
        check=False,
        env={**os.environ, "PGPASSWORD": password, "PGOPTIONS": options},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise PostgresError(f"{name} failed: {done.stderr.strip() or done.returncode}")


def _candidates(name: str) -> list[Path]:
    found = []
    with suppress(PostgresError):
        found.append(bundled_programs() / name)
    on_path = shutil.which(name)
    if on_path is not None:
        found.append(Path(on_path))
    return [*found, *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)]


def _major(program: Path) -> int:
    said = subprocess.run([program, "--version"], check=False, capture_output=True, text=True)
    found = re.search(r"\) (\d+)", said.stdout)
    return int(found.group(1)) if found else 0
