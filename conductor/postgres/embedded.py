"""
The cluster of this installation, in its data directory.

Every process that needs it joins it: the first one starts the server, the last one to
leave stops it. bin/up stops it in any case, since it ends everything it started.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conductor.data_directory import CODE, kept_secrets
from conductor.postgres.binaries import (
    bundled_programs,
    can_enter,
    server_user,
    system_directory,
)
from conductor.postgres.cluster import Cluster
from conductor.postgres.sizing import installation_settings
from conductor.postgres.temporary import TEMPORARY


def embedded_cluster(data: Path) -> Cluster:
    """Return the cluster of a data directory; it may not exist yet, nor run."""
    kept = kept_secrets(data)
    directory = _place(data)
    return Cluster(
        directory=directory,
        socket_directory=_socket_directory(directory),
        programs=bundled_programs(),
        user=server_user(),
        kept=kept,
        settings=installation_settings(),
    )


@contextmanager
def joined_cluster(data: Path) -> Iterator[Cluster]:
    """Have the cluster running for a while; stop it at the end if nobody else uses it."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "postgres.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        cluster = embedded_cluster(data)
        try:
            cluster.start()
            yield cluster
        finally:
            if _is_last(users.fileno()):
                cluster.stop()


@contextmanager
def owned_cluster(data: Path) -> Iterator[Cluster]:
    """Have the cluster running; commands that join it leave it running; we stop it."""
    with (data / "postgres.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        cluster = embedded_cluster(data)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _place(data: Path) -> Path:
    """
    Return where the cluster of a data directory lives.

    In the data directory, unless the server's user cannot enter that. A cluster that
    exists is kept where it is, whatever the modes have become since.
    """
    inside = data / "postgres"
    if (inside / "data" / "PG_VERSION").exists() or can_enter(server_user(), data):
        return inside
    return system_directory(CODE if data == CODE / "var" else data) / "postgres"


def _socket_directory(directory: Path) -> Path:
    """Return a path that stays the same over restarts and is short (107 bytes at most)."""
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return TEMPORARY / f"conductor-{os.geteuid()}-{digest}"
