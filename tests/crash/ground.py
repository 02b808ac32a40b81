"""
What is killed in: four conversations, thousands of people, and what the oracle says of each.

Called inside an installation by `manage.py shell`; everything may be called again after a kill.
"""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.actions import create_account
from accounts.models import List
from accounts.tenancy import in_account, lookups, sql
from conductor.conversations.actions import apply_file, publish_conversation
from conductor.conversations.document import parse_document
from conductor.conversations.models import Conversation, Enrollment, Visit
from conductor.conversations.reading import read_structure
from contacts.actions import create_external_event, create_field, create_field_group
from contacts.actions.facts import announce_many
from contacts.actions.segments import create_segment
from contacts.models import Contact, Event, ExternalEvent, ProfileField, Subscription
from messaging.actions import create_phone_list, create_short_code
from messaging.actions.coupons import create_pool
from messaging.models import CouponCode, CouponPool, Delivery, PhoneSubscription, SandboxMessage
from tests.oracle.conversations import Conversation as Told
from tests.oracle.interpreter import Oracle
from tests.oracle.people import Person, Standing
from tests.oracle.things import Pool, Segment

SLUG = "killed"
TYPES = {
    "Profile.Points": "Numeric",
    "Profile.Lot": "Numeric",
    "Profile.Side": "Text",
    "Profile.Note": "Text",
    "Profile.Tier": "Text",
    "Profile.Code": "Text",
    "Profile.Birthday": "Date",
}
LUCKY_ONES = {"field": "Profile.Lot", "at_least": 5}
MESSAGE = "{saved_message: Hello, subject: Hello, from_name: A, from_email: a@acme.example, html: <p>Hi</p>}"
THANKS = f"""
conversation: Thanks
reentry: unlimited
threads:
  - thread: Main
    steps:
      - {{key: begin, trigger: none}}
      - {{key: mail, message: {{saved_message: Hello}}}}
      - {{key: rest, wait: {{for: PT1S}}}}
      - {{key: over, terminate: {{}}}}
messages: [{MESSAGE}]
"""
# Who has drawn a high number comes into a segment, and leaves it with a low one.
LUCKY = f"""
conversation: Lucky
reentry: unlimited
threads:
  - thread: Main
    steps:
      - {{key: won, trigger: {{segment: {{name: Lucky, on: entered}}}}}}
      - {{key: tell, message: {{saved_message: Hello}}}}
      - {{key: told, terminate: {{}}}}
messages: [{MESSAGE}]
"""
GREETING = f"""
conversation: Greeting
threads:
  - thread: Main
    steps:
      - {{key: birthday, trigger: {{date: {{field: Profile.Birthday, at: "%(at)s"}}}}}}
      - {{key: wishes, message: {{saved_message: Hello}}}}
      - {{key: done, terminate: {{}}}}
messages: [{MESSAGE}]
"""
# Who has many points waits for a cart, whoever has few for the time-out only; of whom another
# system is told, whoever gets a code, has most of them.
WINBACK = f"""
conversation: Winback
reentry: unlimited
threads:
  - thread: Main
    steps:
      - {{key: start, trigger: {{external_event: Order Imported}}}}
      - {{key: ask, filter: {{field: Profile.Points, at_least: 1}}}}
      - {{key: lot, action: {{random_group: {{field: Profile.Lot, groups: 7}}}}}}
      - {{key: script, code: {{source: "return {{exit: draw < 5000 ? 'low' : 'high'}}", exits: [low, high]}}, exits: {{high: most}}}}
      - {{key: text, mobile_message: {{short_code: "54321", phone_list: Texts, text: Hi}}}}
      - {{key: most, if: {{branches: [{{name: most, filter: {{field: Profile.Points, at_least: 8}}}}]}}, exits: {{else: pause}}}}
      - {{key: call, webhook: {{url: "http://localhost:%(port)s/200", timeout: PT10S, save_response: {{Profile.Tier: /tier}}}}}}
      - {{key: code, action: {{set_coupon: {{pool: Welcome, field: Profile.Code}}}}}}
      - {{key: pause, wait: {{for: PT1S}}}}
      - {{key: test, split: {{groups: [{{name: a, weight: 50}}, {{name: b, weight: 50}}], store: Profile.Side}}, exits: {{b: rich}}}}
      - {{key: mail, message: {{saved_message: Hello}}}}
      - {{key: rich, if: {{branches: [{{name: rich, filter: {{field: Profile.Points, at_least: 5}}}}]}}, exits: {{rich: cart}}}}
      - {{key: short, wait_for: {{event: Cart, timeout: PT1S}}, exits: {{timed_out: note}}}}
      - {{key: cart, wait_for: {{event: Cart, timeout: P30D}}}}
      - {{key: note, action: {{set_field: {{field: Profile.Note, value: {{from_field: Profile.Side}}}}}}}}
      - {{key: thank, action: {{enroll: {{conversation: Thanks, thread: Main}}}}}}
      - {{key: again, wait: {{for: PT1S}}}}
      - {{key: end, terminate: {{}}}}
messages: [{MESSAGE}]
"""
PEOPLE_AT_ONCE = 5_000
TELL = """
    SELECT
        'external_event', event.list_id, event.external_event_id, NULL::bigint, event.id,
        event.contact_id, NULL::bigint, event.occurred_at, event.recorded_at, 'api',
        event.properties, 0::smallint
    FROM contacts_event AS event
    WHERE event.external_event_id = %(event_id)s AND event.recorded_at = %(now)s
    ORDER BY event.id
"""
START = datetime(2026, 11, 18, 12, tzinfo=UTC)
# When yearly dates ring, after everything is made; in the oracle soon after the start.
RINGS_AFTER = timedelta(seconds=8)
BORN = "1990-11-18"


