"""Pages of recipients, as somebody sees them on a phone and on a wide screen, by day and by night."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.tenancy import in_account
from messaging.models import Figure
from messaging.tracking.links import browser_url, preferences_url, unsubscribe_url
from tests.browser.looking import problems
from tests.factories import (
    CommittedMessageFactory,
    ContactFactory,
    DeliveryFactory,
    ListFactory,
    SavedMessageFactory,
    SubscriptionFactory,
)

LOOKS = [(360, "dark"), (1440, "light")]


@pytest.fixture
def look(page):
    """Return a function that looks at the page on a phone by night and on a wide screen by day."""

    def at_all(name, screenshot):
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            # Afresh: axe would read the colours on their way from day to night.
            page.reload()
            assert problems(page) == [], (name, width)
            screenshot(f"{name}-{width}-{scheme}")

    return at_all


@pytest.fixture
def grace(acme, live):
    """Somebody on two lists of long names, and the delivery of an email."""
    with in_account(acme.pk):
        contact = ContactFactory(email="grace.brewster.murray.hopper@mail.example")
        news = ListFactory(
            name="News of shoes, boots, sandals and everything else", from_name="Acme"
        )
        person = SubscriptionFactory(list=news, contact=contact)
        SubscriptionFactory(list=ListFactory(name="Sales"), contact=contact)
        message = CommittedMessageFactory(
            list=news, content={"html": "<h1>Come back</h1>", "subject": "Hi", "text": ""}
        )
        return DeliveryFactory(
            list=news, contact=contact, subscription_id=person.pk, message=message
        )


def here(live, url):
    """Return an address on the site that answers here."""
    return f"{live.url}/{url.split('/', 3)[3]}"


def test_a_recipient_leaves_returns_and_chooses(acme, live, grace, page, look, screenshot):
    leaving = here(live, unsubscribe_url(acme.pk, grace.pk))

    page.goto(leaving)
    look("public-unsubscribe", screenshot)
    page.get_by_role("button", name="Unsubscribe").press("Enter")
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    look("public-unsubscribed", screenshot)
    page.get_by_role("button", name="subscribe me again").click()
    page.get_by_role("heading", name="Unsubscribe?").wait_for()

    page.goto(here(live, preferences_url(acme.pk, grace.pk)))
    page.get_by_label("Sales").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()
    expect(page.get_by_label("Sales")).not_to_be_checked()
    look("public-preferences", screenshot)

    page.goto(f"{leaving}x")
    look("public-wrong", screenshot)
    # The mail's own page: its policy lets no script in, axe's neither.
    page.goto(here(live, browser_url(acme.pk, grace.pk)))
    expect(page.get_by_role("heading", name="Come back")).to_be_visible()
    screenshot("public-browser-view")


def test_what_came_of_a_message_is_told_in_words_beside_its_bars(
    acme, live, sign_in, mia, page, look, screenshot
):
    with in_account(acme.pk):
        saved = SavedMessageFactory()
        message = CommittedMessageFactory(list=saved.list, name=saved.name)
        numbers = {"sent": 1204, "bounced": 14, "opened": 402, "prefetched": 210, "clicked": 120}
        for kind, number in {**numbers, "unsubscribed": 3, "converted": 12}.items():
            amount = 640 if kind == "converted" else 0
            Figure.objects.create(message_id=message.pk, kind=kind, number=number, amount=amount)
    sign_in(mia)

    page.goto(live.url + reverse("messaging:message", args=["acme-shoes", saved.list_id, saved.pk]))

    figures = page.get_by_role("region", name="What came of it")
    expect(figures).to_contain_text("1,190")
    expect(figures.get_by_role("progressbar", name="Opened")).to_have_attribute("value", "33.8")
    look("message-figures", screenshot)
