"""A kind's settings: how they are read from a file, and the texts that stand in them."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from conductor.stepping.keys import KEY_PATTERN, TAKEN_EXITS
from contacts.durations import InvalidDurationError, is_zone, parse_duration

EARLIEST_YEAR, LATEST_YEAR = 1970, 2200


class StepConfig(BaseModel):
    """
    A kind's settings, read from and written to the conversation file.

    Fields stand in the order of the file format's page; a default is left out when
    written. An empty required setting is no fault here but a problem of the step.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    @classmethod
    def read(cls, written: Any) -> Self:
        """Read the settings as a file has them; raises pydantic's ValidationError."""
        return cls.model_validate(written)

    def write(self) -> Any:
        """Return the settings as a file has them, defaults left out."""
        return self.model_dump(by_alias=True, exclude_defaults=True)


def invalid(text: str) -> PydanticCustomError:
    """Return the error that a validator raises: a sentence."""
    return PydanticCustomError("invalid", "{text}", {"text": text})


def shape(value: object) -> str:
    """Say how a value is written, for settings that take several shapes (a Discriminator)."""
    if isinstance(value, dict | BaseModel):
        return "mapping"
    return "list" if isinstance(value, list) else "literal"


def _duration(written: str) -> str:
    try:
        parse_duration(written)
    except InvalidDurationError as fault:
        raise invalid(str(fault)) from fault
    # Kept as written: P2W stays P2W in the file.
    return written


def _offset(written: str) -> str:
    try:
        offset = parse_duration(written, signed=True)
    except InvalidDurationError as fault:
        raise invalid(str(fault)) from fault
    if offset.seconds:
        raise invalid("An offset is in days or more, such as -P3D.")
    return written


def _moment(written: str) -> str:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as fault:
        raise invalid(f"{written!r} is no date-time such as 2026-12-24T09:00:00.") from fault
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise invalid(f"A date-time lies between {EARLIEST_YEAR} and {LATEST_YEAR}.")
    return written


def _zone(written: str) -> str:
    if written not in {"", "account", "contact"} and not is_zone(written):
        raise invalid(f"{written!r} is no time zone: account, contact or an IANA name.")
    return written


def _exit_name(written: str) -> str:
    if written in TAKEN_EXITS:
        raise invalid(f"“{written}” is taken: choose another name.")
    return written


def _empty_or(pattern: str) -> str:
    return rf"^(?:{pattern})?$"


# "" is not set yet.
DurationText = Annotated[str, AfterValidator(lambda text: _duration(text) if text else "")]


OffsetText = Annotated[str, AfterValidator(lambda text: _offset(text) if text else "")]


MomentText = Annotated[str, AfterValidator(lambda text: _moment(text) if text else "")]


ZoneText = Annotated[str, AfterValidator(_zone)]


TargetKey = Annotated[str, StringConstraints(pattern=_empty_or(KEY_PATTERN))]


NameText = Annotated[str, StringConstraints(max_length=250)]


# What a marketer calls a way out: no blank at its ends, no two in a row.
ExitName = Annotated[
    str, StringConstraints(max_length=100, pattern=r"^\S+(?: \S+)*$"), AfterValidator(_exit_name)
]


TimeText = Annotated[
    str, StringConstraints(pattern=_empty_or(r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"))
]
