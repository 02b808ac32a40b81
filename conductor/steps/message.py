"""Send an email: a copy of a saved message, as it was when it was committed.

Later edits of the saved message change nothing here until it is committed again. Who has no
subscription or may not be written to is skipped, with the reason, and goes on. The step does
not wait for the delivery.
"""

from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from accounts.actions import InvalidValueError
from conductor.steps import (
    Arrivals,
    MessageUse,
    Names,
    NameText,
    SendConfig,
    StepConfig,
    StepProblem,
    StepType,
    answered,
    asked_of_all,
    empty,
    send_settings,
    sending,
    unknown,
)
from messaging import eligibility
from messaging.actions.messages import check_email

# Whoever has vanished from the list meanwhile still gets a row, with the reason.
WRITE_EMAILS = """
    INSERT INTO outbox (
        enrollment_id, version_id, contact_id, channel, message_id, address, reason, held_reason,
        held_until, thread, step_key, visit_number, wave, is_transactional, resend_unknown,
        waits_for_cap, skips_quiet
    )
    SELECT
        arrivals.enrollment_id,
        arrivals.version_id,
        contact.id,
        'email',
        %(message_id)s,
        coalesce(contact.email_norm, ''),
        {refusal},
        {held_reason},
        {held_until},
        %(thread)s,
        arrivals.step_key,
        arrivals.visit_number,
        arrivals.wave,
        %(transactional)s,
        %(resend_unknown)s,
        %(waits_for_cap)s,
        %(skips_quiet)s
    FROM arrivals
    LEFT JOIN contacts_subscription AS subscription
        ON subscription.id = arrivals.subscription_id
    LEFT JOIN contacts_contact AS contact ON contact.id = arrivals.contact_id
    {joins}
    WHERE {here}
"""
OVERRIDES = ("subject", "preheader", "from_name", "from_email", "reply_to")

Address = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^(?:[^@\s<>,;]+@[^@\s<>,;]+)?$")
]


class MessageConfig(StepConfig):
    """Which saved message, and what to change in it."""

    saved_message: NameText = ""
    subject: NameText = ""
    preheader: NameText = ""
    from_name: Annotated[str, StringConstraints(max_length=120)] = ""
    from_email: Address = ""
    reply_to: Address = ""
    transactional: bool = False
    send: SendConfig = send_settings()
    # An instruction to whoever saves the file, never kept: commit the message as it is now.
    commit: Literal["", "latest"] = ""

    def write(self) -> Any:
        """Return the settings as a file has them."""
        return self.model_dump(by_alias=True, exclude_defaults=True, exclude={"commit"})


class Message(StepType[MessageConfig]):
    """Send an email."""

    kind = "message"
    passes = "next"
    label = "Message Step"
    family = "message"
    icon = "mail"
    keywords = ("Email",)
    Config = MessageConfig

    def sentence(self, config: MessageConfig) -> str:
        """Name the message."""
        return f"Send “{config.saved_message}”" if config.saved_message else "Choose a message"

    def problems(self, config: MessageConfig, names: Names) -> list[StepProblem]:
        """Find a missing or unknown message, and changes that cannot be sent."""
        found = _override_problems(self.message(config).overrides)
        if not config.saved_message:
            return [empty("saved_message", "Choose the message to send."), *found]
        if names.saved_message(config.saved_message) is None:
            return [unknown("saved_message", "message", config.saved_message), *found]
        return found

    def compile(self, config: MessageConfig, names: Names) -> dict[str, Any]:
        """Return how to send; what is sent is added from the step's commit."""
        return {"transactional": config.transactional, "send": config.send.model_dump()}

    def execute(self, arrivals: Arrivals) -> None:
        """Write a delivery for each contact: queued, deferred or skipped with its reason."""
        verdict = eligibility.load_policy(now=arrivals.now).email(**asked_of_all(arrivals))
        arrivals.run(
            WRITE_EMAILS.format(**answered(verdict)), **sending(arrivals), **verdict.params
        )

    def message(self, config: MessageConfig) -> MessageUse:
        """Return the saved message and what the step changes in it."""
        written = config.model_dump(include=set(OVERRIDES), exclude_defaults=True)
        return MessageUse("email", config.saved_message, written, bool(config.commit))


def _override_problems(overrides: dict[str, str]) -> list[StepProblem]:
    """Find templates that do not compile."""
    found = []
    for part, text in overrides.items():
        try:
            check_email({part: text})
        except InvalidValueError as fault:
            found.append(StepProblem(part, "template", fault.message))
    return found


STEP = Message()
