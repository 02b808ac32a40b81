"""Conversation files applied to a list, and given back whole."""

import pytest

from conductor.conversations.actions import document_of, exported, status
from conductor.conversations.models import Conversation
from conductor.conversations.reading import MalformedConversationError
from conductor.conversations.writing import write_yaml
from contacts.models import ExternalEvent, ProfileField
from messaging.models import SavedMessage, SmsMessage
from tests.conversations.conftest import applied, winback
from tests.factories import ListFactory

CONTENTS = """\
messages:
  - saved_message: Come home
    subject: Come back
    from_name: Acme
    from_email: shop@acme.example
    html: <p>Hi</p>
sms_messages:
  - sms_message: Home text
    text: 10% off. Reply STOP to end.
fields:
  - {field: Extra.Mobile, type: Text}
events:
  - Came Back
"""


def whole_file():
    """A file that brings along all that its steps use."""
    return (
        winback(
            **{
                "We miss you": "Come home",
                "Winback text": "Home text",
                "Profile.Mobile": "Extra.Mobile",
                "Order Imported": "Came Back",
            }
        )
        + CONTENTS
    )


class TestApplyFile:
    def test_makes_a_conversation_without_problems(self, store, now):
        done = applied(store, now)

        assert done.is_new
        assert done.problems == []
        assert done.created == []
        assert set(done.conversation.commits) == {"text", "reminder"}

    def test_replaces_the_draft_of_the_same_name(self, store, now):
        first = applied(store, now).conversation

        again = applied(store, now, winback(P3D="P7D"))

        assert not again.is_new
        assert again.conversation.pk == first.pk
        assert Conversation.objects.count() == 1
        assert document_of(again.conversation).steps()["pause"].config.for_ == "P7D"

    def test_creates_what_is_missing_and_says_so(self, store, now):
        done = applied(store, now, whole_file())

        assert done.problems == []
        assert done.created == [
            {"field": "Extra.Mobile"},
            {"event": "Came Back"},
            {"saved_message": "Come home"},
            {"sms_message": "Home text"},
        ]
        assert SmsMessage.objects.get(name="Home text").phone_list == store.phone_list
        assert ProfileField.objects.filter(group__name="Extra", name="Mobile").exists()
        assert ExternalEvent.objects.filter(name="Came Back").exists()

    def test_creates_nothing_twice_and_changes_nothing_that_exists(self, store, now):
        applied(store, now, whole_file())

        again = applied(store, now, whole_file().replace("subject: Come back", "subject: Other"))

        assert again.created == []
        assert SavedMessage.objects.get(name="Come home").subject == "Come back"

    def test_gives_a_whole_canonical_file_back_byte_for_byte(self, store, now):
        done = applied(store, now, whole_file())

        assert write_yaml(exported(done.conversation)) == whole_file()

    def test_keeps_a_text_whose_phone_list_is_missing_for_later(self, store, now):
        text = whole_file().replace('"54321"', '"99999"')

        done = applied(store, now, text)

        assert {problem.code for problem in done.problems} == {"unknown_short_code"}
        assert exported(done.conversation)["sms_messages"] == [
            {"sms_message": "Home text", "text": "10% off. Reply STOP to end."}
        ]

    def test_refuses_another_lists_file(self, store, now):
        other = ListFactory(name="Elsewhere")

        with pytest.raises(MalformedConversationError) as refused:
            applied(store, now, winback(**{"Store Customers": other.name}))

        assert refused.value.faults[0].path == "list"

    def test_stores_nothing_if_a_template_does_not_compile(self, store, now):
        text = whole_file().replace("<p>Hi</p>", "'{% if %}'")

        with pytest.raises(MalformedConversationError) as refused:
            applied(store, now, text)

        assert refused.value.faults[0].path == "messages[0].html"
        assert not Conversation.objects.exists()
        assert not ExternalEvent.objects.filter(name="Came Back").exists()

    def test_leaves_the_running_version_alone(self, published, store, now):
        before = published.published.document

        applied(store, now, winback(P3D="P7D"))

        published.refresh_from_db()
        assert published.published.document == before
        assert status(published, now=now) == "Edits Pending"
