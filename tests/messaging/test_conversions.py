"""Orders ascribed to messages: by which rule, once, anew when the order changes, and crash or not."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.actions import update_account
from accounts.tenancy import in_account, sql
from contacts.actions import NewOrder, orders, save_orders
from contacts.actions.customers import Customer
from contacts.actions.erasure import erase
from contacts.models import Intake, Listener
from messaging import figures
from messaging.actions.receipts import CameBack, write_receipts
from messaging.models import CommittedMessage, Conversion, Delivery, Figure, Receipt
from messaging.models.message import Channel
from tests.engine.world import World
from tests.factories import DeliveryFactory, ListFactory, SubscriptionFactory

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EMAIL = "grace@mail.example"


@pytest.fixture
def grace(inside_acme):
    return SubscriptionFactory(list=ListFactory(), contact__email=EMAIL, contact__email_norm=EMAIL)


@pytest.fixture
def send(grace, now):
    """Send Grace a message of a step, three weeks ago."""

    def sent(step="hello", **more):
        return DeliveryFactory(
            list=grace.list,
            contact=grace.contact,
            subscription_id=grace.pk,
            conversation_id=7,
            step_key=step,
            sent_at=now - 21 * DAY,
            **more,
        )

    return sent


def touch(delivery, kind, at):
    """Let a message be clicked in, opened ..., and be told of it at once."""
    write_receipts([CameBack(delivery.pk, kind, at)], now=at)


def order(at, *, number="A1", status="Completed", total=50, now=None):
    """Let Grace's order come in at its time, or `now`."""
    new = NewOrder(
        order_number=number,
        customer=Customer(email=EMAIL),
        ordered_at=at,
        status=status,
        total=total,
    )
    assert not save_orders(orders=[new], now=now or at, source="api").rejects


def ascribed():
    """Return (step, rule, amount) of each conversion."""
    rows = Conversion.objects.order_by("order_id").values_list("step_key", "rule", "amount")
    return [(step, rule, int(amount)) for step, rule, amount in rows]


class TestAnOrder:
    def test_is_ascribed_to_the_last_click(self, send, now):
        first, second, other = send("first"), send("second"), send("other")
        touch(first, "clicked", now - 3 * DAY)
        touch(second, "clicked", now - 2 * DAY)
        touch(other, "opened", now - HOUR)

        order(now)

        assert ascribed() == [("second", "click", 50)]
        found = Conversion.objects.get()
        assert (found.delivery_id, found.conversation_id) == (second.pk, 7)
        assert (found.touched_at, found.ordered_at) == (now - 2 * DAY, now)

    def test_is_ascribed_to_the_last_open_without_a_click(self, send, now):
        early, late = send("early"), send("late")
        touch(early, "opened", now - 20 * HOUR)
        touch(late, "opened", now - 10 * HOUR)

        order(now)

        assert ascribed() == [("late", "open", 50)]

    @pytest.mark.parametrize(
        ("kind", "before", "counts"),
        [
            ("clicked", 5 * DAY - HOUR, True),
            ("clicked", 5 * DAY, False),
            ("clicked", timedelta(0), True),
            ("clicked", -HOUR, False),
            ("opened", DAY - HOUR, True),
            ("opened", DAY, False),
            ("scanned", HOUR, False),
            ("prefetched", HOUR, False),
        ],
    )
    def test_is_ascribed_within_the_windows_and_to_people(self, send, now, kind, before, counts):
        touch(send(), kind, now - before)

        order(now, now=now + 2 * HOUR)

        assert bool(ascribed()) is counts

    def test_is_ascribed_within_the_accounts_own_windows(self, acme, send, now):
        update_account(account=acme, postal_address="", click_days=0, open_days=10, now=now)
        touch(send("clicked"), "clicked", now - HOUR)
        touch(send("opened"), "opened", now - 9 * DAY)

        order(now)

        assert ascribed() == [("opened", "open", 50)]

    def test_is_ascribed_to_no_test_and_to_nobody_elses_message(self, send, grace, now):
        touch(send(is_test=True), "clicked", now - HOUR)
        touch(DeliveryFactory(list=grace.list, conversation_id=7), "clicked", now - HOUR)

        order(now)

        assert ascribed() == []

    def test_is_ascribed_once_however_often_it_comes(self, send, now):
        touch(send(), "clicked", now - HOUR)

        for _ in range(3):
            order(now)

        assert ascribed() == [("hello", "click", 50)]
        assert Receipt.objects.filter(kind="converted").count() == 1
        assert figures.of_step(7, "hello").orders == 1

    def test_is_ascribed_anew_when_it_is_replaced(self, send, now):
        early, late = send("early"), send("late")
        touch(early, "clicked", now - 4 * DAY)
        order(now - 3 * DAY)
        touch(late, "clicked", now - DAY)

        order(now, total=80)

        assert ascribed() == [("late", "click", 80)]
        assert figures.of_step(7, "early").orders == 0
        assert figures.of_step(7, "early").revenue == 0
        assert figures.of_step(7, "late").revenue == 80

    @pytest.mark.parametrize("status", ["Canceled", "Returned"])
    def test_is_taken_back_when_it_is_canceled(self, send, now, status):
        touch(send(), "clicked", now - HOUR)
        order(now)

        order(now, status=status, now=now + HOUR)

        assert ascribed() == []
        assert not Receipt.objects.filter(kind="converted").exists()
        found = figures.of_step(7, "hello")
        assert (found.orders, found.revenue) == (0, Decimal(0))

    def test_is_ascribed_to_a_click_that_is_told_of_late(self, send, now):
        delivery = send()
        order(now)

        write_receipts([CameBack(delivery.pk, "clicked", now - HOUR)], now=now + DAY)

        assert ascribed() == [("hello", "click", 50)]

    def test_is_not_asked_again_by_a_click_that_is_told_of_at_once(self, send, now, statements):
        delivery = send()
        order(now - HOUR)
        statements.clear()

        write_receipts([CameBack(delivery.pk, "clicked", now)], now=now)

        # It is written, and asked who listens: conversations and segments, webhooks.
        assert len(statements) == 3, statements

    def test_among_a_thousand_is_not_asked_by_itself(self, send, now, monkeypatch):
        touch(send(), "clicked", now - HOUR)
        calls = []
        follow = orders.FOLLOWERS["messaging"]

        def counting(ids, at):
            calls.append(len(ids))
            follow(ids, at)

        many = [
            NewOrder(
                order_number=f"N{number}",
                customer=Customer(email=EMAIL),
                ordered_at=now,
                total=1,
            )
            for number in range(1000)
        ]
        monkeypatch.setitem(orders.FOLLOWERS, "messaging", counting)

        save_orders(orders=many, now=now, source="api")

        assert (calls, Conversion.objects.count()) == ([1000], 1000)
        assert figures.of_step(7, "hello").orders == 1000


