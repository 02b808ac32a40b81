"""The world of one list, inside acme."""

from datetime import datetime

import pytest

from accounts.models import Account
from tests.engine.world import World


@pytest.fixture
def world(inside_acme: Account, now: datetime) -> World:
    """A list of acme and what conversations need there."""
    return World(now)
