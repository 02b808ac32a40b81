"""
How fast links lead on: real HTTP over the loopback, each click committed before its answer.

The web server is the one of `bin/up`, with its threads. The limit is a path of the same
server that does nothing, before and after. Each click is looked for in the database at the
end: a click that was answered and is not there fails the benchmark.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings as site

from accounts.models import Account
from accounts.tenancy import in_account, sql
from conductor.engine.benchmarks import clicks
from conductor.engine.benchmarks.deliver import queue
from conductor.engine.benchmarks.door import BARE
from conductor.engine.benchmarks.ground import Ground, prepare
from conductor.supervisor.deployment import WEB_MEMORY, WEB_THREADS
from messaging import tokens
from messaging.models import CommittedMessage, Delivery, Receipt
from messaging.tracking.links import CLICK

log = logging.getLogger(__name__)

DEFAULT_SIZE = 20_000
# As many people as look at once at the height of a large mailing.
CONNECTIONS = 32
END_SECONDS = 120.0
PEOPLE = 5_000
LEAST_RATE, MOST_P99 = 1_000, 50.0
WARM = 500
START_SECONDS = 30.0
CONTENT = {
    "subject": "Come back",
    "from_email": "shop@acme.example",
    "html": '<a href="https://shop.example/shoes?size=9">Shoes</a> <a href="https://shop.example/socks">Socks</a>',
    "text": "",
}


class LostClicksError(RuntimeError):
    """Clicks were answered and are not there, or were answered wrongly."""


def measure(
    *, account: Account, now: Any, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """
    Yield the figure of `benchmark redirects`, in an account flagged `is_benchmark`.

    :raises LostClicksError: if a click was not recorded, or did not lead on.
    """
    ground = prepare(account, now=now, size=PEOPLE, seed=seed)
    links = paths(ground, size + WARM)
    with web_server() as port:
        follow(port, links[:WARM])
        raw = [rate_of(follow(port, [BARE] * size))]
        ours = follow(port, links[WARM:])
        raw.append(rate_of(follow(port, [BARE] * size)))
    check(ground, ours, size)
    yield {
        "name": "clicks recorded and led on",
        "value": round(rate_of(ours)),
        "unit": "redirects/s",
        "size": size,
        "seconds": round(ours["seconds"], 2),
        "raw": round(max(raw)),
        "ratio": round(rate_of(ours) / max(raw), 3),
        "p50_ms": round(ours["p50"], 1),
        "p99_ms": round(ours["p99"], 1),
        "connections": CONNECTIONS,
        "floor_value": LEAST_RATE,
        "most_p99_ms": MOST_P99,
    }


def paths(ground: Ground, many: int) -> list[str]:
    """Send everybody a message of two links, an hour ago; return so many paths of clicks."""
    with in_account(ground.account.pk):
        message = CommittedMessage.objects.create(
            list=ground.in_list,
            channel="email",
            content_hash="email",
            name="Reminder",
            content=CONTENT,
            committed_at=ground.now,
        )
    queue(ground, "email", PEOPLE)
    with in_account(ground.account.pk):
        Delivery.objects.update(state="sent", sent_at=ground.now - timedelta(hours=1))
        ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    return [
        CLICK
        + tokens.sign(
            "click", ground.account.pk, ids[number % len(ids)], message.pk, number // len(ids) % 2
        )
        for number in range(many)
    ]


@contextmanager
def web_server() -> Iterator[int]:
    """Run the web server of `bin/up` with one path more; give its port."""
    with served("conductor.engine.benchmarks.door:application") as (port, _):
        yield port


@contextmanager
def served(
    application: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """Run an application in the web server of `bin/up`; give its port and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [os.path.join(os.path.dirname(sys.executable), "granian"), "--interface", "wsgi"]  # noqa: PTH118, PTH120
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-ws"]
    command += ["--blocking-threads", str(WEB_THREADS), "--log-level", "error"]
    command += [application]
    server = subprocess.Popen(  # noqa: S603 - our own environment's program
        command,
        stdout=sys.stderr,
        env={
            **WEB_MEMORY,
            **os.environ,
            "CONDUCTOR_ROLE": "web",
            "DJANGO_SETTINGS_MODULE": "conductor.settings",
            **(environment or {}),
        },
        cwd=site.BASE_DIR,
    )
    try:
        wait_for(port)
        yield port, server.pid
    finally:
        server.terminate()
        end(server)


def end(server: subprocess.Popen[bytes]) -> None:
    """Wait until a server that was told to end has done so; a busy machine takes its time."""
    try:
        server.wait(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_for(port: int) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def follow(port: int, links: list[str]) -> dict[str, Any]:
    """Let the crowd follow links, from a process of its own; return what it took."""
    ran = subprocess.run(  # noqa: S603 - a module of ours
        [sys.executable, clicks.__file__, str(port), str(CONNECTIONS)],
        input="\n".join(links),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    log.info("%s: %s", len(links), found)
    return found


def rate_of(took: dict[str, Any]) -> float:
    """Return answers a second."""
    return float(sum(took["statuses"].values()) / took["seconds"])


def check(ground: Ground, took: dict[str, Any], size: int) -> None:
    """
    See that each click was answered by a redirect and is written down, and counted.

    :raises LostClicksError: if not.
    """
    with in_account(ground.account.pk):
        kept = Receipt.objects.filter(kind="clicked").count()
        counted = sql.fetch_value("SELECT sum(number) FROM messaging_figure WHERE kind = 'clicked'")
        people = Receipt.objects.filter(kind="clicked").values("delivery_id").distinct().count()
    if took["statuses"] != {"302": size} or kept != size + WARM or counted != people:
        raise LostClicksError(
            f"Of {size + WARM} clicks {kept} are there; answers: {took['statuses']}; "
            f"{counted} of {people} are counted."
        )
