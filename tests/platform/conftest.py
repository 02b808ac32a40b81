"""Data directories that the server's user can enter, unlike those of pytest."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Iterator[Path]:
    """An empty data directory that every user may enter."""
    place = Path(tempfile.mkdtemp(prefix="conductor-platform-", dir="/tmp"))
    place.chmod(0o755)
    (place / "data").mkdir()
    yield place / "data"
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def module_data() -> Iterator[Path]:
    """The same, shared by the tests of one file."""
    place = Path(tempfile.mkdtemp(prefix="conductor-platform-", dir="/tmp"))
    place.chmod(0o755)
    (place / "data").mkdir()
    yield place / "data"
    shutil.rmtree(place)
