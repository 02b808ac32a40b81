"""The contacts app."""

from django.apps import AppConfig


class ContactsConfig(AppConfig):
    """Contacts: see the package's docstring."""

    name = "contacts"
