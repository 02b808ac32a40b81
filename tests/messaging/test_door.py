"""Opens and clicks over HTTP: recorded before they are answered, and leading nowhere of their own."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from accounts.tenancy import in_account
from contacts.models import Intake, Listener
from messaging import tokens
from messaging.actions.receipts import CameBack
from messaging.models import CommittedMessage, Figure, Receipt
from messaging.tracking.hits import RECORDER, Hit, write_group
from messaging.tracking.reading import target_of, without_pixel
from messaging.tracking.targets import TARGETS
from tests.factories import CommittedMessageFactory, DeliveryFactory, SubscriptionFactory

PERSON = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
DYING = Path(__file__).with_name("dying_web.py")
HTML = '<a href="https://acme.example/a?x=1&amp;y=2">A</a><a href="{{ event.url }}">B</a>'


def sent_email(now):
    """Write the delivery of an email with two links, a minute old; inside an account."""
    person = SubscriptionFactory()
    message = CommittedMessageFactory(
        list=person.list, content={"html": HTML, "subject": "Hi", "from_email": "s@acme.example"}
    )
    return DeliveryFactory(
        list=person.list,
        contact=person.contact,
        subscription_id=person.pk,
        message=message,
        sent_at=now - timedelta(minutes=1),
    )


@pytest.fixture
def delivery(acme, now, time_machine):
    time_machine.move_to(now, tick=False)
    TARGETS.kept.clear()
    with in_account(acme.pk):
        return sent_email(now)


@pytest.fixture
def ask(client):
    """Ask for a path as a person does."""

    def asked(path, *, agent=PERSON, method="get", **headers):
        return getattr(client, method)(path, HTTP_USER_AGENT=agent, **headers)

    return asked


@pytest.fixture
def click(acme, delivery):
    """Return the path of a link of the delivery's message."""

    def path(place=0, text=""):
        token = tokens.sign("click", acme.pk, delivery.pk, delivery.message_id, place, text=text)
        return f"/t/c/{token}"

    return path


@pytest.fixture
def pixel(acme, delivery):
    return f"/t/o/{tokens.sign('open', acme.pk, delivery.pk)}.gif"


def kinds(acme):
    with in_account(acme.pk):
        return [one.kind for one in Receipt.objects.order_by("pk")]


