"""Secrets that webhook steps use: named, encrypted at rest, never shown again."""

from django.db import models

from accounts.tenancy.models import TenantModel


class Secret(TenantModel):
    """A named secret; `sealed` is encrypted with the deployment's key, `hint` its last characters."""

    name = models.CharField(max_length=60)
    sealed = models.TextField()
    hint = models.CharField(max_length=8, blank=True, default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("account", "name", name="secret_name_once")]

    def __str__(self) -> str:
        return self.name
