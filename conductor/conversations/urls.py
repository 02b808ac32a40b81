"""Addresses of conversations and the builder."""

from django.urls import path

from conductor.conversations.views import (
    builder,
    held,
    listing,
    people,
    previews,
    publication,
    rehearsals,
    rules,
    segments,
    steps,
)

LIST = "a/<slug:account>/lists/<int:list_id>/conversations/"
ONE = f"{LIST}<int:conversation_id>/"
THREAD = f"{ONE}threads/<slug:thread>/"
STEP = f"{THREAD}steps/<slug:key>/"
SEGMENTS = "a/<slug:account>/lists/<int:list_id>/segments/"
SEGMENT = f"{SEGMENTS}<int:segment_id>/"

app_name = "conversations"
urlpatterns = [
    path(LIST, listing.conversations, name="conversations"),
    path(f"{LIST}new/", listing.new_conversation, name="new_conversation"),
    path(f"{LIST}import/", listing.import_conversation, name="import_conversation"),
    path(f"{LIST}rule/", rules.check, name="check_rule"),
    path(ONE, builder.conversation, name="conversation"),
    path(f"{ONE}settings/", builder.settings, name="settings"),
    path(f"{ONE}export/", listing.export, name="export"),
    path(f"{ONE}duplicate/", listing.duplicate, name="duplicate"),
    path(f"{ONE}delete/", listing.delete, name="delete"),
    path(f"{ONE}undo/", builder.undo, name="undo"),
    path(f"{ONE}problems/", publication.problems, name="problems"),
    path(f"{ONE}differences/", publication.differences, name="differences"),
    path(f"{ONE}publication/", publication.publication, name="publication"),
    path(f"{ONE}pause/", publication.pause, name="pause"),
    path(f"{ONE}resume/", publication.resume, name="resume"),
    path(f"{ONE}discard/", publication.discard, name="discard"),
    path(f"{ONE}held/", held.held, name="held"),
    path(f"{ONE}held/settle/", held.settle, name="settle_held"),
    path(f"{ONE}people/", people.people, name="people"),
    path(f"{ONE}people/move/", people.move, name="move_people"),
    path(f"{ONE}people/enter/", people.enter, name="enter_people"),
    path(f"{ONE}tester/", rehearsals.tester, name="tester"),
    path(f"{ONE}tester/<int:run_id>/", rehearsals.rehearsal, name="rehearsal"),
    path(f"{ONE}tester/<int:run_id>/remove/", rehearsals.forget, name="forget_rehearsal"),
    path(f"{ONE}threads/new/", builder.new_thread, name="new_thread"),
    path(THREAD, builder.thread, name="thread"),
    path(f"{THREAD}counts/", builder.counts, name="counts"),
    path(f"{THREAD}rename/", builder.rename_thread, name="rename_thread"),
    path(f"{THREAD}remove/", builder.remove_thread, name="remove_thread"),
    path(STEP, steps.step, name="step"),
    path(f"{STEP}chooser/", steps.chooser, name="chooser"),
    path(f"{STEP}after/", steps.add, name="add_step"),
    path(f"{STEP}remove/", steps.remove, name="remove_step"),
    path(f"{STEP}move/", steps.move, name="move_step"),
    path(f"{STEP}preview/", previews.preview, name="preview_step"),
    path(f"{STEP}mail/", previews.mail, name="step_mail"),
    path(SEGMENTS, segments.segments, name="segments"),
    path(f"{SEGMENTS}new/", segments.new_segment, name="new_segment"),
    path(f"{SEGMENTS}new-by-hand/", segments.new_manual_segment, name="new_manual_segment"),
    path(SEGMENT, segments.segment, name="segment"),
    path(f"{SEGMENT}edit/", segments.edit_segment, name="edit_segment"),
    path(f"{SEGMENT}delete/", segments.delete_segment, name="delete_segment"),
    path(f"{SEGMENT}count/", segments.count_segment, name="count_segment"),
    path(f"{SEGMENT}members/add/", segments.add_members, name="add_members"),
    path(f"{SEGMENT}members/remove/", segments.remove_member, name="remove_member"),
]
