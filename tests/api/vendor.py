"""The vendor's OpenAPI files, and whether an answer is as they say."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = Path(
    os.environ.get(
        "CONDUCTOR_VENDOR_FILES",
        Path(__file__).parents[3] / "shared" / "reference" / "openapi",
    )
)
PREFIXES = {
    "crosschannel": "/crosschannel/v1",
    "data": "/data",
    "email": "/email",
    "privacy": "/privacy",
    "sms": "/sms",
    "twowaysms": "/twowaysms",
}
NAIVE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?")
METHODS = ("get", "post", "put", "delete")
# The files (Swagger 2) cannot say what may be null, and their examples have null everywhere. Null
# where nothing allows it breaks a strict client (reference, 3.8). By API, what allows it.
NULLABLE: dict[str, dict[str, str]] = {
    "": {
        "nextPageCursor": "C 3.4: tap goes on until it is null",
    },
    "data": {
        "resourceId": "W 6.1: all three recorded answers",
    },
    "email": {
        "subscribeMethod": "W 4.1: of whoever is Unsubscribed",
        "unsubscribeDate": "W 4.1: of whoever is Subscribed",
        "unsubscribeMethod": "W 4.1: of whoever is Subscribed",
        "resubscribeDate": "C 3.8",
        "externalContactID": "C 3.8",
        "activityDate": "C 3.8",
        "bounceReason": "C 3.8",
        "visitDate": "C 3.8; D: deprecated",
        "linkDescription": "C 3.8",
        "expirationDate": "C 3.8",
        "startDate": "D: typed with ? (3.5); an import that has not begun",
        "endDate": "D: typed with ? (3.5); what has not ended",
        "listId": "D: null is a folder of the company",
        "parentFolderId": "D: null is the root",
        "segmentSize": "D: null for remainder messages",
    },
    "privacy": {
        "processedDate": "D: null until it is COMPLETE",
    },
    "sms": {
        **dict.fromkeys(
            ("emailAddress", "firstName", "lastName", "birthday", "postalCode"),
            "D: the examples; no strict client reads them",
        ),
        **dict.fromkeys(
            ("subscribeDate", "unsubscribeDate", "pendingDate", "startDate", "endDate"),
            "D: the examples; what has not happened",
        ),
    },
}
# `sendDate` of a conversation's messages alone (C 3.8).
NULL_DATES = "/Conversation/"
# Keys that an answer has though its schema has not, each with what says so.
MORE_KEYS = {
    "nextPageCursor": (
        "D: the examples of IpPool, PhoneList, OptOut, Contact/{phone}/PhoneList and the SMS"
        " TransactionalMessage; clients read it with [...] (C 3.4)"
    ),
}
KINDS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


@dataclass(frozen=True)
class Operation:
    """One operation of a file: `name` is `METHOD /path`, with its prefix."""

    name: str
    api: str
    responses: dict[str, Any]
    levels: frozenset[str]
    document: dict[str, Any]

    @property
    def method(self) -> str:
        """GET, POST ..."""
        return self.name.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path with the vendor's names for its ids."""
        return self.name.partition(" ")[2]

    def faults(self, status: int, body: Any) -> list[str]:
        """Return where an answer differs from what the file declares for it."""
        declared = self.responses.get(str(status))
        if declared is None:
            return [f"{status} is not declared"]
        schema = declared.get("schema")
        for content in declared.get("content", {}).values():
            schema = content.get("schema", schema)
        if schema is None:
            return []
        return list(Checker(self).check(schema, body, "$"))


class Checker:
    """Checks values against the schemas of one operation's document."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    def check(self, schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
        """Yield what is wrong with a value."""
        schema = self.followed(schema)
        if value is None:
            if not self.may_be_null(path):
                yield f"{path} is null"
            return
        kind = schema.get("type") or ("object" if "properties" in schema else "")
        wanted = KINDS.get(kind)
        if wanted and (not isinstance(value, wanted) or (kind != "boolean" and value is True)):
            yield f"{path} is no {kind}: {value!r}"
        elif kind == "object":
            yield from self.check_object(schema, value, path)
        elif kind == "array":
            for place, one in enumerate(value):
                yield from self.check(schema.get("items", {}), one, f"{path}[{place}]")
        elif kind == "string":
            yield from check_text(schema, value, path)

    def check_object(self, schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
        """Yield what is wrong with an object: its values, keys that it lacks or has besides."""
        declared = schema.get("properties", {})
        for name in declared.keys() - value.keys():
            yield f"{path}.{name} is missing"
        for name, one in value.items():
            if name in declared:
                yield from self.check(declared[name], one, f"{path}.{name}")
            elif declared and name not in MORE_KEYS:
                yield f"{path}.{name} is not declared"

    def followed(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return what a reference refers to."""
        while "$ref" in schema:
            found: Any = self.operation.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("%5B", "[").replace("%5D", "]")]
            schema = found
        return schema

    def may_be_null(self, path: str) -> bool:
        """Say whether clients take null there."""
        name = path.rpartition(".")[2]
        if name == "sendDate":
            return NULL_DATES in self.operation.path
        return name in NULLABLE[""] or name in NULLABLE.get(self.operation.api, {})


def check_text(schema: dict[str, Any], value: str, path: str) -> Iterator[str]:
    """Yield what is wrong with a text: a date-time that is none, a word that is not listed."""
    if schema.get("format") == "date-time" and not NAIVE.fullmatch(value):
        yield f"{path} is no naive date-time: {value!r}"
    if schema.get("enum") and value not in schema["enum"]:
        yield f"{path} is none of {schema['enum']}: {value!r}"


def operations() -> list[Operation]:
    """Return every operation of the vendor's files."""
    found = []
    for file in sorted(FILES.glob("*.json")):
        document = json.loads(file.read_text())
        api = file.name.split("-")[1]
        for path, methods in document["paths"].items():
            for method in METHODS:
                if method in methods:
                    name = f"{method.upper()} {PREFIXES[api]}{path}"
                    operation = methods[method]
                    asked = {
                        level
                        for scheme in operation.get("security", [])
                        for levels in scheme.values()
                        for level in levels
                    }
                    responses = operation["responses"]
                    found.append(Operation(name, api, responses, frozenset(asked), document))
    return found
