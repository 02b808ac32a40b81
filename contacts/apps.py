"""The contacts app."""

from django.apps import AppConfig


class ContactsConfig(AppConfig):
    """Contacts: see the package's docstring."""

    name = "contacts"

    def ready(self) -> None:
        """Say how fields are cleared, what answers are forgotten, and that a list with contacts is kept."""
        from accounts.lists import KEEPERS
        from accounts.wire.idempotency import forget_sealed_answers
        from contacts.actions.clearing import take_ranges
        from contacts.actions.erasure import ERASERS, Eraser
        from contacts.imports.running import TAKERS
        from contacts.models import Subscription
        from contacts.models.imports import ImportKind

        ERASERS["answers"] = Eraser(clear=lambda _: forget_sealed_answers())
        TAKERS[ImportKind.CLEARINGS.value] = take_ranges
        KEEPERS["contacts"] = lambda one: (
            "contacts" if Subscription.objects.filter(list=one).exists() else ""
        )
