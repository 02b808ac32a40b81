"""
How fast messages leave: to a mail server that takes everything, to a gateway that takes time.

The limit of email is one constant message, built beforehand, over one connection of one process: the
median of three times, since two processes that wait for each other are now and then half as fast again.
`ratio` compares with it what one sender of ours does over one connection to the same server, by the
same code from there on and in the same dialogue: a message's content travels together with the
next one's announcement, and the one after that is made ready meanwhile. Ours are claimed, asked
about, filled in for each person, built, handed over and written down (the database and its rendering
process work beside it, as they always do). `value` is what all senders together do, and has a floor
of its own: on two cores with server and database beside them it says little of a connection. The
limit of texts is connections by latency. An urgent message is queued while as many bulk ones wait as
`bulk` says.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Any

from django.conf import settings as site

from accounts.models import Account
from accounts.tenancy import in_account, sql
from conductor.engine.benchmarks.ground import CHUNK, Ground, prepare
from messaging import actions
from messaging.models import CommittedMessage, Delivery, Provider
from messaging.sending import benchmark_gateway, benchmark_sink

log = logging.getLogger(__name__)

DEFAULT_SIZE = 100_000
DEFAULT_BULK = 1_000_000
RAW = 20_000
FLOOR, FLOOR_RATE = 0.5, 2_000
SENDERS = 2
TEXTS, TEXT_CONNECTIONS, LATENCY = 2_000, 20, 0.05
TEXT_FLOOR = 0.8
SENDER = "conductor.engine.benchmarks.sender"
URGENT_SECONDS = 2.0
MOST_MB = 300
PARAGRAPH = (
    "<p>Hi {{ contact.first_name | default('there') }}, the shoes that you looked at are "
    "waiting in {{ list.name }}. We keep them for you until Sunday, together with the socks.</p>"
)
CONTENT = {
    "subject": "Still thinking it over, {{ contact.first_name }}?",
    "preheader": "Your size is still there.",
    "from_name": "Acme",
    "from_email": "shop@acme.example",
    "reply_to": "",
    "html": f"<html><body>{PARAGRAPH * 9}<p>{{{{ contact.email }}}}</p></body></html>",
    "text": "Hi {{ contact.first_name }}, your shoes are waiting.",
}
QUEUE = """
    INSERT INTO messaging_delivery (
        channel, list_id, contact_id, subscription_id, phone_list_id, message_id, address, state,
        reason, thread, step_key, visit_number, event_properties, is_transactional, is_test,
        resend_unknown, queued_at, claimed_by, provider, provider_message_id
    )
    SELECT
        %(channel)s, subscription.list_id, subscription.contact_id, subscription.id,
        %(phone_list_id)s, %(message_id)s, {address}, 'queued', '', '', '', 1, '{{}}',
        %(is_urgent)s, FALSE, FALSE, %(now)s, '', '', ''
    FROM contacts_subscription AS subscription
    INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
    ORDER BY subscription.id
    LIMIT %(most)s
