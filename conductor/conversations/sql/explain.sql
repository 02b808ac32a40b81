-- explain: all that a conversation knows of one contact, in one look.
--
-- Params  conversation_id bigint, contact_id bigint, list_id bigint, most int (of each kind of row)
-- Returns kind, at, found (jsonb): subscription, enrollment, refusal, delivery, failure (a webhook,
--         a script, or no coupon code), moved (by hand), queued; newest first. Who is inside has its
--         version: {number, thread of the step}
-- Locks   none
-- Index   subscription_once_per_list_and_contact, enrollment_by_contact, refusal_by_contact,
--         delivery_by_contact, visit_by_enrollment, intake_by_contact, call_once_per_visit
(
    SELECT
        'subscription' AS kind,
        subscription.created_at AS at,
        jsonb_build_object('state', subscription.state) AS found
    FROM contacts_subscription AS subscription
    WHERE subscription.list_id = %(list_id)s AND subscription.contact_id = %(contact_id)s
)
UNION ALL
(
    SELECT
        'enrollment' AS kind,
        enrollment.entered_at AS at,
        to_jsonb(enrollment) || jsonb_build_object(
            'call', (
                SELECT to_jsonb(call)
                FROM conversations_call AS call
                WHERE
                    call.enrollment_id = enrollment.id
                    AND call.step_key = enrollment.step_key
                    AND call.visit_number = enrollment.visit_number
            ),
            'version', (
                SELECT
                    jsonb_build_object(
                        'number', version.number,
                        'thread', version.program #>> ARRAY['steps', enrollment.step_key, 'thread']
                    )
                FROM conversations_version AS version
                WHERE version.id = enrollment.version_id AND enrollment.ended_at IS NULL
            )
        ) AS found
    FROM conversations_enrollment AS enrollment
    WHERE
        enrollment.contact_id = %(contact_id)s
        AND enrollment.conversation_id = %(conversation_id)s
    ORDER BY enrollment.id DESC
    LIMIT %(most)s
)
UNION ALL
(
    SELECT
        'refusal' AS kind,
        refusal.refused_at AS at,
        to_jsonb(refusal) AS found
    FROM conversations_refusal AS refusal
    WHERE
        refusal.conversation_id = %(conversation_id)s
        AND refusal.contact_id = %(contact_id)s
    ORDER BY refusal.id DESC
    LIMIT %(most)s
)
UNION ALL
(
    SELECT
        'delivery' AS kind,
        delivery.queued_at AS at,
        to_jsonb(delivery) - 'event_properties' AS found
    FROM messaging_delivery AS delivery
    WHERE
        delivery.contact_id = %(contact_id)s
        AND delivery.conversation_id = %(conversation_id)s
    ORDER BY delivery.id DESC
    LIMIT %(most)s
)
UNION ALL
(
    SELECT
        'failure' AS kind,
        visit.left_at AS at,
        jsonb_build_object(
            'step_key', visit.step_key,
            'left_at', visit.left_at,
            'step_kind', version.program #>> ARRAY['steps', visit.step_key, 'kind'],
            'error', call.outcome ->> 'error'
        ) AS found
    FROM conversations_visit AS visit
    -- Branches, groups and a script's own exits may be called the same.
    INNER JOIN conversations_version AS version
        ON
            version.id = visit.version_id
            AND (visit.exit, version.program #>> ARRAY['steps', visit.step_key, 'kind'])
            IN (('failed', 'webhook'), ('failed', 'code'), ('no_code', 'action'))
    LEFT JOIN conversations_call AS call
        ON
            call.enrollment_id = visit.enrollment_id
            AND call.step_key = visit.step_key
            AND call.visit_number = visit.visit_number
    WHERE
        visit.enrollment_id = any(array(
            SELECT enrollment.id
            FROM conversations_enrollment AS enrollment
            WHERE
                enrollment.contact_id = %(contact_id)s
                AND enrollment.conversation_id = %(conversation_id)s
            ORDER BY enrollment.id DESC
            LIMIT %(most)s
        ))
        AND visit.exit IN ('failed', 'no_code')
        -- Whom somebody moved on by that way failed at nothing.
        AND visit.reason IS NULL
    ORDER BY visit.left_at DESC
    LIMIT %(most)s
)
UNION ALL
(
    SELECT
        'moved' AS kind,
        visit.left_at AS at,
        to_jsonb(visit) AS found
    FROM conversations_visit AS visit
    WHERE
        visit.enrollment_id = any(array(
            SELECT enrollment.id
            FROM conversations_enrollment AS enrollment
            WHERE
                enrollment.contact_id = %(contact_id)s
                AND enrollment.conversation_id = %(conversation_id)s
            ORDER BY enrollment.id DESC
            LIMIT %(most)s
        ))
        AND visit.reason IS NOT NULL
        AND visit.exit <> 'end'
    ORDER BY visit.left_at DESC
    LIMIT %(most)s
)
UNION ALL
(
    SELECT
        'queued' AS kind,
        oldest.recorded_at AS at,
        to_jsonb(oldest) - 'properties' AS found
    FROM contacts_intake AS oldest
    WHERE
        oldest.contact_id = %(contact_id)s
        AND oldest.conversation_id = %(conversation_id)s
        AND oldest.kind <> 'alarm'
    ORDER BY oldest.recorded_at, oldest.id
    LIMIT %(most)s
)
ORDER BY at DESC, kind ASC;
