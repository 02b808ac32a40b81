"""The page of schedules, and the command that lives by it."""

import os
import signal
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import call_command

from accounts.models import Account, Heartbeat
from accounts.tenancy import in_account, sql
from conductor.engine.pulse import Pulse
from conductor.schedule import DAILY, MINUTELY
from messaging.actions.coupons import create_pool
from messaging.models import CouponCode

pytestmark = pytest.mark.django_db


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the signal handlers back that a command replaces."""
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


class TestDaily:
    def test_makes_the_months_ahead(self, now: datetime) -> None:
        for task in DAILY:
            task(now + timedelta(days=800))

        assert sql.fetch_value("SELECT to_regclass('conversations_visit_2029_01')")

    def test_forgets_sessions_that_are_over(self, now: datetime) -> None:
        Session.objects.create(session_key="old", session_data="", expire_date=now - timedelta(900))

        for task in DAILY:
            task(now)

        assert not Session.objects.filter(session_key="old").exists()


class TestMinutely:
    @pytest.mark.django_db(transaction=True)
    def test_warns_of_a_coupon_pool_that_runs_low(self, acme: Account, now: datetime) -> None:
        with in_account(acme.pk):
            pool = create_pool(name="Low", now=now, low_at=3, alert_emails=["mia@acme.example"])
            CouponCode.objects.create(pool=pool, code="A")

        for task in MINUTELY:
            task(now)

        assert [sent.subject for sent in mail.outbox] == ["Coupon pool Low: 1 code left"]


class TestPulse:
    def test_beats_until_it_is_told_to_stop(
        self, handlers: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        beat = Pulse.beat

        def beat_and_tell(pulse: Pulse, *, now: datetime) -> None:
            beat(pulse, now=now)
            os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(Pulse, "beat", beat_and_tell)

        call_command("pulse")

        assert Heartbeat.objects.filter(part="pulse").exists()
        # What it began beside itself is over before the next test begins.
        for thread in threading.enumerate():
            if thread.name in {"clock", "caller", "deliverer"}:
                thread.join(120)
