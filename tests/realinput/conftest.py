"""A data directory that every user may enter, and the file of purchases."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.realinput.purchases import file_of_purchases


@pytest.fixture
def path() -> Path:
    """The file of purchases: the sample, or the one that CONDUCTOR_PURCHASES names."""
    return file_of_purchases()


@pytest.fixture
def data() -> Iterator[Path]:
    """An empty data directory that the database's user may enter."""
    place = Path(tempfile.mkdtemp(prefix="conductor-realinput-", dir="/tmp"))
    place.chmod(0o755)
    (place / "data").mkdir()
    yield place / "data"
    shutil.rmtree(place)