"""
EMAIL, PHONE = (
    "contact.email_norm",
    "'+1212' || lpad((2000000 + contact.id %% 7000000)::text, 7, '0')",
)


def clock() -> datetime:
    """Return the time: what is measured is measured by it."""
    return datetime.now(UTC)


class UndeliveredError(RuntimeError):
    """Not every message was handed over."""


def measure(
    *,
    account: Account,
    now: datetime,
    size: int = DEFAULT_SIZE,
    seed: int = 1,
    bulk: int = DEFAULT_BULK,
) -> Iterator[dict[str, Any]]:
    """
    Yield the figures of `benchmark deliver`, in an account flagged `is_benchmark`.

    :raises UndeliveredError: if messages were left, failed or came twice.
    """
    ground = prepare(account, now=now, size=max(size, TEXTS), seed=seed)
    log.info("%s contacts are there.", size)
    yield deliver_emails(ground, size)
    yield deliver_texts(ground)
    yield deliver_urgent(ground, bulk)


def deliver_emails(ground: Ground, size: int) -> dict[str, Any]:
    """Measure emails to a sink: all senders, then one, the raw limit before it and after."""
    with running(benchmark_sink.__file__, '{"keep": false}') as port:
        settings = {"host": "127.0.0.1", "port": port, "security": "none"}
        with in_account(ground.account.pk):
            provider = actions.set_provider(
                channel="email", kind="smtp", settings=settings, now=ground.now
            )
        queue(ground, "email", size)
        seconds, megabytes = send_all(ground, "bulk")
        check_sent(ground, "email", size)
        # The other connection is kept for what is urgent.
        with in_account(ground.account.pk):
            Provider.objects.filter(pk=provider.pk).update(concurrency=2)
        raws = [constant_messages(ground, port)]
        some = queue(ground, "email", min(size, RAW))
        one, _ = send_all(ground, "bulk", senders=1)
        raws += [constant_messages(ground, port) for _ in range(2)]
        log.info("One constant message: %s/s.", ", ".join(f"{one:.0f}" for one in raws))
        raw = median(raws)
        check_sent(ground, "email", size + some)
    return {
        "name": "emails filled in, built and handed over",
        "value": round(size / seconds),
        "unit": "messages/s",
        "size": size,
        "seconds": round(seconds, 2),
        "one_connection": round(some / one),
        "raw": round(raw),
        "raws": [round(one) for one in raws],
        "ratio": round(some / one / raw, 3),
        "floor": FLOOR,
        "floor_value": FLOOR_RATE,
        "senders": SENDERS,
        "worker_mb": megabytes,
        "most_mb": MOST_MB,
    }


def constant_messages(ground: Ground, port: int) -> float:
    """Return how many of one message a second one connection takes."""
    seconds, (sent,) = run_together([start_sender(ground, "constant", str(port), str(RAW))])
    if sent != RAW:
        raise UndeliveredError(f"{sent} of {RAW} constant messages were taken.")
    return RAW / seconds


def deliver_texts(ground: Ground) -> dict[str, Any]:
    """Measure texts to a gateway with latency; the limit is connections by latency."""
    with running(benchmark_gateway.__file__, str(LATENCY)) as port:
        site.OUTGOING_ALLOW = [f"127.0.0.1:{port}"]
        with in_account(ground.account.pk):
            actions.connect_provider(
                channel="sms",
                kind="http_sms",
                settings={"url": f"http://127.0.0.1:{port}/send", "id_path": "id"},
                concurrency=TEXT_CONNECTIONS,
                is_default=True,
                now=ground.now,
            )
        queue(ground, "sms", TEXTS, is_urgent=True)
        seconds, _ = send_all(ground, "urgent", senders=1, allow=port)
        check_sent(ground, "sms", TEXTS)
    limit = TEXT_CONNECTIONS / LATENCY
    rate = TEXTS / seconds
    return {
        "name": "texts to a gateway that takes 50 ms",
        "value": round(rate),
        "unit": "messages/s",
        "size": TEXTS,
        "seconds": round(seconds, 2),
        "raw": round(limit),
        "ratio": round(rate / limit, 3),
        "floor": TEXT_FLOOR,
    }


def deliver_urgent(ground: Ground, bulk: int) -> dict[str, Any]:
    """Measure how long an urgent message takes while `bulk` others wait and are being sent."""
    with running(benchmark_sink.__file__, '{"keep": false}') as port:
        settings = {"host": "127.0.0.1", "port": port, "security": "none"}
        with in_account(ground.account.pk):
            actions.set_provider(channel="email", kind="smtp", settings=settings, now=ground.now)
        left = bulk
        while left > 0:
            left -= queue(ground, "email", min(left, CHUNK))
        sender = start_sender(ground, "both")
        try:
            said(sender)
            wait_until_sending(ground)
            seconds = urgent_seconds(ground)
        finally:
            sender.kill()
            sender.communicate()
    return {
        "name": "an urgent message behind bulk",
        "value": round(seconds, 3),
        "unit": "seconds",
        "size": bulk,
        "ceiling": URGENT_SECONDS,
    }


def wait_until_sending(ground: Ground) -> None:
    """Wait until the bulk lane is under way."""
    for _ in range(600):
        with in_account(ground.account.pk):
            if Delivery.objects.filter(state="sending").exists():
                return
        time.sleep(0.1)
    raise UndeliveredError("The bulk lane did not begin.")


def urgent_seconds(ground: Ground) -> float:
    """Queue one urgent email; return after how many seconds it has left, at worst of three."""
    slowest = 0.0
    for _ in range(3):
        began = time.monotonic()
        queue(ground, "email", 1, is_urgent=True, counted=False)
        while True:
            with in_account(ground.account.pk):
                waiting = Delivery.objects.filter(is_transactional=True, channel="email")
                if not waiting.exclude(state="sent").exists():
                    break
            time.sleep(0.01)
            if time.monotonic() - began > 60:
                raise UndeliveredError("The urgent message did not leave within a minute.")
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def queue(
    ground: Ground, channel: str, most: int, *, is_urgent: bool = False, counted: bool = True
) -> int:
    """Queue messages to the first so many people; return how many. What is many is `counted`."""
    content: dict[str, str] = CONTENT if channel == "email" else {"text": CONTENT["text"]}
    with in_account(ground.account.pk):
        message, _ = CommittedMessage.objects.get_or_create(
            list=ground.in_list,
            channel=channel,
            content_hash=channel,
            defaults={"name": "Reminder", "content": content, "committed_at": ground.now},
        )
        made = sql.execute(
            QUEUE.format(address=EMAIL if channel == "email" else PHONE),
            channel=channel,
            phone_list_id=ground.phone_list_id if channel == "sms" else None,
            message_id=message.pk,
            is_urgent=is_urgent,
            most=most,
            now=clock(),
        )
        if counted:
            sql.execute("SELECT refresh_statistics(%(tables)s)", tables=["messaging_delivery"])
    return made


def check_sent(ground: Ground, channel: str, size: int) -> None:
    """
    See that everything was sent.

    :raises UndeliveredError: if not.
    """
    with in_account(ground.account.pk):
        states: dict[str, int] = dict(
            sql.fetch_all(
                "SELECT state || ' ' || reason, count(*) FROM messaging_delivery "
                "WHERE channel = %(channel)s GROUP BY 1",
                channel=channel,
            )
        )
    if states != {"sent ": size}:
        raise UndeliveredError(f"Of {size} messages: {states}.")


def send_all(
    ground: Ground, lane: str, *, senders: int = SENDERS, allow: int = 0
) -> tuple[float, int]:
    """Send the whole queue with so many processes; return seconds and the largest's MB."""
    workers = [start_sender(ground, lane, f"127.0.0.1:{allow}") for _ in range(senders)]
    seconds, sizes = run_together(workers)
    return seconds, max(sizes)


