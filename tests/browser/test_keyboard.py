"""A conversation is drawn and published without a mouse, and one always sees where one is."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, User
from accounts.tenancy import in_account
from conductor.conversations.models import Version
from tests.browser.looking import at_rest
from tests.browser.test_builder import SignIn
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
    SavedMessageFactory,
    SubscriptionFactory,
)

# What has the focus, and whether it is on the screen with a ring, an edge or a colour around it.
FOCUS = """() => {
  const at = document.activeElement;
  const box = at.getBoundingClientRect(), style = getComputedStyle(at);
  const around = at.closest(".step-choice, .search-input, .rule-line") ?? at;
  return {
    isPage: at === document.body,
    name: `${at.tagName} ${at.getAttribute("aria-label") ?? at.textContent.trim().slice(0, 40)}`,
    isVisible: at.matches(":focus-visible") && box.width > 0 && box.bottom > 0
      && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    isMarked: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
      || style.boxShadow !== "none" || getComputedStyle(around).boxShadow !== "none",
  };
}"""


def tab_to(page: Page, wanted: Locator, *, key: str = "Tab", most: int = 40) -> None:
    """Press Tab until something has the focus; each place on the way must show that it has it."""
    passed: list[str] = []
    expect(wanted).to_be_visible()
    at_rest(page)
    for _ in range(most):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(key)
        # What slides in on focus is there a moment later.
        found: dict[str, Any] = {}
        for _ in range(400):
            found = page.evaluate(FOCUS)
            if found["isPage"] or (found["isVisible"] and found["isMarked"]):
                break
            page.wait_for_timeout(25)
        passed.append(found["name"])
        # After the last place the next Tab begins anew.
        assert found["isPage"] or found["isVisible"], found
        assert found["isPage"] or found["isMarked"], found
    raise AssertionError(f"The way was {passed}.")


def skip(page: Page) -> None:
    """Go past the navigation as the first Tab of a page offers."""
    at_rest(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to")).to_be_focused()
    page.keyboard.press("Enter")


def enter(page: Page, wanted: Locator) -> None:
    """Go to a link or a button and press it."""
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def add(page: Page, after: str, words: str) -> Locator:
    """Insert the step that some words find after another one; return its panel."""
    enter(page, page.get_by_role("button", name=re.compile(f"^Add a step after .*{after}")))
    expect(page.get_by_role("combobox", name="Find a step")).to_be_focused()
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    return page.locator("#panel")


def test_a_conversation_is_drawn_and_published(
    page: Page, live: LiveServer, acme: Account, mia: User, sign_in: SignIn
) -> None:
    with in_account(acme.pk):
        customers = ListFactory.create(name="Store Customers")
        ExternalEventFactory.create(list=customers, name="Order Imported")
        SavedMessageFactory.create(list=customers, name="We miss you")
        SubscriptionFactory.create(list=customers)
    sign_in(mia)
    page.goto(f"{live.url}/a/acme-shoes/lists/{customers.pk}/conversations/")

    skip(page)
    enter(page, page.get_by_role("link", name="Create conversation").first)
    name = page.get_by_label("Name", exact=True)
    tab_to(page, name)
    page.keyboard.type("Post Purchase")
    tab_to(page, page.get_by_label("First thread"))
    page.keyboard.type("Winback")
    page.keyboard.press("Enter")

    # The trigger: chosen by its first letters, the event by the space bar.
    enter(page, page.get_by_role("link", name=re.compile("Choose a trigger")))
    starts = page.get_by_label("What starts this thread")
    expect(starts).to_be_focused()
    # A pause amid the letters would begin another word: the machine may make one.
    while starts.evaluate("select => select.selectedOptions[0].text") != "External Event":
        page.wait_for_timeout(1500)
        page.keyboard.type("External")
    tab_to(page, page.get_by_label("Order Imported"))
    page.keyboard.press("Space")
    enter(page, page.get_by_role("button", name="Update"))
    expect(page.locator("#panel")).to_have_count(0)

    panel = add(page, "Order Imported", "delay")
    tab_to(page, panel.get_by_label("How long"))
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_have_count(0)

    add(page, "Wait 3 days", "message step")
    choose = page.get_by_role("button", name="Edit a Saved Message")
    expect(choose).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("We miss you"))
    page.keyboard.press("Space")
    enter(page, page.get_by_role("button", name="Commit Message", exact=True))
    enter(page, page.get_by_role("button", name="Commit Message to Conversation"))
    expect(page.get_by_text("Message committed to the conversation.")).to_be_visible()

    # A step that was a mistake: found by the arrows, closed by Escape, and nothing added.
    enter(page, panel.get_by_role("link", name="Cancel"))
    expect(page.locator("#panel")).to_have_count(0)
    plus = page.get_by_role("button", name=re.compile("^Add a step after .*We miss you"))
    enter(page, plus)
    expect(page.get_by_role("combobox", name="Find a step")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(plus).to_be_focused()

    tab_to(page, page.get_by_role("link", name=re.compile("^Publish")), key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("What goes live")).to_be_visible()
    skip(page)
    enter(page, page.get_by_role("button", name="Publish", exact=True))

    expect(page.get_by_text("Version 1 is live.")).to_be_visible()
    with in_account(acme.pk):
        steps = Version.objects.get().document["threads"][0]["steps"]
    assert [next(kind for kind in step if kind not in {"key", "name"}) for step in steps] == [
        "trigger", "wait", "message", "terminate",
    ]  # fmt: skip
