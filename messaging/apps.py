"""The messaging app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Messaging: see the package's docstring."""

    name = "messaging"

    def ready(self) -> None:
        """
        Say how files of codes and addresses are taken, people forgotten, orders followed.

        And that a list with short codes or deliveries is kept, a suppressed address kept off it,
        a pending one asked to confirm.
        """
        from accounts.lists import KEEPERS
        from contacts.actions.erasure import ERASERS, Eraser
        from contacts.actions.opt_ins import ASKERS
        from contacts.actions.orders import FOLLOWERS
        from contacts.actions.suppressed import SUPPRESSED, SUPPRESSED_AMONG
        from contacts.imports.running import TAKERS
        from contacts.models.imports import ImportKind
        from messaging.actions import erasure
        from messaging.actions.address_files import take_addresses, take_deactivations
        from messaging.actions.conversions import ascribe
        from messaging.actions.coupon_codes import take_codes
        from messaging.actions.opt_ins import ask_by_email
        from messaging.actions.suppressions import IS_SUPPRESSED, suppressed_among
        from messaging.uses import keeps_list

        TAKERS[ImportKind.COUPONS.value] = take_codes
        TAKERS[ImportKind.SUPPRESSIONS.value] = take_addresses
        TAKERS[ImportKind.DEACTIVATIONS.value] = take_deactivations
        FOLLOWERS["messaging"] = lambda order_ids, now: ascribe(order_ids=order_ids, now=now)
        KEEPERS["messaging"] = keeps_list
        SUPPRESSED["messaging"] = IS_SUPPRESSED
        SUPPRESSED_AMONG["messaging"] = suppressed_among
        ASKERS["messaging"] = ask_by_email
        ERASERS["messaging"] = Eraser(clear=erasure.forget)
