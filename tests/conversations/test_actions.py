"""Files applied, drafts saved, messages committed, versions published."""

from datetime import timedelta

import pytest

from accounts.actions import InvalidValueError
from conductor.conversations.actions import (
    ConversationChangedError,
    NotPublishedError,
    UnsoundConversationError,
    commit_message,
    create_conversation,
    delete_conversation,
    discard_draft,
    duplicate_conversation,
    exported,
    pause_conversation,
    problems_of,
    publish_conversation,
    resume_conversation,
    save_draft,
    status,
)
from conductor.conversations.actions.drafts import undo
from conductor.conversations.models import Conversation, Revision, Version
from conductor.conversations.writing import write_yaml
from contacts.models import Listener
from messaging.actions import save_message
from messaging.models import CommittedMessage
from tests.conversations.conftest import WINBACK, applied, parsed, winback
from tests.factories import ExternalEventFactory

DAY = timedelta(days=1)


def committed_ids(conversation):
    return {
        key: step["settings"]["committed_id"]
        for key, step in conversation.published.program["steps"].items()
        if "committed_id" in step["settings"]
    }


class TestCommits:
    def test_stay_when_the_saved_message_is_edited(self, published, store, now):
        save_message(
            list=store.list, message=store.message, name="We miss you", subject="New", now=now
        )

        again = applied(store, now, WINBACK).conversation

        assert again.commits == published.commits
        assert status(again, now=now) == "Active"

    def test_follow_with_commit_latest_which_is_not_kept(self, published, store, now):
        save_message(
            list=store.list, message=store.message, name="We miss you", subject="New", now=now
        )
        text = winback(
            **{"saved_message: We miss you": "saved_message: We miss you, commit: latest"}
        )

        again = applied(store, now, text).conversation

        assert again.commits["reminder"] != published.commits["reminder"]
        assert (
            CommittedMessage.objects.get(pk=again.commits["reminder"]).content["subject"] == "New"
        )
        assert "commit" not in write_yaml(exported(again))

    def test_are_made_when_the_step_names_another_message(self, published, store, now):
        other = save_message(
            list=store.list, name="Other", subject="Other", html="<p>O</p>", now=now
        )

        again = applied(store, now, winback(**{"We miss you": other.name})).conversation

        assert CommittedMessage.objects.get(pk=again.commits["reminder"]).name == "Other"

    def test_come_when_the_missing_message_does(self, store, now):
        missing = winback(**{"We miss you": "Later"})
        first = applied(store, now, missing)
        save_message(list=store.list, name="Later", subject="Later", html="<p>L</p>", now=now)

        again = applied(store, now, missing)

        assert [problem.code for problem in first.problems] == ["unknown_message"]
        assert again.problems == []

    def test_are_asked_for_by_hand_in_the_page(self, published, store, now):
        save_message(list=store.list, name="Other", subject="Other", html="<p>O</p>", now=now)
        drawn = parsed(winback(**{"We miss you": "Other"}))

        save_draft(conversation=published, document=drawn, now=now)

        assert [(found.step, found.code) for found in problems_of(published)] == [
            ("reminder", "never_committed")
        ]
        commit_message(conversation=published, step_key="reminder", now=now)
        assert problems_of(published) == []

    def test_have_what_the_step_changes_folded_in_at_publication(self, published, store, now):
        base = published.commits["reminder"]
        text = winback(
            **{"saved_message: We miss you": "saved_message: We miss you, subject: Mine"}
        )
        conversation = applied(store, now, text).conversation

        publish_conversation(conversation=conversation, now=now)

        sent = committed_ids(conversation)["reminder"]
        assert conversation.commits["reminder"] == base
        assert sent != base
        content = CommittedMessage.objects.get(pk=sent).content
        assert (content["subject"], content["from_name"]) == ("Mine", "Acme")

    def test_are_not_needed_for_a_text_of_the_steps_own(self, store, now):
        text = winback(**{"sms_message: Winback text": "text: Just this"})
        conversation = applied(store, now, text).conversation

        publish_conversation(conversation=conversation, now=now)

        sent = CommittedMessage.objects.get(pk=committed_ids(conversation)["text"])
        assert sent.content == {"text": "Just this", "media_url": ""}


