"""The other side that webhooks call, and who calls it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from conductor.engine.calls import Caller
from tests.engine.other_side import Names, OtherSide, other_side
from tests.engine.world import World

Run = Callable[..., list[str]]


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
def caller(world: World, names: Names) -> Caller:
    """A caller by the world's clock."""
    return Caller(clock=lambda: world.now, resolver=names)


@pytest.fixture
def hook(world: World, shop: OtherSide) -> Callable[..., Any]:
    """Publish a conversation with one webhook; more settings as YAML flow."""

    def publish(more: str = "", *, path: str = "/", exits: str = "") -> Any:
        settings = f"url: 'http://shop.example:{shop.port}{path}'"
        settings += f", {more}" if more else ""
        return world.live(
            f"{{key: call, webhook: {{{settings}}}{exits}}}\n{{key: rest, wait: {{for: P1D}}}}"
        )

    return publish


@pytest.fixture
def run(world: World, caller: Caller) -> Run:
    """Bring a person in, make the calls, let the person go on; return the path."""

    def bring(person: Any, *, at: datetime | None = None, **given: Any) -> list[str]:
        world.happen(person, **given)
        world.tick(at)
        caller.make_all()
        world.tick()
        return world.path(person)

    return bring
