"""
What the OpenAPI pages say beyond the routes' own words: who may call, pages, examples.

Every example is made of the body's schema, property by property, so that it cannot fall behind
it; a body whose schema says nothing of its rows has one written out.
"""

import re
from typing import Any

from accounts.wire.bodies import MOST_WHOLE

Schema = dict[str, Any]

PAGED = (
    "Answers in pages: `count` (1,000, at most 5,000) rows, and in `nextPageCursor` what to send as "
    "`cursor` for the next ones; null on the last page. Rows that come meanwhile neither repeat nor "
    "hide others."
)
WHOLE = f"The body may have {MOST_WHOLE // 1024 // 1024} MB."
STREAMED = "The body may have 250 MB."
REFUSED = (
    "A refusal is `{status, error, message}`; `status` is the HTTP status, `error` a fixed code, "
    "`message` names what is wrong."
)
# Date-times carry no offset: they are of the account's zone, where RFC 3339 wants one.
LOCAL_TIME = {
    "format": "date-time-local",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?$",
}
SCHEMES = {
    "Token": "Needs a token of an integration of the type {type}{levels}.",
    "WriteKey": "Needs the write key as the user name of HTTP basic, without a password.",
}

# By property, in small letters: a value that reads like one.
VALUES: Schema = {
    "emailaddress": "grace@mail.example",
    "emailaddresses": ["grace@mail.example"],
    "testemailaddress": "ada@acme.example",
    "reviewemailaddress": "ada@acme.example",
    "fromemail": "shop@acme.example",
    "replyto": "help@acme.example",
    "alertemails": ["ada@acme.example"],
    "addresses": ["grace@mail.example"],
    "phonenumber": "12125552368",
    "mobilephone": "12125552368",
    "externalcontactid": "C-1001",
    "identifiervalue": "grace@mail.example",
    "identifiertype": "EmailAddress",
    "subscriptionstate": "Subscribed",
    "firstname": "Grace",
    "lastname": "Hopper",
    "birthday": "1980-12-09",
    "postalcode": "22201",
    "listname": "Store Customers",
    "fromname": "Acme Shoes",
    "name": "Back to school",
    "subject": "Come back",
    "bodyhtml": "<p>Hello {{ contact.first_name }}</p>",
    "bodytext": "Hello",
    "htmlcontent": "<p>Hello</p>",
    "messagebody": "Your order is on its way.",
    "messagecontent": "Your order is on its way.",
    "text": "Your order is on its way.",
    "event": "Winback Check",
    "occurredat": "2026-11-20T10:00:00",
    "senddate": "2026-11-20T10:00:00",
    "eventkey": "cart-4711",
    "properties": {"sku": "SHOE-9", "price": 49.9},
    "datafields": {"sku": "SHOE-9"},
    "value": "gold",
    "datatype": "Text",
    "status": "Active",
    "bouncehandling": "Standard",
    "filename": "shoppers.csv",
    "filestream": "Z3JhY2VAbWFpbC5leGFtcGxlCg==",
    "filedelimiter": ",",
    "filecolumntype": "Email",
    "filecolumn": 0,
    "importtype": "AddSubscribers",
    "segmentationimporttype": "Update",
    "textqualifier": '"',
    "integrationtype": "custom",
    "externalticketid": "T-1001",
    "url": "https://shop.example/hooks",
    "urls": ["https://shop.example/"],
    "kinds": ["subscribed", "unsubscribed"],
    "code": "54321",
    "country": "US",
    "googletrackingdomains": ["shop.example"],
    "eventtype": "track",
    "cursor": "Start",
    "rule": {"all": [{"field": "Profile.City", "is": "Lititz"}]},
}
KINDS: dict[str, type] = {"string": str, "array": list, "object": dict, "integer": int}
# Bodies whose schema leaves the rows open, by the end of their path.
BODIES: Schema = {
    "/Customer": [
        {"email": "grace@mail.example", "customerNumber": "1001", "firstName": "Grace"},
    ],
    "/Order": [
        {
            "orderNumber": "A-1001",
            "email": "grace@mail.example",
            "dateEntered": "2026-11-20T10:00:00",
            "orderTotal": 55.5,
            "status": "Processing",
            "items": [{"orderNumber": "A-1001", "sku": "SHOE-9", "quantity": 1, "price": 49.9}],
        },
    ],
    "/Product": [
        {"sku": "SHOE-9", "title": "Running shoe", "price": 49.9, "qoh": 12, "inStock": True},
    ],
    "/Review": [
        {
            "provider": "Stars",
            "providerReviewID": "R-1",
            "providerProductID": "SHOE-9",
            "title": "Light",
            "featured": False,
            "recommended": True,
            "ratings": [
                {"providerRatingID": "overall", "ratingValue": 5, "ratingMin": 1, "ratingMax": 5}
            ],
        },
    ],
    "/RatingSummary": [
        {
            "provider": "Stars",
            "providerProductID": "SHOE-9",
            "ratingSummaries": [
                {
                    "providerRatingSummaryID": "overall",
                    "rating": 4.5,
                    "ratingMin": 1,
                    "ratingMax": 5,
                }
            ],
        },
    ],
    "/Event/Batch": [
        {
            "emailAddress": "grace@mail.example",
            "event": "Winback Check",
            "occurredAt": "2026-11-20T10:00:00",
            "eventKey": "cart-4711",
            "properties": {"sku": "SHOE-9"},
        },
    ],
    "/SplitTest": {
        "splitTestName": "Two subjects",
        "winnerMetric": "Opens",
        "winnerAfterHours": 4,
        "groups": [
            {
                "groupName": name,
                "percent": 10,
                "subject": subject,
                "fromName": "Acme Shoes",
                "fromEmail": "shop@acme.example",
                "bodyHtml": "<p>Hello {{ contact.first_name }}</p>",
            }
            for name, subject in (("A", "Come back"), ("B", "We miss you"))
        ],
        "audience": {"includedSegments": ["VIPs"]},
    },
    "/source/segment": {
        "type": "identify",
        "userId": "1001",
        "traits": {"email": "grace@mail.example", "plan": "gold"},
    },
    "/Conversation": {
        "conversation": "Winback",
        "list": "Store Customers",
        "threads": [
            {
                "thread": "Main",
                "steps": [
                    {"key": "start", "trigger": {"external_event": "Winback Check"}},
                    {"key": "end", "terminate": {}},
                ],
            }
        ],
    },
}


