"""
How what happened is written: our own events, or Segment's identify and track.

A row is one of `sql/happened.sql`. The id of an event is made of the account's and the row's:
the same at every attempt and at every replay.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from conductor.webhooks.models import Format, Kind

Row = Mapping[str, Any]
Json = dict[str, Any]

# How Segment's source of the replaced system calls them (reference: product, A.12).
TRACKS = {
    Kind.SENT: "Email Sent",
    Kind.OPENED: "Email Opened",
    Kind.CLICKED: "Email Link Clicked",
    Kind.BOUNCED: "Email Bounced",
    Kind.COMPLAINED: "Email Marked As Spam",
    Kind.CONVERTED: "Email Converted",
    Kind.UNSUBSCRIBED: "Unsubscribed",
    # Of ours, since nothing there is like them.
    Kind.ENTERED: "Conversation Entered",
    Kind.ENDED: "Conversation Ended",
}
# Of a consent to a phone list; told under its own name.
NAMED = {"phone_list_id", "phone_id"}
LIBRARY = {"name": "conductor", "version": "1"}


def event_id(account_id: int, row: Row) -> str:
    """Return what names an event for ever."""
    return f"{account_id}-{row['id']}"


def instant(moment: datetime) -> str:
    """Write an instant in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def detail_of(row: Row) -> Json:
    """Return the detail as a dictionary: raw statements may give jsonb as text."""
    return {key: value for key, value in as_dict(row["detail"]).items() if key not in NAMED}


def as_dict(held: Any) -> Json:
    """Return a jsonb value as a dictionary."""
    found = json.loads(held) if isinstance(held, str) else held
    return dict(found or {})


def is_of_phones(row: Row) -> bool:
    """Say whether something happened to the consent to a phone list, and to no email list."""
    return row["phone_list_id"] is not None


def name_of(row: Row) -> str:
    """Return what names somebody to Segment: the email address, else the number."""
    return str(row["email"] or row["phone_number"] or row["phone"])


def conductor_event(account_id: int, row: Row) -> Json:
    """Write an event our way; parts that it has not are left out."""
    event: Json = {
        "id": event_id(account_id, row),
        "cursor": str(row["id"]),
        "type": row["kind"],
        "occurredAt": instant(row["occurred_at"]),
    }
    if row["contact_id"] is not None:
        event["contact"] = {
            "contactId": row["contact_id"],
            "emailAddress": row["email"],
            "phoneNumber": row["phone"],
            "externalContactID": row["external_contact_id"],
        }
    if is_of_phones(row):
        event["phoneList"] = {
            "phoneListId": int(row["phone_list_id"]),
            "phoneListName": row["phone_list_name"],
            "shortCode": row["short_code"],
            "phoneNumber": row["phone_number"],
        }
    elif row["list_id"] is not None:
        event["list"] = {"listId": row["list_id"], "listName": row["list_name"] or ""}
    if row["delivery_id"] is not None:
        event["message"] = {
            "deliveryId": row["delivery_id"],
            "channel": row["channel"] or "",
            "name": row["message_name"],
            "subject": row["subject"],
            "campaignName": row["campaign"],
        }
    if row["conversation_id"] is not None:
        event["conversation"] = {
            "conversationId": row["conversation_id"],
            "conversationName": row["conversation_name"],
            "enrollmentId": row["enrollment_id"],
            "stepKey": row["step_key"],
        }
    event["detail"] = detail_of(row)
    return event


def segment_calls(account_id: int, row: Row, options: Mapping[str, Any]) -> list[Json]:
    """
    Write what happened as Segment's calls: a change of subscription identifies, all else tracks.

    A track never has a userId; somebody without an email address is named by the number.
    """
    kind = Kind(row["kind"])
    calls = []
    if kind in {Kind.SUBSCRIBED, Kind.UNSUBSCRIBED}:
        calls.append(identify(account_id, row, options, is_on=kind == Kind.SUBSCRIBED))
    if kind in TRACKS:
        calls.append(track(account_id, row, TRACKS[kind]))
    return calls


