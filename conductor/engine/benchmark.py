"""
How fast contacts move, against writing the same rows with plain set-based SQL.

Everybody goes through the Winback thread: trigger, filter, text, wait, email, end. The
limit writes the same enrollments, visits and deliveries into the same tables under the
same policy and role, in as many transactions of the same size: without asking who may
enter, who matches, who has agreed, and without locking anything. It runs before and after
ours, each time for a conversation of its own, and its better time counts.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Account, List
from accounts.tenancy import in_account, sql
from conductor.conversations.actions import apply_file, publish_conversation
from conductor.conversations.document import parse_document
from conductor.conversations.models import Conversation
from conductor.conversations.reading import read_structure
from conductor.engine.tick import run_tick
from contacts.actions import create_external_event, create_field, create_field_group
from contacts.models import ExternalEvent, ProfileField
from messaging.actions import create_phone_list, create_short_code

log = logging.getLogger(__name__)

DEFAULT_SIZE = 100_000
FLOOR = 0.3
BATCH = 5_000
STEPS = ("start", "lapsed", "text", "pause", "reminder", "end")
PAUSE = timedelta(days=3)
TABLES = [
    "contacts_contact",
    "contacts_subscription",
    "contacts_order",
    "contacts_intake",
    "messaging_phonesubscription",
]

WINBACK = """
conversation: {name}
list: Benchmark
threads:
  - thread: Winback
    steps:
      - {{key: start, trigger: {{external_event: Winback Check}}}}
      - {{key: lapsed, filter: {{not: {{purchase: {{within: P60D}}}}}}}}
      - key: text
        mobile_message: {{short_code: "54321", phone_list: Benchmark, text: "Come back", phone_field: Profile.Mobile}}
      - {{key: pause, wait: {{for: {pause}}}}}
      - {{key: reminder, message: {{saved_message: We miss you}}}}
      - {{key: end, terminate: {{}}}}
messages:
  - {{saved_message: We miss you, subject: Come back, from_name: Acme, from_email: shop@acme.example, html: "<p>Hi</p>"}}
"""

PEOPLE = (
    """
    INSERT INTO contacts_contact (
        email, email_norm, phone_e164, external_id, first_name, last_name, postal_code,
        time_zone, locale, created_at, updated_at
    )
    SELECT
        'shopper' || number || '@mail.example', 'shopper' || number || '@mail.example', '', '',
        'Grace', 'Hopper', '', '', '', %(now)s, %(now)s
    FROM generate_series(1, %(size)s) AS number
    """,
    """
    INSERT INTO contacts_subscription (
        list_id, contact_id, state, email_key, external_contact_id, profile, subscribed_at,
        subscribe_method, unsubscribe_method, created_at, updated_at
    )
    SELECT
        %(list_id)s, contact.id, 'Subscribed', upper(left(md5(contact.id::text), 26)), '',
        jsonb_build_object(%(mobile)s::text, '+1212' || lpad((2000000 + row_number() OVER ())::text, 7, '0')),
        %(now)s, 'Import', '', %(now)s, %(now)s
    FROM contacts_contact AS contact
    """,
    """
    INSERT INTO messaging_phonesubscription (
        phone_list_id, phone_e164, state, pending_double_opt_in, pending_age_gate,
        subscribed_at, opt_out_reason, consent_source, consent_text, consent_at, consent_ip,
        updated_at
    )
    SELECT
        %(phone_list_id)s, subscription.profile ->> %(mobile)s, 'Subscribed', FALSE, FALSE,
        %(now)s, '', 'benchmark', 'I agree.', %(now)s, '', %(now)s
    FROM contacts_subscription AS subscription
    """,
    """
    INSERT INTO contacts_order (
        contact_id, order_number, status, ordered_at, total, item_total, tax_total,
        shipping_total, handling_total, discount_total, coupon_code, source, store_number,
        extra, recorded_at, updated_at
    )
    SELECT
        contact.id, 'ORDER-' || contact.id, 'Completed',
        %(now)s::timestamptz - interval '90 days' - random() * interval '300 days',
        20 + floor(random() * 200), 0, 0, 0, 0, 0, '', '', '', '{}', %(now)s, %(now)s
    FROM contacts_contact AS contact
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
"""

ENTER = """
    INSERT INTO conversations_enrollment (
        id, conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
        entry_kind, entry_external_event_id, entry_thread, entry_method, entry_properties,
        depth, entered_at, step_key, visit_number, visit_counts, arrived_at, due_at,
        held_reason, end_reason
    )
    SELECT
        nextval('conversations_enrollment_id_seq'), %(conversation_id)s, %(version_id)s,
        subscription.list_id, subscription.id, subscription.contact_id, 1, 'external_event',
        %(event_id)s, 'Winback', '', '{}', 0, %(now)s, 'pause', 1, '{}', %(now)s,
        %(now)s::timestamptz + interval '3 days', '', ''
    FROM contacts_subscription AS subscription
    WHERE subscription.id BETWEEN %(first)s AND %(last)s
