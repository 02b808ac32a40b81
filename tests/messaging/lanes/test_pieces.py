"""A batch on its way in pieces: the next is claimed while one travels."""

from collections import Counter

import pytest

from accounts.tenancy import in_account
from contacts.models import Subscription
from messaging.models import Delivery, Provider
from messaging.providers import Outcome, ThrottledError
from messaging.sending import sender
from messaging.sending.claim import claim
from tests.messaging.lanes.scripted import Scripted, states

ADDRESSES = [f"a{number}@mail.example" for number in range(9)]


@pytest.fixture
def in_pieces(scripted, monkeypatch):
    """Two are claimed at a time, nine and more in all; note how many each time."""
    monkeypatch.setattr(Scripted, "batch_size", 50)
    monkeypatch.setattr(sender, "PIECE", 2)
    monkeypatch.setattr(sender, "FIRST_PIECE", 2)
    claimed = []

    def noted(**given):
        taken = claim(**given)
        claimed.append(len(taken.sending))
        return taken

    monkeypatch.setattr(sender, "claim", noted)
    return claimed


class TestPieces:
    def test_all_leave_once_in_one_turn(self, acme, in_pieces, queue, turn):
        queue(*ADDRESSES)

        turn()

        assert sorted(Scripted.got) == ADDRESSES
        assert states(acme) == dict.fromkeys(ADDRESSES, "sent")
        assert in_pieces == [2, 2, 2, 2, 1]
        with in_account(acme.pk):
            assert Provider.objects.get().leases == {}

    def test_a_piece_of_which_none_may_leave_holds_up_no_other(self, acme, in_pieces, queue, turn):
        """Who has no consent is skipped at the claim."""
        put = queue(*ADDRESSES)
        with in_account(acme.pk):
            left = Subscription.objects.filter(contact__in=[put[2].contact, put[3].contact])
            left.update(state="Unsubscribed")

        turn()

        assert Counter(states(acme).values()) == {"sent": 7, "skipped": 2}

    def test_a_provider_that_takes_no_more_gets_no_further_piece(
        self, acme, in_pieces, queue, turn, monkeypatch
    ):
        def answer(message):
            if message.address == ADDRESSES[2]:
                raise ThrottledError("Slow down.")
            return Outcome(message.delivery_id)

        monkeypatch.setattr(Scripted, "answer", staticmethod(answer))
        with in_account(acme.pk):
            Provider.objects.update(concurrency=1)
        queue(*ADDRESSES)

        assert not turn()

        assert Scripted.got == ADDRESSES[:2]
        with in_account(acme.pk):
            left = Delivery.objects.filter(address__in=ADDRESSES[2:])
            assert set(left.values_list("state", "attempts", "claimed_by")) == {("queued", 0, "")}
            provider = Provider.objects.get()
            assert (provider.last_error, provider.leases) == ("Slow down.", {})

    @pytest.mark.django_db(transaction=True)
    def test_what_was_under_way_is_written_down_where_a_claim_breaks_down(
        self, acme, in_pieces, queue, turn, monkeypatch
    ):
        queue(*ADDRESSES)
        noted = vars(sender)["claim"]

        def broken(**given):
            if in_pieces:
                raise RuntimeError("boom")
            return noted(**given)

        monkeypatch.setattr(sender, "claim", broken)

        with pytest.raises(RuntimeError):
            turn()

        assert Counter(states(acme).values()) == {"sent": 2, "queued": 7}
        with in_account(acme.pk):
            assert Provider.objects.get().leases == {}
