"""
The web server's application for `benchmark api`: ours, and one route more, which does nothing.

`GET /ping/v1/Ping` asks for a token as every route does, opens the caller's account, counts the
call, and answers: what any call costs, whatever it is about.
"""

import os
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conductor.settings")
django.setup()

from accounts.wire import Frame, WireRequest  # noqa: E402 (there are no models before)
from accounts.wire.envelopes import Deleted  # noqa: E402
from accounts.wire.serving import WireAPI, serve  # noqa: E402

PATH = "/ping/v1/Ping"
API = "conductor.api.ApiMiddleware"

pings = Frame("/ping/v1", integration="email", tag="Ping")


@pings.get("/Ping", answer=Deleted, levels=["Contact"])
def ping(request: WireRequest) -> Deleted:
    """Answer."""
    return Deleted()


class Ping:
    """Answers the ping where the API is answered; passes everything else on."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        self.api = WireAPI([pings], urls_namespace="ping")
        self.api.templates(0)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        if request.path_info == PATH:
            now = timezone.now()  # noqa: TID251 (the clock of this request, as in the API)
            return serve(self.api, request, now=now)
        response: HttpResponseBase = self.get_response(request)
        return response


if f"{__name__}.Ping" not in settings.MIDDLEWARE:
    settings.MIDDLEWARE.insert(settings.MIDDLEWARE.index(API), f"{__name__}.Ping")
application = import_module("conductor.wsgi").application
