"""
Undeliverable mail that returned to our bounce address (RFC 3464), handed to us as it is.

The mail server of the bounce domain posts it here, as `message/rfc822`: an alias with a
pipe to curl will do. Whom it is about is said by the address that it returned to, which
carries our token of the delivery; a report without one says nothing.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.message import Message

from messaging.actions.provider_events import ProviderEvent
from messaging.transports.calls import Heard
from messaging.transports.smtp_line import Reply, is_hard_bounce

MOST_BYTES = 1_000_000
TOKEN = re.compile(r"b-([A-Za-z0-9_-]{16,60})@")
STATUS = re.compile(r"([245])\.\d{1,3}\.\d{1,3}")
CODE = re.compile(r"(?:^|[;\s])([45]\d\d)(?=[\s-]|$)")
WHERE = ("Delivered-To", "X-Original-To", "To", "Envelope-To")


def returned_mail(raw: bytes, *, now: datetime) -> Heard:
    """Return the bounce that a mail tells of; nothing where it tells of none."""
    mail = message_from_bytes(raw[:MOST_BYTES])
    tokens = [TOKEN.search(str(mail.get(name, ""))) for name in WHERE]
    token = next((found[1] for found in tokens if found), "")
    if not token:
        return Heard()
    for report in reports(mail):
        action = str(report.get("Action", "")).strip().lower()
        status = STATUS.search(str(report.get("Status", "")))
        if action not in {"failed", "delayed"} or status is None or status[1] == "2":
            continue
        if action == "delayed":
            return Heard()
        said = " ".join(str(report.get("Diagnostic-Code", "")).split())[:200]
        return Heard(
            events=[
                ProviderEvent(
                    provider="smtp",
                    event_id=f"bounce:{token}",
                    kind="bounced",
                    occurred_at=now,
                    detail={
                        "delivery": token,
                        "bounce": kind_of(status[0], said),
                        "code": status[0],
                        "reason": said,
                    },
                )
            ]
        )
    return Heard()


def kind_of(status: str, said: str) -> str:
    """
    Return what a report means: hard, soft, or neither where it does not say.

    `said` is what the server answered, such as `smtp; 550 no such user`: where the status says
    nothing (5.0.0) its code may.
    """
    code = CODE.search(said)
    if is_hard_bounce(Reply(int(code[1]) if code else 0, status.encode()), 1):
        return "hard"
    return "unsaid" if status.startswith("5.0.") else "soft"


def reports(mail: Message) -> Iterator[Message]:
    """Yield the blocks of a delivery report, one a recipient."""
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        blocks = part.get_payload()
        if isinstance(blocks, list):
            yield from (block for block in blocks if isinstance(block, Message))
