"""Phone lists: made, changed, and who agreed to them."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from contacts.identity import normalise_phone
from messaging import actions
from messaging.actions import Consent
from messaging.forms import PhoneListForm, SubscribePhoneForm, phone_list_initial
from messaging.models import PhoneList, PhoneSubscription, ShortCode, SmsMessage
from messaging.models.sms import PhoneSubscriptionState
from messaging.views.short_codes import crumbs

PAGE = 50
FORM_NAMES = {"phoneNumber": "phone"}


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_phone_list(request: AccountRequest, list_id: int, short_code_id: int) -> HttpResponse:
    """Create a phone list of a short code."""
    in_list = choose_list(request, list_id)
    code = get_object_or_404(ShortCode, pk=short_code_id, email_list=in_list)
    return edit_page(request, list_id, code, None)


@require_http_methods(["GET", "POST"])
@requires("edit")
def edit_phone_list(request: AccountRequest, list_id: int, phone_list_id: int) -> HttpResponse:
    """Change a phone list."""
    changed = find(request, list_id, phone_list_id)
    return edit_page(request, list_id, changed.short_code, changed)


def find(request: AccountRequest, list_id: int, phone_list_id: int) -> PhoneList:
    """Return a phone list of the list's short codes, or 404."""
    in_list = choose_list(request, list_id)
    found: PhoneList = get_object_or_404(
        PhoneList.objects.select_related("short_code"),
        pk=phone_list_id,
        short_code__email_list=in_list,
    )
    return found


def edit_page(
    request: AccountRequest, list_id: int, code: ShortCode, phone_list: PhoneList | None
) -> HttpResponse:
    """Show the form of a phone list, or store what was written in it."""
    form = PhoneListForm(request.POST or None, initial=phone_list_initial(phone_list))
    title = f"Edit {phone_list.name}" if phone_list else "Create phone list"
    if request.method == "POST" and form.is_valid():
        try:
            kept = store(request, code, phone_list, form.cleaned_data)
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"Phone list {kept.name} saved.")
            return redirect("messaging:phone_list", request.account.slug, list_id, kept.pk)
    return render(
        request,
        "messaging/phone_list_form.html",
        {
            "page_title": title,
            "breadcrumbs": [*crumbs(request, list_id), (code.code, ""), (title, "")],
            "form": form,
            "code": code,
        },
        status=422 if form.is_bound else 200,
    )


def store(
    request: AccountRequest,
    code: ShortCode,
    phone_list: PhoneList | None,
    given: dict[str, Any],
) -> PhoneList:
    """Create or change a phone list."""
    now = timezone.now()
    if phone_list is None:
        return actions.create_phone_list(short_code=code, now=now, by=request.user, **given)
    return actions.update_phone_list(phone_list=phone_list, now=now, by=request.user, **given)


@require_GET
@requires("view")
def phone_list(request: AccountRequest, list_id: int, phone_list_id: int) -> HttpResponse:
    """Show a phone list: its numbers with their consents, and its messages."""
    shown = find(request, list_id, phone_list_id)
    return show_page(request, list_id, shown, SubscribePhoneForm())


def show_page(
    request: AccountRequest, list_id: int, shown: PhoneList, form: SubscribePhoneForm
) -> HttpResponse:
    """Show a phone list with the form that adds a number."""
    found = PhoneSubscription.objects.filter(phone_list=shown)
    state = request.GET.get("state", "")
    if state in PhoneSubscriptionState.values:
        found = found.filter(state=state)
    before = request.GET.get("before", "")
    page = found.filter(pk__lt=int(before)) if before.isdecimal() else found
    rows = list(page.select_related("contact").order_by("-pk")[: PAGE + 1])
    parameters = f"state={state}&" if state else ""
    return render(
        request,
        "messaging/phone_list.html",
        {
            "page_title": shown.name,
            "breadcrumbs": [
                *crumbs(request, list_id),
                (shown.short_code.code, ""),
                (shown.name, ""),
            ],
            "phone_list": shown,
            "subscriptions": rows[:PAGE],
            "texts": SmsMessage.objects.filter(phone_list=shown).order_by("name"),
            "form": form,
            "state": state,
            "states": PhoneSubscriptionState.choices,
            "subscribed": PhoneSubscription.objects.filter(
                phone_list=shown, state=PhoneSubscriptionState.SUBSCRIBED
            ).count(),
            "first_url": f"{request.path}?{parameters}" if before else "",
            "next_url": (
                f"{request.path}?{parameters}before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
            ),
        },
        status=422 if form.is_bound else 200,
    )


@require_POST
@requires("edit")
def subscribe(request: AccountRequest, list_id: int, phone_list_id: int) -> HttpResponse:
    """Add a number, with the evidence of its consent."""
    chosen = find(request, list_id, phone_list_id)
    form = SubscribePhoneForm(request.POST)
    with timezone.override(request.account.zone):
        is_valid = form.is_valid()
    if is_valid:
        try:
            added = add(request, chosen, form.cleaned_data)
        except InvalidValueError as refused:
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, f"{added.phone_e164} is {added.state}.")
            return redirect("messaging:phone_list", request.account.slug, list_id, phone_list_id)
    return show_page(request, list_id, chosen, form)


def add(request: AccountRequest, chosen: PhoneList, given: dict[str, Any]) -> PhoneSubscription:
    """Record a consent."""
    now = timezone.now()
    consent = Consent(
        source=given["consent_source"],
        text=given["consent_text"],
        at=given["consent_at"] or now,
    )
    return actions.subscribe_phone(
        phone_list=chosen,
        phone_e164=normalise_phone(given["phone"], chosen.short_code.country),
        consent=consent,
        now=now,
        by=request.user,
    )


@require_POST
@requires("edit")
def unsubscribe(request: AccountRequest, list_id: int, phone_list_id: int) -> HttpResponse:
    """Record that a number wants no more messages of this phone list."""
    chosen = find(request, list_id, phone_list_id)
    subscription = get_object_or_404(
        PhoneSubscription,
        pk=request.POST.get("subscription", "0") if is_number(request) else 0,
        phone_list=chosen,
    )
    actions.unsubscribe_phone(
        phone_list=chosen,
        phone_e164=subscription.phone_e164,
        reason="Admin",
        now=timezone.now(),
        by=request.user,
    )
    messages.success(request, f"{subscription.phone_e164} gets no more messages of {chosen.name}.")
    return redirect("messaging:phone_list", request.account.slug, list_id, phone_list_id)


def is_number(request: AccountRequest) -> bool:
    """Say whether the form names a subscription by a number."""
    return request.POST.get("subscription", "").isdecimal()
