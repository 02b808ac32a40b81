"""Sandbox: nothing leaves the house; what would have been sent is read in a page."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from django.db import DatabaseError, DataError, IntegrityError

from accounts.tenancy import in_account
from messaging.models import SandboxMessage
from messaging.providers import Batch, Carrier, Outcome, Outgoing

TOO_LARGE = "54"  # the class of SQLSTATE of what is too much for a row


class Sandbox(Carrier):
    """Keeps each message once, by its delivery."""

    kind = "sandbox"
    label = "Sandbox"
    about = "Nothing leaves the house: what would have been sent is read in the Sandbox inbox."
    icon = "test-pipe"
    channels = ("email", "sms")
    idempotent = True
    batch_size = 500
    is_ours = True

    def carry(self, messages: Iterator[Outgoing], *, now: datetime) -> Iterator[Outcome]:
        """Write what is given in one statement."""
        return self.send(list(messages), now=now)

    def send(
        self,
        batch: Batch,
        *,
        now: datetime,
        stop: Callable[[], bool] = lambda: False,
        connections: int = 1,
    ) -> Iterator[Outcome]:
        """
        Write the batch in one statement; what is there already stays as it is.

        :raises DatabaseError: if the database went away: the messages wait for another turn.
        """
        messages = list(batch)
        try:
            write(messages, now)
            failed: set[int] = set()
        except DatabaseError as problem:
            if not is_of_a_row(problem):
                raise
            # One row that cannot be kept (its list was deleted meanwhile) fails alone.
            failed = {message.delivery_id for message in messages if not is_written(message, now)}
        for message in messages:
            if message.delivery_id in failed:
                yield Outcome(message.delivery_id, "failed", "provider rejected (not kept)")
            else:
                yield Outcome(
                    message.delivery_id, provider_message_id=f"sandbox-{message.delivery_id}"
                )


def write(batch: Sequence[Outgoing], now: datetime) -> None:
    """Keep messages of one account in one transaction."""
    if batch:
        with in_account(batch[0].account_id):
            SandboxMessage.objects.bulk_create(
                [kept(message, now) for message in batch], ignore_conflicts=True
            )


def is_written(message: Outgoing, now: datetime) -> bool:
    """Keep one message; say whether that was possible."""
    try:
        write([message], now)
    except DatabaseError as problem:
        if not is_of_a_row(problem):
            raise
        return False
    return True


def is_of_a_row(problem: DatabaseError) -> bool:
    """Say whether what is wrong is what was to be written, not the connection or the server."""
    state: str | None = getattr(problem.__cause__, "sqlstate", None)
    return isinstance(problem, DataError | IntegrityError) or (state or "").startswith(TOO_LARGE)


def kept(message: Outgoing, now: datetime) -> SandboxMessage:
    """Return a message as the inbox shows it."""
    return SandboxMessage(
        delivery_id=message.delivery_id,
        channel=message.channel,
        address=message.address,
        sender=message.sender[:254],
        subject=message.subject,
        preheader=message.preheader,
        html=message.html,
        text=message.text,
        media_url=message.media_url,
        raw=zlib.compress(message.raw, 1) if message.raw else None,
        contact_id=message.contact_id,
        sent_at=now,
    )


CARRIER = Sandbox
