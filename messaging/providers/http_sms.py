"""
Any SMS gateway with an HTTP API: the call is a template, so is what counts as success.

In address, headers and body `{{to}} {{from}} {{text}} {{media_url}} {{id}} {{callback}} {{secret}}`
are filled in, each written as its place wants it: percent-encoded in the address and in forms,
escaped in JSON. `{{callback}}` is where to tell what became of this one message. What a
template cannot do is end the line it stands in.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest

from accounts.actions import InvalidValueError
from accounts.outgoing import RefusedAddressError, read_url
from messaging.actions.provider_events import ProviderEvent
from messaging.mime import one_line
from messaging.providers import Field, Outcome, Outgoing
from messaging.transports.calls import Heard, HeardText
from messaging.transports.kept_http import HttpAnswer
from messaging.transports.sms import DELIVERY, SmsCall, SmsCarrier, number_of

PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
PLACES = frozenset({"to", "from", "text", "media_url", "id", "callback", "secret"})
METHODS = (("POST", "POST"), ("PUT", "PUT"), ("GET", "GET"))
FORMATS = (("json", "JSON"), ("form", "Form"))
TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
USUAL_PATH = "id"
OWN_ID = re.compile(r"[0-9]{1,18}")
HEADER = re.compile(r"[A-Za-z0-9-]{1,60}")
STATUSES = {
    "delivered": "delivered",
    "sent": None,
    "undelivered": "bounced",
    "bounced": "bounced",
    "failed": "failed",
    "rejected": "rejected",
}


class HttpSms(SmsCarrier):
    """A gateway that is described by templates."""

    kind = "http_sms"
    label = "HTTP gateway"
    about = "Any SMS gateway with an HTTP API; you say what a call looks like."
    icon = "webhook"
    fields = (
        Field(
            "url",
            "Address",
            "{{to}} {{from}} {{text}} {{media_url}} {{id}} {{callback}} {{secret}} are filled in, "
            "here, in the headers and in the body.",
            required=True,
        ),
        Field("method", "Method", choices=METHODS, initial="POST"),
        Field("format", "Body is", choices=FORMATS, initial="json"),
        Field(
            "headers",
            "Headers",
            "One a line, such as Authorization: Bearer {{secret}}.",
            is_long=True,
        ),
        Field(
            "body",
            "Body",
            "Empty for a GET.",
            initial='{"to": "{{to}}", "from": "{{from}}", "text": "{{text}}", "id": "{{id}}"}',
            is_long=True,
        ),
        Field("secret", "Secret", "What {{secret}} stands for.", secret=True),
        Field(
            "success_text",
            "Success",
            "What an answer 2xx must contain to count as accepted. Empty: nothing more.",
        ),
        Field(
            "id_path",
            "Message id",
            "Where in a JSON answer it stands, such as messages.0.id. Empty: id, if there is one. "
            "What becomes of a message is told by this id, our {{id}} as reference, or {{callback}}.",
        ),
    )

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse templates that cannot make a call."""
        clean = super().clean(settings)
        for name in ("url", "headers", "body"):
            unknown = set(PLACE.findall(clean[name])) - PLACES
            if unknown:
                raise InvalidValueError(name, f"There is no {{{{{min(unknown)}}}}}.")
        clean_url(clean["url"])
        for line in lines_of(clean["headers"]):
            name, colon, _ = line.partition(":")
            if not colon or not HEADER.fullmatch(name.strip()):
                raise InvalidValueError("headers", f"This is no header: {line[:60]}")
        if clean["format"] == "json" and clean["method"] != "GET":
            clean_json(clean["body"])
        return clean

    def call(self, message: Outgoing) -> SmsCall:
        """Return one message as the templates say."""
        values = {
            "to": message.address,
            "from": number_of(message.sender),
            "text": message.text,
            "media_url": message.media_url,
            "id": str(message.delivery_id),
            "callback": self.callback_for(message),
            "secret": self.secrets.get("secret", ""),
        }
        settings = self.settings
        headers = {"Content-Type": TYPES[settings["format"]], "Accept": "application/json"}
        for line in lines_of(settings.get("headers", "")):
            name, _, value = line.partition(":")
            headers[name.strip()] = header_value(filled(value.strip(), values, str))
        has_body = settings["method"] != "GET"
        escape = escaped if settings["format"] == "json" else percent
        body = filled(settings["body"], values, escape).encode() if has_body else b""
        return SmsCall(settings["method"], filled(settings["url"], values, percent), headers, body)

    def outcome(self, message: Outgoing, answer: HttpAnswer) -> Outcome:
        """Return what an answer means."""
        said = answer.body.decode(errors="replace")
        is_good = 200 <= answer.status < 300 and self.settings.get("success_text", "") in said
        if not is_good:
            words = " ".join(said.split())[:120]
            return Outcome(
                message.delivery_id, "failed", f"provider rejected ({answer.status} {words})"
            )
        return Outcome(
            message.delivery_id,
            provider_message_id=str(found(said, self.settings.get("id_path") or USUAL_PATH))[:200],
        )

    def hear(self, request: HttpRequest, *, now: datetime) -> Heard:
        """
        Return what the gateway tells: {"id", "status"} of a message, {"from", "to", "text"}.

        As JSON or as a form; its address is its secret. Instead of the id that it gave a message
        it may name what we gave it: as `reference` our {{id}}, or the token that our {{callback}}
        ends with; then what it answered us may be lost. `message_id` is the gateway's own
        id of a text that came in, and of what it tells twice.

        :raises SuspiciousOperation: for what is neither.
        """
        told = read_call(request)
        if told.get("text") is not None and told.get("from") and told.get("message_id"):
            text = HeardText(
                provider_message_id=str(told["message_id"])[:200],
                sender=str(told["from"]),
                to=str(told.get("to", "")),
                text=str(told["text"]),
                media=tuple(str(told["media_url"]) for _ in [0] if told.get("media_url")),
            )
            return Heard(texts=[text])
        status = str(told.get("status", "")).lower()
        own = str(told.get("reference", "")).strip()
        token = request.GET.get(DELIVERY, "")
        number = str(told.get("id", "")) or own or token
        if status not in STATUSES or not number:
            raise SuspiciousOperation("Neither a status nor a text.")
        kind = STATUSES[status]
        if kind is None:
            return Heard()
        event = ProviderEvent(
            provider=self.kind,
            event_id=f"{number}:{status}",
            kind=kind,
            occurred_at=now.astimezone(UTC),
            provider_message_id=str(told.get("id", "")),
            delivery_id=int(own) if OWN_ID.fullmatch(own) else None,
            detail={
                "bounce": "hard" if told.get("permanent") in {True, "true", "1"} else "soft",
                "delivery": token,
            },
        )
        return Heard(events=[event])


