"""Deliveries filled in and put together at once; a turn puts each together as it leaves."""

from messaging.providers import Outgoing
from messaging.sending.compose import fill_in
from messaging.sending.finishing import Refused


def compose(claimed, frame, *, now, only_mime=False):
    """Fill every delivery in and put it together; return what is ready and what is refused."""
    filled, refused = fill_in(claimed, frame, now=now, only_mime=only_mime)
    finished = [one.finish() for one in filled]
    ready = [one for one in finished if isinstance(one, Outgoing)]
    return ready, refused + [one for one in finished if isinstance(one, Refused)]
