"""`import_contacts` and `import_orders`: JSON alone on stdout, one sentence on failure."""

import json

import pytest
from django.core.management import CommandError, call_command

from accounts.tenancy import in_account
from contacts.models import Contact, Event, Import, Order, Subscription
from messaging.models import PhoneSubscription
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    ShortCodeFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store(acme, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    with in_account(acme.pk):
        store = ListFactory(name="Store Customers")
        group = ProfileFieldGroupFactory(list=store, name="Profile")
        ProfileFieldFactory(group=group, name="Colour")
        ExternalEventFactory(list=store, name="Winback Check")
        PhoneListFactory(short_code=ShortCodeFactory(code="54321", email_list=store), name="Offers")
        return store


@pytest.fixture
def file(tmp_path):
    def file(text):
        path = tmp_path / "shoppers.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return file


def run(capsys, command, *arguments):
    call_command(command, "--account", "acme-shoes", *arguments)
    return json.loads(capsys.readouterr().out)


class TestImportContacts:
    def test_prints_what_became_of_the_file(self, acme, store, file, capsys):
        path = file(
            "Mail address,Tint,Cell phone,What\ng@m.example,red,2125550100,Winback Check\nx,,,\n"
        )

        answer = run(
            capsys, "import_contacts", "--list", "Store Customers", path,
            "--map", "Mail address=email", "--map", "Tint=Profile.Colour",
            "--event-column", "What", "--phone-list", "Offers", "--phone-column", "Cell phone",
            "--consent-source", "Checkout", "--consent-text", "I agree.", "--consent-confirmed",
        )  # fmt: skip

        assert (answer["processed"], answer["created"], answer["rejected"]) == (2, 1, 1)
        with in_account(acme.pk):
            assert list(Subscription.objects.get().profile.values()) == ["red"]
            assert (Event.objects.count(), PhoneSubscription.objects.count()) == (1, 1)

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--list", "Elsewhere"], "no list named 'Elsewhere'"),
            (["--list", "Store Customers", "--map", "Nothing=email"], "no column named 'Nothing'"),
            (["--list", "Store Customers", "--map", "a=nonsense"], "nothing to import named"),
            (["--list", "Store Customers"], "A column is missing: Email"),
            (
                ["--list", "Store Customers", "--map", "a=email", "--phone-list", "Offers",
                 "--phone-column", "b"],
                "Say where the consent was given.",
            ),
            (
                ["--list", "Store Customers", "--phone-list", "Gone", "--phone-column", "b"],
                "no phone list 'Gone'",
            ),
        ],
    )  # fmt: skip
    def test_fails_with_a_sentence_and_keeps_nothing(
        self, acme, store, file, capsys, arguments, sentence, settings
    ):
        with pytest.raises(CommandError, match=sentence):
            run(capsys, "import_contacts", *arguments, file("a,b\nx,y\n"))

        assert capsys.readouterr().out == ""
        with in_account(acme.pk):
            assert not Import.objects.exists()
            assert not Contact.objects.exists()
        assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]

    def test_an_unknown_account_or_file_is_said(self, store, file, tmp_path):
        with pytest.raises(CommandError, match="no account 'nobody'"):
            call_command(
                "import_contacts", "--account", "nobody", "--list", "Store Customers", file("a\n")
            )
        with pytest.raises(CommandError, match="there is no file"):
            call_command(
                "import_contacts", "--account", "acme-shoes", "--list", "x", str(tmp_path / "no")
            )


class TestImportOrders:
    def test_prints_what_became_of_the_file(self, acme, store, file, capsys):
        path = file("order number;email;date;total\nA-1;g@m.example;2026-01-05;10\nA-2;;;\n")

        answer = run(capsys, "import_orders", path)

        assert (answer["processed"], answer["created"], answer["rejected"]) == (2, 1, 1)
        with in_account(acme.pk):
            assert Order.objects.get().contact.email_norm == "g@m.example"
