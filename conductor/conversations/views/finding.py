"""What every page of one conversation begins with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from accounts.context import choose_list
from accounts.models import List
from accounts.permissions import AccountRequest, may
from conductor.conversations.actions import status
from conductor.conversations.actions.errands import is_under_way
from conductor.conversations.cautions import find_cautions
from conductor.conversations.document import Document, StepNode, ThreadNode, parse_document
from conductor.conversations.drawing import thread_slugs
from conductor.conversations.models import Conversation
from conductor.conversations.names import ListNames
from conductor.conversations.problems import Problem, find_problems, find_warnings

CHANGED = "Somebody changed this conversation meanwhile. Look at it again, then repeat your change."


@dataclass
class Opened:
    """A conversation of a list, opened by a request; everything is read once."""

    request: AccountRequest
    in_list: List
    conversation: Conversation
    # A published version's document instead of the draft.
    shown: dict[str, Any] | None = field(default=None)

    @cached_property
    def document(self) -> Document:
        """The draft, or the version that is shown."""
        return parse_document(self.conversation.draft if self.shown is None else self.shown)

    @cached_property
    def names(self) -> ListNames:
        """The names of the list."""
        return ListNames(self.in_list, zone=self.document.heading.time_zone)

    @cached_property
    def problems(self) -> list[Problem]:
        """What keeps the draft from being published."""
        return find_problems(self.document, self.names, self.conversation.commits)

    @cached_property
    def warnings(self) -> list[Problem]:
        """What looks wrong but runs."""
        return find_warnings(self.document)

    @cached_property
    def cautions(self) -> list[Problem]:
        """What its messages say that the marketer should know of."""
        return find_cautions(self.document, self.names, self.conversation.commits)

    def thread(self, slug: str) -> ThreadNode:
        """Return the thread that an address names, or 404."""
        name = thread_slugs(self.document).get(slug)
        for thread in self.document.threads:
            if thread.name == name:
                return thread
        raise Http404

    def step(self, key: str) -> StepNode:
        """Return the step that an address names, or 404."""
        found = self.document.steps().get(key)
        if found is None:
            raise Http404
        return found

    def url(self, name: str, *args: Any) -> str:
        """Return the address of a page of this conversation."""
        return reverse(
            f"conversations:{name}",
            args=[self.request.account.slug, self.in_list.pk, self.conversation.pk, *args],
        )

    def to(self, name: str, *args: Any) -> HttpResponseRedirect:
        """Answer with another page of this conversation."""
        return redirect(self.url(name, *args))

    def crumbs(self, *more: tuple[str, str]) -> Sequence[tuple[str, str]]:
        """Return the breadcrumbs."""
        listing = reverse(
            "conversations:conversations", args=[self.request.account.slug, self.in_list.pk]
        )
        own = self.url("conversation") if more else ""
        return [
            ("Authoring", ""),
            ("Conductor", ""),
            ("Conversations", listing),
            (self.conversation.name, own),
            *more,
        ]

    def context(self, *, now: datetime) -> dict[str, Any]:
        """Return what the head of every page of the conversation shows."""
        return {
            "conversation": self.conversation,
            "state": status(self.conversation, now=now),
            "page_title": self.conversation.name,
            "breadcrumbs": self.crumbs(),
        }

    def undo_tag(self) -> str:
        """Return the tag that gives a toast its *Undo*."""
        return f"undo:{self.url('undo')}"

    def done(self, text: str) -> None:
        """Say what was done, with a way back."""
        messages.success(self.request, text, extra_tags=self.undo_tag())


def open_conversation(request: AccountRequest, list_id: int, conversation_id: int) -> Opened:
    """Return the conversation of a list that an address names, or 404."""
    in_list = choose_list(request, list_id)
    conversation = get_object_or_404(
        Conversation.objects.select_related("published", "list"),
        pk=conversation_id,
        list=in_list,
        rehearsal_of=None,
    )
    return Opened(request, in_list, conversation)


def require_edit(request: AccountRequest) -> None:
    """Refuse who may only look."""
    if not may(request.membership.role, "edit"):
        raise PermissionDenied


def revision_of(request: AccountRequest) -> int:
    """Return the draft's revision that the page showed; 0, which never is, without one."""
    written = request.POST.get("revision", "")
    return int(written) if written.isdecimal() and len(written) < 10 else 0


def clock() -> datetime:
    """Return the moment of a request."""
    return timezone.now()


def contacts(count: int) -> str:
    """Say how many they are: "1 contact", "2,310 contacts"."""
    return f"{count:,} contact{'' if count == 1 else 's'}"


def follow(conversation: Conversation) -> str:
    """Say, behind a count, that it is being done to more; "" where that is all."""
    return " More follow in the next minutes." if is_under_way(conversation) else ""
