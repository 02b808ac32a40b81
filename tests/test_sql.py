"""Raw SQL goes through one door, and its files say what they do."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent.parent
PACKAGES = ("accounts", "contacts", "messaging", "conductor")
MODULES = [
    path
    for package in PACKAGES
    for path in (HERE / package).rglob("*.py")
    if "migrations" not in path.parts and (HERE / "accounts/tenancy") not in path.parents
]
STATEMENTS = [path for package in PACKAGES for path in (HERE / package).rglob("sql/*.sql")]
CONNECTION = re.compile(r"^from django\.db import .*\bconnection\b", re.MULTILINE)


def name(path):
    return str(path.relative_to(HERE))


class TestTheDoor:
    def test_is_the_only_way_to_the_connection(self):
        """Ruff frees views and tasks from every ban at once; this closes that hole."""
        assert [name(path) for path in MODULES if CONNECTION.search(path.read_text())] == []

    def test_has_modules_to_look_at(self):
        assert len(MODULES) > 100


@pytest.mark.parametrize("path", STATEMENTS, ids=name)
class TestAStatementInAFile:
    def test_begins_with_what_it_does(self, path):
        assert re.match(rf"-- {path.stem}: \S", path.read_text())

    def test_leaves_the_clock_to_its_caller(self, path):
        assert not re.search(r"\bnow\(\)|\bcurrent_timestamp\b", path.read_text(), re.IGNORECASE)
