"""
Bodies of requests: short ones are kept in memory, long ones in a file.

A route takes its body whole (up to 16 MB), as rows of an array that are read one after the
other (`Rows`), or with its long texts left in files (`LongText`): the last two up to 250 MB, of
which a web process never holds more than a few.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from io import BytesIO
from types import GenericAlias
from typing import Any, BinaryIO, Generic, TypeVar

from django.conf import settings
from django.http import HttpRequest
from ninja.errors import ValidationError as InvalidError
from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema

from accounts.wire.errors import BodyTooLargeError, MalformedBodyError
from accounts.wire.pieces import BLOCK, LONG, MOST_ITEM, Array, Parting, number, refuse

WHOLE, ROWS, FILES = "whole", "rows", "files"
SHORT, MOST_WHOLE = LONG, MOST_ITEM  # bytes
ROWS_AT_ONCE, TEXT_AT_ONCE = 10_000, 4_000_000

T = TypeVar("T")


class Kept:
    """A body, to be read from its beginning as often as one likes."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size

    def whole(self) -> bytes:
        """
        Return all of it.

        :raises BodyTooLargeError: beyond 16 MB.
        """
        if self.size > MOST_WHOLE:
            raise BodyTooLargeError(MOST_WHOLE)
        self._file.seek(0)
        return self._file.read()

    def blocks(self) -> Iterator[bytes]:
        """Yield it piece by piece."""
        self._file.seek(0)
        while block := self._file.read(BLOCK):
            yield block

    def close(self) -> None:
        """Let it go."""
        self._file.close()


def receive(request: HttpRequest, *, most: int | None = None) -> Kept:
    """
    Return the body, sent in chunks or of a stated length; it is read once.

    One that is too long is read on for as much again: who still sends hears no answer.

    :raises BodyTooLargeError: beyond `most` bytes, 250 MB where nothing is said.
    """
    kept: Kept | None = getattr(request, "kept", None)
    if kept is None:
        kept = _receive(request, settings.API_BODY_BYTES if most is None else most)
        request.kept = kept  # type: ignore[attr-defined]
    return kept


def _receive(request: HttpRequest, most: int) -> Kept:
    source = source_of(request)
    file: BinaryIO = tempfile.TemporaryFile() if is_long(request) else BytesIO()  # noqa: SIM115
    size = 0
    while block := source.read(BLOCK):
        size += len(block)
        if size <= most:
            file.write(block)
        elif size > 2 * most:
            break
    kept = Kept(file, size)
    if size > most:
        # It was received, if for nothing.
        request.kept = kept  # type: ignore[attr-defined]
        raise BodyTooLargeError(most)
    return kept


def hear_out(request: HttpRequest) -> None:
    """
    Read what a caller still sends who is refused already, some megabytes at most.

    Else the connection would be closed under its hands, and the answer lost with it.
    """
    if not is_long(request) or hasattr(request, "kept"):
        return
    source, left = source_of(request), MOST_WHOLE
    while left > 0 and (block := source.read(BLOCK)):
        left -= len(block)


def is_long(request: HttpRequest) -> bool:
    """Tell whether a body is more than a few values, or of unknown length."""
    return is_chunked(request) or stated_length(request) > SHORT


def stated_length(request: HttpRequest) -> int:
    """Return how long a body is said to be, 0 where nothing is said."""
    length = request.META.get("CONTENT_LENGTH") or ""
    return int(length) if length.isascii() and length.isdigit() else 0


def source_of(request: HttpRequest) -> Any:
    """Return what the body is read from; Django knows only those of a stated length."""
    return request.META["wsgi.input"] if is_chunked(request) else request


def is_chunked(request: HttpRequest) -> bool:
    """Tell whether a body comes without a Content-Length."""
    return "chunked" in request.headers.get("Transfer-Encoding", "").lower()


def parsed(text: bytes) -> Any:
    """
    Return what JSON says; a byte order mark is passed over.

    :raises MalformedBodyError: for anything else, NaN and Infinity included.
    """
    try:
        return json.loads(text.decode("utf-8-sig"), parse_constant=refuse, parse_float=number)
    except (ValueError, RecursionError) as malformed:
        raise MalformedBodyError from malformed


def read(kept: Kept, reads: str) -> Any:
    """
    Return what a body says, as its route reads it.

    :raises MalformedBodyError, BodyTooLargeError: for what it cannot.
    """
    if reads == ROWS:
        return Rows[Any](_rows(kept))
    if reads == FILES and kept.size > SHORT:
        return _with_files(kept)
    return parsed(kept.whole())


