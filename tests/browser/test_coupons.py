"""Coupons in a browser: made and filled, and readable at any width."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, List, User
from accounts.tenancy import in_account
from contacts.actions.imports import run_import
from contacts.models import Import
from messaging.actions.coupons import create_pool
from messaging.models import CouponPool
from tests.browser.looking import problems
from tests.browser.test_frame import SignIn
from tests.factories import ListFactory

SHOTS = os.environ.get("CONDUCTOR_SHOTS")


@pytest.fixture
def customers(acme: Account) -> List:
    """A list."""
    with in_account(acme.pk):
        made: List = ListFactory.create(name="Store Customers")
    return made


def test_a_pool_is_made_and_filled(
    live: LiveServer, page: Page, mia: User, acme: Account, customers: List, sign_in: SignIn
) -> None:
    sign_in(mia)
    page.goto(f"{live.url}/a/acme-shoes/lists/{customers.pk}/coupons/")

    page.get_by_role("link", name="Create coupon pool").first.click()
    page.get_by_label("Name").fill("Welcome 10")
    page.get_by_label("Fallback code").fill("SORRY5")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Codes", exact=True).fill("A1\nA1\nB2,2099-12-31")
    page.get_by_role("button", name="Add codes").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    with in_account(acme.pk):
        run_import(Import.objects.get().pk, datetime.now(UTC))

    expect(page.get_by_text("The code stands in line 1 already.")).to_be_visible()
    page.get_by_role("link", name="Welcome 10").last.click()
    expect(page.locator(".tile", has_text="Available")).to_contain_text("2")


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
def test_pages_of_coupons_are_accessible_and_fit(
    live: LiveServer,
    page: Page,
    mia: User,
    acme: Account,
    customers: List,
    sign_in: SignIn,
    width: int,
    theme: str,
) -> None:
    sign_in(mia)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    with in_account(acme.pk):
        pool: CouponPool = create_pool(name="Welcome 10", now=datetime.now(UTC))
    root = f"/a/acme-shoes/lists/{customers.pk}/coupons/"
    found = {}
    for name, address in {
        "list": root,
        "new": f"{root}new/",
        "pool": f"{root}{pool.pk}/",
        "edit": f"{root}{pool.pk}/edit/",
    }.items():
        page.goto(live.url + address)
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"coupons-{name}-{width}.png", full_page=True)
        found[address] = problems(page)
    assert not any(found.values()), found
