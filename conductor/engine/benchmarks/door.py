"""
The web server's application for `benchmark redirects`: ours, and a path that does nothing.

What the bare path takes is the server's own limit, in the same processes and threads.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

ours = get_wsgi_application()
BARE = "/bare"

StartResponse = Callable[..., Any]


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer the bare path at once; hand everything else to Conductor."""
    if environ["PATH_INFO"] == BARE:
        start_response("302 Found", [("Location", "https://shop.example/")])
        return [b""]
    found: Iterable[bytes] = ours(environ, start_response)
    return found
