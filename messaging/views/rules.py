"""Sending Rules: the account's hours, caps and limits; and who would get a message now."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, may, requires
from messaging.actions.audience import count_emails, count_texts
from messaging.actions.rules import add_cap, remove_cap, set_rules
from messaging.law import Law, laws
from messaging.models import FrequencyCap, PhoneList, SendingRules
from messaging.rule_forms import CapForm, RulesForm, rules_initial

DAYS = (("Monday to Friday", 0), ("Saturday", 5), ("Sunday", 6))


@require_http_methods(["GET", "POST"])
@requires("view")
def sending_rules(request: AccountRequest) -> HttpResponse:
    """Show the account's rules; who may edit changes them here."""
    if request.method == "POST" and not may(request.membership.role, "edit"):
        raise PermissionDenied
    form = RulesForm(request.POST or None, initial=rules_initial(SendingRules.objects.first()))
    if request.method == "POST" and form.is_valid():
        try:
            set_rules(now=timezone.now(), by=request.user, **form.cleaned_data)
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, "Sending rules saved. They count from the next message on.")
            return redirect("messaging:sending_rules", request.account.slug)
    return page(request, form, CapForm(initial={"period": "day"}))


def page(request: AccountRequest, form: RulesForm, cap: CapForm) -> HttpResponse:
    """Show the rules with both forms."""
    return render(
        request,
        "messaging/rules.html",
        {
            "page_title": "Sending Rules",
            "breadcrumbs": [("Authoring", ""), ("Sending Rules", "")],
            "form": form,
            "cap": cap,
            "caps": FrequencyCap.objects.order_by("channel", "period", "campaign"),
            "laws": [(law, hours_in_words(law)) for law in laws().values()],
        },
        status=422 if form.is_bound or cap.is_bound else 200,
    )


def hours_in_words(law: Law) -> list[tuple[str, str]]:
    """Return a law's hours for a reader."""
    found = []
    for name, day in DAYS:
        opens, closes = law.hours[2 * day], law.hours[2 * day + 1]
        hours = f"{clock(opens)} to {clock(closes)}" if closes > opens else "no texts"
        found.append((name, hours))
    return found


def clock(minute: int) -> str:
    """Write a minute of the day."""
    return f"{minute // 60}:{minute % 60:02}"


@require_POST
@requires("edit")
def new_cap(request: AccountRequest) -> HttpResponse:
    """Add a cap."""
    cap = CapForm(request.POST)
    if cap.is_valid():
        try:
            add_cap(now=timezone.now(), by=request.user, **cap.cleaned_data)
        except InvalidValueError as refused:
            show_refusal(cap, refused)
        else:
            messages.success(request, "Cap saved.")
            return redirect("messaging:sending_rules", request.account.slug)
    return page(request, RulesForm(initial=rules_initial(SendingRules.objects.first())), cap)


@require_POST
@requires("edit")
def drop_cap(request: AccountRequest, cap_id: int) -> HttpResponse:
    """Take a cap away."""
    cap = get_object_or_404(FrequencyCap, pk=cap_id)
    remove_cap(cap=cap, now=timezone.now(), by=request.user)
    messages.success(request, "Cap removed.")
    return redirect("messaging:sending_rules", request.account.slug)


@require_GET
@requires("view")
def audience(request: AccountRequest, list_id: int) -> HttpResponse:
    """Answer who of a list (`phone_list`: of its numbers) would get a message now: a fragment."""
    in_list = choose_list(request, list_id)
    chosen = request.GET.get("phone_list", "")
    now = timezone.now()
    if chosen.isdecimal():
        phones = get_object_or_404(PhoneList, pk=int(chosen), short_code__email_list=in_list)
        counted = count_texts(phone_list=phones, now=now)
    else:
        is_transactional = request.GET.get("transactional") == "on"
        counted = count_emails(in_list=in_list, now=now, transactional=is_transactional)
    return render(request, "messaging/audience.html", {"audience": counted})
