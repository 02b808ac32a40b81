"""Double opt-ins by email: whoever is Pending is asked to confirm; the apps above send the question."""

from collections.abc import Callable
from datetime import datetime

from contacts.models import Subscription

# By app: how somebody who has just become Pending is asked.
ASKERS: dict[str, Callable[[Subscription, datetime], None]] = {}


def ask_to_confirm(*, subscription: Subscription, now: datetime) -> None:
    """Ask a Pending address whether it wants to be on its list."""
    for ask in ASKERS.values():
        ask(subscription, now)
