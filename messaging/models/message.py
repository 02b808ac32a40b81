"""Saved messages, and the frozen copies that conversations send."""

from django.db import models

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel
from messaging.models.campaign import Campaign

# Marks in a committed text's content: it is for one person alone; it is no template.
PERSONAL, LITERAL = "is_personal", "is_literal"
# And in an email's: nobody sees what comes of it; what its links tell Google Analytics.
UNTRACKED, UTM_CAMPAIGN, UTM_CONTENT = "is_untracked", "utm_campaign", "utm_content"


class Channel(models.TextChoices):
    """How a message travels."""

    EMAIL = "email", "Email"
    SMS = "sms", "SMS"


class SavedMessage(TenantModel):
    """An email kept on a list; conversations send committed copies of it."""

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="saved_messages")
    name = models.CharField(max_length=120)
    subject = models.CharField(max_length=250, blank=True, default="")
    preheader = models.CharField(max_length=250, blank=True, default="")
    from_name = models.CharField(max_length=120, blank=True, default="")
    from_email = models.CharField(max_length=254, blank=True, default="")
    reply_to = models.CharField(max_length=254, blank=True, default="")
    # Either MJML (then html is what it compiled to) or HTML written as such.
    mjml = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="")
    text = models.TextField(blank=True, default="")
    campaign = TenantForeignKey(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="saved_messages"
    )
    external_campaign_id = models.CharField(max_length=120, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "list", "name", name="saved_message_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class CommittedMessage(TenantModel):
    """
    A frozen copy of a message, as a step committed it. Never changed, only added.

    `content` for email: subject, preheader, from_name, from_email, reply_to, html, text, of some
    `is_untracked` (true), `utm_campaign` and `utm_content`;
    for SMS: text, media_url, of some `is_personal` and `is_literal` (true). `name` is the message's name at that time.
    """

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=10, choices=Channel)
    name = models.CharField(max_length=120, blank=True, default="")
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    committed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "list", "channel", "content_hash", name="committed_message_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.name}"
