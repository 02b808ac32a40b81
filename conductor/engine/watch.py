"""
A watched tick: what kills its worker is found, though nothing that it did is kept.

A tick whose worker was killed leaves no word of why. The next one is watched: before each
part of a step, or of a rule, it notes in another transaction which step that is and whom it
is run for. The attempt after a death reads the note, and runs those contacts one by one;
who is alone twice when the worker dies is the culprit and is set aside, `tick failed`, where
it stands. After that a second death at the same step bars the step for everybody there.
One death more than needed: a worker may be killed from outside, too, and nobody is held for
that.

    {"here": {"place", "ids"} | null      under way when the worker died
     "suspects": {"place", "ids"} | null  among these is the culprit
     "condemned": [{"place", "ids"}]      the culprits, each alone
     "barred": [place],                   places that kill whoever comes there
     "deaths": n}

A place is [what, id, name]: ["step", version id, step key], ["trigger", conversation id, step
key], ["goal", version id, ""]; ids are the subscriptions' or the facts', which are the same at
the next attempt.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import InterfaceError, OperationalError, connections

from accounts.tenancy import in_account
from conductor.conversations.models import Trace, Turn
from conductor.engine.faults import FIRST, LAST

log = logging.getLogger(__name__)

TICK_FAILED = "tick failed"
# The attempt at a turn that is the first to be watched.
WATCHED = 2
# Beyond so many, they are not a step's: the turn's attempts go on.
MOST_DEATHS = 20
# Into how many parts those at a step are divided: the more, the fewer deaths.
PARTS = 64

Place = tuple[str, int, str]
# (its id in the tick, its id at any attempt)
Row = tuple[int, int]


class Watch:
    """What is known of the deaths before, and the hand that notes where the tick is."""

    def __init__(
        self, found: dict[str, Any], note: Callable[[dict[str, Any]], None], *, learnt: bool
    ) -> None:
        self.found = found
        # Whether the last death has taught something.
        self.learnt = learnt
        self._note = note

    def condemned(self, place: Place, rows: list[Row]) -> list[int]:
        """Return the ids in the tick of those who are set aside at a place."""
        if list(place) in self.found["barred"]:
            return [row for row, _ in rows]
        culprits = {
            one
            for culprit in self.found["condemned"]
            if culprit["place"] == list(place)
            for one in culprit["ids"]
        }
        return [row for row, stable in rows if stable in culprits]

    def run(self, place: Place, rows: list[Row], run: Callable[[int, int], object]) -> None:
        """Run `run(first, last)` over parts of rows in the order of their ids, noting each."""
        for part in self._parts(place, sorted(rows)):
            self._note({"place": list(place), "ids": [stable for _, stable in part]})
            run(part[0][0], part[-1][0])
        self.pass_on()

    def pass_on(self) -> None:
        """Note that what follows is no step's."""
        self._note({"place": ["", 0, ""], "ids": []})

    def _parts(self, place: Place, rows: list[Row]) -> Iterator[list[Row]]:
        suspects = self.found["suspects"] or {"place": None, "ids": []}
        alone = set(suspects["ids"]) if suspects["place"] == list(place) else set()
        size = max(1, -(-len(rows) // PARTS))
        part: list[Row] = []
        for row in rows:
            if part and (len(part) == size or row[1] in alone):
                yield part
                part = []
            part.append(row)
            if row[1] in alone:
                yield part
                part = []
        if part:
            yield part


def run_watched(
    watch: Watch | None,
    *,
    place: Place,
    rows: Callable[[], list[Row]],
    run: Callable[[int, int], object],
    set_aside: Callable[[list[int]], object],
) -> None:
    """Run `run(first, last)` over everybody; in a watched tick over parts, culprits aside."""
    if watch is None:
        run(FIRST, LAST)
        return
    here = rows()
    culprits = set(watch.condemned(place, here))
    if culprits:
        log.error("Set aside at %s, each tick with them has failed: %s", place, sorted(culprits))
        set_aside(sorted(culprits))
    watch.run(place, [row for row in here if row[0] not in culprits], run)


@contextmanager
def watched(account_id: int) -> Iterator[Watch]:
    """
    Watch a tick of an account, begun before its turn is locked.

    The notes are committed on a connection of their own. Where the last death has taught
    something, the turn's attempts begin anew.
    """

    def note(here: dict[str, Any] | None) -> None:
        with in_account(account_id):
            Trace.objects.update(found={**watch.found, "here": here})

    with ThreadPoolExecutor(max_workers=1) as hand:
        found, learnt = hand.submit(_learn, account_id).result()
        watch = Watch(found, lambda here: hand.submit(note, here).result(), learnt=learnt)
        try:
            yield watch
        except Exception as problem:
            if not is_lost(problem):
                # It failed, and nobody died: no word of where it was.
                hand.submit(note, None).result()
            raise
        finally:
            hand.submit(connections.close_all).result()


def is_lost(problem: BaseException) -> bool:
    """Say whether the session has died under a tick: a deadlock or a lock not had is no death."""
    if not isinstance(problem, OperationalError | InterfaceError):
        return False
    return str(getattr(problem.__cause__, "sqlstate", None) or "")[:2] not in {"40", "55"}


def _learn(account_id: int) -> tuple[dict[str, Any], bool]:
    """Learn from the last death and keep it: none is learnt from twice."""
    with in_account(account_id):
        trace, _ = Trace.objects.get_or_create()
        known = trace.found
        found = learn(known)
        learnt = found["deaths"] > known.get("deaths", 0)
        if learnt:
            Trace.objects.update(found=found)
            Turn.objects.filter(attempts__gt=WATCHED).update(attempts=WATCHED)
        return found, learnt


def learn(found: dict[str, Any]) -> dict[str, Any]:
    """Return what follows from the last death: the suspects narrowed, or condemned."""
    known = {"suspects": None, "condemned": [], "barred": [], "deaths": 0, **found, "here": None}
    here = found.get("here")
    if not here or not here["ids"] or known["deaths"] == MOST_DEATHS:
        return known
    known["deaths"] += 1
    place = here["place"]
    if any(culprit["place"] == place for culprit in known["condemned"]):
        return {**known, "barred": [*known["barred"], place], "suspects": None}
    if len(here["ids"]) == 1 and known["suspects"] == here:
        return {**known, "condemned": [*known["condemned"], here], "suspects": None}
    return {**known, "suspects": here}
