"""What a phone answers: STOP ends every phone list of the short code."""

import unicodedata
from datetime import datetime

from accounts.models import ApiClient, User
from messaging.actions.phones import unsubscribe_phone
from messaging.models import PhoneSubscription, ShortCode
from messaging.models.sms import PhoneSubscriptionState

STOP_WORDS = {
    *("STOP", "END", "CANCEL", "UNSUBSCRIBE", "QUIT", "LEAVE", "FIN"),
    *("ARRET", "ANNULER", "QUITTER", "DESABONNER"),
}


def is_stop(text: str) -> bool:
    """Say whether a reply is one of the stop words, whatever its case and accents."""
    bare = unicodedata.normalize("NFKD", text.strip().strip(".!\"'"))
    return "".join(c for c in bare if not unicodedata.combining(c)).upper() in STOP_WORDS


def opt_out(
    *, short_code: ShortCode, phone_e164: str, now: datetime, by: User | ApiClient | None = None
) -> int:
    """
    End a number's consent to every phone list of a short code; return to how many.

    Whoever writes STOP answers a number, and cannot know which of its lists wrote.
    """
    found = PhoneSubscription.objects.filter(
        phone_list__short_code=short_code, phone_e164=phone_e164
    ).exclude(state=PhoneSubscriptionState.UNSUBSCRIBED)
    standing = list(found.select_related("phone_list"))
    for subscription in standing:
        unsubscribe_phone(
            phone_list=subscription.phone_list,
            phone_e164=phone_e164,
            reason="Campaign",
            now=now,
            by=by,
        )
    return len(standing)
