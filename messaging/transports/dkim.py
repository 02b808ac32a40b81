"""
DKIM (RFC 6376, RFC 8463): sign messages as a domain.

`relaxed/simple`: our bodies are encoded and nobody changes them on the way, so the body is
hashed as it is. Signing is `cryptography`'s, since the libraries that do all of DKIM
calculate RSA in Python; dkimpy checks the signatures in the tests.
"""

import base64
import hashlib
import re
import textwrap

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

SIGNED = (
    *("from", "to", "subject", "date", "message-id", "reply-to", "mime-version"),
    *("content-type", "list-unsubscribe", "list-unsubscribe-post", "list-id"),
)
WHITE = re.compile(rb"[ \t]+")
FEWEST_BITS = 1024


class UnfitKeyError(ValueError):
    """A private key that cannot sign mail; the message is for the marketer."""


class Signer:
    """A domain's key: `record` is what its DNS has to say."""

    def __init__(self, domain: str, selector: str, key: str) -> None:
        self.domain = domain
        self.selector = selector
        try:
            private = serialization.load_pem_private_key(key.strip().encode(), password=None)
        except (ValueError, TypeError) as unfit:
            raise UnfitKeyError("This is no private key as PEM without a password.") from unfit
        if isinstance(private, rsa.RSAPrivateKey) and private.key_size < FEWEST_BITS:
            raise UnfitKeyError("An RSA key for mail has at least 1,024 bits.")
        if not isinstance(private, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise UnfitKeyError("Mail is signed with an RSA or an Ed25519 key.")
        self.key = private

    @property
    def algorithm(self) -> str:
        """Return the algorithm's name in the signature."""
        return "rsa-sha256" if isinstance(self.key, rsa.RSAPrivateKey) else "ed25519-sha256"

    @property
    def record(self) -> tuple[str, str, str]:
        """The DNS record to publish: name, type, value."""
        public = self.key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            kind, raw = (
                "rsa",
                public.public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                ),
            )
        else:
            kind, raw = "ed25519", public.public_bytes_raw()
        value = f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"
        return f"{self.selector}._domainkey.{self.domain}", "TXT", value

    def signed(self, raw: bytes) -> bytes:
        """Return a message with its signature before it; `raw` has CRLF line ends."""
        head, _, body = raw.partition(b"\r\n\r\n")
        digest = base64.b64encode(hashlib.sha256(simple_body(body)).digest()).decode()
        fields = header_fields(head)
        names = [name for name in SIGNED if name in fields]
        unsigned = (
            f"v=1; a={self.algorithm}; c=relaxed/simple; d={self.domain}; s={self.selector};\r\n"
            f" h={':'.join(names)};\r\n bh={digest};\r\n b="
        )
        signed = b"".join(relaxed(name.encode(), fields[name]) + b"\r\n" for name in names)
        signed += relaxed(b"dkim-signature", unsigned.encode())
        folded = "\r\n ".join(textwrap.wrap(self.sign(signed), 72))
        return b"DKIM-Signature: " + unsigned.encode() + folded.encode() + b"\r\n" + raw

    def sign(self, data: bytes) -> str:
        """Return the signature of the canonical header, as base64."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            made = self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            made = self.key.sign(hashlib.sha256(data).digest())
        return base64.b64encode(made).decode()


def header_fields(head: bytes) -> dict[str, bytes]:
    """Return the header's fields by lower-case name, the last of each."""
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    fields = {}
    for line in unfolded.split(b"\r\n"):
        name, _, value = line.partition(b":")
        fields[name.strip().lower().decode("ascii", "replace")] = value
    return fields


def relaxed(name: bytes, value: bytes) -> bytes:
    """Return a header field in its relaxed form (RFC 6376, 3.4.2), without its end."""
    unfolded = value.replace(b"\r\n", b"")
    return name + b":" + WHITE.sub(b" ", unfolded).strip()


def simple_body(body: bytes) -> bytes:
    """Return a body in its simple form (RFC 6376, 3.4.3): one line end at its end."""
    return body.rstrip(b"\r\n") + b"\r\n" if body.endswith(b"\r\n\r\n") else ended(body)


def ended(body: bytes) -> bytes:
    """Return a body that ends with a line end."""
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def make_key() -> str:
    """Return a new RSA key as PEM: not all mailbox providers check Ed25519."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
