"""Headers that every answer carries."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve

# Nothing inline, nothing from elsewhere; pictures and media of messages may be anywhere.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: https:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "frame-ancestors 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
    ]
)


class SecurityHeaders:
    """Add the content security policy, unless the view has set its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the headers."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        )
        return response


class PagesAbove:
    """
    Lead who looks at an address that only takes what a form sends to the page above it.

    One comes to such an address by the address bar after a form was refused, and by signing
    in again where the session had ended.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or redirect."""
        response = self.get_response(request)
        is_look = response.status_code == 405 and request.method in {"GET", "HEAD"}
        if is_look and request.path.startswith("/a/"):
            return HttpResponseRedirect(page_above(request.path))
        return response


def page_above(path: str) -> str:
    """Return the nearest address above one that is somebody's."""
    while path != "/":
        path = path.rstrip("/").rpartition("/")[0] + "/"
        try:
            resolve(path)
        except Resolver404:
            continue
        return path
    return path
