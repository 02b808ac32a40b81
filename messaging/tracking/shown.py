"""
What of a template every recipient sees, whatever their values are.

The law asks for an address and a way out in every message, so what stands in a comment, in
a branch that may not be taken or in a page's head does not count as said.
"""

import re
from collections.abc import Iterator

COVER = "\x00"  # stands for each character that somebody may not see
PARTS = re.compile(
    r"(?P<comment>\{#.*?#\})"
    r"|\{%[-+]?\s*raw\s*[-+]?%\}(?P<raw>.*?)\{%[-+]?\s*endraw\s*[-+]?%\}"
    r"|(?P<value>\{\{.*?\}\})"
    r"|\{%[-+]?\s*(?P<word>\w+)(?P<rest>.*?)%\}",
    re.DOTALL,
)
# What may leave out, keep for later or change whatever stands in it.
BLOCKS = frozenset(["if", "for", "macro", "call", "filter"])
UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(head|script|style|template)\b.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
CHOICE = re.compile(r"\b(?:if|and)\b")
WAYS_OUT = ("unsubscribe_url", "preferences_url")
ADDRESS = ("account.postal_address",)


def surely_shown(source: str, *, is_html: bool) -> str:
    """Return a template with all else covered, of the same length."""
    pieces, end = [], 0
    for start, stop in hidden(source):
        pieces += [source[end:start], COVER * (stop - start)]
        end = stop
    shown = "".join([*pieces, source[end:]])
    return UNSEEN.sub(lambda unseen: COVER * len(unseen[0]), shown) if is_html else shown


def hidden(source: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where comments, statements and what stands in blocks reach."""
    depth, began = 0, 0
    for part in PARTS.finditer(source):
        word = part["word"] or ""
        if word in BLOCKS or is_kept_for_later(word, part["rest"]):
            began = began if depth else part.start()
            depth += 1
        elif depth and word.removeprefix("end") in {*BLOCKS, "set"} and word.startswith("end"):
            depth -= 1
            if not depth:
                yield began, part.end()
        elif not depth and part["value"] is None:
            yield from outside(part)
    if depth:
        yield began, len(source)


def outside(part: "re.Match[str]") -> Iterator[tuple[int, int]]:
    """Yield what is no text of a comment, a raw stretch or a statement."""
    if part["raw"] is None:
        yield part.span()
        return
    # Its text is shown, and with it braces that say nothing.
    start, stop = part.span("raw")
    yield part.start(), start
    for brace in re.finditer(r"\{+", part["raw"]):
        yield start + brace.start(), start + brace.end()
    yield stop, part.end()


def is_kept_for_later(word: str, rest: str | None) -> bool:
    """Say whether a `set` is one that has an end."""
    return word == "set" and "=" not in (rest or "")


def shows(shown: str, names: tuple[str, ...]) -> bool:
    """Say whether one of some names is shown to everybody."""
    for part in PARTS.finditer(shown):
        said = (part["value"] or "").strip("{}-+ \t\r\n")
        for name in names:
            rest = said.removeprefix(name)
            if rest != said and not re.match(r"[\w.\[(]", rest) and not CHOICE.search(rest):
                return True
    return False
