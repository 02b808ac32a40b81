"""Triggers: how they are written, what keeps them from running, who comes in by them."""

from datetime import timedelta
from typing import Any

import pytest

from conductor.conversations.document import parse_step
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.steps.trigger import STEP
from contacts.actions import (
    Customer,
    NewOrder,
    NewProduct,
    change_address,
    raise_event,
    save_orders,
    save_products,
    set_profile,
)
from contacts.models import Segment, Subscription
from tests.engine.world import World

DAY = timedelta(days=1)


def config(written: Any) -> Any:
    return STEP.Config.read(written)


class TestSettings:
    @pytest.mark.parametrize(
        ("written", "sentence"),
        [
            ({}, "Choose a trigger"),
            ({"external_event": "Order Imported"}, "External Event: Order Imported"),
            ({"external_event": ["Cart", "Browse"]}, "External Event: Cart, Browse"),
            ({"list": "subscribed"}, "List: Subscribe"),
            ({"list": "address_changed"}, "List: Address Change"),
            ({"list": "profile_updated"}, "List: Segment Update"),
            (
                {"list": "profile_updated", "fields": ["Profile.Points", "Profile.Vip"]},
                "List: Segment Update of Points, Vip",
            ),
            ({"segment": {}}, "Segment: entered or left ..."),
            ({"segment": {"name": "Vips", "on": "entered"}}, "Segment: entered Vips"),
            (
                {"segment": {"name": "Vips", "on": "entered", "include_existing": True}},
                "Segment: entered Vips, those in it too",
            ),
            ({"order": {}}, "Order: any status"),
            ({"order": {"status": "Shipped", "max_age": "P7D"}}, "Order: Shipped"),
            ({"order": {"status": ["Shipped", "Completed"]}}, "Order: Shipped, Completed"),
            ({"product": {}}, "Product: choose a change"),
            (
                {"product": {"price_drop": {"event": "Browse", "within": "P30D"}}},
                "Product: price drop, after Browse in the last 30 days",
            ),
            ({"import": True}, "Import into the list"),
            ({"date": {"field": "Profile.Birthday"}}, "Date: every year Birthday at 00:00"),
            (
                {"date": {"field": "Profile.Birthday", "offset": "-P7D", "at": "09:00"}},
                "Date: every year 7 days before Birthday at 09:00",
            ),
            (
                {"date": {"field": "Profile.Birthday", "offset": "P1M"}},
                "Date: every year 1 month after Birthday at 00:00",
            ),
            ("none", "Only by Go To"),
        ],
    )
    def test_come_back_as_written_and_are_said(self, written: Any, sentence: str) -> None:
        read = config(written)

        assert read.write() == written
        assert STEP.sentence(read) == sentence

    @pytest.mark.parametrize(
        ("written", "canonical"),
        [
            ({"external_event": ["Cart", "Cart"]}, {"external_event": "Cart"}),
            ({"none": None}, "none"),
            (
                {"order": {"status": ["Shipped"], "max_age": "P2D"}},
                {"order": {"status": "Shipped"}},
            ),
            (
                {"segment": {"include_existing": False, "on": "left", "name": "Vips"}},
                {"segment": {"name": "Vips", "on": "left"}},
            ),
        ],
    )
    def test_are_canonical_when_written_again(self, written: Any, canonical: Any) -> None:
        assert config(written).write() == canonical

    def test_stand_in_the_order_of_the_page(self) -> None:
        read = config(
            {
                "filter": {"purchase": {}},
                "date": {"at": "09:00", "offset": "P1D", "field": "Profile.Birthday"},
            }
        )

        assert list(read.write()) == ["date", "filter"]
        assert list(read.write()["date"]) == ["field", "offset", "at"]

    @pytest.mark.parametrize(
        ("written", "path"),
        [
            ("{list: subscribed, import: true}", "trigger"),
            ("{list: left}", "trigger.list"),
            ("{list: subscribed, fields: [Profile.Points]}", "trigger"),
            ("{fields: [Profile.Points]}", "trigger"),
            ("{external_event: {name: x}}", "trigger.external_event"),
            ("{segment: Vips}", "trigger.segment"),
            ("{segment: {name: Vips, on: inside}}", "trigger.segment.on"),
            ("{segment: {name: Vips, include_existing: 1}}", "trigger.segment.include_existing"),
            ("{order: {status: Lost}}", "trigger.order.status"),
            ("{order: {status: [Shipped, Lost]}}", "trigger.order.status[1]"),
            ("{order: {max_age: 2 days}}", "trigger.order.max_age"),
            ("{product: {sold_out: {}}}", "trigger.product.sold_out"),
            ("{product: {price_drop: {}, low_stock: {}}}", "trigger.product"),
            (
                "{product: {price_drop: {event: x, within: P9Y}}}",
                "trigger.product.price_drop.within",
            ),
            ("{date: {field: Profile.Birthday, offset: PT2H}}", "trigger.date.offset"),
            ('{date: {field: Profile.Birthday, at: "9:00"}}', "trigger.date.at"),
            ("{date: {field: Profile.Birthday, year: same}}", "trigger.date.year"),
        ],
    )
    def test_that_mean_nothing_are_malformed(self, written: str, path: str) -> None:
        with pytest.raises(MalformedConversationError) as refused:
            parse_step(read_structure(f"key: start\ntrigger: {written}"))

        assert refused.value.faults[0].path == path


