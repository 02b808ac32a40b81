"""
Signatures of Amazon's Simple Notification Service: who asks is Amazon, and means this topic.

A message names the certificate that it was signed with. It counts only where its address is
one of Amazon's SNS in the region that the account uses; it is fetched once, by the rules of
`accounts.outgoing`, and kept for a day. Together with the topic's own region this keeps
out whoever learns the secret address but has no topic of Amazon's to sign with.
"""

import base64
import binascii
import re
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.core.exceptions import SuspiciousOperation
from django.utils.dateparse import parse_datetime

from accounts.outgoing import NoAnswerError, RefusedAddressError, Request, call

CERTIFICATE = re.compile(
    r"https://sns\.(?P<region>[a-z0-9-]{1,30})\.amazonaws\.com(?:\.cn)?/[A-Za-z0-9_.-]{1,200}\.pem"
)
# What is signed, in this order, of each type; a subject only where there is one.
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
SIGNED["UnsubscribeConfirmation"] = SIGNED["SubscriptionConfirmation"]
DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}
SECONDS = 8.0
KEPT = timedelta(days=1)
MOST_KEPT = 50
# Longer than Amazon tries again, shorter than we remember what was told: none comes twice.
OLDEST = timedelta(days=30)

_lock = threading.Lock()
_certificates: dict[str, tuple[datetime, x509.Certificate]] = {}


def check_signature(told: Mapping[str, Any], *, region: str, now: datetime) -> None:
    """
    See that a message of SNS was signed by Amazon, in a region, and lately.

    :raises SuspiciousOperation: if it was not, or its certificate cannot be had.
    """
    said = parse_datetime(str(told.get("Timestamp", "")))
    if said is None or said.tzinfo is None or not now - OLDEST < said < now + OLDEST:
        raise SuspiciousOperation("This message is too old.")
    digest = DIGESTS.get(str(told.get("SignatureVersion", "")))
    fields = SIGNED.get(str(told.get("Type", "")))
    if digest is None or fields is None:
        raise SuspiciousOperation("This message is not signed as Amazon signs.")
    key = certificate(str(told.get("SigningCertURL", "")), region=region, now=now).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise SuspiciousOperation("This certificate is none of SNS.")
    try:
        signature = base64.b64decode(str(told.get("Signature", "")), validate=True)
        key.verify(signature, signed_text(told, fields), padding.PKCS1v15(), digest())
    except (InvalidSignature, binascii.Error) as forged:
        raise SuspiciousOperation("This signature is not Amazon's.") from forged


def signed_text(told: Mapping[str, Any], fields: tuple[str, ...]) -> bytes:
    """Return what Amazon signs of a message."""
    lines = (f"{name}\n{told[name]}\n" for name in fields if told.get(name) is not None)
    return "".join(lines).encode()


def certificate(url: str, *, region: str, now: datetime) -> x509.Certificate:
    """
    Return a certificate of Amazon's, from memory or fetched.

    :raises SuspiciousOperation: for an address that is none of theirs, or answers with none.
    """
    named = CERTIFICATE.fullmatch(url)
    if named is None or named["region"] != region:
        raise SuspiciousOperation("This certificate is none of Amazon's in that region.")
    with _lock:
        kept = _certificates.get(url)
    if kept is None or not timedelta(0) <= now - kept[0] < KEPT:
        kept = keep(url, fetched(url), now=now)
    if not kept[1].not_valid_before_utc <= now <= kept[1].not_valid_after_utc:
        raise SuspiciousOperation("This certificate is out of date.")
    return kept[1]


def fetched(url: str) -> x509.Certificate:
    """Fetch a certificate: the connection itself proves whose it is."""
    try:
        answer = call(Request("GET", url, seconds=SECONDS))
        if answer.status != 200:
            raise SuspiciousOperation("Amazon has no such certificate.")
        return x509.load_pem_x509_certificate(answer.body)
    except (RefusedAddressError, NoAnswerError, ValueError) as missing:
        raise SuspiciousOperation("The certificate cannot be had.") from missing


def keep(url: str, found: x509.Certificate, *, now: datetime) -> tuple[datetime, x509.Certificate]:
    """Remember a certificate for a day."""
    with _lock:
        if len(_certificates) >= MOST_KEPT:
            _certificates.clear()
        _certificates[url] = (now, found)
        return _certificates[url]
