"""Erasing a contact: what will go in numbers, and its name typed."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.context import choose_list
from accounts.permissions import AccountRequest, requires
from contacts.actions.erasure import erase
from contacts.models import Contact, Event, Order, Subscription


@require_http_methods(["GET", "POST"])
@requires("manage")
def erase_contact(request: AccountRequest, list_id: int, contact_id: int) -> HttpResponse:
    """Forget a contact once its address, number or id was typed."""
    in_list = choose_list(request, list_id)
    contact = get_object_or_404(Contact, pk=contact_id)
    name = contact.email or contact.phone_e164 or contact.external_id
    typed = request.POST.get("name", "").strip()
    if request.method == "POST" and typed == name:
        erase(contacts=[contact.pk], now=timezone.now(), source="page", by=request.user)
        messages.success(request, "The contact was erased.")
        return redirect("contacts:contacts", request.account.slug, in_list.pk)
    slug = request.account.slug
    return render(
        request,
        "contacts/erase.html",
        {
            "page_title": "Erase contact",
            "breadcrumbs": [
                ("Contacts", reverse("contacts:contacts", args=[slug, list_id])),
                (name, reverse("desk:contact", args=[slug, list_id, contact.pk])),
                ("Erase", ""),
            ],
            "contact": contact,
            "name": name,
            "typed": typed,
            "lists": Subscription.objects.filter(contact=contact).count(),
            "events": Event.objects.filter(contact_id=contact.pk).count(),
            "orders": Order.objects.filter(contact=contact).count(),
        },
        status=422 if request.method == "POST" else 200,
    )