class TestProblems:
    @pytest.mark.parametrize(
        ("written", "found"),
        [
            ({}, [("", "empty_setting")]),
            ({"external_event": ["Order Imported", "X"]}, [("external_event", "unknown_event")]),
            (
                {"list": "profile_updated", "fields": ["Profile.Points", "No.Field"]},
                [("fields[1]", "unknown_field")],
            ),
            (
                {"segment": {}},
                [("segment.name", "empty_setting"), ("segment.on", "empty_setting")],
            ),
            (
                {"segment": {"name": "Nobody", "on": "left"}},
                [("segment.name", "unknown_segment")],
            ),
            (
                {"segment": {"name": "Vips", "on": "left", "include_existing": True}},
                [("segment.include_existing", "contradiction")],
            ),
            ({"product": {}}, [("product", "empty_setting")]),
            (
                {"product": {"price_drop": {}}},
                [
                    ("product.price_drop.event", "empty_setting"),
                    ("product.price_drop.within", "empty_setting"),
                ],
            ),
            (
                {"product": {"low_stock": {"event": "X", "within": "P1D"}}},
                [("product.low_stock.event", "unknown_event")],
            ),
            ({"date": {}}, [("date.field", "empty_setting")]),
            ({"date": {"field": "No.Field"}}, [("date.field", "unknown_field")]),
            ({"date": {"field": "Profile.Points"}}, [("date.field", "wrong_type")]),
            ({"import": True, "filter": {"field": "No.F", "is": "x"}}, [("filter.field", "rule")]),
            ({"segment": {"name": "Vips", "on": "entered"}}, []),
            ({"order": {}}, []),
            ({"date": {"field": "profile.birthday"}}, []),
            ("none", []),
        ],
    )
    def test_are_what_the_list_does_not_have(
        self, world: World, written: Any, found: list[tuple[str, str]]
    ) -> None:
        Segment.objects.create(
            list=world.in_list, name="Vips", created_at=world.now, modified_at=world.now
        )

        problems = STEP.problems(config(written), ListNames(world.in_list))

        assert [(problem.path, problem.code) for problem in problems] == found
        assert all(problem.text for problem in problems)


class TestCompile:
    def test_names_by_ids_what_narrows_the_fact(self, world: World) -> None:
        vips = Segment.objects.create(
            list=world.in_list, name="Vips", created_at=world.now, modified_at=world.now
        )
        event = world.event.pk
        names = ListNames(world.in_list)
        nothing: dict[str, Any] = {
            "external_event_ids": [],
            "segment_id": None,
            "field_ids": [],
            "statuses": [],
            "max_age": None,
            "within": None,
            "alarm": None,
            "include_existing": False,
            "filter": None,
        }
        points, birthday = world.fields["Points"].pk, world.fields["Birthday"].pk
        cases: list[tuple[Any, dict[str, Any]]] = [
            (
                {"external_event": "Order Imported"},
                {"kind": "external_event", "external_event_ids": [event]},
            ),
            (
                {"list": "profile_updated", "fields": ["Profile.Points"]},
                {"kind": "profile_updated", "field_ids": [points]},
            ),
            ({"list": "address_changed"}, {"kind": "address_changed"}),
            (
                {"segment": {"name": "Vips", "on": "entered", "include_existing": True}},
                {"kind": "segment_entered", "segment_id": vips.pk, "include_existing": True},
            ),
            (
                {"order": {"status": "Shipped"}},
                {
                    "kind": "order",
                    "statuses": ["Shipped"],
                    "max_age": {"months": 0, "days": 2, "seconds": 0},
                },
            ),
            (
                {"product": {"low_stock": {"event": "Order Imported", "within": "P1M"}}},
                {
                    "kind": "low_stock",
                    "external_event_ids": [event],
                    "within": {"months": 1, "days": 0, "seconds": 0},
                },
            ),
            (
                {"date": {"field": "Profile.Birthday", "offset": "-P1M2D", "at": "09:00"}},
                {
                    "kind": "date",
                    "alarm": {
                        "field_id": birthday,
                        "offset": {"months": -1, "days": -2},
                        "at": "09:00",
                    },
                },
            ),
            ("none", {"kind": "none"}),
        ]
        for written, compiled in cases:
            assert STEP.compile(config(written), names) == {**nothing, **compiled}


