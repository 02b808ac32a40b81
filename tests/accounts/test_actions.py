"""What is done to accounts, members, lists and integrations."""

import pytest

from accounts import actions
from accounts.models import ApiClient, ApiToken, AuditEntry, List, Membership, User
from accounts.tenancy import in_account, lookups


@pytest.mark.django_db
class TestCreateAccount:
    def test_makes_the_owner_and_says_the_password_once(self, now):
        made = actions.create_account(name="Acme Shoes", owner_email="Ada@Acme.example", now=now)

        owner = User.objects.get(email="ada@acme.example")
        assert owner.check_password(made.password)
        with in_account(made.account.pk):
            assert Membership.objects.get().role == "owner"

    def test_keeps_the_password_of_a_user_who_is_there(self, acme, ada, now):
        again = actions.create_account(name="Second", owner_email=ada.email, now=now)

        assert again.password == ""
        assert lookups.accounts_of_user(ada.pk) == [acme.pk, again.account.pk]

    def test_gives_two_accounts_of_one_name_two_addresses(self, acme, now):
        again = actions.create_account(name="Acme Shoes", owner_email="x@acme.example", now=now)

        assert [acme.slug, again.account.slug] == ["acme-shoes", "acme-shoes-2"]

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("name", {"name": "  "}),
            ("owner", {"owner_email": "nobody"}),
            ("time_zone", {"time_zone": "Mars/Olympus"}),
            ("time_zone", {"time_zone": "../etc/passwd"}),
        ],
    )
    def test_names_the_field_that_is_wrong(self, now, field, values):
        given = {"name": "Acme", "owner_email": "ada@acme.example", **values}

        with pytest.raises(actions.InvalidValueError) as refused:
            actions.create_account(now=now, **given)

        assert refused.value.field == field


class TestLists:
    def test_creating_one_is_audited(self, inside_acme, ada, now):
        made = actions.create_list(name="Transactional", now=now, by=ada)

        entry = AuditEntry.objects.get(noun="list")
        assert (entry.verb, entry.object_id, entry.by_user) == ("created", made.pk, ada)

    def test_a_second_of_the_same_name_is_refused(self, inside_acme, now):
        actions.create_list(name="Transactional", now=now)

        with pytest.raises(actions.InvalidValueError, match="named Transactional already"):
            actions.create_list(name=" Transactional ", now=now)

    def test_a_setting_is_changed_and_the_rest_stays(self, inside_acme, now):
        made = actions.create_list(name="Transactional", now=now, from_name="Acme")

        actions.update_list(changed=made, now=now, from_email="shop@acme.example")

        kept = List.objects.get()
        assert (kept.name, kept.from_name, kept.from_email) == (
            "Transactional",
            "Acme",
            "shop@acme.example",
        )


class TestIntegrations:
    def test_the_secret_is_kept_as_a_hash_only(self, inside_acme, now):
        made = actions.create_integration(name="Shop", types=["email", "data"], now=now)

        kept = ApiClient.objects.get()
        assert made.secret not in (kept.secret_hash, kept.client_id)
        assert kept.secret_hash == actions.hash_secret(made.secret)

    def test_a_new_secret_ends_the_tokens_of_the_old(self, inside_acme, now):
        made = actions.create_integration(name="Shop", types=["email"], now=now)
        actions.issue_token(client=made.client, now=now)

        again = actions.rotate_secret(client=made.client, now=now)

        assert again.secret != made.secret
        assert ApiToken.objects.count() == 0

    def test_the_first_pause_stands(self, inside_acme, now):
        client = actions.create_integration(name="Shop", types=["email"], now=now).client
        actions.pause_integration(client=client, now=now)

        actions.pause_integration(client=client, now=now.replace(hour=20))

        assert ApiClient.objects.get().paused_at == now

    def test_an_unknown_type_is_refused(self, inside_acme, now):
        with pytest.raises(actions.InvalidValueError) as refused:
            actions.create_integration(name="Shop", types=["fax"], now=now)

        assert refused.value.field == "type"

    def test_a_token_is_found_by_its_hash_and_ends_after_an_hour(self, acme, now):
        with in_account(acme.pk):
            client = actions.create_integration(name="Shop", types=["email"], now=now).client
            token = actions.issue_token(client=client, now=now)
            row = ApiToken.objects.get()

        assert lookups.api_token(actions.hash_secret(token)) == (acme.pk, row.pk)
        assert (row.expires_at - row.issued_at).total_seconds() == 3599
        assert len(token) == 430
