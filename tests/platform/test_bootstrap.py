"""bin/environment: uv is found, or fetched in one of three ways, or the failure is told."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from conductor.data_directory import CODE
from tests.platform.installation import clean_environment

# What an index says that is away for now.
UNREACHABLE = (
    "urlopen error",
    "timed out",
    "HTTP Error 429",
    "HTTP Error 5",
    "IncompleteRead",
    "RemoteDisconnected",
    "ConnectionResetError",
)
FIND = ". bin/environment; find_uv && echo found $UV"


def program(folder: Path, name: str, script: str) -> None:
    """Put a shell script on a PATH of ours."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with the usual tools and without uv and python3."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "mkdir", "tail", "chmod", "cat", "cp"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def find_uv(path: Path, data: Path) -> "subprocess.CompletedProcess[str]":
    """Look for uv with that PATH."""
    return subprocess.run(
        ["/bin/sh", "-c", FIND],
        cwd=CODE,
        env=clean_environment(data) | {"PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class TestFindUv:
    def test_takes_the_one_on_path(self, bare: Path, tmp_path: Path) -> None:
        program(bare, "uv", "exit 0")

        done = find_uv(bare, tmp_path / "data")

        assert done.stdout == f"found {bare}/uv\n"
        assert not (tmp_path / "data").exists()

    def test_installs_it_with_pip(self, bare: Path, tmp_path: Path) -> None:
        data = tmp_path / "data"
        program(
            bare,
            "python3",
            f'case "$*" in "-m pip install --quiet --target {data}/uv uv") '
            f"mkdir -p {data}/uv/bin; cp {bare}/good {data}/uv/bin/uv;; *) exit 1;; esac",
        )
        program(bare, "good", "exit 0")

        assert find_uv(bare, data).stdout == f"found {data}/uv/bin/uv\n"
        (bare / "python3").unlink()
        # What was fetched once is found again.
        assert find_uv(bare, data).stdout == f"found {data}/uv/bin/uv\n"

    def test_installs_it_with_the_pip_of_a_virtual_environment(
        self, bare: Path, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        program(bare, "good", "exit 0")
        program(bare, "pip", f"cp {bare}/good {data}/uv-venv/bin/uv")
        program(
            bare,
            "python3",
            f'case "$*" in "-m venv {data}/uv-venv") '
            f"mkdir -p {data}/uv-venv/bin; cp {bare}/pip {data}/uv-venv/bin/python;; "
            "*) echo no module named pip; exit 1;; esac",
        )

        assert find_uv(bare, data).stdout == f"found {data}/uv-venv/bin/uv\n"

    def test_says_what_failed(self, bare: Path, tmp_path: Path) -> None:
        program(bare, "python3", "echo the network is down; exit 1")

        done = find_uv(bare, tmp_path / "data")

        assert done.returncode != 0
        assert "uv could not be had" in done.stderr
        assert "python3 -m pip install uv failed: the network is down" in done.stderr
        assert "fetching the wheel of uv failed: the network is down" in done.stderr

    def test_wants_a_python(self, bare: Path, tmp_path: Path) -> None:
        done = find_uv(bare, tmp_path / "data")

        assert done.returncode != 0
        assert "Neither uv nor python3 is on PATH" in done.stderr


class TestFetchedWheel:
    def test_unpacks_what_the_lock_file_names(self, tmp_path: Path) -> None:
        """Take the wheel from the package registry, as the last resort does."""
        done = subprocess.run(
            ["python3", CODE / "bin/fetch_uv.py", tmp_path],
            env=os.environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode and any(one in done.stderr for one in UNREACHABLE):
            pytest.skip(f"no package registry is reachable: {done.stderr}")

        assert done.returncode == 0, done.stderr
        version = subprocess.run(
            [tmp_path / "bin/uv", "--version"], capture_output=True, text=True, check=True
        )
        assert version.stdout.startswith("uv ")
