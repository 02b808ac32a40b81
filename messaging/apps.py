"""The messaging app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Messaging: see the package's docstring."""

    name = "messaging"

    def ready(self) -> None:
        """Say how files of coupon codes and of addresses are taken, how people are forgotten."""
        from contacts.actions.erasure import ERASERS, Eraser
        from contacts.imports.running import TAKERS
        from contacts.models.imports import ImportKind
        from messaging.actions import erasure
        from messaging.actions.address_files import take_addresses, take_deactivations
        from messaging.actions.coupon_codes import take_codes

        TAKERS[ImportKind.COUPONS.value] = take_codes
        TAKERS[ImportKind.SUPPRESSIONS.value] = take_addresses
        TAKERS[ImportKind.DEACTIVATIONS.value] = take_deactivations
        ERASERS["messaging"] = Eraser(clear=erasure.forget)
