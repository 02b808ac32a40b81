"""Files that bring suppressed addresses: put on no list, counted, named where they are known."""

import base64

import pytest
from django.utils.timezone import now as clock

from accounts.tenancy import in_account
from contacts.actions.imports import create_import, run_import, start_import
from contacts.models import Contact, ImportReject, Subscription
from messaging.actions.suppressions import suppress
from messaging.models import PhoneSubscription
from tests.factories import PhoneListFactory, ShortCodeFactory, SubscriptionFactory

STOPPED, ELSEWHERE, FORGOTTEN = "stop@mail.example", "else@mail.example", "gone@mail.example"


@pytest.fixture
def imported(wire, acme, shop):
    """Import lines over the wire, to the end; return the import's address."""

    def imported(text, *columns, **change):
        body = {
            "fileDelimiter": ",",
            "fileMappings": [
                {"fileColumn": place, "fileColumnType": kind}
                for place, kind in enumerate(columns or ("Email",))
            ],
            "fileName": "some.csv",
            "fileStream": base64.b64encode(text.encode()).decode(),
            "importType": "AddSubscribers",
            "segmentationImportType": "Update",
            **change,
        }
        url = f"/email/v1/List/{shop.pk}/ListImport"
        made = wire.post(url, body)["resourceId"]
        run_import(int(made), clock(), account_id=acme.pk)
        return f"{url}/{made}"

    return imported


@pytest.fixture(autouse=True)
def suppressed(acme, shop, foreign, now):
    """An address of the account, one of another list, one that is known by its hash alone."""
    with in_account(acme.pk):
        suppress(channel="email", addresses=[STOPPED], reason="manual", list=shop, now=now)
        suppress(channel="email", addresses=[FORGOTTEN], reason="erased", now=now)
        other = SubscriptionFactory.create(contact__email="on@mail.example").list
        suppress(channel="email", addresses=[ELSEWHERE], reason="manual", list=other, now=now)


class TestFile:
    def test_puts_no_suppressed_address_on_the_list(self, wire, acme, imported):
        lines = (STOPPED, "new@mail.example", FORGOTTEN, STOPPED.upper(), ELSEWHERE, STOPPED)

        url = imported("".join(f"{line}\n" for line in lines))

        summary = wire.get(f"{url}/Summary")
        assert (summary["processedCount"], summary["suppressedCount"]) == (6, 4)
        assert (summary["subscribedCount"], summary["invalidEmailCount"]) == (2, 0)
        results = [(row["emailAddress"], row["importResult"]) for row in wire.get(f"{url}/Contact")]
        assert results[:3] == [
            (STOPPED, "Suppressed"),
            ("new@mail.example", "Subscribed"),
            ("", "Suppressed"),
        ]
        with in_account(acme.pk):
            assert not Contact.objects.filter(email_norm__in=[STOPPED, FORGOTTEN]).exists()
            assert {row.code for row in ImportReject.objects.all()} == {"suppressed"}
            assert not ImportReject.objects.filter(raw__contains=FORGOTTEN).exists()

    def test_changes_who_is_on_the_list_all_the_same(self, wire, acme, shop, imported):
        with in_account(acme.pk):
            SubscriptionFactory.create(list=shop, contact__email=STOPPED)

        url = imported(f"{STOPPED},C-1\n", "Email", "ExternalContactID")

        assert wire.get(f"{url}/Summary")["suppressedCount"] == 0
        with in_account(acme.pk):
            assert Subscription.objects.get(list=shop).external_contact_id == "C-1"

    def test_takes_the_person_off_by_any_of_their_rows(self, wire, acme, shop, imported):
        text = f"{STOPPED},2125552368\n,2125552368\n"

        url = imported(text, "Email", "Phone")

        assert wire.get(f"{url}/Summary")["suppressedCount"] == 2
        with in_account(acme.pk):
            assert not Subscription.objects.filter(list=shop).exists()


class TestConsentOfNumber:
    def test_is_taken_with_a_suppressed_address(self, acme, shop, now):
        with in_account(acme.pk):
            phones = PhoneListFactory.create(short_code=ShortCodeFactory.create(email_list=shop))
            made = create_import(
                kind="contacts",
                list=shop,
                file_name="some.csv",
                file=f"{STOPPED},2125552368\n".encode(),
                mapping={
                    "has_header": False,
                    "columns": [
                        {"column": 0, "target": "email"},
                        {"column": 1, "target": f"phone_list:{phones.pk}"},
                    ],
                },
                options={
                    "consent_confirmed": True,
                    "consent_source": "Shop",
                    "consent_text": "Text me.",
                },
                now=now,
            )
            start_import(imported=made, now=now)

        run_import(made.pk, now, account_id=acme.pk)

        with in_account(acme.pk):
            assert PhoneSubscription.objects.get().phone_e164 == "+12125552368"
