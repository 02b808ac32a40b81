"""What of ours keeps a list from being deleted."""

from accounts.models import List
from messaging.models import Delivery, ShortCode


def keeps_list(in_list: List) -> str:
    """Return what is left of a list's messages: short codes, deliveries; "" for nothing."""
    if ShortCode.objects.filter(email_list=in_list).exists():
        return "short codes"
    return "deliveries" if Delivery.objects.filter(list=in_list).exists() else ""
