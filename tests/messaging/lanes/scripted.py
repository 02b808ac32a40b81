"""A provider that does as the test says."""

from accounts.tenancy import in_account
from messaging.models import Delivery
from messaging.providers import Carrier, Outcome


class Scripted(Carrier):
    """A provider that does as the test says, message by message."""

    kind = "scripted"
    label = "Scripted"
    channels = ("email",)
    batch_size = 3
    connections = 4
    answer = staticmethod(lambda message: Outcome(message.delivery_id))
    got: list[str] = []

    def carry(self, messages, *, now):
        for message in messages:
            outcome = Scripted.answer(message)
            if outcome.state == "sent":
                Scripted.got.append(message.address)
            yield outcome


def states(acme):
    with in_account(acme.pk):
        return dict(Delivery.objects.values_list("address", "state"))
