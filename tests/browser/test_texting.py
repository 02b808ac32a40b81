"""The pages of texting, rules and suppression: with a keyboard, on a phone, and under axe."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, User
from accounts.tenancy import in_account
from messaging import actions
from messaging.actions.address_files import import_addresses
from messaging.actions.rules import add_cap
from messaging.actions.suppressions import suppress
from messaging.models import PhoneList
from tests.browser.looking import problems
from tests.factories import (
    ContactFactory,
    ListFactory,
    PhoneListFactory,
    ShortCodeFactory,
    SmsMessageFactory,
)

SHOTS = os.environ.get("CONDUCTOR_SHOTS", "")
PHONE = "+12125550123"

SignIn = Callable[[User], None]


@pytest.fixture
def phones(live: LiveServer, acme: Account) -> PhoneList:
    """A phone list whose number signed up, wrote and was answered; a cap, a file, suppressions."""
    now = datetime.now(UTC)
    with in_account(acme.pk):
        customers = ListFactory.create(name="Store Customers")
        code = ShortCodeFactory.create(
            code="54321", email_list=customers, merchant_name="Acme Shoes"
        )
        phones: PhoneList = PhoneListFactory.create(
            short_code=code, name="Offers", kind="Marketing", require_double_opt_in=True
        )
        SmsMessageFactory.create(phone_list=phones)
        ContactFactory.create(phone_e164=PHONE)
        actions.subscribe_phone(
            phone_list=phones,
            phone_e164=PHONE,
            consent=actions.Consent(source="Checkout", text="I agree to texts.", at=now),
            now=now,
        )
        for place, (text, media) in enumerate(
            [("Y", []), ("Look", ["https://acme.example/a.png"])]
        ):
            actions.take_inbound(
                short_code=code,
                phone_e164=PHONE,
                text=text,
                media=media,
                provider="test",
                provider_message_id=str(place),
                now=now,
            )
        add_cap(channel="any", period="week", most=4, campaign="Winback", now=now)
        suppress(channel="email", addresses=["kay@mail.example"], reason="hard bounce", now=now)
        import_addresses(kind="suppressions", file=b"ed@x.example", file_name="stop.csv", now=now)
        return phones


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
def test_pages_of_texting_are_accessible_and_fit(
    live: LiveServer,
    page: Page,
    ada: User,
    phones: PhoneList,
    sign_in: SignIn,
    width: int,
    theme: str,
) -> None:
    sign_in(ada)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    root = "/a/acme-shoes/"
    sms = f"{root}lists/{phones.short_code.email_list_id}/sms/"
    code = f"{sms}short-codes/{phones.short_code_id}/"
    found = {}
    pages = {
        "stream": f"{code}phones/{PHONE[1:]}/",
        "rules": f"{root}sending-rules/",
        "phone-list": f"{sms}phone-lists/{phones.pk}/",
        "replies": f"{code}replies/",
        "suppressions": f"{root}suppressions/",
    }
    # The narrow window looks at all of them, the wide one at those that are laid out anew.
    for name, address in list(pages.items())[: 5 if width == 360 else 3]:
        page.goto(live.url + address)
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{theme}.png", full_page=True)
        found[address] = problems(page)
    assert not any(found.values()), found


def test_a_marketer_answers_and_caps_with_the_keyboard_alone(
    live: LiveServer, page: Page, mia: User, phones: PhoneList, sign_in: SignIn
) -> None:
    sign_in(mia)
    code = f"lists/{phones.short_code.email_list_id}/sms/short-codes/{phones.short_code_id}/"

    page.goto(f"{live.url}/a/acme-shoes/{code}phones/{PHONE[1:]}/")
    page.get_by_label("Answer").focus()
    page.keyboard.type("They are nice!")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your answer is on its way.")).to_be_visible()
    expect(page.locator(".phone-thread")).to_contain_text("They are nice!")
    page.goto(f"{live.url}/a/acme-shoes/sending-rules/")
    page.get_by_role("button", name="Remove the cap of 4").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Cap removed.")).to_be_visible()
