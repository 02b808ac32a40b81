"""Records of a contact file as typed rows for the stage."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any

from accounts.actions import InvalidValueError
from accounts.models import List
from contacts.actions.crowd import Person
from contacts.actions.people import LENGTHS
from contacts.actions.profile import append_text
from contacts.durations import is_zone
from contacts.identity import (
    DEFAULT_REGION,
    normalise_email,
    normalise_phone,
    read_date,
    typed_email,
)
from contacts.imports.columns import Texts, column_targets
from contacts.imports.faults import RowFaultError
from contacts.models import ExternalEvent, ProfileField
from contacts.models.event import ExternalEventStatus
from contacts.values import TEXT_TYPES, Value, reader_of

# What a spreadsheet would calculate: never a value of a person's.
FORMULA = re.compile(r"\s*(?:=|[+\-@][^\d+\-@]*[(!|])")
SIGNS = "=+-@"
SHOWN = 60

Setter = Callable[["Row", str], None]
# (column, default, the column's name in messages, setter)
Setters = list[tuple[int, str, str, Setter]]


@dataclass(slots=True)
class Row(Person):
    """A row of the stage: the person, and what the file says of them on the list."""

    external_contact_id: str = ""
    profile: dict[str, Any] = field(default_factory=dict)
    event_ids: list[int] = field(default_factory=list)
    row_count: int = 1
    others: dict[str, str] = field(default_factory=dict)
    raw: str = ""


class RowReader:
    """Reads the cells of one file's records by its mapping."""

    def __init__(
        self,
        *,
        list: List,
        columns: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
        width: int,
        header: Sequence[str] = (),
    ) -> None:
        self._list = list
        self._options = options
        self._width = width
        self._region = str(options.get("region") or DEFAULT_REGION)
        self._events = _Events(list)
        self._update_type = str(options.get("update_type") or "Update")
        fields = ProfileField.objects.filter(list=list).in_bulk()
        self.fields: dict[str, ProfileField] = {}
        self.targets: set[str] = set()
        self.other_targets: Texts = []
        self._setters: Setters = []
        for column in columns:
            number, target = int(column["column"]), str(column["target"])
            name = header[number] if number < len(header) else ""
            default = str(column.get("default") or "")
            setter = self._setter(target, fields)
            self._setters.append((number, default, name or f"column {number + 1}", setter))
            self.targets.add(target)
        self._needed = width or 1 + max(int(column["column"]) for column in columns)

    def read(self, line: int, cells: Sequence[str]) -> Row:
        """
        Return a record as a row.

        :raises RowFaultError: with the column's name in the message.
        """
        if len(cells) != self._needed:
            self._check_width(cells)
        row = Row(line)
        for number, default, name, setter in self._setters:
            if text := cells[number].strip() or default:
                if text[0] in SIGNS:
                    _refuse_formula(name, text)
                try:
                    setter(row, text)
                except InvalidValueError as bad:
                    raise RowFaultError(bad.field, f"{name}: {bad.message}") from bad
        if not row.identity:
            raise RowFaultError("no_email", "The line names nobody: it has no email address.")
        return row

    def merge(self, into: Row, row: Row) -> None:
        """Let a later row of the same person follow an earlier one."""
        into.line = row.line
        into.row_count += row.row_count
        into.event_ids += row.event_ids
        into.others |= row.others
        for name in ("external_contact_id", *Person.__slots__[2:]):
            if getattr(row, name):
                setattr(into, name, getattr(row, name))
        if self._update_type == "Overwrite":
            into.profile = row.profile
        elif self._update_type == "Append":
            for key, value in row.profile.items():
                into.profile[key] = self._appended(key, into.profile.get(key), value)
        else:
            into.profile |= row.profile

    def _appended(self, key: str, stored: Any, value: Any) -> Any:
        field = self.fields[key]
        if stored is None or field.data_type not in TEXT_TYPES:
            return value
        # Kept apart until the stored text is known: the database adds part by part.
        return append_text(stored, str(value), 0)

    def _check_width(self, cells: Sequence[str]) -> None:
        if len(cells) < self._needed:
            raise RowFaultError("columns", f"The line has {len(cells)} of {self._needed} columns.")
        if self._width and any(cell.strip() for cell in cells[self._width :]):
            raise RowFaultError(
                "columns", f"The line has {len(cells)} columns, the header {self._width}."
            )

    def _setter(self, target: str, fields: Mapping[int, ProfileField]) -> Setter:
        word, _, argument = target.partition(":")
        if word == "field":
            self.fields[argument] = fields[int(argument)]
            return _field_setter(argument, reader_of(fields[int(argument)]))
        if word in column_targets():
            return self._other_setter(target, word, argument)
        setters: dict[str, Setter] = {
            "email": _set_email,
            "phone": self._set_phone,
            "customer_number": _text_setter("external_id", LENGTHS["external_id"]),
            "external_id": _text_setter("external_contact_id", 100),
            "time_zone": _set_zone,
            "birthday": _set_birthday,
            "event": self._set_events,
        }
        return setters[word] if word in setters else _text_setter(word, LENGTHS[word])

    def _other_setter(self, target: str, word: str, argument: str) -> Setter:
        read = column_targets()[word].reader(self._list, argument, self._options)
        self.other_targets.append(target)

        def set_other(row: Row, text: str) -> None:
            value = read(text)
            row.others[target] = value
            row.phone_e164 = row.phone_e164 or value

        return set_other

    def _set_phone(self, row: Row, text: str) -> None:
        row.phone_e164 = normalise_phone(text, self._region)

    def _set_events(self, row: Row, text: str) -> None:
        row.event_ids.extend(self._events.read(text))


