"""JSON that is read piece by piece, so that no more of it is held than an item or a piece."""

import codecs
import json
import math
import re
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

BLOCK = 1 << 18  # bytes
LONG = 65_536
MOST_ITEM = 16 * 1024 * 1024
# \u0041, of which nothing may be cut off.
LONGEST_ESCAPE = 6
IN_TEXT = re.compile(rb'["\\]')
SPACE = re.compile(r"[ \t\n\r]*")


def refuse(constant: str) -> Any:
    """Take no NaN and no Infinity."""
    raise ValueError(f"{constant} is no JSON")


def number(written: str) -> float | str:
    """
    Return a number with a fraction or an exponent; one beyond a double stays as it is written.

    As a text it is judged where it stands, by itself, and never becomes an infinity.
    """
    value = float(written)
    return value if math.isfinite(value) else written


class Array:
    """Reads an array from pieces of text, of which it keeps no more than the item it is at."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at = "", 0
        self._is_over = False
        self._scan = json.JSONDecoder(parse_constant=refuse, parse_float=number).raw_decode

    def items(self) -> Iterator[tuple[Any, int]]:
        """
        Yield each item and how many letters it took.

        :raises ValueError: for what is no array in JSON.
        """
        if self._next() != "[":
            raise ValueError("no array")
        self._at += 1
        letter = self._next()
        while letter != "]":
            item, length = self._item()
            yield item, length
            self._at += length
            letter = self._next()
            if letter == ",":
                self._at += 1
                if self._next() == "]":
                    raise ValueError("a comma at the end")
            elif letter != "]":
                raise ValueError("no comma between items")
        self._at += 1
        if self._next():
            raise ValueError("more than an array")

    def _next(self) -> str:
        """Go to the next letter that is no space and return it, "" at the end."""
        while True:
            match = SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _item(self) -> tuple[Any, int]:
        """Return the item that begins here, and how long it is."""
        while True:
            try:
                item, end = self._scan(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            length, is_whole = end - self._at, end < len(self._text)
            # A number may go on in the next piece.
            if is_whole or not self._more():
                return item, length

    def _more(self) -> bool:
        """Read on, as much again as is there; say whether there was any."""
        if len(self._text) - self._at > MOST_ITEM:
            raise ValueError("an item of more than 16 MB")
        wanted = max(BLOCK, len(self._text) - self._at)
        pieces, length = [self._text[self._at :]], 0
        self._at = 0
        while length < wanted and not self._is_over:
            block = next(self._blocks, b"")
            self._is_over = not block
            pieces.append(self._decoder.decode(block, final=self._is_over))
            length += len(pieces[-1])
        self._text = "".join(pieces)
        return length > 0


class Parting:
    """
    Parts JSON: long texts go to files, the rest stays, with a name in place of each text.

    A name holds a NUL: where it stands for a text of another field, that is refused as text
    that no database keeps.
    """

    def __init__(self) -> None:
        self.files: dict[str, BinaryIO] = {}
        self.rest = bytearray()
        self._text: bytearray | None = None  # of the text that we are within
        self._escape_at = -1
        self._file: BinaryIO | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._unread = b""

    def take(self, block: bytes) -> None:
        """Take the next piece."""
        block, at = self._unread + block, 0
        self._unread = b""
        while at < len(block):
            if self._text is None:
                at = self._outside(block, at)
            else:
                at = self._inside(self._text, block, at)

    def end(self) -> bytes:
        """
        Return the rest.

        :raises ValueError: if a text does not end.
        """
        if self._text is not None:
            raise ValueError("a text without an end")
        return bytes(self.rest)

    def _outside(self, block: bytes, at: int) -> int:
        quote = block.find(b'"', at)
        end = len(block) if quote < 0 else quote
        self.rest += block[at:end]
        if quote >= 0:
            self._text, self._escape_at = bytearray(), -1
        return end + 1

    def _inside(self, text: bytearray, block: bytes, at: int) -> int:
        found = IN_TEXT.search(block, at)
        end = found.start() if found else len(block)
        text += block[at:end]
        if found is not None and found[0] == b"\\":
            if end + 1 == len(block):
                self._unread = block[end:]
                return len(block)
            self._escape_at = len(text)
            text += block[end : end + 2]
            end += 1
        elif found is not None:
            self._finish(text)
            return end + 1
        if len(text) > LONG:
            self._put_away(text)
        return end + (1 if found else 0)

    def _put_away(self, text: bytearray) -> None:
        """Write what there is of a long text, but for an escape that may not be whole."""
        is_cut = self._escape_at >= 0 and len(text) - self._escape_at < LONGEST_ESCAPE
        end = self._escape_at if is_cut else len(text)
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the request)
            self._decoder.reset()
        self._write(bytes(text[:end]), is_last=False)
        del text[:end]
        self._escape_at = 0 if is_cut else -1

    def _write(self, part: bytes, *, is_last: bool) -> None:
        letters = self._decoder.decode(part, final=is_last)
        plain: str = json.loads(f'"{letters}"')
        assert self._file is not None  # noqa: S101
        self._file.write(plain.encode("utf-8", "surrogatepass"))

    def _finish(self, text: bytearray) -> None:
        if self._file is None:
            self.rest += b'"' + text + b'"'
        else:
            self._write(bytes(text), is_last=True)
            name = f"\0{len(self.files)}"
            self.files[name] = self._file
            self.rest += json.dumps(name).encode()
            self._file = None
        self._text = None