def describe(schema: Schema) -> None:
    """Complete the operations and shapes of an OpenAPI description, in place."""
    _say_local(schema["components"]["schemas"])
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            _describe(path, operation, schema["components"]["schemas"])


def _describe(path: str, operation: Schema, shapes: Schema) -> None:
    own = operation.get("description", "").strip()
    operation["summary"] = _first_sentence(own)
    said = [own, _who(operation)]
    if any(one["name"] == "cursor" for one in operation.get("parameters", [])):
        said.append(PAGED)
    body = operation.get("requestBody")
    if body:
        said.append(STREAMED if operation.get("x-reads", "whole") != "whole" else WHOLE)
        for content in body["content"].values():
            content["example"] = _written_out(path, content["schema"], shapes)
    operation["description"] = "\n\n".join([*said, REFUSED])


def _say_local(shapes: Schema) -> None:
    """Let every date-time, of properties and of what they may be, be one without an offset."""
    for shape in shapes.values():
        for property_ in shape.get("properties", {}).values():
            for kind in (property_, *property_.get("anyOf", ())):
                if kind.get("format") == "date-time":
                    kind.update(LOCAL_TIME)


def _first_sentence(text: str) -> str:
    """Return the first line's first sentence, without the stop."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=[a-z)`])[.;] ", paragraph, maxsplit=1)[0].rstrip(".")


def _who(operation: Schema) -> str:
    scheme = next(iter(operation["security"][0]))
    levels = " and ".join(f"`{level}`" for level in operation["x-access-levels"])
    return SCHEMES[scheme].format(
        type=f"`{operation['x-integration-type']}`",
        levels=f" with the access level {levels}" if levels else "",
    )


def _written_out(path: str, shape: Schema, shapes: Schema) -> Any:
    for end, body in BODIES.items():
        if path.endswith(end):
            return body
    return _example(shape, "", shapes)


def _example(shape: Schema, name: str, shapes: Schema) -> Any:
    """Return a value of a shape; a property's name says what it is like."""
    if "$ref" in shape:
        return _example(shapes[shape["$ref"].rpartition("/")[2]], name, shapes)
    known = VALUES.get(name.lower())
    if known is not None and isinstance(known, KINDS.get(shape.get("type", ""), object)):
        return known
    for kinds in ("anyOf", "oneOf", "allOf"):
        if kinds in shape:
            return _example(shape[kinds][0], name, shapes)
    if "enum" in shape:
        return shape["enum"][0]
    if shape.get("properties"):
        return {key: _example(one, key, shapes) for key, one in shape["properties"].items()}
    if "default" in shape and shape["default"] not in ("", None):
        return shape["default"]
    return _plain(shape, name, shapes)


def _plain(shape: Schema, name: str, shapes: Schema) -> Any:
    match shape.get("type"):
        case "array":
            return [_example(shape.get("items", {}), name.removesuffix("s"), shapes)]
        case "integer" | "number":
            return max(1, shape.get("minimum", 1))
        case "boolean":
            return False
        case "object":
            return {}
        case _:
            return _words(name)


def _words(name: str) -> str:
    """Return `eventGroupName` as a name that reads like one: Event group."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Name"))
    return words[:1].upper() + words[1:].lower()
