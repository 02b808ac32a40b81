"""
Invented shoppers: who they are, when they order, and for how much.

Everything comes from one seed; the same seed, size and end give the same shop.

* Shoppers join over the year before `until`, more of them early: at the share u ** 1.3 of
  it, u uniform. One in eight only reads the newsletter and never orders.
* Orders follow a *buy till you die* model, as the literature fits it to shops like this:
  each shopper has a mean gap of their own, gamma with shape 2 and mean 54 days; the gaps
  are gamma with shape 1.6, divided by the month's season (December sells twice what
  January sells); after each order the shopper is lost with a probability of 0.24.
* A pair of shoes has a list price, log-normal around 72 with sigma 0.45. An order holds one
  item, and each time another with a probability of 0.3.
* Names are drawn by Zipf's law; 85% give a mobile number, 80% of those agree to texts.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from conductor.demo.names import (
    AREA_CODES,
    FIRST_NAMES,
    LAST_NAMES,
    MAIL_DOMAINS,
    SHOES,
    STYLES,
)

YEAR = timedelta(days=365)
SEASON = (0.75, 0.75, 0.95, 1.05, 1.05, 1.0, 0.9, 1.1, 1.05, 1.0, 1.4, 1.5)
MEAN_GAP, GAP_SHAPE, PATIENCE_SHAPE = 54.0, 1.6, 2.0
LOST = 0.24
READS_ONLY = 0.125
ONE_MORE_ITEM = 0.3
HAS_MOBILE, AGREES_TO_TEXTS = 0.85, 0.8


@dataclass(frozen=True)
class Shoe:
    """A product; `price` is what a pair costs."""

    sku: str
    name: str
    price: Decimal


@dataclass(frozen=True)
class Purchase:
    """One order: when (with its zone), and which shoes how often."""

    number: str
    at: datetime
    items: tuple[tuple[Shoe, int], ...]


@dataclass
class Shopper:
    """A person; `mobile` is E.164 or "", `texts` says whether they agreed to be texted."""

    number: str
    email: str
    first_name: str
    last_name: str
    mobile: str
    texts: bool
    time_zone: str
    birthday: date
    style: str
    size: str
    joined_at: datetime
    purchases: list[Purchase] = field(default_factory=list)

    def last_purchase_before(self, moment: datetime) -> datetime | None:
        """Return when the shopper had last ordered by then."""
        return max((one.at for one in self.purchases if one.at < moment), default=None)


def invent(*, size: int, until: datetime, seed: int) -> list[Shopper]:
    """Return `size` shoppers with their year of orders, which ends before `until`."""
    random = Random(seed)  # noqa: S311 (invented people, not secrets)
    shoes = catalogue(random)
    numbers = _mobiles(random)
    taken: Counter[str] = Counter()
    shoppers = [_person(random, place, until, taken, numbers) for place in range(1, size + 1)]
    for shopper in shoppers:
        if random.random() >= READS_ONLY:
            _shop(random, shopper, shoes, until)
    return shoppers


def catalogue(random: Random) -> list[Shoe]:
    """Return the shoes on sale."""
    return [
        Shoe(
            f"SHOE-{100 + place}",
            name,
            Decimal(max(19, round(random.lognormvariate(math.log(72), 0.45)))) - Decimal("0.05"),
        )
        for place, name in enumerate(SHOES)
    ]


def _person(
    random: Random,
    place: int,
    until: datetime,
    taken: Counter[str],
    numbers: Iterator[tuple[str, str]],
) -> Shopper:
    first = _by_zipf(random, FIRST_NAMES)
    last = _by_zipf(random, LAST_NAMES)
    zone, mobile = next(numbers)
    has_mobile = random.random() < HAS_MOBILE
    born = date(1945, 1, 1) + timedelta(days=round(random.triangular(0, 22_000, 15_000)))
    return Shopper(
        number=f"C{place:06d}",
        email=_address(random, first, last, taken),
        first_name=first,
        last_name=last,
        mobile=mobile if has_mobile else "",
        texts=has_mobile and random.random() < AGREES_TO_TEXTS,
        time_zone=zone,
        birthday=born,
        style=random.choice(STYLES),
        size=f"{random.gauss(9, 1.5) // 0.5 / 2:g}",
        joined_at=until - YEAR * (1 - random.random() ** 1.3 * 0.999),
    )


def _shop(random: Random, shopper: Shopper, shoes: Sequence[Shoe], until: datetime) -> None:
    """Let a shopper order from the day they joined until they are lost or the year ends."""
    mean_gap = random.gammavariate(PATIENCE_SHAPE, MEAN_GAP / PATIENCE_SHAPE)
    at = shopper.joined_at
    while at < until:
        shopper.purchases.append(
            Purchase(
                f"{shopper.number}-{len(shopper.purchases) + 1:02d}", at, _basket(random, shoes)
            )
        )
        if random.random() < LOST:
            return
        days = random.gammavariate(GAP_SHAPE, mean_gap / GAP_SHAPE) / SEASON[at.month - 1]
        at += timedelta(days=max(days, 0.02))


def _basket(random: Random, shoes: Sequence[Shoe]) -> tuple[tuple[Shoe, int], ...]:
    basket: Counter[Shoe] = Counter([random.choice(shoes)])
    while random.random() < ONE_MORE_ITEM:
        basket[random.choice(shoes)] += 1
    return tuple(basket.items())


def _by_zipf(random: Random, names: Sequence[str]) -> str:
    """Draw a name; the n-th has about a weight of 1 / (n + 8)."""
    place = int(8 * ((len(names) + 8) / 8) ** random.random()) - 8
    return names[min(place, len(names) - 1)]


def _address(random: Random, first: str, last: str, taken: Counter[str]) -> str:
    """Return an address that nobody of the shop has, in plain letters."""
    plain = f"{first}.{last}".lower().translate(str.maketrans("ëúñ", "eun", "'"))
    address = f"{plain}@{random.choice(MAIL_DOMAINS)}"
    taken[address] += 1
    name, _, domain = address.partition("@")
    return address if taken[address] == 1 else f"{name}{taken[address]}@{domain}"


def _mobiles(random: Random) -> Iterator[tuple[str, str]]:
    """Yield (zone, number), each number once."""
    numbers = [
        (zone, f"+1{area}555{last:04d}")
        for zone, areas in AREA_CODES.items()
        for area in areas
        for last in range(100, 200)
    ]
    random.shuffle(numbers)
    yield from numbers
