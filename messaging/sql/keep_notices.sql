-- keep_notices: keep what a provider told, each thing once, and find what it was about.
--
-- Params  provider text, event_ids text[], kinds text[], times timestamptz[],
--         provider_message_ids text[], own_ids bigint[] (the delivery's, where the event names it),
--         details text[] (JSON objects; all in the same order), now timestamptz
-- Returns id, delivery_id (null: not known), kind, occurred_at and detail of what is new
-- Index   provider_notice_once, delivery_by_provider_message
INSERT INTO messaging_providernotice (
    provider, event_id, kind, provider_message_id, delivery_id, occurred_at, recorded_at, detail
)
SELECT
    %(provider)s,
    told.event_id,
    told.kind,
    told.provider_message_id,
    coalesce(
        own.id,
        (
            SELECT max(delivery.id)
            FROM messaging_delivery AS delivery
            WHERE
                delivery.provider_message_id = told.provider_message_id
                AND delivery.provider_message_id <> ''
                AND delivery.provider <> 'sandbox'
                AND delivery.provider = %(provider)s
        )
    ),
    least(told.occurred_at, %(now)s),
    %(now)s,
    told.detail::jsonb
FROM
    unnest(
        %(event_ids)s::text[],
        %(kinds)s::text[],
        %(times)s::timestamptz[],
        %(provider_message_ids)s::text[],
        %(own_ids)s::bigint[],
        %(details)s::text[]
    ) WITH ORDINALITY
        AS told (event_id, kind, occurred_at, provider_message_id, own_id, detail, place)
LEFT JOIN messaging_delivery AS own ON told.own_id = own.id
ORDER BY told.place
ON CONFLICT DO NOTHING
RETURNING id, delivery_id, kind, occurred_at, detail;
