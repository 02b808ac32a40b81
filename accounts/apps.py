"""The accounts app."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AccountsConfig(AppConfig):
    """Accounts, users, memberships, integrations, lists, tenancy."""

    name = "accounts"


class SupportConfig(AdminConfig):
    """Makes the support site Django's admin site."""

    default_site = "accounts.support.SupportSite"
