"""
Edits of a draft, one by one, as the builder makes them.

Each takes the `revision` that the page showed, changes the draft and saves it as a whole,
so that every edit can be undone by itself. New steps get a key that no step of this
conversation ever had, running versions included.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from accounts.models import ApiClient, User
from conductor.conversations.actions.drafts import document_of, save_draft
from conductor.conversations.document import (
    MOST_STEPS,
    MOST_THREADS,
    Document,
    StepNode,
    ThreadNode,
    parse_document,
    parse_step,
)
from conductor.conversations.models import Conversation, Version
from conductor.steps import step_types

By = User | ApiClient | None

# What a fresh key is made of: no vowels, no digits that look like letters.
LETTERS = "bcdfghjkmnpqrstvwxz23456789"


def add_thread(
    *, conversation: Conversation, name: str, now: datetime, revision: int, by: By = None
) -> StepNode:
    """
    Add a thread of a trigger (not chosen yet) and a terminate step; return its trigger.

    :raises InvalidValueError: for a bad or taken name, or too many threads.
    """
    document = document_of(conversation)
    if len(document.threads) >= MOST_THREADS:
        raise InvalidValueError("name", f"A conversation has at most {MOST_THREADS} threads.")
    name = _free_thread_name(document, name)
    keys = _taken_keys(conversation, document)
    first = parse_step({"key": _fresh_key("trigger", keys), "trigger": {}})
    last = parse_step({"key": _fresh_key("terminate", keys), "terminate": {}})
    threads = [*document.threads, ThreadNode(name, [first, last])]
    _save(conversation, Document(document.heading, threads), now, revision, by)
    return first


def rename_thread(
    *,
    conversation: Conversation,
    thread: str,
    name: str,
    now: datetime,
    revision: int,
    by: By = None,
) -> str:
    """
    Rename a thread; return the name as it is kept.

    :raises InvalidValueError: for a bad or taken name, or a thread that is not there.
    """
    document = document_of(conversation)
    place = _thread_place(document, thread)
    name = _free_thread_name(document, name, but=thread)
    threads = list(document.threads)
    threads[place] = replace(threads[place], name=name)
    _save(conversation, Document(document.heading, threads), now, revision, by)
    return name


def remove_thread(
    *, conversation: Conversation, thread: str, now: datetime, revision: int, by: By = None
) -> None:
    """Remove a thread with its steps; a Go To that led into it becomes a problem."""
    document = document_of(conversation)
    place = _thread_place(document, thread)
    threads = [*document.threads[:place], *document.threads[place + 1 :]]
    _save(conversation, Document(document.heading, threads), now, revision, by)


def add_step(
    *,
    conversation: Conversation,
    after: str,
    kind: str,
    now: datetime,
    revision: int,
    by: By = None,
) -> StepNode:
    """
    Add a step with empty settings behind the step `after`; return it.

    :raises InvalidValueError: for an unknown kind, a step that is not there, a place
        behind the thread's end, or too many steps.
    """
    document = document_of(conversation)
    if kind not in step_types() or kind == "trigger":
        raise InvalidValueError("kind", f"“{kind}” is no step that can be added.")
    if len(document.steps()) >= MOST_STEPS:
        raise InvalidValueError("kind", f"A conversation has at most {MOST_STEPS} steps.")
    thread, place = _step_place(document, after)
    steps = document.threads[thread].steps
    if place == len(steps) - 1 and steps[place].kind == "terminate":
        raise InvalidValueError("after", "Nothing comes after the last terminate step.")
    key = _fresh_key(kind, _taken_keys(conversation, document))
    added = parse_step({"key": key, kind: {}})
    steps = [*steps[: place + 1], added, *steps[place + 1 :]]
    _save(conversation, _with_steps(document, thread, steps), now, revision, by)
    return added


def change_step(
    *,
    conversation: Conversation,
    key: str,
    settings: Any,
    now: datetime,
    revision: int,
    name: str | None = None,
    exits: Mapping[str, str] | None = None,
    threads: Mapping[str, str] | None = None,
    by: By = None,
) -> StepNode:
    """
    Give a step new settings, as a file has them; None keeps its name and exits.

    `threads` begins one for each exit that it names ({exit: wanted name}) and leads the exit
    there: a trigger that nothing but Go Tos reach, and an end. It is one edit, undone as one.

    :raises InvalidValueError: if the step is not there, or threads or steps would be too many.
    :raises MalformedConversationError: for settings that no file may have; the paths of
        its faults begin at the step (`wait.for`).
    """
    document = document_of(conversation)
    thread, place = _step_place(document, key)
    steps = list(document.threads[thread].steps)
    former = steps[place]
    begun = _begun(conversation, document, threads or {})
    leads = {exit_name: node.steps[0].key for exit_name, node in begun.items()}
    written = {
        "key": key,
        "name": former.name if name is None else " ".join(name.split()),
        "exits": {**(former.exits if exits is None else exits), **leads},
        former.kind: settings,
    }
    steps[place] = parse_step(written)
    changed = _with_steps(document, thread, steps)
    changed = Document(changed.heading, [*changed.threads, *begun.values()])
    _save(conversation, changed, now, revision, by)
    return steps[place]


def remove_step(
    *, conversation: Conversation, key: str, now: datetime, revision: int, by: By = None
) -> None:
    """
    Remove a step; the one before it leads to the one behind it.

    :raises InvalidValueError: if it is not there, or is its thread's trigger or last end.
    """
    document = document_of(conversation)
    thread, place = _step_place(document, key)
    steps = document.threads[thread].steps
    _refuse_ends(steps, place)
    steps = [*steps[:place], *steps[place + 1 :]]
    _save(conversation, _with_steps(document, thread, steps), now, revision, by)


def move_step(
    *, conversation: Conversation, key: str, after: str, now: datetime, revision: int, by: By = None
) -> None:
    """
    Move a step behind another one, of any thread.

    :raises InvalidValueError: if either is not there, or it would leave or pass the ends
        of a thread.
    """
    document = document_of(conversation)
    thread, place = _step_place(document, key)
    steps = document.threads[thread].steps
    _refuse_ends(steps, place)
    moved = steps[place]
    if after == key:
        return
    without = _with_steps(document, thread, [*steps[:place], *steps[place + 1 :]])
    thread, place = _step_place(without, after)
    steps = without.threads[thread].steps
    if place == len(steps) - 1:
        raise InvalidValueError("after", "Nothing comes after the last terminate step.")
    steps = [*steps[: place + 1], moved, *steps[place + 1 :]]
    _save(conversation, _with_steps(without, thread, steps), now, revision, by)


def set_settings(
    *,
    conversation: Conversation,
    settings: Mapping[str, Any],
    now: datetime,
    revision: int,
    by: By = None,
) -> None:
    """
    Change top-level settings, as a file has them: {"reentry": {"after": "P90D"}, ...}.

    A value of None takes the setting back to its default.

    :raises MalformedConversationError: for a setting that no file may have.
    :raises InvalidValueError: if another conversation of the list has the new name.
    """
    written = {**conversation.draft, **settings}
    written = {name: value for name, value in written.items() if value is not None}
    _save(conversation, parse_document(written), now, revision, by)


def _save(
    conversation: Conversation, document: Document, now: datetime, revision: int, by: By
) -> None:
    save_draft(conversation=conversation, document=document, now=now, revision=revision, by=by)


def _with_steps(document: Document, thread: int, steps: list[StepNode]) -> Document:
    threads = list(document.threads)
    threads[thread] = replace(threads[thread], steps=steps)
    return Document(document.heading, threads)


def _refuse_ends(steps: list[StepNode], place: int) -> None:
    if steps[place].kind == "trigger" and place == 0:
        raise InvalidValueError("key", "A thread keeps its trigger.")
    if place == len(steps) - 1 and steps[place].kind == "terminate":
        raise InvalidValueError("key", "A thread keeps its last terminate step.")


def _thread_place(document: Document, name: str) -> int:
    for place, thread in enumerate(document.threads):
        if thread.name == name:
            return place
    raise InvalidValueError("thread", f"There is no thread “{name}”.")


def _step_place(document: Document, key: str) -> tuple[int, int]:
    for thread, node in enumerate(document.threads):
        for place, step in enumerate(node.steps):
            if step.key == key:
                return thread, place
    raise InvalidValueError("key", f"There is no step “{key}”.")


def _free_thread_name(document: Document, name: str, *, but: str = "") -> str:
    name = " ".join(name.split())
    if not name or len(name) > 120 or "\0" in name:
        raise InvalidValueError("name", "The thread needs a name of 1 to 120 characters.")
    if name != but and any(thread.name == name for thread in document.threads):
        raise InvalidValueError("name", f"There is a thread named {name} already.")
    return name


def _begun(
    conversation: Conversation, document: Document, wanted: Mapping[str, str]
) -> dict[str, ThreadNode]:
    """Return new threads that only Go Tos reach, under names that are free: {exit: thread}."""
    if not wanted:
        return {}
    if len(document.threads) + len(wanted) > MOST_THREADS:
        raise InvalidValueError("name", f"A conversation has at most {MOST_THREADS} threads.")
    if len(document.steps()) + 2 * len(wanted) > MOST_STEPS:
        raise InvalidValueError("kind", f"A conversation has at most {MOST_STEPS} steps.")
    keys = _taken_keys(conversation, document)
    names = {thread.name for thread in document.threads}
    begun = {}
    for exit_name, name in wanted.items():
        first = parse_step({"key": _fresh_key("trigger", keys), "trigger": "none"})
        last = parse_step({"key": _fresh_key("terminate", keys), "terminate": {}})
        begun[exit_name] = ThreadNode(_beside(name, names), [first, last])
    return begun


def _beside(name: str, names: set[str]) -> str:
    """Return a thread's name, numbered if there is one of it already, and take it."""
    name = " ".join(name.split())[:110]
    free, number = name, 1
    while free in names:
        number += 1
        free = f"{name} {number}"
    names.add(free)
    return free


def _taken_keys(conversation: Conversation, document: Document) -> set[str]:
    """Return every key of the draft and of all versions: reports hang on them."""
    taken = set(document.steps())
    versions = Version.objects.filter(conversation=conversation)
    for steps in versions.values_list("program__steps", flat=True):
        taken |= steps.keys()
    return taken


def _fresh_key(kind: str, taken: set[str]) -> str:
    """Return a key like `wait-k7m2` and take it."""
    while True:
        key = f"{kind}-{''.join(secrets.choice(LETTERS) for _ in range(4))}"
        if key not in taken:
            taken.add(key)
            return key
