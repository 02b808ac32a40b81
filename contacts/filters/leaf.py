"""
Leaves of rules, one file each in `<app>/leaves/`: what is asked of a contact.

A file ends in `LEAF = Purchase()`. Leaves are found by scanning the folders, so that an
app above adds its own without this one knowing.
"""

import importlib
import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps

from contacts.filters.reading import Fault, Reader
from contacts.filters.scope import Names, Scope, Test

if TYPE_CHECKING:
    from contacts.filters.clock import Clock

Config = dict[str, Any]
ENTRY = "entry"
STEP_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
# A kind of fact, and the external event or segment that it names: contacts.actions.facts.
Heard = tuple[str, int | None, int | None]


class LeafType:
    """One kind of leaf; `Config` is the leaf as a canonical file writes it."""

    kind: ClassVar[str]
    # A flat leaf writes its operators beside its kind: {field: Profile.Country, is: US}.
    flat: ClassVar[bool] = False

    def read(self, reader: Reader, written: Mapping[str, Any], path: str) -> Config:
        """
        Check a leaf and return it canonical; faults go to the reader.

        A flat leaf gets the whole mapping and its path, any other the mapping under its
        kind.
        """
        raise NotImplementedError

    def problems(self, config: Config, names: Names, path: str) -> list[Fault]:
        """Say which names the list does not have, and what clashes with their types."""
        return []

    def resolve(self, config: Config, names: Names) -> Config:
        """Return the leaf with ids for names; only for one without problems."""
        return config

    def test(self, resolved: Config, scope: Scope) -> Test:
        """Compile a resolved leaf."""
        raise NotImplementedError

    def hears(self, resolved: Config) -> set[Heard]:
        """Return the facts that may change the answer; the clock may change it, too."""
        return set()

    def moments(self, resolved: Config, clock: "Clock") -> list[str]:
        """
        Return when the clock alone may next change the answer: SQL, NULL = never.

        Each is after now; it may be early, never late. Asked outside of conversations only.
        """
        return []

    def asks_enrollment(self, config: Config) -> bool:
        """Say whether it can only be asked of somebody inside a conversation."""
        return config.get("since") == ENTRY or bool(self.steps_named(config))

    def steps_named(self, config: Config) -> list[tuple[str, str]]:
        """Return (step key, setting) of the steps that it names of the conversation that asks."""
        since = config.get("since", "")
        return [(since, "since")] if since != ENTRY and STEP_KEY.fullmatch(since) else []

    def sentence(self, config: Config, *, negated: bool) -> str:
        """Say it in the marketer's words."""
        raise NotImplementedError


@cache
def leaf_types() -> dict[str, LeafType]:
    """Return every leaf by its kind, as the files of the apps' `leaves` folders define them."""
    found: dict[str, LeafType] = {}
    for app in apps.get_app_configs():
        folder = f"{app.name}.leaves"
        if app.name.partition(".")[0] == "django" or find_spec(folder) is None:
            continue
        package = importlib.import_module(folder)
        for module in pkgutil.iter_modules(package.__path__):
            leaf = importlib.import_module(f"{folder}.{module.name}").LEAF
            found[leaf.kind] = leaf
    return found
