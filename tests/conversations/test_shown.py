"""From an order to the message that speaks of it, and of the coupon that it brought."""

from datetime import UTC, datetime

from conductor.conversations.actions import apply_file, publish_conversation
from contacts.actions import save_orders
from contacts.actions.customers import Customer
from contacts.actions.order_rows import NewItem, NewOrder
from messaging.models import CouponPool, Delivery, SavedMessage
from messaging.sending.claim import claim
from messaging.sending.compose import load_frame
from tests.conversations.conftest import parsed
from tests.conversations.test_problems import steps
from tests.conversations.test_running import tick
from tests.factories import SubscriptionFactory
from tests.messaging.composing import compose

STEPS = (
    "a, trigger: {order: {status: Shipped, max_age: P2D}}",
    "c, action: {set_coupon: {pool: Winback, field: Profile.Mobile}}",
    "m, message: {saved_message: We miss you}",
    "z, terminate: {}",
)
TEXT = (
    "{{ order.orderNumber }} {{ order.order_total | money }} {{ order.items[0].sku }} {{ coupon }}"
)


def test_a_message_shows_the_order_that_began_it_and_the_coupon_of_its_conversation(store, now):
    CouponPool.objects.create(
        name="Winback", fallback_code="SORRY-5", created_at=now, modified_at=now
    )
    SavedMessage.objects.update(text=TEXT)
    grace = SubscriptionFactory.create(list=store.list).contact
    document = parsed(steps(*STEPS))
    conversation = apply_file(list=store.list, document=document, now=now).conversation
    publish_conversation(conversation=conversation, now=now)
    for number, total in (("A-1", 20), ("A-2", 30)):
        bought = NewOrder(
            order_number=number,
            customer=Customer(email=grace.email),
            ordered_at=datetime(2026, 11, 18, 11, tzinfo=UTC),
            status="Shipped" if number == "A-1" else "Pending",
            items=[NewItem("SHOE", 1, total)],
        )
        save_orders(orders=[bought], now=now, source="api", start_conversations=True)

    tick(now)
    claimed = claim(channel="email", provider="sandbox", sender="x", most=10, now=now).sending
    frame = load_frame(claimed, account_id=store.account.pk)
    ready, refused = compose(claimed, frame, now=now)

    assert refused == []
    assert [mail.text.splitlines()[0] for mail in ready] == ["A-1 $20.00 SHOE SORRY-5"]
    assert frame.blanks == {}
    assert Delivery.objects.get().event_properties["order_number"] == "A-1"
