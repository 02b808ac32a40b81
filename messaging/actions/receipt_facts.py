"""Facts about deliveries and what came back of them, as SELECTs of `facts.COLUMNS`."""

from contacts.actions import facts

# What a fact says of its delivery; `did` is the receipt's kind, or the delivery's state.
ABOUT = """jsonb_build_object(
    'delivery_id', delivery.id,
    'channel', delivery.channel,
    'conversation_id', delivery.conversation_id,
    'enrollment_id', delivery.enrollment_id,
    'step_key', delivery.step_key,
    'visit_number', delivery.visit_number,
    'did', {did}
)"""
TOLD = f"""
    SELECT
        '{facts.DELIVERY}'::text,
        delivery.list_id,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        delivery.contact_id,
        delivery.subscription_id,
        coalesce(delivery.sent_at, %(now)s::timestamptz),
        %(now)s::timestamptz,
        delivery.state::text,
        {ABOUT.format(did="delivery.state")},
        0::smallint
    FROM messaging_delivery AS delivery
    WHERE
        delivery.id = ANY(%(ids)s::bigint[])
        AND delivery.state IN ('sent', 'failed', 'skipped')
        AND NOT delivery.is_test
        AND delivery.contact_id IS NOT NULL
    ORDER BY delivery.id
"""
CAME_BACK = f"""
    SELECT
        '{facts.RECEIPT}'::text,
        delivery.list_id,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        delivery.contact_id,
        delivery.subscription_id,
        receipt.occurred_at,
        receipt.recorded_at,
        receipt.kind::text,
        {ABOUT.format(did="receipt.kind")} || receipt.detail || jsonb_build_object('receipt_id', receipt.id),
        0::smallint
    FROM messaging_receipt AS receipt
    INNER JOIN messaging_delivery AS delivery ON delivery.id = receipt.delivery_id
    WHERE
        receipt.id = ANY(%(receipts)s::bigint[])
        AND NOT delivery.is_test
        AND delivery.contact_id IS NOT NULL
    ORDER BY receipt.id
"""
# Whatever list it was sent for: nobody reads at that address.
BOUNCED = f"""
    SELECT
        '{facts.BOUNCED}'::text,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        delivery.contact_id,
        NULL::bigint,
        receipt.recorded_at,
        receipt.recorded_at,
        delivery.channel::text,
        jsonb_build_object('delivery_id', delivery.id),
        0::smallint
    FROM messaging_receipt AS receipt
    INNER JOIN messaging_delivery AS delivery ON delivery.id = receipt.delivery_id
    WHERE
        receipt.id = ANY(%(receipts)s::bigint[])
        AND receipt.kind = 'bounced'
        AND NOT delivery.is_test
        AND delivery.contact_id IS NOT NULL
    ORDER BY receipt.id
"""
# For whoever outside listens (`contacts.actions.happenings`).
NOTED = """
    SELECT
        receipt.kind, receipt.list_id, receipt.contact_id, receipt.delivery_id,
        delivery.enrollment_id, receipt.occurred_at, receipt.recorded_at, receipt.detail
    FROM messaging_receipt AS receipt
    INNER JOIN messaging_delivery AS delivery ON delivery.id = receipt.delivery_id
    WHERE
        receipt.id = ANY(%(receipts)s::bigint[])
        AND NOT delivery.is_test
        AND delivery.contact_id IS NOT NULL
    ORDER BY receipt.id
"""
SENT = """
    SELECT
        'sent' AS kind, delivery.list_id, delivery.contact_id, delivery.id AS delivery_id,
        delivery.enrollment_id, delivery.sent_at AS occurred_at, delivery.sent_at AS recorded_at,
        '{}'::jsonb AS detail
    FROM messaging_delivery AS delivery
    WHERE
        delivery.id = ANY(%(ids)s::bigint[])
        AND delivery.state = 'sent'
        AND NOT delivery.is_test
        AND delivery.sent_at IS NOT NULL
        AND delivery.contact_id IS NOT NULL
    ORDER BY delivery.id
"""