class TestAConversion:
    def test_is_a_receipt_that_conversations_hear_of(self, send, grace, now):
        delivery = send()
        Listener.objects.create(conversation_id=7, list=grace.list, role="watch", kind="receipt")
        touch(delivery, "clicked", now - HOUR)
        Intake.objects.all().delete()

        order(now)

        fact = Intake.objects.get()
        assert (fact.kind, fact.method, fact.properties["did"]) == ("wake", "receipt", "converted")
        receipt = Receipt.objects.get(kind="converted")
        assert (receipt.delivery_id, receipt.contact_id) == (delivery.pk, grace.contact_id)
        assert receipt.detail == {"order_number": "A1", "total": 50.0}

    def test_that_is_taken_back_is_told_to_who_watches(self, send, grace, now):
        touch(send(), "clicked", now - HOUR)
        order(now)
        Listener.objects.create(conversation_id=7, list=grace.list, role="watch", kind="receipt")

        order(now, status="Canceled", now=now + HOUR)

        assert [fact.kind for fact in Intake.objects.all()] == ["wake"]

    def test_of_another_total_is_no_news(self, send, grace, now):
        touch(send(), "clicked", now - HOUR)
        order(now)
        Listener.objects.create(conversation_id=7, list=grace.list, role="watch", kind="receipt")

        order(now, total=70, now=now + HOUR)

        assert not Intake.objects.exists()
        assert ascribed() == [("hello", "click", 70)]
        receipt = Receipt.objects.get(kind="converted")
        assert (receipt.recorded_at, receipt.detail["total"]) == (now, 70)

    def test_outlives_its_person_as_a_figure(self, send, grace, now):
        touch(send(), "clicked", now - HOUR)
        order(now)

        erase(contacts=[grace.contact_id], now=now, source="page")

        assert Conversion.objects.get().contact_id is None
        assert figures.of_step(7, "hello").revenue == 50

    @pytest.mark.django_db(transaction=True)
    def test_is_gone_with_the_order_that_was_not_committed(self, acme, now):
        with in_account(acme.pk):
            person = SubscriptionFactory(contact__email=EMAIL, contact__email_norm=EMAIL)
            delivery = DeliveryFactory(
                list=person.list, contact=person.contact, sent_at=now - DAY, conversation_id=7
            )
            touch(delivery, "clicked", now - HOUR)

        def break_off():
            with in_account(acme.pk):
                order(now)
                assert len(ascribed()) == 1
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            break_off()

        with in_account(acme.pk):
            assert ascribed() == []
            assert figures.of_conversation(7).orders == 0
            order(now)
            assert len(ascribed()) == 1


class TestAConversation:
    STEPS = """
        {key: hello, message: {saved_message: We miss you}}
        {key: hold, wait_for: {message: {did: converted, step: hello}, timeout: P9D}}
        {key: bought, filter: {message: {did: converted, step: hello, within: P30D}}}
        {key: pause, wait: {for: P3D}}
    """

    @pytest.mark.parametrize("kind", ["clicked", "scanned"])
    def test_waits_for_one_and_asks_for_it(self, inside_acme, now, kind):
        world = World(now)
        world.live(self.STEPS)
        grace = world.person(email=EMAIL)
        world.happen(grace)
        world.tick(now)
        Delivery.objects.update(state="sent", sent_at=now)
        touch(Delivery.objects.get(), kind, now + HOUR)

        order(now + 2 * HOUR)
        world.tick(now + 2 * HOUR)

        assert world.place(grace).step_key == ("pause" if kind == "clicked" else "hold")


