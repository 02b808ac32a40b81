-- broadcasts_of_campaigns: which broadcasts a campaign's caps count.
--
-- Those that may have a message in the period: a message waits three days at most, a period is a
-- week.
--
-- Params  names text[] (of campaigns), now timestamptz
-- Returns name, id
-- Index   messaging_broadcast (account_id): a few thousand rows in years
SELECT
    campaign.name,
    broadcast.id
FROM messaging_campaign AS campaign
INNER JOIN messaging_broadcast AS broadcast ON campaign.id = broadcast.campaign_id
WHERE
    campaign.name = ANY(%(names)s::text[])
    AND (
        broadcast.send_at >= %(now)s::timestamptz - interval '30 days'
        OR broadcast.status IN ('ToBeSent', 'Sending')
    )
ORDER BY broadcast.id;
