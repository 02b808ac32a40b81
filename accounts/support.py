"""
The support site: Django's admin for support staff, inside one chosen account, read only.

Being staff opens the door; a chosen account opens its rows, and each row that is looked
at is written into that account's audit trail. Without a chosen account the policies show
nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.actions import record
from accounts.models import Account, User
from accounts.tenancy import in_account, lookups

CHOSEN = "support_account"


class SupportSite(admin.AdminSite):
    """Django's admin, opened inside the account that support has chosen."""

    site_title = "Conductor support"
    site_header = "Conductor support"
    index_title = "Choose an account, then look"
    index_template = "support/index.html"
    enable_nav_sidebar = False

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Add the choice of an account."""
        return [
            path("account/", self.admin_view(require_POST(self.choose)), name="choose"),
            *super().get_urls(),
        ]

    def admin_view(  # type: ignore[override]
        self,
        view: Callable[..., HttpResponseBase],
        cacheable: bool = False,  # noqa: FBT001, FBT002 - as Django has it
    ) -> Callable[..., HttpResponseBase]:
        """Run every page inside the chosen account, rendering included."""
        plain = super().admin_view(view, cacheable)

        def inside(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            account_id = request.session.get(CHOSEN)
            if account_id is None or not self.has_permission(request):
                return plain(request, *args, **kwargs)
            with in_account(account_id):
                response = plain(request, *args, **kwargs)
                if isinstance(response, TemplateResponse):
                    response.render()
                return response

        return inside

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Name the chosen account on every page."""
        account = Account.objects.first() if CHOSEN in request.session else None
        return {**super().each_context(request), "support_account": account}

    def choose(self, request: HttpRequest) -> HttpResponse:
        """Open the account whose address is given; an empty one closes it."""
        slug = request.POST.get("account", "").strip().lower()
        account_id = lookups.account_by_slug(slug) if slug else None
        if account_id is None:
            request.session.pop(CHOSEN, None)
            if slug:
                messages.error(request, f"There is no account with the address {slug}.")
        else:
            request.session[CHOSEN] = account_id
        return HttpResponseRedirect(reverse("admin:index"))


if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Model]
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """A table that support may read and nobody may change here."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let staff look, once an account is chosen."""
        return CHOSEN in request.session

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the app, once an account is chosen."""
        return CHOSEN in request.session

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one row, and write down who looked."""
        if object_id.isdigit() and isinstance(request.user, User):
            record(
                verb="viewed",
                noun=str(self.opts.verbose_name),
                object_id=int(object_id),
                now=timezone.now(),
                by=request.user,
                detail={"as": "support"},
            )
        return super().change_view(request, object_id, form_url, extra_context)
