"""The ground of the kill runs, without a kill: the judge agrees, and tells what is wrong."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.tenancy import in_account, sql
from conductor.conversations.models import Enrollment, Visit
from conductor.engine.calls import Caller
from conductor.engine.tick import run_tick
from messaging.models import CouponCode, Delivery, SandboxMessage
from tests.crash import ground
from tests.engine.other_side import OtherSide, answer, other_side
from tests.stories.ground import Clock, empty_tables

PEOPLE = 40
SECOND = timedelta(seconds=1)


@pytest.fixture
def shop(settings: Any) -> Iterator[OtherSide]:
    """The other side of webhooks."""
    with other_side() as shop:
        shop.behaviours["/200"] = answer(200, b'{"tier": "gold"}')
        settings.OUTGOING_ALLOW = [f"localhost:{shop.port}"]
        yield shop


@pytest.fixture
def account_id(db: None, now: datetime, shop: OtherSide) -> int:
    """The account after two turns; its messages are sent."""
    account_id = ground.prepare(PEOPLE, now=now, port=shop.port)
    for turn in (1, 2):
        for name in ("Order Imported", "Cart"):
            ground.raise_for_all(account_id, name, turn, now=now)
            now = tick(account_id, now)
    with in_account(account_id):
        Delivery.objects.filter(state="queued").update(state="sent")
        SandboxMessage.objects.bulk_create(
            SandboxMessage(delivery=sent, channel=sent.channel, address=sent.address, sent_at=now)
            for sent in Delivery.objects.filter(state="sent")
        )
    return account_id


def tick(account_id: int, now: datetime) -> datetime:
    """Tick twice a second for a while; return the time."""
    for _ in range(16):
        with in_account(account_id):
            run_tick(now=now, limit=1000)
            empty_tables()
            Caller(clock=Clock(now)).make_all()
        now += SECOND / 2
    return now


class TestJudge:
    def test_agrees_with_an_undisturbed_run(self, account_id: int) -> None:
        assert ground.judge(account_id, 2) == f"agreed {PEOPLE}"

    def test_knows_of_each_call(self, account_id: int, shop: OtherSide) -> None:
        keys = {heard.headers["Idempotency-Key"] for heard in shop.heard}

        assert len(keys) == ground.called(account_id) > PEOPLE // 5

    def test_goes_on_where_it_was(self, account_id: int, now: datetime) -> None:
        assert ground.prepare(PEOPLE, now=now, port=80) == account_id
        assert ground.raise_for_all(account_id, "Cart", 2, now=now) == 0

    @pytest.mark.parametrize(
        "fault", ["lost visit", "stuck", "lost message", "sent twice", "lost code"]
    )
    def test_finds(self, account_id: int, fault: str) -> None:
        with in_account(account_id):
            if fault == "lost visit":
                sql.execute("DELETE FROM conversations_visit WHERE id = %(id)s", id=first(Visit))
            elif fault == "stuck":
                Enrollment.objects.filter(pk=first(Enrollment)).update(end_reason="")
            elif fault == "lost message":
                sql.execute(
                    "DELETE FROM messaging_sandboxmessage WHERE delivery_id = %(id)s",
                    id=Delivery.objects.filter(state="sent").values_list("id", flat=True)[0],
                )
            elif fault == "lost code":
                taken = CouponCode.objects.filter(handed_at__isnull=False)
                CouponCode.objects.filter(pk=taken.values_list("pk")[:1]).update(handed_at=None)
            else:
                Delivery.objects.filter(state="sent").update(state="unknown", reason="sent twice")

        assert ground.judge(account_id, 2) != f"agreed {PEOPLE}"


def first(model: type[Visit | Enrollment]) -> int:
    """Return the id of the first row."""
    return int(model.objects.order_by("id").values_list("id", flat=True)[0])
