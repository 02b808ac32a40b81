"""
The shop's year, lived through the domain's verbs at the moments it happened.

Once a month, later once a week, the shop imports its new shoppers and orders; in the last
weeks it raises *Winback Check* for those whose last order is about two months back, the
engine moves them, and the sandbox takes the messages. Some opt out afterwards.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.actions import create_integration, create_list
from accounts.models import IntegrationType, List, User
from accounts.tenancy import in_account, sql
from accounts.tenancy.partitions import MONTHS_AHEAD, make_partitions
from conductor.conversations.actions import apply_file, publish_conversation
from conductor.conversations.document import parse_document
from conductor.conversations.reading import read_structure
from conductor.demo import shop
from conductor.demo.generator import YEAR, Purchase, Shopper
from conductor.engine.tick import run_tick
from contacts.actions import (
    create_external_event,
    create_field,
    create_field_group,
    create_import,
    run_import,
    start_import,
    unsubscribe,
)
from contacts.models import ProfileField
from messaging.actions import (
    create_phone_list,
    create_short_code,
    save_message,
    unsubscribe_phone,
)
from messaging.actions.coupon_codes import import_codes
from messaging.actions.coupons import create_pool
from messaging.models import Delivery, PhoneList
from messaging.models.sms import MessageType
from messaging.sending.heart import Heart
from messaging.sending.sender import serve

DAY = timedelta(days=1)
# Days before the end at which the shop imports, and at which it checks for lapsed shoppers:
# each check finds those whose last order is 57 days back, or more, up to so many. The last
# but one leaves its wait in the last hours, the last is in it when the year ends.
MONTHLY = tuple(range(335, 40, -30))
CHECKS = {36: 150, 29: 64, 3.25: 66, 0.6: 86}
LAPSED_FROM = 57 * DAY
TICK = 5_000
# Every how many-th of those who got a message opts out of its channel.
STOPS, LEAVES = 60, 90
TABLES = [
    *("contacts_contact", "contacts_subscription", "contacts_order", "contacts_orderitem"),
    *("contacts_intake", "messaging_phonesubscription", "messaging_delivery"),
    *("conversations_enrollment",),
]


@dataclass(frozen=True)
class Shop:
    """What the year is lived in."""

    account_id: int
    list: List
    fields: dict[str, int]
    phone_list: PhoneList
    owner: User


def open_shop(*, account_id: int, owner: User, now: datetime) -> Shop:
    """Make the list with its fields, events, short code, phone lists and integration."""
    made = create_list(
        name=shop.LIST,
        now=now,
        by=owner,
        from_name="Acme Shoes",
        from_email="hello@acme-shoes.example",
    )
    fields: dict[str, ProfileField] = {}
    for group_name, names in shop.FIELDS.items():
        group = create_field_group(list=made, name=group_name, now=now, by=owner)
        for name, data_type in names.items():
            fields[name] = create_field(
                group=group, name=name, data_type=data_type, now=now, by=owner
            )
    for event in (shop.ORDER_IMPORTED, shop.WINBACK_CHECK, *shop.SUBSCRIBED):
        create_external_event(list=made, name=event, now=now, by=owner)
    code = create_short_code(
        code=shop.SHORT_CODE,
        country="US",
        email_list=made,
        merchant_name="Acme Shoes",
        phone_field=fields["Mobile"],
        now=now,
        by=owner,
    )
    phone_list = create_phone_list(short_code=code, name=shop.PHONE_LIST, now=now, by=owner)
    create_phone_list(short_code=code, name="Offers", kind=MessageType.MARKETING, now=now, by=owner)
    create_integration(name="Shop plug-in", types=list(IntegrationType.values), now=now, by=owner)
    ids = {name: field.pk for name, field in fields.items()}
    return Shop(account_id, made, ids, phone_list, owner)


def publish(place: Shop, now: datetime) -> None:
    """Publish the Winback thread, and leave a draft beside it."""
    for text, is_live in ((shop.POST_PURCHASE, True), (shop.NEW_SHOPPERS, False)):
        document = parse_document(read_structure(text))
        applied = apply_file(list=place.list, document=document, now=now, by=place.owner)
        if is_live:
            publish_conversation(conversation=applied.conversation, now=now, by=place.owner)


def stock(place: Shop, now: datetime) -> None:
    """Write the messages that nothing uses yet, and fill a pool of coupon codes."""
    with in_account(place.account_id):
        for mail in shop.MAILS:
            save_message(
                list=place.list,
                name=mail["name"],
                subject=mail["subject"],
                preheader=mail["preheader"],
                mjml=mail["mjml"],
                from_name="Acme Shoes",
                from_email="hello@acme-shoes.example",
                now=now,
                by=place.owner,
            )
        pool = create_pool(name=shop.POOL, now=now, by=place.owner)
        imported = import_codes(
            pool=pool,
            file="\n".join(["Code", *shop.codes()]).encode(),
            file_name="welcome-codes.csv",
            now=now,
            by=place.owner,
        )
    run_import(imported.pk, now, account_id=place.account_id)


def live(
    place: Shop,
    shoppers: Sequence[Shopper],
    *,
    until: datetime,
    clock: Callable[[], datetime],
    tell: Callable[[str], None],
) -> None:
    """Live the year before `until`; each step is a transaction of its own."""
    with in_account(place.account_id):
        for months in range(0, 14, MONTHS_AHEAD):
            make_partitions(now=until - YEAR + months * 31 * DAY)
    with Heart(clock) as heart:
        before = until - YEAR - DAY
        for days in (*MONTHLY, *CHECKS, 0):
            now = until - days * DAY
            finish_waits(place, heart, now)
            bring_in(place, shoppers, before, now)
            if days in {*MONTHLY[::3], min(CHECKS), 0}:
                refresh_statistics(place)
            if days == MONTHLY[-1]:
                with in_account(place.account_id):
                    publish(place, now)
                stock(place, now)
            if days in CHECKS:
                check_for_lapsed(place, shoppers, CHECKS[days] * DAY, now)
                move(place, heart, now)
            tell(
                f"{now:%Y-%m-%d}: the shop has {sum(one.joined_at < now for one in shoppers)} shoppers."
            )
            before = now


def bring_in(place: Shop, shoppers: Sequence[Shopper], before: datetime, now: datetime) -> None:
    """Import those who joined since `before`, and what was ordered."""
    fresh = [one for one in shoppers if before <= one.joined_at < now]
    orders = [
        (one, order) for one in shoppers for order in one.purchases if before <= order.at < now
    ]
    fields = place.fields
    import_rows(
        place,
        f"shoppers-{now:%Y-%m-%d}.csv",
        {
            "Email": "email",
            "First name": "first_name",
            "Last name": "last_name",
            "Customer number": "customer_number",
            "Time zone": "time_zone",
            "Born": "birthday",
            "Birthday": f"field:{fields['Birthday']}",
            "Mobile": f"field:{fields['Mobile']}",
            "Shoe size": f"field:{fields['Shoe size']}",
            "Favorite style": f"field:{fields['Favorite style']}",
            "Text club": f"field:{fields['Text club']}",
            "Texts to": f"phone_list:{place.phone_list.pk}",
        },
        (person_row(one) for one in fresh),
        now,
    )
    import_rows(
        place,
        f"orders-{now:%Y-%m-%d}.csv",
        {
            "Order": "order_number",
            "Email": "email",
            "Ordered": "date",
            "Status": "status",
            "SKU": "sku",
            "Quantity": "quantity",
            "Price": "price",
        },
        (row for one, order in orders for row in order_rows(one, order, now)),
        now,
        kind="orders",
    )
    raise_for(place, shop.ORDER_IMPORTED, {one.email: None for one, _ in orders}, now)


def person_row(one: Shopper) -> list[str]:
    """Return a shopper as the shop's file has them."""
    born = one.birthday.isoformat()
    return [
        *(one.email, one.first_name, one.last_name, one.number, one.time_zone, born, born),
        *(one.mobile, one.size, one.style),
        *("on" if one.texts else "", one.mobile if one.texts else ""),
    ]


