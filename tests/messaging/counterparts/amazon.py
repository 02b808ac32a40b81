"""Amazon's SNS: signs messages as it does, with a certificate of our own making."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from messaging.transports import sns

CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem"


@cache
def key():
    """Return Amazon's key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(*, until=timedelta(days=300)):
    """Return its certificate."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key().public_key(), 1)
    builder = builder.not_valid_before(now - timedelta(days=900)).not_valid_after(now + until)
    return builder.sign(key(), hashes.SHA256())


def publish_certificate(found=None, *, now=None):
    """Have the certificate known as if it had been fetched today."""
    sns.keep(CERTIFICATE_URL, found or certificate(), now=now or datetime.now(UTC))


def signed(body, *, version="2"):
    """Return a message with its signature."""
    body = {**body, "SignatureVersion": version, "SigningCertURL": CERTIFICATE_URL}
    text = sns.signed_text(body, sns.SIGNED[body["Type"]])
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    made = key().sign(text, padding.PKCS1v15(), digest)
    return {**body, "Signature": base64.b64encode(made).decode()}
