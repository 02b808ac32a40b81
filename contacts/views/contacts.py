"""Contacts of a list: found, added, changed; an event raised for one."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.models import List, User
from accounts.permissions import AccountRequest, requires
from contacts import actions
from contacts.actions.editing import update_contact
from contacts.durations import local_instant
from contacts.forms import ContactForm, RaiseEventForm, contact_initial
from contacts.identity import normalise_phone
from contacts.models import Contact, ProfileField, Subscription, SubscriptionState

PAGE = 50
COUNT_LIMIT = 10_000
# How the wire's field names are called in the forms of these pages.
FORM_NAMES = {
    "emailAddress": "email",
    "phoneNumber": "phone",
    "externalContactID": "external_id",
    "customerNumber": "external_id",
    "firstName": "first_name",
    "lastName": "last_name",
    "postalCode": "postal_code",
    "timeZone": "time_zone",
}


@require_GET
@requires("view")
def contacts(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the list's contacts, newest first; `q` finds by how an address begins."""
    in_list = choose_list(request, list_id)
    query, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    found = Subscription.objects.filter(list=in_list)
    if state in SubscriptionState.values:
        found = found.filter(state=state)
    if query:
        found = found.filter(contact__in=matching(query))
    counted = found[: COUNT_LIMIT + 1].count()
    before = request.GET.get("before", "")
    if before.isdecimal():
        found = found.filter(contact_id__lt=int(before))
    rows = list(found.select_related("contact").order_by("-contact_id")[: PAGE + 1])
    shown, more = rows[:PAGE], len(rows) > PAGE
    parameters = request.GET.copy()
    parameters.pop("before", None)
    first_url = f"{request.path}?{parameters.urlencode()}" if before else ""
    if more:
        parameters["before"] = str(shown[-1].contact_id)
    return render(
        request,
        "contacts/contacts.html",
        {
            "page_title": "Contacts",
            "breadcrumbs": [("Contacts", ""), (in_list.name, "")],
            "subscriptions": shown,
            "query": query,
            "state": state,
            "states": SubscriptionState.choices,
            "counted": counted_words(counted),
            "next_url": f"{request.path}?{parameters.urlencode()}" if more else "",
            "first_url": first_url,
        },
    )


def matching(query: str) -> QuerySet[Contact, Any]:
    """
    Return the ids of contacts whose email or number begins with what was typed.

    The bounds are compared, not LIKE: under row-level security only they use the index.
    """
    typed = query.lower()
    by_email = Q(email_norm__gte=typed, email_norm__lt=f"{typed}\U0010ffff")
    digits = "".join(char for char in query if char.isdecimal())
    rule = by_email | Q(external_id=query)
    if digits:
        plus = f"+{digits}"
        rule |= Q(phone_e164__gte=plus, phone_e164__lt=f"{plus}:")
        rule |= Q(phone_e164=national(query))
    return Contact.objects.filter(rule).values("pk")


def national(query: str) -> str:
    """Return a number typed without its country code in E.164; "-" if it is none."""
    try:
        return normalise_phone(query, "US")
    except InvalidValueError:
        return "-"


def counted_words(counted: int) -> str:
    """Say how many there are; beyond the limit nobody counts while a page waits."""
    if counted > COUNT_LIMIT:
        return f"More than {COUNT_LIMIT:,} contacts"
    return f"{counted:,} contact{'' if counted == 1 else 's'}"


def list_fields(in_list: List) -> QuerySet[ProfileField, ProfileField]:
    """Return the list's profile fields in the order of its groups."""
    return (
        ProfileField.objects.filter(list=in_list)
        .select_related("group")
        .order_by("group__position", "group_id", "position", "pk")
    )


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_contact(request: AccountRequest, list_id: int) -> HttpResponse:
    """Add one contact and subscribe it to the list."""
    in_list = choose_list(request, list_id)
    form = ContactForm(request.POST or None, profile_fields=list_fields(in_list))
    if request.method == "POST" and form.is_valid():
        try:
            contact = add_contact(request, in_list, form)
        except InvalidValueError as refused:
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, "Contact added.")
            return redirect("desk:contact", request.account.slug, list_id, contact.pk)
    return contact_page(request, form, "Add contact", in_list)


def add_contact(request: AccountRequest, in_list: List, form: ContactForm) -> Contact:
    """Subscribe the form's address and write down who it is."""
    now = timezone.now()
    result = actions.subscribe(
        list=in_list,
        email=form.cleaned_data["email"],
        now=now,
        method="Page",
        profile={field: value for field, value in form.profile().items() if value != ""},
        source="page",
    )
    contact: Contact = result.subscription.contact
    write_person(contact, form, now, request.user)
    return contact


def write_person(contact: Contact, form: ContactForm, now: datetime, by: User) -> None:
    """Write the person's own values."""
    update_contact(contact=contact, now=now, by=by, **form.person())


