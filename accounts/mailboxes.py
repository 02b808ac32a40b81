"""
Addresses that we write from: what may stand in a header, and what only looks like a name.

A domain goes out in its IDNA form, so that letters which look like others are seen for what
they are; one whose labels mix scripts that look alike is refused.
"""

import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

LONGEST_LOCAL = 64
LONGEST_DOMAIN = 253
# Scripts whose letters are taken for each other's.
ALIKE = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"}


class MailboxError(ValueError):
    """What is wrong with an address, in words."""


def checked_mailbox(value: str) -> str:
    """
    Return an address with its domain in IDNA form.

    :raises MailboxError: for what is no address, too long, or mixes scripts.
    """
    try:
        validate_email(value)
    except ValidationError as invalid:
        raise MailboxError(f"{shown(value)} is no email address.") from invalid
    local, _, domain = value.rpartition("@")
    if len(local) > LONGEST_LOCAL:
        raise MailboxError(f"{shown(value)} has more than {LONGEST_LOCAL} characters before the @.")
    if any(mixes_scripts(label) for label in domain.split(".")):
        raise MailboxError(f"{shown(value)} mixes letters of scripts that look alike.")
    plain = plain_domain(domain)
    if not plain.isascii() or len(plain) > LONGEST_DOMAIN:
        raise MailboxError(f"{shown(value)} has a domain that is too long or cannot be written.")
    return f"{local}@{plain}"


def plain_domain(domain: str) -> str:
    """Return a domain in IDNA form; as it is where it has none."""
    if domain.isascii():
        return domain
    try:
        return unicodedata.normalize("NFC", domain).encode("idna").decode()
    except UnicodeError:
        return domain


def mixes_scripts(label: str) -> bool:
    """Say whether a label has letters of several scripts that look alike."""
    if label.isascii():
        return False
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in label if letter.isalpha()}
    return len(scripts & ALIKE) > 1


def shown(value: str) -> str:
    """Return an address as a message shows it, cut to what a person reads."""
    return value if len(value) <= 80 else f"{value[:77]}..."
