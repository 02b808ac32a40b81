"""Where the links of committed messages lead, kept in memory for a minute."""

import threading
import time

from django.db import transaction

from accounts.tenancy import in_account
from messaging.models import CommittedMessage
from messaging.models.message import Channel
from messaging.tracking.links import web_address
from messaging.tracking.plans import plan_of
from messaging.tracking.rules import rules_of
from messaging.tracking.texts import links_of

KEPT_SECONDS = 60.0
KEPT_MESSAGES = 2000


class Targets:
    """Where the links of messages lead, kept for a minute: a list's settings may change."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reading = threading.Lock()
        self.kept: dict[tuple[int, int], tuple[float, tuple[str, ...]]] = {}

    def find(self, account_id: int, message_id: int, place: int) -> str:
        """Return the target of one link of a message; "" where there is none."""
        found = self.links(account_id, message_id)
        return found[place] if place < len(found) else ""

    def links(self, account_id: int, message_id: int) -> tuple[str, ...]:
        """
        Return a message's targets, from memory if they were read lately.

        One thread reads at a time, for all who follow a new message's links at once, and gives
        its connection back: who waits for a click to be written must keep none from who writes.
        """
        key = (account_id, message_id)
        found = self.known(key)
        if found:
            return found
        with self.reading:
            return self.known(key) or self.read(key)

    def known(self, key: tuple[int, int]) -> tuple[str, ...]:
        """Return the targets that were read lately."""
        until, found = self.kept.get(key, (0.0, ()))
        return found if time.monotonic() < until else ()

    def read(self, key: tuple[int, int]) -> tuple[str, ...]:
        """Read a message's targets."""
        moment = time.monotonic()
        try:
            found = read_links(*key)
        finally:
            if not transaction.get_connection().in_atomic_block:
                transaction.get_connection().close()
        with self.lock:
            if len(self.kept) >= KEPT_MESSAGES:
                self.kept.clear()
            if found:
                self.kept[key] = (moment + KEPT_SECONDS, found)
        return found


def read_links(account_id: int, message_id: int) -> tuple[str, ...]:
    """Return the targets of a committed message's links."""
    with in_account(account_id):
        message = (
            CommittedMessage.objects.select_related("list", "account").filter(pk=message_id).first()
        )
        if message is None:
            return ()
        rules = rules_of(message.list, message.account)
    if message.channel == Channel.SMS:
        return tuple(map(web_address, links_of(message.content)))
    return plan_of(message.content, name=message.name, rules=rules, transactional=False).links


TARGETS = Targets()
