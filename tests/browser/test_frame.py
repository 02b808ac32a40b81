"""The frame and the pages of contacts, with a mouse, a keyboard, a phone and axe."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.actions import create_integration
from accounts.models import Account, List, User
from accounts.tenancy import in_account
from conductor.webhooks.segment_source.actions import save_source
from contacts.models import Contact, ProfileField, ProfileFieldGroup, SegmentMapping
from tests.browser.looking import problems
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
    ProfileFieldFactory,
    SubscriptionFactory,
)

SignIn = Callable[[User], None]


@pytest.fixture
def customers(live: LiveServer, acme: Account) -> List:
    """A list with somebody on it, a field and an event."""
    now = datetime.now(UTC)
    with in_account(acme.pk):
        customers: List = ListFactory.create(name="Transactional")
        field = ProfileFieldFactory.create(group__list=customers, name="Size")
        SubscriptionFactory.create(
            list=customers,
            contact__email="grace@mail.example",
            contact__last_name="Hopper",
            profile={str(field.pk): "38"},
        )
        ExternalEventFactory.create(list=customers, name="Order Imported")
        create_integration(name="Shop", types=["email"], now=now)
    return customers


def test_the_search_finds_a_contact_by_keyboard_alone(
    live: LiveServer, page: Page, mia: User, customers: List, sign_in: SignIn
) -> None:
    sign_in(mia)
    page.goto(f"{live.url}/a/acme-shoes/lists/{customers.pk}/fields/")

    page.keyboard.press("Control+k")
    page.keyboard.type("grace@")
    expect(page.get_by_role("link", name="Grace Hopper")).to_be_visible()
    # What was asked amid the letters found pages, too, and Enter goes to the first.
    expect(page.locator("#palette-results a")).to_have_count(1)
    page.keyboard.press("Enter")

    page.wait_for_url("**/contacts/*/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Grace Hopper")


def test_an_undone_unsubscribing_leaves_the_contact_subscribed(
    live: LiveServer, page: Page, mia: User, acme: Account, customers: List, sign_in: SignIn
) -> None:
    sign_in(mia)
    with in_account(acme.pk):
        contact = Contact.objects.get()
    page.goto(f"{live.url}/a/acme-shoes/lists/{customers.pk}/contacts/{contact.pk}/")

    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("Subscribed$"))


def test_a_phone_has_a_drawer_that_escape_closes(
    live: LiveServer, page: Page, mia: User, customers: List, sign_in: SignIn
) -> None:
    sign_in(mia)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{live.url}/a/acme-shoes/")

    link = page.get_by_role("link", name="Profile Fields")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Navigation").click()
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()


def test_the_theme_and_the_folded_sidebar_are_remembered(
    live: LiveServer, page: Page, mia: User, customers: List, sign_in: SignIn
) -> None:
    sign_in(mia)
    page.goto(f"{live.url}/a/acme-shoes/")

    page.locator(".user-button").click()
    page.get_by_role("button", name="Dark").click()
    page.get_by_role("button", name="Fold or unfold the navigation").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("html")).to_have_attribute("data-sidebar", "folded")
    expect(page.locator("body")).to_have_css("color-scheme", "dark")


def test_the_account_menu_lists_the_accounts(
    live: LiveServer, page: Page, mia: User, customers: List, sign_in: SignIn
) -> None:
    sign_in(mia)
    page.goto(f"{live.url}/a/acme-shoes/")

    page.locator("summary", has_text="Acme Shoes").click()

    expect(page.get_by_role("link", name="Acme Shoes", exact=True)).to_be_visible()


def fill_segment(customers: List) -> None:
    """Give the pages of Segment something to show."""
    group = ProfileFieldGroup.objects.create(list=customers, name="Engage Audiences")
    field = ProfileField.objects.create(
        list=customers, group=group, name="Shoppers of the autumn", data_type="CheckBox"
    )
    SegmentMapping.objects.create(
        name="Shoppers",
        list=customers,
        event_type="track",
        event_name="Audience Entered",
        audience_key="shoppers_of_the_autumn",
        values={str(field.pk): "useAudienceKey"},
        created_at=customers.created_at,
        modified_at=customers.created_at,
    )
    save_source(
        write_key="segment-write-key",
        url="",
        lists=[customers.pk],
        user_id_fields={},
        now=customers.created_at,
    )


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
def test_pages_are_accessible_and_fit(
    live: LiveServer,
    page: Page,
    ada: User,
    acme: Account,
    customers: List,
    sign_in: SignIn,
    width: int,
    theme: str,
) -> None:
    sign_in(ada)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    with in_account(acme.pk):
        contact = Contact.objects.get()
        fill_segment(customers)
    root, listed = "/a/acme-shoes/", f"/a/acme-shoes/lists/{customers.pk}/"
    found = {}
    for address in (
        root,
        f"{root}lists/",
        f"{root}integrations/?new",
        f"{root}integrations/segment/",
        f"{root}integrations/segment/mappings/new/",
        f"{root}integrations/segment/source/",
        f"{listed}contacts/",
        f"{listed}contacts/new/",
        f"{listed}contacts/{contact.pk}/",
        f"{listed}fields/",
        f"{listed}events/",
        f"{listed}help/api-ids/",
        "/sign-in/password/change/",
    ):
        page.goto(live.url + address)
        found[address] = problems(page)
    assert not any(found.values()), found
