"""
A sender that kills itself with SIGKILL at a named point: run by `Mother` with POINT [KIND URL].

What it does until then is the real thing: the task `send`, its own process, its own
connections. POINT is one of claiming, claimed, composed, asked (an HTTP API has a whole request
and has not been heard), handed (after the second message), written. After `piecewise ` they are
claimed two by two, while others travel. KIND is an email API that is at URL.
"""

import os
import signal
import sys
from http.client import HTTPConnection
from typing import Any

from django.conf import settings

from messaging import tasks
from messaging.providers import carriers
from messaging.sending import filling, sender
from messaging.sending.compose import fill_in

POINTS = {
    "claiming": "load_frame",  # within the claim's transaction
    "written": "write_down",  # all handed over, nothing written down
}


def die(*_arguments: Any, **_named: Any) -> None:
    """Leave no time for anything."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after_two(real: Any) -> Any:
    """Wrap `hand_over` so that the provider's second outcome is the last thing heard."""

    def hand_over(carrier: Any, batch: Any, **named: Any) -> Any:
        send = carrier.send

        def two(*arguments: Any, **more: Any) -> Any:
            for number, outcome in enumerate(send(*arguments, **more), start=1):
                yield outcome
                if number == 2:
                    die()

        carrier.send = two
        return real(carrier, batch, **named)

    return hand_over


def dying_after(real: Any) -> Any:
    """Wrap a function so that it does its work and nothing comes after it."""

    def last(*arguments: Any, **named: Any) -> Any:
        real(*arguments, **named)
        die()

    return last


# Committed, nothing done yet; filled in, and nothing after it.
FILLED = {"claimed": die, "composed": dying_after(fill_in)}

point, *api = sys.argv[1:]
if point.startswith("piecewise "):
    point = point.removeprefix("piecewise ")
    sender.PIECE = sender.FIRST_PIECE = 2
settings.OUTGOING_ALLOW = ["127.0.0.1"]
if api:
    setattr(carriers()[api[0]], "api_url", api[1])  # noqa: B010 - emails' alone have it
if point == "asked":
    setattr(HTTPConnection, "getresponse", die)  # noqa: B010 - it never comes to an answer
elif point in FILLED:
    setattr(filling, "fill_in", FILLED[point])  # noqa: B010 - it stands there by its import
elif point == "handed":
    sender.hand_over = dying_after_two(sender.hand_over)
elif point in POINTS:
    setattr(sender, POINTS[point], die)
tasks.send()
