"""Messages in a browser: written, previewed, read in the sandbox, at any width."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, List, User
from accounts.tenancy import in_account
from conductor.conversations.actions import apply_file
from conductor.conversations.document import parse_document
from conductor.conversations.reading import read_structure
from messaging import actions
from messaging.models import BlankName, SandboxMessage
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from tests.browser.looking import problems
from tests.browser.test_frame import SignIn
from tests.factories import ListFactory, SubscriptionFactory

SHOTS = os.environ.get("CONDUCTOR_SHOTS")
HTML = """<html><body style="margin:0;background:#fff;color:#222"><table width="100%"><tr><td style="padding:24px">
<h1>We miss you, {{ contact.frist_name }}</h1>
<p>{{ event.note }} Here is {{ coupon }} for your next order.</p>
<p><a href="https://shop.acme.example/">To the shop</a></p></td></tr></table></body></html>"""
FILE = """
conversation: Winback
threads:
  - thread: Winback
    steps:
      - {key: start, trigger: {import: true}}
      - {key: reminder, message: {saved_message: We miss you}}
      - {key: end, terminate: {}}
"""


@pytest.fixture
def pages(live: LiveServer, acme: Account) -> dict[str, str]:
    """A message that was sent, one test of it, and a conversation that sends it: their pages."""
    now = datetime.now(UTC)
    with in_account(acme.pk):
        in_list: List = ListFactory.create(name="Store Customers")
        contact = SubscriptionFactory.create(list=in_list).contact
        message = actions.save_message(
            list=in_list,
            name="We miss you",
            subject="👟 We miss you, {{ contact.first_name }}",
            preheader="10% off your next order",
            html=HTML,
            now=now,
        )
        committed = actions.commit_email(saved_message=message, now=now)
        BlankName.objects.create(message=committed, name="event.note", number=4711, last_at=now)
        actions.send_test_email(
            message=committed, address="ada@mail.example", contact=contact, now=now
        )
        document = parse_document(read_structure(FILE))
        conversation = apply_file(list=in_list, document=document, now=now).conversation
    with Heart(lambda: now) as heart:
        serve(acme.pk, heart=heart, clock=lambda: now)
    with in_account(acme.pk):
        mail = SandboxMessage.objects.get()
    where = ["acme-shoes", in_list.pk]
    return {
        "messages": reverse("messaging:saved_messages", args=where),
        "message": reverse("messaging:message", args=[*where, message.pk]),
        "sandbox": reverse("messaging:sandbox", args=where),
        "mail": reverse("messaging:sandbox_mail", args=[*where, mail.pk]),
        "deliveries": reverse("messaging:deliveries", args=where),
        "publication": reverse("conversations:publication", args=[*where, conversation.pk]),
    }


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
def test_pages_of_messages_are_accessible_and_fit(
    live: LiveServer,
    page: Page,
    mia: User,
    pages: dict[str, str],
    sign_in: SignIn,
    width: int,
    theme: str,
) -> None:
    sign_in(mia)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    found = {}
    for name, address in pages.items():
        answer = page.goto(live.url + address)
        assert answer is not None
        assert answer.status == 200, name
        if SHOTS:
            page.wait_for_load_state("networkidle")
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{theme}.png", full_page=True)
        found[name] = problems(page)
    assert not any(found.values()), found
