"""
The statements of one chunk of a contact file.

All run over the temporary `contacts_stage` and `contacts_found` (`contacts.actions.crowd`)
and say what they would change before they change it.
"""

from contacts.actions import facts

# The address of the list's subscription is the contact's; where every row brings one it
# need not be looked up.
ADDRESS_OF_ROW = ("stage.email_norm", "")
ADDRESS_OF_CONTACT = (
    "contact.email_norm",
    "JOIN contacts_contact AS contact ON contact.id = found.contact_id",
)

WITHOUT_ADDRESS = """
SELECT stage.line, stage.raw
FROM contacts_found AS found
JOIN contacts_stage AS stage ON stage.line = found.line
LEFT JOIN contacts_contact AS contact ON contact.id = found.contact_id
WHERE stage.email_norm = '' AND stage.others = '{}'
    AND coalesce(contact.email_norm, '') = ''
    AND NOT EXISTS (
        SELECT FROM contacts_stage AS other
        JOIN contacts_found AS other_found ON other_found.line = other.line
        WHERE other_found.contact_id = found.contact_id AND other.email_norm <> ''
    )
ORDER BY stage.line
"""
FORGET = "DELETE FROM contacts_found WHERE line = ANY(%(lines)s)"
# Who would come onto the list, and by what address.
NEWCOMERS = """
SELECT stage.line, coalesce(nullif(stage.email_norm, ''), contact.email_norm)
FROM contacts_found AS found
JOIN contacts_stage AS stage ON stage.line = found.line
LEFT JOIN contacts_contact AS contact ON contact.id = found.contact_id
WHERE found.subscription_id IS NULL
"""
# All rows of a person go, but of one who brings something else as well, such as a number that
# agrees to a phone list, none.
KEEP_OFF = """
WITH passed AS (
    DELETE FROM contacts_found AS found
    WHERE found.contact_id IN (
        SELECT named.contact_id FROM contacts_found AS named WHERE named.line = ANY(%(lines)s)
    )
    AND NOT EXISTS (
        SELECT FROM contacts_found AS other
        JOIN contacts_stage AS brought ON brought.line = other.line
        WHERE other.contact_id = found.contact_id AND brought.others <> '{}'
    )
    RETURNING found.line
)
SELECT stage.line, stage.email_norm, stage.row_count
FROM passed JOIN contacts_stage AS stage ON stage.line = passed.line
ORDER BY stage.line
"""
LEAVE_OUT = """
WITH passed AS (
    DELETE FROM contacts_found WHERE contact_is_new RETURNING line
)
SELECT coalesce(sum(stage.row_count), 0)
FROM passed JOIN contacts_stage AS stage ON stage.line = passed.line
"""
SUBSCRIBE = """
INSERT INTO contacts_subscription (
    id, list_id, contact_id, state, email_key, external_contact_id, profile, subscribed_at,
    subscribe_method, unsubscribe_method, created_at, updated_at
)
SELECT
    found.own_subscription_id, %(list_id)s, found.contact_id, 'Subscribed', {email_key}, stage.external_contact_id,
    {profile}, %(now)s, %(method)s, '', %(now)s, %(now)s
FROM contacts_found AS found
JOIN contacts_stage AS stage ON stage.line = found.line
{contact}
WHERE found.subscription_id IS NULL AND found.turn = 1 AND {address} <> ''
ON CONFLICT DO NOTHING
"""
COUNT_NEW = """
SELECT count(*)
FROM contacts_found AS found
JOIN contacts_stage AS stage ON stage.line = found.line
{contact}
WHERE found.subscription_id IS NULL AND found.turn = 1 AND {address} <> ''
"""
# Who was known, but on no list, may have values waiting for it: they come along, the file's before
# them (`contacts.actions.unlisted`).
BRING_WAITING = """
WITH waiting AS (
    SELECT found.own_subscription_id, found.contact_id, kept.profile
    FROM contacts_found AS found
    JOIN contacts_contact AS contact ON contact.id = found.contact_id
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(one.key, one.value) AS profile
        FROM jsonb_each(contact.profile) AS one
        JOIN contacts_profilefield AS field
            ON field.id::text = one.key AND field.list_id = %(list_id)s
    ) AS kept
    WHERE found.subscription_id IS NULL AND found.turn = 1 AND NOT found.contact_is_new
        AND contact.profile <> '{}' AND kept.profile IS NOT NULL
), taken AS (
    UPDATE contacts_contact AS contact
    SET
        profile = contact.profile - ARRAY(SELECT jsonb_object_keys(waiting.profile)),
        updated_at = %(now)s
    FROM waiting
    WHERE contact.id = waiting.contact_id
)
UPDATE contacts_subscription AS subscription
SET profile = waiting.profile || subscription.profile
FROM waiting
WHERE subscription.id = waiting.own_subscription_id
"""
# Rows of a later turn meet what an earlier one has made.
MEET = """
UPDATE contacts_found AS found
SET subscription_id = subscription.id, own_subscription_id = subscription.id,
    state = subscription.state
FROM contacts_found AS first, contacts_subscription AS subscription
WHERE found.turn > 1 AND first.turn = 1 AND first.contact_id = found.contact_id
    AND subscription.id = first.own_subscription_id
"""
UPDATE = """
UPDATE contacts_subscription AS subscription
SET profile = {profile}, external_contact_id = {external_contact_id}, updated_at = %(now)s
FROM contacts_found AS found
JOIN contacts_stage AS stage ON stage.line = found.line
WHERE subscription.id = found.subscription_id AND found.turn = %(turn)s
    AND subscription.state = ANY(%(states)s)
    AND (subscription.profile, subscription.external_contact_id)
        IS DISTINCT FROM ({profile}, {external_contact_id})
RETURNING found.line
"""
# Of a known contact that is not on the list: its values wait with it (contacts.actions.unlisted).
UPDATE_UNLISTED = """
UPDATE contacts_contact AS contact
SET profile = contact.profile || stage.profile, updated_at = %(now)s
FROM contacts_found AS found
JOIN contacts_stage AS stage ON stage.line = found.line
WHERE contact.id = found.contact_id AND found.subscription_id IS NULL
    AND found.turn = %(turn)s AND contact.profile || stage.profile <> contact.profile
RETURNING stage.row_count
"""
EXTERNAL_CONTACT_ID = (
    "coalesce(nullif(stage.external_contact_id, ''), subscription.external_contact_id)"
)
PROFILES = {
    "Update": "subscription.profile || stage.profile",
    "Overwrite": "stage.profile",
    # Part by part, as `contacts.actions.profile.append_text` does.
    "Append": """(
        SELECT subscription.profile || coalesce(jsonb_object_agg(given.key, CASE
            WHEN NOT given.key = ANY(%(text_keys)s) OR stored.text = '' THEN given.value
            ELSE to_jsonb(stored.text || (
                SELECT coalesce(string_agg(',' || part.text, '' ORDER BY part.place), '')
                FROM (
                    SELECT
                        new.text,
                        new.place,
                        sum(length(new.text) + 1) OVER (ORDER BY new.place) AS room
                    FROM unnest(string_to_array(given.value #>> '{}', ','))
                        WITH ORDINALITY AS new (text, place)
                    WHERE new.text <> ALL(string_to_array(stored.text, ','))
                ) AS part
                WHERE NOT %(limits)s::jsonb ? given.key
                    OR length(stored.text) + part.room <= (%(limits)s::jsonb ->> given.key)::int
            )) END), '{}')
        FROM jsonb_each(stage.profile) AS given
        CROSS JOIN LATERAL (
            SELECT coalesce(subscription.profile ->> given.key, '') AS text
        ) AS stored
    )""",
}
UNSUBSCRIBE = """
UPDATE contacts_subscription AS subscription
SET state = 'Unsubscribed', unsubscribed_at = %(now)s, unsubscribe_method = %(method)s,
    updated_at = %(now)s
FROM contacts_found AS found
WHERE subscription.id = found.subscription_id AND subscription.state <> 'Unsubscribed'
RETURNING found.line
"""
COUNT = """
SELECT
    coalesce(sum(stage.row_count) FILTER (WHERE found.state = 'Unsubscribed'), 0),
    coalesce(sum(stage.row_count) FILTER (WHERE found.state <> 'Unsubscribed'), 0),
    coalesce(sum(stage.row_count) FILTER (WHERE found.state IS NULL), 0)
FROM contacts_found AS found
JOIN contacts_stage AS stage ON stage.line = found.line
"""
RAISED = """
    INSERT INTO contacts_event (
        list_id, contact_id, external_event_id, occurred_at, recorded_at, source, properties
    )
    SELECT
        %(list_id)s, found.contact_id, named.external_event_id, %(now)s, %(now)s, 'import', '{}'::jsonb
    FROM contacts_found AS found
    JOIN contacts_stage AS stage ON stage.line = found.line
    CROSS JOIN LATERAL unnest(stage.event_ids) WITH ORDINALITY AS named (external_event_id, place)
    ORDER BY stage.line, named.place
"""
RAISED_AND_HEARD = f"raised AS ({RAISED} RETURNING id, contact_id, external_event_id), "
# Subscriptions are looked up row by row, by their key: a list that was just filled has no
# statistics, and a join would be planned for a handful.
RAISED_FACTS = f"""
    SELECT
        '{facts.EXTERNAL_EVENT}'::text, %(list_id)s::bigint, raised.external_event_id,
        NULL::bigint, raised.id, raised.contact_id,
        (
            SELECT subscription.id FROM contacts_subscription AS subscription
            WHERE subscription.id = found.own_subscription_id
        ),
        %(now)s::timestamptz, %(now)s::timestamptz, 'import'::text, '{{}}'::jsonb, 0::smallint
    FROM raised
    JOIN contacts_found AS found ON found.contact_id = raised.contact_id AND found.turn = 1
    ORDER BY raised.id
"""
# Once per file and contact: what the first rows of a chunk's people have told.
TOLD = """
SELECT DISTINCT contact_id FROM contacts_intake
WHERE kind = 'profile_updated' AND recorded_at = %(now)s
"""
# In the order of a single request: added, subscribed, profile_updated, unsubscribed; then
# the import itself.
FACTS = {
    facts.ADDED: "found.subscription_id IS NULL AND found.turn = 1",
    facts.SUBSCRIBED: "found.subscription_id IS NULL AND found.turn = 1",
    facts.PROFILE_UPDATED: (
        "found.turn = 1 AND fields.changed <> '[]' AND found.contact_id <> ALL(%(told)s::bigint[])"
    ),
    facts.UNSUBSCRIBED: "found.line = ANY(%(left)s::bigint[])",
    facts.IMPORTED: "subscription.state = 'Subscribed'",
}
FACT_ROWS = """
    SELECT
        %(kind)s::text, %(list_id)s::bigint, NULL::bigint, NULL::bigint, NULL::bigint,
        found.contact_id, subscription.id, %(now)s::timestamptz, %(now)s::timestamptz,
        %(method)s::text, {properties}, 0::smallint
    FROM contacts_found AS found
    JOIN contacts_stage AS stage ON stage.line = found.line
    CROSS JOIN LATERAL (
        SELECT * FROM contacts_subscription AS row
        WHERE row.id = found.own_subscription_id
        OFFSET 0
    ) AS subscription
    {source}
    WHERE {condition}
    ORDER BY stage.line
"""
CHANGED_FIELDS = """
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(keys.key ORDER BY keys.key::bigint), '[]') AS changed
    FROM (
        SELECT jsonb_object_keys(coalesce(found.profile_before, '{}') || subscription.profile) AS key
    ) AS keys
    WHERE coalesce(found.profile_before, '{}') -> keys.key
        IS DISTINCT FROM subscription.profile -> keys.key
) AS fields
"""
EACH_ROW = "CROSS JOIN LATERAL generate_series(1, stage.row_count) AS each (number)"

CREATED_LINES = "SELECT line FROM contacts_found WHERE subscription_id IS NULL AND turn = 1"
