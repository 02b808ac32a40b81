-- write_receipts: note what came back of many deliveries, and count it.
--
-- Params  delivery_ids bigint[], kinds text[], times timestamptz[], details text[] (JSON objects;
--         all in the same order), most int (of one kind a delivery keeps no more), now timestamptz,
--         too_soon float8 (seconds after sending within which nobody has read anything)
-- Returns id, delivery_id, kind and contact_id of each receipt that was written
-- Index   messaging_delivery (primary key), messaging_receipt (account_id, delivery_id)
WITH given AS MATERIALIZED (
    SELECT
        came.delivery_id,
        came.kind,
        least(came.occurred_at, %(now)s) AS occurred_at,
        came.detail::jsonb AS detail,
        came.place
    FROM
        unnest(
            %(delivery_ids)s::bigint[],
            %(kinds)s::text[],
            %(times)s::timestamptz[],
            %(details)s::text[]
        ) WITH ORDINALITY AS came (delivery_id, kind, occurred_at, detail, place)
),

written AS (
    INSERT INTO messaging_receipt (
        delivery_id, list_id, contact_id, channel, kind, occurred_at, recorded_at, detail
    )
    SELECT
        delivery.id,
        delivery.list_id,
        -- What was sent on a stranger has read.
        CASE WHEN delivery.event_properties -> '>forwarded' IS NULL THEN delivery.contact_id END,
        delivery.channel,
        CASE
            WHEN given.occurred_at >= delivery.sent_at + make_interval(secs => %(too_soon)s) THEN given.kind
            WHEN delivery.sent_at IS NULL OR %(too_soon)s <= 0 THEN given.kind
            WHEN given.kind = 'clicked' THEN 'scanned'
            WHEN given.kind = 'opened' THEN 'prefetched'
            ELSE given.kind
        END,
        given.occurred_at,
        %(now)s,
        given.detail
    FROM given
    INNER JOIN messaging_delivery AS delivery ON given.delivery_id = delivery.id
    WHERE
        -- Nothing comes back of what never left.
        delivery.state NOT IN ('queued', 'deferred', 'skipped')
        -- Whoever asks for one picture a million times fills no disk.
        AND %(most)s > (
            SELECT count(*)
            FROM (
                SELECT FROM messaging_receipt AS kept
                WHERE kept.delivery_id = delivery.id AND kept.kind = given.kind
                LIMIT %(most)s -- noqa: AM09
            ) AS counted
        )
    ORDER BY given.place
    RETURNING id, delivery_id, kind, contact_id
),

-- Deliveries are counted: of several opens the first.
counted AS (
    INSERT INTO messaging_figure (conversation_id, step_key, message_id, kind, number)
    SELECT
        delivery.conversation_id,
        delivery.step_key,
        delivery.message_id,
        written.kind,
        count(DISTINCT delivery.id)
    FROM written
    INNER JOIN messaging_delivery AS delivery ON written.delivery_id = delivery.id
    WHERE
        NOT delivery.is_test
        AND NOT EXISTS (
            SELECT FROM messaging_receipt AS earlier
            WHERE earlier.delivery_id = delivery.id AND earlier.kind = written.kind
        )
    GROUP BY delivery.conversation_id, delivery.step_key, delivery.message_id, written.kind
)

SELECT
    written.id,
    written.delivery_id,
    written.kind,
    written.contact_id
FROM written
ORDER BY written.id;