def order_rows(one: Shopper, order: Purchase, now: datetime) -> list[list[str]]:
    """Return an order, a row an item; the latest ones are under way."""
    status = "Completed" if now - order.at > 4 * DAY else "Shipped"
    at = order.at.isoformat(timespec="seconds")
    return [
        [order.number, one.email, at, status, shoe.sku, str(quantity), str(shoe.price)]
        for shoe, quantity in order.items
    ]


def check_for_lapsed(
    place: Shop, shoppers: Sequence[Shopper], at_most: timedelta, now: datetime
) -> None:
    """Raise the check for those whose last order is about two months back, or more."""
    lapsed: dict[str, None] = {}
    for one in shoppers:
        last = one.last_purchase_before(now)
        if last is not None and LAPSED_FROM <= now - last <= at_most:
            lapsed[one.email] = None
    raise_for(place, shop.WINBACK_CHECK, lapsed, now)


def raise_for(place: Shop, event: str, emails: Iterable[str], now: datetime) -> None:
    """Raise an event for shoppers through the Event column of a file."""
    import_rows(
        place,
        f"{event.lower().replace(' ', '-')}-{now:%Y-%m-%d}.csv",
        {"Email": "email", "Event": "event"},
        ([email, event] for email in emails),
        now,
    )


def import_rows(
    place: Shop,
    file_name: str,
    columns: dict[str, str],
    rows: Iterable[Sequence[str]],
    now: datetime,
    *,
    kind: str = "contacts",
) -> None:
    """Import rows as a file that somebody uploaded at `now`; no rows, no file."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    head = text.tell()
    writer.writerows(rows)
    if text.tell() == head:
        return
    options: dict[str, Any] = {"start_conversations": False}
    if kind == "contacts":
        options["consent_source"] = shop.CONSENT_SOURCE
        options["consent_text"] = shop.CONSENT_TEXT
        options["consent_confirmed"] = True
    with in_account(place.account_id):
        imported = create_import(
            kind=kind,
            list=place.list if kind == "contacts" else None,
            file_name=file_name,
            file=text.getvalue().encode(),
            mapping={
                "encoding": "utf-8",
                "delimiter": ",",
                "has_header": True,
                "columns": [
                    {"column": number, "target": target}
                    for number, target in enumerate(columns.values())
                ],
            },
            options=options,
            now=now,
            by=place.owner,
        )
        start_import(imported=imported, now=now, by=place.owner)
    run_import(imported.pk, now, account_id=place.account_id)


def finish_waits(place: Shop, heart: Heart, now: datetime) -> None:
    """Move those whose wait is over by `now`, at the moment it was over."""
    while True:
        with in_account(place.account_id):
            due = sql.fetch_value(
                """
                SELECT min(enrollment.due_at)
                FROM conversations_enrollment AS enrollment
                WHERE enrollment.ended_at IS NULL AND enrollment.due_at < %(now)s
                """,
                now=now,
            )
        if due is None:
            return
        move(place, heart, due)


def move(place: Shop, heart: Heart, now: datetime) -> None:
    """Let the engine move everybody, send what it queued, and let some opt out."""
    while True:
        with in_account(place.account_id):
            if not run_tick(now=now, limit=TICK).rows:
                break
    while serve(place.account_id, heart=heart, clock=lambda: now):
        pass
    with in_account(place.account_id):
        opt_out(place, now)


def opt_out(place: Shop, now: datetime) -> None:
    """Let every so many-th of those just written to opt out, hours later."""
    sent = Delivery.objects.filter(state="sent", sent_at=now).order_by("pk")
    for delivery in sent.filter(channel="sms")[::STOPS]:
        unsubscribe_phone(
            phone_list=place.phone_list,
            phone_e164=delivery.address,
            reason="Campaign",
            now=now + timedelta(hours=2),
        )
    for delivery in sent.filter(channel="email")[::LEAVES]:
        unsubscribe(
            list=place.list,
            email=delivery.address,
            method="UnsubscribeLink",
            now=now + timedelta(hours=5),
        )


def refresh_statistics(place: Shop) -> None:
    """Tell the planner what has come in."""
    with in_account(place.account_id):
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
