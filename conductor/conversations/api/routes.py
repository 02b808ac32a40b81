"""What routes on one conversation share: their addresses, and which one and which version is meant."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, TypeVar

from accounts.models import List
from accounts.wire import (
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    WireIn,
    WireRequest,
    found,
)
from conductor.conversations.models import Conversation, Version

F = TypeVar("F", bound=Callable[..., Any])


class VersionQuery(WireIn):
    """Which version: `published`, or a number."""

    version: str = ""


def by_id(frame: Frame, method: str, path: str, **demands: Any) -> Callable[[F], F]:
    """Declare a route on `Conversation/{id}`, which also answers below the conversation's list."""

    def declare(view: F) -> F:
        whole = f"/Conversation/{{conversation_id}}{path}"
        frame.route(method, f"/List/{{list_id}}{whole}", **demands, in_schema=False)(
            _below_list(view)
        )
        return frame.route(method, whole, **demands)(view)

    return declare


def _below_list(view: Callable[..., Any]) -> Callable[..., Any]:
    """Give a view the list's id as well: a conversation of another list is not found there."""

    @wraps(view)
    def routed(request: WireRequest, list_id: int, conversation_id: int, **given: Any) -> Any:
        in_list = found(List.objects.all(), pk=list_id)
        found(Conversation.objects.filter(list=in_list), pk=conversation_id)
        return view(request, conversation_id, **given)

    request, *rest = signature(view).parameters.values()
    list_id = Parameter("list_id", Parameter.POSITIONAL_OR_KEYWORD, annotation=Id)
    routed.__signature__ = Signature([request, list_id, *rest])  # type: ignore[attr-defined]
    return routed


def found_conversation(conversation_id: int) -> Conversation:
    """Return a conversation, or answer 404: a test run is none."""
    drawn = Conversation.objects.filter(rehearsal_of=None).select_related("list", "published")
    return found(drawn, pk=conversation_id)


def version_of(conversation: Conversation, wanted: str) -> Version | None:
    """Return the version that a query names; None where it names none."""
    if not wanted:
        return None
    if wanted.lower() == "published":
        version: Version | None = conversation.published
        if version is None:
            raise NotFoundError
        return version
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 9:
        raise InvalidParameterError("version")
    return found(Version.objects.filter(conversation=conversation), number=int(wanted))
