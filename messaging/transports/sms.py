"""SMS providers over HTTP: what they have in common."""

import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from messaging import tokens
from messaging.providers import Carrier, Outcome, Outgoing, ProviderError, ThrottledError
from messaging.transports.kept_http import (
    HttpAnswer,
    KeptCalls,
    UnansweredError,
    UnreachedError,
    kept_calls,
)

SECONDS = 20.0
LOST = "connection lost"
TURNED_AWAY = {429, 503}  # said at the door: the message was not taken
# The token of a delivery in the address that is called back about it.
DELIVERY = "d"
DIGITS = re.compile(r"\d{10,15}")


@dataclass(frozen=True)
class SmsCall:
    """One message as a call."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class SmsCarrier(Carrier):
    """A provider of texts that is called once a message, several at a time."""

    channels = ("sms",)
    icon = "device-mobile"
    batch_size = 400
    connections = 20
    calls_back = True

    @abstractmethod
    def call(self, message: Outgoing) -> SmsCall:
        """Return the call that hands a message over."""

    @abstractmethod
    def outcome(self, message: Outgoing, answer: HttpAnswer) -> Outcome:
        """
        Return what an answer means for a message.

        :raises ProviderError: if it means us.
        """

    def carry(self, messages: Iterator[Outgoing], *, now: datetime) -> Iterator[Outcome]:
        """Call once a message over one connection."""
        with kept_calls(seconds=SECONDS) as calls:
            for message in messages:
                outcome = self.send_one(calls, message)
                yield outcome
                if outcome.problem:
                    raise ThrottledError(outcome.problem)

    def send_one(self, calls: KeptCalls, message: Outgoing) -> Outcome:
        """Hand one message over."""
        call = self.call(message)
        try:
            answer = calls.call(call.method, call.url, headers=call.headers, body=call.body)
        except UnreachedError as unreached:
            raise ProviderError(f"{self.label} cannot be reached: {unreached}") from unreached
        except UnansweredError:
            return Outcome(message.delivery_id, "unknown", LOST)
        self.refuse_us(answer)
        if answer.status >= 500:  # a server that failed may have taken the message before
            problem = f"{self.label} answers {answer.status}."
            return Outcome(message.delivery_id, "unknown", LOST, problem=problem)
        return self.outcome(message, answer)

    def callback_for(self, message: Outgoing) -> str:
        """
        Return where to call back about one message; "" where nobody can.

        It names the delivery: what the provider calls it may be in an answer that is lost.
        """
        if not self.callback or not message.delivery_id:
            return self.callback
        token = tokens.sign("delivery", message.account_id, message.delivery_id)
        return f"{self.callback}?{DELIVERY}={token}"

    def refuse_us(self, answer: HttpAnswer) -> None:
        """
        See whether an answer speaks of our standing, not of one message.

        :raises ProviderError: if it does.
        """
        if answer.status in {401, 403}:
            raise ProviderError(f"{self.label} did not accept the credentials ({answer.status}).")
        if answer.status in TURNED_AWAY:
            raise ThrottledError(
                f"{self.label} takes no more for now ({answer.status}).",
                retry_after=retry_after(answer),
            )


def retry_after(answer: HttpAnswer) -> float | None:
    """Return after how many seconds a provider may be asked again, if it says so."""
    said = {name.lower(): value for name, value in answer.headers.items()}.get("retry-after", "")
    try:
        return max(1.0, float(said)) if said else None
    except ValueError:
        return None


def number_of(code: str) -> str:
    """Return a sender code as providers take it: short codes as they are, numbers as E.164."""
    bare = re.sub(r"[\s()./-]", "", code)
    if not DIGITS.fullmatch(bare):
        return bare
    return f"+1{bare}" if len(bare) == 10 else f"+{bare}"
