"""The builder with a keyboard, on a phone, and under axe."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, User
from accounts.tenancy import in_account
from conductor.conversations.actions import apply_file, publish_conversation
from conductor.conversations.document import parse_document
from conductor.conversations.models import Conversation
from conductor.conversations.reading import read_structure
from conductor.engine.tick import run_tick
from contacts.models import ProfileField
from tests.browser.looking import fits, problems
from tests.factories import (
    ListFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    ShortCodeFactory,
    SubscriptionFactory,
)

FILE = """
conversation: Post Purchase
threads:
  - thread: Winback
    steps:
      - {key: start, trigger: {external_event: Order Imported}}
      - {key: lapsed, filter: {all: [{not: {purchase: {within: P60D}}}, {field: Profile.Size, is: XL}]}}
      - {key: text, mobile_message: {short_code: "54321", phone_list: Transactional, text: Hello}}
      - {key: pause, wait: {for: P3D}}
      - {key: reminder, message: {saved_message: We miss you}}
      - {key: back, go_to: {to: pause, filter: {field: Profile.Size, empty: true}}}
      - {key: end, terminate: {}}
  - thread: More
    steps:
      - {key: more, trigger: none}
      - {key: which, if: {branches: [{name: large, filter: {field: Profile.Size, is: XL}}]}}
      - {key: test, split: {groups: [{name: A, weight: 50}, {name: B, weight: 50}]}}
      - {key: monday, wait: {until_parts: {day: {nth: 1, weekday: mon}}, window: {from: "09:00"}}}
      - {key: again, wait_for: {event: Order Imported, timeout: P3D}}
      - {key: note, action: {set_field: {field: Profile.Size, value: L}}}
      - {key: hook, webhook: {url: "https://shop.example/hook"}}
      - {key: sum, code: {source: "return {};"}}
      - {key: done, terminate: {goal: true}}
messages:
  - {saved_message: We miss you, subject: Come back, from_email: shop@acme.example, html: "<p>Hi</p>"}
