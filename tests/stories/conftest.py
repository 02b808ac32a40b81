"""The ground that stories stand on, and a summary of what they came through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from accounts.models import Account
from accounts.tenancy import sql
from conductor.engine.ground import lay_out
from contacts.actions import crowd, orders, products
from tests.engine.other_side import other_side
from tests.stories.player import CAME_THROUGH, Ground

STAGES = (crowd.MAKE_STAGE, orders.MAKE_STAGE, products.MAKE_STAGE)


@pytest.fixture
def working_tables(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Make the temporary tables for the whole session: not anew in each story."""
    with django_db_blocker.unblock():
        lay_out()
        for stage in (sql.statement("conductor.engine", "create_alarm_changes"), *STAGES):
            sql.execute(stage)


@pytest.fixture
def ground(
    working_tables: None, inside_acme: Account, settings: Any, tmp_path: Path
) -> Iterator[Ground]:
    """Lists, fields, events and messages of acme, and a shop that webhooks call."""
    settings.MEDIA_ROOT = tmp_path
    settings.OUTGOING_ALLOW = ["shop.example"]
    with other_side() as shop:
        yield Ground(inside_acme, shop)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's summary on."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["came_through"] = dict(CAME_THROUGH)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what a worker says."""
    CAME_THROUGH.update(getattr(node, "workeroutput", {}).get("came_through", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the stories came through."""
    if CAME_THROUGH["stories"]:
        terminalreporter.section("stories")
        for what, count in sorted(CAME_THROUGH.items()):
            terminalreporter.write_line(f"{count:8,} {what}")
