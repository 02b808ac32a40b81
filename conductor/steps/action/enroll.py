"""Enroll the contact into a thread of another conversation of this list.

It enters a moment later, without its trigger being asked; whether it may enter again, and
that it is on the list, is asked. A conversation that is not published at that moment takes
nobody: the refusal is kept there, and the contact goes on here.
"""

from collections.abc import Mapping
from typing import Any

from accounts.tenancy.wake import wake
from conductor.steps import (
    THESE,
    Arrivals,
    Names,
    NameText,
    StepConfig,
    StepProblem,
    empty,
    hold_here,
    unknown,
)
from conductor.steps.action.act import Act

# What runs now decides: the thread's first step may be another than when this was drawn.
DOOR = """
    SELECT
        version.id IS NOT NULL AS is_published,
        (
            SELECT entry.key
            FROM jsonb_each_text(version.program -> 'entries') AS entry
            WHERE entry.value = %(thread)s
            ORDER BY entry.key
            LIMIT 1
        ) AS step_key
    FROM conversations_conversation AS conversation
    LEFT JOIN conversations_version AS version ON version.id = conversation.published_id
    WHERE conversation.id = %(conversation_id)s
"""
QUEUE = f"""
    INSERT INTO contacts_intake (
        conversation_id, kind, contact_id, subscription_id, step_key, occurred_at, recorded_at,
        method, properties, depth
    )
    SELECT
        %(conversation_id)s, 'enroll', arrivals.contact_id, arrivals.subscription_id,
        %(first_step)s, %(now)s, %(now)s, 'action', '{{}}'::jsonb, (enrolled.depth + 1)::smallint
    FROM arrivals
    INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id
    WHERE {THESE}
    ORDER BY arrivals.enrollment_id
"""
REFUSE = f"""
    INSERT INTO conversations_refusal (conversation_id, contact_id, kind, reason, refused_at)
    SELECT %(conversation_id)s, arrivals.contact_id, 'enroll', 'not published', %(now)s
    FROM arrivals
    WHERE {THESE}
    ORDER BY arrivals.enrollment_id
"""


class Enroll(StepConfig):
    """A conversation of the list, and one of its threads."""

    conversation: NameText = ""
    thread: NameText = ""


class EnrollAct(Act[Enroll]):
    """Let into another conversation."""

    name = "enroll"
    place = 9
    label = "Enroll into another conversation"
    Setting = Enroll

    def sentence(self, setting: Enroll) -> str:
        """Name conversation and thread."""
        if not setting.conversation:
            return ""
        return f"Enroll into {setting.conversation}" + (
            f", {setting.thread}" if setting.thread else ""
        )

    def problems(self, setting: Enroll, names: Names) -> list[StepProblem]:
        """Find a missing or unknown conversation or thread."""
        if not setting.conversation:
            return [empty("enroll.conversation", "Choose the conversation.")]
        found = names.conversation(setting.conversation)
        if found is None:
            return [unknown("enroll.conversation", "conversation", setting.conversation)]
        if not setting.thread:
            return [empty("enroll.thread", "Choose the thread.")]
        if setting.thread not in found.threads:
            text = f"“{setting.conversation}” has no thread named “{setting.thread}”."
            return [StepProblem("enroll.thread", "unknown_thread", text)]
        return []

    def compile(self, setting: Enroll, names: Names) -> dict[str, Any]:
        """Return the conversation's id; the thread is looked up when the step runs."""
        found = names.conversation(setting.conversation)
        if found is None:
            raise ValueError("Only a step without problems is compiled.")
        return {"conversation_id": found.conversation_id, "thread": setting.thread}

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Queue everybody here at the other conversation."""
        conversation_id = settings["conversation_id"]
        found = arrivals.fetch(DOOR, conversation_id=conversation_id, thread=settings["thread"])
        if not found:
            hold_here(arrivals, "the conversation is gone")
            return
        is_published, first_step = found[0]
        if not is_published:
            arrivals.run(REFUSE, conversation_id=conversation_id)
            return
        if first_step is None:
            hold_here(arrivals, "the thread is gone")
            return
        if arrivals.run(QUEUE, conversation_id=conversation_id, first_step=first_step):
            wake("advance")


ACT = EnrollAct()