events: [Order Imported]
"""

SignIn = Callable[[User], None]


@pytest.fixture
def address(live: LiveServer, acme: Account, mia: User, sign_in: SignIn) -> str:
    """Where the Winback thread stands; mia is signed in."""
    now = datetime.now(UTC)
    with in_account(acme.pk):
        customers = ListFactory.create(name="Store Customers")
        ProfileFieldFactory.create(group__list=customers, group__name="Profile", name="Size")
        code = ShortCodeFactory.create(code="54321", email_list=customers)
        PhoneListFactory.create(short_code=code, name="Transactional")
        document = parse_document(read_structure(FILE))
        applied = apply_file(list=customers, document=document, now=now)
        publish_conversation(conversation=applied.conversation, now=now)
        number = applied.conversation.pk
    sign_in(mia)
    return f"{live.url}/a/acme-shoes/lists/{customers.pk}/conversations/{number}/"


def test_pages_are_accessible_and_fit(address: str, page: Page) -> None:
    thread = f"{address}threads/winback/"
    addresses = [
        address.rsplit("/", 2)[0] + "/",
        *(f"{thread}steps/{key}/" for key in ("start", "lapsed", "text", "reminder", "back")),
        f"{thread}steps/text/?tab=message",
        f"{thread}?view=published",
        f"{address}publication/",
        f"{address}settings/",
        *(
            f"{address}threads/more/steps/{key}/"
            for key in ("which", "test", "monday", "again", "note", "hook", "sum")
        ),
        f"{address}people/",
        f"{address}people/enter/",
        f"{address}delete/",
        f"{address}tester/",
    ]
    for shown in addresses:
        page.goto(shown)
        assert problems(page) == [], shown
        page.set_viewport_size({"width": 360, "height": 740})
        assert fits(page), shown
        page.set_viewport_size({"width": 1280, "height": 900})


def test_menus_open_where_they_can_be_read_on_a_phone(address: str, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})

    for shown in (address, address.rsplit("/", 2)[0] + "/"):
        page.goto(shown)
        page.locator("main summary", has_text="Options").click()
        expect(page.get_by_role("link", name="Export", exact=True)).to_be_in_viewport(ratio=1)


def test_a_step_is_added_by_the_keyboard(address: str, page: Page, acme: Account) -> None:
    page.goto(f"{address}threads/winback/")
    page.get_by_role("button", name=re.compile("^Add a step after Wait")).focus()

    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Find a step")).to_be_focused()
    assert problems(page) == []
    page.keyboard.type("segment to")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Action")).to_be_visible()
    expect(page.get_by_label("What to do", exact=True)).to_be_focused()
    page.reload()
    expect(page.get_by_role("heading", name="Action")).to_be_visible()
    page.go_back()

    with in_account(acme.pk):
        steps = Conversation.objects.get().draft["threads"][0]["steps"]
    assert "action" in steps[4]


def test_rules_are_drawn_and_written(address: str, page: Page, acme: Account) -> None:
    page.goto(f"{address}threads/winback/steps/lapsed/")
    panel = page.locator("#panel")

    expect(
        panel.get_by_text("In words: no order in the last 60 days and Size is XL.")
    ).to_be_visible()
    panel.get_by_label("How the conditions combine").select_option(label="Any of these holds")
    panel.get_by_label("Comparison").last.select_option(label="is one of")
    panel.get_by_label("Values, separated by commas").fill("L, XL")
    panel.get_by_role("button", name="Add a group").click()
    panel.get_by_label("Add a condition").first.select_option(label="Contact")
    panel.get_by_label("Value", exact=True).fill("a@b.example")
    panel.get_by_role("tab", name="As text").click()
    expect(panel.get_by_label("The rule as text")).to_have_value(re.compile("in: .L, XL."))
    text = panel.get_by_label("The rule as text")
    text.fill("field: Profile.Nothing\nis: x")
    expect(panel.get_by_text("There is no profile field “Profile.Nothing”")).to_be_visible()
    text.fill("any: [{purchase: {within: P30D}}, {not: {field: Profile.Size, empty: true}}]")
    panel.get_by_role("tab", name="Rules").click()
    expect(panel.get_by_label("How many")).to_have_value("30")
    panel.get_by_role("button", name="Update").click()

    expect(page.locator("#panel")).to_have_count(0)
    with in_account(acme.pk):
        steps = Conversation.objects.get().draft["threads"][0]["steps"]
    assert steps[1]["filter"] == {
        "any": [
            {"purchase": {"within": "P30D"}},
            {"not": {"field": "Profile.Size", "empty": True}},
        ]
    }


def test_a_way_of_a_decision_leads_to_a_new_thread(address: str, page: Page) -> None:
    page.goto(f"{address}threads/more/steps/which/")
    panel = page.locator("#panel")

    expect(panel.get_by_text("All ways lead to the same step")).to_be_visible()
    panel.get_by_label("goes on to").first.select_option(label="A new thread …")
    panel.get_by_role("button", name="Update").click()

    expect(page.get_by_text("Draw here what “large” gets.")).to_be_visible()
    expect(page.get_by_role("link", name="large", exact=True)).to_have_attribute(
        "aria-current", "page"
    )
    page.get_by_role("link", name="from More, large").click()
    expect(page.get_by_role("link", name="large: thread “large”")).to_be_visible()


def test_typed_text_survives_a_click_elsewhere(address: str, page: Page) -> None:
    page.goto(f"{address}threads/winback/steps/text/?tab=message")
    page.get_by_label(re.compile("^Mobile Message Text")).fill("Half a thought")

    page.locator("#step-pause").click()
    expect(page.get_by_role("heading", name="Wait Step")).to_be_visible()
    page.goto(f"{address}threads/winback/steps/text/?tab=message")

    expect(page.get_by_label(re.compile("^Mobile Message Text"))).to_have_value("Half a thought")


def test_a_draft_is_tried_out_by_a_contact(
    address: str, page: Page, acme: Account, screenshot: Callable[[str], object]
) -> None:
    with in_account(acme.pk):
        customers = Conversation.objects.get().list
        size = ProfileField.objects.get(list=customers, name="Size")
        SubscriptionFactory.create(
            list=customers, contact__email="grace@mail.example", profile={str(size.pk): "XL"}
        )
    page.goto(address)
    page.get_by_role("link", name="Run Tester").click()
    expect(page.get_by_label("Its properties")).to_be_hidden()
    page.get_by_label("Test contacts").fill("grace@mail.example")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("They are about to enter")).to_be_visible()

    for _ in range(3):
        with in_account(acme.pk):
            run_tick(now=datetime.now(UTC), limit=10)
    page.reload()

    expect(page.get_by_role("heading", name="grace@mail.example")).to_be_visible()
    expect(page.get_by_text("Wait 3 days")).to_be_visible()
    screenshot("tester")
