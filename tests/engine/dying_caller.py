"""
A caller that kills itself with SIGKILL at a named point: run by `Mother` with POINT.

What it does until then is the real thing: its own process, its own connections. POINT is one
of claimed (committed, nothing sent), called (answered, nothing written down), written.
"""

import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from conductor.engine import calls


def die(*_arguments: Any, **_named: Any) -> None:
    """Leave no time for anything."""
    os.kill(os.getpid(), signal.SIGKILL)


def shop(host: str, _port: int) -> list[str]:
    """Resolve the one name that there is."""
    return ["127.0.0.1"] if host == "shop.example" else []


settings.OUTGOING_ALLOW = ["shop.example"]
point = sys.argv[1]
if point in {"claimed", "called"}:
    setattr(calls, {"claimed": "start", "called": "write_down"}[point], die)
calls.Caller(clock=lambda: datetime.now(UTC), resolver=shop).make_all()
if point == "written":
    die()
