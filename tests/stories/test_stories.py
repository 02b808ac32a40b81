"""
Engine and oracle agree on every story that can be drawn.

CI tells 500, spread over the cores and the same ones each time; elsewhere they are others each
day, and `bin/test --stories 20000` tells that many. A failure says how to tell the same ones again,
and stands here as the smallest story that still fails.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import ceil

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, Phase, given, reject, seed, settings

from tests.oracle.interpreter import UndefinedOrderError
from tests.stories.drawing import stories
from tests.stories.player import CAME_THROUGH, Ground, play
from tests.stories.story import Story

TOLD = int(os.environ.get("CONDUCTOR_STORIES", "500"))
SHARES = int(os.environ.get("CONDUCTOR_STORY_SHARES", "10"))
IN_CI = bool(os.environ.get("CI"))
# What CI judges is the change, not the day's luck.
SEED = int(
    os.environ.get("CONDUCTOR_STORY_SEED") or (1 if IN_CI else datetime.now(UTC).date().toordinal())
)
# A failure is made small by whoever tells it again: that may take many minutes.
SHRINKS = os.environ.get("CONDUCTOR_STORY_SHRINKS", "no" if IN_CI else "yes") == "yes"
# With more at a time Hypothesis makes most of them by repeating parts of others.
AT_ONCE = 10
# Coverage doubles the time that a story takes: these come through the same lines as all.
MEASURED_SHARES = 2


@pytest.mark.parametrize("share", range(SHARES))
def test_engine_and_oracle_agree(ground: Ground, share: int) -> None:
    with told_quickly(share):
        for turn in range(ceil(TOLD / SHARES / AT_ONCE)):
            tell(ground, number=(SEED * SHARES + share) * 1_000_000 + turn)


@contextmanager
def told_quickly(share: int) -> Iterator[None]:
    """Keep coverage, where it is measured, from looking on after the first shares."""
    coverage = Coverage.current() if share >= MEASURED_SHARES else None
    if coverage is not None:
        coverage.stop()
    yield
    if coverage is not None:
        coverage.start()


def tell(ground: Ground, *, number: int) -> None:
    """Tell ten stories."""

    @seed(number)
    @settings(
        max_examples=AT_ONCE,
        deadline=None,
        database=None,
        phases=[Phase.generate, *([Phase.shrink] if SHRINKS else [])],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(stories())
    def told(story: Story) -> None:
        try:
            play(ground, story)
        except UndefinedOrderError:
            # Two enrollments of one person met in one tick: the page gives them no order.
            CAME_THROUGH["not told"] += 1
            reject()

    try:
        told()
    except BaseException as failure:
        failure.add_note(
            f"Again: CONDUCTOR_STORIES={TOLD} CONDUCTOR_STORY_SHARES={SHARES} "
            f"CONDUCTOR_STORY_SEED={SEED} bin/test tests/stories/test_stories.py -n auto"
        )
        raise
