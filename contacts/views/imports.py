"""Imports: a file, what its columns are, what came of it."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.models import List
from accounts.permissions import AccountRequest, requires
from accounts.tenancy import in_account
from contacts.actions import imports as actions
from contacts.import_forms import ColumnsForm, LayoutForm, UploadForm
from contacts.imports.columns import target_choices
from contacts.imports.rejects import rejects_csv
from contacts.models import Import, ImportReject
from contacts.models.imports import ImportKind, ImportStatus

SHOWN_IMPORTS = 100
SHOWN_REJECTS = 50
# Files that have pages of their own.
SHOWN_ELSEWHERE = (ImportKind.COUPONS, ImportKind.SUPPRESSIONS, ImportKind.DEACTIVATIONS)
UNDER_WAY = {ImportStatus.READY.value, ImportStatus.PROCESSING.value}
# What the counters of an import mean to a reader, in this order; zeros are left out.
COUNTS = [
    ("created", "new"),
    ("updated", "changed"),
    ("unchanged", "already as in the file"),
    ("subscribed", "subscribed"),
    ("already_subscribed", "subscribed before"),
    ("previously_unsubscribed", "unsubscribed before, left alone"),
    ("unsubscribed", "unsubscribed"),
    ("suppressed", "suppressed, put on no list"),
    ("events", "events raised"),
    ("warnings", "taken with a remark"),
]


def imports_of(in_list: List) -> QuerySet[Import]:
    """Return the imports of a list, and the account's own: batches that came by the API."""
    found = Import.objects.filter(Q(list=in_list) | Q(list=None))
    return found.exclude(kind__in=SHOWN_ELSEWHERE)


