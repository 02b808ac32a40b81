"""A throw-away cluster for the duration of a command: its own directory, socket and roles."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conductor.data_directory import made_secrets
from conductor.postgres.binaries import bundled_programs, make_private, server_user
from conductor.postgres.cluster import Cluster
from conductor.postgres.sizing import temporary_settings

# Not tempfile.gettempdir(): the server's user must be able to enter it, and the path of a
# socket may have 107 bytes.
TEMPORARY = Path("/tmp")  # noqa: S108
PREFIX = "conductor-test-"


@contextmanager
def temporary_cluster(programs: Path | None = None) -> Iterator[Cluster]:
    """Start a cluster that no other process knows of, and remove it at the end."""
    _sweep()
    with _own_place() as place:
        cluster = _cluster(place, programs)
        try:
            cluster.start()
            yield cluster
        finally:
            _remove(cluster, place)


@contextmanager
def _own_place() -> Iterator[Path]:
    """Make a directory and hold its lock."""
    while True:
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=TEMPORARY))
        with (place / "owner.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another run may have swept it before it was held.
            if place.exists():
                yield place
                return


def _cluster(place: Path, programs: Path | None = None) -> Cluster:
    user = server_user()
    make_private(place, user)
    return Cluster(
        directory=place / "cluster",
        socket_directory=place / "socket",
        programs=programs or bundled_programs(),
        user=user,
        kept=made_secrets(),
        settings=temporary_settings(),
    )


def _remove(cluster: Cluster, place: Path) -> None:
    # Nothing of it is wanted, so it is not given the time to write it out.
    if cluster.directory.exists():
        cluster.stop(seconds=2)
    shutil.rmtree(place, ignore_errors=True)


def _sweep() -> None:
    """Remove what a killed run left behind: nobody holds its lock any more."""
    for place in TEMPORARY.glob(f"{PREFIX}*"):
        try:
            if place.stat().st_uid not in _ours():
                continue
            with (place / "owner.lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(_cluster(place), place)
        except OSError:
            # In use, or removed by its own process between the listing and now.
            continue


def _ours() -> set[int]:
    user = server_user()
    return {os.geteuid()} if user is None else {os.geteuid(), user.uid}
