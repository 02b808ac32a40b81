"""Who has what it waits for, as SQL: what happened since each came, or a filter that is true."""

from collections.abc import Mapping
from typing import Any

from conductor.clocks import count_fallbacks, is_by_calendar, reads_own_calendar, set_timeout
from conductor.steps import THESE, Arrivals, can_ask, enrollment_for, hold_here
from contacts import filters
from contacts.filters.properties import property_tests
from contacts.filters.scope import Scope
from contacts.models import ExternalEvent

# Who has no time-out yet has just arrived, or is asked again after a fault.
ARRIVED = "arrivals.due_at IS NULL AND arrivals.held_reason IS NULL"
NO_TIMEOUT = f"arrivals.exit IS NULL AND {ARRIVED}"

# Nothing can have happened since the very moment of arrival.
LOOK = f"""
    UPDATE arrivals
    SET
        exit = CASE
            WHEN {{happened}} THEN 'happened'
            WHEN arrivals.due_at <= %(now)s THEN 'timed_out'
        END
    FROM enrolled
    WHERE
        {THESE}
        AND arrivals.arrived_at < %(now)s
        AND arrivals.due_at IS NOT NULL
        AND enrolled.id = arrivals.enrollment_id
"""
# {recorded} and {occurred} are when we and the world knew of it.
COUNTS = """
    {recorded} > arrivals.arrived_at
    AND {recorded} <= least(arrivals.due_at, %(now)s)
    AND {occurred} <= %(now)s
"""
EVENT = f"""
    EXISTS (
        SELECT FROM contacts_event AS happened
        WHERE
            happened.contact_id = arrivals.contact_id
            AND happened.external_event_id = %(external_event_id)s
            AND {COUNTS.format(recorded="happened.recorded_at", occurred="happened.occurred_at")}
            AND {{where}}
    )
"""
ORDER = f"""
    EXISTS (
        SELECT FROM contacts_orderfact AS happened
        INNER JOIN contacts_order AS purchase ON purchase.id = happened.order_id
        WHERE
            happened.contact_id = arrivals.contact_id
            AND (%(statuses)s::text[] = '{{{{}}}}' OR happened.status = any(%(statuses)s::text[]))
            AND {COUNTS.format(recorded="happened.recorded_at", occurred="purchase.ordered_at")}
            AND {{where}}
    )
"""
ORDER_PROPERTIES = """
    jsonb_build_object(
        'order_number', happened.order_number, 'status', happened.status, 'total', purchase.total
    )
"""
# Of the list, whatever sent it; tests only to their own enrollment.
MEANT = """
    delivery.list_id = enrolled.list_id
    AND delivery.channel = %(channel)s
    AND (NOT delivery.is_test OR delivery.enrollment_id = arrivals.enrollment_id)
    AND (
        %(step)s = ''
        OR (
            delivery.step_key = %(step)s AND delivery.conversation_id = enrolled.conversation_id
        )
    )
"""
SENT = f"""
    EXISTS (
        SELECT FROM messaging_delivery AS delivery
        WHERE
            delivery.contact_id = arrivals.contact_id
            AND delivery.state = %(did)s
            AND {COUNTS.format(recorded="delivery.sent_at", occurred="delivery.sent_at")}
            AND {MEANT}
            AND {{where}}
    )
"""
CAME_BACK = f"""
    EXISTS (
        SELECT FROM messaging_receipt AS receipt
        INNER JOIN messaging_delivery AS delivery ON delivery.id = receipt.delivery_id
        WHERE
            receipt.contact_id = arrivals.contact_id
            AND receipt.kind = %(did)s
            AND {COUNTS.format(recorded="receipt.recorded_at", occurred="receipt.occurred_at")}
            AND {MEANT}
            AND {{where}}
    )
"""
CHANNELS = {"message": "email", "sms": "sms"}


def look(arrivals: Arrivals) -> None:
    """Look for what has happened since each contact came here."""
    settings = arrivals.settings
    if _event_is_gone(settings):
        hold_here(arrivals, "the event is gone", NO_TIMEOUT)
    set_timeout(arrivals, settings, settings["zone"], where=NO_TIMEOUT)
    happened, properties, given = _happening(settings)
    scope = Scope(zone="'UTC'", prefix="where", enrolled=False)
    tests = [
        test.strict
        for asked in settings["where"]
        for test in property_tests(asked, properties, scope)
    ]
    where = happened.format(where=" AND ".join(tests) or "TRUE")
    arrivals.run(LOOK.format(happened=where), **given, **scope.params)


def _event_is_gone(settings: Mapping[str, Any]) -> bool:
    event_id = settings["external_event_id"]
    return event_id is not None and not ExternalEvent.objects.filter(pk=event_id).exists()


def _happening(settings: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return what is looked for, where its properties are, and the parameters."""
    way = settings["way"]
    if way == "event":
        given = {"external_event_id": settings["external_event_id"]}
        return EVENT, "happened.properties", given
    if way == "order":
        return ORDER, ORDER_PROPERTIES, {"statuses": settings["statuses"]}
    given = {"channel": CHANNELS[way], "did": settings["did"], "step": settings["step"]}
    return (
        (SENT, "'{}'::jsonb", given)
        if settings["did"] == "sent"
        else (
            CAME_BACK,
            "receipt.detail",
            given,
        )
    )


ASK = f"""
    UPDATE arrivals
    SET
        exit = CASE
            WHEN {{condition}} THEN 'happened'
            WHEN arrivals.due_at <= %(now)s THEN 'timed_out'
        END
    FROM contacts_subscription AS subscription
    INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
    {{enrollment}}
    WHERE {THESE} AND subscription.id = arrivals.subscription_id {{same}}
"""


def ask(arrivals: Arrivals) -> None:
    """
    Ask the filter: of those who arrive, of those to whom something happened, of the last.

    Where it reads the contact's own calendar, those who arrive without a zone are counted.
    """
    settings = arrivals.settings
    if not can_ask(arrivals, settings["rule"]):
        return
    zone = arrivals.zone()
    asked = filters.condition(settings["rule"], zone=zone, prefix="step_")
    enrollment, same = enrollment_for(asked.sql)
    arrivals.run(ASK.format(condition=asked.sql, enrollment=enrollment, same=same), **asked.params)
    if reads_own_calendar(asked.sql, zone):
        # Those who stay are counted with their time-out, where that is by the calendar, too.
        counted = is_by_calendar(settings, settings["zone"])
        count_fallbacks(
            arrivals, f"{ARRIVED} AND arrivals.exit IS NOT NULL" if counted else ARRIVED
        )
    set_timeout(arrivals, settings, settings["zone"], where=NO_TIMEOUT)
