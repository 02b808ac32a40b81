"""The suppression list: addresses that are not written to, and files of them."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.actions import InvalidValueError
from accounts.forms import show_refusal
from accounts.models import List
from accounts.permissions import AccountRequest, requires
from contacts.models import Import
from contacts.models.imports import ImportKind
from messaging.actions.address_files import KINDS, import_addresses
from messaging.actions.suppressions import hashed_address, read_address, release, suppress
from messaging.models import Suppression, SuppressionReason
from messaging.models.message import Channel
from messaging.suppression_forms import DeactivationsForm, SuppressForm
from messaging.views.files import STATES, Back, file_page, problems_file

PAGE = 50
MOST_PASTED = 5_000
SHOWN_FILES = 10


@require_GET
@requires("view")
def suppressions(request: AccountRequest) -> HttpResponse:
    """Show the addresses that are not written to, the latest first."""
    return list_page(request, SuppressForm())


def list_page(
    request: AccountRequest, form: SuppressForm, deactivations: DeactivationsForm | None = None
) -> HttpResponse:
    """Show the list with the forms that add to it."""
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "channel", "reason")}
    found = narrowed(Suppression.objects.select_related("list"), asked)
    before = request.GET.get("before", "")
    page = found.filter(pk__lt=int(before)) if before.isdecimal() else found
    rows = list(page.order_by("-pk")[: PAGE + 1])
    query = request.GET.copy()
    query.pop("before", None)
    first_url = f"{request.path}?{query.urlencode()}"
    if len(rows) > PAGE:
        query["before"] = str(rows[PAGE - 1].pk)
    bound = form.is_bound or (deactivations is not None and deactivations.is_bound)
    return render(
        request,
        "messaging/suppressions.html",
        {
            "page_title": "Suppression List",
            "breadcrumbs": [("Contacts", ""), ("Suppression List", "")],
            "rows": rows[:PAGE],
            "asked": asked,
            "is_narrowed": any(asked.values()),
            "channels": Channel.choices,
            "reasons": SuppressionReason.choices,
            "first_url": first_url if before else "",
            "next_url": f"{request.path}?{query.urlencode()}" if len(rows) > PAGE else "",
            "files": [(one, STATES[one.status]) for one in files().order_by("-pk")[:SHOWN_FILES]],
            "form": form,
            "deactivations": deactivations or DeactivationsForm(),
        },
        status=422 if bound else 200,
    )


def narrowed(found: QuerySet[Suppression], asked: dict[str, str]) -> QuerySet[Suppression]:
    """Narrow the list: an address exactly as it is normalised, or anything that holds the text."""
    if asked["channel"] in Channel.values:
        found = found.filter(channel=asked["channel"])
    if asked["reason"] in SuppressionReason.values:
        found = found.filter(reason=asked["reason"])
    if not asked["q"]:
        return found
    try:
        channel, address = read_address(asked["q"])
    except InvalidValueError:
        return found.filter(address__contains=asked["q"].lower())
    return found.filter(channel=channel, address__in=[address, hashed_address(address)])


def files() -> QuerySet[Import]:
    """Return the account's files of addresses."""
    return Import.objects.filter(kind__in=KINDS)


@require_POST
@requires("edit")
def add_suppressions(request: AccountRequest) -> HttpResponse:
    """Suppress what was pasted; queue a file and go on to its progress."""
    form = SuppressForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            if file is not None:
                return queue_file(request, ImportKind.SUPPRESSIONS.value, file)
            add_pasted(request, form.cleaned_data["addresses"], form.cleaned_data["list"])
        except InvalidValueError as refused:
            show_refusal(form, InvalidValueError("file" if file else "addresses", refused.message))
        else:
            return redirect("messaging:suppressions", request.account.slug)
    return list_page(request, form)


def add_pasted(request: AccountRequest, pasted: str, in_list: List | None) -> None:
    """
    Suppress pasted addresses, all or none.

    :raises InvalidValueError: for a line that is no address, or a number for one list.
    """
    lines = [line.strip() for line in pasted.splitlines() if line.strip()]
    if len(lines) > MOST_PASTED:
        raise InvalidValueError("addresses", f"More than {MOST_PASTED:,} lines: choose a file.")
    read = [read_address(line) for line in lines]
    now, added = timezone.now(), 0
    for channel in Channel.values:
        addresses = [address for of, address in read if of == channel]
        if addresses:
            added += suppress(
                channel=channel,
                addresses=addresses,
                reason=SuppressionReason.MANUAL,
                source=request.user.email,
                list=in_list,
                now=now,
                by=request.user,
            )
    words = "address is" if added == 1 else "addresses are"
    messages.success(request, f"{added} {words} suppressed now.")


@require_POST
@requires("edit")
def add_deactivations(request: AccountRequest) -> HttpResponse:
    """Queue a carrier's file of deactivated numbers, and go on to its progress."""
    form = DeactivationsForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            return queue_file(request, ImportKind.DEACTIVATIONS.value, form.cleaned_data["file"])
        except InvalidValueError as refused:
            show_refusal(form, InvalidValueError("file", refused.message))
    return list_page(request, SuppressForm(), form)


def queue_file(request: AccountRequest, kind: str, file: Any) -> HttpResponse:
    """Queue a file of addresses."""
    made = import_addresses(
        kind=kind, file=file, file_name=file.name, now=timezone.now(), by=request.user
    )
    return redirect("messaging:address_file", request.account.slug, made.pk)


@require_POST
@requires("edit")
def release_suppression(request: AccountRequest, suppression_id: int) -> HttpResponse:
    """Take an address off the list."""
    one = get_object_or_404(Suppression, pk=suppression_id)
    release(suppressions=[one], now=timezone.now(), by=request.user)
    messages.success(
        request, f"{one.address} may be written to again, as far as its contact has agreed."
    )
    return redirect("messaging:suppressions", request.account.slug)


@require_GET
@requires("view")
def address_file(request: AccountRequest, import_id: int) -> HttpResponse:
    """Show how far a file of addresses is, and which lines were not taken."""
    shown = get_object_or_404(files(), pk=import_id)
    slug = request.account.slug
    way = reverse("messaging:suppressions", args=[slug])
    return file_page(
        request,
        shown,
        title=shown.get_kind_display(),
        counts=named_counts(shown),
        back=Back(way, "circle-minus", "Suppression List"),
        problems_url=reverse("messaging:address_problems", args=[slug, import_id]),
        breadcrumbs=[("Contacts", ""), ("Suppression List", way)],
    )


def named_counts(shown: Import) -> Sequence[tuple[str, int]]:
    """Return what became of the lines that were taken, in words."""
    counts = shown.counts
    if shown.kind == ImportKind.DEACTIVATIONS:
        return [("Consents ended", counts.get("unsubscribed", 0))]
    return [
        ("Suppressed", counts.get("created", 0)),
        ("Suppressed before", counts.get("unchanged", 0)),
    ]


@require_GET
@requires("view")
def address_problems(request: AccountRequest, import_id: int) -> HttpResponseBase:
    """Download the lines that were not taken as CSV: line, severity, reason, the line."""
    return problems_file(request, get_object_or_404(files(), pk=import_id))
