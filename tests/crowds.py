"""Statements that fill an account with people, for plans and counts that only many rows show."""

# `size` contacts at p1@mail.example, p2@mail.example ...
PEOPLE = """
    INSERT INTO contacts_contact (
        email, email_norm, phone_e164, external_id, first_name, last_name, postal_code,
        time_zone, locale, created_at, updated_at
    )
    SELECT '', 'p' || n || '@mail.example', '', '', '', '', '', '', '', %(now)s, %(now)s
    FROM generate_series(1, %(size)s) AS n
"""
# All of the account's contacts, on one list.
ON_LIST = """
    INSERT INTO contacts_subscription (
        list_id, contact_id, state, email_key, external_contact_id, profile,
        subscribe_method, unsubscribe_method, created_at, updated_at
    )
    SELECT %(list_id)s, id, 'Subscribed', id::text, '', '{}', '', '', %(now)s, %(now)s
    FROM contacts_contact
"""
