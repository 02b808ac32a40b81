"""
The API, mounted: all the frames, the token, and the OpenAPI pages.

`ApiMiddleware` answers every request below the prefixes before sessions, CSRF and the page's
URLs are asked, so that no middleware can answer HTML there.
"""

import json
import re
import uuid
from datetime import datetime
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from pydantic.alias_generators import to_camel

from accounts import api as accounts_api
from accounts.wire import Frame
from accounts.wire.errors import WireError
from accounts.wire.serving import WireAPI, on_crash, on_wire_error, serve
from conductor.conversations import api as conversations_api
from conductor.describing import describe
from conductor.webhooks import api as webhooks_api
from contacts import api as contacts_api
from messaging import api as messaging_api

FRAMES: list[Frame] = [
    accounts_api.lists,
    accounts_api.drawers,
    accounts_api.secrets,
    *contacts_api.FRAMES,
    *messaging_api.FRAMES,
    *conversations_api.FRAMES,
    webhooks_api.webhooks,
]
# The last two are the vendor's hosts', too, and not served: what asks there reads no HTML either,
# nor does whoever joins a host that ends in a slash and a path that begins with one.
PREFIXES = re.compile(
    r"/+(?:oauth2|email|sms|data|crosschannel|privacy|twowaysms|conductor|media|mobileclient)(?:/|\Z)",
    re.IGNORECASE,
)
DOCS = re.compile(r"/conductor/v1/(?:docs|openapi\.json)/?\Z", re.IGNORECASE)
REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
TOKEN = re.compile(r"/oauth2/token/?\Z", re.IGNORECASE)

DESCRIPTION = """
Routes under `/email/v1`, `/sms/v1`, `/data/v1`, `/privacy/v1`, `/crosschannel/v1` and `/twowaysms`
are those of Listrak's public API; what it lacks is under `/conductor/v1`. Get a token at `POST /OAuth2/Token` with
`grant_type=client_credentials`, `client_id` and `client_secret`.
"""


@cache
def api() -> WireAPI:
    """Return the one API of this process."""
    return WireAPI(
        FRAMES,
        title="Conductor",
        version="1",
        description=DESCRIPTION,
        urls_namespace="api",
    )


def front(request: HttpRequest) -> HttpResponseBase:
    """Answer a request below one of the prefixes, in JSON whatever happens."""
    number = request_id(request)
    request.id = number  # type: ignore[attr-defined]
    response = _answered(request, now=timezone.now())
    response["X-Request-Id"] = number
    return response


def request_id(request: HttpRequest) -> str:
    """Return the caller's own `X-Request-Id`, if it is a plain one, else a new one."""
    given = request.headers.get("X-Request-Id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _answered(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    if not TOKEN.match(request.path_info):
        return serve(api(), request, now=now)
    try:
        return accounts_api.token(request, now=now)
    except WireError as refusal:
        return on_wire_error(request, refusal)
    except Exception as crash:  # the last net
        return on_crash(request, crash)


class ApiMiddleware:
    """Answer the API's requests here; pass on the pages'."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        # The table of routes is made before the threads ask for it.
        api().templates(0)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        path_info = request.path_info
        if DOCS.match(path_info):
            # Found as the routes are: in any case, with or without a slash.
            request.path_info = path_info.lower().removesuffix("/")
        elif PREFIXES.match(path_info):
            return front(request)
        response: HttpResponseBase = self.get_response(request)
        return response


@cache
def openapi_schema() -> dict[str, Any]:
    """Return the OpenAPI description, path parameters as the wire names them."""
    schema: dict[str, Any] = dict(api().get_openapi_schema(path_prefix=""))
    schema["paths"] = {
        re.sub(r"{(\w+)}", lambda name: f"{{{to_camel(name[1])}}}", route): _camel_paths(methods)
        for route, methods in schema["paths"].items()
    }
    schema["components"]["securitySchemes"] = {
        "Token": {"type": "http", "scheme": "bearer"},
        "WriteKey": {"type": "http", "scheme": "basic"},
    }
    describe(schema)
    return schema


def _camel_paths(methods: dict[str, Any]) -> dict[str, Any]:
    for operation in methods.values():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                parameter["name"] = to_camel(parameter["name"])
    return methods


def openapi(request: HttpRequest) -> HttpResponse:
    """Serve the OpenAPI description."""
    return JsonResponse(openapi_schema())


def docs(request: HttpRequest) -> HttpResponse:
    """Show it, with ninja's own copy of Swagger UI."""
    settings = {"layout": "BaseLayout", "deepLinking": True, "url": reverse("openapi")}
    context = {"api": api(), "swagger_settings": json.dumps(settings), "add_csrf": False}
    return render(request, "ninja/swagger.html", context)


urlpatterns = [
    path("conductor/v1/docs", docs, name="api_docs"),
    path("conductor/v1/openapi.json", openapi, name="openapi"),
]
