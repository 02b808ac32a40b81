"""
The data directory: where one installation keeps its database, its keys and its log.

It is `var/` beside the code, or what CONDUCTOR_DATA names. Nothing here imports Django:
the keys are needed before Django can start.
"""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

CODE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Secrets:
    """What is made once, at the first start, and never shown."""

    secret_key: str
    encryption_key: str
    superuser_password: str
    owner_password: str
    app_password: str


class UnreadableSecretsError(Exception):
    """The file of keys is there but is not what was written."""


def data_directory() -> Path:
    """Return the data directory as an absolute path; it may not exist yet."""
    named = os.environ.get("CONDUCTOR_DATA")
    return Path(named).resolve() if named else CODE / "var"


def made_secrets() -> Secrets:
    """Return new random keys; the encryption key has Fernet's form (32 bytes, base64)."""
    return Secrets(
        secret_key=secrets.token_urlsafe(48),
        encryption_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        superuser_password=secrets.token_urlsafe(24),
        owner_password=secrets.token_urlsafe(24),
        app_password=secrets.token_urlsafe(24),
    )


def kept_secrets(directory: Path) -> Secrets:
    """
    Return the keys of a data directory, making directory and keys where there are none.

    Several processes may ask at once: one of them makes the keys.

    :raises UnreadableSecretsError: if the file lacks a key or is not JSON.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "secrets.json"
    with locked(directory / "secrets.lock"):
        if not path.exists():
            write_privately(path, asdict(made_secrets()))
        path.chmod(0o600)
        return _read_secrets(path)


def _read_secrets(path: Path) -> Secrets:
    names = {field.name for field in fields(Secrets)}
    try:
        kept = json.loads(path.read_text())
        return Secrets(**{name: kept[name] for name in names})
    except (ValueError, KeyError, TypeError) as problem:
        raise UnreadableSecretsError(
            f"{path} is damaged ({problem!r}): put your copy of it back. Without these "
            "keys stored provider passwords cannot be read."
        ) from problem


def write_privately(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that only its owner may read; readers see the old file or the new one."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def is_free(path: Path) -> bool:
    """Tell whether nobody holds a file lock just now."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file lock, waiting for it; it dies with the process that holds it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
