"""Which coupon a message of a conversation means by `coupon`."""

from typing import Any

from conductor.conversations.document import Document, StepNode


def coupons_given(document: Document) -> dict[str, Any]:
    """
    Return, by the key of each message step, the `set_coupon` whose code the message shows.

    It is the last one above it in its thread, else the conversation's first; a conversation
    without one has none.
    """
    places = [(thread.name, step) for _, thread, step in document.places()]
    given = [setting for _, step in places if (setting := coupon_set(step)) is not None]
    above: dict[str, Any] = {}
    meant: dict[str, Any] = {}
    for thread, step in places:
        setting = coupon_set(step)
        if setting is not None:
            above[thread] = setting
        elif given and step.type.message(step.config) is not None:
            meant[step.key] = above.get(thread, given[0])
    return meant


def coupon_set(step: StepNode) -> Any | None:
    """Return the setting of a step that gives a coupon, None of any other."""
    return getattr(step.config, "set_coupon", None)
