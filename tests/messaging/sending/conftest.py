"""A sender, and a turn of it."""

import pytest

from messaging.sending.heart import Heart
from messaging.sending.sender import serve


@pytest.fixture
def heart(db, now):
    with Heart(lambda: now) as heart:
        yield heart


@pytest.fixture
def turn(acme, now, heart):
    """Serve acme once."""

    def serve_once(at=now):
        return serve(acme.pk, heart=heart, clock=lambda: at)

    return serve_once
