"""A short code that is written to."""

from datetime import datetime
from typing import Any

import pytest

from messaging import actions
from messaging.models import (
    InboundText,
    PhoneList,
    ShortCode,
)
from tests.factories import (
    PhoneListFactory,
    ShortCodeFactory,
)
from tests.messaging.inbound.talking import PHONE


@pytest.fixture
def code(inside_acme: Any) -> ShortCode:
    """Acme's short code."""
    made: ShortCode = ShortCodeFactory.create(
        merchant_name="Acme Shoes", care_contact="help@acme.example"
    )
    return made


@pytest.fixture
def phones(code: ShortCode) -> PhoneList:
    """Its marketing list."""
    made: PhoneList = PhoneListFactory.create(short_code=code, kind="Marketing")
    return made


@pytest.fixture
def write(code: ShortCode, now: datetime) -> Any:
    """Write from a phone; return what was taken."""
    count = iter(range(10_000))

    def write(
        text: str, *, phone: str = PHONE, at: datetime = now, number: str | None = None, **more: Any
    ) -> InboundText:
        return actions.take_inbound(
            short_code=code,
            phone_e164=phone,
            text=text,
            provider="test",
            provider_message_id=f"m{next(count)}" if number is None else number,
            now=at,
            **more,
        )

    return write
