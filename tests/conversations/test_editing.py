"""Edits of a draft, as the builder makes them."""

import pytest

from accounts.actions import InvalidValueError
from conductor.conversations import editing
from conductor.conversations.actions import (
    ConversationChangedError,
    create_conversation,
    document_of,
    problems_of,
)
from conductor.conversations.actions.drafts import undo
from conductor.conversations.reading import MalformedConversationError
from conductor.steps import step_types
from messaging.models import CommittedMessage
from tests.conversations.conftest import applied


@pytest.fixture
def drawn(store, now):
    """WINBACK as a draft."""
    return applied(store, now).conversation


def keys(conversation):
    return list(document_of(conversation).steps())


class TestAddThread:
    def test_gives_it_a_trigger_and_an_end(self, store, now):
        conversation = create_conversation(list=store.list, name="New", now=now)

        first = editing.add_thread(conversation=conversation, name=" Winback ", now=now, revision=1)

        thread = document_of(conversation).threads[0]
        assert thread.name == "Winback"
        assert [step.kind for step in thread.steps] == ["trigger", "terminate"]
        assert thread.steps[0].key == first.key
        assert [problem.code for problem in problems_of(conversation)] == ["empty_setting"]

    def test_refuses_a_name_that_is_taken(self, drawn, now):
        with pytest.raises(InvalidValueError):
            editing.add_thread(conversation=drawn, name="Winback", now=now, revision=1)


class TestThreads:
    def test_are_renamed_and_removed(self, drawn, now):
        editing.rename_thread(
            conversation=drawn, thread="Winback", name="Second try", now=now, revision=1
        )
        assert document_of(drawn).threads[0].name == "Second try"

        editing.remove_thread(conversation=drawn, thread="Second try", now=now, revision=2)
        assert document_of(drawn).threads == []

    def test_keep_the_commits_when_renamed(self, drawn, now):
        commits = dict(drawn.commits)

        editing.rename_thread(conversation=drawn, thread="Winback", name="W", now=now, revision=1)

        assert drawn.commits == commits

    def test_must_be_there(self, drawn, now):
        with pytest.raises(InvalidValueError):
            editing.remove_thread(conversation=drawn, thread="Other", now=now, revision=1)


class TestAddStep:
    @pytest.mark.parametrize("kind", sorted(set(step_types()) - {"trigger"}))
    def test_adds_every_kind_empty_and_tells_what_is_missing(self, drawn, now, kind):
        added = editing.add_step(conversation=drawn, after="lapsed", kind=kind, now=now, revision=1)

        assert keys(drawn)[1:4] == ["lapsed", added.key, "text"]
        codes = [problem.code for problem in problems_of(drawn) if problem.step == added.key]
        assert codes == ([] if kind == "terminate" else ["empty_setting"] * len(codes))
        assert kind == "terminate" or codes

    @pytest.mark.parametrize(
        ("after", "kind"),
        [("end", "wait"), ("nowhere", "wait"), ("text", "trigger"), ("text", "x")],
    )
    def test_refuses_what_makes_no_thread(self, drawn, now, after, kind):
        with pytest.raises(InvalidValueError):
            editing.add_step(conversation=drawn, after=after, kind=kind, now=now, revision=1)

    def test_refuses_an_older_revision(self, drawn, now):
        editing.add_step(conversation=drawn, after="text", kind="wait", now=now, revision=1)

        with pytest.raises(ConversationChangedError):
            editing.add_step(conversation=drawn, after="text", kind="wait", now=now, revision=1)


class TestChangeStep:
    def test_changes_settings_and_keeps_name_and_exits(self, drawn, now):
        editing.change_step(
            conversation=drawn,
            key="lapsed",
            settings={"purchase": {"within": "P30D"}},
            exits={"otherwise": "pause"},
            now=now,
            revision=1,
        )

        step = document_of(drawn).steps()["lapsed"]
        assert step.config.rule == {"purchase": {"within": "P30D"}}
        assert (step.name, step.exits) == ("No order for 60 days", {"otherwise": "pause"})

    def test_says_where_a_setting_is_wrong(self, drawn, now):
        with pytest.raises(MalformedConversationError) as refused:
            editing.change_step(
                conversation=drawn, key="pause", settings={"for": "soon"}, now=now, revision=1
            )

        assert [fault.path for fault in refused.value.faults] == ["wait.for"]
        assert document_of(drawn).steps()["pause"].config.for_ == "P3D"

    def test_commits_a_text_message_at_once(self, drawn, now):
        settings = document_of(drawn).steps()["text"].config.write()
        editing.change_step(
            conversation=drawn,
            key="text",
            settings={**settings, "sms_message": ""},
            now=now,
            revision=1,
        )
        assert "text" not in drawn.commits

        editing.change_step(conversation=drawn, key="text", settings=settings, now=now, revision=2)

        assert CommittedMessage.objects.get(pk=drawn.commits["text"]).name == "Winback text"
        assert problems_of(drawn) == []


class TestRemoveAndMove:
    def test_removes_a_step(self, drawn, now):
        editing.remove_step(conversation=drawn, key="text", now=now, revision=1)

        assert keys(drawn) == ["start", "lapsed", "pause", "reminder", "end"]
        assert set(drawn.commits) == {"reminder"}

    def test_moves_a_step(self, drawn, now):
        editing.move_step(conversation=drawn, key="pause", after="reminder", now=now, revision=1)
        assert keys(drawn) == ["start", "lapsed", "text", "reminder", "pause", "end"]

        editing.move_step(conversation=drawn, key="pause", after="start", now=now, revision=2)
        assert keys(drawn) == ["start", "pause", "lapsed", "text", "reminder", "end"]

    @pytest.mark.parametrize("key", ["start", "end", "nowhere"])
    def test_keeps_the_ends_of_a_thread(self, drawn, now, key):
        with pytest.raises(InvalidValueError):
            editing.remove_step(conversation=drawn, key=key, now=now, revision=1)
        with pytest.raises(InvalidValueError):
            editing.move_step(conversation=drawn, key=key, after="text", now=now, revision=1)

    def test_puts_nothing_behind_the_end(self, drawn, now):
        with pytest.raises(InvalidValueError):
            editing.move_step(conversation=drawn, key="text", after="end", now=now, revision=1)

    def test_is_undone_edit_by_edit(self, drawn, now):
        before = drawn.draft
        editing.remove_step(conversation=drawn, key="text", now=now, revision=1)
        editing.remove_step(conversation=drawn, key="pause", now=now, revision=2)

        undo(conversation=drawn, now=now)
        assert keys(drawn) == ["start", "lapsed", "pause", "reminder", "end"]
        undo(conversation=drawn, now=now)
        assert drawn.draft == before
        assert set(drawn.commits) == {"text", "reminder"}


class TestSetSettings:
    def test_changes_and_resets(self, drawn, now):
        editing.set_settings(
            conversation=drawn,
            settings={"reentry": "unlimited", "conversation": "Other", "time_zone": "contact"},
            now=now,
            revision=1,
        )
        assert drawn.name == "Other"
        assert drawn.draft["reentry"] == "unlimited"

        editing.set_settings(
            conversation=drawn, settings={"reentry": None, "time_zone": None}, now=now, revision=2
        )
        assert not {"reentry", "time_zone"} & drawn.draft.keys()

    def test_refuses_what_no_file_may_have(self, drawn, now):
        for settings in ({"reentry": "often"}, {"colour": "red"}, {"time_zone": "Mars/Base"}):
            with pytest.raises(MalformedConversationError):
                editing.set_settings(conversation=drawn, settings=settings, now=now, revision=1)
