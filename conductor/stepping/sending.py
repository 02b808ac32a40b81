"""What message steps have in common: when a message may go, and what is asked of all."""

from typing import Any, Literal

from pydantic import Field

from conductor.stepping.arrivals import HERE, THESE, Arrivals
from conductor.stepping.settings import StepConfig
from messaging.eligibility import OF_THIS_TICK, Verdict


class SendConfig(StepConfig):
    """When a message may not go now, or whether it went is not known."""

    quiet_hours: Literal["defer", "skip"] = "defer"
    cap: Literal["defer", "skip"] = "skip"
    unknown: Literal["park", "resend"] = "park"


# The conversation of the step, for what counts by campaign.
CONVERSATION = """(
    SELECT version.conversation_id FROM conversations_version AS version
    WHERE version.id = %(version_id)s
)"""


def send_settings() -> Any:
    """Return the default of a message step's `send`."""
    return Field(default_factory=SendConfig)


def asked_of_all(arrivals: Arrivals) -> dict[str, Any]:
    """
    Return what a message step asks `messaging.eligibility` of everybody: see Policy.email.

    A test run sends when it is run, as what is transactional does.
    """
    settings = arrivals.settings
    send = settings["send"]
    return {
        "transactional": settings["transactional"] or arrivals.is_rehearsal,
        "skips_quiet": "TRUE" if send["quiet_hours"] == "skip" else "FALSE",
        "waits_for_cap": "TRUE" if send["cap"] == "defer" else "FALSE",
        "ticked": OF_THIS_TICK,
        "conversation": CONVERSATION,
    }


def answered(verdict: Verdict) -> dict[str, str]:
    """Return the answer as the parts of a statement that writes the outbox."""
    return {
        "refusal": verdict.refusal,
        "held_reason": verdict.held_reason,
        "held_until": verdict.held_until,
        "joins": verdict.joins,
        "here": THESE if verdict.holds else HERE,
    }


def sending(arrivals: Arrivals) -> dict[str, Any]:
    """Return the parameters that every row of the outbox has; it is asked again at the claim."""
    settings = arrivals.settings
    send = settings["send"]
    return {
        "message_id": settings["committed_id"],
        "thread": arrivals.thread,
        "transactional": settings["transactional"],
        "resend_unknown": send["unknown"] == "resend",
        "skips_quiet": send["quiet_hours"] == "skip",
        "waits_for_cap": send["cap"] == "defer",
    }
