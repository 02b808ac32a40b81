"""
A secret that is shown once: on the page that its maker is sent to.

The server keeps nothing but what it needs of the secret; the secret itself travels to its one
showing in a signed cookie of the browser that asked for it, for two minutes, to one address.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

COOKIE = "shown_once"
SECONDS = 120


def show_secret_once(request: HttpRequest, secret: str, *, at: str) -> HttpResponse:
    """Go to the page at an address with a secret, for one showing."""
    response = redirect(at)
    response.set_signed_cookie(
        COOKIE,
        secret,
        salt=at,
        max_age=SECONDS,
        path=at,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure(),
    )
    return response


def secret_to_show(request: HttpRequest, *, at: str) -> str:
    """Return the secret that a page at an address is to show, "" for none."""
    return str(request.get_signed_cookie(COOKIE, default="", salt=at, max_age=SECONDS))


def forget_shown(response: HttpResponse, *, at: str) -> None:
    """Have the browser forget the secret: this answer has shown it."""
    response.delete_cookie(COOKIE, path=at)
