"""Saved messages: written, previewed for a contact, tested."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.models import List
from accounts.permissions import AccountRequest, may, requires
from contacts.models import ProfileField
from messaging import actions, figures, wording
from messaging.actions.blanks import blanks_of_message
from messaging.actions.commits import OVERRIDABLE
from messaging.actions.messages import CONTENT
from messaging.forms import TEST_ID, SavedMessageForm, TestForm, message_initial
from messaging.models import SavedMessage
from messaging.models.message import Channel
from messaging.previews import (
    Preview,
    chosen_contact,
    contact_choices,
    preview_email,
    trial_event,
)

# A mail brings its own styles, and never a script.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src https: http: data: 'self'; style-src 'unsafe-inline' https:; font-src https: data:; "
    "frame-ancestors 'self'"
)
PLAIN = "<body style='font:15px/1.5 sans-serif;padding:16px;white-space:pre-wrap'>{text}</body>"
FAULT = (
    "<body style='margin:16px;font:15px/1.5 sans-serif'><p style='margin:0;padding:12px 16px;"
    "border:1px solid #e6a9a4;border-radius:8px;background:#fdf1f0;color:#8f1d14'>{text}</p></body>"
)
OPEN_LINKS_APART = "<base target='_blank'>"


@require_GET
@requires("view")
def saved_messages(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the list's saved messages."""
    in_list = choose_list(request, list_id)
    query = request.GET.get("q", "").strip()
    found = SavedMessage.objects.filter(list=in_list).order_by("name", "pk")
    if query:
        found = found.filter(name__icontains=query)
    return render(
        request,
        "messaging/saved_messages.html",
        {
            "page_title": "Saved Messages",
            "breadcrumbs": [("Authoring", ""), ("Saved Messages", "")],
            "saved": found.only("pk", "name", "subject", "from_name", "mjml", "modified_at")[:500],
            "query": query,
        },
    )


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_message(request: AccountRequest, list_id: int) -> HttpResponse:
    """Write a saved message."""
    return edit_page(request, choose_list(request, list_id), None)


@require_http_methods(["GET", "POST"])
@requires("view")
def message(request: AccountRequest, list_id: int, message_id: int) -> HttpResponse:
    """Show a saved message; who may edit changes it here."""
    in_list = choose_list(request, list_id)
    saved = get_object_or_404(SavedMessage, pk=message_id, list=in_list)
    if request.method == "POST" and not may(request.membership.role, "edit"):
        raise PermissionDenied
    return edit_page(request, in_list, saved)


def edit_page(
    request: AccountRequest,
    in_list: List,
    saved: SavedMessage | None,
    test: TestForm | None = None,
) -> HttpResponse:
    """Show the editor, or store what was written in it; `test` is a refused test."""
    written = None if test else request.POST or None
    form = SavedMessageForm(written, initial=message_initial(saved))
    if form.is_bound and form.is_valid():
        try:
            kept = actions.save_message(
                list=in_list,
                name=form.cleaned_data["name"],
                message=saved,
                now=timezone.now(),
                by=request.user,
                **form.content(),
            )
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"Message {kept.name} saved.{unknown_words(in_list, kept)}")
            return redirect("messaging:message", request.account.slug, in_list.pk, kept.pk)
    title = saved_name(saved)
    return render(
        request,
        "messaging/message.html",
        {
            "page_title": title,
            "breadcrumbs": [*crumbs(request, in_list.pk), (title, "")],
            "form": form,
            "test": test or TestForm(initial={"address": request.user.email}, auto_id=TEST_ID),
            "message": saved,
            "contacts": contact_choices(in_list),
            "fields": personalization(in_list),
            "body_target": "#id_mjml" if form["kind"].value() == "mjml" else "#id_html",
            "preview": saved_preview(request, in_list, saved),
            **remarks(in_list, saved),
            **came_of(saved),
        },
        status=422 if form.is_bound or test else 200,
    )


def remarks(in_list: List, saved: SavedMessage | None) -> dict[str, Any]:
    """Return what a stored message names and there is not, and what was left empty of it."""
    if saved is None:
        return {}
    return {
        "warnings": unknown_names(in_list, vars(saved)),
        "blanks": blanks_of_message(in_list, Channel.EMAIL, saved_name(saved)),
    }


