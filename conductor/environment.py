"""
The environment that the settings read, filled from the data directory.

What is set already stays: on machines of their own, DATABASE_URL and the keys are given
by hand. The owner's address is handed to those commands only which build or copy the
database; web, workers and all other commands do not know it.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from conductor.data_directory import data_directory, is_free, kept_secrets
from conductor.postgres import PostgresError
from conductor.postgres.embedded import joined_cluster

OWNER_COMMANDS = {"migrate", "backup", "restore"}
WITHOUT_DATABASE = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "version",
}


@contextmanager
def command_environment(arguments: list[str]) -> Iterator[None]:
    """
    Prepare the environment for `manage.py ARGUMENTS`, with a database that answers.

    The embedded database is joined, or runs for as long as the command does.

    :raises PostgresError: if there is no database to be had, or only half an address.
    """
    command = arguments[0] if arguments else "help"
    data = data_directory()
    set_keys(data)
    os.environ.setdefault("CONDUCTOR_ROLE", "command")
    set_public_url(data)
    if command == "up":
        yield
    elif has_own_database():
        if command not in OWNER_COMMANDS:
            os.environ.pop("DATABASE_OWNER_URL", None)
        yield
    elif command in WITHOUT_DATABASE or {"-h", "--help", "--version"} & set(arguments):
        os.environ["DATABASE_URL"] = "postgresql:///none"
        yield
    else:
        signal.signal(signal.SIGTERM, _end)
        with joined_cluster(data) as cluster:
            os.environ["DATABASE_URL"] = cluster.app_url
            if command in OWNER_COMMANDS:
                os.environ["DATABASE_OWNER_URL"] = cluster.owner_url
            yield


def set_keys(data: Path) -> None:
    """Give the settings the keys that were made at the first start."""
    kept = kept_secrets(data)
    os.environ.setdefault("CONDUCTOR_SECRET_KEY", kept.secret_key)
    os.environ.setdefault("CONDUCTOR_ENCRYPTION_KEY", kept.encryption_key)


def set_public_url(data: Path) -> None:
    """Let commands write the links that the running site answers."""
    url = running(data).get("url")
    if url:
        os.environ.setdefault("CONDUCTOR_PUBLIC_URL", url)


def running(data: Path) -> dict[str, Any]:
    """
    Return what bin/up wrote of itself (`url`, `pid`, `ports`); empty if none runs.

    A killed one leaves its run.json, but not its lock.
    """
    try:
        if is_free(data / "up.lock"):
            return {}
        found = json.loads((data / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def has_own_database() -> bool:
    """
    Tell whether a PostgreSQL of one's own is named.

    :raises PostgresError: if only the owner's address is.
    """
    if os.environ.get("DATABASE_URL"):
        return True
    if os.environ.get("DATABASE_OWNER_URL"):
        raise PostgresError(
            "DATABASE_OWNER_URL is set and DATABASE_URL is not: set both, or neither "
            "for the embedded database."
        )
    return False


def _end(number: int, _frame: FrameType | None) -> None:
    """Unwind the stack, so that a database started for this command is stopped."""
    raise SystemExit(128 + number)
