"""SavedAudience: the saved segments of a list, by which messages name their audience."""

from datetime import datetime

from ninja import Query

from accounts.api import found_list
from accounts.wire import Frame, Id, Page, PageQuery, WireOut, WireRequest, page_of
from contacts.models import Segment

saved_audiences = Frame("/email/v1", integration="email", tag="SavedAudience")


class SavedAudienceOut(WireOut):
    """A saved segment."""

    name: str
    last_modified: datetime
    saved_audience_id: int


@saved_audiences.get(
    "/List/{list_id}/SavedAudience", answer=Page[SavedAudienceOut], levels=["List"]
)
def all_audiences(
    request: WireRequest, list_id: Id, paging: Query[PageQuery]
) -> Page[SavedAudienceOut]:
    """Return the saved segments of a list."""
    page = page_of(Segment.objects.filter(list=found_list(list_id)), paging, request)
    return page.answer(
        SavedAudienceOut,
        (
            SavedAudienceOut(name=row.name, last_modified=row.modified_at, saved_audience_id=row.pk)
            for row in page
        ),
    )
