"""Campaigns, and the content library."""

from datetime import datetime

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from messaging.actions.messages import check_length, check_template, checked_name
from messaging.models import Campaign, Content, ContentFolder, ContentKind

By = User | ApiClient | None


def create_campaign(*, list: List, name: str, now: datetime, by: By = None) -> Campaign:
    """
    Create a campaign of a list.

    :raises InvalidValueError: for an empty, too long or taken name (case does not count).
    """
    made = Campaign.objects.create(list=list, name=_campaign_name(list, name), created_at=now)
    record(verb="created", noun="campaign", object_id=made.pk, now=now, by=by)
    return made


def rename_campaign(*, campaign: Campaign, name: str, now: datetime, by: By = None) -> None:
    """Rename a campaign; errors as for `create_campaign`."""
    campaign.name = _campaign_name(campaign.list, name, other_than=campaign.pk)
    campaign.save()
    record(verb="updated", noun="campaign", object_id=campaign.pk, now=now, by=by)


def delete_campaign(*, campaign: Campaign, now: datetime, by: By = None) -> None:
    """Delete a campaign; what was filed under it is filed under none."""
    record(verb="deleted", noun="campaign", object_id=campaign.pk, now=now, by=by)
    campaign.delete()


def create_folder(
    *,
    name: str,
    now: datetime,
    list: List | None = None,
    parent: ContentFolder | None = None,
    by: By = None,
) -> ContentFolder:
    """
    Create a drawer of the content library.

    :raises InvalidValueError: for a bad name, or one that its place has already.
    """
    name = checked_name(name, noun="folder")
    if ContentFolder.objects.filter(parent=parent, name=name).exists():
        raise InvalidValueError("name", f"There is a folder named {name} already.")
    made = ContentFolder.objects.create(list=list, parent=parent, name=name)
    record(verb="created", noun="content_folder", object_id=made.pk, now=now, by=by)
    return made


def save_content(
    *,
    name: str,
    now: datetime,
    content: Content | None = None,
    folder: ContentFolder | None = None,
    kind: str = ContentKind.SAVED,
    html: str = "",
    text: str = "",
    by: By = None,
) -> Content:
    """
    Create a block of content, or replace `content`.

    :raises InvalidValueError: for a bad or taken name, an unknown kind, a template that does
        not compile.
    """
    saved = content or Content()
    saved.name = checked_name(name, noun="content")
    if Content.objects.filter(name__iexact=saved.name).exclude(pk=saved.pk).exists():
        raise InvalidValueError("name", f"There is content named {saved.name} already.")
    if kind not in ContentKind.values:
        raise InvalidValueError("kind", f"Content is one of {', '.join(ContentKind.values)}.")
    for part, source in (("html", html), ("text", text)):
        check_length(part, source)
        check_template(part, source)
    saved.kind, saved.folder, saved.html, saved.text = kind, folder, html, text
    saved.modified_at = now
    saved.save()
    verb = "updated" if content else "created"
    record(verb=verb, noun="content", object_id=saved.pk, now=now, by=by)
    return saved


def _campaign_name(list: List, name: str, *, other_than: int = 0) -> str:
    name = checked_name(name, noun="campaign")
    taken = Campaign.objects.filter(list=list, name__iexact=name).exclude(pk=other_than)
    if taken.exists():
        raise InvalidValueError("name", f"The list has a campaign named {name} already.")
    return name
