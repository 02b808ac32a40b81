"""
What messages know of people who are forgotten: addresses, texts, consents, answers.

Deliveries and receipts stay as figures, without a person. A message that is with its
provider is not called back. Of an address or a number that had opted out anywhere a hash
stays among the suppressions of the account, so that no later file has it written to.
"""

from accounts.tenancy import sql
from contacts.actions.erasure import Erasing
from messaging.actions.suppressions import suppress
from messaging.models.message import Channel
from messaging.models.suppression import SuppressionReason

# Whoever changed the address has not opted out.
OPTED_OUT = {
    Channel.EMAIL: """
        SELECT contact.email_norm
        FROM contacts_contact AS contact
        WHERE contact.id = ANY(%(ids)s::bigint[]) AND contact.email_norm <> '' AND (
            EXISTS (
                SELECT FROM contacts_subscription AS subscription
                WHERE subscription.contact_id = contact.id
                    AND subscription.state = 'Unsubscribed'
                    AND subscription.unsubscribe_method <> 'AddressChange'
            )
            OR EXISTS (
                SELECT FROM messaging_suppression AS suppression
                WHERE suppression.channel = 'email' AND suppression.address = contact.email_norm
            )
        )
    """,
    Channel.SMS: """
        SELECT DISTINCT consent.phone_e164
        FROM messaging_phonesubscription AS consent
        WHERE consent.state = 'Unsubscribed' AND (
            consent.contact_id = ANY(%(ids)s::bigint[]) OR consent.phone_e164 = ANY(%(phones)s::text[])
        )
        UNION
        SELECT suppression.address
        FROM messaging_suppression AS suppression
        WHERE suppression.channel = 'sms' AND suppression.address = ANY(%(phones)s::text[])
    """,
}
# What was sent to them; of what is no contact's (tests, answers to numbers) by the address.
DELIVERIES = """
    SELECT delivery.id
    FROM messaging_delivery AS delivery
    WHERE delivery.contact_id = ANY(%(ids)s::bigint[]) OR (
        delivery.contact_id IS NULL
        AND delivery.address = ANY(%(emails)s::text[] || %(phones)s::text[])
    )
"""
PERSONAL = """
    SELECT DISTINCT message.id
    FROM messaging_delivery AS delivery
    JOIN messaging_committedmessage AS message ON message.id = delivery.message_id
    WHERE delivery.id = ANY(%(deliveries)s::bigint[])
        AND message.content ->> 'is_personal' = 'true'
"""
# In this order. What nobody has sent yet is not sent.
FORGET = (
    """
    UPDATE messaging_delivery AS delivery
    SET state = 'skipped', reason = 'contact deleted', not_before = NULL
    WHERE delivery.id = ANY(%(deliveries)s::bigint[]) AND delivery.state IN ('queued', 'deferred')
    """,
    """
    DELETE FROM messaging_sandboxmessage AS kept
    WHERE kept.delivery_id = ANY(%(deliveries)s::bigint[])
    """,
    # That the provider told something stays, so that told again it is no news; not its words.
    """
    UPDATE messaging_providernotice AS notice
    SET detail = '{}'
    WHERE notice.delivery_id = ANY(%(deliveries)s::bigint[])
    """,
    # That it was opened is counted; what it said is not kept.
    """
    UPDATE messaging_receipt AS receipt
    SET contact_id = NULL, detail = '{}'
    WHERE receipt.contact_id = ANY(%(ids)s::bigint[])
        OR receipt.delivery_id = ANY(%(deliveries)s::bigint[])
    """,
    # What an order brought in stays a figure of its message.
    """
    UPDATE messaging_conversion AS conversion
    SET contact_id = NULL
    WHERE conversion.contact_id = ANY(%(ids)s::bigint[])
    """,
    # Of a reason stays which it was, not what a server said of it; of a message for one person
    # alone, that there was one.
    """
    UPDATE messaging_delivery AS delivery
    SET
        contact_id = NULL,
        address = '',
        event_properties = '{}',
        reason = split_part(delivery.reason, ' (', 1),
        message_id = CASE
            WHEN delivery.message_id <> ALL(%(messages)s::bigint[]) THEN delivery.message_id
        END
    WHERE delivery.id = ANY(%(deliveries)s::bigint[])
    """,
    """
    DELETE FROM messaging_blankname AS blank
    WHERE blank.message_id = ANY(%(messages)s::bigint[]) AND NOT EXISTS (
        SELECT FROM messaging_delivery AS delivery WHERE delivery.message_id = blank.message_id
    )
    """,
    """
    DELETE FROM messaging_committedmessage AS message
    WHERE message.id = ANY(%(messages)s::bigint[]) AND NOT EXISTS (
        SELECT FROM messaging_delivery AS delivery WHERE delivery.message_id = message.id
    )
    """,
    """
    DELETE FROM messaging_phonesubscription AS consent
    WHERE consent.contact_id = ANY(%(ids)s::bigint[]) OR consent.phone_e164 = ANY(%(phones)s::text[])
    """,
    """
    DELETE FROM messaging_inboundtext AS inbound
    WHERE inbound.contact_id = ANY(%(ids)s::bigint[]) OR inbound.phone_e164 = ANY(%(phones)s::text[])
    """,
    """
    DELETE FROM messaging_consentchange AS change WHERE change.phone_e164 = ANY(%(phones)s::text[])
    """,
    """
    DELETE FROM messaging_suppression AS suppression
    WHERE (suppression.channel = 'email' AND suppression.address = ANY(%(emails)s::text[]))
        OR (suppression.channel = 'sms' AND suppression.address = ANY(%(phones)s::text[]))
    """,
)


def forget(erasing: Erasing) -> None:
    """Clear what messages know of the contacts; keep the hashes of those who opted out."""
    given = {"ids": erasing.contact_ids, "emails": erasing.emails, "phones": erasing.phones}
    for channel, statement in OPTED_OUT.items():
        addresses = [row[0] for row in sql.fetch_all(statement, **given)]
        if addresses:
            suppress(
                channel=channel,
                addresses=addresses,
                reason=SuppressionReason.ERASED,
                now=erasing.now,
                source="erasure",
            )
    given["deliveries"] = [row[0] for row in sql.fetch_all(DELIVERIES, **given)]
    given["messages"] = [row[0] for row in sql.fetch_all(PERSONAL, **given)]
    for statement in FORGET:
        sql.execute(statement, **given)
