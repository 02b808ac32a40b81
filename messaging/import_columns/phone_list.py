"""
Phone, subscribed to a phone list: a column of a contact file with consents in it.

It demands the consent's source, its wording, and a person's word that everybody in the
file gave it. A number that opted out stays opted out; one that has to confirm is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.models import List
from accounts.tenancy import sql
from contacts.identity import normalise_phone
from contacts.imports.columns import ColumnTarget
from contacts.imports.faults import ImportFaultError
from messaging.actions.phones import Consent, subscribe_phones
from messaging.models import PhoneList

# A number on several lines is one consent; it goes to the contact that holds it, if any.
VALUES = """
SELECT DISTINCT ON (given.phone) given.phone, given.contact_id
FROM (
    SELECT stage.others ->> %(key)s AS phone, found.contact_id, contact.phone_e164, stage.line
    FROM contacts_stage AS stage
    JOIN contacts_found AS found ON found.line = stage.line
    JOIN contacts_contact AS contact ON contact.id = found.contact_id
    WHERE stage.others ->> %(key)s <> ''
) AS given
ORDER BY given.phone, given.phone_e164 = given.phone DESC, given.line
"""


class PhoneListColumn(ColumnTarget):
    """Subscribes each number to one phone list; the argument is the list's id."""

    kind = "phone_list"

    def choices(self, list: List) -> Sequence[tuple[str, str]]:
        """Offer the active phone lists, those of the email list's short codes first."""
        found = PhoneList.objects.filter(is_active=True).select_related("short_code")
        ordered = sorted(
            found,
            key=lambda one: (
                one.short_code.email_list_id != list.pk,
                one.short_code.code,
                one.name,
            ),
        )
        return [
            (
                str(one.pk),
                f"Phone, subscribed to {one.name} ({one.short_code.code}{asked_by(one)})",
            )
            for one in ordered
        ]

    def named(self, list: List, name: str) -> str | None:
        """Understand `phone_list:NAME` and `phone_list:CODE/NAME`."""
        word, _, rest = name.partition(":")
        if word.strip().lower() != self.kind:
            return None
        code, _, only = rest.rpartition("/")
        found = PhoneList.objects.filter(is_active=True, name__iexact=only.strip())
        if code.strip():
            found = found.filter(short_code__code=code.strip())
        lists = [*found[:2]]
        if not lists:
            raise ImportFaultError(f"There is no phone list {rest.strip()!r}.", field="phone_list")
        if len(lists) > 1:
            raise ImportFaultError(
                f"Several short codes have a phone list {rest.strip()!r}: write CODE/NAME.",
                field="phone_list",
            )
        return str(lists[0].pk)

    def reader(self, list: List, argument: str, options: Mapping[str, Any]) -> Callable[[str], str]:
        """Read numbers in the country of the short code; demand the evidence of consent."""
        consent_of(options, None)
        if not options.get("consent_confirmed"):
            raise ImportFaultError(
                "Confirm that everybody in this file agreed to messages of the phone list.",
                field="consent_confirmed",
            )
        found = PhoneList.objects.filter(pk=argument, is_active=True).select_related("short_code")
        phone_list = found.first()
        if phone_list is None:
            raise ImportFaultError("The phone list is gone.", field="phone_list")
        country = phone_list.short_code.country
        return lambda text: normalise_phone(text, country)

    def store(self, *, argument: str, key: str, options: Mapping[str, Any], now: datetime) -> int:
        """Record the consents of a chunk."""
        rows = sql.fetch_all(VALUES, key=key)
        counts = subscribe_phones(
            phone_list=PhoneList.objects.get(pk=argument),
            phones=[phone for phone, _ in rows],
            contact_ids=[contact_id for _, contact_id in rows],
            consent=consent_of(options, now),
            now=now,
        )
        return counts.subscribed


def asked_by(phone_list: PhoneList) -> str:
    """Say that a list asks each of its new numbers something first; "" if it does not."""
    if phone_list.require_double_opt_in:
        return ", each is asked to confirm"
    return ", each is asked for its age" if phone_list.require_age_gate else ""


def consent_of(options: Mapping[str, Any], now: datetime | None) -> Consent:
    """
    Return the evidence that an import brings.

    :raises ImportFaultError: where source or wording is missing.
    """
    source = str(options.get("consent_source") or "").strip()
    text = str(options.get("consent_text") or "").strip()
    if not source:
        raise ImportFaultError("Say where the consent was given.", field="consent_source")
    if not text:
        raise ImportFaultError("Give the wording that was agreed to.", field="consent_text")
    return Consent(source=source, text=text, at=now or datetime.min)  # noqa: DTZ901


TARGET = PhoneListColumn()
