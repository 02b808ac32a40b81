"""What a file of contacts changes is noted, one statement a chunk."""

import pytest

from conductor.webhooks.models import Happening
from contacts import actions
from contacts.imports.running import run_import
from contacts.models import Contact


@pytest.fixture
def load(world, settings, tmp_path):
    """Import a file into the list, from beginning to end."""
    settings.MEDIA_ROOT = tmp_path

    def load(text, **options):
        imported = actions.create_import(
            kind="contacts",
            list=world.in_list,
            file_name="shoppers.csv",
            file=text.encode(),
            now=world.now,
            mapping={},
            options=options,
        )
        actions.start_import(imported=imported, now=world.now)
        run_import(imported.pk, world.now)

    return load


def told():
    """Return what was noted, in order: kind, method, address."""
    emails = dict(Contact.objects.values_list("pk", "email_norm"))
    return [
        (one.kind, one.detail["method"], emails[one.contact_id or 0])
        for one in Happening.objects.order_by("pk")
    ]


class TestFiles:
    def test_who_is_new_is_told_of_and_who_is_there_is_not(self, world, listen, load):
        world.person(email="ann@mail.example")
        listen()

        load("email\nann@mail.example\nbob@mail.example\nbob@mail.example\n")

        assert told() == [("subscribed", "Import", "bob@mail.example")]

    def test_who_is_taken_off_is_told_of(self, world, listen, load):
        world.person(email="ann@mail.example")
        world.person(email="bob@mail.example", state="Unsubscribed")
        listen()

        load("email\nann@mail.example\nbob@mail.example\n", import_type="RemoveSubscribers")

        assert told() == [("unsubscribed", "Import", "ann@mail.example")]
