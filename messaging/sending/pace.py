"""
How fast a provider takes messages, as this process last saw it; how large a batch is.

A batch is to take about a second, so that other accounts come next and urgent messages find
a connection.
"""

import math
from collections.abc import Sequence

from messaging.providers import Carrier, Outcome

AIM_SECONDS = 1.0
FEWEST = 10
MOST_KNOWN = 10_000
# Of a provider whose pace nobody knows yet, so many for each connection, and so many at least.
FIRST_EACH, FIRST = 10, 50
QUICKEST = 0.0001


class Pace:
    """
    How long a message keeps a connection busy, by account, channel and provider.

    A batch is cut so that all connections together take about a second for it, and takes
    no more of them than that needs: a fast server's are left to other senders.
    """

    def __init__(self) -> None:
        self.seconds: dict[tuple[int, str, str], float] = {}

    def most(self, key: tuple[int, str, str], carrier: Carrier, connections: int) -> int:
        """Return how many messages to claim."""
        each = self.seconds.get(key)
        if each is None:
            return min(carrier.batch_size, max(FIRST, connections * FIRST_EACH))
        fits = int(connections * AIM_SECONDS / each)
        return max(min(FEWEST, carrier.batch_size), min(carrier.batch_size, fits))

    def connections(self, key: tuple[int, str, str], messages: int, free: int) -> int:
        """Return how many connections a batch is worth."""
        each = self.seconds.get(key)
        if each is None:
            return free
        return max(1, min(free, math.ceil(messages * each / AIM_SECONDS)))

    def learn(
        self,
        key: tuple[int, str, str],
        outcomes: Sequence[Outcome],
        *,
        seconds: float,
        connections: int,
    ) -> None:
        """Remember a batch's pace; a few messages say nothing of it."""
        if len(self.seconds) > MOST_KNOWN:
            self.seconds.clear()
        tried = sum(one.is_attempted for one in outcomes)
        if tried >= FEWEST or seconds > AIM_SECONDS:
            each = seconds * min(connections, max(tried, 1)) / max(tried, 1)
            self.seconds[key] = max(each, QUICKEST)


PACE = Pace()