class TestPublishConversation:
    def test_freezes_a_version_and_listens(self, published, store, ada):
        version = published.published

        assert version.number == 1
        assert [
            (row.kind, row.external_event_id) for row in Listener.objects.filter(role="trigger")
        ] == [("external_event", store.event.pk)]
        program = version.program
        assert program["reentry"] == {"kind": "after", "months": 0, "days": 90, "seconds": 0}
        assert program["triggers"][0]["next"] == "lapsed"
        assert program["steps"]["lapsed"]["exits"] == {"next": "text", "otherwise": None}
        text = program["steps"]["text"]["settings"]
        assert text["phone_list_id"] == store.phone_list.pk
        assert text["phone_field_id"] == store.mobile.pk
        assert program["steps"]["pause"]["settings"]["days"] == 3
        assert program["steps"]["end"]["exits"] == {}

    def test_changes_nothing_when_done_twice(self, published, now):
        again = publish_conversation(conversation=published, now=now + DAY)

        assert not again.changed
        assert Version.objects.count() == 1
        assert Version.objects.get().published_at == now

    def test_adds_a_version_and_listens_anew(self, published, store, now):
        other = ExternalEventFactory(list=store.list, name="Other")
        conversation = applied(store, now, winback(**{"Order Imported": "Other"})).conversation

        done = publish_conversation(conversation=conversation, now=now)

        assert (done.version.number, done.is_new) == (2, True)
        assert Listener.objects.get(role="trigger").external_event_id == other.pk
        assert status(conversation, now=now) == "Active"

    def test_refuses_a_draft_with_problems_and_changes_nothing(self, published, store, now):
        conversation = applied(store, now, winback(**{"We miss you": "Nothing"})).conversation

        with pytest.raises(UnsoundConversationError) as refused:
            publish_conversation(conversation=conversation, now=now)

        assert refused.value.problems[0].path == "threads[0].steps[4].message.saved_message"
        assert Version.objects.count() == 1
        assert Listener.objects.filter(role="trigger").count() == 1

    def test_resumes(self, published, now):
        pause_conversation(conversation=published, now=now)
        assert status(published, now=now) == "Paused"

        done = publish_conversation(conversation=published, now=now)

        assert (done.is_new, done.resumed) == (False, True)
        assert status(published, now=now) == "Active"

    def test_goes_round_only_with_a_wait(self, store, now):
        text = winback(
            **{
                "      - key: end\n": "      - key: back\n        go_to: {to: lapsed}\n      - key: end\n"
            }
        )
        conversation = applied(store, now, text).conversation

        publish_conversation(conversation=conversation, now=now)

        steps = conversation.published.program["steps"]
        assert {key for key, step in steps.items() if step["cyclic"]} == {
            "lapsed", "text", "pause", "reminder", "back",
        }  # fmt: skip


class TestPause:
    def test_keeps_the_first_date_and_the_listeners(self, published, now):
        pause_conversation(conversation=published, now=now)

        pause_conversation(conversation=published, now=now + DAY)

        published.refresh_from_db()
        assert published.paused_at == now
        assert Listener.objects.filter(role="trigger").count() == 1

    def test_needs_something_that_runs(self, store, now):
        conversation = applied(store, now).conversation

        with pytest.raises(NotPublishedError):
            pause_conversation(conversation=conversation, now=now)

    def test_ends_without_publishing_the_draft(self, published, store, now):
        pause_conversation(conversation=published, now=now)
        conversation = applied(store, now, winback(P3D="P7D")).conversation

        resume_conversation(conversation=conversation, now=now)

        assert Version.objects.count() == 1
        assert status(conversation, now=now) == "Edits Pending"


class TestStatus:
    def test_is_expired_from_its_date_on(self, store, now):
        text = winback(**{"threads:\n": "expires: 2026-11-20T00:00:00\nthreads:\n"})
        conversation = applied(store, now, text).conversation
        assert status(conversation, now=now) == "Draft"
        publish_conversation(conversation=conversation, now=now)

        # Midnight in New York.
        assert conversation.published.program["expires"] == "2026-11-20T05:00:00+00:00"
        assert status(conversation, now=now) == "Active"
        assert status(conversation, now=now + 2 * DAY) == "Expired"


class TestDrafts:
    def test_are_not_saved_over_somebody_elses_edit(self, store, now):
        conversation = create_conversation(list=store.list, name="Post Purchase", now=now)
        save_draft(conversation=conversation, document=parsed(WINBACK), now=now, revision=1)

        with pytest.raises(ConversationChangedError):
            save_draft(
                conversation=conversation, document=parsed(winback(P3D="P7D")), now=now, revision=1
            )

    def test_can_be_undone(self, store, now):
        conversation = create_conversation(list=store.list, name="Post Purchase", now=now)
        empty = conversation.draft
        save_draft(conversation=conversation, document=parsed(WINBACK), now=now)

        assert undo(conversation=conversation, now=now)

        assert conversation.draft == empty
        assert (conversation.revision, Revision.objects.count()) == (3, 0)
        assert not undo(conversation=conversation, now=now)

    def test_are_created_with_a_name_of_their_own(self, store, now):
        create_conversation(list=store.list, name="  Post   Purchase ", now=now)

        for name in ("Post Purchase", "", "x" * 121, "a\0b"):
            with pytest.raises(InvalidValueError):
                create_conversation(list=store.list, name=name, now=now)

    def test_can_be_copied(self, published, now):
        first = duplicate_conversation(conversation=published, now=now)
        second = duplicate_conversation(conversation=published, now=now)

        assert (first.name, second.name) == ("Copy of Post Purchase", "Copy of Post Purchase 2")
        assert first.draft["threads"] == published.draft["threads"]
        assert problems_of(first) == []
        assert status(first, now=now) == "Draft"

    def test_can_be_discarded_for_what_runs(self, published, store, now):
        conversation = applied(store, now, winback(P3D="P7D")).conversation

        discard_draft(conversation=conversation, now=now)

        assert status(conversation, now=now) == "Active"

    def test_are_deleted_only_if_they_never_ran(self, published, store, now):
        draft = create_conversation(list=store.list, name="Other", now=now)
        save_draft(
            conversation=draft, document=parsed(winback(**{"Post Purchase": "Mine"})), now=now
        )

        delete_conversation(conversation=draft, now=now)

        assert Conversation.objects.get() == published
        with pytest.raises(InvalidValueError):
            delete_conversation(conversation=published, now=now)
        with pytest.raises(InvalidValueError):
            discard_draft(
                conversation=duplicate_conversation(conversation=published, now=now), now=now
            )