class TestClick:
    def test_leads_on_and_is_recorded(self, acme, ask, click, delivery, now):
        answer = ask(click())

        assert (answer.status_code, answer["Location"]) == (302, "https://acme.example/a?x=1&y=2")
        with in_account(acme.pk):
            receipt = Receipt.objects.get()
            assert (receipt.kind, receipt.delivery_id) == ("clicked", delivery.pk)
            assert (receipt.occurred_at, receipt.contact_id) == (now, delivery.contact_id)
            assert receipt.detail == {"url": "https://acme.example/a?x=1&y=2"}

    def test_is_a_fact_that_conversations_wait_for(self, acme, ask, click, delivery):
        with in_account(acme.pk):
            Listener.objects.create(
                conversation_id=7, list=delivery.list, role="watch", kind="receipt"
            )

        ask(click())

        with in_account(acme.pk):
            assert Intake.objects.get().properties["did"] == "clicked"

    def test_leads_where_its_own_token_says(self, ask, click):
        answer = ask(click(1, text="https://shop.acme.example/cart"))

        assert answer["Location"] == "https://shop.acme.example/cart"

    @pytest.mark.parametrize("query", ["?url=https://evil.example", "?next=//evil.example"])
    def test_leads_nowhere_that_the_request_says(self, ask, click, query):
        assert ask(click() + query)["Location"] == "https://acme.example/a?x=1&y=2"

    def test_is_404_with_one_character_altered(self, acme, ask, click):
        path = click()

        answers = {ask(path[:at] + "_" + path[at + 1 :]).status_code for at in range(5, len(path))}

        assert answers <= {404, 302 if "_" in path[5:] else 404}
        assert len(kinds(acme)) == path[5:].count("_")

    def test_of_a_text_leads_to_an_address_of_any_letters(self, acme, ask, delivery):
        text = {"text": "Look: https://bücher.example/Обувь?q=👟", "media_url": ""}
        with in_account(acme.pk):
            CommittedMessage.objects.filter(pk=delivery.message_id).update(
                channel="sms", content=text
            )
        token = tokens.sign("click", acme.pk, delivery.pk, delivery.message_id, 0)

        answer = ask(f"/t/c/{token}")

        path = "%D0%9E%D0%B1%D1%83%D0%B2%D1%8C?q=%F0%9F%91%9F"
        assert answer["Location"] == f"https://xn--bcher-kva.example/{path}"

    @pytest.mark.parametrize("target", ["javascript:alert(1)", "//evil.example/", "data:,x"])
    def test_leads_to_no_script_even_signed(self, ask, click, target):
        answer = ask(click(1, text=target))

        assert (answer.status_code, answer.get("Location")) == (404, None)

    def test_leads_nowhere_when_its_message_is_gone(self, acme, ask, click):
        path = click(5)

        assert ask(path).status_code == 404

    def test_takes_no_post(self, ask, click):
        assert ask(click(), method="post").status_code == 405

    def test_carries_headers_for_safety_and_no_cookie(self, ask, click):
        answer = ask(click())

        # Without it the web server would send an empty body in chunks.
        assert answer["Content-Length"] == "0"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert not answer.cookies

    def test_is_answered_for_any_host(self, ask, click):
        assert ask(click(), HTTP_HOST="links.acme.example").status_code == 302

    def test_of_a_preview_is_nobodys(self, acme, ask):
        token = tokens.sign("click", acme.pk, 0, 0, 0, text="https://acme.example/")

        answer = ask(f"/t/c/{token}")

        assert (answer["Location"], kinds(acme)) == ("https://acme.example/", [])

    def test_is_kept_so_often_and_no_more(self, acme, ask, click, monkeypatch):
        monkeypatch.setattr("messaging.actions.receipts.MOST_OF_A_KIND", 3)

        for _ in range(5):
            assert ask(click()).status_code == 302

        assert len(kinds(acme)) == 3


class TestOpen:
    def test_is_recorded_with_a_picture(self, acme, ask, pixel):
        answer = ask(pixel)

        assert (answer["Content-Type"], answer.content[:6]) == ("image/gif", b"GIF89a")
        assert kinds(acme) == ["opened"]

    def test_is_404_with_another_kind_of_token(self, acme, ask, delivery):
        token = tokens.sign("unsubscribe", acme.pk, delivery.pk)

        assert ask(f"/t/o/{token}.gif").status_code == 404


class TestMachines:
    @pytest.mark.parametrize(
        ("agent", "method", "address", "kind"),
        [
            (PERSON, "get", "203.0.113.9", "clicked"),
            (PERSON, "head", "203.0.113.9", "scanned"),
            ("", "get", "203.0.113.9", "scanned"),
            ("python-requests/2.32", "get", "203.0.113.9", "scanned"),
            ("Mozilla/5.0 (compatible; Googlebot/2.1)", "get", "203.0.113.9", "scanned"),
            (PERSON, "get", "40.107.3.4", "scanned"),
            (PERSON, "get", "209.222.81.1", "scanned"),
            (PERSON, "get", "2001:db8::1", "clicked"),
            (PERSON, "get", "no address", "clicked"),
        ],
    )
    def test_that_click_are_scanners(self, acme, ask, click, agent, method, address, kind):
        ask(click(), agent=agent, method=method, REMOTE_ADDR=address)

        assert kinds(acme) == [kind]

    @pytest.mark.parametrize(
        ("agent", "address", "kind"),
        [
            (PERSON, "203.0.113.9", "opened"),
            ("Mozilla/5.0", "203.0.113.9", "prefetched"),
            (PERSON, "17.58.1.1", "prefetched"),
            ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", "66.249.93.1", "opened"),
            ("curl/8.0", "203.0.113.9", "scanned"),
        ],
    )
    def test_that_open_are_proxies_or_scanners(self, acme, ask, pixel, agent, address, kind):
        ask(pixel, agent=agent, REMOTE_ADDR=address)

        assert kinds(acme) == [kind]

    def test_are_quicker_than_people(self, acme, ask, click, pixel, now, time_machine):
        time_machine.move_to(now - timedelta(seconds=59), tick=False)

        ask(click())
        ask(pixel)

        assert kinds(acme) == ["scanned", "prefetched"]


