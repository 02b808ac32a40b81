"""Durations as panels show and take them: a number of days, or ISO 8601."""

import re

from contacts.durations import Duration, InvalidDurationError, parse_duration

UNITS = {"days": "D", "weeks": "W", "months": "M", "years": "Y", "hours": "H", "minutes": "M"}
TIMED = {"hours", "minutes"}
WEEKS = re.compile(r"P([0-9]+)W")
WHOLE = re.compile(r"[+-]?[0-9]{1,5}")


def amount_and_unit(written: str) -> tuple[str, str]:
    """Return a duration as a number and a unit; the ISO text where it has several units."""
    if weeks := WEEKS.fullmatch(written):
        return weeks[1], "weeks"
    duration = parse_duration(written)
    parts = [bool(duration.months), bool(duration.days), bool(duration.seconds)]
    if sum(parts) == 1:
        if duration.days:
            return str(duration.days), "days"
        if duration.months:
            years, months = divmod(duration.months, 12)
            return (str(years), "years") if not months else (str(duration.months), "months")
        hours, rest = divmod(duration.seconds, 3600)
        if not rest:
            return str(int(hours)), "hours"
        if not duration.seconds % 60:
            return str(int(duration.seconds // 60)), "minutes"
    return written, "iso"


def read_amount(amount: str, unit: str) -> str:
    """
    Return a number and a unit as a file has the duration.

    :raises InvalidDurationError: with a sentence.
    """
    if unit == "iso" or amount.upper().startswith("P"):
        parse_duration(amount.upper())
        return amount.upper()
    if not amount.isdecimal():
        raise InvalidDurationError("How many? A whole number such as 3.")
    time = "T" if unit in TIMED else ""
    written = f"P{time}{int(amount)}{UNITS[unit]}"
    parse_duration(written)
    return written


def offset_text(written: str) -> str:
    """Return a duration as a number of days where it is one, else as it is written."""
    if not written:
        return ""
    try:
        duration = parse_duration(written, signed=True)
    except InvalidDurationError:
        return written
    return written if duration.months or duration.seconds else str(duration.days)


def read_offset(text: str) -> str:
    """Return a number of days as a signed duration; whatever else is written, as it is."""
    given = text.strip()
    if not WHOLE.fullmatch(given):
        return given.upper()
    return str(Duration(days=int(given))) if int(given) else ""


def read_length(text: str) -> str:
    """Return a number of days as a duration; whatever else is written, as it is."""
    given = text.strip()
    return f"P{int(given)}D" if WHOLE.fullmatch(given) and int(given) > 0 else given.upper()
