"""What is waited for."""

import pytest

from contacts.models import ExternalEvent
from tests.engine.world import World
from tests.factories import ExternalEventFactory


@pytest.fixture
def bought(world: World) -> ExternalEvent:
    """An event that is waited for."""
    return ExternalEventFactory(list=world.in_list, name="Bought")