def _rows(kept: Kept) -> Iterator[list[Any]]:
    """Return the batches of an array; a short one is read at once."""
    if kept.size > TEXT_AT_ONCE:
        return _batches(kept)
    rows = parsed(kept.whole())
    if not isinstance(rows, list):
        raise MalformedBodyError
    return (rows[first : first + ROWS_AT_ONCE] for first in range(0, len(rows), ROWS_AT_ONCE))


def _batches(kept: Kept) -> Iterator[list[Any]]:
    batch: list[Any] = []
    letters = 0
    try:
        for row, length in Array(kept.blocks()).items():
            batch.append(row)
            letters += length
            if len(batch) >= ROWS_AT_ONCE or letters >= TEXT_AT_ONCE:
                yield batch
                batch, letters = [], 0
    except (ValueError, RecursionError) as malformed:
        raise MalformedBodyError from malformed
    if batch:
        yield batch


class Rows(Generic[T]):
    """
    The rows of an array, read as they are asked for, once; `Rows[Kind]` checks them by a model.

    Where all rows of a batch are of the plain form that `Kind.plain` reads (it returns None for
    any other), what that returns is handed out, and the model is not asked.

    What is wrong is found where it stands: by then rows before it were handed out, which the
    end of the transaction takes back.
    """

    def __init__(
        self,
        raw: Iterator[list[Any]],
        adapter: TypeAdapter[Any] | None = None,
        plain: Callable[[Any], Any] | None = None,
    ) -> None:
        self._raw = raw
        self._adapter = adapter
        self._plain = plain

    def batches(self) -> Iterator[list[T]]:
        """
        Yield the rows, some thousands at a time; none for an empty array.

        :raises MalformedBodyError: for what is no JSON, or no array.
        :raises ninja.errors.ValidationError: for a row that the model does not take.
        """
        if self._adapter is None:
            yield from self._raw
            return
        for rows in self._raw:
            plain = self._all_plain(rows)
            if plain is not None:
                yield plain
                continue
            try:
                checked = self._adapter.validate_python(rows)
            except ValidationError as invalid:
                raise InvalidError(
                    [
                        {"loc": ("body", "body", *fault["loc"]), "ctx": fault.get("ctx", {})}
                        for fault in invalid.errors(include_url=False, include_input=False)
                    ]
                ) from invalid
            yield checked

    def _all_plain(self, rows: list[Any]) -> list[Any] | None:
        """Return the rows as the short way reads them, None if one is not of its form."""
        if self._plain is None:
            return None
        plain = []
        for row in rows:
            taken = self._plain(row)
            if taken is None:
                return None
            plain.append(taken)
        return plain

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take what the parser made, with the kind of row that the route names."""
        (kind,) = getattr(source, "__args__", (Any,))
        rows: Any = GenericAlias(list, (kind,))
        adapter = None if kind is Any else TypeAdapter(rows)
        plain = getattr(kind, "plain", None)
        return core_schema.no_info_plain_validator_function(
            lambda given: cls(given._raw, adapter, plain),  # noqa: SLF001 (its own)
            json_schema_input_schema=handler(rows),
        )


class LongText:
    """A text of a body, in a file if it is long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def blocks(self) -> Iterator[bytes]:
        """Yield it piece by piece, as UTF-8."""
        self._file.seek(0)
        while block := self._file.read(BLOCK):
            yield block

    @classmethod
    def read(cls, given: Any) -> "LongText":
        """
        Take what the parser left in a file, or a short text.

        :raises ValueError: for anything else.
        """
        if isinstance(given, cls):
            return given
        if not isinstance(given, str):
            raise ValueError("no text")
        return cls(BytesIO(given.encode("utf-8", "surrogatepass")))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read it as above."""
        return core_schema.no_info_plain_validator_function(
            cls.read, json_schema_input_schema=core_schema.str_schema()
        )


def _with_files(kept: Kept) -> Any:
    """Return a body's JSON, each long text that stands at its top as a `LongText`."""
    parting = Parting()
    try:
        for block in kept.blocks():
            parting.take(block)
            if len(parting.rest) > MOST_WHOLE:
                raise BodyTooLargeError(MOST_WHOLE)
        document = parsed(parting.end())
    except ValueError as malformed:
        raise MalformedBodyError from malformed
    if isinstance(document, dict):
        for key, value in document.items():
            if isinstance(value, str) and value in parting.files:
                document[key] = LongText(parting.files[value])
    return document
