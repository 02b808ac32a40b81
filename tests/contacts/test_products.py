"""Products: what is kept of them, and who hears that one is back, cheaper or running low."""

from datetime import timedelta
from decimal import Decimal

import pytest

from contacts import actions
from contacts.actions.products import NewProduct
from contacts.models import Event, Intake, Listener, Product
from tests.factories import (
    ContactFactory,
    ExternalEventFactory,
    ListFactory,
    SubscriptionFactory,
)

DAY = timedelta(days=1)
THIRTY_DAYS = {"months": 0, "days": 30, "seconds": 0}
HEARD = ("back_in_stock", "price_drop", "low_stock")


@pytest.fixture
def store(inside_acme):
    return ListFactory(name="Store Customers")


@pytest.fixture
def browsed(store):
    return ExternalEventFactory(list=store, name="Browsed")


@pytest.fixture
def shopper(store, browsed, now):
    """Somebody who has browsed a product."""

    def shopper(sku="A-1", *, ago=DAY, event=browsed, person=None):
        person = person or SubscriptionFactory(list=store, contact=ContactFactory())
        actions.raise_event(
            external_event=event,
            contact=person.contact,
            now=now - ago,
            source="api",
            properties={"sku": sku},
        )
        return person

    return shopper


@pytest.fixture
def listen(store, browsed):
    def listen(*kinds, event=browsed, conversation_id=7, within=THIRTY_DAYS):
        for kind in kinds or HEARD:
            Listener.objects.create(
                conversation_id=conversation_id,
                list=store,
                kind=kind,
                external_event=event,
                within=within,
            )

    return listen


@pytest.fixture
def save(now):
    def save(sku="A-1", *, at=now, **given):
        return actions.save_products(products=[NewProduct(sku=sku, **given)], now=at)

    return save


def heard():
    """Return (kind, contact) of the facts queued, in order."""
    return list(Intake.objects.order_by("id").values_list("kind", "contact_id"))


@pytest.mark.usefixtures("inside_acme")
class TestSaveProducts:
    def test_adds_to_what_is_there(self, save):
        save(title="Shoe", price="49.90", quantity=5, extra={"color": "red", "size": "9"})
        save(price=39.9, brand="Acme", extra={"color": "blue"})

        product = Product.objects.get()
        assert (product.title, product.brand) == ("Shoe", "Acme")
        assert (product.price, product.quantity) == (Decimal("39.90"), 5)
        assert product.extra == {"color": "blue", "size": "9"}

    def test_changes_nothing_the_second_time(self, save, now):
        given = {"price": 10, "sale_price": 8, "sale_from": now, "on_sale": True, "quantity": 3}
        save(**given)
        again = save(at=now + DAY, **given)

        assert (again.created, again.updated, again.unchanged) == (0, 0, 1)
        assert Product.objects.get().updated_at == now

    @pytest.mark.parametrize(
        ("told", "is_in_stock"),
        [
            ({}, None),
            ({"quantity": 3}, True),
            ({"quantity": 0}, False),
            ({"quantity": 3, "in_stock": False}, False),
            ({"quantity": 0, "in_stock": True}, True),
        ],
    )
    def test_knows_whether_it_is_in_stock(self, save, told, is_in_stock):
        save(**told)

        assert Product.objects.get().in_stock is is_in_stock

    def test_takes_each_row_by_itself_and_the_last_word_of_two(self, now):
        rows = [
            NewProduct(sku=""),
            NewProduct(sku=" A-1 ", price="1"),
            NewProduct(sku="x" * 101),
            NewProduct(sku="A-2", price="dear"),
            NewProduct(sku="A-3", sale_price=-1),
            NewProduct(sku="A-4", quantity="1.5"),
            NewProduct(sku="A-1", price="2", title="t" * 600),
        ]

        outcome = actions.save_products(products=rows, now=now)

        assert [(row.index, row.field) for row in outcome.rejects] == [
            (0, "sku"),
            (2, "sku"),
            (3, "price"),
            (4, "salePrice"),
            (5, "qoh"),
        ]
        product = Product.objects.get()
        assert (product.sku, len(product.title)) == ("A-1", 500)
        assert product.price == 2
        assert (outcome.created, outcome.unchanged) == (1, 1)


class TestBackInStock:
    @pytest.mark.parametrize(
        ("before", "after", "is_news"),
        [
            ({"quantity": 0}, {"quantity": 1}, True),
            ({"in_stock": False}, {"in_stock": True}, True),
            ({"in_stock": False}, {"quantity": 20}, True),
            ({"quantity": 0}, {"price": 5}, False),
            ({"quantity": 0}, {"quantity": 3, "in_stock": False}, False),
            ({"quantity": 20}, {"quantity": 30}, False),
            ({}, {"quantity": 30}, False),
        ],
    )
    def test_is_news_after_it_was_out(self, shopper, listen, save, before, after, is_news):
        listen("back_in_stock")
        grace = shopper()
        save(**before)

        save(**after)
        save(**after)

        assert heard() == ([("back_in_stock", grace.contact_id)] if is_news else [])

    def test_of_a_new_product_is_no_news(self, shopper, listen, save):
        listen()
        shopper()

        save(quantity=5, price=3)

        assert heard() == []


