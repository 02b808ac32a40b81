"""
Messages over one SMTP connection after the other: what breaks when, and what that means.

A connection that breaks before a message was handed over costs nothing; one that breaks
afterwards leaves the outcome unknown, since SMTP has no way to ask.
"""

from collections import deque
from collections.abc import Iterator
from email.utils import parseaddr
from functools import lru_cache
from typing import Protocol

from messaging.providers import Outcome, Outgoing, ThrottledError
from messaging.transports.dkim import Signer
from messaging.transports.smtp_line import (
    SHUTS_DOWN,
    Line,
    LineBrokenError,
    Reply,
    fit,
    is_about_us,
    is_hard_bounce,
    is_soft_bounce,
    stuffed,
)
from messaging.transports.smtp_pool import POOL

LOOK_AHEAD = 2  # messages that are ready while one travels
PUT_OFF_IN_A_ROW = 20  # so many recipients put off and none taken: it is us
NO_CONNECTION = "provider rejected (no connection)"
NO_SENDER = "invalid sender / unverified domain"
UNFIT_ADDRESS = "invalid address"
LOST = "connection lost"


class Carries(Protocol):
    """Whose messages they are: see `messaging.providers.smtp`."""

    @property
    def signer(self) -> Signer | None:
        """What signs them."""

    def open(self) -> Line:
        """Return a connection."""

    def envelope_sender(self, message: Outgoing) -> str:
        """Return whom undeliverable mail returns to."""


class Drive:
    """One thread's way through its share of a batch."""

    def __init__(self, carrier: Carries, messages: Iterator[Outgoing]) -> None:
        self.carrier = carrier
        self.messages = messages
        self.signer = carrier.signer
        self.line: Line | None = None
        # Announced to this line together with the content before it: its answers are due.
        self.announced: list[bytes] = []
        self.put_off = 0
        # What was taken and is ready: messages, and their content as it is sent.
        self.coming: deque[tuple[Outgoing, bytes]] = deque()

    def run(self) -> Iterator[Outcome]:
        """Send until there is nothing left."""
        self.look_ahead()
        while self.coming:
            message, content = self.coming.popleft()
            outcome = self.unfit(message) or self.announce(message)
            yield self.judged(outcome or self.send(message, content))
            self.look_ahead()

    def look_ahead(self) -> None:
        """Have the next two messages ready: they are put together while one travels."""
        while len(self.coming) < LOOK_AHEAD:
            message = next(self.messages, None)
            if message is None:
                return
            raw = self.signer.signed(message.raw) if self.signer is not None else message.raw
            self.coming.append((message, stuffed(raw)))

    def end(self) -> None:
        """Keep the connection for the next batch."""
        if self.line is not None:
            if self.announced:
                self.line.close()
            else:
                POOL.keep(self.line)
            self.line = None

    def unfit(self, message: Outgoing) -> Outcome | None:
        """Return the outcome of a message that no server would take."""
        if self.announced:
            return None
        if not sender_address(message.sender):
            return Outcome(message.delivery_id, "failed", NO_SENDER)
        if not fit(message.address):
            return Outcome(message.delivery_id, "failed", UNFIT_ADDRESS)
        return None

    def announce(self, message: Outgoing) -> Outcome | None:
        """Have a message announced; return its outcome if it may not be sent."""
        is_retry = False
        while True:
            is_used = self.line is not None or bool(self.announced)
            try:
                line = self.line = self.line or self.carrier.open()
                is_used = is_used or line.messages > 0
                commands, self.announced = self.announced, []
                answers = line.announce(
                    commands or self.commands(line, message), are_sent=bool(commands)
                )
                if answers[-1].code != SHUTS_DOWN and answers[0].code != SHUTS_DOWN:
                    return self.answered(line, message, answers)
                # A server may end a connection after so many messages: another one, once.
                problem = answers[0] if answers[0].code == SHUTS_DOWN else answers[-1]
            except LineBrokenError:
                problem = None
            self.drop()
            if is_retry or not is_used:
                if problem is not None:
                    raise ThrottledError(words(problem))
                return Outcome(message.delivery_id, "deferred", NO_CONNECTION)
            is_retry = True

    def commands(self, line: Line, message: Outgoing) -> list[bytes]:
        """Return the commands that announce a message."""
        return line.envelope(self.carrier.envelope_sender(message), fit(message.address))

    def answered(self, line: Line, message: Outgoing, answers: list[Reply]) -> Outcome | None:
        """Return what a refusal means for a message; None where its content may follow."""
        if not line.takes_utf8 and not message.address.rpartition("@")[0].isascii():
            self.drop()
            return refused(
                message, Reply(550, b"5.6.7 the mail server takes no international addresses"), 0
            )
        for place, reply in enumerate(answers):
            if not reply.is_good:
                if answers[-1].code == 354:
                    # It wants the content although it takes no recipient: give it none.
                    line.write(b".\r\n")
                    line.read()
                return refused(message, reply, place)
        return None

    def send(self, message: Outgoing, content: bytes) -> Outcome:
        """Send a message's content, with the announcement of the next one."""
        line = self.line
        assert line is not None  # noqa: S101 - it was announced there
        line.is_clean = True
        commands: list[bytes] = []
        following = self.coming[0][0] if self.coming else None
        if following is not None and line.is_pipelined and self.unfit(following) is None:
            commands = self.commands(line, following)
        try:
            line.write(b"".join([content, *commands]))
            self.look_ahead()
            reply = line.read()
        except LineBrokenError:
            self.drop()
            return Outcome(message.delivery_id, "unknown", LOST)
        self.announced = commands
        line.messages += 1
        if not reply.is_good:
            return refused(message, reply, 3)
        self.put_off = 0
        return Outcome(
            message.delivery_id, provider_message_id=reply.words.decode(errors="replace")[:200]
        )

    def judged(self, outcome: Outcome) -> Outcome:
        """See whether what is put off again and again is us."""
        if outcome.state == "deferred":
            self.put_off += 1
            if self.put_off >= PUT_OFF_IN_A_ROW:
                raise ThrottledError(outcome.reason)
        return outcome

    def drop(self) -> None:
        """Close the connection; what was announced on it is forgotten with it."""
        if self.line is not None:
            self.line.close()
        self.line = None
        self.announced = []


def refused(message: Outgoing, reply: Reply, place: int) -> Outcome:
    """
    Return the outcome of a message that was refused.

    :raises ThrottledError: if the server takes no more of us.
    """
    if is_about_us(reply, place):
        raise ThrottledError(words(reply))
    if reply.is_for_now:
        return Outcome(message.delivery_id, "deferred", reply.reason)
    soft = "soft" if place and is_soft_bounce(reply) else ""
    bounce = "hard" if is_hard_bounce(reply, place) else soft
    return Outcome(message.delivery_id, "failed", reply.reason, bounce=bounce)


def words(reply: Reply) -> str:
    """Return a refusal for the provider's page."""
    said = " ".join(reply.words.decode(errors="replace").split())[:300]
    return f"The mail server takes no more for now: {reply.code} {said}"


@lru_cache(maxsize=1_000)
def sender_address(sender: str) -> str:
    """Return the address of `Name <address>`; "" for one that no server would take."""
    return fit(parseaddr(sender)[1])
