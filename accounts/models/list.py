"""Lists, the frame in which conversations, messages and profile fields live."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel


class BounceHandling(models.TextChoices):
    """How bounces end a subscription."""

    NONE = "None", "None"
    STANDARD = "Standard", "Standard"
    AGGRESSIVE = "Aggressive", "Aggressive"


class Folder(TenantModel):
    """A drawer for lists."""

    name = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint("account", "name", name="folder_name_once")]

    def __str__(self) -> str:
        return self.name


class IpPool(TenantModel):
    """Addresses from which an account sends; a list names one by its id, 0 being the shared one."""

    description = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint("account", "description", name="ip_pool_once")]

    def __str__(self) -> str:
        return self.description


class List(TenantModel):
    """An email list with its settings (the API's `List`, field by field)."""

    name = models.CharField(max_length=120)
    # Not the vendor's: what recipients read in its place.
    public_name = models.CharField(max_length=120, blank=True, default="", db_default="")
    folder = TenantForeignKey(
        Folder, on_delete=models.SET_NULL, null=True, blank=True, related_name="lists"
    )
    ip_pool_id = models.IntegerField(default=0)
    from_name = models.CharField(max_length=120, blank=True, default="")
    from_email = models.EmailField(blank=True, default="")
    reply_to = models.EmailField(blank=True, default="", db_default="")
    bounce_handling = models.CharField(
        max_length=20, choices=BounceHandling, default=BounceHandling.STANDARD
    )
    bounce_unsubscribe_count = models.PositiveIntegerField(default=5)
    bounce_domain_alias = models.CharField(max_length=253, blank=True, default="")
    link_domain_alias = models.CharField(max_length=253, blank=True, default="")
    media_domain_alias = models.CharField(max_length=253, blank=True, default="")
    google_tracking_domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    enable_browser_link = models.BooleanField(default=False)
    enable_double_opt_in = models.BooleanField(default=False)
    enable_dynamic_content = models.BooleanField(default=False)
    enable_google_analytics = models.BooleanField(default=False)
    enable_internationalization = models.BooleanField(default=False)
    enable_list_hygiene = models.BooleanField(default=True)
    enable_list_removal_header = models.BooleanField(default=True)
    enable_list_removal_link = models.BooleanField(default=True)
    enable_listrak_analytics = models.BooleanField(default=False)
    enable_spam_score_personalization = models.BooleanField(default=False)
    enable_to_name_personalization = models.BooleanField(default=False)
    enable_universal_email_key_setting = models.BooleanField(default=False)
    # Not the vendor's: whether opens and clicks of the list's emails are recorded.
    track_opens = models.BooleanField(default=True, db_default=True)
    track_clicks = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("account", "name", name="list_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_name(self) -> str:
        """How recipients know it: by its public name, else by who writes, else by its own name."""
        return self.public_name or self.from_name or self.name
