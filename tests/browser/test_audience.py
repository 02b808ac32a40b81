"""An audience of Segment's becomes a check box: fields, ids, credentials, mapping, call."""

import base64
import re
from typing import Any

from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, ApiClient, User
from accounts.tenancy import in_account
from contacts.models import ProfileField, Subscription
from tests.browser.looking import problems
from tests.browser.test_builder import SignIn
from tests.factories import ListFactory, SubscriptionFactory

CALL = {
    "type": "track",
    "event": "Audience Entered",
    "properties": {"audience_key": "vips", "vips": True},
    "context": {"traits": {"email": "grace@mail.example"}},
}

WHERE = [
    ("Contacts", "Profile Fields"),
    ("Integrations", "Integrations Management"),
    ("Help & Support", "API ID Information"),
]


def test_an_audience_of_segment_s_becomes_a_check_box(
    live: LiveServer, page: Page, acme: Account, ada: User, sign_in: SignIn
) -> None:
    with in_account(acme.pk):
        customers = ListFactory.create(name="Transactional")
        SubscriptionFactory.create(list=customers, contact__email="grace@mail.example")
    sign_in(ada)
    page.goto(f"{live.url}/a/acme-shoes/")

    under = page.get_by_role("navigation", name="Conductor").inner_text().splitlines()
    for heading, label in WHERE:
        assert under.index(heading) < under.index(label)

    # The field that the audience is written into.
    page.get_by_role("link", name="Profile Fields").click()
    page.get_by_role("button", name="Create Field Group").first.click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Engage Audiences")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Field Name").fill("VIP")
    page.get_by_label("Data Type").select_option("Check Box")
    page.get_by_role("button", name="Update").click()
    expect(page.get_by_text("Field Engage Audiences.VIP added.")).to_be_visible()
    with in_account(acme.pk):
        field = ProfileField.objects.get(name="VIP")

    # Its id and the list's, found without a mouse.
    page.get_by_role("link", name="API ID Information").click()
    expect(page.get_by_text("List ID").first).to_be_visible()
    page.get_by_label("Find by name or ID").fill("vip")
    copy = page.get_by_role("button", name="Copy the Profile Field ID of Engage Audiences.VIP")
    expect(page.get_by_role("heading", level=2)).to_have_text(["Profile Fields"])
    page.keyboard.press("Tab")
    expect(copy).to_be_focused()
    expect(page.get_by_role("row").filter(has=copy)).to_contain_text(str(field.pk))
    found: dict[str, list[Any]] = {}

    # The credentials, whose secret is shown once.
    page.get_by_role("link", name="Integrations Management").click()
    page.get_by_role("button", name="Create integration").first.click()
    page.get_by_label("Name", exact=True).fill("Segment")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("link", name="Setup")).to_have_attribute("aria-current", "page")
    with in_account(acme.pk):
        client = ApiClient.objects.get()
    expect(page.get_by_text(client.client_id, exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Copy the client secret")).to_be_visible()
    found["setup"] = problems(page)
    page.reload()
    expect(page.get_by_text("hidden: it was shown when it was made")).to_be_visible()

    # What Segment's calls write.
    page.get_by_role("link", name="Segment", exact=True).click()
    page.get_by_role("link", name="Create mapping").first.click()
    page.get_by_label("Mapping name").fill("VIPs")
    page.get_by_label("Event name").fill("Audience Entered")
    page.get_by_label("Audience key").fill("vips")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("A mapping writes at least one profile field.")).to_be_visible()
    found["mapping"] = problems(page)
    page.get_by_label("Profile field").select_option("Engage Audiences.VIP (Check Box)")
    page.get_by_label("Value", exact=True).select_option("A fixed value")
    expect(page.get_by_label("Text")).to_be_visible()
    page.get_by_label("Value", exact=True).select_option("Use audience key")
    expect(page.get_by_label("Text")).to_be_hidden()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Mapping VIPs created.")).to_be_visible()
    page.get_by_role("button", name="Make a write key").click()
    key = page.get_by_role("button", name="Copy the write key").get_attribute("data-copy")
    assert not any(found.values()), found

    basic = base64.b64encode(f"{key}:".encode()).decode()
    answer = page.request.post(
        f"{live.url}/conductor/v1/source/segment",
        data=CALL,
        headers={"Authorization": f"Basic {basic}"},
    )

    assert re.search(r'"result": ?"taken"', answer.text()), answer.text()
    with in_account(acme.pk):
        assert Subscription.objects.get().profile == {str(field.pk): "on"}
