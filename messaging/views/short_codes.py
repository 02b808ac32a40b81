"""SMS: the list's short codes, their phone lists and messages on one page."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.models import List
from accounts.permissions import AccountRequest, may, requires
from contacts.models import DataType, ProfileField
from messaging import actions
from messaging.forms import ShortCodeForm, short_code_initial
from messaging.models import PhoneList, ShortCode, SmsMessage


@require_GET
@requires("view")
def sms(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the list's short codes, each with its phone lists, and its SMS messages."""
    in_list = choose_list(request, list_id)
    phones = PhoneList.objects.filter(short_code__email_list=in_list).annotate(
        subscribed=Count("subscriptions", filter=Q(subscriptions__state="Subscribed"))
    )
    by_code: dict[int, list[PhoneList]] = {}
    for phone_list in phones.order_by("name"):
        by_code.setdefault(phone_list.short_code_id, []).append(phone_list)
    codes = ShortCode.objects.filter(email_list=in_list).order_by("code")
    return render(
        request,
        "messaging/sms.html",
        {
            "page_title": "SMS",
            "breadcrumbs": [("Authoring", ""), ("SMS", "")],
            "codes": [(code, by_code.get(code.pk, [])) for code in codes],
            "texts": SmsMessage.objects.filter(phone_list__short_code__email_list=in_list)
            .select_related("phone_list")
            .order_by("name")[:500],
        },
    )


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_short_code(request: AccountRequest, list_id: int) -> HttpResponse:
    """Create a short code paired with the list."""
    return edit_page(request, choose_list(request, list_id), None)


@require_http_methods(["GET", "POST"])
@requires("view")
def short_code(request: AccountRequest, list_id: int, short_code_id: int) -> HttpResponse:
    """Show a short code; who may edit changes it here."""
    in_list = choose_list(request, list_id)
    code = get_object_or_404(ShortCode, pk=short_code_id, email_list=in_list)
    if request.method == "POST" and not may(request.membership.role, "edit"):
        raise PermissionDenied
    return edit_page(request, in_list, code)


def edit_page(request: AccountRequest, in_list: List, code: ShortCode | None) -> HttpResponse:
    """Show the form of a short code, or store what was written in it."""
    form = ShortCodeForm(
        request.POST or None,
        initial=short_code_initial(code),
        phone_fields=ProfileField.objects.filter(
            list=in_list, data_type__in=[DataType.TEXT, DataType.NUMERIC]
        ).select_related("group"),
    )
    title = code.code if code else "Create short code"
    if request.method == "POST" and form.is_valid():
        try:
            kept = store(request, in_list, code, form)
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"Short code {kept.code} saved.")
            return redirect("messaging:sms", request.account.slug, in_list.pk)
    return render(
        request,
        "messaging/short_code.html",
        {
            "page_title": title,
            "breadcrumbs": [*crumbs(request, in_list.pk), (title, "")],
            "form": form,
            "code": code,
        },
        status=422 if form.is_bound else 200,
    )


def store(
    request: AccountRequest, in_list: List, code: ShortCode | None, form: ShortCodeForm
) -> ShortCode:
    """Create or change a short code."""
    now = timezone.now()
    if code is None:
        return actions.create_short_code(
            email_list=in_list, now=now, by=request.user, **form.values()
        )
    actions.update_short_code(short_code=code, now=now, by=request.user, **form.values())
    return code


def crumbs(request: AccountRequest, list_id: int) -> list[tuple[str, str]]:
    """Return the way to the page."""
    url = reverse("messaging:sms", args=[request.account.slug, list_id])
    return [("Authoring", ""), ("SMS", url)]
