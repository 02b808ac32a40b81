"""From what a part of a file must look like to the faults of one that does not: paths, words."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from conductor.conversations.reading import Fault, step_path

Model = Any


def read_part(model: Model, structure: Any, path: str, faults: list[Fault]) -> Any:
    """Read a part; on faults add them and return None."""
    try:
        return model.read(structure)
    except ValidationError as invalid_part:
        faults += _faults(invalid_part, structure, path)
    except PydanticCustomError as invalid_whole:
        faults.append(Fault(path, invalid_whole.message()))
    return None


def _faults(error: ValidationError, structure: Any, path: str) -> Iterator[Fault]:
    for detail in error.errors(include_url=False, include_context=True, include_input=False):
        where = _path(detail["loc"], structure, path)
        if detail["type"] == "missing":
            where = step_path(where, detail["loc"][-1])
        yield Fault(where, _sentence(dict(detail)))


def _path(loc: tuple[int | str, ...], structure: Any, path: str) -> str:
    """Turn pydantic's place into a path: tags of its unions are not in the file."""
    for part in loc:
        inside = isinstance(structure, dict) and part in structure
        if inside or (isinstance(structure, list) and isinstance(part, int)):
            path, structure = step_path(path, part), structure[part]
    return path


SENTENCES: Mapping[str, str] = {
    "extra_forbidden": "Unknown key.",
    "missing": "This is required.",
    "string_type": "This is a text; a number or a date is written in quotes.",
    "bool_type": "This is true or false.",
    "dict_type": "This is a mapping.",
    "model_type": "This is a mapping.",
    "list_type": "This is a list.",
    "string_pattern_mismatch": "This text does not have the form that is needed here.",
}


def _sentence(detail: dict[str, Any]) -> str:
    known = SENTENCES.get(detail["type"])
    if known:
        return known
    message = str(detail["msg"])
    if detail["type"] == "literal_error":
        message = message.replace("Input should be", "This is one of:")
        message = message.replace("'', ", "").replace("'", "").replace(" or ", ", ")
    message = message.replace("Input should", "This should").replace("String should", "This should")
    return message if message.endswith(".") else f"{message}."
