"""The ids by which the API names what a list has, found by name or number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import List
from conductor.conversations.models import Conversation
from contacts.models import ExternalEvent, ProfileField, ProfileFieldGroup, Segment
from messaging.models import PhoneList, SavedMessage, ShortCode, SmsMessage

# So many of a kind are shown; the rest is searched for.
MOST = 200
LONGEST_NUMBER = 18


@dataclass(frozen=True)
class Row:
    """One thing: its name, what else is worth knowing, its id."""

    name: str
    note: str
    number: int


@dataclass(frozen=True)
class Section:
    """Things of one kind; `label` is what the id is called, `is_cut` whether there are more."""

    title: str
    label: str
    rows: Sequence[Row]
    is_cut: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of thing: where it is, by which columns it is named, and how it is written."""

    title: str
    label: str
    things: Callable[[List], "QuerySet[Any]"]
    write: Callable[[Any], tuple[str, str]]
    by: tuple[str, ...] = ("name",)


def named(thing: Any) -> tuple[str, str]:
    """Write what has a name and nothing else."""
    return thing.name, ""


KINDS = (
    Kind("Lists", "List ID", lambda _: List.objects.order_by("name", "pk"), named),
    Kind(
        "Profile Field Groups",
        "Group ID",
        lambda in_list: ProfileFieldGroup.objects.filter(list=in_list).order_by("name", "pk"),
        named,
    ),
    Kind(
        "Profile Fields",
        "Profile Field ID",
        lambda in_list: (
            ProfileField.objects.filter(list=in_list)
            .select_related("group")
            .order_by("group__name", "position", "pk")
        ),
        lambda field: (f"{field.group.name}.{field.name}", field.get_data_type_display()),
        ("name", "group__name"),
    ),
    Kind(
        "External Events",
        "Event ID",
        lambda in_list: ExternalEvent.objects.filter(list=in_list).order_by("name", "pk"),
        named,
    ),
    Kind(
        "Saved Messages",
        "Message ID",
        lambda in_list: SavedMessage.objects.filter(list=in_list).order_by("name", "pk"),
        named,
    ),
    Kind(
        "Conversations",
        "Conversation ID",
        lambda in_list: Conversation.objects.filter(list=in_list, rehearsal_of=None).order_by(
            "name", "pk"
        ),
        named,
    ),
    Kind(
        "Segments",
        "Saved Audience ID",
        lambda in_list: Segment.objects.filter(list=in_list).order_by("name", "pk"),
        named,
    ),
    Kind(
        "Short Codes",
        "Short Code ID",
        lambda in_list: ShortCode.objects.filter(email_list=in_list).order_by("code"),
        lambda code: (code.code, code.country),
        ("code",),
    ),
    Kind(
        "Phone Lists",
        "Phone List ID",
        lambda in_list: (
            PhoneList.objects.filter(short_code__email_list=in_list)
            .select_related("short_code")
            .order_by("short_code__code", "name")
        ),
        lambda phones: (phones.name, f"{phones.short_code.code}, {phones.kind}"),
        ("name", "short_code__code"),
    ),
    Kind(
        "SMS Messages",
        "SMS Message ID",
        lambda in_list: (
            SmsMessage.objects.filter(phone_list__short_code__email_list=in_list)
            .select_related("phone_list")
            .order_by("phone_list__name", "name")
        ),
        lambda message: (message.name, message.phone_list.name),
        ("name", "phone_list__name"),
    ),
)


def sections(in_list: List, query: str) -> list[Section]:
    """
    Return what a list has by kind, and the account's lists; with a query what it finds alone.

    A query finds names that contain it, `Group.Field` too, and the id that it is.
    """
    shown = [_section(kind, in_list, query) for kind in KINDS]
    return [section for section in shown if section.rows] if query else shown


def _section(kind: Kind, in_list: List, query: str) -> Section:
    things = kind.things(in_list)
    if query:
        things = things.filter(_found(kind, query))
    rows = [Row(*kind.write(thing), thing.pk) for thing in things[: MOST + 1]]
    return Section(kind.title, kind.label, rows[:MOST], is_cut=len(rows) > MOST)


def _found(kind: Kind, query: str) -> Q:
    found = Q()
    for column in kind.by:
        found |= Q(**{f"{column}__icontains": query})
    group, dot, name = query.partition(".")
    if dot and "group__name" in kind.by:
        found |= Q(group__name__iendswith=group, name__istartswith=name)
    if query.isascii() and query.isdecimal() and len(query) <= LONGEST_NUMBER:
        found |= Q(pk=int(query))
    return found