"""
END = """
    UPDATE conversations_enrollment AS enrollment
    SET
        step_key = 'end', visit_number = 1, visit_counts = '{}', arrived_at = %(now)s,
        due_at = NULL, held_reason = '', ended_at = %(now)s, end_reason = 'terminated'
    WHERE
        enrollment.conversation_id = %(conversation_id)s
        AND enrollment.subscription_id BETWEEN %(first)s AND %(last)s
"""
VISITS = """
    INSERT INTO conversations_visit (
        enrollment_id, conversation_id, version_id, step_key, visit_number, arrived_at, due_at,
        left_at, exit
    )
    SELECT
        enrollment.id, enrollment.conversation_id, enrollment.version_id, step.key, 1,
        step.arrived_at, step.due_at, %(now)s, 'next'
    FROM conversations_enrollment AS enrollment
    CROSS JOIN (
        SELECT
            unnest(%(keys)s::text[]) AS key,
            unnest(%(arrived)s::timestamptz[]) AS arrived_at,
            unnest(%(due)s::timestamptz[]) AS due_at
    ) AS step
    WHERE
        enrollment.conversation_id = %(conversation_id)s
        AND enrollment.subscription_id BETWEEN %(first)s AND %(last)s
"""
DELIVERIES = """
    INSERT INTO messaging_delivery (
        channel, list_id, contact_id, subscription_id, phone_list_id, message_id, address, state,
        reason, conversation_id, version_id, enrollment_id, thread, step_key, visit_number,
        event_properties, is_transactional, is_test, resend_unknown, queued_at, claimed_by,
        provider, provider_message_id
    )
    SELECT
        %(channel)s, enrollment.list_id, enrollment.contact_id, enrollment.subscription_id,
        %(phone_list_id)s, %(message_id)s, %(address)s, 'queued', '',
        enrollment.conversation_id, enrollment.version_id, enrollment.id, 'Winback',
        %(step_key)s, 1, '{}', FALSE, FALSE, FALSE, %(now)s, '', '', ''
    FROM conversations_enrollment AS enrollment
    WHERE
        enrollment.conversation_id = %(conversation_id)s
        AND enrollment.subscription_id BETWEEN %(first)s AND %(last)s
