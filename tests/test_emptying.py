"""What ends a test that commits."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connections

from accounts.models import Account, List
from accounts.tenancy import in_account
from tests.factories import ListFactory


@pytest.mark.django_db(transaction=True)
class TestEmptying:
    def test_takes_every_account_s_rows_and_leaves_those_of_the_migrations(
        self, acme: Account, globex: Account
    ) -> None:
        for account in (acme, globex):
            with in_account(account.pk):
                ListFactory()

        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT emptying.empty_all()")
            assert cursor.fetchone() == (True,)

        assert not Account.objects.exists()
        assert ContentType.objects.exists()
        for account in (acme, globex):
            with in_account(account.pk):
                assert not List.objects.exists()
