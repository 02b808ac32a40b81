"""Where the pages of acme are."""

from django.urls import reverse


def page(view, *args):
    return reverse(f"contacts:{view}", args=["acme-shoes", *args])
