"""The time that the steps of one tick may spend beside their statements."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# A tick holds locks and its account's turn: what takes longer is for the next one.
SECONDS = 0.3


class Budget:
    """Seconds that all steps of a tick share."""

    def __init__(self) -> None:
        self.left = SECONDS

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Take the time that the block takes from what is left."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.left -= time.monotonic() - started
