-- load_policy: what the current account allows itself.
--
-- Returns one row: zone, whether there are rules, hours of emails and texts, follows_law,
--         holdout_percent, most_a_day, channels with suppressed addresses, channels with erased
--         ones, caps (json: [channel, period, most, campaign], ...), whether a phone list is inactive,
--         whether one has a limit of its own
-- Index   messaging_suppression (account_id, channel, ...): one probe a channel
SELECT
    account.time_zone,
    rules.id IS NOT NULL,
    rules.email_opens,
    rules.email_closes,
    rules.sms_opens,
    rules.sms_closes,
    rules.follows_law,
    rules.holdout_percent,
    rules.most_a_day,
    ARRAY(
        SELECT channels.channel
        FROM (VALUES ('email'), ('sms')) AS channels (channel)
        WHERE EXISTS (
            SELECT suppression.id
            FROM messaging_suppression AS suppression
            WHERE suppression.channel = channels.channel
        )
    ),
    ARRAY(
        SELECT channels.channel
        FROM (VALUES ('email'), ('sms')) AS channels (channel)
        WHERE EXISTS (
            SELECT suppression.id
            FROM messaging_suppression AS suppression
            WHERE suppression.channel = channels.channel AND suppression.reason = 'erased'
        )
    ),
    (
        SELECT JSON_AGG(JSON_BUILD_ARRAY(cap.channel, cap.period, cap.most, cap.campaign) ORDER BY cap.id)
        FROM messaging_frequencycap AS cap
    ),
    EXISTS(
        SELECT phone_list.id
        FROM messaging_phonelist AS phone_list
        WHERE NOT phone_list.is_active
    ),
    EXISTS(
        SELECT phone_list.id
        FROM messaging_phonelist AS phone_list
        WHERE phone_list.message_limit > 0
    )
FROM accounts_account AS account
LEFT JOIN messaging_sendingrules AS rules ON TRUE;
