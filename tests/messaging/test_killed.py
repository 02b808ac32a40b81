"""kill -9 of the sender at every point: nothing twice, nothing lost."""

import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from accounts.models import Heartbeat
from accounts.tenancy import in_account
from messaging import actions
from messaging.actions.settling import note_arrived, send_again
from messaging.models import Delivery, Provider, SandboxMessage
from messaging.sending.allowance import LEASE
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from tests.factories import CommittedMessageFactory, ListFactory, QueuedEmailFactory
from tests.messaging.counterparts.sink import running_sink
from tests.messaging.test_smtp import Mailbox, mail_server

pytestmark = pytest.mark.django_db(transaction=True)

POINTS = ["claiming", "claimed", "composed", "handed", "written"]
SENDER = Path(__file__).with_name("dying_sender.py")
MAILS = 5


@pytest.fixture
def run_sender(mother):
    """Run a sender of its own that dies at a point, on this test's database."""
    return lambda point: mother.run(SENDER.read_text(), point)


def serve_later(account, seconds):
    """Be another sender, so many seconds after the last sign of life of the one that died."""
    beats = Heartbeat.objects.filter(part__startswith="sender ").values_list("beat_at", flat=True)
    with in_account(account.pk):
        sending = Delivery.objects.filter(state="sending")
        claims = [at for at in sending.values_list("claimed_at", flat=True) if at is not None]
        ends = [end for one in Provider.objects.all() for _, end in one.leases.values()]
    leased = [datetime.fromisoformat(end) - LEASE for end in ends]
    at = max([*beats, *claims, *leased]) + timedelta(seconds=seconds)
    with Heart(lambda: at) as heart:
        serve(account.pk, heart=heart, clock=lambda: at)


@pytest.fixture
def queued(acme):
    """Five mails in the queue."""
    with in_account(acme.pk):
        shop = ListFactory.create()
        message = CommittedMessageFactory.create(list=shop)
        return [QueuedEmailFactory.create(list=shop, message=message) for _ in range(MAILS)]


class TestSandbox:
    @pytest.mark.parametrize("point", POINTS)
    def test_sends_each_once_after_a_minute(self, acme, queued, run_sender, point):
        code, said = run_sender(point)
        assert code == -signal.SIGKILL, said

        serve_later(acme, 30)
        with in_account(acme.pk):
            early = Delivery.objects.filter(state="sending").count()
        assert early == (0 if point == "claiming" else MAILS)
        serve_later(acme, 61)

        with in_account(acme.pk):
            assert Counter(Delivery.objects.values_list("state", flat=True)) == {"sent": MAILS}
            sent = SandboxMessage.objects.values_list("delivery_id", flat=True)
            assert sorted(sent) == sorted(one.pk for one in queued)

    def test_nothing_is_left_behind_by_a_sender_that_lives(self, acme, queued, run_sender):
        code, said = run_sender("nowhere")

        assert code == 0, said
        with in_account(acme.pk):
            assert Delivery.objects.filter(state="sent").count() == MAILS
        assert not Heartbeat.objects.filter(part__startswith="sender").exists()


class TestSmtp:
    @pytest.fixture
    def mailbox(self, acme):
        box = Mailbox()
        with mail_server(box) as port:
            with in_account(acme.pk):
                actions.set_provider(
                    channel="email",
                    kind="smtp",
                    settings={"host": "127.0.0.1", "port": port, "security": "none"},
                    now=datetime.now(UTC),
                )
            yield box

    @pytest.mark.parametrize(
        ("point", "before", "states"),
        [
            ("claiming", 0, {"sent": MAILS}),
            ("claimed", 0, {"unknown": MAILS}),
            ("handed", 2, {"unknown": MAILS}),
            ("written", MAILS, {"unknown": MAILS}),
        ],
    )
    def test_sends_nothing_twice_and_parks_what_nobody_knows(
        self, acme, queued, mailbox, run_sender, point, before, states
    ):
        code, said = run_sender(point)
        assert code == -signal.SIGKILL, said
        assert len(mailbox.mails) == before

        serve_later(acme, 61)

        with in_account(acme.pk):
            assert Counter(Delivery.objects.values_list("state", flat=True)) == states
        assert max(Counter(to for to, _ in mailbox.mails).values(), default=0) <= 1

    @pytest.mark.parametrize("point", ["handed", "written"])
    def test_sends_nothing_twice_that_is_claimed_piece_by_piece(
        self, acme, queued, mailbox, run_sender, point
    ):
        code, said = run_sender(f"piecewise {point}")
        assert code == -signal.SIGKILL, said

        serve_later(acme, 61)

        with in_account(acme.pk):
            states = dict(Delivery.objects.values_list("address", "state"))
        arrived = Counter(to for to, _ in mailbox.mails)
        assert set(states.values()) <= {"unknown", "sent"}
        assert "unknown" in states.values()
        assert {to for to, state in states.items() if state == "sent"} <= set(arrived)
        assert set(arrived.values()) == {1}

    def test_sends_again_where_the_step_says_so(self, acme, queued, mailbox, run_sender):
        with in_account(acme.pk):
            Delivery.objects.update(resend_unknown=True)
        run_sender("claimed")

        serve_later(acme, 61)

        with in_account(acme.pk):
            assert Delivery.objects.filter(state="sent").count() == MAILS
        assert len(mailbox.mails) == MAILS


class TestRawSink:
    """What a mail server counts that takes everything, over several connections at once."""

    MANY = 55  # more than are claimed at first

    @pytest.fixture
    def sink(self, acme):
        with running_sink() as sink:
            with in_account(acme.pk):
                actions.set_provider(
                    channel="email",
                    kind="smtp",
                    settings={"host": "127.0.0.1", "port": sink.port, "security": "none"},
                    now=datetime.now(UTC),
                )
                shop = ListFactory.create()
                message = CommittedMessageFactory.create(list=shop)
                for number in range(self.MANY):
                    QueuedEmailFactory.create(
                        list=shop, message=message, address=f"a{number}@mail.example"
                    )
            yield sink

    def by_state(self, acme):
        with in_account(acme.pk):
            found = Delivery.objects.values_list("state", "address", "pk", "list_id")
            return {
                state: {row[1]: row[2] for row in found if row[0] == state}
                for state in {row[0] for row in found}
            }

    def test_never_counts_one_twice_and_gets_the_rest(self, acme, sink, run_sender):
        run_sender("handed")
        at_death = sink.stats["by_address"]

        serve_later(acme, 61)
        serve_later(acme, 61)

        states = self.by_state(acme)
        arrived = sink.stats["by_address"]
        assert at_death
        assert set(states) == {"unknown", "sent"}
        assert set(arrived.values()) == {1}
        assert set(states["sent"]) <= set(arrived) <= set(states["sent"]) | set(states["unknown"])
        # What went out before the death is all among the unknown, and nothing of it goes again.
        assert set(at_death) <= set(states["unknown"])

        with in_account(acme.pk):
            shop = Delivery.objects.all()[0].list
            lost = [pk for to, pk in states["unknown"].items() if to not in arrived]
            there = [pk for to, pk in states["unknown"].items() if to in arrived]
            note_arrived(list=shop, deliveries=there, now=datetime.now(UTC))
            send_again(list=shop, deliveries=lost, now=datetime.now(UTC))
        serve_later(acme, 62)

        assert set(self.by_state(acme)) == {"sent"}
        counted = sink.stats["by_address"]
        assert (len(counted), set(counted.values())) == (self.MANY, {1})
