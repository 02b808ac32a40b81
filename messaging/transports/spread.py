"""Share a batch among threads, each with a connection of its own."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

Message = TypeVar("Message")
Outcome = TypeVar("Outcome")
ENDED = object()


class Batch(Protocol):
    """So many messages."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


class Share(Generic[Message], Iterator[Message]):
    """
    What is left of a batch, for one of those who work on it.

    `taken` are the messages that this one has taken and not yet answered for.
    """

    def __init__(
        self, batch: Iterator[Message], lock: threading.Lock, stop: Callable[[], bool]
    ) -> None:
        self.batch = batch
        self.lock = lock
        self.stop = stop
        self.taken: list[Message] = []

    def __next__(self) -> Message:
        """Take the next message, unless it is time to stop."""
        with self.lock:
            if self.stop():
                raise StopIteration
            message = next(self.batch)
        self.taken.append(message)
        return message


def spread(
    carry: Callable[[Share[Any]], Iterator[Any]],
    batch: Batch,
    *,
    threads: int,
    stop: Callable[[], bool],
    broken: Callable[[Any], Any],
    known: type[Exception],
) -> Iterator[Any]:
    """
    Run `carry` over a batch in as many threads, yield its outcomes as they come.

    What `carry` raises ends the taking of messages; those on their way are waited for, and
    the first exception is raised at the end. For anything but a `known` one the message
    that `carry` was at has the outcome that `broken` says.
    """
    run = Run(carry, batch, stop=stop, broken=broken, known=known)
    threads = min(threads, len(batch))
    if threads <= 1:
        yield from run.work()
    else:
        yield from run.in_threads(threads)
    if run.problem is not None:
        raise run.problem


class Run:
    """One batch on its way."""

    def __init__(
        self,
        carry: Callable[[Share[Any]], Iterator[Any]],
        batch: Batch,
        *,
        stop: Callable[[], bool],
        broken: Callable[[Any], Any],
        known: type[Exception],
    ) -> None:
        self.carry = carry
        self.known = known
        self.left = iter(batch)
        self.asked_to_stop = stop
        self.broken = broken
        self.lock = threading.Lock()
        self.problem: Exception | None = None
        self.is_over = False
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def stop(self) -> bool:
        """Say whether no more may be taken."""
        return self.is_over or self.problem is not None or self.asked_to_stop()

    def work(self) -> Iterator[Any]:
        """Carry what is left; keep what went wrong."""
        share: Share[Any] = Share(self.left, self.lock, self.stop)
        try:
            for outcome in self.carry(share):
                share.taken = [one for one in share.taken if one.delivery_id != outcome.delivery_id]
                yield outcome
        except self.known as problem:
            self.problem = self.problem or problem
        except Exception as problem:
            self.problem = problem
            for message in share.taken[:1]:
                yield self.broken(message)

    def in_threads(self, threads: int) -> Iterator[Any]:
        """Work in threads; yield what they answer."""
        workers = [
            threading.Thread(target=self.answer, daemon=True, name=f"carrier {number}")
            for number in range(threads)
        ]
        for worker in workers:
            worker.start()
        running = threads
        try:
            while running:
                answer = self.answers.get()
                if answer is ENDED:
                    running -= 1
                else:
                    yield answer
        finally:
            self.is_over = True
            for worker in workers:
                worker.join()

    def answer(self) -> None:
        """Work; put every outcome where it is waited for."""
        try:
            for outcome in self.work():
                self.answers.put(outcome)
        finally:
            self.answers.put(ENDED)
