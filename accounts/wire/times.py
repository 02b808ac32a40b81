"""Date-times on the wire: the account's zone, no offset, the fraction trimmed."""

from datetime import datetime
from zoneinfo import ZoneInfo


def wire_time(moment: datetime, zone: ZoneInfo) -> str:
    """Return 2015-08-31T16:02:41.65: naive, to the millisecond, no zeros at the end."""
    local = moment.astimezone(zone) if moment.tzinfo else moment
    text = local.strftime("%Y-%m-%dT%H:%M:%S")
    # strftime drops the zeros of years before 1000.
    text = f"{local.year:04d}{text[text.index('-') :]}"
    fraction = f"{local.microsecond // 1000:03d}".rstrip("0")
    return f"{text}.{fraction}" if fraction else text
