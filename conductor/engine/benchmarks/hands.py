"""Hands of a benchmark: each a thread with a connection of its own, as a worker has one."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from django.db import connections

Result = TypeVar("Result")


class Hand:
    """Does one thing after the other, always on the same connection."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def start(self, act: Callable[..., Result], *args: Any, **params: Any) -> Future[Result]:
        """Start to do something."""
        return self._pool.submit(act, *args, **params)


@contextmanager
def hands(many: int) -> Iterator[list[Hand]]:
    """Give so many hands; their connections are closed at the end."""
    with ExitStack() as stack:
        pools = [stack.enter_context(ThreadPoolExecutor(max_workers=1)) for _ in range(many)]
        try:
            yield [Hand(pool) for pool in pools]
        finally:
            for pool in pools:
                pool.submit(connections.close_all).result()
