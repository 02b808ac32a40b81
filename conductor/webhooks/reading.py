"""
Reading who entered and ended, behind the engine: a keyed cursor over enrollments and visits.

An id is handed out before its row is committed, so a cursor that follows what it sees would
lose rows. A reading notes the last ids that were handed out and the next transaction's number;
when no transaction before that one is under way any more, all of them are committed or never
will be, and what lies between the former ids and those is read, once, in the transaction that
moves the cursor on. The ticks of the engine number their transaction before they draw an id.
"""

from accounts.tenancy import sql
from conductor.webhooks.models import Endpoint, Kind, Reading
from conductor.webhooks.noting import note

READ_KINDS = (Kind.ENTERED.value, Kind.ENDED.value)
# Actions of steps change subscriptions, too: what their visits did is read with them.
SUBSCRIPTION_KINDS = (Kind.SUBSCRIBED.value, Kind.UNSUBSCRIBED.value)
# Of one reading: the first of many, the rest with the next.
MOST = 100_000

LAST_IDS = """
    SELECT
        coalesce(pg_sequence_last_value(
            pg_get_serial_sequence('conversations_enrollment', 'id')::regclass), 0),
        coalesce(pg_sequence_last_value(
            pg_get_serial_sequence('conversations_visit', 'id')::regclass), 0),
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint
"""
# Of a test run nobody is told.
HAPPENED = """
    SELECT
        'entered' AS kind, enrollment.list_id, enrollment.contact_id, NULL::bigint AS delivery_id,
        enrollment.id AS enrollment_id, enrollment.entered_at AS occurred_at,
        enrollment.entered_at AS recorded_at, '{}'::jsonb AS detail
    FROM conversations_enrollment AS enrollment
    INNER JOIN conversations_conversation AS conversation
        ON enrollment.conversation_id = conversation.id AND conversation.rehearsal_of_id IS NULL
    WHERE enrollment.id > %(enrollment_id)s AND enrollment.id <= %(to_enrollment_id)s
    UNION ALL
    SELECT
        'ended', enrollment.list_id, enrollment.contact_id, NULL, enrollment.id,
        visit.left_at, visit.left_at, jsonb_build_object('reason', enrollment.end_reason)
    FROM conversations_visit AS visit
    INNER JOIN conversations_enrollment AS enrollment ON visit.enrollment_id = enrollment.id
    INNER JOIN conversations_conversation AS conversation
        ON enrollment.conversation_id = conversation.id AND conversation.rehearsal_of_id IS NULL
    WHERE visit.id > %(visit_id)s AND visit.id <= %(to_visit_id)s
        AND visit.exit = 'end' AND enrollment.ended_at IS NOT NULL
"""
# What a step did to a subscription has the step's moment: its visit ends in the same tick.
ACTED = """
    SELECT DISTINCT
        acted.kind, subscription.list_id, subscription.contact_id, NULL::bigint AS delivery_id,
        visit.enrollment_id, visit.left_at AS occurred_at, visit.left_at AS recorded_at,
        jsonb_build_object('method', 'action') AS detail
    FROM conversations_visit AS visit
    INNER JOIN conversations_version AS version ON visit.version_id = version.id
    INNER JOIN conversations_enrollment AS enrollment ON visit.enrollment_id = enrollment.id
    INNER JOIN conversations_conversation AS conversation
        ON enrollment.conversation_id = conversation.id AND conversation.rehearsal_of_id IS NULL
    INNER JOIN LATERAL (
        SELECT CASE
            WHEN jsonb_exists(step.settings, 'unsubscribe') THEN 'unsubscribed'
            WHEN jsonb_exists(step.settings, 'subscribe') THEN 'subscribed'
        END AS kind
        FROM (
            SELECT version.program -> 'steps' -> (visit.step_key::text) -> 'settings' AS settings
            OFFSET 0
        ) AS step
    ) AS acted ON acted.kind IS NOT NULL
    INNER JOIN contacts_subscription AS subscription
        ON subscription.contact_id = enrollment.contact_id
        AND CASE acted.kind
            WHEN 'subscribed' THEN subscription.subscribe_method = 'action'
                AND coalesce(subscription.resubscribed_at, subscription.subscribed_at) = visit.left_at
            ELSE subscription.unsubscribe_method = 'action'
                AND subscription.unsubscribed_at = visit.left_at
        END
    WHERE visit.id > %(visit_id)s AND visit.id <= %(to_visit_id)s
"""


def keep_reading() -> None:
    """Begin to read from now on in the current account if an endpoint asks for it, or stop."""
    wanted = {*READ_KINDS, *SUBSCRIPTION_KINDS}
    listens = any(wanted & {*kinds} for kinds in Endpoint.objects.values_list("kinds", flat=True))
    if not listens:
        Reading.objects.all().delete()
    elif not Reading.objects.exists():
        enrollment_id, visit_id, xmax, _ = sql.fetch_all(LAST_IDS)[0]
        Reading.objects.bulk_create(
            [
                Reading(
                    enrollment_id=enrollment_id,
                    visit_id=visit_id,
                    next_enrollment_id=enrollment_id,
                    next_visit_id=visit_id,
                    next_xid=xmax,
                )
            ],
            ignore_conflicts=True,
        )


def read() -> bool:
    """Note who entered and ended since the last reading; say whether there may be more at once."""
    reading = Reading.objects.select_for_update(skip_locked=True, of=("self",)).first()
    if reading is None:
        return False
    enrollment_id, visit_id, xmax, xmin = sql.fetch_all(LAST_IDS)[0]
    is_more = False
    has_some = (reading.next_enrollment_id, reading.next_visit_id) != (
        reading.enrollment_id,
        reading.visit_id,
    )
    if has_some:
        if xmin < reading.next_xid:
            # Somebody who may have drawn one of these ids is still under way.
            return False
        is_more = read_up_to(reading)
    elif (enrollment_id, visit_id) == (reading.enrollment_id, reading.visit_id):
        return False
    if not is_more:
        reading.next_enrollment_id, reading.next_visit_id = enrollment_id, visit_id
        reading.next_xid = xmax
    reading.save()
    return is_more


def read_up_to(reading: Reading) -> bool:
    """Read a part of what is surely committed; move on; say whether more of it is left."""
    to_enrollment_id = min(reading.next_enrollment_id, reading.enrollment_id + MOST)
    to_visit_id = min(reading.next_visit_id, reading.visit_id + MOST)
    given = {
        "enrollment_id": reading.enrollment_id,
        "to_enrollment_id": to_enrollment_id,
        "visit_id": reading.visit_id,
        "to_visit_id": to_visit_id,
    }
    note(READ_KINDS, HAPPENED, given)
    note(SUBSCRIPTION_KINDS, ACTED, given)
    reading.enrollment_id, reading.visit_id = to_enrollment_id, to_visit_id
    return (to_enrollment_id, to_visit_id) != (reading.next_enrollment_id, reading.next_visit_id)
