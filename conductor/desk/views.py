"""Pages that look across all apps."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from accounts.context import Frame, build_navigation, choose_list
from accounts.models import List
from accounts.permissions import AccountRequest, requires
from conductor.conversations.document import parse_document, parse_step
from conductor.conversations.drawing import card_text
from conductor.conversations.explaining import Place, ended_words, explain
from conductor.conversations.models import Conversation, Enrollment, Visit
from conductor.conversations.remarks import held_sentence
from conductor.desk.figures import figures
from conductor.desk.ids import sections
from conductor.desk.timeline import entered_words, timeline
from contacts.models import Contact, ExternalEvent, ProfileField, Subscription
from contacts.views.contacts import list_fields, matching
from messaging.models import Delivery, PhoneSubscription, SavedMessage

LATEST = 8
WAITS = frozenset({"wait", "wait_for"})
KINDS = [
    ("", "Everything"),
    ("messages", "Messages"),
    ("orders", "Orders"),
    ("events", "Events"),
    ("conversations", "Conversations"),
    ("subscriptions", "Subscriptions"),
]


@require_GET
@requires("view")
def home(request: AccountRequest) -> HttpResponse:
    """Answer "is everything going out, and is it working?" for the list in use."""
    in_list = Frame(request).list
    if in_list is None:
        return render(request, "desk/first.html", {"page_title": "Home"})
    request.list = in_list
    shown = figures(in_list=in_list, now=timezone.now())
    latest = (
        Delivery.objects.filter(list=in_list, is_test=False)
        .select_related("message")
        .order_by("-pk")[:LATEST]
    )
    return render(
        request,
        "desk/home.html#figures" if request.htmx else "desk/home.html",
        {
            "page_title": "Home",
            "figures": shown,
            "counted": shown.counted,
            "rows": [(one, conversation_url(request, one.conversation)) for one in shown.moving],
            "paused": sum(one.state == "Paused" for one in shown.moving),
            "deliveries_url": link(request, "messaging:deliveries", in_list.pk),
            "latest": list(latest),
            "steps": next_steps(request, in_list, shown.moving),
        },
    )


def next_steps(
    request: AccountRequest, in_list: List, moving: Iterable[Any]
) -> list[dict[str, Any]]:
    """Return what a new list still lacks, each with the page that mends it."""
    steps = [
        (
            Subscription.objects.filter(list=in_list).exists(),
            "Import your shoppers",
            "file-import",
            "contacts:imports",
        ),
        (
            ExternalEvent.objects.filter(list=in_list).exists(),
            "Name an external event",
            "bolt",
            "contacts:events",
        ),
        (
            SavedMessage.objects.filter(list=in_list).exists(),
            "Write a message",
            "mail",
            "messaging:saved_messages",
        ),
        (
            any(one.conversation.published_id for one in moving),
            "Draw and publish a conversation",
            "route",
            "conversations:conversations",
        ),
    ]
    return [
        {"words": words, "icon": icon, "url": link(request, view, in_list.pk)}
        for done, words, icon, view in steps
        if not done
    ]


@require_GET
@requires("view")
def contact(request: AccountRequest, list_id: int, contact_id: int) -> HttpResponse:
    """Show who somebody is, everything that happened, and where they are."""
    in_list = choose_list(request, list_id)
    person = get_object_or_404(Contact, pk=contact_id)
    kind = request.GET.get("show", "")
    before = parse_datetime(request.GET.get("before", "").replace(" ", "+"))
    moments, older = timeline(contact=person, in_list=in_list, before=aware(before), kind=kind)
    subscriptions = list(
        Subscription.objects.filter(contact=person).select_related("list").order_by("list__name")
    )
    subscription = next((one for one in subscriptions if one.list_id == in_list.pk), None)
    context = {
        "page_title": name_of(person),
        "breadcrumbs": [
            ("Contacts", reverse("contacts:contacts", args=[request.account.slug, list_id])),
            (name_of(person), ""),
        ],
        "contact": person,
        "subscription": subscription,
        "elsewhere": [one for one in subscriptions if one is not subscription],
        "profile": profile_of(in_list, subscription),
        "consents": consents_of(person),
        "moments": moments,
        "older": older.isoformat() if older else "",
        "kind": kind,
        "kinds": [(label, f"?show={value}", value == kind) for value, label in KINDS],
    }
    if request.htmx:
        return render(request, "desk/contact.html#moments", context)
    context["places"] = places_of(request, person)
    context["conversations"] = Conversation.objects.filter(
        list=in_list, rehearsal_of=None
    ).order_by("name")
    return render(request, "desk/contact.html", context)


@require_GET
@requires("view")
def why(request: AccountRequest, list_id: int, contact_id: int) -> HttpResponse:
    """Say why a contact is where it is in one conversation of the list, or is not in it."""
    in_list = choose_list(request, list_id)
    person = get_object_or_404(Contact, pk=contact_id)
    wanted = request.GET.get("conversation", "")
    conversations = Conversation.objects.filter(list=in_list, rehearsal_of=None)
    asked = get_object_or_404(conversations, pk=int(wanted) if wanted.isdecimal() else 0)
    told = explain(conversation=asked, contact=person, now=timezone.now())
    steps = step_names(asked)
    return render(
        request,
        "desk/why.html",
        {
            "page_title": f"Why? {asked.name}",
            "breadcrumbs": [
                ("Contacts", reverse("contacts:contacts", args=[request.account.slug, list_id])),
                (
                    name_of(person),
                    reverse("desk:contact", args=[request.account.slug, list_id, person.pk]),
                ),
                ("Why?", ""),
            ],
            "contact": person,
            "conversation": asked,
            "conversation_url": conversation_url(request, asked),
            "told": told,
            "step": steps.get(told.place.step_key, told.place.step_key) if told.place else "",
            **way_of(told.place, steps),
            "messages_told": [
                (steps.get(one.step_key, one.step_key), one) for one in told.messages
            ],
            "failures_told": [
                (steps.get(one.step_key, one.step_key), one) for one in told.failures
            ],
        },
    )


def way_of(place: Place | None, steps: Mapping[str, str]) -> dict[str, Any]:
    """Return how somebody who is inside came in, and the last steps that they have left."""
    if place is None:
        return {"came": "", "way": []}
    inside = Enrollment.objects.get(pk=place.enrollment_id)
    left = Visit.objects.filter(enrollment_id=inside.pk).order_by("-pk")[:LATEST]
    return {
        "came": entered_words(inside.entry_kind),
        "entered_at": inside.entered_at,
        "way": [(steps.get(one.step_key, one.step_key), one.left_at) for one in left],
    }


def step_names(shown: Conversation) -> dict[str, str]:
    """Return what the steps of a conversation are called, in the version that runs."""
    version = shown.published
    document = parse_document(version.document if version else shown.draft)
    steps = document.steps()
    return {key: card_text(step, steps) for key, step in steps.items()}


def aware(moment: datetime | None) -> datetime | None:
    """Return a moment of the address; one without its zone is passed over."""
    return moment if moment is not None and moment.tzinfo is not None else None


def name_of(person: Contact) -> str:
    """Return what a contact is called: the name, else an address."""
    name = f"{person.first_name} {person.last_name}".strip()
    return name or person.email or person.phone_e164 or f"Contact {person.pk}"


def profile_of(
    in_list: List, subscription: Subscription | None
) -> list[tuple[str, list[tuple[ProfileField, Any]]]]:
    """Return the profile's set values under their groups' names."""
    values = subscription.profile if subscription else {}
    groups: dict[str, list[tuple[ProfileField, Any]]] = {}
    for field in list_fields(in_list):
        if str(field.pk) in values:
            groups.setdefault(field.group.name, []).append((field, values[str(field.pk)]))
    return list(groups.items())


def consents_of(person: Contact) -> list[PhoneSubscription]:
    """Return the phone subscriptions of the contact's number, and those that name it."""
    found = PhoneSubscription.objects.select_related("phone_list__short_code")
    by_contact = found.filter(contact=person)
    if not person.phone_e164:
        return list(by_contact.order_by("pk"))
    by_number = found.filter(phone_e164=person.phone_e164)
    return sorted({*by_contact, *by_number}, key=lambda one: one.pk)


