"""Coupons: the account's pools, their codes, and what came of adding some."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from contacts.models import Import
from contacts.models.imports import ImportKind
from messaging.actions.coupon_codes import import_codes
from messaging.actions.coupons import (
    PoolCounts,
    count_codes,
    create_pool,
    static_codes,
    update_pool,
)
from messaging.coupon_forms import CodesForm, PoolForm
from messaging.models import CouponPool
from messaging.models.coupon import PoolKind
from messaging.views.files import STATES, Back, file_page, problems_file

PAGE = 50
SHOWN_FILES = 20
SHOWN_CODES = 50


@require_GET
@requires("view")
def coupons(request: AccountRequest, list_id: int) -> HttpResponse:
    """List the pools by name, each with its counts."""
    choose_list(request, list_id)
    page = Paginator(CouponPool.objects.order_by("name", "pk"), PAGE).get_page(
        request.GET.get("page")
    )
    counts = count_codes(page.object_list, now=timezone.now())
    return render(
        request,
        "messaging/coupons.html",
        {
            "page_title": "Coupons",
            "breadcrumbs": [("Authoring", ""), ("Coupons", "")],
            "pools": [(pool, counts[pool.pk], state_of(pool, counts[pool.pk])) for pool in page],
            "page": page,
        },
    )


def state_of(pool: CouponPool, counts: PoolCounts) -> tuple[str, str, str]:
    """Return the badge of a pool: tone, icon, words."""
    if not pool.is_active:
        return "", "player-pause", "Not active"
    if counts.available == 0:
        return "bad", "alert-circle", "Empty"
    if pool.kind == PoolKind.UNIQUE and counts.available < pool.low_at:
        return "warn", "alert-triangle", "Running low"
    return "good", "circle-check", "Active"


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_pool(request: AccountRequest, list_id: int) -> HttpResponse:
    """Create a pool."""
    choose_list(request, list_id)
    return edit_page(request, list_id, None)


@require_http_methods(["GET", "POST"])
@requires("edit")
def edit_pool(request: AccountRequest, list_id: int, pool_id: int) -> HttpResponse:
    """Change a pool."""
    choose_list(request, list_id)
    return edit_page(request, list_id, get_object_or_404(CouponPool, pk=pool_id))


def edit_page(request: AccountRequest, list_id: int, pool: CouponPool | None) -> HttpResponse:
    """Show the form of a pool, or store what was written in it."""
    form = PoolForm(request.POST or None, pool=pool)
    title = f"Edit {pool.name}" if pool else "Create coupon pool"
    if request.method == "POST" and form.is_valid():
        try:
            kept = store(request, pool, form.cleaned_data)
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"Coupon pool {kept.name} saved.")
            return redirect("messaging:coupon_pool", request.account.slug, list_id, kept.pk)
    return render(
        request,
        "messaging/coupon_form.html",
        {
            "page_title": title,
            "breadcrumbs": [*crumbs(request, list_id, pool), (title, "")],
            "form": form,
            "pool": pool,
        },
        status=422 if form.is_bound else 200,
    )


def store(request: AccountRequest, pool: CouponPool | None, given: dict[str, Any]) -> CouponPool:
    """Create or change a pool."""
    now = timezone.now()
    if pool is None:
        return create_pool(now=now, by=request.user, **given)
    return update_pool(pool=pool, now=now, by=request.user, **given)


@require_GET
@requires("view")
def coupon_pool(request: AccountRequest, list_id: int, pool_id: int) -> HttpResponse:
    """Show a pool: its counts, its static codes, the files that were added."""
    choose_list(request, list_id)
    pool = get_object_or_404(CouponPool, pk=pool_id)
    return pool_page(request, list_id, pool, CodesForm(pool=pool))


def pool_page(
    request: AccountRequest, list_id: int, pool: CouponPool, form: CodesForm
) -> HttpResponse:
    """Show a pool with the form that adds codes."""
    counts = count_codes([pool], now=timezone.now())[pool.pk]
    return render(
        request,
        "messaging/coupon_pool.html",
        {
            "page_title": pool.name,
            "breadcrumbs": [*crumbs(request, list_id), (pool.name, "")],
            "pool": pool,
            "is_static": pool.kind == PoolKind.STATIC,
            "counts": counts,
            "state": state_of(pool, counts),
            "codes": static_codes(pool)[:SHOWN_CODES],
            "files": [
                (one, STATES[one.status]) for one in files_of(pool).order_by("-pk")[:SHOWN_FILES]
            ],
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


def files_of(pool: CouponPool) -> QuerySet[Import]:
    """Return the files of codes that were added to a pool."""
    return Import.objects.filter(kind=ImportKind.COUPONS, options__pool_id=pool.pk)


@require_POST
@requires("edit")
def add_codes(request: AccountRequest, list_id: int, pool_id: int) -> HttpResponse:
    """Queue codes that were pasted or are in a file, and go on to their progress."""
    choose_list(request, list_id)
    pool = get_object_or_404(CouponPool, pk=pool_id)
    form = CodesForm(request.POST, request.FILES, pool=pool)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made = import_codes(
                pool=pool,
                file=file or form.cleaned_data["codes"].encode(),
                file_name=file.name if file else "Pasted codes",
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            show_refusal(form, refused, {"file": "file" if file else "codes"})
        else:
            return redirect(
                "messaging:coupon_file", request.account.slug, list_id, pool_id, made.pk
            )
    return pool_page(request, list_id, pool, form)


def find_file(
    request: AccountRequest, list_id: int, pool_id: int, import_id: int
) -> tuple[CouponPool, Import]:
    """Return a file of codes and its pool, or 404."""
    choose_list(request, list_id)
    pool = get_object_or_404(CouponPool, pk=pool_id)
    return pool, get_object_or_404(files_of(pool), pk=import_id)


@require_GET
@requires("view")
def coupon_file(
    request: AccountRequest, list_id: int, pool_id: int, import_id: int
) -> HttpResponse:
    """Show how far a file of codes is, and which lines were not taken."""
    pool, shown = find_file(request, list_id, pool_id, import_id)
    slug = request.account.slug
    return file_page(
        request,
        shown,
        title=f"Codes for {pool.name}",
        counts=[("Added", shown.counts.get("created", 0))],
        back=Back(
            reverse("messaging:coupon_pool", args=[slug, list_id, pool_id]), "ticket", pool.name
        ),
        problems_url=reverse("messaging:coupon_problems", args=[slug, list_id, pool_id, import_id]),
        breadcrumbs=crumbs(request, list_id, pool),
    )


@require_GET
@requires("view")
def coupon_problems(
    request: AccountRequest, list_id: int, pool_id: int, import_id: int
) -> HttpResponseBase:
    """Download the lines that were not taken as CSV: line, severity, reason, the line."""
    _, shown = find_file(request, list_id, pool_id, import_id)
    return problems_file(request, shown)


def crumbs(
    request: AccountRequest, list_id: int, pool: CouponPool | None = None
) -> list[tuple[str, str]]:
    """Return the way to the page."""
    slug = request.account.slug
    way = [("Authoring", ""), ("Coupons", reverse("messaging:coupons", args=[slug, list_id]))]
    if pool is not None:
        way.append((pool.name, reverse("messaging:coupon_pool", args=[slug, list_id, pool.pk])))
    return way
