"""Profile fields: what a list knows of its contacts (the API's SegmentationField)."""

from django.db import models
from django.db.models.functions import Lower

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel


class DataType(models.TextChoices):
    """What a profile field holds."""

    TEXT = "Text", "Text"
    NUMERIC = "Numeric", "Numeric"
    RADIO_BUTTON = "RadioButton", "Radio Button"
    CHECK_BOX = "CheckBox", "Check Box"
    COMMENT_AREA = "CommentArea", "Comment Area"
    DATE = "Date", "Date"
    CONTENT_BLOCK = "ContentBlock", "Content Block"


class ProfileFieldGroup(TenantModel):
    """A named group of profile fields of one list."""

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="field_groups")
    name = models.CharField(max_length=100)
    position = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "list", Lower("name"), name="field_group_name_once_per_list"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProfileField(TenantModel):
    """One field; in files and rules it is named `Group.Field`."""

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="fields")
    group = TenantForeignKey(ProfileFieldGroup, on_delete=models.CASCADE, related_name="fields")
    name = models.CharField(max_length=100)
    data_type = models.CharField(max_length=20, choices=DataType)
    max_length = models.IntegerField(default=0)
    position = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "group", Lower("name"), name="field_name_once_per_group"
            ),
        ]

    def __str__(self) -> str:
        return self.name
