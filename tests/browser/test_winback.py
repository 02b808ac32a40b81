"""Walk-through W1, Winback by SMS: done by clicking alone, in its words."""

import re

from playwright.sync_api import Page, expect

from accounts.tenancy import in_account
from conductor.conversations.models import Version


def save(page: Page, name: str = "Save") -> None:
    page.get_by_role("button", name=name, exact=True).click()


def menu(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("navigation", name="Conductor").get_by_role(
            "link", name=name, exact=True
        ).click()


def prepare(page: Page) -> None:
    """Make what W1 takes for granted: fields, an event, a short code, list, messages."""
    menu(page, "Profile Fields")
    page.get_by_role("button", name="Create Field Group").first.click()
    page.get_by_label("Name", exact=True).fill("Profile")
    save(page)
    page.get_by_label("Field Name").fill("Mobile")
    page.get_by_label("Data Type").select_option(label="Text")
    save(page, "Update")
    menu(page, "External Events")
    page.get_by_role("button", name="Create external event").first.click()
    page.get_by_label("Event name").fill("Order Imported")
    save(page)
    menu(page, "SMS")
    page.get_by_role("link", name="Create short code").first.click()
    page.get_by_label("Short code").fill("54321")
    save(page)
    menu(page, "SMS")
    page.get_by_role("link", name="Create phone list").first.click()
    page.get_by_label("List name").fill("Transactional")
    page.get_by_label("Transactional", exact=True).check()
    save(page)
    page.get_by_role("link", name="Create SMS message").first.click()
    page.get_by_label("Name", exact=True).fill("Winback text")
    page.locator("#id_text").fill(
        "{{ contact.first_name | default('Hi') }}, 10% off. Reply STOP to end."
    )
    save(page)
    menu(page, "Saved Messages")
    page.get_by_role("link", name="Create message").first.click()
    page.get_by_label("Name", exact=True).fill("We miss you")
    page.get_by_label("Subject").fill("Come back")
    page.locator("#id_html").fill("<p>Hi {{ contact.first_name | default('there') }}</p>")
    save(page)


def plus(page: Page, after: str, search: str) -> None:
    """Click the green plus after a step and insert what a search finds first."""
    page.get_by_role("button", name=re.compile(f"^Add a step after.*{after}")).click()
    chooser = page.get_by_role("combobox", name="Find a step")
    expect(chooser).to_be_focused()
    chooser.fill(search)
    chooser.press("Enter")


class TestWinback:
    def test_is_drawn_and_published_by_clicking(self, page, live, sign_in, screenshot, acme, ada):
        sign_in(ada)
        page.goto(f"{live.url}/a/acme-shoes/lists/")
        page.get_by_role("link", name="Create list").first.click()
        page.get_by_label("List name").fill("Transactional")
        page.get_by_label("From email").fill("shop@acme.example")
        save(page)
        prepare(page)

        # List drop-down, choose "Transactional" · Authoring > Conductor > Conversations
        page.locator("summary", has_text="List:").click()
        page.get_by_role("link", name="Transactional", exact=True).first.click()
        menu(page, "Conversations")
        page.get_by_role("link", name="Create conversation").first.click()
        page.get_by_label("Name", exact=True).fill("Post Purchase")
        page.get_by_label("First thread").fill("Winback")
        save(page, "Create")
        expect(page.get_by_role("link", name="Winback")).to_be_visible()

        # The trigger, and the filter: who ordered within the last 60 days goes no further.
        page.get_by_role("link", name=re.compile("Choose a trigger")).click()
        page.get_by_label("What starts this thread").select_option(label="External Event")
        page.get_by_label("Order Imported").check()
        save(page, "Update")
        plus(page, "Order Imported", "filter")
        page.get_by_label("Add a condition").select_option(label="Purchase")
        page.get_by_label("Whether").select_option(label="has not ordered")
        expect(page.get_by_text("In words: no order in the last 60 days.")).to_be_visible()
        panel = page.locator("#panel")
        panel.get_by_label(re.compile("^Name")).fill("No order for 60 days")
        screenshot("winback-filter")
        save(page, "Update")

        # Green plus, "Mobile Step"
        page.get_by_role("button", name="Add a step after No order for 60 days").click()
        page.get_by_role("option", name=re.compile("^Mobile Step")).click()
        page.get_by_role("tab", name="Setup").click()
        page.get_by_label("Short code").select_option(label="54321")
        page.get_by_label("List", exact=True).select_option(label="Transactional")
        page.get_by_label("SMS message").select_option(label="Winback text")
        page.get_by_role("tab", name="Message", exact=True).click()
        page.get_by_label("Override Default Name").check()
        panel.get_by_label("Name", exact=True).fill("Winback by SMS")
        page.get_by_label("Mobile Message Text").fill("Hello ")
        page.get_by_text("Insert a personalization field").click()
        page.get_by_role("button", name="First name").click()
        expect(page.get_by_label("Mobile Message Text")).to_have_value(
            "Hello {{ contact.first_name | default('there') }}"
        )
        page.get_by_label("Mobile number").select_option(label="Profile.Mobile")
        page.get_by_label("Pass to the next step").check()
        page.get_by_role("tab", name="Notification").click()
        page.get_by_role("tab", name="Preview").click()
        expect(page.get_by_text("Lock screen")).to_be_visible()
        expect(page.locator(".phone-note-text")).to_have_text("Hello Grace")
        screenshot("winback-preview")
        save(page, "Update")
        expect(page.locator("#panel")).to_have_count(0)
        expect(page.get_by_text("Winback by SMS")).to_be_visible()

        # Green plus, "Wait Step", 3 days
        plus(page, "Winback by SMS", "Delay")
        panel.get_by_label("How long").fill("3")
        save(page, "Update")

        # Green plus, "Message Step", "Edit a Saved Message" ... the last step is "Terminate"
        plus(page, "Wait 3 days", "Message Step")
        page.get_by_role("button", name="Edit a Saved Message").click()
        page.get_by_label("We miss you").check()
        page.get_by_role("button", name="Commit Message", exact=True).click()
        page.get_by_role("button", name="Commit Message to Conversation").click()
        expect(page.get_by_text("Message committed to the conversation.")).to_be_visible()
        screenshot("winback-message")
        page.get_by_role("link", name="Close").click()
        expect(page.get_by_role("link", name="Ends")).to_be_visible()

        page.get_by_role("link", name=re.compile("Publish")).click()
        expect(page.get_by_text("What goes live")).to_be_visible()
        screenshot("winback-publish")
        save(page, "Publish")
        expect(page.get_by_text("Version 1 is live.")).to_be_visible()
        screenshot("winback-published")

        with in_account(acme.pk):
            version = Version.objects.get()
            steps = version.document["threads"][0]["steps"]
        assert [next(k for k in step if k not in {"key", "name"}) for step in steps] == [
            "trigger", "filter", "mobile_message", "wait", "message", "terminate",
        ]  # fmt: skip
        assert steps[1]["filter"] == {"not": {"purchase": {"within": "P60D"}}}
        assert steps[2]["mobile_message"] == {
            "short_code": "54321",
            "phone_list": "Transactional",
            "sms_message": "Winback text",
            "text": "Hello {{ contact.first_name | default('there') }}",
            "phone_field": "Profile.Mobile",
        }
        assert steps[3]["wait"] == {"for": "P3D"}
