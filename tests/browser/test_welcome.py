"""Walk-through W4, Welcome: drawn by clicking, published, and walked by two contacts."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import List
from accounts.tenancy import in_account
from conductor.engine.tick import run_tick
from contacts.actions import find_contact, raise_event
from contacts.models import ExternalEvent, ProfileField, Subscription
from messaging.actions import save_message
from messaging.actions.coupons import create_pool
from messaging.models import CouponCode, CouponPool
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SubscriptionFactory,
)

CODE = "WELCOME-7"


@pytest.fixture
def shop(acme) -> List:
    """A list with what a welcome takes: who came how, a coupon, messages, dates."""
    now = datetime.now(UTC)
    with in_account(acme.pk):
        made: List = ListFactory.create(
            name="Transactional", from_name="Acme", from_email="shop@acme.example"
        )
        group = ProfileFieldGroupFactory.create(list=made, name="Profile")
        for name, data_type in (("Birthday", "Date"), ("Entered on", "Date"), ("Code", "Text")):
            ProfileFieldFactory.create(group=group, name=name, data_type=data_type)
        for name in ("Pop-up Subscribed", "Checkout Subscribed"):
            ExternalEventFactory.create(list=made, name=name)
        pool: CouponPool = create_pool(name="Welcome 10% off", now=now)
        CouponCode.objects.create(pool=pool, code=CODE)
        for name, text in (
            ("With a coupon", "Your code: {{ fields['Profile.Code'] }}"),
            ("Without one", "Good to have you."),
            ("Happy birthday", "All the best."),
        ):
            save_message(list=made, name=name, subject=name, html=f"<p>{text}</p>", now=now)
        for name in ("popup", "checkout"):
            birthday = (now + timedelta(days=30)).date().isoformat()
            field = ProfileField.objects.get(name="Birthday")
            SubscriptionFactory.create(
                list=made,
                contact__email=f"{name}@mail.example",
                profile={str(field.pk): f"1992{birthday[4:]}"},
            )
    return made


def add(page: Page, after: str, search: str) -> None:
    """Press the green plus after a step and insert what a search finds first."""
    page.get_by_role("button", name=re.compile(f"^Add a step after.*{after}")).click()
    chooser = page.get_by_role("combobox", name="Find a step")
    expect(chooser).to_be_focused()
    chooser.fill(search)
    chooser.press("Enter")
    expect(page.locator("#panel")).to_be_visible()


def update(page: Page) -> None:
    """Write the panel into the draft; the card it was of has the focus."""
    page.get_by_role("button", name="Update", exact=True).click()
    expect(page.locator("#panel")).to_have_count(0)
    expect(page.locator("a.step:focus")).to_have_count(1)


def act(page: Page, what: str, field: str) -> None:
    """Choose what an action does, and with which field."""
    panel = page.locator("#panel")
    panel.get_by_label("What to do", exact=True).select_option(label=what)
    panel.get_by_label("Field", exact=True).select_option(label=field)


def commit(page: Page, name: str) -> None:
    """Commit a saved message to the step whose panel is open."""
    page.get_by_role("button", name="Edit a Saved Message").click()
    page.get_by_label(name, exact=True).check()
    page.get_by_role("button", name="Commit Message", exact=True).click()
    page.get_by_role("button", name="Commit Message to Conversation").click()
    expect(page.locator("#panel").get_by_text("Unchanged since")).to_be_visible()
    page.get_by_role("link", name="Close").click()


def draw(page: Page) -> None:
    """Draw the thread from its trigger to its end."""
    panel = page.locator("#panel")
    page.get_by_role("link", name=re.compile("Choose a trigger")).click()
    page.get_by_label("What starts this thread").select_option(label="External Event")
    page.get_by_label("Pop-up Subscribed").check()
    page.get_by_label("Checkout Subscribed").check()
    update(page)
    add(page, "Subscribed", "if/then")
    panel.get_by_label("Branch 1").fill("By the pop-up")
    adder = panel.get_by_label("Add a condition").first
    adder.focus()
    adder.select_option(label="How it began")
    expect(panel.get_by_label("Whether")).to_be_focused()
    panel.get_by_label("Which").select_option(label="Pop-up Subscribed")
    update(page)
    add(page, "By the pop-up", "action")
    act(page, "Give a coupon code", "Profile.Code")
    panel.get_by_label("Coupon pool").select_option(label="Welcome 10% off")
    update(page)
    add(page, "Welcome 10% off", "message step")
    commit(page, "With a coupon")
    add(page, "“With a coupon”", "message step")
    commit(page, "Without one")
    add(page, "“Without one”", "action")
    act(page, "Write a date into a field", "Profile.Entered on")
    update(page)
    add(page, "Entered on", "delay")
    panel.get_by_label("Until a date in the profile").check()
    panel.get_by_label("Date field", exact=True).select_option(label="Profile.Birthday")
    panel.get_by_label("Year", exact=True).select_option(label="Its next anniversary (birthdays)")
    update(page)
    add(page, "Birthday", "message step")
    commit(page, "Happy birthday")


def choose(select: Locator, words: str) -> None:
    """Choose the option that has some words in it."""
    value = select.locator("option", has_text=words).get_attribute("value")
    select.select_option(value)


def lead(page: Page) -> None:
    """Lead the two ways apart, and together again behind the first messages."""
    panel = page.locator("#panel")
    page.locator("a.step", has_text="If/Then").click()
    choose(panel.get_by_label("Everybody else"), "Without one")
    update(page)
    expect(page.get_by_text("By the pop-up: goes on")).to_be_visible()
    page.locator("a.step", has_text="With a coupon").click()
    panel.get_by_role("tab", name="Settings").click()
    panel.get_by_text("Where contacts go next").click()
    choose(panel.get_by_label("Then"), "Entered on")
    update(page)


def subscribe(shop: List, name: str) -> None:
    """Let a contact come by the pop-up or the checkout."""
    event = ExternalEvent.objects.get(list=shop, name__istartswith=name[:3])
    contact = find_contact(email_norm=f"{name}@mail.example")
    assert contact is not None
    raise_event(external_event=event, contact=contact, now=datetime.now(UTC), source="page")


class TestWelcome:
    def test_is_drawn_and_knows_how_each_contact_came(
        self, page, live, sign_in, screenshot, acme, mia, shop
    ):
        sign_in(mia)
        page.goto(f"{live.url}/a/acme-shoes/lists/{shop.pk}/conversations/")
        page.get_by_role("link", name="Create conversation").first.click()
        page.get_by_label("Name", exact=True).fill("Welcome")
        page.get_by_role("button", name="Create", exact=True).click()
        draw(page)
        lead(page)
        screenshot("welcome")
        page.get_by_role("link", name=re.compile("Publish")).click()
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_text("Version 1 is live.")).to_be_visible()

        with in_account(acme.pk):
            subscribe(shop, "popup")
            subscribe(shop, "checkout")
            while run_tick(now=datetime.now(UTC), limit=100).rows:
                pass
        with Heart(lambda: datetime.now(UTC)) as heart:
            serve(acme.pk, heart=heart, clock=lambda: datetime.now(UTC))

        page.goto(f"{live.url}/a/acme-shoes/lists/{shop.pk}/sandbox/")
        expect(page.get_by_role("link", name=re.compile("popup@.*With a coupon"))).to_be_visible()
        expect(page.get_by_role("link", name=re.compile("checkout@.*Without one"))).to_be_visible()
        expect(page.locator(".inbox-row")).to_have_count(2)
        page.get_by_role("link", name=re.compile("popup@")).click()
        expect(page.frame_locator("iframe").first.get_by_text(f"Your code: {CODE}")).to_be_visible()
        with in_account(acme.pk):
            field = ProfileField.objects.get(name="Entered on")
            today = {one.profile.get(str(field.pk)) for one in Subscription.objects.all()}
        assert len(today) == 1
        assert None not in today
        page.goto(f"{live.url}/a/acme-shoes/lists/{shop.pk}/conversations/")
        page.get_by_role("link", name="Welcome").click()
        expect(page.locator("a.step", has_text="Wait until")).to_contain_text("2 waiting")