def places_of(request: AccountRequest, person: Contact) -> list[dict[str, Any]]:
    """Return the conversations that a contact is or was in: where, since, next."""
    inside = (
        Enrollment.objects.filter(contact_id=person.pk, conversation__rehearsal_of=None)
        .select_related("conversation", "version")
        .order_by("ended_at", "-entered_at")
    )
    return [
        {
            "enrollment": row,
            "step": step_name(row.version.document, row.step_key),
            "url": conversation_url(request, row.conversation),
            "name": name_of(person),
            "move_url": link(
                request, "conversations:move_people", row.list_id, row.conversation_id
            ),
            "waits": waits_at(row.version.document, row.step_key),
            "ended": ended_words(row.end_reason) if row.end_reason else "",
            "held": "" if row.ended_at else held_sentence(row.held_reason),
        }
        for row in inside[:20]
    ]


def step_name(document: dict[str, Any], key: str) -> str:
    """Return what a step is called in a version's file: its name, else what it does."""
    found = step_at(document, key)
    return key if found is None else card_text(parse_step(found), {})


def waits_at(document: dict[str, Any], key: str) -> bool:
    """Say whether a step of a version's file is a wait, which may be skipped."""
    found = step_at(document, key)
    return found is not None and not WAITS.isdisjoint(found)


