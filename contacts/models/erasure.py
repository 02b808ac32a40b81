"""Erasures: that people were forgotten, without saying who."""

from django.db import models

from accounts.tenancy.models import TenantModel


class Erasure(TenantModel):
    """
    One request to forget people: when, how many, and nothing by which to know them.

    `erased_at` is null while it is under way.
    """

    requested_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=20)  # api, page, shell
    contacts = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"erasure {self.pk} of {self.contacts} contacts"