class TestFigures:
    def test_count_deliveries_and_not_receipts(self, send, now):
        first, second = send(), send()
        for at in (now - HOUR, now):
            touch(first, "opened", at)
        write_receipts(
            [CameBack(second.pk, "opened", now), CameBack(second.pk, "opened", now)], now=now
        )
        touch(second, "prefetched", now)
        touch(second, "bounced", now)

        found = figures.of_step(7, "hello")

        assert (found.opened, found.opened_by_machines, found.bounced) == (2, 1, 1)
        assert Receipt.objects.filter(kind="opened").count() == 4

    def test_leave_tests_out(self, send, now):
        touch(send(is_test=True), "opened", now)

        assert not Figure.objects.exists()

    def test_are_the_same_after_they_are_folded(self, acme, send, now):
        for number in range(6):
            touch(send("a" if number % 2 else "b"), "clicked", now)
        order(now + HOUR, total=Decimal("12.50"))
        before = figures.of_steps(7)

        for most in (3, 100):
            sql.fetch_value(sql.statement("messaging", "fold_figures"), most=most)

        assert figures.of_steps(7) == before
        assert not Figure.objects.filter(is_folded=False).exists()
        assert Figure.objects.count() == 3
        assert figures.of_conversation(7).clicked == 6
        assert figures.of_conversation(7).revenue == Decimal("12.50")


@pytest.mark.django_db(transaction=True)
class TestFolding:
    def test_is_done_where_it_is_worth_it(self, acme, globex, now):
        for account, many in ((acme, 101), (globex, 100)):
            with in_account(account.pk):
                Figure.objects.bulk_create(
                    Figure(conversation_id=7, step_key="hello", kind="opened", number=2)
                    for _ in range(many)
                )

        assert figures.fold_figures(now) == 101

        with in_account(acme.pk):
            assert [(one.number, one.is_folded) for one in Figure.objects.all()] == [(202, True)]
        with in_account(globex.pk):
            assert Figure.objects.count() == 100


class TestBars:
    def test_say_shares_and_what_is_apart(self):
        found = figures.Figures(sent=200, bounced=10, opened=95, opened_by_machines=1200, orders=2)

        lines = {line.word: line for line in figures.bars(found, Channel.EMAIL)}

        assert (lines["Delivered"].number, lines["Delivered"].share) == (190, 95.0)
        assert (lines["Opened"].number, lines["Opened"].whole, lines["Opened"].share) == (
            95,
            190,
            50,
        )
        assert lines["Opened"].note == "1,200 loaded by mail programs, not counted"
        assert "Replied" not in lines

    def test_of_texts_have_answers_and_no_opens(self):
        lines = [line.word for line in figures.bars(figures.Figures(sent=1), Channel.SMS)]

        assert lines == ["Sent", "Delivered", "Clicked", "Replied", "Unsubscribed", "Orders"]

    def test_are_none_of_what_was_never_sent(self):
        assert figures.bars(figures.Figures(), Channel.EMAIL) == []


class TestOnPages:
    @pytest.fixture
    def pages(self, acme, now):
        """A published step that sends a saved message, with some figures; the addresses."""
        with in_account(acme.pk):
            world = World(now)
            live = world.live("{key: hello, message: {saved_message: We miss you}}")
            message = CommittedMessage.objects.get()
            for kind, number, amount in (("sent", 40, 0), ("opened", 8, 0), ("converted", 2, 99)):
                Figure.objects.create(
                    conversation_id=live.pk,
                    step_key="hello",
                    message_id=message.pk,
                    kind=kind,
                    number=number,
                    amount=amount,
                )
            of_list = ["acme-shoes", world.in_list.pk]
            return [
                reverse("conversations:step", args=[*of_list, live.pk, "main", "hello"]),
                reverse("messaging:message", args=[*of_list, world.saved_message.pk]),
            ]

    @pytest.mark.parametrize("place", [0, 1])
    def test_are_shown_to_who_may_look(self, client, ben, mia, zoe, pages, place):
        client.force_login(ben)
        text = client.get(pages[place]).text

        assert "What came of it" in text
        assert ("20% of delivered" in text, "99.00 in all, 49.50 each" in text) == (True, True)
        client.force_login(mia)
        assert "49.50 each" in client.get(pages[place]).text
        client.force_login(zoe)
        assert client.get(pages[place]).status_code == 404

    def test_say_so_where_nothing_was_sent(self, client, ben, acme, pages):
        with in_account(acme.pk):
            Figure.objects.all().delete()
        client.force_login(ben)

        assert all("Nothing was sent yet" in client.get(page).text for page in pages)
