"""The contacts at a step: which rows a statement may touch, how they are held, their draw."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from conductor.stepping.budget import Budget
from contacts.models import ProfileField

# The rows that a step's statement may touch: those of one step of one version in the wave
# under way, and, while a culprit is sought, of a range of enrollments only.
HERE = (
    "arrivals.wave = %(wave)s AND arrivals.version_id = %(version_id)s "
    "AND arrivals.step_key = %(step_key)s "
    "AND arrivals.enrollment_id BETWEEN %(first)s AND %(last)s"
)


# The same rows for a statement with joins. The planner knows nothing of `arrivals` and takes
# HERE for a single row, whose joins it would run as loops over everything; these it takes for
# a few dozen: it looks up great tables by index and joins small ones by hash.
THESE = f"(CASE WHEN {HERE} THEN 1 END) = 1"

# The same rows for a statement that writes subscriptions: in the order in which all who write
# many lock them.
IN_ORDER = f"(SELECT arrivals.* FROM arrivals WHERE {THESE} ORDER BY arrivals.subscription_id)"


# The draw of a visit, 0 to 9,999: known before the enrollment exists, the same whenever it is
# asked for. Over the aliases `enrolled` and `arrivals`; mod() and no percent sign, which a
# statement with parameters would have to double.
DRAW = """mod(
    ('x' || substr(md5(
        enrolled.conversation_id::text || ':' || enrolled.subscription_id::text || ':'
        || enrolled.entry_number::text || ':' || arrivals.step_key || ':'
        || arrivals.visit_number::text
    ), 1, 8))::bit(32)::bigint,
    10000
)"""


DRAWS = 10_000


def draw(
    *,
    conversation_id: int,
    subscription_id: int,
    entry_number: int,
    step_key: str,
    visit_number: int,
) -> int:
    """Return the draw of a visit, 0 to 9,999: the Python twin of `DRAW`."""
    text = f"{conversation_id}:{subscription_id}:{entry_number}:{step_key}:{visit_number}"
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) % DRAWS


class Arrivals(Protocol):
    """
    The contacts of one tick that are at one step: rows of the temporary table `arrivals`.

    Beside it stands `enrolled`: how each enrollment of the tick began. A statement is
    restricted by `HERE`, names for each row its `exit` or its `due_at`, and is free to run
    twice. `settings` are the step's, as compiled (ids for names); `thread` is its thread.
    """

    @property
    def step_key(self) -> str:
        """The step they are at."""
        ...

    @property
    def thread(self) -> str:
        """The name of the thread that the step is in."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The step's compiled settings."""
        ...

    @property
    def now(self) -> datetime:
        """The tick's time."""
        ...

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is a test run: what its steps write is undone, see conductor.engine.apart."""
        ...

    @property
    def budget(self) -> Budget:
        """The time that the tick's steps may spend beside their statements."""
        ...

    def zone(self, named: str = "") -> str:
        """
        Return the SQL expression of an IANA zone: of `named`, "" = the conversation's.

        For `contact` it reads the alias `contact` and falls back to the account's.
        """
        ...

    def run(self, statement: str, /, **params: Any) -> int:
        """Run one statement over them; `now` and what HERE needs are given. Count its rows."""
        ...

    def fetch(self, statement: str, /, **params: Any) -> list[tuple[Any, ...]]:
        """Run one query over them, with the same parameters; return its rows."""
        ...

    def given(self) -> dict[str, Any]:
        """Return `now` and what HERE needs, for statements that are run elsewhere."""
        ...

    def tally(self, name: str, count: int) -> None:
        """Count something of this step that only the marketer reads; see Tally."""
        ...


HOLD = f"""
    UPDATE arrivals
    SET exit = NULL, end_reason = NULL, due_at = NULL, held_reason = %(held_reason)s
    WHERE {HERE}
"""


FIELD_IS_GONE = "the field is gone"


def hold_here(arrivals: Arrivals, reason: str, where: str = "TRUE", /, **params: Any) -> int:
    """Hold those at the step for whom `where` is true, with a reason that a marketer reads."""
    return arrivals.run(f"{HOLD} AND {where}", held_reason=reason, **params)


def fields_here(arrivals: Arrivals, ids: Iterable[int], where: str = "TRUE", /) -> bool:
    """Say whether fields are there; else hold those at the step for whom `where` is true."""
    wanted = set(ids)
    if wanted and ProfileField.objects.filter(pk__in=wanted).count() < len(wanted):
        hold_here(arrivals, FIELD_IS_GONE, where)
        return False
    return True
