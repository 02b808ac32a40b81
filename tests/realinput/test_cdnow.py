"""
Real purchases through the Winback thread: who gets the messages is whom the file says.

Once through the commands, with the engine driven from here; once over HTTP alone, against
bin/up with its own worker. Any file of the sample's format will do: CONDUCTOR_PURCHASES.
"""

import base64
import csv
import io
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts import actions
from accounts.models import Account
from accounts.tenancy import in_account
from conductor.conversations.actions import apply_file, publish_conversation
from conductor.conversations.document import parse_document
from conductor.conversations.reading import read_structure
from conductor.engine.tick import run_tick
from contacts.actions import create_external_event, create_field, create_field_group
from contacts.models import Contact, Order
from messaging.actions import create_phone_list, create_short_code
from messaging.models import Delivery, SandboxMessage
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from tests.platform.installation import make_ready, manage, up
from tests.realinput.purchases import (
    Purchase,
    address,
    lapsed_by_hand,
    phone,
    purchases,
    today_in,
    zone_at_noon,
)

WINBACK = """
conversation: Post Purchase
list: Transactional
threads:
  - thread: Winback
    steps:
      - {key: start, trigger: {external_event: Winback Check}}
      - {key: lapsed, name: No order in 60 days, filter: {not: {purchase: {within: P60D}}}}
      - key: text
        mobile_message: {short_code: "54321", phone_list: Transactional, text: "Come back", phone_field: Profile.Mobile}
      - {key: pause, wait: {for: PAUSE}}
      - {key: reminder, message: {saved_message: We miss you}}
      - {key: end, terminate: {}}
messages:
  - {saved_message: We miss you, subject: We miss you, from_name: CDNOW, from_email: shop@cdnow.example, html: "<p>Hi</p>"}
"""
# Over HTTP a number is subscribed by a request of its own: every so many-th customer.
TEXTED = 25
PATIENCE = 300.0


def winback(pause: str) -> str:
    return WINBACK.replace("PAUSE", pause)


def customers_of(lines: Iterable[Purchase]) -> list[str]:
    return list(dict.fromkeys(line.customer for line in lines))


def as_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def addresses(customers: Iterable[str]) -> set[str]:
    return {address(customer) for customer in customers}


def phones(customers: Iterable[str]) -> set[str]:
    return {phone(customer) for customer in customers}


