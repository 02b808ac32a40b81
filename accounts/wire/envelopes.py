"""The shapes of answers and bodies: key for key, null for null, as the contract has them."""

import re
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

T = TypeVar("T")
# On the wire it is a number; pydantic would describe a text.
Amount = Annotated[Decimal, WithJsonSchema({"type": "number"})]
# NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class WireIn(BaseModel):
    """
    A body or query: keys in any case, unknown ones ignored, numbers taken for text.

    A null stands for "not given" where the field has a default. Text that PostgreSQL cannot
    keep (a NUL, half a surrogate pair) is an invalid value of its field.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True, extra="ignore"
    )

    @model_validator(mode="before")
    @classmethod
    def match_keys(cls, data: Any) -> Any:
        """Rename the keys to the declared ones; of two that differ in case the last wins."""
        if not isinstance(data, dict):
            return data
        keys = _keys_of(cls)
        matched: dict[str, Any] = {}
        for key, value in data.items():
            known = keys.get(str(key).lower())
            if known is None or (value is None and not known.is_required):
                continue
            matched[known.alias] = value
        return matched

    @model_validator(mode="after")
    def refuse_unstorable_text(self) -> "WireIn":
        """Name the field whose text no database keeps."""
        for name, value in self.__dict__.items():
            if isinstance(value, str | list) and not _is_storable(value):
                raise PydanticCustomError("unstorable", "unstorable text", {"parameter": name})
        return self


class _Key(NamedTuple):
    """A declared key."""

    alias: str
    is_required: bool


@cache
def _keys_of(kind: type[WireIn]) -> dict[str, _Key]:
    """Return the declared keys by their small letters."""
    return {
        (field.alias or name).lower(): _Key(field.alias or name, field.is_required())
        for name, field in kind.model_fields.items()
    }


def _is_storable(value: str | list[Any]) -> bool:
    if isinstance(value, str):
        return storable(value)
    return all(storable(text) for text in value if isinstance(text, str))


def storable(text: str) -> bool:
    """Tell whether PostgreSQL can keep a text."""
    return UNSTORABLE.search(text) is None


class WireOut(BaseModel):
    """A resource on its way out; keys are camelCase, in the order of the fields."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Resource(WireOut, Generic[T]):
    """One thing."""

    status: int = 200
    data: T


class Collection(WireOut, Generic[T]):
    """All of them: this one has no nextPageCursor."""

    status: int = 200
    data: list[T]


class Page(WireOut, Generic[T]):
    """Some of them; `nextPageCursor` is null on the last page."""

    status: int = 200
    next_page_cursor: str | None
    data: list[T]


class Created(WireOut):
    """Made; `resourceId` is text, whatever the id is."""

    status: int = 201
    resource_id: str | None


class Updated(WireOut):
    """Changed."""

    status: int = 200
    resource_id: str | None


class Deleted(WireOut):
    """Gone."""

    status: int = 200


class Failure(WireOut):
    """Every answer of 400 and above."""

    status: int
    error: str
    message: str


def created(resource_id: object) -> Created:
    """Answer 201 with the id as text; None stays null."""
    return Created(resource_id=None if resource_id is None else str(resource_id))


def updated(resource_id: object) -> Updated:
    """Answer 200 with the id as text."""
    return Updated(resource_id=None if resource_id is None else str(resource_id))


def deleted() -> Deleted:
    """Answer 200, as the wire does for DELETE."""
    return Deleted()