def clean_url(url: str) -> None:
    """
    See that an address can be called, and its host is the same for everybody.

    :raises InvalidValueError: if not.
    """
    try:
        read_url(PLACE.sub("1", url))
    except RefusedAddressError as refused:
        raise InvalidValueError("url", f"This cannot be called: {refused}.") from refused
    if PLACE.search(url.partition("//")[2].partition("/")[0]):
        raise InvalidValueError("url", "The host must not be filled in.")


def clean_json(body: str) -> None:
    """
    See that a body makes JSON.

    :raises InvalidValueError: if not.
    """
    try:
        json.loads(PLACE.sub("1", body))
    except ValueError as unfit:
        raise InvalidValueError("body", "This does not make JSON.") from unfit


def filled(template: str, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    """Return a template with its places filled in."""
    return PLACE.sub(lambda place: escape(values.get(place[1], "")), template)


def percent(value: str) -> str:
    """Write a value as part of an address or a form."""
    return quote(value, safe="")


def escaped(value: str) -> str:
    """Write a value within a JSON string."""
    return json.dumps(value)[1:-1]


def header_value(value: str) -> str:
    """
    Return a header's value on one line, letters beyond ASCII as the bytes of UTF-8.

    As they are they could not be sent, and one text would be taken for a gateway out of reach.
    """
    return one_line(value).encode(errors="replace").decode("latin-1")


def lines_of(text: str) -> list[str]:
    """Return the lines that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def found(said: str, path: str) -> Any:
    """Return what stands at a path of a JSON answer; "" where there is nothing."""
    try:
        at: Any = json.loads(said)
        for step in path.split("."):
            at = at[int(step)] if isinstance(at, list) else at[step]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return at if isinstance(at, str | int) else ""


def read_call(request: HttpRequest) -> dict[str, Any]:
    """
    Return a call's values, of JSON or of a form.

    :raises SuspiciousOperation: for JSON that is none.
    """
    if request.content_type != "application/json":
        return dict(request.POST.items())
    try:
        told = json.loads(request.body)
    except ValueError as unfit:
        raise SuspiciousOperation("No JSON.") from unfit
    if not isinstance(told, dict):
        raise SuspiciousOperation("No JSON object.")
    return told


CARRIER = HttpSms
