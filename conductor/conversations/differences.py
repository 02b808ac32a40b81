"""What a draft changes in the version that runs, step by step, in words."""

from dataclasses import dataclass
from typing import Any, Literal

from conductor.conversations.document import Document, StepNode, parse_document
from conductor.conversations.drawing import card_text
from conductor.conversations.models import Conversation

Change = Literal["added", "removed", "changed", "moved", "settings"]
SETTINGS = {
    "conversation": "Name",
    "description": "Description",
    "reentry": "Re-entry",
    "time_zone": "Time zone",
    "expires": "Expires",
    "campaign": "Campaign",
    "while_in": "Entering again while inside",
    "on_unsubscribe": "On unsubscribe",
    "exit_when": "Leaves when",
    "goal": "Goal",
}


@dataclass(frozen=True)
class Difference:
    """One change: of a step (its thread and label), or of a setting."""

    change: Change
    thread: str
    label: str
    family: str
    icon: str
    before: str
    after: str
    note: str = ""


def find_differences(conversation: Conversation) -> list[Difference]:
    """Return what publishing would change; everything is new where nothing runs."""
    draft = parse_document(conversation.draft)
    version = conversation.published
    if version is None:
        return [_of_step("added", draft, step, after=step) for step in draft.steps().values()]
    running = parse_document(version.document)
    old, new = running.steps(), draft.steps()
    found = _settings(conversation.draft, version.document)
    for key, step in new.items():
        if key not in old:
            found.append(_of_step("added", draft, step, after=step))
            continue
        recommitted = conversation.commits.get(key) != version.commits.get(key)
        if old[key].write() != step.write() or recommitted:
            note = "The message was committed anew." if recommitted else ""
            found.append(_of_step("changed", draft, step, before=old[key], after=step, note=note))
    found += [
        _of_step("removed", running, step, before=step)
        for key, step in old.items()
        if key not in new
    ]
    return found + _moved(running, draft)


def _settings(draft: dict[str, Any], running: dict[str, Any]) -> list[Difference]:
    return [
        Difference(
            "settings", "", label, "entry", "settings", _said(running, name), _said(draft, name)
        )
        for name, label in SETTINGS.items()
        if draft.get(name) != running.get(name)
    ]


def _said(document: dict[str, Any], name: str) -> str:
    value = document.get(name, "")
    return f"after {value['after']}" if isinstance(value, dict) else str(value)


def _moved(running: Document, draft: Document) -> list[Difference]:
    """Find threads whose common steps stand in another order or thread."""
    places = {step.key: thread.name for _, thread, step in draft.places()}
    before = [step for _, thread, step in running.places() if step.key in places]
    order = [key for key in places if key in running.steps()]
    if [step.key for step in before] == order:
        return []
    threads = {step.key: thread.name for _, thread, step in running.places()}
    return [
        _of_step("moved", draft, draft.steps()[key], after=draft.steps()[key])
        for place, key in enumerate(order)
        if before[place].key != key or threads[key] != places[key]
    ]


def _of_step(
    change: Change,
    document: Document,
    step: StepNode,
    *,
    before: StepNode | None = None,
    after: StepNode | None = None,
    note: str = "",
) -> Difference:
    steps = document.steps()
    thread = next(thread.name for _, thread, found in document.places() if found.key == step.key)
    said = {
        side: card_text(node, steps) if node is not None else ""
        for side, node in (("before", before), ("after", after))
    }
    return Difference(
        change,
        thread,
        step.type.label,
        step.type.family,
        step.type.icon,
        said["before"],
        said["after"],
        note
        or ("Its settings changed." if said["before"] == said["after"] != "" and before else ""),
    )
