"""What message steps have in common: when a message may go, and what is asked of all."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from conductor.stepping.settings import StepConfig
from messaging.eligibility import OF_THIS_TICK


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


def asked_of_all(send: Mapping[str, Any]) -> dict[str, str]:
    """Return what a message step asks `messaging.eligibility` of everybody: see Policy.email."""
    return {
        "skips_quiet": "TRUE" if send["quiet_hours"] == "skip" else "FALSE",
        "waits_for_cap": "TRUE" if send["cap"] == "defer" else "FALSE",
        "ticked": OF_THIS_TICK,
        "conversation": CONVERSATION,
    }


def sending(send: Mapping[str, Any]) -> dict[str, bool]:
    """Return the same as parameters of the outbox: it is asked again at the claim."""
    return {
        "resend_unknown": send["unknown"] == "resend",
        "skips_quiet": send["quiet_hours"] == "skip",
        "waits_for_cap": send["cap"] == "defer",
    }
