"""Faults: what goes wrong for one row is found, so that it stops nobody else."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import ObjectDoesNotExist
from django.db import Error, InterfaceError, OperationalError, transaction

from contacts import filters

log = logging.getLogger(__name__)

FIRST, LAST = 0, 2**63 - 1

# SQLSTATE classes. A statement that cannot run, whatever the rows: all of them are held.
BROKEN_STATEMENT = "42"
# A value too large or too deep, more memory than there is: a row's fault. Any other error of
# operation (a lost connection, a deadlock) is nobody's: the whole tick is run again.
TOO_MUCH = ("54", "53200")
FOREIGN_KEY = "23503"
# What a marketer calls the tables that a step's rows point at.
GONE = {
    "messaging_committedmessage": "the message is gone",
    "messaging_phonelist": "the phone list is gone",
    "messaging_couponpool": "the coupon pool is gone",
    "contacts_segment": "the segment is gone",
    "contacts_externalevent": "the event is gone",
    "contacts_contact": "the contact is gone",
    "contacts_subscription": "the contact is gone",
    "accounts_list": "the list is gone",
}
# Of these each row has its own; the others a step names for everybody.
OF_ONE = {"contacts_contact", "contacts_subscription"}
MOST_WORDS = 180
MOST_FRAMES = 6


@dataclass(frozen=True)
class Fault:
    """Why something failed, as a held contact's reason; `of_everybody`: for any row."""

    reason: str
    of_everybody: bool = False


def run_safely(run: Callable[[], object]) -> Fault | None:
    """
    Run within a savepoint; return the fault that undid it, or None.

    :raises OperationalError: for what is no row's fault, such as a deadlock.
    """
    try:
        with transaction.atomic():
            run()
    except filters.VanishedError as gone:
        return Fault(f"step_error {gone.reason}"[:MOST_WORDS], of_everybody=True)
    except ObjectDoesNotExist as gone:
        log.warning("A step names what is gone: %s", place_of(gone))
        return Fault("step_error what the step names is gone", of_everybody=True)
    except Error as error:
        fault = _of_database(error)
        if fault is None:
            raise
        return fault
    except Exception as error:
        # A fault of ours: it is in the log, and holds whom it concerns.
        log.error("A step failed: %s", place_of(error))
        return Fault(f"step_error {type(error).__name__}"[:MOST_WORDS])
    return None


def _of_database(error: Error) -> Fault | None:
    state = str(getattr(error.__cause__, "sqlstate", None) or "unknown")
    if isinstance(error, OperationalError | InterfaceError) and not state.startswith(TOO_MUCH):
        return None
    if state == FOREIGN_KEY:
        detail = str(getattr(getattr(error.__cause__, "diag", None), "message_detail", "") or "")
        gone = [table for table in GONE if f'"{table}"' in detail]
        reason = f"step_error {GONE[gone[0]] if gone else state}"
        return Fault(reason, of_everybody=bool(gone) and gone[0] not in OF_ONE)
    if state.startswith(BROKEN_STATEMENT):
        log.error("A statement cannot be run: %s, %s", state, place_of(error))
        return Fault(f"step_error {state}", of_everybody=True)
    return Fault(f"step_error {state}")


def place_of(error: BaseException) -> str:
    """
    Name an error and the lines that it came through, for the log.

    Not its message, which may hold what somebody wrote, nor the values of the statement; but
    that of a database that cannot be reached or has chosen a victim.
    """
    if isinstance(error, OperationalError | InterfaceError):
        return " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    lines = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
    return f"{type(error).__name__} at {' < '.join(reversed(lines))}"


def find_culprits(
    ids: list[int], attempt: Callable[[int, int], Fault | None], fault: Fault
) -> list[tuple[int, Fault]]:
    """
    Run `attempt(first id, last id)` over ever smaller parts of `ids`, in order.

    `attempt` returns None when the part is done, else the fault, having changed nothing.
    Returns the ids that fail alone, each with its fault. All of `ids` together have failed
    already, with `fault`: one that is everybody's is not looked for.
    """
    if fault.of_everybody:
        return [(row, fault) for row in ids]
    found: list[tuple[int, Fault]] = []
    parts = [ids[len(ids) // 2 :], ids[: len(ids) // 2]] if len(ids) > 1 else [ids]
    while parts:
        part = parts.pop()
        if not part:
            continue
        failed = attempt(part[0], part[-1])
        if failed is None:
            continue
        if len(part) == 1 or failed.of_everybody:
            found += [(row, failed) for row in part]
            continue
        middle = len(part) // 2
        parts += [part[middle:], part[:middle]]
    return found