def run_together(workers: Sequence["subprocess.Popen[bytes]"]) -> tuple[float, list[int]]:
    """Let senders that are ready begin; return the seconds to the last's end, what each said."""
    for worker in workers:
        said(worker)
    began = time.monotonic()
    for worker in workers:
        assert worker.stdin is not None  # noqa: S101 - it is a pipe
        worker.stdin.write(b"go\n")
        worker.stdin.flush()
    told = [int(said(worker)) for worker in workers]
    seconds = time.monotonic() - began
    for worker in workers:
        worker.communicate()
    return seconds, told


def start_sender(ground: Ground, lane: str, *more: str) -> "subprocess.Popen[bytes]":
    """Start a sender as a process of its own."""
    return subprocess.Popen(  # noqa: S603 - a module of ours
        [sys.executable, "-m", SENDER, str(ground.account.pk), lane, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "conductor.settings"},
        cwd=site.BASE_DIR,
    )


def said(worker: "subprocess.Popen[bytes]") -> str:
    """
    Return the next line of a sender.

    :raises UndeliveredError: if it has died.
    """
    assert worker.stdout is not None  # noqa: S101 - it is a pipe
    line = worker.stdout.readline().decode().strip()
    if not line:
        raise UndeliveredError("A sender has died.")
    return line


@contextmanager
def running(program: str, argument: str) -> Iterator[int]:
    """Run a counterpart as a process of its own; yield its port."""
    process = subprocess.Popen(  # noqa: S603 - a module of ours
        [sys.executable, program, argument], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()
