"""Order files: rows of one order number are one order."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from contacts import actions
from contacts.imports.running import run_import
from contacts.models import Contact, Import, ImportReject, Intake, Listener, Order, OrderItem
from tests.factories import ContactFactory, ListFactory, SubscriptionFactory

DAY = timedelta(days=1)
FILE = (
    "Order Number,Email,Order Date,Order Total,SKU,Quantity,Price\n"
    "A-1,g@m.example,2026-11-17T10:00:00,31.50,SHOE,1,27.50\n"
    "A-1,g@m.example,2026-11-17T10:00:00,31.50,SOCK,2,2\n"
    "A-2,h@m.example,11/16/2026,,BELT,1,$30.00\n"
)


@pytest.fixture
def load(inside_acme, settings, tmp_path, now):
    settings.MEDIA_ROOT = tmp_path

    def load(text, *, at=now, chunk_records=50_000, **options):
        imported = actions.create_import(
            kind="orders", list=None, file_name="orders.csv", file=text.encode(), now=at,
            options=options,
        )  # fmt: skip
        actions.start_import(imported=imported, now=at)
        run_import(imported.pk, at, chunk_records=chunk_records)
        return Import.objects.get(pk=imported.pk)

    return load


def items():
    rows = OrderItem.objects.order_by("order__order_number", "position")
    return list(rows.values_list("order__order_number", "sku", "quantity", "price"))


def rejects(imported):
    found = ImportReject.objects.filter(imported=imported, severity="reject").order_by("line")
    return [(reject.line, reject.reason) for reject in found]


class TestOrderFile:
    def test_rows_of_one_number_are_one_order(self, load):
        imported = load(FILE)

        assert (imported.status, imported.counts["created"]) == ("ProcessingCompleted", 2)
        first, second = Order.objects.order_by("order_number")
        assert (first.contact.email_norm, first.total) == ("g@m.example", Decimal("31.50"))
        # Naive times are the account's: New York in November is five hours behind.
        assert first.ordered_at == datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
        assert second.ordered_at == datetime(2026, 11, 16, 5, 0, tzinfo=UTC)
        assert second.total == Decimal("30.00")
        assert items() == [
            ("A-1", "SHOE", 1, Decimal("27.50")),
            ("A-1", "SOCK", 2, Decimal("2.00")),
            ("A-2", "BELT", 1, Decimal("30.00")),
        ]

    def test_the_same_file_twice_changes_nothing(self, load, now):
        load(FILE)
        before = list(Order.objects.order_by("pk").values_list()), items()

        again = load(FILE, at=now + DAY)

        assert (list(Order.objects.order_by("pk").values_list()), items()) == before
        assert (again.counts["unchanged"], again.counts["updated"]) == (2, 0)

    @pytest.mark.parametrize("chunk_records", [1, 2, 3])
    def test_an_order_cut_by_a_chunk_keeps_its_items(self, load, now, chunk_records):
        without_total = FILE.replace(",31.50", ",")
        for _ in range(2):
            load(without_total, chunk_records=chunk_records)

        assert [row[:3] for row in items()] == [
            ("A-1", "SHOE", 1),
            ("A-1", "SOCK", 2),
            ("A-2", "BELT", 1),
        ]
        assert Order.objects.get(order_number="A-1").total == Decimal("31.50")

    def test_a_bad_row_rejects_its_order_as_a_whole(self, load):
        imported = load(
            FILE.replace("SOCK,2,2", "SOCK,some,2")
            + "A-3,h@m.example,2026-11-21,1,HAT,1,1\n"
            + "A-4,h@m.example,,1,HAT,1,1\n"
            + "A-5,nobody,2026-11-01,1,HAT,1,1\n"
            + ",h@m.example,2026-11-01,1,HAT,1,1\n"
        )

        assert rejects(imported) == [
            (3, "'some' is no amount."),
            (5, "The order's date 2026-11-21 05:00 is in the future."),
            (6, "The line has no order date."),
            (7, "'nobody' is no email address."),
            (8, "The line has no order number."),
        ]
        assert [order.order_number for order in Order.objects.all()] == ["A-2"]
        assert imported.counts["rejected"] == 5
        assert Contact.objects.count() == 1

    def test_a_missing_column_is_said_before_anything_is_stored(self, load):
        with pytest.raises(actions.imports.ImportFaultError, match="Order date"):
            load("order number,email\nA-1,g@m.example\n")

    @pytest.mark.parametrize("starts", [False, True])
    def test_starts_conversations_only_when_asked(self, load, starts):
        store = ListFactory()
        SubscriptionFactory(list=store, contact=ContactFactory(email="g@m.example"))
        Listener.objects.create(conversation_id=7, list=store, kind="order")

        load(FILE, start_conversations=starts)

        assert Intake.objects.filter(kind="order").count() == (2 if starts else 0)

    def test_customers_may_be_named_by_number(self, load):
        load("order number,customer number,date,total\nA-1,17,2026-11-01,5\nA-2,17,2026-11-02,6\n")

        contact = Contact.objects.get()
        assert (contact.external_id, contact.email_norm) == ("17", "")
        assert contact.orders.count() == 2
