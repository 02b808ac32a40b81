"""What the engine's benchmarks move: a list, its people, and the threads they go through."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Account, List
from accounts.tenancy import in_account, sql
from conductor.conversations.actions import apply_file, publish_conversation
from conductor.conversations.document import parse_document
from conductor.conversations.models import Conversation
from conductor.conversations.reading import read_structure
from contacts.actions import create_external_event, create_field, create_field_group
from contacts.models import ExternalEvent, ProfileField
from messaging.actions import create_phone_list, create_short_code

BATCH = 5_000
# Rows are made in transactions of so many people: the checks of references that wait for
# the commit are kept in the server's memory until then.
CHUNK = 100_000
TABLES = [
    "contacts_contact",
    "contacts_subscription",
    "contacts_order",
    "contacts_intake",
    "conversations_enrollment",
    "messaging_phonesubscription",
]

SAVED_MESSAGE = """
messages:
  - {saved_message: We miss you, subject: Come back, from_name: Acme, from_email: shop@acme.example, html: "<p>Hi</p>"}
"""
FIVE_STEPS = """
      - {key: start, trigger: {external_event: Winback Check}}
      - {key: lapsed, filter: {not: {purchase: {within: P60D}}}}
      - {key: reminder, message: {saved_message: We miss you}}
      - {key: pause, wait: {for: P3D}}
      - {key: end, terminate: {}}
"""
WINBACK = """
      - {key: start, trigger: {external_event: Winback Check}}
      - {key: lapsed, filter: {not: {purchase: {within: P60D}}}}
      - key: text
        mobile_message: {short_code: "54321", phone_list: Benchmark, text: "Come back", phone_field: Profile.Mobile}
      - {key: pause, wait: {for: P3D}}
      - {key: reminder, message: {saved_message: We miss you}}
      - {key: end, terminate: {}}
"""

CONTACTS = """
    WITH made AS (
        INSERT INTO contacts_contact (
            email, email_norm, phone_e164, external_id, first_name, last_name, postal_code,
            time_zone, locale, created_at, updated_at
        )
        SELECT
            'shopper' || number || '@mail.example', 'shopper' || number || '@mail.example', '', '',
            'Grace', 'Hopper', '', '', '', %(now)s, %(now)s
        FROM generate_series(%(first)s, %(last)s) AS number
        RETURNING id
    )

    SELECT
        min(made.id) AS first_id,
        max(made.id) AS last_id
    FROM made
"""
PEOPLE = (
    """
    INSERT INTO contacts_subscription (
        list_id, contact_id, state, email_key, external_contact_id, profile, subscribed_at,
        subscribe_method, unsubscribe_method, created_at, updated_at
    )
    SELECT
        %(list_id)s, number.id, 'Subscribed', upper(left(md5(number.id::text), 26)), '',
        jsonb_build_object(
            %(mobile)s::text, '+1212' || lpad((2000000 + number.id %% 7000000)::text, 7, '0')
        ),
        %(now)s, 'Import', '', %(now)s, %(now)s
    FROM contacts_contact AS number
    WHERE number.id BETWEEN %(first_id)s AND %(last_id)s
    """,
    """
    INSERT INTO messaging_phonesubscription (
        phone_list_id, phone_e164, state, pending_double_opt_in, pending_age_gate,
        subscribed_at, opt_out_reason, consent_source, consent_text, consent_at, consent_ip,
        updated_at
    )
    SELECT
        %(phone_list_id)s, '+1212' || lpad((2000000 + number.id %% 7000000)::text, 7, '0'),
        'Subscribed', FALSE, FALSE, %(now)s, '', 'benchmark', 'I agree.', %(now)s, '', %(now)s
    FROM contacts_contact AS number
    WHERE number.id BETWEEN %(first_id)s AND %(last_id)s
    """,
    """
    INSERT INTO contacts_order (
        contact_id, order_number, status, ordered_at, total, item_total, tax_total,
        shipping_total, handling_total, discount_total, coupon_code, source, store_number,
        extra, recorded_at, updated_at
    )
    SELECT
        number.id, 'ORDER-' || number.id, 'Completed',
        %(now)s::timestamptz - interval '90 days' - random() * interval '300 days',
        20 + floor(random() * 200), 0, 0, 0, 0, 0, '', '', '', '{}', %(now)s, %(now)s
    FROM contacts_contact AS number
    WHERE number.id BETWEEN %(first_id)s AND %(last_id)s
    """,
)
FACTS = """
    INSERT INTO contacts_intake (
        conversation_id, kind, external_event_id, contact_id, subscription_id, occurred_at,
        recorded_at, method, properties, depth
    )
    SELECT
        %(conversation_id)s, 'external_event', %(event_id)s, subscription.contact_id,
        subscription.id, %(now)s, %(now)s, '', '{}', 0
    FROM contacts_subscription AS subscription
    ORDER BY subscription.id
    LIMIT %(most)s
