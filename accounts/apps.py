"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Accounts, users, memberships, integrations, lists, tenancy."""

    name = "accounts"
