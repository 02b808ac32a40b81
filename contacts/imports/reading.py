"""
Files as they come: encoding, delimiter, quoting, header, records.

A stored file is UTF-8 or of a single-byte encoding, its lines end in a line feed:
`normalised` rewrites what is not. So a byte position is a place to go on from.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from contacts.imports.faults import ImportFaultError, RowFaultError

BLOCK = 1 << 20
SAMPLE = 1 << 18
LONGEST_RECORD = 1 << 20  # bytes
MOST_LINES = 500  # of one record: beyond, a quote was not closed
SNIFFED_RECORDS = 20
DELIMITERS = ",;\t|"
MOST_COLUMNS = 1000

# The csv module's own limit is per field and lower than ours per record.
csv.field_size_limit(LONGEST_RECORD * 2)

WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NOT_TEXT = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive; save it as CSV first"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save it as CSV first"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
)
WIDE_NAMES = ("utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


@dataclass(frozen=True)
class Layout:
    """How a file is written; `start` is the byte at which its text begins (after a BOM)."""

    encoding: str = "utf-8"
    delimiter: str = ","
    qualifier: str = '"'
    has_header: bool = True
    start: int = 0
    header: tuple[str, ...] = ()
    samples: tuple[tuple[str, ...], ...] = field(default=())

    @property
    def width(self) -> int:
        """How many columns the first record has."""
        return len(self.header) or max((len(row) for row in self.samples), default=0)


def normalised(source: BinaryIO, target: BinaryIO, encoding: str | None = None) -> str:
    """
    Copy a file, wide encodings as UTF-8, a lone carriage return as a line feed.

    Returns the encoding that the copy is in: the given one, or the one found out.

    :raises ImportFaultError: for an empty file, one that is no text, an unknown encoding.
    """
    head = source.read(SAMPLE)
    if not head.strip():
        raise ImportFaultError("The file is empty.")
    for mark, what in NOT_TEXT:
        if head.startswith(mark):
            raise ImportFaultError(f"The file is {what}.")
    name = known_encoding(encoding) if encoding else _wide(head)
    source.seek(0)
    if name in WIDE_NAMES:
        _transcode(source, target, name)
        return "utf-8"
    old_ends = b"\n" not in head and b"\r" in head
    while block := source.read(BLOCK):
        target.write(block.replace(b"\r", b"\n") if old_ends else block)
    return name or guess_encoding(target)


def known_encoding(encoding: str) -> str:
    """
    Return an encoding's own name.

    :raises ImportFaultError: for one that is not known, or is none of text.
    """
    try:
        found = codecs.lookup(encoding)
        " ".encode(found.name)  # `hex` and the like are codecs, but of bytes
    except LookupError as unknown:
        raise ImportFaultError(
            f"{encoding!r} is no encoding that is known here.", field="encoding"
        ) from unknown
    return found.name


def _wide(head: bytes) -> str:
    """Return the name of a UTF-16 or UTF-32 encoding, or ""."""
    for mark, name in WIDE_MARKS:
        if head.startswith(mark):
            return name
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    most = min(len(head), 2000) // 4
    if odd > most > even:
        return "utf-16-le"
    if even > most > odd:
        return "utf-16-be"
    return ""


def _transcode(source: BinaryIO, target: BinaryIO, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    position = 0
    while True:
        block = source.read(BLOCK)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as bad:
            raise ImportFaultError(
                f"The file is not {encoding.upper()}: byte {position + bad.start} is none of it."
            ) from bad
        target.write(text.replace("\r\n", "\n").replace("\r", "\n").encode())
        if not block:
            return
        position += len(block)


def guess_encoding(file: BinaryIO) -> str:
    """
    Return `utf-8`, or `cp1252` where most of what is not ASCII is not UTF-8.

    A UTF-8 file with a few broken lines stays UTF-8: those lines are rejects.
    """
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    broken = whole = 0
    while block := file.read(BLOCK):
        if block.isascii():
            continue
        text = decoder.decode(block)
        broken += text.count("\ufffd")
        whole += len(text) - len(text.encode("ascii", "ignore"))
    return "cp1252" if broken > (whole - broken) else "utf-8"


def sniff(
    file: BinaryIO,
    *,
    encoding: str,
    delimiter: str | None = None,
    qualifier: str | None = None,
    has_header: bool | None = None,
) -> Layout:
    """
    Find out how a file is written from its first records; what is given stands.

    :raises ImportFaultError: for a header that names a column twice, or records too long.
    """
    file.seek(0)
    head = file.read(SAMPLE)
    start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    text = head[start:].decode(encoding, "replace")
    if len(head) == SAMPLE:
        text = text[: text.rfind("\n") + 1] or text
    qualifier = _guess_qualifier(text) if qualifier is None else read_qualifier(qualifier)
    delimiter = read_delimiter(delimiter) if delimiter else _guess_delimiter(text, qualifier)
    layout = Layout(encoding, delimiter, qualifier, has_header=False, start=start)
    records = []
    for _, cells in Records(file, layout):
        if not isinstance(cells, RowFaultError):
            records.append(tuple(cells))
        if len(records) > SNIFFED_RECORDS or isinstance(cells, RowFaultError):
            break
    if records and len(records[0]) > MOST_COLUMNS:
        raise ImportFaultError(f"Line 1 has more than {MOST_COLUMNS} columns.")
    named = _looks_like_header(records) if has_header is None else has_header
    header = tuple(name.strip() for name in records[0]) if named and records else ()
    check_header(header)
    return Layout(
        encoding, delimiter, qualifier, named, start, header, tuple(records[1 if named else 0 :])
    )


def check_header(header: tuple[str, ...]) -> None:
    """
    Refuse a header that names two columns alike; case does not count.

    :raises ImportFaultError: with both places.
    """
    places: dict[str, int] = {}
    for number, name in enumerate(header, start=1):
        first = places.setdefault(name.lower(), number)
        if name and first != number:
            raise ImportFaultError(
                f"Line 1: the header names {name!r} twice, in columns {first} and {number}."
            )


def read_delimiter(text: str) -> str:
    r"""
    Return a delimiter of one character; `tab` and `\t` are a tabulator.

    :raises ImportFaultError: for anything else.
    """
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
    delimiter = names.get(text.strip().lower(), text)
    if len(delimiter) != 1 or delimiter in '\r\n"\0' or not delimiter.isascii():
        raise ImportFaultError(f"{text!r} is no delimiter of columns.", field="fileDelimiter")
    return delimiter


def read_qualifier(text: str) -> str:
    """
    Return the mark that texts stand between: ', " or none.

    :raises ImportFaultError: for anything else.
    """
    qualifier = text.strip()
    if qualifier not in {"", "'", '"'}:
        raise ImportFaultError(f"{text[:80]!r} is no mark of texts.", field="qualifier")
    return qualifier


def _guess_qualifier(text: str) -> str:
    first = text.partition("\n")[0].strip()
    return "'" if '"' not in text and re.match(r"'[^']*'[,;\t|]", first) else '"'


def _guess_delimiter(text: str, qualifier: str) -> str:
    """Return the delimiter that cuts the first lines into most columns, evenly."""

    def score(delimiter: str) -> tuple[bool, int]:
        lines = iter(text.splitlines(keepends=True)[: SNIFFED_RECORDS * 5])
        try:
            reader = csv.reader(lines, delimiter=delimiter, quotechar=qualifier or None)
            widths = [len(row) for row in reader if row][:SNIFFED_RECORDS]
        except csv.Error:
            widths = []
        if not widths or max(widths) < 2:
            return False, 0
        return min(widths) == max(widths), min(widths[0], MOST_COLUMNS)

    return max(DELIMITERS, key=score)


def _looks_like_header(records: list[tuple[str, ...]]) -> bool:
    """Say whether the first record names columns: words, no addresses, no bare numbers."""
    first = [cell.strip() for cell in records[0]] if records else []
    words = [cell for cell in first if cell]
    return bool(words) and not any(
        "@" in cell or re.fullmatch(r"[\d.+ -]+", cell) for cell in words
    )


class Records:
    """
    The records of a file from a position on, as (line, cells) or (line, fault).

    After each one `position` and `line` are those of the next: bytes, and lines from 1.
    A record that cannot be read costs itself and nothing else.
    """

    def __init__(
        self, file: BinaryIO, layout: Layout, position: int | None = None, line: int = 0
    ) -> None:
        self.position = layout.start if position is None else position
        self.line = line
        self._file = file
        self._encoding = layout.encoding
        self._layout = layout
        self._start, self._start_line, self._second = self.position, line, self.position
        file.seek(self.position)
        self._csv = self._reader()

    def _reader(self) -> "Iterator[list[str]]":
        quoted = self._layout.qualifier
        return csv.reader(
            _Lines(self),
            delimiter=self._layout.delimiter,
            quotechar=quoted or None,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            strict=True,
        )

    def __iter__(self) -> Iterator[tuple[int, list[str] | RowFaultError]]:
        while True:
            self._start, self._start_line = self.position, self.line
            try:
                cells = next(self._csv)
            except StopIteration:
                return
            except RowFaultError as fault:
                yield self._start_line + 1, fault
            except csv.Error as bad:
                yield self._start_line + 1, self._malformed(bad)
            else:
                if cells:
                    yield self._start_line + 1, cells

    def next_line(self) -> str:
        """Read one line of text for the csv reader."""
        raw = self._file.readline(LONGEST_RECORD + 1)
        if not raw:
            raise StopIteration
        first = self.position == self._start
        self.position += len(raw)
        self.line += 1
        if first:
            self._second = self.position
        if len(raw) > LONGEST_RECORD:
            self._pass_over(raw)
            raise RowFaultError("too_long", "The line is longer than 1 MB.")
        if not first and (
            self.line - self._start_line > MOST_LINES
            or self.position - self._start > LONGEST_RECORD
        ):
            self._go_back()
            raise RowFaultError("quote", "A quote that opens in this line is never closed.")
        if b"\0" in raw:
            raise RowFaultError("nul", self._nul_place(raw))
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError as bad:
            raise RowFaultError(
                "encoding",
                f"Byte {bad.start + 1} of the line (0x{raw[bad.start]:02X}) is not "
                f"{self._encoding.upper()}: the file has another encoding.",
            ) from bad

    def _pass_over(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._file.readline(BLOCK)
            self.position += len(raw)

    def _go_back(self) -> None:
        """Go on with the line after the one in which the record began."""
        self._file.seek(self._second)
        self.position, self.line = self._second, self._start_line + 1

    def _nul_place(self, raw: bytes) -> str:
        column = raw[: raw.index(0)].count(self._layout.delimiter.encode()) + 1
        return f"Column {column} holds a NUL byte."

    def _malformed(self, bad: csv.Error) -> RowFaultError:
        # The csv reader begins anew with the next line it is given.
        if "unexpected end" in str(bad):
            if self.line > self._start_line + 1:
                self._go_back()
                self._csv = self._reader()
            return RowFaultError("quote", "A quote that opens in this line is never closed.")
        return RowFaultError("quote", "A quote within a quoted value is not doubled.")


class _Lines:
    """Lines for the csv module; unlike a generator it goes on after an error."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        return self._records.next_line()