def prepare(size: int, *, now: datetime, port: int) -> int:
    """
    Make the account with its people, all or nothing of it; return the account's id.

    Webhooks call localhost at that port. Where the account is it is about noon: no day ends.
    """
    found = lookups.account_by_slug(SLUG)
    if found is not None:
        return found
    with transaction.atomic():
        account = create_account(
            name="Killed",
            owner_email="ada@acme.example",
            postal_address="1 Main Street, Springfield",
            time_zone=f"Etc/GMT{now.astimezone(UTC).hour - 12:+d}",
            now=now,
        ).account
        assert account.slug == SLUG
        with in_account(account.pk):
            _furnish(size, now, ZoneInfo(account.time_zone), port)
    return int(account.pk)


def _furnish(size: int, now: datetime, zone: ZoneInfo, port: int) -> None:
    in_list = List.objects.create(name="Store Customers", created_at=now)
    for name in ("Order Imported", "Cart"):
        create_external_event(list=in_list, name=name, now=now)
    group = create_field_group(list=in_list, name="Profile", now=now)
    for name, data_type in TYPES.items():
        create_field(group=group, name=name.split(".")[1], data_type=data_type, now=now)
    code = create_short_code(code="54321", country="US", email_list=in_list, now=now)
    create_phone_list(short_code=code, name="Texts", now=now)
    rings_at = (now + RINGS_AFTER).astimezone(zone)
    born = f"1990-{rings_at:%m-%d}"
    for first in range(0, size, PEOPLE_AT_ONCE):
        _add_people(in_list, range(first, min(first + PEOPLE_AT_ONCE, size)), born, now)
    create_pool(name="Welcome", now=now)
    create_segment(list=in_list, name="Lucky", kind="rule", rule=LUCKY_ONES, now=now)
    at = f"{rings_at:%H:%M:%S}"
    for written in (THANKS, LUCKY, GREETING % {"at": at}, WINBACK % {"port": port}):
        document = parse_document(read_structure(written))
        applied = apply_file(list=in_list, document=document, now=now)
        publish_conversation(conversation=applied.conversation, now=now)


