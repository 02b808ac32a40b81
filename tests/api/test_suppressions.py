"""Suppressions under /conductor/v1."""

from accounts.tenancy import in_account
from messaging.models import Suppression

SUPPRESSION = "/conductor/v1/Suppression"


class TestSuppression:
    def test_is_of_one_list_if_it_names_one(self, wire, acme, shop):
        body = {"addresses": ["grace@mail.example", "nobody"], "listId": shop.pk}

        shown = wire.post(SUPPRESSION, body)["data"]

        assert shown["suppressed"] == 1
        assert [problem["index"] for problem in shown["problems"]] == [1]
        with in_account(acme.pk):
            assert Suppression.objects.get().list_id == shop.pk

    def test_names_a_list_that_is_there(self, wire, acme, foreign):
        for list_id in (999999, foreign.pk, 2**70):
            body = {"addresses": ["grace@mail.example"], "listId": list_id}

            assert wire.refused("POST", SUPPRESSION, body) == (
                400,
                "ERROR_INVALID_PARAMETER",
                "An invalid value was supplied for listId.",
            )
        with in_account(acme.pk):
            assert not Suppression.objects.exists()
