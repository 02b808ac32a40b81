"""What marketers draw, and the frozen copies that run."""

from django.db import models
from django.db.models import Q

from accounts.models import List, User
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Conversation(TenantModel):
    """
    One automated conversation of a list.

    `draft` is the conversation file's structure (reference: conversation-file.md) with
    names, not ids; each edit writes it whole. `commits` maps a message step's key to the
    id of the CommittedMessage it sends: {step key: id}.
    """

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="conversations")
    name = models.CharField(max_length=120)
    draft = models.JSONField()
    commits = models.JSONField(default=dict)
    # Counts edits; a page that edits an older one is told so.
    revision = models.IntegerField(default=1)
    published = TenantForeignKey(
        "conversations.Version", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    paused_at = models.DateTimeField(null=True, blank=True)
    # A test run is a conversation of its own, hidden from lists: nothing of it counts in
    # the one that it rehearses. {speed: full | real, own: [addresses that are written to],
    # emails: [whose run it is], state: {contact id: what differs in the run}}, of which
    # conductor.engine.apart says more.
    rehearsal_of = TenantForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="rehearsals"
    )
    rehearsal = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "list", "name"],
                condition=Q(rehearsal_of__isnull=True),
                name="conversation_name_once_per_list",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Version(TenantModel):
    """
    A frozen copy of a conversation: what the contacts inside it live by.

    `document` is the file as published; `program` is what the engine runs: the same graph
    with ids for names and every exit resolved. Neither ever changes.
    """

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    document = models.JSONField()
    commits = models.JSONField(default=dict)
    program = models.JSONField()
    published_at = models.DateTimeField()
    published_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "conversation", "number", name="version_number_once"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number} of conversation {self.conversation_id}"


class Revision(TenantModel):
    """
    A draft as it was before an edit replaced it: what *undo* brings back.

    `number` is the conversation's `revision` while it stood.
    """

    conversation = TenantForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="revisions"
    )
    number = models.IntegerField()
    draft = models.JSONField()
    commits = models.JSONField(default=dict)
    replaced_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "conversation", "number"], name="revision_number_once"
            ),
        ]

    def __str__(self) -> str:
        return f"revision {self.number} of conversation {self.conversation_id}"
