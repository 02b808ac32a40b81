"""Take what providers tell."""

import hmac
import logging
from datetime import datetime

from anymail.exceptions import AnymailError
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.tenancy import in_account
from accounts.wire.bodies import stated_length
from messaging.actions.provider_events import record_provider_events
from messaging.actions.providers import carrier_for
from messaging.hooks.bounces import returned_mail
from messaging.hooks.texts import take_text
from messaging.models import Provider
from messaging.providers import Carrier, ProviderError
from messaging.transports.calls import Heard

MOST_KEY = 120
MOST_BYTES = 16 * 1024 * 1024  # of one call: some hundred events, or a mail that came back whole
MAIL = "message/rfc822"

log = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def hear(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Take one call; anything but an answer below 300 has the provider call again."""
    account_id, provider_id, secret = read_key(key)
    if request.method == "HEAD":  # some look whether somebody is there
        return HttpResponse()
    with in_account(account_id):
        provider = Provider.objects.filter(pk=provider_id, kind=kind).first()
        if provider is None or not hmac.compare_digest(secret.encode(), provider.hook_key.encode()):
            raise Http404
        carrier = usable(provider)
    if stated_length(request) > MOST_BYTES:
        return HttpResponse(status=413)
    # Outside of any transaction: a carrier may fetch a certificate, or confirm a topic.
    heard = listen(carrier, request, now=timezone.now())
    with in_account(account_id):
        record_provider_events(heard.events, now=timezone.now())
        for text in heard.texts:
            take_text(text, provider=provider.kind, now=timezone.now())
    return HttpResponse(heard.answer, content_type=heard.content_type)


def listen(carrier: Carrier, request: HttpRequest, *, now: datetime) -> Heard:
    """
    Return what a call says.

    :raises SuspiciousOperation: for one that cannot be read (400) or is forged (400, 403).
    """
    # Our own mail server's word: a provider that signs its calls has no other way in.
    if carrier.kind == "smtp" and request.content_type == MAIL:
        return returned_mail(request.body, now=now)
    try:
        return carrier.hear(request, now=now)
    except (AnymailError, KeyError, TypeError, ValueError, AttributeError) as unfit:
        # No more than its kind: what it holds are addresses.
        log.info("A call of %s could not be read: %s.", carrier.kind, type(unfit).__name__)
        raise SuspiciousOperation("This call cannot be read.") from None


def usable(provider: Provider) -> Carrier:
    """Return the carrier of a provider; not found where its secrets cannot be read."""
    try:
        return carrier_for(provider)
    except ProviderError as unreadable:
        raise Http404 from unreadable


def read_key(key: str) -> tuple[int, int, str]:
    """Return account, provider and secret of an address; not found for any other form."""
    parts = key.split("-", 2)
    is_key = len(parts) == 3 and all(part.isascii() and part.isdecimal() for part in parts[:2])
    if not is_key or len(key) > MOST_KEY or not parts[2] or any(len(one) > 18 for one in parts[:2]):
        raise Http404
    return int(parts[0]), int(parts[1]), parts[2]