class _Events:
    """The list's external events by id and by name."""

    def __init__(self, list: List) -> None:
        self._by_text: dict[str, tuple[int, ...]] = {}
        self._by_name: dict[str, ExternalEvent] = {}
        events = ExternalEvent.objects.filter(list=list).order_by("-pk")
        for event in events:
            self._by_name[event.name.strip().lower()] = event
        for event in events:
            self._by_name.setdefault(str(event.pk), event)

    def read(self, text: str) -> tuple[int, ...]:
        """Return the ids of the events that a cell names, separated by commas."""
        if text not in self._by_text:
            if len(self._by_text) > 10_000:
                self._by_text.clear()
            whole = self._by_name.get(text.lower())
            self._by_text[text] = (
                (self._active(whole),) if whole else tuple(map(self._named, _parts(text)))
            )
        return self._by_text[text]

    def _named(self, name: str) -> int:
        event = self._by_name.get(name.lower())
        if event is None:
            raise InvalidValueError("event", f"the list has no external event {_shown(name)}.")
        return self._active(event)

    def _active(self, event: ExternalEvent) -> int:
        if event.status == ExternalEventStatus.BLOCKED:
            raise InvalidValueError("event", f"the event {event.name} is blocked.")
        return event.pk


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _set_email(row: Row, text: str) -> None:
    row.email_norm = normalise_email(text)
    row.email = typed_email(text, row.email_norm)


def _set_zone(row: Row, text: str) -> None:
    if not is_zone(text):
        raise InvalidValueError("timeZone", f"{_shown(text)} is no IANA time zone.")
    row.time_zone = text


def _set_birthday(row: Row, text: str) -> None:
    row.birthday = read_date(text).isoformat()


def _text_setter(attribute: str, longest: int) -> Setter:
    def set_text(row: Row, text: str) -> None:
        if len(text) > longest:
            raise InvalidValueError(attribute, f"at most {longest} characters are taken.")
        setattr(row, attribute, text)

    return set_text


def _field_setter(key: str, read: Callable[[str], Value]) -> Setter:
    def set_field(row: Row, text: str) -> None:
        row.profile[key] = read(text)

    return set_field


class Encoder:
    """Writes rows as lines of COPY's text format, with those columns alone that occur."""

    def __init__(self, columns: Collection[str]) -> None:
        texts = [column for column in TEXT_COLUMNS if column in columns]
        rest = [column for column in OTHER_COLUMNS if column in columns]
        self.columns = ", ".join(["line", "profile", *texts, *rest])
        self._texts = attrgetter("email_norm", "email", *texts)
        self._rest = [(column, OTHER_COLUMNS[column]) for column in rest]

    def encode(self, row: Row) -> str:
        """Return one line, its line feed included."""
        text = "\0".join((_json(row.profile), *self._texts(row)[2:]))
        if "\\" in text:
            text = text.replace("\\", "\\\\")
        if "\t" in text or "\n" in text or "\r" in text:
            text = text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
        cells = [str(row.line), text.replace("\0", "\t")]
        cells += [write(getattr(row, column)) for column, write in self._rest]
        return "\t".join(cells) + "\n"


def _json(profile: Mapping[str, Any]) -> str:
    values = [
        f'"{key}":{encode_basestring(value) if isinstance(value, str) else repr(value)}'
        for key, value in profile.items()
    ]
    return f"{{{','.join(values)}}}"


TEXT_COLUMNS = (
    "email",
    "email_norm",
    "external_id",
    "phone_e164",
    "first_name",
    "last_name",
    "time_zone",
    "locale",
    "postal_code",
    "external_contact_id",
    "raw",
)
OTHER_COLUMNS: Mapping[str, Callable[[Any], str]] = {
    "birthday": lambda day: day or "\\N",
    "event_ids": lambda ids: f"{{{','.join(map(str, ids))}}}",
    "row_count": str,
    # Targets and numbers: nothing in them has to be escaped.
    "others": json.dumps,
}


def _refuse_formula(name: str, text: str) -> None:
    if FORMULA.match(text):
        raise RowFaultError("formula", f"{name}: {_shown(text)} is a formula, not a value.")


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}...")
