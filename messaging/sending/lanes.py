"""
Lanes of the outbox: what is urgent never waits behind what is many.

Urgent is what somebody waits for: transactional messages, tests, replies to keywords
(which are transactional). Each lane has its own task, its own turns among the accounts
and its own index of the queue.
"""

from enum import StrEnum

IS_URGENT = "(delivery.is_transactional OR delivery.is_test)"


class Lane(StrEnum):
    """A lane, by the name that its turns and leases carry."""

    URGENT = "urgent"
    BULK = "bulk"

    @property
    def condition(self) -> str:
        """The SQL condition of a `delivery` of this lane, as its index has it."""
        return IS_URGENT if self is Lane.URGENT else f"NOT {IS_URGENT}"