class TestPriceDrop:
    # Each told at noon of one day and of the next.
    @pytest.mark.parametrize(
        ("before", "after", "drop"),
        [
            ({"price": 10}, {"price": 9}, (9, 10)),
            ({"price": 10}, {"price": 11}, None),
            ({"price": 10}, {"price": 10}, None),
            ({"price": None}, {"price": 9}, None),
            ({"price": 10}, {"sale_price": 8}, (8, 10)),
            ({"price": 10}, {"sale_price": 8, "on_sale": False}, None),
            ({"price": 10, "sale_price": 8, "on_sale": False}, {"on_sale": True}, (8, 10)),
            ({"price": 10, "sale_price": 8}, {"price": 9}, None),
            ({"price": 10, "sale_price": 8}, {"on_sale": False, "price": 7}, (7, 8)),
        ],
    )
    def test_is_a_fall_of_the_price_in_force(self, shopper, listen, save, now, before, after, drop):
        listen("price_drop")
        grace = shopper()
        save(**before)

        save(at=now + DAY, **after)

        assert heard() == ([("price_drop", grace.contact_id)] if drop else [])
        if drop:
            properties = Intake.objects.get().properties
            assert (properties["price"], properties["previous_price"]) == drop

    def test_may_come_with_the_beginning_of_a_sale(self, shopper, listen, save, now):
        listen("price_drop")
        shopper()
        sale = {
            "price": 10,
            "sale_price": 8,
            "sale_from": now + DAY,
            "sale_until": now + 3 * DAY,
        }

        counts = []
        for days in (0, 1, 2, 3, 4):
            save(at=now + days * DAY, **sale)
            counts.append(len(heard()))

        assert counts == [0, 1, 1, 1, 1]


class TestLowStock:
    @pytest.mark.parametrize(
        ("before", "after", "is_news"),
        [(11, 10, True), (50, 1, True), (10, 9, False), (11, 0, False), (5, 10, False)],
    )
    def test_is_a_fall_to_ten_or_less(self, shopper, listen, save, before, after, is_news):
        listen("low_stock")
        grace = shopper()
        save(quantity=before)

        save(quantity=after)

        assert heard() == ([("low_stock", grace.contact_id)] if is_news else [])


class TestWhoHears:
    @pytest.fixture
    def news(self, save, now):
        """Bring a product back in stock."""

        def news(sku="A-1", **given):
            save(sku, quantity=0)
            save(sku, quantity=20, **given)

        return news

    def test_is_who_had_the_event_for_that_sku_within_the_window(self, shopper, listen, news):
        listen("back_in_stock")
        lately = shopper(ago=30 * DAY)
        shopper(ago=33 * DAY)
        shopper("A-2")

        news()

        assert heard() == [("back_in_stock", lately.contact_id)]

    def test_is_told_of_the_latest_event_once(self, shopper, listen, news, browsed, now):
        listen("back_in_stock")
        grace = shopper(ago=5 * DAY)
        shopper(ago=DAY, person=grace)

        news(title="Shoe", extra={"linkUrl": "https://acme.example/a-1"})

        fact = Intake.objects.get()
        latest = Event.objects.latest("occurred_at")
        assert (fact.event_id, fact.external_event_id) == (latest.pk, browsed.pk)
        assert fact.properties == {
            "sku": "A-1",
            "title": "Shoe",
            "quantity": 20,
            "url": "https://acme.example/a-1",
            "event_at": latest.occurred_at.isoformat(),
        }
        assert (fact.occurred_at, fact.recorded_at, fact.method) == (now, now, "api")

    def test_is_asked_for_each_conversation_by_its_window(self, shopper, listen, news):
        listen("back_in_stock")
        listen("back_in_stock", conversation_id=8, within={**THIRTY_DAYS, "days": 2})
        listen("back_in_stock", conversation_id=9, within=None)
        shopper(ago=400 * DAY)
        shopper(ago=5 * DAY)
        shopper(ago=DAY)

        news()

        counts = [
            Intake.objects.filter(conversation_id=conversation).count()
            for conversation in (7, 8, 9)
        ]
        assert counts == [2, 1, 3]

    def test_is_told_once_of_a_change_though_two_events_of_a_conversation_ask(
        self, store, shopper, listen, news
    ):
        carted = ExternalEventFactory(list=store, name="Carted")
        listen("back_in_stock")
        listen("back_in_stock", event=carted)
        listen("back_in_stock", event=carted, conversation_id=8)
        grace = shopper()
        shopper(event=carted, person=grace)

        news()

        conversations = Intake.objects.values_list("conversation_id", flat=True)
        assert sorted(conversations) == [7, 8]

    def test_is_told_of_each_product_and_each_change(self, shopper, listen, now):
        listen()
        grace = shopper("A-1")
        shopper("A-2", person=grace)

        for quantity, price in ((0, 10), (30, 9), (5, 9)):
            rows = [NewProduct(sku=sku, quantity=quantity, price=price) for sku in ("A-1", "A-2")]
            actions.save_products(products=rows, now=now)

        assert [kind for kind, _ in heard()] == [
            *("back_in_stock", "price_drop") * 2,
            *["low_stock"] * 2,
        ]

    def test_is_nobody_without_listeners(self, shopper, news):
        shopper()

        news()

        assert heard() == []