class TestThroughFiles:
    @pytest.fixture
    def account(self, transactional_db: None, settings: Any, tmp_path: Path) -> Account:
        """An account where it is noon, with the list and what the thread needs."""
        settings.MEDIA_ROOT = tmp_path / "media"
        now = datetime.now(UTC)
        made = actions.create_account(
            name="CDNOW",
            owner_email="shop@cdnow.example",
            postal_address="1 Main Street, Springfield",
            now=now,
            time_zone=zone_at_noon(),
        ).account
        with in_account(made.pk):
            in_list = actions.create_list(name="Transactional", now=now)
            group = create_field_group(list=in_list, name="Profile", now=now)
            create_field(group=group, name="Mobile", data_type="Text", now=now)
            create_external_event(list=in_list, name="Winback Check", now=now)
            code = create_short_code(code="54321", country="US", email_list=in_list, now=now)
            create_phone_list(short_code=code, name="Transactional", now=now)
            document = parse_document(read_structure(winback("P3D")))
            applied = apply_file(list=in_list, document=document, now=now)
            publish_conversation(conversation=applied.conversation, now=now)
        return made

    def test_those_who_lapsed_get_the_messages(
        self, account: Account, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        today = today_in(account.time_zone)
        lines = [*purchases(path, today=today)]
        customers = customers_of(lines)

        self.bring_in(account, lines, customers, tmp_path)

        with in_account(account.pk):
            assert Contact.objects.count() == len(customers)
            assert Order.objects.count() == len(lines)
        expected = lapsed_by_hand(path, today)
        assert 0 < len(expected) < len(customers)
        now = datetime.now(UTC)
        assert self.got(account, now) == phones(expected)
        assert self.got(account, now + timedelta(days=3)) == phones(expected) | addresses(expected)
        assert "rejected" in capsys.readouterr().out

    def bring_in(
        self, account: Account, lines: list[Purchase], customers: list[str], tmp_path: Path
    ) -> None:
        """Import customers with their consents, then orders, then raise the event for all."""
        people = tmp_path / "customers.csv"
        people.write_text(
            as_csv(
                ["Email", "Mobile", "Phone"],
                ((address(one), phone(one), phone(one)) for one in customers),
            )
        )
        orders = tmp_path / "orders.csv"
        orders.write_text(
            as_csv(
                ["Order number", "Email", "Date", "Total", "SKU", "Quantity"],
                (
                    (one.number, one.email, one.day.isoformat(), one.total, "CD", one.quantity)
                    for one in lines
                ),
            )
        )
        events = tmp_path / "events.csv"
        events.write_text(
            as_csv(["Email", "Event"], ((address(one), "Winback Check") for one in customers))
        )
        to_list = ("--account", account.slug, "--list", "Transactional")
        consent = ("--consent-source", "CDNOW", "--consent-text", "Yes", "--consent-confirmed")
        call_command(
            "import_contacts",
            *to_list,
            *("--map", "Mobile=Profile.Mobile", "--phone-list", "Transactional"),
            *consent,
            str(people),
        )
        call_command("import_orders", "--account", account.slug, str(orders))
        call_command("import_contacts", *to_list, "--event-column", "Event", str(events))

    def got(self, account: Account, now: datetime) -> set[str]:
        """Let everybody move and all messages go out; return who got one, and once."""
        while True:
            with in_account(account.pk):
                if not run_tick(now=now, limit=1_000).rows:
                    break
        with Heart(lambda: now) as heart:
            while serve(account.pk, heart=heart, clock=lambda: now):
                pass
        with in_account(account.pk):
            assert {one.state for one in Delivery.objects.all()} == {"sent"}
            reached = [*SandboxMessage.objects.values_list("address", flat=True)]
        assert len(reached) == len(set(reached))
        return set(reached)


@dataclass
class Shop:
    """A shop's program: it knows the address of the API and its own credentials."""

    url: str
    token: str = ""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the answer's JSON; a refusal is an error."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def sign_in(self, client_id: str, client_secret: str) -> None:
        """Get a token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self.url}/OAuth2/Token", body, timeout=60) as answer:
            self.token = json.load(answer)["access_token"]

    def create(self, path: str, body: Any) -> str:
        """POST something new; return its id."""
        return str(self.ask("POST", path, body)["resourceId"])

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages."""
        cursor: str | None = "Start"
        while cursor:
            page = self.ask("GET", f"{path}&count=1000&cursor={urllib.parse.quote(cursor)}")
            yield from page["data"]
            cursor = page["nextPageCursor"]

    def import_rows(
        self, list_id: str, columns: list[dict[str, Any]], rows: Iterable[Sequence[str]]
    ) -> None:
        """Import contacts and wait for the end."""
        text = as_csv([str(place) for place, _ in enumerate(columns)], rows)
        path = f"/email/v1/List/{list_id}/ListImport"
        body = {
            "fileDelimiter": ",",
            "fileMappings": [{"fileColumn": at, **one} for at, one in enumerate(columns)],
            "fileName": "customers.csv",
            "fileStream": base64.b64encode(text.encode()).decode(),
            "hasColumnNames": True,
            "importType": "AddSubscribersAndSegmentationData",
            "segmentationImportType": "Update",
            "textQualifier": '"',
        }
        made = self.create(path, body)
        patience = time.monotonic() + PATIENCE
        status = ""
        while status != "ProcessingCompleted" and time.monotonic() < patience:
            time.sleep(0.2)
            status = self.ask("GET", f"{path}/{made}/Status")["data"]["status"]
        assert status == "ProcessingCompleted"


class TestOverHttpAlone:
    def test_those_who_lapsed_get_the_messages(self, data: Path, path: Path) -> None:
        zone = zone_at_noon()
        today = today_in(zone)
        lines = [*purchases(path, today=today)]
        customers = customers_of(lines)
        expected = lapsed_by_hand(path, today)
        texted = set(customers[::TEXTED])
        make_ready(data)
        with up(data) as installation:
            installation.wait_until_ok()
            shop = self.connect(data, installation.run["url"], zone)
            list_id = shop.create("/email/v1/List", {"listName": "Transactional"})
            self.bring_in(shop, list_id, lines, customers, texted)
            conversation = self.publish(shop, list_id)
            event = {"fileColumnType": "Event", "defaultValue": "Winback Check"}
            shop.import_rows(
                list_id,
                [{"fileColumnType": "Email"}, event],
                ((address(one), "Winback Check") for one in customers),
            )
            self.wait_for_the_end(shop, conversation, len(customers))
            got = [*shop.pages(f"/conductor/v1/List/{list_id}/Delivery?state=sent")]

        texts = [f"+{one['phoneNumber'].lstrip('+')}" for one in got if one["channel"] == "sms"]
        emails = [one["emailAddress"] for one in got if one["channel"] == "email"]
        assert (len(texts), len(emails)) == (len(set(texts)), len(set(emails)))
        assert set(emails) == addresses(expected)
        assert set(texts) == phones(expected & texted) != set()

    def connect(self, data: Path, url: str, zone: str) -> Shop:
        """Make an account and an integration at the shell, and get a token."""
        made = manage(
            data,
            *("create_account", "CDNOW", "--owner", "shop@cdnow.example", "--time-zone", zone),
            *("--postal-address", "1 Main Street, Springfield"),
        )
        slug = json.loads(made.stdout)["slug"]
        types = ("--type", "email", "--type", "sms", "--type", "data")
        given = json.loads(manage(data, "create_integration", "--account", slug, *types).stdout)
        shop = Shop(url)
        shop.sign_in(given["client_id"], given["client_secret"])
        return shop

    def bring_in(
        self,
        shop: Shop,
        list_id: str,
        lines: list[Purchase],
        customers: list[str],
        texted: set[str],
    ) -> None:
        """Bring in field, event, short code, customers, their orders, some consents."""
        at = f"/email/v1/List/{list_id}"
        group = shop.create(
            f"{at}/SegmentationFieldGroup", {"segmentationFieldGroupName": "Profile"}
        )
        mobile = shop.create(
            f"{at}/SegmentationFieldGroup/{group}/SegmentationField",
            {"segmentationFieldName": "Mobile", "dataType": "Text"},
        )
        shop.create(f"{at}/Event", {"eventName": "Winback Check"})
        code = shop.create(
            "/conductor/v1/ShortCode",
            {"code": "54321", "country": "US", "emailListId": int(list_id)},
        )
        phone_list = shop.create(
            f"/conductor/v1/ShortCode/{code}/PhoneList",
            {"phoneListName": "Transactional", "smsListType": "Transactional"},
        )
        shop.import_rows(
            list_id,
            [
                {"fileColumnType": "Email"},
                {"fileColumnType": "SegmentationField", "segmentationFieldId": int(mobile)},
            ],
            ((address(one), phone(one)) for one in customers),
        )
        shop.ask("POST", "/data/v1/Order", [self.order(line) for line in lines])
        for one in sorted(texted):
            shop.create(
                f"/sms/v1/ShortCode/{code}/PhoneList/{phone_list}/Contact",
                {"phoneNumber": phone(one), "emailAddress": address(one)},
            )

    def order(self, line: Purchase) -> dict[str, Any]:
        return {
            "orderNumber": line.number,
            "email": line.email,
            "dateEntered": line.day.isoformat(),
            "orderTotal": float(line.total),
            "items": [{"sku": "CD", "quantity": line.quantity}],
        }

    def publish(self, shop: Shop, list_id: str) -> str:
        made = shop.ask(
            "POST", f"/conductor/v1/List/{list_id}/Conversation", read_structure(winback("PT1S"))
        )
        assert made["problems"] == []
        conversation = str(made["resourceId"])
        shop.ask("POST", f"/conductor/v1/Conversation/{conversation}/Publication")
        return conversation

    def wait_for_the_end(self, shop: Shop, conversation: str, everybody: int) -> None:
        """Wait until all have come and gone, and no message is on its way since."""
        patience = time.monotonic() + PATIENCE
        found: dict[str, Any] = {}
        were_gone = False
        while time.monotonic() < patience:
            found = shop.ask("GET", f"/conductor/v1/Conversation/{conversation}/Summary")["data"]
            assert found["entered"] == found["waiting"] + found["ended"]
            states = {one["state"] for one in found["deliveries"]}
            # Messages are counted a moment before the people: who went amid has some more.
            if were_gone and states <= {"sent", "skipped"}:
                return
            were_gone = found["ended"] == everybody
            time.sleep(0.5)
        raise AssertionError(f"Not done after {PATIENCE} s: {found}")