"""


class UnfinishedError(RuntimeError):
    """The engine left contacts behind, or wrote other rows than the limit did."""


@dataclass(frozen=True)
class Ground:
    """What both write into."""

    account: Account
    in_list: List
    event: ExternalEvent
    phone_list_id: int
    now: datetime
    batches: list[tuple[int, int]]


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """
    Yield the figure of `benchmark engine`, in an account flagged `is_benchmark`.

    Called outside any transaction; the rows stay, the account is removed with them. A
    rate is contact-steps (arrivals at a step) per second.

    :raises UnfinishedError: if the engine did not move everybody to the end.
    """
    ground = prepare(account, now=now, size=size, seed=seed)
    log.info("%s contacts are there.", size)
    raw = [_write_plainly(ground, "Raw before")]
    log.info("Plain SQL took %.2f s.", raw[0])
    ours, arrivals = _move(ground, size)
    log.info("The engine took %.2f s.", ours)
    raw.append(_write_plainly(ground, "Raw after"))
    log.info("Plain SQL took %.2f s.", raw[1])
    yield {
        "name": "engine contact-steps",
        "value": round(arrivals / ours),
        "unit": "contact-steps/s",
        "size": size,
        "seconds": round(ours, 3),
        "raw": round(arrivals / min(raw)),
        "ratio": round(min(raw) / ours, 3),
        "floor": FLOOR,
    }


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
        for statement in PEOPLE:
            sql.execute(
                statement,
                size=size,
                now=now,
                list_id=in_list.pk,
                mobile=str(mobile.pk),
                phone_list_id=phone_list.pk,
            )
    with in_account(account.pk):
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
        batches = sql.fetch_all(
            """
            SELECT min(numbered.id), max(numbered.id)
            FROM (
                SELECT
                    subscription.id,
                    (row_number() OVER (ORDER BY subscription.id) - 1) / %(batch)s AS batch
                FROM contacts_subscription AS subscription
            ) AS numbered
            GROUP BY numbered.batch
            ORDER BY numbered.batch
            """,
            batch=BATCH,
        )
    return Ground(
        account, in_list, event, phone_list.pk, now, [(row[0], row[1]) for row in batches]
    )


def publish(ground: Ground, name: str, *, pause: str = "P3D") -> Conversation:
    """Publish the thread as a conversation of its own."""
    document = parse_document(read_structure(WINBACK.format(name=name, pause=pause)))
    applied = apply_file(list=ground.in_list, document=document, now=ground.now)
    publish_conversation(conversation=applied.conversation, now=ground.now)
    return applied.conversation


def raise_for_all(ground: Ground, conversation: Conversation) -> None:
    """Queue the trigger's event for everybody."""
    sql.execute(FACTS, conversation_id=conversation.pk, event_id=ground.event.pk, now=ground.now)


def _move(ground: Ground, size: int) -> tuple[float, int]:
    """Let everybody in and through the wait; return seconds and arrivals."""
    with in_account(ground.account.pk):
        conversation = publish(ground, "Winback")
        raise_for_all(ground, conversation)
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
    visits = deliveries = 0
    started = time.monotonic()
    for now in (ground.now, ground.now + PAUSE):
        for _ in ground.batches:
            with in_account(ground.account.pk):
                done = run_tick(now=now, limit=BATCH)
            visits += done.visits
            deliveries += done.deliveries
    seconds = time.monotonic() - started
    if (visits, deliveries) != (size * len(STEPS), size * 2):
        raise UnfinishedError(
            f"{size} contacts left {visits} steps with {deliveries} messages: "
            f"{size * len(STEPS)} and {size * 2} were to be expected."
        )
    return seconds, visits


def _write_plainly(ground: Ground, name: str) -> float:
    """Write the rows of a conversation by hand; return seconds."""
    with in_account(ground.account.pk):
        conversation = publish(ground, name)
        version = conversation.published
        given = {
            "conversation_id": conversation.pk,
            "version_id": version.pk,
            "event_id": ground.event.pk,
        }
        committed = {
            key: step["settings"]["committed_id"]
            for key, step in version.program["steps"].items()
            if "committed_id" in step["settings"]
        }
    text = {"channel": "sms", "step_key": "text", "phone_list_id": ground.phone_list_id}
    text |= {"message_id": committed["text"], "address": "+12122000001"}
    mail = {"channel": "email", "step_key": "reminder", "phone_list_id": None}
    mail |= {"message_id": committed["reminder"], "address": "shopper1@mail.example"}
    now, later = ground.now, ground.now + PAUSE
    early = {"keys": list(STEPS[:3]), "arrived": [now] * 3, "due": [None] * 3}
    late = {"keys": list(STEPS[3:]), "arrived": [now, later, later], "due": [later, None, None]}
    started = time.monotonic()
    for enrollments, visits, delivery, at in ((ENTER, early, text, now), (END, late, mail, later)):
        for first, last in ground.batches:
            batch = {**given, "first": first, "last": last, "now": at}
            with in_account(ground.account.pk):
                sql.execute(enrollments, **batch)
                sql.execute(VISITS, **batch, **visits)
                sql.execute(DELIVERIES, **batch, **delivery)
    return time.monotonic() - started
