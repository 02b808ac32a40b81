"""Publish, pause, resume; what differs, and whom it concerns."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.permissions import AccountRequest, may, requires
from conductor.conversations.actions import (
    NotPublishedError,
    UnsoundConversationError,
    discard_draft,
    pause_conversation,
    publish_conversation,
    resume_conversation,
)
from conductor.conversations.differences import find_differences
from conductor.conversations.drawing import thread_slugs
from conductor.conversations.models import Version
from conductor.conversations.problems import Problem
from conductor.conversations.standing import inside_by_version
from conductor.conversations.views.finding import Opened, clock, open_conversation


def plan(opened: Opened) -> dict[str, Any]:
    """Return what publishing would change, and who is inside."""
    conversation = opened.conversation
    inside = inside_by_version(conversation.pk)
    versions = Version.objects.filter(pk__in=inside).order_by("number")
    slugs = {name: slug for slug, name in thread_slugs(opened.document).items()}
    places = {
        step.key: f"step {number}, {step.name or step.type.label}"
        for thread in opened.document.threads
        for number, step in enumerate(thread.steps, 1)
    }

    def grouped(found: Iterable[Problem]) -> list[dict[str, Any]]:
        """Say each thing once, with every place where it holds."""
        groups: dict[tuple[str, str, bool], list[dict[str, Any]]] = {}
        for problem in found:
            slug, place = slugs.get(problem.thread, ""), places.get(problem.step, "")
            row = {"problem": problem, "slug": slug, "place": place}
            groups.setdefault((problem.code, problem.text, bool(place)), []).append(row)
        return [
            {
                "code": code,
                "text": text,
                "rows": rows,
                # A place to open, where the text names nothing else to do.
                "leads_away": not has_place or (len(rows) == 1 and code != "no_postal_address"),
            }
            for (code, text, has_place), rows in groups.items()
        ]

    def cautions() -> list[dict[str, Any]]:
        """Look at the messages only for the page that shows what is found."""
        return grouped((*opened.warnings, *opened.cautions))

    return {
        **opened.context(now=clock()),
        "differences": find_differences(conversation),
        "inside": [
            {"number": number, "people": inside[pk]}
            for pk, number in versions.values_list("pk", "number")
        ],
        "next_number": (conversation.published.number if conversation.published else 0) + 1,
        "problems": opened.problems,
        "problem_groups": grouped(opened.problems),
        "cautions": cautions,
    }


@require_GET
@requires("view")
def problems(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """List what keeps the draft from being published, each with its place."""
    opened = open_conversation(request, list_id, conversation_id)
    return render(
        request,
        "conversations/problems.html",
        {
            **plan(opened),
            "page_title": "Problems",
            "breadcrumbs": opened.crumbs(("Problems", "")),
        },
    )


@require_GET
@requires("view")
def differences(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Show what the draft changes in what runs."""
    opened = open_conversation(request, list_id, conversation_id)
    return render(
        request,
        "conversations/differences.html",
        {
            **plan(opened),
            "page_title": "Differences",
            "breadcrumbs": opened.crumbs(("Differences", "")),
        },
    )


@require_http_methods(["GET", "POST"])
@requires("view")
def publication(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Say what publishing would do; do it."""
    opened = open_conversation(request, list_id, conversation_id)
    if request.method == "POST":
        if not may(request.membership.role, "publish"):
            raise PermissionDenied
        try:
            done = publish_conversation(
                conversation=opened.conversation, now=clock(), by=request.user
            )
        except UnsoundConversationError:
            return _show(request, opened, status=422)
        text = f"Version {done.version.number} is live." if done.changed else "Nothing to publish."
        messages.success(request, text)
        return opened.to("conversation")
    return _show(request, opened)


def _show(request: AccountRequest, opened: Opened, *, status: int = 200) -> HttpResponse:
    context = {
        **plan(opened),
        "page_title": f"Publish {opened.conversation.name}",
        "breadcrumbs": opened.crumbs(("Publish", "")),
    }
    return render(request, "conversations/publication.html", context, status=status)


@require_POST
@requires("publish")
def pause(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Hold the conversation."""
    opened = open_conversation(request, list_id, conversation_id)
    try:
        pause_conversation(conversation=opened.conversation, now=clock(), by=request.user)
    except NotPublishedError:
        messages.error(request, "This conversation was never published.")
    else:
        messages.success(request, "Paused: nobody enters or moves on until you resume.")
    return opened.to("conversation")


@require_POST
@requires("publish")
def resume(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Let the conversation go on."""
    opened = open_conversation(request, list_id, conversation_id)
    resume_conversation(conversation=opened.conversation, now=clock(), by=request.user)
    messages.success(request, "Resumed.")
    return opened.to("conversation")


@require_POST
@requires("edit")
def discard(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Throw the edits since the last publication away."""
    opened = open_conversation(request, list_id, conversation_id)
    try:
        discard_draft(conversation=opened.conversation, now=clock(), by=request.user)
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        opened.done("Edits discarded.")
    return opened.to("conversation")
