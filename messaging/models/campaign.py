"""What broadcasts are filed under, and the content library."""

from django.db import models
from django.db.models.functions import Lower

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Campaign(TenantModel):
    """A name under which messages of a list are filed."""

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "list", Lower("name"), name="campaign_name_once_per_list"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ContentFolder(TenantModel):
    """A drawer of the content library; without a list it is the whole account's."""

    list = TenantForeignKey(
        List, on_delete=models.CASCADE, null=True, blank=True, related_name="content_folders"
    )
    parent = TenantForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="folders"
    )
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "parent", "name"],
                nulls_distinct=False,
                name="content_folder_name_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ContentKind(models.TextChoices):
    """What a block of content is for; the wire's names are the values."""

    DYNAMIC = "DynamicContent", "Dynamic content"
    SAVED = "SavedContent", "Saved content"


class Content(TenantModel):
    """A block of the content library: HTML and plain text under a name."""

    folder = TenantForeignKey(
        ContentFolder, on_delete=models.SET_NULL, null=True, blank=True, related_name="contents"
    )
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=ContentKind, default=ContentKind.SAVED)
    html = models.TextField(blank=True, default="")
    text = models.TextField(blank=True, default="")
    modified_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", Lower("name"), name="content_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
