"""What was left empty in messages because nobody knew it."""

from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel
from messaging.models.message import CommittedMessage


class BlankName(TenantModel):
    """
    In how many copies of a message that were sent a name was left empty: there is no such name.

    `name` as the template writes it. Tests are not counted.
    """

    message = TenantForeignKey(CommittedMessage, on_delete=models.CASCADE, related_name="blanks")
    name = models.CharField(max_length=200)
    number = models.BigIntegerField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "message", "name", name="blank_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.number}"
