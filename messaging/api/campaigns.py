"""Campaign, Content, ContentFolder and IpPool under /email/v1; beyond the wire, making folders."""

from datetime import datetime

from django.db.models import QuerySet
from ninja import Query

from accounts.api import found_list
from accounts.models import IpPool, List
from accounts.wire import (
    Collection,
    Created,
    Deleted,
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Page,
    PageQuery,
    Resource,
    Updated,
    WireIn,
    WireOut,
    WireRequest,
    created,
    deleted,
    found,
    page_of,
    updated,
)
from contacts.api.reading import one_of
from messaging.actions import campaigns as actions
from messaging.models import Campaign, Content, ContentFolder, ContentKind

campaigns = Frame("/email/v1", integration="email", tag="Campaign")
library = Frame("", integration="email", tag="Content")

CAMPAIGNS = "/List/{list_id}/Campaign"
LEVELS = ["List", "Message"]
CONTENT = "/email/v1/Content"
CONTENT_NAMES = {
    "name": "contentName",
    "kind": "contentType",
    "html": "htmlContent",
    "text": "textContent",
}


class CampaignIn(WireIn):
    """A campaign to be."""

    campaign_name: str


class CampaignOut(WireOut):
    """A campaign."""

    campaign_id: int
    campaign_name: str


class ContentIn(WireIn):
    """A block of content to be; without a folder it lies in none."""

    content_folder_id: int = 0
    content_name: str
    text_content: str = ""
    html_content: str = ""
    content_type: str = ContentKind.SAVED.value


class ContentChange(WireIn):
    """What a block of content is to be; what is left out stays."""

    content_folder_id: int | None = None
    content_name: str | None = None
    text_content: str | None = None
    html_content: str | None = None


class ContentOut(WireOut):
    """A block of content; in no folder it is in folder 0."""

    content_id: int
    content_folder_id: int
    content_name: str
    text_content: str
    html_content: str
    content_type: str
    content_read_only: bool = False
    last_modified_date: datetime


class ContentFolderIn(WireIn):
    """A folder to be: of the account or of a list, within another or not."""

    folder_name: str
    list_id: int = 0
    parent_folder_id: int = 0


class ContentFolderOut(WireOut):
    """A folder of the content library; the whole account's has no list."""

    content_folder_id: int
    list_id: int | None
    parent_folder_id: int | None
    folder_name: str


class IpPoolIn(WireIn):
    """A pool to be."""

    ip_pool_description: str


class IpPoolOut(WireOut):
    """A pool of addresses that messages are sent from."""

    ip_pool_id: int
    ip_pool_description: str


def campaigns_of(list_id: int) -> "QuerySet[Campaign]":
    """Return the campaigns of a list."""
    return Campaign.objects.filter(list=found_list(list_id)).select_related("list").order_by("pk")


def found_campaign(list_id: int, campaign_id: int) -> Campaign | None:
    """
    Return the campaign that a body names, None for campaign 0.

    :raises InvalidParameterError: naming `campaignId`, if the list has none of that id.
    """
    if not campaign_id:
        return None
    row = Campaign.objects.filter(list=list_id, pk=campaign_id).first()
    if row is None:
        raise InvalidParameterError("campaignId")
    return row


@campaigns.get(CAMPAIGNS, answer=Collection[CampaignOut], levels=LEVELS)
def all_campaigns(request: WireRequest, list_id: Id) -> Collection[CampaignOut]:
    """Return the campaigns of a list."""
    return Collection[CampaignOut](
        data=[
            CampaignOut(campaign_id=row.pk, campaign_name=row.name) for row in campaigns_of(list_id)
        ]
    )


@campaigns.post(CAMPAIGNS, levels=LEVELS, names={"name": "campaignName"})
def create_campaign(request: WireRequest, list_id: Id, body: CampaignIn) -> Created:
    """
    Create a campaign of a list.

    Its name is the list's own. Messages, saved messages and conversations name it by `campaignId`.
    """
    made = actions.create_campaign(
        list=found_list(list_id), name=body.campaign_name, now=request.now, by=request.client
    )
    return created(made.pk)


@campaigns.get(CAMPAIGNS + "/{campaign_id}", answer=Resource[CampaignOut], levels=LEVELS)
def one_campaign(request: WireRequest, list_id: Id, campaign_id: Id) -> Resource[CampaignOut]:
    """Return a campaign."""
    row = found(campaigns_of(list_id), pk=campaign_id)
    return Resource[CampaignOut](data=CampaignOut(campaign_id=row.pk, campaign_name=row.name))


@campaigns.put(
    CAMPAIGNS + "/{campaign_id}", answer=Updated, levels=LEVELS, names={"name": "campaignName"}
)
def rename_campaign(
    request: WireRequest, list_id: Id, campaign_id: Id, body: CampaignIn
) -> Updated:
    """Rename a campaign."""
    row = found(campaigns_of(list_id), pk=campaign_id)
    actions.rename_campaign(
        campaign=row, name=body.campaign_name, now=request.now, by=request.client
    )
    return updated(campaign_id)


@campaigns.delete(CAMPAIGNS + "/{campaign_id}", levels=LEVELS)
def delete_campaign(request: WireRequest, list_id: Id, campaign_id: Id) -> Deleted:
    """Delete a campaign; its messages stay, in no campaign."""
    row = found(campaigns_of(list_id), pk=campaign_id)
    actions.delete_campaign(campaign=row, now=request.now, by=request.client)
    return deleted()