class TestEntry:
    """The whole way, from the act to the enrollment."""

    @pytest.fixture
    def starts(self, world: World) -> Any:
        def starts(trigger: str, **more: Any) -> Any:
            return world.live(
                "{key: stay, wait: {for: P30D}}",
                heading="reentry: unlimited",
                start=f"{{key: start, trigger: {trigger}}}",
                **more,
            )

        return starts

    def entered(self, world: World, person: Subscription) -> bool:
        world.tick()
        return bool(world.path(person) == ["start>next", "stay"])

    def order(self, person: Subscription, world: World, **given: Any) -> None:
        order = {"order_number": "A-1", "status": "Shipped", "ordered_at": world.now, **given}
        save_orders(
            orders=[NewOrder(customer=Customer(email=person.contact.email), **order)],
            now=world.now,
            source="api",
            start_conversations=True,
        )

    def test_by_a_field_that_changed(self, world: World, starts: Any) -> None:
        starts("{list: profile_updated, fields: [Profile.Points]}")
        grace, ada = world.person(), world.person()
        set_profile(subscription=grace, profile={world.fields["Points"].pk: 5}, now=world.now)
        set_profile(subscription=ada, profile={world.fields["Note"].pk: "x"}, now=world.now)

        assert self.entered(world, grace)
        assert world.refusals() == []
        with pytest.raises(Exception, match="matching query"):
            world.place(ada)

    def test_by_an_address_that_changed(self, world: World, starts: Any) -> None:
        starts("{list: address_changed}")
        world.person(email="old@mail.example")

        new = change_address(
            list=world.in_list,
            email="old@mail.example",
            new_email="new@mail.example",
            method="API",
            now=world.now,
        ).subscription

        assert self.entered(world, new)

    def test_by_the_first_time_of_a_status(self, world: World, starts: Any) -> None:
        starts("{order: {status: [Shipped, Completed], max_age: P1D}}")
        grace, ada = world.person(), world.person()
        self.order(grace, world, status="Pending")
        self.order(ada, world, order_number="A-2", ordered_at=world.now - 2 * DAY)
        world.tick()
        assert world.queued() == 0

        self.order(grace, world)

        assert self.entered(world, grace)
        assert world.place(grace).entry_properties["order_number"] == "A-1"

    def test_by_a_product_that_is_back(self, world: World, starts: Any) -> None:
        starts("{product: {back_in_stock: {event: Order Imported, within: P30D}}}")
        grace = world.person()
        raise_event(
            external_event=world.event,
            contact=grace.contact,
            now=world.now,
            source="api",
            properties={"sku": "A-1"},
        )
        for quantity in (0, 5):
            save_products(products=[NewProduct(sku="A-1", quantity=quantity)], now=world.now)

        assert self.entered(world, grace)
        assert world.place(grace).entry_properties["sku"] == "A-1"

    def test_by_a_date_every_year(self, world: World, starts: Any) -> None:
        grace = world.person(profile={"Birthday": "1990-11-19"})
        starts('{date: {field: Profile.Birthday, at: "09:00"}}')

        world.tick(world.now + DAY)
        with pytest.raises(Exception, match="matching query"):
            world.place(grace)
        world.now += timedelta(hours=3)
        assert self.entered(world, grace)
