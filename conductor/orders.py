"""How a step or a trigger names the orders that it means: by their statuses."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Tag

from conductor.steps import StepConfig, invalid, shape
from contacts.models import OrderStatus

STATUS_OR_STATUSES = "This is an order status, or a list of them."


def _status(written: str) -> str:
    if written not in OrderStatus.values:
        raise invalid(f"{written!r} is no order status: {', '.join(OrderStatus.values)}.")
    return written


StatusText = Annotated[str, AfterValidator(_status)]


class OfStatus(StepConfig):
    """Orders that first have a status, one of several, or without one any that is new to them."""

    status: Annotated[
        Annotated[Literal[""] | StatusText, Tag("literal")]
        | Annotated[list[StatusText], Tag("list")],
        Discriminator(shape, custom_error_type="shape", custom_error_message=STATUS_OR_STATUSES),
    ] = ""

    @property
    def statuses(self) -> list[str]:
        """The statuses, each once; none is any."""
        written = [self.status] if isinstance(self.status, str) else self.status
        return list(dict.fromkeys(status for status in written if status))