"""
BATCHES = """
    SELECT
        min(numbered.id),
        max(numbered.id)
    FROM (
        SELECT
            subscription.id,
            (row_number() OVER (ORDER BY subscription.id) - 1) / %(batch)s AS batch
        FROM contacts_subscription AS subscription
    ) AS numbered
    GROUP BY numbered.batch
    ORDER BY numbered.batch
"""


@dataclass(frozen=True)
class Ground:
    """What a benchmark writes into; `batches` are (first, last) subscription ids of 5,000."""

    account: Account
    in_list: List
    event: ExternalEvent
    phone_list_id: int
    now: datetime
    batches: list[tuple[int, int]]


def prepare(account: Account, *, now: datetime, size: int, seed: int) -> Ground:
    """Make the list and its people: all subscribed, all agreed to texts, all lapsed."""
    with in_account(account.pk):
        in_list = List.objects.create(name="Benchmark", created_at=now)
        group = create_field_group(list=in_list, name="Profile", now=now)
        mobile: ProfileField = create_field(group=group, name="Mobile", data_type="Text", now=now)
        event = create_external_event(list=in_list, name="Winback Check", now=now)
        code = create_short_code(code="54321", country="US", email_list=in_list, now=now)
        phone_list = create_phone_list(short_code=code, name="Benchmark", now=now)
        sql.execute("SELECT setseed(%(seed)s)", seed=(seed % 1000) / 1000)
    for first in range(1, size + 1, CHUNK):
        with in_account(account.pk):
            _bring_in(
                range(first, min(first + CHUNK, size + 1)),
                now=now,
                list_id=in_list.pk,
                mobile=str(mobile.pk),
                phone_list_id=phone_list.pk,
            )
    with in_account(account.pk):
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
        batches = sql.fetch_all(BATCHES, batch=BATCH)
    return Ground(
        account, in_list, event, phone_list.pk, now, [(row[0], row[1]) for row in batches]
    )


def _bring_in(numbers: range, **given: Any) -> None:
    """Make the people of these numbers, one statement for each table."""
    (made,) = sql.fetch_dicts(CONTACTS, first=numbers[0], last=numbers[-1], **given)
    for statement in PEOPLE:
        sql.execute(statement, **made, **given)


def publish(ground: Ground, name: str, *, steps: str = FIVE_STEPS, more: str = "") -> Conversation:
    """Publish steps as a conversation of one thread; `more` is what follows in the file."""
    written = (
        f"conversation: {name}\nlist: Benchmark\nthreads:\n  - thread: Main\n    steps:{steps}"
        f"{more}{SAVED_MESSAGE}"
    )
    document = parse_document(read_structure(written))
    applied = apply_file(list=ground.in_list, document=document, now=ground.now)
    publish_conversation(conversation=applied.conversation, now=ground.now)
    return applied.conversation


def raise_for_all(ground: Ground, conversation: Conversation, most: int | None = None) -> None:
    """Queue the trigger's event for everybody, or for the first so many."""
    sql.execute(
        FACTS,
        conversation_id=conversation.pk,
        event_id=ground.event.pk,
        now=ground.now,
        most=most,
    )
