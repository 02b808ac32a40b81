"""The messages of a turn, filled in ahead of whoever hands them over."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from datetime import datetime
from itertools import pairwise
from queue import SimpleQueue
from threading import Semaphore

from messaging.providers import Outgoing
from messaging.sending.claim import Claimed
from messaging.sending.compose import Frame, fill_in
from messaging.sending.finishing import Filled, Refused

# So many are filled in at a time: a batch of large messages is never in memory as a whole.
FILLED_IN = 100
# And so many at first: no connection waits for more of them than it needs to begin.
FIRST_FILLED_IN = 20

Piece = tuple[Sequence[Claimed], Frame, datetime]


class FilledIn:
    """
    Messages whose templates are filled in before they are taken, put together as they are.

    They come in pieces, `most` in all; who takes them waits for the next piece until `end` is
    called. `ids` are all deliveries that came, `refused` those so far that could not be filled
    in; `seconds` is for how long they were waited for. What a slow template leaves at `until` (a
    time of `time.monotonic`) goes back to the queue. `begun` is released for each piece that is
    begun, and when all is over. `only_mime`: whoever takes them asks for no parts of an email.
    """

    def __init__(
        self, ahead: Executor, *, most: int, until: float, only_mime: bool = False
    ) -> None:
        self.ahead = ahead
        self.only_mime = only_mime
        self.most = most
        self.until = until
        self.pieces: SimpleQueue[Piece | None] = SimpleQueue()
        self.begun = Semaphore(0)
        self.ids: list[int] = []
        self.refused: list[Refused] = []
        self.seconds = 0.0

    def add(self, rows: Sequence[Claimed], frame: Frame, *, now: datetime) -> None:
        """Let another piece follow."""
        self.ids += [row.id for row in rows]
        self.pieces.put((rows, frame, now))

    def end(self) -> None:
        """Let nothing follow; may be said twice."""
        self.pieces.put(None)

    def __len__(self) -> int:
        return self.most

    def __iter__(self) -> Iterator[Outgoing]:
        """Yield each message; the next ones' templates run while these are on their way."""
        left = self.parts()
        coming = self.ahead.submit(self.fill_next, left)
        while True:
            began = time.monotonic()
            ready = coming.result()
            self.seconds += time.monotonic() - began
            if ready is None:
                return
            coming = self.ahead.submit(self.fill_next, left)
            for one in ready:
                message = one.finish()
                if isinstance(message, Refused):
                    self.refused.append(message)
                else:
                    yield message

    def parts(self) -> Iterator[Piece]:
        """Yield what is filled in at a time; waits for pieces."""
        first = FIRST_FILLED_IN
        while (piece := self.pieces.get()) is not None:
            self.begun.release()
            rows, frame, now = piece
            for start, after in pairwise([0, *range(first, len(rows), FILLED_IN), len(rows)]):
                yield rows[start:after], frame, now
            first = FILLED_IN

    def is_late(self) -> bool:
        """Say whether the time to fill in is over."""
        return time.monotonic() > self.until

    def fill_next(self, left: Iterator[Piece]) -> list[Filled] | None:
        """Fill some in; None where nothing is left."""
        some = next(left, None)
        if some is None:
            return None
        rows, frame, now = some
        ready, refused = fill_in(rows, frame, now=now, stop=self.is_late, only_mime=self.only_mime)
        self.refused += refused
        return ready