def unknown_names(in_list: List, content: Mapping[str, Any]) -> Sequence[wording.Warned]:
    """Return what an email names and there is not."""
    return wording.warnings_of(content, wording.names_of(in_list, Channel.EMAIL))


def unknown_words(in_list: List, saved: SavedMessage) -> str:
    """Say, behind that a message was saved, how many names in it there are not."""
    count = len(unknown_names(in_list, vars(saved)))
    if not count:
        return ""
    return f" {count} name{'' if count == 1 else 's'} in it {'is' if count == 1 else 'are'} not known: see its preview."


def came_of(saved: SavedMessage | None) -> dict[str, Any]:
    """Return what came of all that was ever committed of a message."""
    if saved is None:
        return {}
    found = figures.of_saved_message(saved)
    return {"figures": figures.bars(found, Channel.EMAIL), "revenue": found}


def saved_name(saved: SavedMessage | None) -> str:
    """Return the stored name: the form's may have been refused."""
    if saved is None:
        return "Create message"
    return SavedMessage.objects.values_list("name", flat=True).get(pk=saved.pk)


def crumbs(request: AccountRequest, list_id: int) -> list[tuple[str, str]]:
    """Return the way to the page."""
    url = reverse("messaging:saved_messages", args=[request.account.slug, list_id])
    return [("Authoring", ""), ("Saved Messages", url)]


def personalization(in_list: List) -> list[tuple[str, str]]:
    """Return what can be inserted into a message: label and template."""
    own = [
        ("First name", "{{ contact.first_name | default('there') }}"),
        ("Last name", "{{ contact.last_name }}"),
        ("Email", "{{ contact.email }}"),
        ("List name", "{{ list.name }}"),
        ("Today's date", "{{ now | date('%B %-d, %Y') }}"),
        ("A value of the event", "{{ event.total | money }}"),
        ("Order number", "{{ order.order_number }}"),
        ("Order total", "{{ order.order_total | money }}"),
        ("Coupon code", "{{ coupon }}"),
    ]
    fields = ProfileField.objects.filter(list=in_list).select_related("group")
    return own + [
        (f"{field.group.name}.{field.name}", profile_template(field))
        for field in fields.order_by("group__position", "group__name", "position", "name")[:100]
    ]


def profile_template(field: ProfileField) -> str:
    """Return the template that shows a profile field."""
    name = f"{field.group.name}.{field.name}".replace("\\", "\\\\").replace('"', '\\"')
    shown = f'fields["{name}"]'
    return f"{{{{ {shown} | date }}}}" if field.data_type == "Date" else f"{{{{ {shown} }}}}"


def saved_preview(
    request: AccountRequest, in_list: List, saved: SavedMessage | None
) -> Preview | None:
    """Return a stored message as the chosen contact would see it."""
    if saved is None:
        return None
    contact = chosen_contact(request.GET.get("contact", ""))
    return preview_email(content_of(saved), in_list=in_list, contact=contact, now=timezone.now())


def content_of(saved: SavedMessage) -> dict[str, str]:
    """Return the parts of a stored message; its HTML is compiled already."""
    return {name: getattr(saved, name) for name in ("name", *OVERRIDABLE, "html", "text")}


@require_GET
@requires("view")
def message_html(request: AccountRequest, list_id: int, message_id: int) -> HttpResponse:
    """Answer a message's HTML alone, for a frame, as `?contact=` would see it."""
    in_list = choose_list(request, list_id)
    saved = get_object_or_404(SavedMessage, pk=message_id, list=in_list)
    shown = saved_preview(request, in_list, saved)
    return mail_page(shown or Preview())


@require_POST
@requires("view")
def preview(request: AccountRequest, list_id: int) -> HttpResponse:
    """Answer the HTML of a message that is being written; nothing is stored."""
    in_list = choose_list(request, list_id)
    return mail_page(written_preview(request, in_list, written(request)))


@require_POST
@requires("view")
def preview_words(request: AccountRequest, list_id: int) -> HttpResponse:
    """Answer what stands around that HTML: what is wrong, names that there are not, the subject."""
    in_list = choose_list(request, list_id)
    content = written(request)
    return render(
        request,
        "messaging/message.html#words",
        {
            "preview": written_preview(request, in_list, content),
            "warnings": unknown_names(in_list, content),
            "form": SavedMessageForm(request.POST),
            "is_fresh": True,
        },
    )


