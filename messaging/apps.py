"""The messaging app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Messaging: see the package's docstring."""

    name = "messaging"

    def ready(self) -> None:
        """Say how files of coupon codes are taken."""
        from contacts.imports.running import TAKERS
        from contacts.models.imports import ImportKind
        from messaging.actions.coupon_codes import take_codes

        TAKERS[ImportKind.COUPONS.value] = take_codes