@require_http_methods(["GET", "POST"])
@requires("edit")
def edit_contact(request: AccountRequest, list_id: int, contact_id: int) -> HttpResponse:
    """Change who a contact is and its profile on the list."""
    in_list = choose_list(request, list_id)
    contact = get_object_or_404(Contact, pk=contact_id)
    subscription = Subscription.objects.filter(list=in_list, contact=contact).first()
    form = ContactForm(
        request.POST or None,
        initial=contact_initial(contact, subscription),
        profile_fields=list_fields(in_list) if subscription else [],
    )
    form.fields["email"].disabled = True
    form.fields["email"].required = False
    if request.method == "POST" and form.is_valid():
        try:
            now = timezone.now()
            write_person(contact, form, now, request.user)
            if subscription is not None:
                actions.set_profile(subscription=subscription, profile=form.profile(), now=now)
        except InvalidValueError as refused:
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, "Contact saved.")
            return redirect("desk:contact", request.account.slug, list_id, contact.pk)
    return contact_page(request, form, contact.email or contact.phone_e164, in_list, contact)


def contact_page(
    request: AccountRequest,
    form: ContactForm,
    title: str,
    in_list: List,
    contact: Contact | None = None,
) -> HttpResponse:
    """Answer with the form of a contact."""
    slug = request.account.slug
    index = reverse("contacts:contacts", args=[slug, in_list.pk])
    crumbs = [("Contacts", index), (title, "")]
    if contact is not None:
        here = reverse("desk:contact", args=[slug, in_list.pk, contact.pk])
        crumbs = [("Contacts", index), (title, here), ("Edit", "")]
    return render(
        request,
        "contacts/contact_form.html",
        {
            "page_title": title,
            "breadcrumbs": crumbs,
            "form": form,
            "contact": contact,
            "back": crumbs[-2][1],
        },
        status=422 if form.is_bound else 200,
    )


@require_http_methods(["GET", "POST"])
@requires("edit")
def raise_event(request: AccountRequest, list_id: int, contact_id: int) -> HttpResponse:
    """Raise an external event for one contact."""
    in_list = choose_list(request, list_id)
    contact = get_object_or_404(Contact, pk=contact_id)
    form = RaiseEventForm(request.POST or None, in_list=in_list)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            actions.raise_event(
                external_event=form.cleaned_data["event"],
                contact=contact,
                now=now,
                occurred_at=there(form.cleaned_data["occurred_at"], request) or now,
                properties=form.cleaned_data["properties"],
                source="page",
            )
        except InvalidValueError as refused:
            show_refusal(form, refused, {"occurredAt": "occurred_at", "event": "event"})
        else:
            messages.success(request, f"{form.cleaned_data['event']} raised.")
            return redirect("desk:contact", request.account.slug, list_id, contact.pk)
    return render(
        request,
        "contacts/raise_event.html",
        {
            "page_title": "Raise an event",
            "breadcrumbs": [
                ("Contacts", reverse("contacts:contacts", args=[request.account.slug, list_id])),
                (
                    contact.email or contact.phone_e164,
                    reverse("desk:contact", args=[request.account.slug, list_id, contact.pk]),
                ),
                ("Raise an event", ""),
            ],
            "form": form,
            "contact": contact,
        },
        status=422 if form.is_bound else 200,
    )


def there(wall: datetime | None, request: AccountRequest) -> datetime | None:
    """Return the instant at which the account's clocks show what was typed."""
    if wall is None:
        return None
    # The form gives the wall time as UTC, the zone that Django runs in.
    return local_instant(wall.astimezone(UTC).replace(tzinfo=None), request.account.zone)


@require_POST
@requires("edit")
def unsubscribe(request: AccountRequest, list_id: int, contact_id: int) -> HttpResponse:
    """Unsubscribe a contact from the list."""
    subscription = subscription_of(request, list_id, contact_id)
    actions.unsubscribe(
        list=subscription.list,
        contact=subscription.contact,
        now=timezone.now(),
        method="Page",
    )
    undo = reverse("contacts:resubscribe", args=[request.account.slug, list_id, contact_id])
    messages.success(request, "Unsubscribed from this list.", extra_tags=f"undo:{undo}")
    return redirect("desk:contact", request.account.slug, list_id, contact_id)


@require_POST
@requires("edit")
def resubscribe(request: AccountRequest, list_id: int, contact_id: int) -> HttpResponse:
    """Subscribe a contact to the list (again)."""
    in_list = choose_list(request, list_id)
    contact = get_object_or_404(Contact.objects.exclude(email_norm=""), pk=contact_id)
    actions.subscribe(
        list=in_list,
        contact=contact,
        now=timezone.now(),
        method="Page",
        override_unsubscribe=True,
        source="page",
    )
    messages.success(request, "Subscribed to this list.")
    return redirect("desk:contact", request.account.slug, list_id, contact_id)


def subscription_of(request: AccountRequest, list_id: int, contact_id: int) -> Subscription:
    """Return how a contact stands with the list, or 404."""
    in_list = choose_list(request, list_id)
    return get_object_or_404(
        Subscription.objects.select_related("contact", "list"),
        list=in_list,
        contact_id=contact_id,
    )
