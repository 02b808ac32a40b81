"""SMS messages: written, seen on a phone, tested."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.models import List
from accounts.permissions import AccountRequest, may, requires
from messaging import actions, wording
from messaging.actions.blanks import blanks_of_message
from messaging.forms import TEST_ID, NumberTestForm, SmsMessageForm, sms_message_initial
from messaging.models import PhoneList, PhoneSubscription, SmsMessage
from messaging.models.message import Channel
from messaging.previews import chosen_contact, contact_choices, preview_sms, trial_event
from messaging.views.phone_lists import find
from messaging.views.saved_messages import personalization
from messaging.views.short_codes import crumbs

MOST_NUMBERS = 50


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_sms_message(request: AccountRequest, list_id: int, phone_list_id: int) -> HttpResponse:
    """Write a text message on a phone list."""
    chosen = find(request, list_id, phone_list_id)
    return edit_page(request, choose_list(request, list_id), chosen, None)


@require_http_methods(["GET", "POST"])
@requires("view")
def sms_message(request: AccountRequest, list_id: int, message_id: int) -> HttpResponse:
    """Show a text message; who may edit changes it here."""
    if request.method == "POST" and not may(request.membership.role, "edit"):
        raise PermissionDenied
    in_list = choose_list(request, list_id)
    text = find_message(in_list, message_id)
    return edit_page(request, in_list, text.phone_list, text)


def find_message(in_list: List, message_id: int) -> SmsMessage:
    """Return a text message of the list, or 404."""
    found: SmsMessage = get_object_or_404(
        SmsMessage.objects.select_related("phone_list__short_code"),
        pk=message_id,
        phone_list__short_code__email_list=in_list,
    )
    return found


def edit_page(
    request: AccountRequest,
    in_list: List,
    phone_list: PhoneList,
    text: SmsMessage | None,
    test: NumberTestForm | None = None,
) -> HttpResponse:
    """Show the form of a text message, or store what was written; `test` is a refused test."""
    title = text.name if text else "Create SMS message"
    written = None if test else request.POST or None
    form = SmsMessageForm(written, initial=sms_message_initial(text))
    if form.is_bound and form.is_valid():
        try:
            kept = store(request, phone_list, text, form.cleaned_data)
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"SMS message {kept.name} saved.")
            return redirect("messaging:sms_message", request.account.slug, in_list.pk, kept.pk)
    return render(
        request,
        "messaging/sms_message.html",
        {
            "page_title": title,
            "breadcrumbs": [*crumbs(request, in_list.pk), (phone_list.name, ""), (title, "")],
            "form": form,
            "test": test or NumberTestForm(auto_id=TEST_ID),
            "text": text,
            "phone_list": phone_list,
            "contacts": contact_choices(in_list),
            "fields": personalization(in_list),
            "numbers": agreed_numbers(phone_list),
            **remarks(in_list, text),
            **shown_on_phone(
                in_list,
                phone_list.short_code.code,
                text=form["text"].value() or "",
                media_url=form["media_url"].value() or "",
                contact=request.GET.get("contact", ""),
            ),
        },
        status=422 if form.is_bound or test else 200,
    )


def remarks(in_list: List, text: SmsMessage | None) -> dict[str, Any]:
    """Return what was left empty of a stored text in messages that were sent."""
    if text is None:
        return {}
    name = SmsMessage.objects.values_list("name", flat=True).get(pk=text.pk)
    return {"blanks": blanks_of_message(in_list, Channel.SMS, name)}


def store(
    request: AccountRequest, phone_list: PhoneList, text: SmsMessage | None, given: dict[str, Any]
) -> SmsMessage:
    """Create or change a text message."""
    now = timezone.now()
    if text is None:
        return actions.create_sms_message(phone_list=phone_list, now=now, by=request.user, **given)
    return actions.update_sms_message(message=text, now=now, by=request.user, **given)


def agreed_numbers(phone_list: PhoneList) -> list[str]:
    """Return numbers that agreed to a phone list, the newest first: a test may go to them."""
    agreed = PhoneSubscription.objects.filter(phone_list=phone_list, state="Subscribed")
    return list(agreed.order_by("-pk").values_list("phone_e164", flat=True)[:MOST_NUMBERS])


def shown_on_phone(
    in_list: List, sender: str, *, text: str, media_url: str, contact: str
) -> dict[str, Any]:
    """Return what the phones show: the text filled in, its bubble, its segments, what is amiss."""
    shown = preview_sms(text, in_list=in_list, contact=chosen_contact(contact), now=timezone.now())
    words = shown.parts.get("text", "")
    return {
        "preview": shown,
        "warnings": wording.warnings_of({"text": text}, wording.names_of(in_list, Channel.SMS)),
        "sender": sender,
        "words": words,
        "bubbles": [{"way": "in", "text": words, "media_url": media_url}] if words else [],
    }


@require_POST
@requires("view")
def preview(request: AccountRequest, list_id: int) -> HttpResponse:
    """Answer the phones for a text that is being written; nothing is stored."""
    in_list = choose_list(request, list_id)
    media_url = request.POST.get("media_url", "")
    context = shown_on_phone(
        in_list,
        request.POST.get("sender", "")[:20],
        text=request.POST.get("text", "")[:1600],
        media_url=media_url if media_url.startswith("https://") else "",
        contact=request.POST.get("contact", ""),
    )
    return render(request, "messaging/sms_message.html#phones", context)


@require_POST
@requires("edit")
def test_sms_message(request: AccountRequest, list_id: int, message_id: int) -> HttpResponse:
    """Send one copy of a text message to one number that agreed to its list."""
    in_list = choose_list(request, list_id)
    text = find_message(in_list, message_id)
    form = NumberTestForm(request.POST, auto_id=TEST_ID)
    if not form.is_valid():
        return edit_page(request, in_list, text.phone_list, text, form)
    now = timezone.now()
    contact = chosen_contact(form.cleaned_data["contact"])
    try:
        message = actions.commit_sms(sms_message=text, phone_list=text.phone_list, now=now)
        delivery = actions.send_test_sms(
            message=message,
            phone_list=text.phone_list,
            number=form.cleaned_data["address"],
            contact=contact,
            event=trial_event(message, contact),
            now=now,
            by=request.user,
        )
    except InvalidValueError as refused:
        form.add_error("address", refused.message)
        return edit_page(request, in_list, text.phone_list, text, form)
    messages.success(request, f"A test is on its way to {delivery.address}.")
    return redirect("messaging:sms_message", request.account.slug, list_id, message_id)


@require_POST
@requires("edit")
def delete_sms_message(request: AccountRequest, list_id: int, message_id: int) -> HttpResponse:
    """Delete a text message; conversations keep what was committed of it."""
    text = find_message(choose_list(request, list_id), message_id)
    actions.delete_sms_message(message=text, now=timezone.now(), by=request.user)
    messages.success(request, f"SMS message {text.name} deleted.")
    return redirect("messaging:sms", request.account.slug, list_id)
