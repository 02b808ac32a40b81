"""`manage.py conversation`."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.tenancy import in_account
from conductor.conversations.models import Conversation
from conductor.conversations.writing import write_json
from tests.conversations.conftest import WINBACK, parsed, winback
from tests.factories import ListFactory


def run(*args):
    """Run the command; return what it wrote to stdout and stderr."""
    out, err = StringIO(), StringIO()
    try:
        call_command("conversation", *args, stdout=out, stderr=err)
    except CommandError as refused:
        return out.getvalue(), err.getvalue(), str(refused)
    return out.getvalue(), err.getvalue(), ""


@pytest.fixture
def winback_file(tmp_path):
    path = tmp_path / "winback.yaml"
    path.write_text(WINBACK, encoding="utf-8")
    return path


class TestApply:
    def test_prints_json_alone(self, store, winback_file):
        out, err, refused = run("apply", "--account", "acme-shoes", str(winback_file))

        assert (err, refused) == ("", "")
        answer = json.loads(out)
        assert list(answer) == [
            "conversation_id", "conversation", "is_new", "status", "version", "problems", "created",
        ]  # fmt: skip
        assert (answer["status"], answer["version"], answer["problems"]) == ("Draft", None, [])

    def test_publishes(self, store, winback_file):
        out, _, _ = run("apply", "--account", "acme-shoes", str(winback_file), "--publish")

        assert (json.loads(out)["status"], json.loads(out)["version"]) == ("Active", 1)

    def test_tells_every_fault_and_stores_nothing(self, store, winback_file):
        winback_file.write_text(winback(P3D="P9Y", P60D="never"))

        out, err, refused = run("apply", "--account", "acme-shoes", str(winback_file))

        assert out == ""
        assert "threads[0].steps[3].wait.for: " in err
        assert "threads[0].steps[1].filter.not.purchase.within: " in err
        assert refused.startswith("The file is malformed: threads[0].steps[1].filter")
        assert not Conversation.objects.exists()

    def test_keeps_a_file_with_problems_as_a_draft(self, store, winback_file):
        winback_file.write_text(winback(**{"We miss you": "Nothing"}))

        out, _, refused = run("apply", "--account", "acme-shoes", str(winback_file))

        assert refused == ""
        assert json.loads(out)["problems"] == [
            {
                "path": "threads[0].steps[4].message.saved_message",
                "thread": "Winback",
                "step": "reminder",
                "code": "unknown_message",
                "text": "There is no message named “Nothing” on this list.",
            }
        ]

    @pytest.mark.parametrize(
        ("args", "sentence"),
        [
            (["apply", "--account", "nobody", "x.yaml"], "There is no account nobody."),
            (["apply", "--account", "acme-shoes", "/nowhere.yaml"], "cannot be read"),
            (["export", "--account", "acme-shoes", "999"], "has no conversation 999"),
        ],
    )
    def test_says_one_sentence_when_it_cannot(self, store, args, sentence):
        out, _, refused = run(*args)

        assert out == ""
        assert sentence in refused

    def test_needs_a_list_of_the_account(self, store, winback_file):
        winback_file.write_text(winback(**{"list: Store Customers\n": ""}))
        assert (
            "does not say which list"
            in run("apply", "--account", "acme-shoes", str(winback_file))[2]
        )

        winback_file.write_text(winback(**{"Store Customers": "Nowhere"}))
        assert (
            "no list named Nowhere" in run("apply", "--account", "acme-shoes", str(winback_file))[2]
        )


class TestApplyPublish:
    def test_changes_nothing_where_there_are_problems(self, acme, tmp_path, transactional_db):
        with in_account(acme.pk):
            ListFactory(name="Store Customers")
        path = tmp_path / "winback.yaml"
        path.write_text(WINBACK)

        out, err, refused = run("apply", "--account", "acme-shoes", str(path), "--publish")

        assert out == ""
        assert "unknown_event" not in err
        assert "There is no event named “Order Imported” on this list." in err
        assert refused.startswith("Nothing was published or stored: ")
        with in_account(acme.pk):
            assert not Conversation.objects.exists()


class TestExport:
    def test_gives_back_what_was_applied(self, store, winback_file):
        applied = json.loads(run("apply", "--account", "acme-shoes", str(winback_file))[0])

        out, err, refused = run(
            "export", "--account", "acme-shoes", str(applied["conversation_id"])
        )

        assert (err, refused) == ("", "")
        assert out.startswith(WINBACK)
        again = winback_file.with_name("again.yaml")
        again.write_text(out)
        second = json.loads(run("apply", "--account", "acme-shoes", str(again))[0])
        assert run("export", "--account", "acme-shoes", str(second["conversation_id"]))[0] == out

    def test_writes_json_of_the_same_structure(self, store, winback_file):
        applied = json.loads(run("apply", "--account", "acme-shoes", str(winback_file))[0])

        out, _, _ = run(
            "export", "--account", "acme-shoes", str(applied["conversation_id"]), "--format", "json"
        )

        assert write_json(parsed(out).write()) == out
