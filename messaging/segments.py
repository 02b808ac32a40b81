"""How a text message is cut for the air: GSM-7 or UCS-2, and how many parts."""

from dataclasses import dataclass

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_TWICE = frozenset("^{}\\[~]|€\f")  # each takes two places
ALONE = {"GSM-7": 160, "UCS-2": 70}
JOINED = {"GSM-7": 153, "UCS-2": 67}


@dataclass(frozen=True)
class Segments:
    """A text's encoding, its length in the encoding's units, and its parts."""

    encoding: str
    units: int
    count: int
    left: int  # units free in the last part


def count_segments(text: str) -> Segments:
    """Count the parts a carrier bills; a letter beyond GSM-7 makes the whole text UCS-2."""
    if all(letter in GSM or letter in GSM_TWICE for letter in text):
        sizes, encoding = [2 if letter in GSM_TWICE else 1 for letter in text], "GSM-7"
    else:
        sizes, encoding = [2 if ord(letter) > 0xFFFF else 1 for letter in text], "UCS-2"
    units = sum(sizes)
    if units <= ALONE[encoding]:
        return Segments(encoding, units, 1 if units else 0, ALONE[encoding] - units)
    count, used = pack(sizes, JOINED[encoding])
    return Segments(encoding, units, count, JOINED[encoding] - used)


def pack(sizes: list[int], room: int) -> tuple[int, int]:
    """Return how many parts letters need and what the last one holds; none is torn in two."""
    count, used = 1, 0
    for size in sizes:
        if used + size > room:
            count, used = count + 1, 0
        used += size
    return count, used
