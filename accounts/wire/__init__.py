'''
The wire: how every JSON route under /email/v1, /sms/v1, /data/v1 and /conductor/v1 speaks.

A route is a function below a `Frame`. It runs inside its caller's account, in ONE transaction
(so it is a function that parses, calls one verb, and answers); the frame has already done the
rest by then::

    from accounts.wire import Frame, Id, Page, PageQuery, Resource, WireIn, WireOut, WireRequest
    from accounts.wire import Collection, Created, Updated, created, page_of

    conductor = Frame("/conductor/v1", integration="email", tag="Conversations")


    class RaiseIn(WireIn):                        # event_name is the key eventName, in any case
        event_name: str


    class FolderOut(WireOut):                     # out: exactly these keys, in this order
        folder_id: int
        folder_name: str
        created_date: datetime                    # leaves naive, in the account's zone


    @conductor.get("/List/{list_id}/Folder", answer=Page[FolderOut], levels=["List"])
    def folders(request: WireRequest, list_id: Id, paging: Query[PageQuery]) -> Page[FolderOut]:
        """List the folders."""                   # the docstring is the OpenAPI description
        rows = page_of(Folder.objects.filter(list=found_list(list_id)), paging, request)
        return rows.answer(FolderOut, (FolderOut(...) for row in rows))


    @conductor.post("/List/{list_id}/Folder", answer={201: Created, 200: Updated}, levels=["Message"])
    def create_folder(request: WireRequest, list_id: Id, body: RaiseIn) -> Created | Updated:
        return created(12)                        # 201 with resourceId "12"; updated(12) is 200

* The other answers are `Resource[FolderOut](data=...)` and `Collection[FolderOut](data=[...])`.
* `request.account`, `request.client` (the integration, as `by=`), `request.zone`, `request.now`
  (the one clock of the request) are there; do not read a clock. `found(queryset, pk=...)` fetches
  or raises NotFoundError.
* Raise, never return, a failure: `NotFoundError()` (the frame writes "Unable to locate a resource
  associated with the listId and conversationId supplied." from the path), `InvalidParameterError(
  "eventName")`, `Refused(code="ERROR_INVALID_CONVERSATION", message="...")` (status=400), or any
  `accounts.actions.InvalidValueError` (its `field` is named, after `names={"name": "folderName"}`
  of the route has been asked; with a `code` of its own that code and its message are answered).
  Every status >= 400 rolls the transaction back.
* Path parameters are snake_case and become camelCase on the wire. Literals match in any case, a
  trailing slash is accepted, a literal wins over a parameter if it knows the method.
* `integration=` (the type a token must have) may be given per route; `levels` must all be held.
* `accepts=("application/json", "application/yaml")` widens the content types of a body; such a
  route reads `request.body` itself (`accounts.wire.parsing.read_json(request)` parses JSON). A
  Django `HttpResponse` may be returned as it is (YAML).
* Add the frame to `FRAMES` in `conductor/api.py`; nothing else mounts it.

Order of the checks: route (404), method (405), token, type, level, address (401), content type
(415), JSON (400), ids in the path (404), parameters (400). Nothing answers HTML.
'''

from accounts.wire.envelopes import (
    Amount,
    Collection,
    Created,
    Deleted,
    Page,
    Resource,
    Updated,
    WireIn,
    WireOut,
    created,
    deleted,
    updated,
)
from accounts.wire.errors import (
    InvalidParameterError,
    NotFoundError,
    Refused,
    UnauthorizedError,
    WireError,
)
from accounts.wire.frame import Frame, Id, WireRequest, found
from accounts.wire.paging import PageQuery, page_of

__all__ = [
    "Amount",
    "Collection",
    "Created",
    "Deleted",
    "Frame",
    "Id",
    "InvalidParameterError",
    "NotFoundError",
    "Page",
    "PageQuery",
    "Refused",
    "Resource",
    "UnauthorizedError",
    "Updated",
    "WireError",
    "WireIn",
    "WireOut",
    "WireRequest",
    "created",
    "deleted",
    "found",
    "page_of",
    "updated",
]
