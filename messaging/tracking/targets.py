"""Where the links of committed messages lead, kept in memory for a minute."""

import threading
import time

from accounts.tenancy import in_account
from messaging.models import CommittedMessage
from messaging.models.message import Channel
from messaging.tracking.plans import plan_of
from messaging.tracking.rules import rules_of
from messaging.tracking.texts import links_of

KEPT_SECONDS = 60.0
KEPT_MESSAGES = 2000


class Targets:
    """Where the links of messages lead, kept for a minute: a list's settings may change."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: dict[tuple[int, int], tuple[float, tuple[str, ...]]] = {}

    def find(self, account_id: int, message_id: int, place: int) -> str:
        """Return the target of one link of a message; "" where there is none."""
        found = self.links(account_id, message_id)
        return found[place] if place < len(found) else ""

    def links(self, account_id: int, message_id: int) -> tuple[str, ...]:
        """Return a message's targets, from memory if they were read lately."""
        key, moment = (account_id, message_id), time.monotonic()
        until, found = self.kept.get(key, (0.0, ()))
        if moment < until:
            return found
        found = read_links(account_id, message_id)
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
        return links_of(message.content)
    return plan_of(message.content, name=message.name, rules=rules, transactional=False).links


TARGETS = Targets()
