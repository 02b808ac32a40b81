"""What a list's names mean to a step, and what a step says of itself."""

from dataclasses import dataclass
from typing import Literal, Protocol

from accounts.models import List
from contacts.models import ExternalEvent, ProfileField, Segment
from messaging.models import CouponPool, PhoneList, SavedMessage, ShortCode, SmsMessage


@dataclass(frozen=True)
class StepProblem:
    """Why a well-formed step cannot run; `path` is within its settings ("" = the whole)."""

    path: str
    code: str
    text: str


@dataclass(frozen=True)
class Enterable:
    """A conversation that an action may enroll into, with the first step of each thread."""

    conversation_id: int
    threads: dict[str, str]


@dataclass(frozen=True)
class MessageUse:
    """
    The message that a step sends, as the file names it, and what it changes in it.

    `saved` is a saved message's name (email) or an SMS message's ("" for text of the
    step's own); `overrides` replace the committed content: {content key: text}.
    """

    channel: Literal["email", "sms"]
    saved: str
    overrides: dict[str, str]
    commit_latest: bool
    short_code: str = ""
    phone_list: str = ""


class Names(Protocol):
    """What a list's names mean; None is a name that does not exist on the list."""

    @property
    def zone(self) -> str:
        """The conversation's time zone: `account`, `contact` or an IANA name."""
        ...

    @property
    def list(self) -> List:
        """The conversation's list."""
        ...

    def field(self, name: str) -> ProfileField | None:
        """Find a profile field by `Group.Field`."""
        ...

    def event(self, name: str) -> ExternalEvent | None:
        """Find an external event."""
        ...

    def short_code(self, code: str) -> ShortCode | None:
        """Find a short code paired with the list."""
        ...

    def phone_list(self, code: str, name: str) -> PhoneList | None:
        """Find a phone list of a short code."""
        ...

    def sms_message(self, code: str, phone_list: str, name: str) -> SmsMessage | None:
        """Find a text message of a phone list."""
        ...

    def saved_message(self, name: str) -> SavedMessage | None:
        """Find a saved message (without its content)."""
        ...

    def has_sms_message(self, name: str) -> bool:
        """Say whether some phone list has a text message of that name."""
        ...

    def other_list(self, name: str) -> List | None:
        """Find a list of the account."""
        ...

    def segment(self, name: str) -> Segment | None:
        """Find a segment of the list."""
        ...

    def pool(self, name: str) -> CouponPool | None:
        """Find a coupon pool of the account."""
        ...

    def secret(self, name: str) -> bool:
        """Say whether the account has a secret of that name."""
        ...

    def conversation(self, name: str) -> Enterable | None:
        """Find a conversation of the list."""
        ...


def empty(path: str, text: str) -> StepProblem:
    """Return the problem of a required setting that is empty."""
    return StepProblem(path, "empty_setting", text)


def unknown(path: str, noun: str, name: str) -> StepProblem:
    """Return the problem of a name that the list does not have."""
    code = f"unknown_{noun.replace(' ', '_')}"
    return StepProblem(path, code, f"There is no {noun} named “{name}” on this list.")