def written(request: AccountRequest) -> dict[str, str]:
    """Return the parts of the message that is being written."""
    content = {name: request.POST.get(name, "") for name in SavedMessageForm.base_fields}
    if content["kind"] != "mjml":
        content["mjml"] = ""
    return content


def written_preview(request: AccountRequest, in_list: List, content: Mapping[str, str]) -> Preview:
    """Return the message that is being written as the chosen contact would see it."""
    contact = chosen_contact(request.POST.get("contact", ""))
    return preview_email(content, in_list=in_list, contact=contact, now=timezone.now())


def mail_page(shown: Preview) -> HttpResponse:
    """Answer a mail as a page of its own, under its own policy."""
    if shown.fault:
        html = FAULT.format(text=escape(shown.fault))
    elif shown.parts.get("html"):
        html = shown.parts["html"]
    else:
        html = PLAIN.format(text=escape(shown.parts.get("text", "")))
    return framed(html)


def framed(html: str) -> HttpResponse:
    """Answer HTML that somebody wrote: no scripts, no origin, links in a new window."""
    response = HttpResponse(f"<!doctype html>{OPEN_LINKS_APART}{html}")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@require_POST
@requires("edit")
def test_message(request: AccountRequest, list_id: int, message_id: int) -> HttpResponse:
    """Send one copy of a saved message to one address."""
    in_list = choose_list(request, list_id)
    saved = get_object_or_404(SavedMessage, pk=message_id, list=in_list)
    form = TestForm(request.POST, auto_id=TEST_ID)
    if not form.is_valid():
        return edit_page(request, in_list, saved, form)
    try:
        delivery = send_test(request, saved, form.cleaned_data)
    except InvalidValueError as refused:
        form.add_error("address", refused.message)
        return edit_page(request, in_list, saved, form)
    messages.success(request, f"A test is on its way to {delivery.address}.")
    return redirect("messaging:message", request.account.slug, list_id, message_id)


def send_test(request: AccountRequest, saved: SavedMessage, given: dict[str, Any]) -> Any:
    """Commit the message as it is and queue one copy, marked as a test."""
    now = timezone.now()
    message = actions.commit_email(saved_message=saved, now=now)
    contact = chosen_contact(given["contact"])
    return actions.send_test_email(
        message=message,
        address=given["address"],
        contact=contact,
        event=trial_event(message, contact),
        now=now,
        by=request.user,
    )


@require_POST
@requires("edit")
def copy_message(request: AccountRequest, list_id: int, message_id: int) -> HttpResponse:
    """Make a second message of the same content."""
    in_list = choose_list(request, list_id)
    saved = get_object_or_404(SavedMessage, pk=message_id, list=in_list)
    content = {name: getattr(saved, name) for name in CONTENT}
    if saved.mjml:
        content.pop("html")
    else:
        content.pop("mjml")
    copied = actions.save_message(
        list=in_list,
        name=free_name(in_list, saved.name),
        now=timezone.now(),
        by=request.user,
        **content,
    )
    messages.success(request, f"Message {copied.name} created.")
    return redirect("messaging:message", request.account.slug, list_id, copied.pk)


def free_name(in_list: List, name: str) -> str:
    """Return a name for a copy that no message of the list has."""
    taken = set(SavedMessage.objects.filter(list=in_list).values_list("name", flat=True))
    number = 2
    while f"{name[:110]} ({number})" in taken:
        number += 1
    return f"{name[:110]} ({number})"


@require_POST
@requires("edit")
def delete_message(request: AccountRequest, list_id: int, message_id: int) -> HttpResponse:
    """Delete a saved message; conversations keep what was committed of it."""
    in_list = choose_list(request, list_id)
    saved = get_object_or_404(SavedMessage, pk=message_id, list=in_list)
    actions.delete_message(message=saved, now=timezone.now(), by=request.user)
    messages.success(request, f"Message {saved.name} deleted.")
    return redirect("messaging:saved_messages", request.account.slug, list_id)
