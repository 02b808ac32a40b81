"""What somebody has asked to be done by hand to many, and how far it has come."""

from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel
from conductor.conversations.models.conversation import Conversation


class Errand(TenantModel):
    """
    The rest of what was done by hand to more than a few; see actions.errands.

    `asked` is what is done: {act, segment_id, ...}, `after` the last that was looked at, in
    the order in which they are looked through. Both are written in the transaction of each
    batch: whoever dies in between, the next goes on there.
    """

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    asked = models.JSONField()
    after = models.JSONField()
    done = models.BigIntegerField(default=0)
    asked_at = models.DateTimeField()
    by_user_id = models.BigIntegerField(null=True, blank=True)
    by_client_id = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"errand {self.pk} in conversation {self.conversation_id}"
