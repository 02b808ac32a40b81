"""Small things that every template uses: icons, badges, times, numbers, durations."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

# What a state means to a reader: a tone and an icon; the word itself is always shown.
STATES = {
    "subscribed": ("good", "circle-check"),
    "unsubscribed": ("", "circle-minus"),
    "pending": ("warn", "clock"),
    "active": ("good", "circle-check"),
    "blocked": ("bad", "ban"),
    "draft": ("", "circle-dashed"),
    "edits pending": ("warn", "edit"),
    "paused": ("warn", "player-pause"),
    "expired": ("", "flag"),
    "queued": ("info", "clock"),
    "deferred": ("warn", "hourglass"),
    "sending": ("info", "send"),
    "sent": ("good", "check"),
    "failed": ("bad", "circle-x"),
    "unknown": ("warn", "alert-circle"),
    "skipped": ("", "circle-minus"),
    "waiting": ("info", "clock"),
    "held": ("warn", "hand-stop"),
    "ended": ("", "flag"),
    "running": ("info", "progress"),
    "done": ("good", "circle-check"),
    "test": ("accent", "test-pipe"),
}
FAMILY_ICONS = {
    "entry": "bolt",
    "message": "mail",
    "wait": "clock",
    "decision": "arrows-split-2",
    "action": "edit",
    "end": "flag",
}
DURATION = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


@register.simple_tag
def icon(name: str, classes: str = "", label: str = "") -> SafeString:
    """
    Draw an icon of the sprite `static/icons.svg`.

    Without `label` it is decoration, hidden from screen readers.
    """
    sprite = static("icons.svg")
    css = f"icon {classes}".strip()
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}#{}"></use></svg>',
            css,
            label,
            sprite,
            name,
        )
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"></use></svg>', css, sprite, name
    )


@register.simple_tag
def badge(tone: str, icon_name: str, words: object) -> SafeString:
    """Show words on a coloured ground with an icon; tones: good warn bad info accent, or ""."""
    css = f"badge badge-{tone}" if tone else "badge"
    return format_html('<span class="{}">{}{}</span>', css, icon(icon_name), words)


@register.simple_tag
def state_badge(state: object, words: object = "") -> SafeString:
    """Show a state of ours (Subscribed, Paused, sent ...); `words` replaces its name."""
    name = str(state)
    tone, icon_name = STATES.get(name.lower(), ("", "circle-dot"))
    shown = words or name
    return badge(tone, icon_name, str(shown)[:1].upper() + str(shown)[1:])


@register.simple_tag
def family_icon(family: str, icon_name: str = "") -> SafeString:
    """Draw the tinted icon of a step family: entry message wait decision action end."""
    return format_html(
        '<span class="family-icon family-{}">{}</span>',
        family,
        icon(icon_name or FAMILY_ICONS.get(family, "circle-dot")),
    )


@register.simple_tag(takes_context=True)
def local_time(context: template.Context, value: datetime | None, style: str = "full") -> str:
    """
    Show an instant in the account's zone, with UTC on hover; nothing for None.

    Styles: `full` (Nov 22, 2026, 10:42 AM), `short` (Nov 22, 10:42 AM; the
    year, too, where it is not this one), `date`, `time`.
    """
    if value is None:
        return ""
    formats = {"full": "M j, Y, g:i A", "short": "M j, g:i A", "date": "M j, Y", "time": "g:i A"}
    zone = _zone(context)
    there = value.astimezone(zone)
    this_year = timezone.now().astimezone(zone).year  # noqa: TID251 (what a page is read at)
    if style == "short" and there.year != this_year:
        style = "full"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        value.astimezone(UTC).isoformat(timespec="seconds"),
        date_format(value.astimezone(UTC), "Y-m-d H:i:s"),
        date_format(there, formats[style]),
    )


def _zone(context: template.Context) -> tzinfo:
    account = context.get("account")
    return getattr(account, "zone", None) or timezone.get_current_timezone()


@register.filter
def duration_words(value: str | timedelta | None) -> str:
    """Turn `P3D` or `PT1H30M` (or a timedelta) into "3 days", "1 hour 30 minutes"."""
    if not value:
        return ""
    if isinstance(value, timedelta):
        return _words({"days": value.days, **_clock(value.seconds)})
    match = DURATION.fullmatch(value)
    if match is None:
        return value
    return _words({unit: int(count or 0) for unit, count in match.groupdict().items()})


def _clock(seconds: int) -> dict[str, int]:
    return {"hours": seconds // 3600, "minutes": seconds // 60 % 60, "seconds": seconds % 60}


def _words(counts: dict[str, int]) -> str:
    parts = [
        f"{count} {unit.removesuffix('s') if count == 1 else unit}"
        for unit, count in counts.items()
        if count
    ]
    return " ".join(parts) or "0 seconds"


@register.filter
def number(value: float | Decimal | str | None) -> str:
    """Write a count with thousands separators: 12,345; nothing for None or ""."""
    return "" if value is None or isinstance(value, str) else f"{value:,}"


@register.filter
def compact(value: int | None) -> str:
    """Write a count short: 987, 12.3k, 4.5M."""
    if value is None:
        return ""
    for limit, unit in ((1_000_000, "M"), (10_000, "k")):
        if value >= limit:
            scaled = value / (1_000_000 if unit == "M" else 1_000)
            return f"{scaled:.1f}".removesuffix(".0") + unit
    return f"{value:,}"


@register.filter
def lower_first(words: str) -> str:
    """Put words behind others: `Import` is `import`, but `API` stays."""
    return words if words[:2].isupper() else words[:1].lower() + words[1:]


@register.filter
def money(value: Decimal | float | None) -> str:
    """Write an amount with two decimals: 1,234.50."""
    return "" if value is None else f"{value:,.2f}"


@register.simple_tag
def percent(part: int | None, whole: int | None) -> str:
    """Write a share: 31%, <1%, or a dash where there is no whole."""
    if not whole:
        return "–"  # noqa: RUF001 - a dash, not a hyphen
    share = 100 * (part or 0) / whole
    return "<1%" if 0 < share < 1 else f"{share:.0f}%"


@register.filter
def bytes_words(value: int | None) -> str:
    """Write a size: 812 B, 4.1 KB, 23.0 MB."""
    size = float(value or 0)
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"


@register.filter
def initials(value: object) -> str:
    """Return the one or two letters of an avatar: "Acme Shoes" AS, "ada@x" A."""
    words = re.split(r"[\s@._-]+", str(value).strip())
    return "".join(word[0] for word in words[: 2 if " " in str(value) else 1] if word).upper()


@register.filter
def undo_url(extra_tags: str | None) -> str:
    """Return the address behind a message's tag `undo:/where/to/post`."""
    for tag in (extra_tags or "").split():
        if tag.startswith("undo:"):
            return tag.removeprefix("undo:")
    return ""


@register.filter
def get(mapping: Any, key: object) -> Any:
    """Look a key up in a mapping: `{{ counts|get:step.key }}`; None where it is absent."""
    try:
        return mapping[key]
    except (KeyError, IndexError, TypeError):
        return None


@register.filter
def iso_date(value: str | date | None) -> str:
    """Write an ISO date as people read it: 2026-11-22 becomes Nov 22, 2026."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            return str(value)
    return "" if value is None else date_format(value, "M j, Y")
