"""A short code's whole life over a provider: asked, confirmed, texted, pictured, stopped, given up."""

import base64
import hashlib
import hmac
import http.client
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from accounts.models import Account
from accounts.tenancy import in_account
from contacts.actions.imports import run_import
from messaging import actions
from messaging.actions import Consent
from messaging.actions.address_files import import_addresses
from messaging.actions.providers import callback_of
from messaging.models import (
    Delivery,
    InboundText,
    PhoneList,
    PhoneSubscription,
    Receipt,
    SandboxMessage,
)
from messaging.providers import carriers
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from tests.factories import (
    CommittedMessageFactory,
    ContactFactory,
    PhoneListFactory,
    QueuedTextFactory,
    ShortCodeFactory,
)
from tests.messaging.counterparts.web import Asked, running_web

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12125550123"
SID, TOKEN = "AC" + "0" * 32, "twilio auth token"
PICTURE = "https://acme.example/shoe.png"


@pytest.fixture
def noon(now: datetime) -> datetime:
    """Noon in New York: nobody's quiet hours."""
    return now + timedelta(hours=5)


class Phone:
    """A phone behind Twilio: it gets what we send, and what it writes is called in, signed."""

    def __init__(self, account: Account, code: str, hook: str, now: datetime) -> None:
        self.account, self.code, self.hook, self.now = account, code, hook, now
        self.got: list[dict[str, str]] = []

    def take(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        """Take a message as Twilio's API does."""
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        self.got.append(form)
        return 201, {}, {"sid": f"SM{len(self.got):032}", "status": "queued"}

    def refuse(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        """Say that the number has opted out at Twilio."""
        return 400, {}, {"code": 21610, "message": "unsubscribed recipient"}

    def look(self) -> list[dict[str, str]]:
        """Let what waits be sent; return what came since the last look."""
        before = len(self.got)
        with Heart(lambda: self.now) as heart:
            serve(self.account.pk, heart=heart, clock=lambda: self.now)
        return self.got[before:]

    def call(self, **form: str) -> int:
        """Call the hook with Twilio's signature; return the status."""
        said = self.hook + "".join(f"{name}{form[name]}" for name in sorted(form))
        made = base64.b64encode(hmac.new(TOKEN.encode(), said.encode(), hashlib.sha1).digest())
        place = urlsplit(self.hook)
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": made.decode(),
        }
        connection.request("POST", place.path, body=urlencode(form), headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def write(self, text: str, number: int, **more: str) -> str:
        """Write to the short code; return the text that comes back, "" for none."""
        told = {"SmsStatus": "received", "From": PHONE, "To": self.code, "NumMedia": "0"}
        status = self.call(MessageSid=f"SM9{number:031}", Body=text, **{**told, **more})
        assert status == 200
        came = self.look()
        return came[0]["Body"] if came else ""


@pytest.fixture
def phone(
    acme: Account, noon: datetime, live_server: Any, settings: Any, monkeypatch: Any
) -> Iterator[Callable[[str], tuple[Phone, PhoneList]]]:
    """Connect Twilio to a sender code; return the phone and a list that asks for a yes."""
    settings.PUBLIC_URL = live_server.url
    settings.OUTGOING_ALLOW = ["127.0.0.1"]
    holder: list[Phone] = []

    def take(asked: Asked) -> tuple[int, dict[str, str], Any]:
        return holder[0].take(asked)

    with running_web(take) as web:
        monkeypatch.setattr(carriers()["twilio"], "base_url", web.url)

        def make(code: str) -> tuple[Phone, PhoneList]:
            with in_account(acme.pk):
                provider = actions.connect_provider(
                    channel="sms",
                    kind="twilio",
                    settings={"account_sid": SID},
                    secrets={"auth_token": TOKEN},
                    now=noon,
                )
                short_code = ShortCodeFactory.create(
                    code=code, merchant_name="Acme Shoes", stop_words=["ADIEU"]
                )
                phones = PhoneListFactory.create(
                    short_code=short_code, kind="Marketing", require_double_opt_in=True
                )
                ContactFactory.create(phone_e164=PHONE, time_zone="America/New_York")
                holder.append(Phone(acme, code, callback_of(provider), noon))
                return holder[0], phones

        yield make


def sign_up(phones: PhoneList, now: datetime) -> None:
    """Agree at the checkout."""
    actions.subscribe_phone(
        phone_list=phones,
        phone_e164=PHONE,
        consent=Consent(source="Checkout", text="I agree to texts.", at=now),
        now=now,
    )


def queue_picture(phones: PhoneList, now: datetime) -> Delivery:
    """Queue a text with a picture to the phone."""
    message = CommittedMessageFactory.create(
        list=phones.short_code.email_list,
        channel="sms",
        content={"text": "New in: {{ contact.first_name }}'s shoes", "media_url": PICTURE},
    )
    made: Delivery = QueuedTextFactory.create(
        phone_list=phones,
        address=PHONE,
        contact=PhoneSubscription.objects.get(phone_list=phones).contact,
        message=message,
        queued_at=now,
    )
    return made


@pytest.mark.parametrize(
    ("code", "sender"),
    [
        ("54321", "54321"),  # a short code
        ("(212) 555-0100", "+12125550100"),  # a long one
        ("+1 888 555 0100", "+18885550100"),  # a toll-free number
    ],
)
def test_a_number_is_asked_confirmed_pictured_and_stopped(
    acme: Account, noon: datetime, phone: Any, code: str, sender: str
) -> None:
    mobile, phones = phone(code)
    mobile.code = sender

    with in_account(acme.pk):
        sign_up(phones, noon)
    asked = mobile.look()
    confirmed = mobile.write("Sí", 1)
    with in_account(acme.pk):
        sent = queue_picture(phones, noon)
    pictured = mobile.look()
    with in_account(acme.pk):  # as if our sender had died before it knew
        Delivery.objects.filter(pk=sent.pk).update(state="unknown")
    told = mobile.call(
        MessageSid=f"SM{len(mobile.got):032}", MessageStatus="delivered", To=PHONE, From=sender
    )
    stopped = mobile.write("Arrêt", 2)
    with in_account(acme.pk):
        late = queue_picture(phones, noon)
    nothing = mobile.look()

    assert [(one["From"], one["To"]) for one in asked] == [(sender, PHONE)]
    assert "Reply Y to confirm" in asked[0]["Body"]
    assert "You are subscribed." in confirmed
    assert [one["MediaUrl"] for one in pictured] == [PICTURE]
    assert pictured[0]["Body"] == "New in: Grace's shoes"
    assert "You have opted out" in stopped
    assert (told, nothing) == (200, [])
    with in_account(acme.pk):
        sent.refresh_from_db()
        late.refresh_from_db()
        assert (sent.state, late.state, late.reason) == ("sent", "skipped", "suppressed")
        assert Receipt.objects.get(delivery=sent).kind == "replied"


def test_keywords_and_aliases_have_their_answers_and_pictures_are_kept(
    acme: Account, noon: datetime, phone: Any
) -> None:
    mobile, phones = phone("54321")
    with in_account(acme.pk):
        sign_up(phones, noon)
    mobile.look()
    mobile.write("y", 1)

    said = [
        mobile.write(text, number)
        for number, text in enumerate(["AIDE", "adieu", "commencer", "Look at that"], start=2)
    ]
    mobile.write("", 8, NumMedia="1", MediaUrl0="https://api.twilio.com/media/1")

    assert [text.partition(":")[0] for text in said] == ["Acme Shoes"] * 4
    assert ["For help" in said[0], "opted out" in said[1], "Welcome back" in said[2]] == [True] * 3
    assert "did not understand" in said[3]
    with in_account(acme.pk):
        assert PhoneSubscription.objects.get().state == "Subscribed"
        meanings = InboundText.objects.order_by("pk").values_list("meaning", flat=True)
        assert list(meanings)[:5] == ["confirmed", "help", "stop", "start", "unknown"]
        assert InboundText.objects.latest("pk").media == ["https://api.twilio.com/media/1"]


def test_a_number_that_its_carrier_gave_up_gets_nothing_more(
    acme: Account, noon: datetime, phone: Any
) -> None:
    mobile, phones = phone("54321")
    with in_account(acme.pk):
        sign_up(phones, noon)
    mobile.look()
    mobile.write("y", 1)
    with in_account(acme.pk):
        late = queue_picture(phones, noon)
        file = import_addresses(
            kind="deactivations", file=b"12125550123\n", file_name="gone.txt", now=noon
        )

    run_import(file.pk, noon, account_id=acme.pk)

    assert mobile.look() == []
    with in_account(acme.pk):
        late.refresh_from_db()
        consent = PhoneSubscription.objects.get()
        assert (consent.state, consent.opt_out_reason) == ("Unsubscribed", "Deactivated")
        assert (late.state, late.reason) == ("skipped", "suppressed")


def test_a_stop_that_only_the_provider_knows_ends_the_consents_of_the_code(
    acme: Account, noon: datetime, phone: Any, monkeypatch: Any
) -> None:
    mobile, phones = phone("54321")
    with in_account(acme.pk):
        sign_up(phones, noon)
    monkeypatch.setattr(mobile, "take", mobile.refuse)

    mobile.look()

    with in_account(acme.pk):
        asked = Delivery.objects.get()
        consent = PhoneSubscription.objects.get()
        assert (asked.state, asked.reason) == ("failed", "suppressed")
        assert (consent.state, consent.opt_out_reason) == ("Unsubscribed", "Campaign")


def test_the_sandbox_plays_the_same(acme: Account, noon: datetime, client: Any, mia: Any) -> None:
    with in_account(acme.pk):
        phones = PhoneListFactory.create(kind="Marketing", require_double_opt_in=True)
        ContactFactory.create(phone_e164=PHONE)
        sign_up(phones, noon)
        code = phones.short_code
    client.force_login(mia)
    inbox = f"/a/acme-shoes/lists/{code.email_list_id}/sandbox/"

    def look() -> None:
        with Heart(lambda: noon) as heart:
            serve(acme.pk, heart=heart, clock=lambda: noon)

    look()
    for text in ("Y", "STOP"):
        client.post(f"{inbox}replies/", {"sender": code.code, "address": PHONE, "text": text})
        look()

    with in_account(acme.pk):
        texts = list(SandboxMessage.objects.order_by("pk").values_list("text", flat=True))
        assert [len(texts), PhoneSubscription.objects.get().state] == [3, "Unsubscribed"]
    assert ["Reply Y" in texts[0], "subscribed" in texts[1], "opted out" in texts[2]] == [True] * 3
    shown = client.get(inbox).text
    assert all(text in shown for text in ("Reply Y to confirm", "You have opted out"))
