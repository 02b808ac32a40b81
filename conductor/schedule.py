"""What happens by the clock: one page of it. The pulse runs these beside itself, one after another."""

from collections.abc import Callable
from datetime import datetime

from django.core.management import call_command

from accounts.tenancy.partitions import make_partitions
from accounts.wire.idempotency import forget_answers
from conductor.conversations.actions.listening import forget_listeners
from conductor.conversations.actions.refusals import forget_refusals
from conductor.conversations.actions.rehearsing import forget_rehearsals
from conductor.conversations.notices import send_notices
from conductor.engine.calls import forget_calls
from conductor.retention import drop_old_months
from conductor.webhooks.segment_source.actions import go_on_everywhere
from conductor.webhooks.upkeep import forget_old
from contacts.actions.event_batches import forget_event_keys
from messaging.actions.coupons import warn_of_low_pools
from messaging.actions.provider_events import match_early_notices
from messaging.figures import fold_figures


def make_months_ahead(now: datetime) -> None:
    """Make the month partitions of events and visits, three months ahead."""
    make_partitions(now=now)


def forget_sessions(_now: datetime) -> None:
    """Remove the sessions that have expired."""
    call_command("clearsessions")


DAILY = (
    make_months_ahead,
    drop_old_months,
    forget_sessions,
    forget_listeners,
    forget_calls,
    forget_rehearsals,
    forget_refusals,
    forget_answers,
    forget_event_keys,
    forget_old,
)
# Each looks first whether there is anything to do: an idle deployment stays idle.
MINUTELY: tuple[Callable[[datetime], object], ...] = (
    send_notices,
    warn_of_low_pools,
    match_early_notices,
    fold_figures,
    go_on_everywhere,
)