def content_out(row: Content) -> ContentOut:
    """Write a block of content as the wire has it."""
    return ContentOut(
        content_id=row.pk,
        content_folder_id=row.folder_id or 0,
        content_name=row.name,
        text_content=row.text,
        html_content=row.html,
        content_type=row.kind,
        last_modified_date=row.modified_at,
    )


def found_folder(parameter: str, folder_id: int) -> ContentFolder | None:
    """
    Return the folder that a body names, None for folder 0.

    :raises InvalidParameterError: naming `parameter`, if there is none of that id.
    """
    if not folder_id:
        return None
    row = ContentFolder.objects.filter(pk=folder_id).first()
    if row is None:
        raise InvalidParameterError(parameter)
    return row


@library.get(CONTENT, answer=Page[ContentOut] | Collection[ContentOut], levels=["Message"])
def all_content(
    request: WireRequest, paging: Query[PageQuery]
) -> Page[ContentOut] | Collection[ContentOut]:
    """
    Return the blocks of the content library.

    The wire knows no pages of them: what is all there is comes as it always has. With more
    than `count`, and behind a cursor, the answer says how to go on.
    """
    page = page_of(Content.objects.all(), paging, request)
    data = [content_out(row) for row in page]
    if page.next_cursor is None and not paging.after:
        return Collection[ContentOut](data=data)
    return Page[ContentOut](next_page_cursor=page.next_cursor, data=data)


@library.post(CONTENT, levels=["Message"], names=CONTENT_NAMES)
def create_content(request: WireRequest, body: ContentIn) -> Created:
    """
    Create a block of content.

    It is kept, listed and read by this API; messages do not include blocks by name. `contentType` is
    SavedContent or DynamicContent; `contentFolderId` 0 is no folder.
    """
    made = actions.save_content(
        name=body.content_name,
        folder=found_folder("contentFolderId", body.content_folder_id),
        kind=one_of("contentType", body.content_type, ContentKind.values),
        html=body.html_content,
        text=body.text_content,
        now=request.now,
        by=request.client,
    )
    return created(made.pk)


@library.get(CONTENT + "/{content_id}", answer=Resource[ContentOut], levels=["Message"])
def one_content(request: WireRequest, content_id: Id) -> Resource[ContentOut]:
    """Return a block of content."""
    return Resource[ContentOut](data=content_out(found(Content.objects.all(), pk=content_id)))


@library.put(
    CONTENT + "/{content_id}",
    answer=Resource[ContentOut],
    levels=["Message"],
    names=CONTENT_NAMES,
)
def change_content(
    request: WireRequest, content_id: Id, body: ContentChange
) -> Resource[ContentOut]:
    """Change a block of content; what the body leaves out stays as it is."""
    row = found(Content.objects.select_related("folder"), pk=content_id)
    folder = row.folder
    if body.content_folder_id is not None:
        folder = found_folder("contentFolderId", body.content_folder_id)
    saved = actions.save_content(
        content=row,
        name=row.name if body.content_name is None else body.content_name,
        folder=folder,
        kind=row.kind,
        html=row.html if body.html_content is None else body.html_content,
        text=row.text if body.text_content is None else body.text_content,
        now=request.now,
        by=request.client,
    )
    return Resource[ContentOut](data=content_out(saved))


@library.get("/email/v1/ContentFolder", answer=Collection[ContentFolderOut], levels=["Message"])
def all_folders(request: WireRequest) -> Collection[ContentFolderOut]:
    """Return the folders of the content library."""
    return Collection[ContentFolderOut](
        data=[
            ContentFolderOut(
                content_folder_id=row.pk,
                list_id=row.list_id,
                parent_folder_id=row.parent_id,
                folder_name=row.name,
            )
            for row in ContentFolder.objects.order_by("pk")
        ]
    )


@library.post("/conductor/v1/ContentFolder", levels=["Message"], names={"name": "folderName"})
def create_folder(request: WireRequest, body: ContentFolderIn) -> Created:
    """Create a folder of the content library."""
    try:
        in_list = found(List.objects.all(), pk=body.list_id) if body.list_id else None
    except NotFoundError as unknown:
        raise InvalidParameterError("listId") from unknown
    made = actions.create_folder(
        name=body.folder_name,
        list=in_list,
        parent=found_folder("parentFolderId", body.parent_folder_id),
        now=request.now,
        by=request.client,
    )
    return created(made.pk)


@library.get("/email/v1/IpPool", answer=Page[IpPoolOut])
def all_pools(request: WireRequest) -> Page[IpPoolOut]:
    """Return the account's pools to any integration of the type, all on one page."""
    return Page[IpPoolOut](
        next_page_cursor=None,
        data=[
            IpPoolOut(ip_pool_id=row.pk, ip_pool_description=row.description)
            for row in IpPool.objects.order_by("pk")
        ],
    )


@library.post("/conductor/v1/IpPool", levels=["List"])
def create_pool(request: WireRequest, body: IpPoolIn) -> Created:
    """Create a pool of addresses."""
    description = " ".join(body.ip_pool_description.split())
    taken = IpPool.objects.filter(description=description).exists()
    if taken or not 0 < len(description) <= 120:
        raise InvalidParameterError("ipPoolDescription")
    return created(IpPool.objects.create(description=description).pk)
