"""Profile fields: groups, fields, their ids."""

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from contacts import actions
from contacts.forms import FieldForm, FieldGroupForm
from contacts.models import ProfileField, ProfileFieldGroup

# What the wire calls a form's fields.
FORM_NAMES = {
    "segmentationFieldGroupName": "name",
    "segmentationFieldName": "name",
    "dataType": "data_type",
    "maxLength": "max_length",
}
IN_ORDER = Prefetch("fields", ProfileField.objects.order_by("position", "pk"))


@require_GET
@requires("view")
def fields(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show the list's groups with their fields."""
    choose_list(request, list_id)
    return groups_page(request, list_id, FieldGroupForm())


@require_POST
@requires("edit")
def new_group(request: AccountRequest, list_id: int) -> HttpResponse:
    """Create a field group and go on to its fields."""
    in_list = choose_list(request, list_id)
    form = FieldGroupForm(request.POST)
    if form.is_valid():
        try:
            group = actions.create_field_group(
                list=in_list, now=timezone.now(), by=request.user, **form.cleaned_data
            )
        except InvalidValueError as refused:
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, f"Field group {group.name} created.")
            return redirect("contacts:group", request.account.slug, list_id, group.pk)
    return groups_page(request, list_id, form)


@require_http_methods(["GET", "POST"])
@requires("view")
def group(request: AccountRequest, list_id: int, group_id: int) -> HttpResponse:
    """Show one group; its form adds a field by `new_field`."""
    choose_list(request, list_id)
    shown = get_object_or_404(ProfileFieldGroup, pk=group_id, list_id=list_id)
    return group_page(request, shown, FieldForm())


@require_POST
@requires("edit")
def new_field(request: AccountRequest, list_id: int, group_id: int) -> HttpResponse:
    """Add a field to a group."""
    choose_list(request, list_id)
    shown = get_object_or_404(ProfileFieldGroup, pk=group_id, list_id=list_id)
    form = FieldForm(request.POST)
    if form.is_valid():
        try:
            made = actions.create_field(
                group=shown,
                name=form.cleaned_data["name"],
                data_type=form.cleaned_data["data_type"],
                max_length=form.cleaned_data["max_length"] or 0,
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, f"Field {shown.name}.{made.name} added.")
            return redirect("contacts:group", request.account.slug, list_id, shown.pk)
    return group_page(request, shown, form)


@require_http_methods(["GET", "POST"])
@requires("edit")
def field(request: AccountRequest, list_id: int, field_id: int) -> HttpResponse:
    """Change a field: its name, its length, and its type while nobody has a value."""
    choose_list(request, list_id)
    changed = get_object_or_404(
        ProfileField.objects.select_related("group"), pk=field_id, list_id=list_id
    )
    initial = {
        "name": changed.name,
        "data_type": changed.data_type,
        "max_length": changed.max_length or None,
    }
    form = FieldForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_field(
                field=changed,
                name=form.cleaned_data["name"],
                data_type=form.cleaned_data["data_type"],
                max_length=form.cleaned_data["max_length"] or 0,
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            changed.refresh_from_db()
            show_refusal(form, refused, FORM_NAMES)
        else:
            messages.success(request, "Field updated.")
            return redirect("contacts:group", request.account.slug, list_id, changed.group_id)
    return render(
        request,
        "contacts/field.html",
        {
            "page_title": changed.name,
            "breadcrumbs": [
                *crumbs(request, list_id),
                (
                    changed.group.name,
                    reverse(
                        "contacts:group", args=[request.account.slug, list_id, changed.group_id]
                    ),
                ),
                (changed.name, ""),
            ],
            "field": changed,
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


def crumbs(request: AccountRequest, list_id: int) -> list[tuple[str, str]]:
    """Return where the pages of profile fields stand."""
    return [
        ("Contacts", reverse("contacts:contacts", args=[request.account.slug, list_id])),
        ("Profile Fields", reverse("contacts:fields", args=[request.account.slug, list_id])),
    ]


def groups_page(request: AccountRequest, list_id: int, form: FieldGroupForm) -> HttpResponse:
    """Answer with all groups and the dialog of a new one."""
    groups = (
        ProfileFieldGroup.objects.filter(list_id=list_id)
        .prefetch_related(IN_ORDER)
        .order_by("position", "pk")
    )
    return render(
        request,
        "contacts/fields.html",
        {
            "page_title": "Profile Fields",
            "breadcrumbs": crumbs(request, list_id),
            "groups": groups,
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


def group_page(request: AccountRequest, shown: ProfileFieldGroup, form: FieldForm) -> HttpResponse:
    """Answer with one group and the form of a new field."""
    return render(
        request,
        "contacts/group.html",
        {
            "page_title": shown.name,
            "breadcrumbs": [*crumbs(request, shown.list_id), (shown.name, "")],
            "group": shown,
            "fields": shown.fields.order_by("position", "pk"),
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )
