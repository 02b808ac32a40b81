"""Segments in a browser: a rule drawn with the mouse, contacts put in by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, List, User
from accounts.tenancy import in_account
from contacts.actions.segments import create_segment
from contacts.models import Segment
from tests.browser.looking import problems
from tests.factories import (
    ListFactory,
    ProfileFieldFactory,
    SavedMessageFactory,
    SubscriptionFactory,
)

SignIn = Callable[[User], None]


@pytest.fixture
def shop(live: LiveServer, acme: Account) -> List:
    """A list with somebody on it, a field, a message and a segment."""
    now = datetime.now(UTC)
    with in_account(acme.pk):
        made: List = ListFactory.create(name="Store Customers")
        field = ProfileFieldFactory.create(
            group__list=made, group__name="Profile", name="Points", data_type="Numeric"
        )
        for email, points in (("grace@mail.example", 12), ("ada@mail.example", 3)):
            SubscriptionFactory.create(
                list=made,
                contact__email=email,
                contact__email_norm=email,
                profile={str(field.pk): points},
            )
        SavedMessageFactory.create(list=made, name="We miss you")
        rule = {"field": "Profile.Points", "at_least": 10}
        create_segment(list=made, name="VIPs", rule=rule, now=now)
    return made


def test_a_rule_is_drawn_and_counted(
    live: LiveServer,
    page: Page,
    mia: User,
    acme: Account,
    shop: List,
    sign_in: SignIn,
    screenshot: Callable[[str], Path],
) -> None:
    sign_in(mia)
    page.goto(f"{live.url}/a/acme-shoes/")

    page.get_by_role("link", name="Segments").click()
    page.get_by_role("link", name="Create segment").click()
    page.get_by_label("Segment name").fill("Quiet VIPs")
    page.get_by_label("Add a condition").select_option("Segment")
    page.get_by_label("Segment", exact=True).select_option("VIPs")
    page.get_by_label("Add a condition").select_option("Message")
    page.get_by_label("Whether").nth(1).select_option("has not")
    page.get_by_label("Which message").select_option("We miss you")
    expect(page.get_by_text("In words: is in the segment VIPs and did not open")).to_be_visible()
    screenshot("segment-rule")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Segment Quiet VIPs saved.")).to_be_visible()
    expect(page.get_by_role("link", name="grace@mail.example")).to_be_visible()
    page.get_by_role("button", name="Update Count").click()
    expect(page.get_by_text("1 contact is in Quiet VIPs.")).to_be_visible()
    with in_account(acme.pk):
        made = Segment.objects.get(name="Quiet VIPs")
        assert made.rule == {
            "all": [
                {"segment": "VIPs"},
                {
                    "not": {
                        "message": {
                            "did": "opened",
                            "saved_message": "We miss you",
                            "within": "P60D",
                        }
                    }
                },
            ]
        }
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Which message")).to_have_value("We miss you")


def test_contacts_are_put_in_and_taken_out(
    live: LiveServer, page: Page, mia: User, shop: List, sign_in: SignIn
) -> None:
    sign_in(mia)
    page.goto(f"{live.url}/a/acme-shoes/lists/{shop.pk}/segments/")

    page.get_by_role("button", name="Keep one by hand").click()
    page.get_by_role("dialog").get_by_label("Segment name").fill("Picked")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("button", name="Put contacts in").first.click()
    page.get_by_label("Email addresses").fill("ada@mail.example\nnobody@mail.example")
    page.get_by_role("button", name="Put in", exact=True).click()
    expect(page.get_by_text("Not on this list: nobody@mail.example.")).to_be_visible()
    page.get_by_role("button", name="Take out ada@mail.example").click()
    expect(page.get_by_text("Contact removed.")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_accessible_and_fit(
    live: LiveServer, page: Page, mia: User, acme: Account, shop: List, sign_in: SignIn, width: int
) -> None:
    with in_account(acme.pk):
        segment = Segment.objects.get().pk
    sign_in(mia)
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("", "new/", f"{segment}/", f"{segment}/edit/"):
        page.goto(f"{live.url}/a/acme-shoes/lists/{shop.pk}/segments/{path}")
        if path.endswith(("new/", "edit/")):
            expect(page.get_by_label("Add a condition").first).to_be_visible()
        assert problems(page) == [], path