def identify(account_id: int, row: Row, options: Mapping[str, Any], *, is_on: bool) -> Json:
    """
    Say how somebody stands on a list: the trait is true, or null when off it.

    Phone lists have numbers of their own, hence a trait of their own.
    """
    field_id = as_dict(options.get("user_id_fields")).get(str(row["list_id"]))
    user_id = as_dict(row["profile"]).get(str(field_id), "")
    traits: Json = {"email": row["email"], f"listrak_list_{row['list_id']}": is_on or None}
    if is_of_phones(row):
        traits = {
            **({"email": row["email"]} if row["email"] else {}),
            "phone": row["phone_number"],
            f"listrak_phone_list_{row['phone_list_id']}": is_on or None,
        }
    call = {
        "type": "identify",
        "messageId": f"{event_id(account_id, row)}-identify",
        "anonymousId": name_of(row),
        "timestamp": instant(row["occurred_at"]),
        "traits": traits,
        "context": {"library": LIBRARY, "integration": LIBRARY},
    }
    return {**call, "userId": str(user_id)} if user_id not in {"", None} else call


def track(account_id: int, row: Row, name: str) -> Json:
    """Say what happened; a property that is not known is left out."""
    detail = detail_of(row)
    properties = {
        "email_id": row["message_id"],
        "email_subject": row["subject"],
        "campaign_name": row["campaign"],
        "link_id": detail.get("link_id"),
        "link_url": detail.get("url"),
        "google_analytics_campaign_name": detail.get("utm_campaign"),
        **named_list(row),
        "order_total": detail.get("total"),
        "unsubscribe_type": detail.get("method") if row["kind"] == Kind.UNSUBSCRIBED else None,
        "conversation_name": row["conversation_name"],
        "end_reason": detail.get("reason") if row["kind"] == Kind.ENDED else None,
    }
    context: Json = {
        "ip": detail.get("ip"),
        "user_agent": detail.get("user_agent"),
        "traits": {"email": row["email"]} if row["email"] else {"phone": name_of(row)},
        "library": LIBRARY,
        "integration": LIBRARY,
    }
    is_text = row["channel"] == "sms"
    return {
        "type": "track",
        "messageId": event_id(account_id, row),
        "anonymousId": name_of(row),
        "event": name.replace("Email", "SMS") if is_text else name,
        "timestamp": instant(row["occurred_at"]),
        "properties": {key: value for key, value in properties.items() if value not in {None, ""}},
        "context": {key: value for key, value in context.items() if value is not None},
    }


def named_list(row: Row) -> Json:
    """Return the properties that name a track's list."""
    if is_of_phones(row):
        return {
            "phone_list_id": int(row["phone_list_id"]),
            "phone_list_name": row["phone_list_name"],
        }
    return {"list_id": row["list_id"], "list_name": row["list_name"]}


def conductor_body(account_id: int, rows: Sequence[Row], _options: Mapping[str, Any]) -> Json:
    """Return a batch of our events."""
    return {"events": [conductor_event(account_id, row) for row in rows]}


def segment_body(account_id: int, rows: Sequence[Row], options: Mapping[str, Any]) -> Json:
    """Return a batch as Segment's HTTP API takes it."""
    return {"batch": [call for row in rows for call in segment_calls(account_id, row, options)]}


BODIES: dict[str, Callable[[int, Sequence[Row], Mapping[str, Any]], Json]] = {
    Format.CONDUCTOR: conductor_body,
    Format.SEGMENT: segment_body,
}


def body_of(form: str, account_id: int, rows: Sequence[Row], options: Mapping[str, Any]) -> bytes:
    """Return a batch in a format, as it goes over the wire."""
    return json.dumps(BODIES[form](account_id, rows, options), ensure_ascii=False).encode()