def _add_people(in_list: List, numbers: range, born: str, now: datetime) -> None:
    points = str(ProfileField.objects.get(list=in_list, name="Points").pk)
    birthday = str(ProfileField.objects.get(list=in_list, name="Birthday").pk)
    people = Contact.objects.bulk_create(
        Contact(
            email=f"p{number}@mail.example", email_norm=f"p{number}@mail.example",
            phone_e164=phone(number), created_at=now, updated_at=now,
        )
        for number in numbers
    )  # fmt: skip
    Subscription.objects.bulk_create(
        Subscription(
            list=in_list, contact=person, email_key=f"{number:026X}",
            profile={points: number % 10, **({birthday: born} if is_greeted(number) else {})},
            subscribed_at=now, created_at=now, updated_at=now,
        )
        for number, person in zip(numbers, people, strict=True)
    )  # fmt: skip
    phone_list = code_list(in_list)
    PhoneSubscription.objects.bulk_create(
        PhoneSubscription(phone_list=phone_list, phone_e164=phone(number), updated_at=now)
        for number in numbers
        if agrees(number)
    )


def code_list(in_list: List) -> Any:
    """Return the phone list."""
    return in_list.short_codes.get().phone_lists.get()


def phone(number: int) -> str:
    """Return a person's number; some have none."""
    return "" if number % 11 == 0 else f"+1212{2000000 + number}"


def agrees(number: int) -> bool:
    """Whether a person agreed to texts."""
    return number % 2 == 0 and number % 11 != 0


def is_greeted(number: int) -> bool:
    """Whether today is a person's birthday."""
    return number % 7 == 0


def raise_for_all(account_id: int, name: str, turn: int, *, now: datetime) -> int:
    """Let an event happen to everybody for the n-th time; again changes nothing."""
    with in_account(account_id):
        event = ExternalEvent.objects.get(name=name)
        raised = Event.objects.filter(external_event_id=event.pk, properties={"turn": turn})
        if raised.exists():
            return 0
        Event.objects.bulk_create(
            Event(
                list_id=event.list_id, contact_id=contact_id, external_event_id=event.pk,
                occurred_at=now, recorded_at=now, source="api", properties={"turn": turn},
            )
            for contact_id in Contact.objects.order_by("id").values_list("id", flat=True)
        )  # fmt: skip
        _add_codes(name, turn)
        return announce_many(TELL, event_id=event.pk, now=now)


def _add_codes(name: str, turn: int) -> None:
    """Put as many codes into the pool as will be wanted: one each for a fifth of the people."""
    number = Contact.objects.count() // 5 + 1 if name == "Order Imported" else 0
    pool = CouponPool.objects.get(name="Welcome")
    CouponCode.objects.bulk_create(
        CouponCode(pool=pool, code=f"{turn}-{place}") for place in range(number)
    )


def called(account_id: int) -> int:
    """Return how many visits have asked the other system."""
    with in_account(account_id):
        return Visit.objects.filter(step_key="call", exit="next").count()


def judge(account_id: int, turns: int) -> str:
    """Compare everybody with the oracle; return what differs, a few of it."""
    with in_account(account_id):
        real = _real()
        names = dict(Conversation.objects.values_list("name", "id"))
        people = list(Subscription.objects.order_by("id").values_list("id", "contact__email_norm"))
        twice = sql.fetch_value(
            "SELECT count(*) - count(DISTINCT delivery_id) FROM messaging_sandboxmessage"
        )
        sent = Delivery.objects.filter(state="sent").count()
        given = SandboxMessage.objects.count()
        codes = CouponCode.objects.filter(handed_at__isnull=False).count()
        wanted = Visit.objects.filter(step_key="code").count()
    wrong = [] if not twice and given >= sent else [f"{twice} twice, {sent} sent, {given} given"]
    wrong += [] if codes == wanted else [f"{codes} codes handed out, {wanted} wanted"]
    for subscription_id, email in people:
        number = int(email[1:].partition("@")[0])
        expected = _expected(number, subscription_id, names, turns)
        found = real.get(subscription_id, {})
        if found != expected:
            wrong.append(f"{email}:\n  {found}\n  {expected}")
    return f"{len(wrong)} wrong\n" + "\n".join(wrong[:3]) if wrong else f"agreed {len(people)}"