@require_GET
@requires("view")
def imports(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the imports of the list, newest first."""
    in_list = choose_list(request, list_id)
    found = imports_of(in_list).order_by("-pk")[:SHOWN_IMPORTS]
    return render(
        request,
        "contacts/imports.html",
        {
            "page_title": "Imports",
            "breadcrumbs": crumbs(request, in_list),
            "imports": [(one, state_of(one)) for one in found],
        },
    )


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_import(request: AccountRequest, list_id: int) -> HttpResponse:
    """Take a file and go on to its columns."""
    in_list = choose_list(request, list_id)
    form = UploadForm(
        request.POST or None,
        request.FILES or None,
        initial={"kind": request.GET.get("kind", ImportKind.CONTACTS.value)},
    )
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            made = actions.create_import(
                kind=form.cleaned_data["kind"],
                list=in_list,
                file=upload,
                file_name=upload.name,
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            show_refusal(form, refused, {"encoding": "file", "mapping": "file"})
        else:
            return redirect("contacts:import", request.account.slug, list_id, made.pk)
    return render(
        request,
        "contacts/import_new.html",
        {
            "page_title": "Import a file",
            "breadcrumbs": [*crumbs(request, in_list), ("Import a file", "")],
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@require_GET
@requires("view")
def show_import(request: AccountRequest, list_id: int, import_id: int) -> HttpResponse:
    """Show an import: its columns before it runs, then its bar, then what came of it."""
    in_list = choose_list(request, list_id)
    shown = get_object_or_404(imports_of(in_list), pk=import_id)
    if shown.status == ImportStatus.UPLOADED:
        return columns_page(request, in_list, shown, columns_form(in_list, shown))
    context = progress(shown)
    if request.htmx:
        return render(request, "contacts/import.html#progress", context)
    return render(
        request,
        "contacts/import.html",
        {
            **context,
            "page_title": shown.file_name,
            "breadcrumbs": [*crumbs(request, in_list), (shown.file_name, "")],
        },
    )


@require_POST
@requires("edit")
def start_import(request: AccountRequest, list_id: int, import_id: int) -> HttpResponse:
    """Start an import with the chosen columns and options."""
    in_list = choose_list(request, list_id)
    started = get_object_or_404(
        Import, pk=import_id, list=in_list, status=ImportStatus.UPLOADED.value
    )
    form = columns_form(in_list, started, request.POST)
    if form.is_valid():
        try:
            actions.start_import(
                imported=started,
                columns=form.columns(),
                options=form.cleaned_data,
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            return redirect("contacts:import", request.account.slug, list_id, import_id)
    return columns_page(request, in_list, started, form)


@require_POST
@requires("edit")
def read_again(request: AccountRequest, list_id: int, import_id: int) -> HttpResponse:
    """Read the file anew with the given encoding, delimiter and header."""
    in_list = choose_list(request, list_id)
    again = get_object_or_404(
        Import, pk=import_id, list=in_list, status=ImportStatus.UPLOADED.value
    )
    form = LayoutForm(request.POST, imported=again)
    if form.is_valid():
        try:
            actions.read_import_again(imported=again, now=timezone.now(), **form.cleaned_data)
        except InvalidValueError as refused:
            show_refusal(form, refused, {"fileDelimiter": "delimiter"})
        else:
            messages.success(request, "The file was read again.")
            return redirect("contacts:import", request.account.slug, list_id, import_id)
    return columns_page(request, in_list, again, columns_form(in_list, again), form)


@require_GET
@requires("view")
def rejects(request: AccountRequest, list_id: int, import_id: int) -> HttpResponseBase:
    """Download the rejects as CSV: line, severity, reason, the row as it came."""
    in_list = choose_list(request, list_id)
    shown = get_object_or_404(imports_of(in_list), pk=import_id)
    name = f"{shown.file_name.rpartition('.')[0] or shown.file_name}-rejects.csv"
    response = StreamingHttpResponse(
        reject_lines(request.account.pk, shown), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = content_disposition_header(True, name)  # noqa: FBT003
    return response


def reject_lines(account_id: int, shown: Import) -> Iterator[str]:
    """Yield the lines of the file of rejects, in the account, after the view has ended."""
    # Excel takes UTF-8 for what it is only after this mark.
    yield "\ufeff"
    with in_account(account_id):
        yield from rejects_csv(shown)


def columns_form(in_list: List, imported: Import, data: Any = None) -> ColumnsForm:
    """Return the form of an import's columns."""
    choices = target_choices(kind=imported.kind, list=in_list)
    return ColumnsForm(data, imported=imported, choices=choices)


def columns_page(
    request: AccountRequest,
    in_list: List,
    shown: Import,
    form: ColumnsForm,
    layout: LayoutForm | None = None,
) -> HttpResponse:
    """Answer with the columns of a file that waits for them."""
    return render(
        request,
        "contacts/import_columns.html",
        {
            "page_title": shown.file_name,
            "breadcrumbs": [*crumbs(request, in_list), (shown.file_name, "")],
            "import": shown,
            "form": form,
            "layout": layout or LayoutForm(imported=shown),
        },
        status=422 if form.is_bound or layout is not None else 200,
    )


def progress(shown: Import) -> dict[str, Any]:
    """Return what the page says of an import that was started."""
    counts = shown.counts
    found = ImportReject.objects.filter(imported=shown).order_by("line", "pk")
    return {
        "import": shown,
        "state": state_of(shown),
        "under_way": shown.status in UNDER_WAY,
        "share": share_of(shown),
        "processed": counts.get("processed", 0),
        "rejected": counts.get("rejected", 0),
        "counts": [(words, counts[name]) for name, words in COUNTS if counts.get(name)],
        "rejects": list(found[:SHOWN_REJECTS]),
        "more_rejects": max(
            0, counts.get("rejected", 0) + counts.get("warnings", 0) - SHOWN_REJECTS
        ),
    }


def share_of(shown: Import) -> int:
    """Return how much of the file was taken, in percent; 100 only once it is done."""
    if shown.status == ImportStatus.COMPLETED:
        return 100
    return min(99, 100 * shown.position // shown.size) if shown.size else 0


def state_of(shown: Import) -> tuple[str, str]:
    """Return the badge of an import: a state that has a colour, and its words."""
    return {
        ImportStatus.UPLOADED.value: ("waiting", "Waiting for its columns"),
        ImportStatus.READY.value: ("queued", "Waiting for a worker"),
        ImportStatus.PROCESSING.value: ("running", "Running"),
        ImportStatus.COMPLETED.value: ("done", "Done"),
        ImportStatus.FAILED.value: ("failed", "Failed"),
    }[shown.status]


def crumbs(request: AccountRequest, in_list: List) -> list[tuple[str, str]]:
    """Return where the pages of imports stand."""
    slug = request.account.slug
    return [
        ("Contacts", reverse("contacts:contacts", args=[slug, in_list.pk])),
        ("Imports", reverse("contacts:imports", args=[slug, in_list.pk])),
    ]
