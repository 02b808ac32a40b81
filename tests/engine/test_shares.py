"""What several conversations of an account may bring into one tick."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor.engine.shares import equal_share, share_out
from tests.engine.world import World

PAUSE = "{key: pause, wait: {for: P1D}}"


@given(st.dictionaries(st.integers(1, 50), st.integers(1, 9_000), min_size=1), st.integers(1, 5000))
def test_shares_use_the_limit_up_and_pass_nobody_over(waiting: dict[int, int], limit: int) -> None:
    each = equal_share(limit, len(waiting))
    shares = share_out({one: min(count, each + 1) for one, count in waiting.items()}, limit)

    assert min(shares.values()) >= 1
    assert sum(shares.values()) <= max(limit, len(waiting))
    assert all(shares[one] >= min(count, each) for one, count in waiting.items())
    wanting = [one for one, count in waiting.items() if count > each]
    if wanting and limit >= len(waiting):
        assert limit - sum(shares.values()) < len(wanting)


@pytest.mark.django_db
class TestTick:
    def test_takes_as_many_facts_beside_trickles_as_alone(self, world: World) -> None:
        world.live(PAUSE)
        world.happen(*[world.person() for _ in range(20)])
        world.live(PAUSE)
        world.happen(world.person())

        done = world.tick(limit=20)

        assert done.entered == 20

    def test_claims_as_many_due_beside_trickles_as_alone(self, world: World) -> None:
        world.live(PAUSE)
        world.happen(*[world.person() for _ in range(20)])
        world.live(PAUSE)
        world.happen(world.person())
        world.tick()

        done = world.tick(world.now + timedelta(days=1), limit=12)

        assert done.claimed == 12
