"""The invented shop: the same from the same seed, and plausible."""

from datetime import UTC, datetime, timedelta
from statistics import mean, median

import pytest

from conductor.demo.generator import SEASON, YEAR, Shopper, invent
from contacts.identity import normalise_email, normalise_phone

UNTIL = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def shoppers() -> list[Shopper]:
    return invent(size=2_000, until=UNTIL, seed=7)


class TestInvent:
    def test_is_the_same_from_the_same_seed(self, shoppers):
        assert invent(size=2_000, until=UNTIL, seed=7) == shoppers
        assert invent(size=2_000, until=UNTIL, seed=8) != shoppers

    def test_nobody_shares_an_address_a_mobile_or_an_order_number(self, shoppers):
        emails = [one.email for one in shoppers]
        mobiles = [one.mobile for one in shoppers if one.mobile]
        numbers = [order.number for one in shoppers for order in one.purchases]
        for names in (emails, mobiles, numbers):
            assert len(names) == len(set(names))

    def test_addresses_and_mobiles_are_as_ours_are_kept(self, shoppers):
        for one in shoppers:
            assert normalise_email(one.email) == one.email
            assert one.email.endswith(".example")
            assert not one.mobile or normalise_phone(one.mobile, "US") == one.mobile
            assert one.mobile[5:10] in {"", "55501"}
            assert not one.texts or one.mobile

    def test_orders_lie_between_joining_and_the_end(self, shoppers):
        for one in shoppers:
            days = [order.at for order in one.purchases]
            assert days == sorted(days)
            assert all(UNTIL - YEAR <= one.joined_at <= day < UNTIL for day in days)

    def test_gaps_and_amounts_are_plausible(self, shoppers):
        gaps = [
            (after.at - before.at) / timedelta(days=1)
            for one in shoppers
            for before, after in zip(one.purchases, one.purchases[1:], strict=False)
        ]
        amounts = [
            float(sum(shoe.price * quantity for shoe, quantity in order.items))
            for one in shoppers
            for order in one.purchases
        ]
        assert 20 < median(gaps) < mean(gaps) < 60
        assert 50 < median(amounts) < mean(amounts) < 150

    def test_december_sells_more_than_january(self):
        assert SEASON[11] == max(SEASON)
        assert SEASON[0] == min(SEASON)

    def test_some_only_read_and_some_have_lapsed(self, shoppers):
        readers = [one for one in shoppers if not one.purchases]
        lapsed = [
            one
            for one in shoppers
            if (last := one.last_purchase_before(UNTIL)) and UNTIL - last > timedelta(days=60)
        ]
        assert 0.09 < len(readers) / len(shoppers) < 0.16
        assert 0.2 < len(lapsed) / len(shoppers) < 0.8
