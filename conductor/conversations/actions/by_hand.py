"""
What a marketer does to contacts by hand: enter, move on, skip a wait, end.

Nothing is moved here. What was decided is written down (a fact for the intake, `told` on
the enrollment), and the next tick carries it out like everything else; so a paused
conversation carries it out when it is resumed. Doing it twice changes nothing. Of many, the
first are counted at once and the rest follows in batches (actions.errands).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from conductor.conversations.actions.errands import ENTER, TELL, By, run
from conductor.conversations.actions.publishing import NotPublishedError
from conductor.conversations.models import Conversation, Version
from conductor.conversations.program import entry_into
from contacts.models import Contact, Segment

END = "!end"
# What leads on where nobody said otherwise, the first that a step has.
ONWARD = ("next", "timed_out", "happened")
WAITS = ("wait", "wait_for")


@dataclass(frozen=True)
class Chosen:
    """
    Whom: one enrollment, one contact, a segment of the list, or those at a step.

    What is given must all hold. `step_key` also guards a click on an old page: who has
    moved on meanwhile is left alone.
    """

    enrollment_id: int | None = None
    contact: Contact | None = None
    segment: Segment | None = None
    step_key: str = ""


def enter_by_hand(
    *,
    conversation: Conversation,
    chosen: Chosen,
    now: datetime,
    thread: str = "",
    by: By = None,
) -> int:
    """
    Let a contact, or a segment, in at the start of a thread ("" = the first); count them.

    Neither the trigger nor its filter is asked; the list, the end of the conversation,
    re-entry and whether they are inside are. Who is refused is kept with the reason.

    :raises NotPublishedError: if nothing runs.
    :raises InvalidValueError: field `thread` for one that the running version has not,
        `segment` for one whose rule names what is gone.
    """
    version: Version | None = conversation.published
    if version is None:
        raise NotPublishedError
    step_key = _entry(version, thread)
    asked = {**_whom(chosen), "act": ENTER, "step_key": step_key}
    return run(conversation, asked, verb="entered by hand", now=now, by=by)


def end_by_hand(*, conversation: Conversation, chosen: Chosen, now: datetime, by: By = None) -> int:
    """End those chosen who are inside, where they are; return how many."""
    return _tell("ended by hand", conversation, chosen, lambda _key, _step: END, now=now, by=by)


def skip_wait(*, conversation: Conversation, chosen: Chosen, now: datetime, by: By = None) -> int:
    """Let those chosen who stand at a wait go on now; return how many."""
    return _tell(
        "wait skipped",
        conversation,
        chosen,
        lambda _key, step: onward(step) if step["kind"] in WAITS else None,
        now=now,
        by=by,
    )


def move_on(
    *, conversation: Conversation, chosen: Chosen, now: datetime, exit: str = "", by: By = None
) -> int:
    """
    Let those chosen leave the step they are at by an exit ("" = the way on); count them.

    The step is not run: a message that it holds is not sent. Who is at a step without that
    exit is left alone.

    :raises InvalidValueError: field `exit` for one that no step of theirs has.
    """
    versions = Version.objects.filter(conversation=conversation)
    known = {
        name for version in versions for step in _steps(version).values() for name in step["exits"]
    }
    if exit and exit not in known:
        raise InvalidValueError("exit", f"No step of this conversation has an exit “{exit}”.")
    return _tell(
        "moved on by hand",
        conversation,
        chosen,
        lambda _key, step: onward(step) if not exit else exit if exit in step["exits"] else None,
        now=now,
        by=by,
    )


def onward(step: Mapping[str, Any]) -> str | None:
    """Return the exit that leads on from a compiled step; None at an end."""
    exits = step["exits"]
    return next((name for name in ONWARD if name in exits), next(iter(exits), None))


def _tell(
    verb: str,
    conversation: Conversation,
    chosen: Chosen,
    decide: Callable[[str, Mapping[str, Any]], str | None],
    *,
    now: datetime,
    by: By,
) -> int:
    """Write down for each of those chosen by which exit it leaves in the next tick."""
    ways = [
        {"version_id": version.pk, "step_key": key, "told": told}
        for version in Version.objects.filter(conversation=conversation)
        for key, step in _steps(version).items()
        for told in [decide(key, step)]
        if told is not None and (not chosen.step_key or chosen.step_key == key)
    ]
    asked = {**_whom(chosen), "act": TELL, "ways": ways}
    return run(conversation, asked, verb=verb, now=now, by=by)


def _whom(chosen: Chosen) -> dict[str, Any]:
    one = {}
    if chosen.enrollment_id is not None:
        one["enrollment_id"] = chosen.enrollment_id
    if chosen.contact is not None:
        one["contact_id"] = chosen.contact.pk
    return {"segment_id": chosen.segment.pk if chosen.segment else None, "one": one}


def _steps(version: Version) -> dict[str, dict[str, Any]]:
    steps: dict[str, dict[str, Any]] = version.program["steps"]
    return steps


def _entry(version: Version, thread: str) -> str:
    found = entry_into(version.program["entries"], thread)
    if found is None:
        raise InvalidValueError("thread", f"The running version has no thread “{thread}”.")
    return found


def named_exits(versions: Iterable[Version], key: str) -> list[str]:
    """Return the exits that a step has in some versions, in order, each once."""
    names = [name for version in versions for name in _steps(version).get(key, {}).get("exits", {})]
    return list(dict.fromkeys(names))
