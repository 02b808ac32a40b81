"""Recipients that the mail server refuses for good: heeded like a bounce that comes later."""

import pytest

from accounts.tenancy import in_account
from contacts.models import Subscription
from messaging import actions
from messaging.models import Receipt, Suppression
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from tests.factories import CommittedMessageFactory, ListFactory, QueuedEmailFactory
from tests.messaging.counterparts.sink import running_sink


@pytest.fixture(scope="module")
def sink():
    """A mail server where nobody whose address begins with `contact` has a mailbox."""
    with running_sink(refuse="contact") as sink:
        yield sink


class TestRefused:
    @pytest.fixture
    def send(self, acme, now, sink):
        """Queue an email of a list that handles bounces so; send it; return it."""

        def make(handling, address=None, **fields):
            with in_account(acme.pk):
                actions.set_provider(
                    channel="email",
                    kind="smtp",
                    settings={"host": "127.0.0.1", "port": sink.port, "security": "none"},
                    now=now,
                )
                shop = ListFactory.create(bounce_handling=handling)
                message = CommittedMessageFactory.create(list=shop)
                mail = QueuedEmailFactory.create(list=shop, message=message, **fields)
                mail.address = address or f"contact-{mail.pk}@mail.example"
                mail.save()
            with Heart(lambda: now) as heart:
                serve(acme.pk, heart=heart, clock=lambda: now)
            mail.refresh_from_db()
            return mail

        return make

    @pytest.mark.parametrize(
        ("handling", "is_for_list", "is_left"),
        [("Standard", True, True), ("Aggressive", False, True), ("None", None, False)],
    )
    def test_are_suppressed_as_the_list_says(self, acme, send, handling, is_for_list, is_left):
        with in_account(acme.pk):
            mail = send(handling)

            found = [one.list_id for one in Suppression.objects.filter(address=mail.address)]
            assert (mail.state, mail.reason[:25]) == ("failed", "provider rejected (550 5.")
            assert found == ([] if is_for_list is None else [mail.list_id if is_for_list else None])
            state = Subscription.objects.get(contact=mail.contact_id).state
            assert state == ("Unsubscribed" if is_left else "Subscribed")

    def test_are_a_receipt_of_a_hard_bounce_without_the_address(self, acme, send):
        with in_account(acme.pk):
            mail = send("None")

            receipt = Receipt.objects.get(delivery=mail)
            assert (receipt.kind, receipt.detail["bounce"]) == ("bounced", "hard")
            assert mail.address not in str(receipt.detail)

    def test_of_a_test_are_nobodys(self, acme, send):
        with in_account(acme.pk):
            mail = send("Aggressive", is_test=True)

            assert mail.state == "failed"
            assert not Suppression.objects.exists()

    def test_others_are_not_touched(self, acme, send):
        with in_account(acme.pk):
            mail = send("Aggressive", address="grace@mail.example")

            assert mail.state == "sent"
            assert not Suppression.objects.exists()
            assert not Receipt.objects.exists()
