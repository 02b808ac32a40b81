"""
Twilio: texts and pictures by its Messages API, its status callbacks and what comes in.

Its own library is twenty times the size of what is needed of it: one request, one
signature. Numbers are short codes, long codes and toll-free ones alike.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, QueryDict

from accounts.actions import InvalidValueError
from messaging.actions.provider_events import ProviderEvent
from messaging.providers import Field, Outcome, Outgoing, ThrottledError
from messaging.transports.calls import Heard, HeardText
from messaging.transports.kept_http import HttpAnswer
from messaging.transports.sms import DELIVERY, SmsCall, SmsCarrier, number_of

API = "https://api.twilio.com"
QUIET_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
# What Twilio says of a number that is none, and of one that has opted out there.
NO_NUMBERS = {21211, 21214, 21217, 21614}
OPTED_OUT = 21610
TOO_FAST = {20429, 14107, 30022}
# What is told of a message later, in our words.
STATUSES = {
    "delivered": "delivered",
    "read": "opened",
    "undelivered": "bounced",
    "failed": "failed",
}
# Numbers that do not exist, are out of service or cannot take texts.
HARD_ERRORS = {"30005", "30006", "21211", "21614"}


class Twilio(SmsCarrier):
    """Twilio's Messages API, version 2010-04-01."""

    kind = "twilio"
    label = "Twilio"
    about = "Texts and pictures by short codes, long codes and toll-free numbers."
    base_url = API
    fields = (
        Field("account_sid", "Account SID", "Begins with AC.", required=True),
        Field(
            "auth_token",
            "Auth token",
            "Also what tells Twilio's calls from forged ones.",
            secret=True,
            required=True,
        ),
        Field(
            "messaging_service_sid",
            "Messaging service SID",
            "Begins with MG. Empty: the number of the message's short code sends.",
        ),
    )

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse what are no ids of Twilio: they become part of an address."""
        clean = super().clean(settings)
        for name, start in (("account_sid", "AC"), ("messaging_service_sid", "MG")):
            value = clean[name]
            if value and not (value.startswith(start) and value.isalnum() and len(value) == 34):
                raise InvalidValueError(name, f"It has 34 letters and begins with {start}.")
        return clean

    def call(self, message: Outgoing) -> SmsCall:
        """Return one message as Twilio takes it."""
        sid = self.settings["account_sid"]
        form = {"To": message.address, "Body": message.text}
        if self.settings.get("messaging_service_sid"):
            form["MessagingServiceSid"] = self.settings["messaging_service_sid"]
        else:
            form["From"] = number_of(message.sender)
        if message.media_url:
            form["MediaUrl"] = message.media_url
        if self.callback:
            form["StatusCallback"] = self.callback_for(message)
        return SmsCall(
            method="POST",
            url=f"{self.base_url}/2010-04-01/Accounts/{quote(sid, safe='')}/Messages.json",
            headers={
                "Authorization": f"Basic {basic(sid, self.secrets['auth_token'])}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            body=urlencode(form).encode(),
        )

    def outcome(self, message: Outgoing, answer: HttpAnswer) -> Outcome:
        """Return what Twilio's answer means."""
        said = as_object(answer.body)
        number = message.delivery_id
        if answer.status in {200, 201} and said.get("sid"):
            return Outcome(number, provider_message_id=str(said["sid"]))
        code = said.get("code")
        if code in TOO_FAST:
            raise ThrottledError(f"Twilio takes no more for now ({code}).")
        if code in NO_NUMBERS:
            return Outcome(number, "failed", "invalid address", bounce="hard")
        if code == OPTED_OUT:
            return Outcome(number, "failed", "suppressed", bounce="stopped")
        words = " ".join(str(said.get("message", "")).split())[:120]
        return Outcome(number, "failed", f"provider rejected ({code or answer.status} {words})")

    def check(self) -> str:
        """Ask Twilio for the account."""
        from messaging.transports.kept_http import UnansweredError, UnreachedError, kept_calls

        sid = self.settings["account_sid"]
        try:
            with kept_calls(seconds=8.0) as calls:
                answer = calls.call(
                    "GET",
                    f"{self.base_url}/2010-04-01/Accounts/{quote(sid, safe='')}.json",
                    headers={"Authorization": f"Basic {basic(sid, self.secrets['auth_token'])}"},
                    body=b"",
                )
        except (UnreachedError, UnansweredError) as problem:
            return f"Twilio cannot be reached: {problem}"
        return (
            "" if answer.status == 200 else f"Twilio did not accept the account ({answer.status})."
        )

    def hear(self, request: HttpRequest, *, now: datetime) -> Heard:
        """
        Return what a call says, if Twilio has signed it.

        :raises PermissionDenied: if not.
        """
        if not self.is_genuine(request):
            raise PermissionDenied("The signature is not Twilio's.")
        told = request.POST
        sid = told.get("MessageSid") or told.get("SmsSid") or ""
        status = told.get("MessageStatus") or told.get("SmsStatus") or ""
        if status == "received" or (not status and "Body" in told):
            return Heard(
                texts=[heard_text(told, sid)], answer=QUIET_ANSWER, content_type="text/xml"
            )
        kind = STATUSES.get(status)
        if kind is None:
            return Heard()
        code = told.get("ErrorCode", "")
        detail: dict[str, Any] = {"code": code} if code else {}
        # What it was about is said by the address, too: its sid may be in an answer we never got.
        detail["delivery"] = request.GET.get(DELIVERY, "")
        if code in HARD_ERRORS:
            detail["bounce"] = "hard"
        elif code == str(OPTED_OUT):
            detail["bounce"] = "stopped"
        elif kind == "bounced":
            detail["bounce"] = "soft"
        event = ProviderEvent(
            provider=self.kind,
            event_id=f"{sid}:{status}",
            kind=kind,
            occurred_at=now,
            provider_message_id=sid,
            address=told.get("To", ""),
            detail=detail,
        )
        return Heard(events=[event])

    def is_genuine(self, request: HttpRequest) -> bool:
        """Compare the signature with what the token makes of address and parameters."""
        given = request.headers.get("X-Twilio-Signature", "")
        url = self.callback + (f"?{request.META['QUERY_STRING']}" if request.GET else "")
        return hmac.compare_digest(given, signature(self.secrets["auth_token"], url, request.POST))


def signature(token: str, url: str, form: QueryDict) -> str:
    """Return Twilio's signature of a call: the address, then each name and value, sorted."""
    said = url + "".join(
        f"{name}{value}" for name in sorted(form) for value in sorted(set(form.getlist(name)))
    )
    made = hmac.new(token.encode(), said.encode(), hashlib.sha1).digest()
    return base64.b64encode(made).decode()


def heard_text(told: QueryDict, sid: str) -> HeardText:
    """Return a text that came in."""
    count = told.get("NumMedia", "0")
    places = range(min(int(count), 10)) if count.isdecimal() else range(0)
    media = tuple(told.get(f"MediaUrl{place}", "") for place in places)
    return HeardText(
        provider_message_id=sid,
        sender=told.get("From", ""),
        to=told.get("To", ""),
        text=told.get("Body", ""),
        media=tuple(url for url in media if url),
    )


def basic(user: str, password: str) -> str:
    """Return what Basic authentication sends."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def as_object(body: bytes) -> dict[str, Any]:
    """Return a JSON object; {} for anything else."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


CARRIER = Twilio
