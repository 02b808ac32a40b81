"""Files of codes and of addresses: how far each is, and which lines were not taken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header

from accounts.permissions import AccountRequest
from accounts.tenancy import in_account
from contacts.actions.imports import progress
from contacts.imports.rejects import rejects_csv
from contacts.models import Import, ImportReject
from contacts.models.imports import ImportStatus

SHOWN_PROBLEMS = 50
UNDER_WAY = {ImportStatus.READY.value, ImportStatus.PROCESSING.value}
STATES = {
    ImportStatus.READY.value: ("queued", "Waiting for a worker"),
    ImportStatus.PROCESSING.value: ("running", "Running"),
    ImportStatus.COMPLETED.value: ("done", "Done"),
    ImportStatus.FAILED.value: ("failed", "Failed"),
}


@dataclass(frozen=True)
class Back:
    """Where a file belongs: the page that it leads back to."""

    url: str
    icon: str
    label: str


def file_page(
    request: AccountRequest,
    shown: Import,
    *,
    title: str,
    counts: Sequence[tuple[str, int]],
    back: Back,
    problems_url: str,
    breadcrumbs: Sequence[tuple[str, str]],
) -> HttpResponse:
    """Show how far a file is; htmx asks again for as long as it is under way."""
    found = ImportReject.objects.filter(imported=shown).order_by("line", "pk")
    rejected = shown.counts.get("rejected", 0)
    context = {
        "import": shown,
        "title": title,
        "state": STATES[shown.status],
        "under_way": shown.status in UNDER_WAY,
        "share": int(100 * progress(shown)),
        "processed": shown.counts.get("processed", 0),
        "counts": [*counts, ("Not taken", rejected)],
        "back": back,
        "problems_url": problems_url,
        "rejects": list(found[:SHOWN_PROBLEMS]),
        "more_rejects": max(0, rejected - SHOWN_PROBLEMS),
    }
    if request.htmx:
        return render(request, "messaging/file.html#progress", context)
    names = {"page_title": shown.file_name, "breadcrumbs": [*breadcrumbs, (shown.file_name, "")]}
    return render(request, "messaging/file.html", {**context, **names})


def problems_file(request: AccountRequest, shown: Import) -> HttpResponseBase:
    """Answer the lines that were not taken as CSV: line, severity, reason, the line."""
    response = StreamingHttpResponse(
        _problem_lines(request.account.pk, shown), content_type="text/csv; charset=utf-8"
    )
    name = f"{shown.file_name.rpartition('.')[0] or shown.file_name}-problems.csv"
    response["Content-Disposition"] = content_disposition_header(True, name)  # noqa: FBT003
    return response


def _problem_lines(account_id: int, shown: Import) -> Iterator[str]:
    """Yield the lines of the file of problems, in the account, after the view has ended."""
    # Excel takes UTF-8 for what it is only after this mark.
    yield "\ufeff"
    with in_account(account_id):
        yield from rejects_csv(shown)
