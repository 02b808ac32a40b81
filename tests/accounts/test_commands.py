"""create_account and create_integration, as the shell sees them."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command, execute_from_command_line

from accounts import actions
from accounts.models import Account, ApiClient, Membership, User
from accounts.tenancy import in_account


def run(name, *arguments):
    """Return what a command wrote to stdout and to stderr."""
    out, errors = StringIO(), StringIO()
    call_command(name, *arguments, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


@pytest.mark.django_db
class TestCreateAccount:
    def test_prints_json_alone(self):
        out, errors = run(
            "create_account", "Acme Shoes", "--owner", "Ada@acme.example", "--time-zone", "UTC"
        )

        answer = json.loads(out)
        assert out.count("\n") == 1
        assert errors == ""
        assert list(answer) == ["account_id", "slug", "owner", "password"]
        assert (answer["slug"], answer["owner"]) == ("acme-shoes", "ada@acme.example")
        with in_account(answer["account_id"]):
            assert Account.objects.get(pk=answer["account_id"]).time_zone == "UTC"
            assert Membership.objects.get().role == "owner"
        assert User.objects.get(email="ada@acme.example").check_password(answer["password"])

    def test_keeps_the_password_of_one_who_is_known(self, ada):
        out, _ = run("create_account", "Second", "--owner", ada.email)

        assert json.loads(out)["password"] == ""

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["", "--owner", "ada@acme.example"], "name"),
            (["Acme", "--owner", "nobody"], "nobody"),
            (["Acme", "--owner", "ada@acme.example", "--time-zone", "Mars/Phobos"], "Mars"),
            (["Acme"], "--owner"),
        ],
    )
    def test_says_in_a_sentence_what_is_wrong(self, arguments, word):
        with pytest.raises(CommandError) as said:
            run("create_account", *arguments)

        assert word in str(said.value)
        assert "\n" not in str(said.value)
        assert not User.objects.exists()


class TestCreateIntegration:
    def test_prints_json_alone_with_all_levels(self, acme):
        out, errors = run(
            "create_integration", "--account", acme.slug, "--type", "sms", "--type", "email"
        )

        answer = json.loads(out)
        assert errors == ""
        assert list(answer) == ["client_id", "client_secret", "types", "levels"]
        assert answer["types"] == ["email", "sms"]
        assert len(answer["levels"]) == 10
        with in_account(acme.pk):
            client = ApiClient.objects.get()
            assert client.client_id == answer["client_id"]
            assert client.secret_hash == actions.hash_secret(answer["client_secret"])

    def test_takes_levels(self, acme):
        out, _ = run(
            *("create_integration", "--account", acme.slug, "--type", "email"),
            *("--level", "List", "--level", "Contact"),
        )

        assert json.loads(out)["levels"] == ["List", "Contact"]

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--account", "nobody", "--type", "email"],
            ["--account", "acme-shoes", "--type", "pigeon"],
            ["--account", "acme-shoes", "--type", "email", "--level", "God"],
            ["--account", "acme-shoes"],
        ],
    )
    def test_says_in_a_sentence_what_is_wrong(self, acme, arguments):
        with pytest.raises(CommandError) as said:
            run("create_integration", *arguments)

        assert "\n" not in str(said.value)
        with in_account(acme.pk):
            assert not ApiClient.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create_account", "Acme"], "--owner"),
        (["conversation", "export", "--account", "acme", "abc"], "'abc'"),
        (["create_integration", "--account", "acme", "--type", "email", "--color", "x"], "x"),
    ],
)
def test_wrong_arguments_are_one_sentence_without_usage(arguments, words, capsys):
    with pytest.raises(SystemExit) as left:
        execute_from_command_line(["manage.py", *arguments])

    said = capsys.readouterr()
    assert left.value.code == 2
    assert said.out == ""
    assert words in said.err
    assert said.err.startswith("CommandError: ")
    assert said.err.endswith(".\n")
    assert said.err.count("\n") == 1


@pytest.mark.django_db
def test_an_unknown_type_is_told_the_types_in_their_order(acme):
    with pytest.raises(CommandError, match="types email, sms, data, crosschannel, privacy, two"):
        run("create_integration", "--account", acme.slug, "--type", "fax")