class TestReading:
    def test_says_where_the_links_of_a_mail_lead(self, acme, delivery, click):
        links = TARGETS.links(acme.pk, delivery.message_id)

        found = [
            target_of(f"https://links.acme.example{path}", links)
            for path in (click(), click(1, text="https://acme.example/cart"), "/t/c/forged")
        ]

        assert found == [
            "https://acme.example/a?x=1&y=2",
            "https://acme.example/cart",
            "https://links.acme.example/t/c/forged",
        ]

    def test_shows_a_mail_without_counting_it(self):
        pixel = '<img src="http://127.0.0.1:8000/t/o/AQ-_9.gif" width="1" height="1" alt="">'

        assert without_pixel(f"<p>Hi</p>{pixel}<b>x</b>") == "<p>Hi</p><b>x</b>"


@pytest.mark.django_db(transaction=True)
def test_one_hit_that_cannot_be_written_loses_no_other(acme, now, delivery):
    good = Hit(acme.pk, CameBack(delivery.pk, "opened", now), now)
    bad = Hit(acme.pk, CameBack(delivery.pk, "clicked", now, {"url": "a\0b"}), now)

    write_group([good, bad, good])

    with in_account(acme.pk):
        assert [one.kind for one in Receipt.objects.all()] == ["opened", "opened"]


class TestRecorder:
    @pytest.mark.django_db(transaction=True)
    def test_has_written_when_it_answers_many_at_once(self, acme, globex, now):
        from concurrent.futures import ThreadPoolExecutor

        from django.db import connections
        from django.test import Client

        paths = []
        for account in (acme, globex):
            with in_account(account.pk):
                delivery = sent_email(now - timedelta(days=3))
            token = tokens.sign("open", account.pk, delivery.pk)
            paths += [f"/t/o/{token}.gif"] * 20

        def ask(path):
            try:
                return Client().get(path, HTTP_USER_AGENT=PERSON).status_code
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as threads:
            codes = list(threads.map(ask, paths))

        assert codes == [200] * 40
        for account in (acme, globex):
            with in_account(account.pk):
                assert Receipt.objects.filter(kind="opened").count() == 20
        RECORDER.end()

    @pytest.mark.django_db(transaction=True)
    def test_has_written_what_a_process_answered_that_is_killed(self, acme, mother):
        with in_account(acme.pk):
            first = sent_email(datetime.now(UTC) - timedelta(days=3))
            more = DeliveryFactory.create_batch(
                59, list=first.list, contact=first.contact, message=first.message
            )
            sent = {
                f"/t/c/{tokens.sign('click', acme.pk, one.pk, first.message_id, 0)}": one.pk
                for one in [first, *more]
            }

        code, said = mother.run(DYING.read_text(), "25", *sent)

        answered = [sent[path] for path in said.split("\n") if path in sent]
        assert code == -signal.SIGKILL, said
        with in_account(acme.pk):
            kept = list(
                Receipt.objects.filter(kind="clicked").values_list("delivery_id", flat=True)
            )
            counted = sum(Figure.objects.values_list("number", flat=True))
        assert len(answered) >= 25
        assert set(answered) <= set(kept)
        assert len(kept) == len(set(kept)) == counted < 60

    def test_forgets_no_link_when_a_message_is_committed_anew(self, acme, ask, click, delivery):
        ask(click())
        with in_account(acme.pk):
            CommittedMessage.objects.filter(pk=delivery.message_id).update(name="Other")

        assert ask(click()).status_code == 302