def _real() -> dict[int, dict[str, Any]]:
    """Return each subscription's enrollments, steps and messages."""
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    keys = {}
    steps: dict[int, list[Any]] = defaultdict(list)
    messages: dict[int, list[Any]] = defaultdict(list)
    visits = Visit.objects.order_by("id").values_list(
        "enrollment_id", "step_key", "visit_number", "exit"
    )
    for enrollment_id, *visit in visits.iterator(chunk_size=20_000):
        steps[enrollment_id].append(tuple(visit))
    sent = Delivery.objects.order_by("id").values_list(
        "enrollment_id", "step_key", "visit_number", "channel", "state", "reason"
    )
    for owner, *delivery, state, reason in sent.iterator(chunk_size=20_000):
        assert owner is not None
        # A message whose sender was killed may have gone: it is parked, not sent again.
        gone = state == "sent" or (state == "unknown" and reason == "sender died")
        messages[owner].append((*delivery, "" if gone else f"{state}: {reason}"))
    for row in Enrollment.objects.select_related("conversation").order_by("id"):
        keys[row.pk] = f"{row.conversation.name} {row.entry_number}"
        found[row.subscription_id][keys[row.pk]] = (
            row.end_reason or f"at {row.step_key} {row.held_reason}",
            steps[row.pk],
            messages[row.pk],
        )
    return dict(found)


def _expected(
    number: int, subscription_id: int, names: dict[str, int], turns: int
) -> dict[str, Any]:
    """Return what the oracle says of a person, whatever the clock."""
    oracle = Oracle(zone="America/New_York", types=TYPES)
    person = Person("p", number, f"p{number}@mail.example", phone=phone(number))
    person.lists["Store"] = Standing(
        subscription_id, created_at=START, subscribed_at=START,
        profile={
            "Profile.Points": number % 10,
            **({"Profile.Birthday": BORN} if is_greeted(number) else {}),
        },
    )  # fmt: skip
    oracle.people["p"] = person
    oracle.segments["Lucky"] = Segment("Lucky", "Store", LUCKY_ONES)
    oracle.pools["Welcome"] = Pool(free=turns)
    if agrees(number):
        oracle.phones[phone(number)] = "Subscribed"
    for structure in STRUCTURES:
        name = structure["conversation"]
        oracle.conversations[name] = Told(name, "Store", names[name])
        oracle.publish(oracle.conversations[name], structure, START)
    now = START
    _run(oracle, now, now + timedelta(minutes=30))
    for _ in range(turns):
        for name in ("Order Imported", "Cart"):
            now += timedelta(hours=1)
            oracle.happen(person, "Store", name, now)
            _run(oracle, now, now + timedelta(minutes=30))
    return {
        f"{title} {one.number}": (
            one.reason if one.ended_at else f"at {one.step} {one.held}",
            [(visit.step, visit.number, visit.exit) for visit in one.visits],
            [
                (sent.step, sent.visit, sent.channel, f"skipped: {sent.reason}" if sent.reason else "")
                for sent in one.deliveries
            ],
        )
        for title, conversation in oracle.conversations.items()
        for one in conversation.enrollments
    }  # fmt: skip


def _run(oracle: Oracle, now: datetime, until: datetime) -> None:
    """Tick from due time to due time."""
    moment: datetime | None = now
    while moment is not None and moment <= until:
        while not oracle.is_still(moment):
            oracle.tick(moment)
            oracle.make_calls(moment)
        moment = oracle.next_instant(moment)


STRUCTURES = [
    json.loads(json.dumps(read_structure(written)))
    for written in (THANKS, LUCKY, GREETING % {"at": "07:15"}, WINBACK % {"port": 80})
]