def step_at(document: dict[str, Any], key: str) -> dict[str, Any] | None:
    """Return a step of a version's file, None where it is not there."""
    steps = (step for thread in document["threads"] for step in thread["steps"])
    return next((step for step in steps if step["key"] == key), None)


def conversation_url(request: AccountRequest, shown: Conversation) -> str:
    """Return the address of a conversation."""
    return link(request, "conversations:conversation", shown.list_id, shown.pk)


def link(request: AccountRequest, view: str, *args: object) -> str:
    """Return the address of a view in the account; "" where no app has such a page."""
    try:
        return reverse(view, args=[request.account.slug, *args])
    except NoReverseMatch:
        return ""


@require_GET
@requires("view")
def search(request: AccountRequest) -> HttpResponse:
    """Find pages, contacts, fields, messages and conversations by what is typed."""
    query = request.GET.get("q", "").strip()
    in_list = Frame(request).list
    groups = [("Pages", pages_found(request, in_list, query))]
    if query and in_list is not None:
        groups += found_on(request, in_list, query)
    return render(
        request,
        "desk/search.html",
        {"groups": [group for group in groups if group[1]], "query": query},
    )


def pages_found(
    request: AccountRequest, in_list: List | None, query: str
) -> list[tuple[str, str, str, str]]:
    """Return the navigation's links whose words contain the query."""
    items = [item for group in build_navigation(request, in_list) for item in group.items]
    return [
        (item.icon, item.label, "", item.url)
        for item in items
        if item.url and query.lower() in item.label.lower()
    ]


def found_on(
    request: AccountRequest, in_list: List, query: str
) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """Return what the list has under that name, five of a kind."""
    named = {"name__icontains": query}

    def at(view: str, *args: object) -> str:
        return link(request, view, in_list.pk, *args)

    people = Contact.objects.filter(pk__in=matching(query))[:5]
    conversations = Conversation.objects.filter(list=in_list, rehearsal_of=None, **named)[:5]
    saved = SavedMessage.objects.filter(list=in_list, **named)[:5]
    fields = ProfileField.objects.filter(list=in_list, **named).select_related("group")[:5]
    lists = List.objects.filter(**named)[:5]
    return [
        (
            "Contacts",
            [("users", name_of(one), one.email, at("desk:contact", one.pk)) for one in people],
        ),
        (
            "Conversations",
            [("route", one.name, "", conversation_url(request, one)) for one in conversations],
        ),
        (
            "Saved Messages",
            [("mail", one.name, one.subject, at("messaging:message", one.pk)) for one in saved],
        ),
        (
            "Profile Fields",
            [
                ("forms", f"{one.group.name}.{one.name}", "", at("contacts:group", one.group_id))
                for one in fields
            ],
        ),
        (
            "Lists",
            [("list", one.name, "", link(request, "contacts:contacts", one.pk)) for one in lists],
        ),
    ]


@require_GET
@requires("view")
def api_ids(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the ids that an integrator needs, and find them by name or number."""
    in_list = choose_list(request, list_id)
    query = request.GET.get("q", "").replace("\0", "").strip()[:120]
    return render(
        request,
        "desk/api_ids.html#ids" if request.htmx else "desk/api_ids.html",
        {
            "page_title": "API ID Information",
            "breadcrumbs": [("Help & Support", ""), ("API ID Information", "")],
            "query": query,
            "sections": sections(in_list, query),
            "base_url": request.build_absolute_uri("/").rstrip("/"),
        },
    )
