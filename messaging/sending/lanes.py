"""
Lanes of the outbox: what is urgent never waits behind what is many.

Urgent is what somebody waits for: transactional messages, tests, replies to keywords
(which are transactional). A text to a whole audience is not, though it may be transactional:
many of them would be in the way of the one that somebody waits for. Each lane has its own
task, its own turns among the accounts and its own index of the queue.
"""

from enum import StrEnum

from messaging.models.delivery import BROADCAST

# As the queue's two indexes have it.
IS_URGENT = f"""(
    (delivery.is_transactional AND NOT delivery.step_key = '{BROADCAST}') OR delivery.is_test
)"""


class Lane(StrEnum):
    """A lane, by the name that its turns and leases carry."""

    URGENT = "urgent"
    BULK = "bulk"

    @property
    def condition(self) -> str:
        """The SQL condition of a `delivery` of this lane, as its index has it."""
        return IS_URGENT if self is Lane.URGENT else f"NOT {IS_URGENT}"
