"""A data migration reaches every account, or says nothing of success."""

import pytest
from django.apps import apps as registry
from django.db import connections
from django.db.migrations.state import ProjectState

from accounts.models import List
from accounts.tenancy import in_account
from accounts.tenancy.operations import EachAccount
from tests.factories import ListFactory

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def mark_lists(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_list SET from_name = 'marked'")


class TestEachAccount:
    def test_changes_the_rows_of_every_account(self, acme, globex):
        for account in (acme, globex):
            with in_account(account.pk):
                ListFactory()

        self.apply(EachAccount(mark_lists))

        for account in (acme, globex):
            with in_account(account.pk):
                assert [each.from_name for each in List.objects.all()] == ["marked"]

    def test_is_needed_since_the_owner_alone_changes_nothing(self, acme):
        with in_account(acme.pk):
            ListFactory()

        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE accounts_list SET from_name = 'marked'")
            assert cursor.rowcount == 0

    def apply(self, operation):
        state = ProjectState.from_apps(registry)
        with connections["owner"].schema_editor(atomic=True) as editor:
            operation.database_forwards("accounts", editor, state, state)
        connections["owner"].close()
