"""An account with endpoints, and the other sides that they call."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from conductor.webhooks.actions import NewEndpoint, create_endpoint
from conductor.webhooks.delivering import Deliverer
from conductor.webhooks.models import Kind
from tests.engine.other_side import Names, OtherSide, other_side
from tests.engine.world import World


@pytest.fixture
def world(inside_acme: Any, now: datetime) -> World:
    """A list with people, by its own clock."""
    return World(now)


@pytest.fixture
def shop() -> Iterator[OtherSide]:
    """The other side, known as shop.example."""
    with other_side() as server:
        yield server


@pytest.fixture
def names(settings: Any) -> Names:
    """The names that there are; the deployment allows shop.example."""
    settings.OUTGOING_ALLOW = ["shop.example"]
    return Names({"shop.example": [["127.0.0.1"]], "inner.example": [["10.0.0.7"]]})


@pytest.fixture
def deliverer(world: World, names: Names) -> Deliverer:
    """A deliverer by the world's clock."""
    return Deliverer(clock=lambda: world.now, resolver=names)


@pytest.fixture
def listen(world: World, shop: OtherSide, names: Names) -> Callable[..., NewEndpoint]:
    """Make an endpoint at a path of the other side."""

    def make(path: str = "/", **settings: Any) -> NewEndpoint:
        given = {"name": f"Shop {path}", "kinds": Kind.values, **settings}
        url = f"http://shop.example:{shop.port}{path}"
        return create_endpoint(url=url, now=world.now, **given)

    return make
