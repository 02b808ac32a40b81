"""
A row's values, and the template that takes them: compiled once for all rows of one shape.

A value must be MiniJinja's own, since a Python dictionary would bring its methods along.
Texts and numbers become so by being handed over one by one; dictionaries and lists are
written down, and what is written is the same for all rows that differ in texts and numbers
only. Parts are rendered in one call, each in a scope of its own.
"""

import json
import re
import secrets
from collections.abc import Hashable, Mapping, Sequence
from math import isfinite
from typing import Any

# No template can name them.
OWN = f"v{secrets.token_hex(6)}_"
BETWEEN = f"\x02{secrets.token_hex(12)}\x03"
# The key of an answer that says how many rows were left for want of time.
LEFT = ">left"
LONGEST = 1 << 63
MOST_NAMES = 2_000
NAMES = [f"{OWN}{number}" for number in range(MOST_NAMES)]
HANDED = ""  # the shape of what is handed over


class ShapelessError(ValueError):
    """A row with more values than are worth it."""


def shape_of(value: Any, values: list[Any]) -> Hashable:
    """Return what a value is but for its texts and numbers, and add those to `values`."""
    kind = type(value)
    if kind is str or (kind is int and -LONGEST <= value < LONGEST):
        values.append(value)
        return HANDED
    if kind is dict:
        return (tuple(value), tuple(shape_of(one, values) for one in value.values()))
    if kind is list:
        return tuple(shape_of(one, values) for one in value), None, None
    if kind is float and isfinite(value):
        values.append(value)
        return HANDED
    return (json.dumps(value),)


def written(shape: Any, names: "Names") -> str:
    """Return a shape as the template language writes it, with names for what is handed over."""
    if shape == HANDED:
        return names.next()
    if len(shape) == 1:
        return str(shape[0])
    if len(shape) == 3:
        return f"[{', '.join(written(one, names) for one in shape[0])}]"
    pairs = zip(*shape, strict=True)
    inside = (f"{json.dumps(key, ensure_ascii=False)}: {written(one, names)}" for key, one in pairs)
    return f"{{{', '.join(inside)}}}"


class Names:
    """Names of what is handed over, in order."""

    def __init__(self) -> None:
        self.left = iter(NAMES)

    def next(self) -> str:
        """Return the next name."""
        return next(self.left)


def handed(values: Sequence[Any]) -> dict[str, Any]:
    """
    Return what is handed over by name.

    :raises ShapelessError: if it is too much.
    """
    if len(values) > MOST_NAMES:
        raise ShapelessError
    return dict(zip(NAMES, values, strict=False))


def row_template(names: Sequence[str], shape: Any, parts: Sequence[str]) -> str:
    """Return the template of rows of one shape: `names` are set, `parts` are rendered."""
    given = Names()
    values = "".join(
        f"{{% set {name} = {written(one, given)} %}}"
        for name, one in zip(names, shape, strict=True)
    )
    scopes = (f"{{% with %}}{{% include '{part}' %}}{{% endwith %}}" for part in parts)
    return values + BETWEEN.join(scopes)


class Mentioned:
    """
    Which values templates may ask for: those whose name they hold; a filter asks for the zone.

    Of a dictionary that they only ever ask for a key, as `name.key`, those keys.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self.sources = sources
        self.known: dict[tuple[str, ...], list[tuple[str, list[str] | None]]] = {}

    def of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row without the values that nobody asks for."""
        names = tuple(row)
        wanted = self.known.get(names)
        if wanted is None:
            wanted = self.known[names] = [
                (name, self.keys(name)) for name in names if self.is_wanted(name)
            ]
        return {name: only(row[name], keys) for name, keys in wanted}

    def is_wanted(self, name: str) -> bool:
        """Say whether a source holds a name."""
        return name == "time_zone" or any(name in source for source in self.sources)

    def keys(self, name: str) -> list[str] | None:
        """Return the keys that a name is asked for; None where it may be asked for all."""
        # MiniJinja takes more letters than `\w` for parts of a name, such as accents of their own.
        asked = re.compile(
            rf"(?<![\w.]){re.escape(name)}\.([A-Za-z_][A-Za-z0-9_]*+)(?![^\x00-\x7f]|\s*\()"
        )
        found = [key for source in self.sources for key in asked.findall(source)]
        if len(found) < sum(source.count(name) for source in self.sources):
            return None
        return list(dict.fromkeys(found))


def only(value: Any, keys: Sequence[str] | None) -> Any:
    """Return a dictionary's values of some keys; any other value as it is."""
    if keys is None or type(value) is not dict:
        return value
    return {key: value[key] for key in keys if key in value}
