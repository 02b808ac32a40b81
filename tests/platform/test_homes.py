"""Wherever the clone lies and whoever runs it: below a home of mode 700, as a plain user."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor.data_directory import CODE
from conductor.postgres.binaries import SYSTEM_DIRECTORY, ServerUser, identity, system_directory
from tests.platform.installation import clean_environment, left_of, up

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache")


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home directory of mode 700 with a clone in it."""
    place = Path(tempfile.mkdtemp(prefix="conductor-home-", dir="/tmp"))
    shutil.copytree(CODE, place / "shop", ignore=LEFT_OUT)
    yield place
    shutil.rmtree(place)


@AS_ROOT
class TestPrivateHome:
    def test_keeps_the_cluster_in_var_lib(self, home: Path) -> None:
        clone = home / "shop"
        place = system_directory(clone)
        environment = clean_environment(None)
        try:
            with up(clone / "var", code=clone, environment=environment) as installation:
                assert installation.wait_until_ok()["status"] == "ok"

                assert mode(home) == 0o700
                assert place.parent == SYSTEM_DIRECTORY
                assert place.name.startswith("shop-")
                assert mode(place) == 0o700
                owner = place.stat().st_uid
                assert owner != 0
                assert (place / "postgres/data/PG_VERSION").exists()
                assert not (clone / "var/postgres").exists()
                postmaster = (place / "postgres/data/postmaster.pid").read_text().split()[0]
                assert Path(f"/proc/{postmaster}").stat().st_uid == owner
                assert Path(f"/proc/{postmaster}/exe").resolve().is_relative_to(place)
                socket = Path(installation.run["socket"])
                assert mode(socket) == 0o700
                assert installation.stop() == 0
            assert left_of(clone / "var") == []
        finally:
            shutil.rmtree(place)


@AS_ROOT
class TestPlainUser:
    def test_needs_no_root(self, data: Path) -> None:
        """Start and stop the database as `nobody`, with a Python that `nobody` may run."""
        python = Path("/usr/bin/python3")
        nobody = pwd.getpwnam("nobody")
        packages = next((CODE / ".venv/lib").glob("python3*/site-packages"))
        program = (
            "import pathlib, os; from conductor.postgres.embedded import owned_cluster\n"
            f"with owned_cluster(pathlib.Path({str(data)!r})) as cluster:\n"
            "    print(cluster.data.stat().st_uid, cluster.user)"
        )
        command = ["-c", program]
        environment = clean_environment(data) | {
            "PYTHONPATH": f"{CODE}:{packages}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        nobody_else = identity(ServerUser(uid=nobody.pw_uid, gid=nobody.pw_gid))
        probe = subprocess.run(
            [python, "-c", "import psycopg, conductor"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            **nobody_else,
        )
        if probe.returncode:
            pytest.skip(f"no Python that a plain user could run this clone with: {probe.stderr}")
        os.chown(data, nobody.pw_uid, nobody.pw_gid)

        done = subprocess.run(
            [python, *command],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **nobody_else,
        )

        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [str(nobody.pw_uid), "None"]
        assert mode(data / "secrets.json") == 0o600
        assert mode(data / "postgres") == 0o700
