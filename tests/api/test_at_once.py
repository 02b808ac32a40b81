"""Calls that come at the same moment, each on a connection of its own."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.test import Client, RequestFactory

from accounts import api
from accounts.folders import create_folder
from accounts.models import KeptAnswer, List
from accounts.tenancy import in_account, sql
from accounts.wire.limits import COUNT
from conductor.api import front
from contacts.actions import save_contact, subscribe
from contacts.models import Contact, Event, Subscription
from messaging.actions.replies import take_turn
from messaging.models import PhoneSubscription
from tests.api.conftest import FORM, ask_token, connect
from tests.factories import ExternalEventFactory, PhoneListFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 120.0
WAITING = """
    SELECT count(*)
    FROM pg_stat_activity AS session
    WHERE session.datname = current_database() AND session.wait_event_type = 'Lock'
"""


@pytest.fixture
def people():
    """Callers, each a thread that gives its connection back."""

    def done(act, *given):
        try:
            return act(*given)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        yield lambda act, *given: pool.submit(done, act, *given)


def wait_for(many):
    """Wait until so many sessions wait for a lock."""
    end = time.monotonic() + PATIENCE
    while sql.fetch_value(WAITING) < many:
        assert time.monotonic() < end, "nobody waits"
        # Within a transaction the figures would stand still.
        sql.execute("SELECT pg_stat_clear_snapshot()")
        time.sleep(0.01)


class TestIdempotencyKey:
    @pytest.fixture
    def call(self, wire, acme, shop):
        """Raise an event for a contact whose row somebody else holds."""
        with in_account(acme.pk):
            self.grace = SubscriptionFactory.create(list=shop, contact__email="grace@mail.example")
            event = ExternalEventFactory.create(list=shop)
        path = f"/email/v1/List/{shop.pk}/Contact?eventIds={event.pk}"

        def called(external_id="C-1"):
            body = {"emailAddress": "grace@mail.example", "externalContactID": external_id}
            return wire.call("POST", path, body, headers={"Idempotency-Key": "k-1"})

        return called

    def test_lets_one_of_two_calls_act_and_answers_both(self, call, people, acme):
        with in_account(acme.pk):
            Subscription.objects.select_for_update().get(pk=self.grace.pk)
            answers = [people(call), people(call)]
            # One waits for the row, the other for the one.
            wait_for(2)

        first, second = sorted(
            (answer.result(PATIENCE) for answer in answers),
            key=lambda answer: "Idempotency-Replayed" in answer.headers,
        )
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.content == second.content
        assert "Idempotency-Replayed" not in first.headers
        assert second.headers["Idempotency-Replayed"] == "true"
        with in_account(acme.pk):
            assert Event.objects.count() == 1

    def test_refuses_another_call_that_comes_meanwhile(self, call, people, acme):
        with in_account(acme.pk):
            Subscription.objects.select_for_update().get(pk=self.grace.pk)
            answers = [people(call, "C-1"), people(call, "C-2")]
            wait_for(2)

        statuses = Counter(answer.result(PATIENCE).status_code for answer in answers)
        assert statuses == {200: 1, 409: 1}
        with in_account(acme.pk):
            assert (Event.objects.count(), KeptAnswer.objects.count()) == (1, 1)

    def test_is_free_for_the_second_when_the_first_is_refused(self, wire, people, acme, shop):
        """The name is taken by a list that is not committed yet: the first is refused late."""
        body = {"listName": "Spring"}

        def called():
            headers = {"Idempotency-Key": "k-1"}
            return wire.call("POST", "/email/v1/List", body, headers=headers).status_code

        with in_account(acme.pk):
            shop.name = "Spring"
            shop.save()
            answers = [people(called), people(called)]
            wait_for(2)
        statuses = [answer.result(PATIENCE) for answer in answers]

        assert statuses == [400, 400]
        with in_account(acme.pk):
            assert not KeptAnswer.objects.exists()


class TestTokens:
    MANY, GIVEN, AT_ONCE = 2_000, 40, 10

    @pytest.fixture(autouse=True)
    def window(self, monkeypatch):
        """One that does not end amid."""
        monkeypatch.setattr(api, "TOKEN_WINDOW", timedelta(hours=1))

    @pytest.fixture
    def crowd(self, wire):
        """Let so many ask at once, all with the same credentials; return their answers."""
        credentials = f"client_id={wire.client_id}&client_secret={wire.client_secret}"

        def ask():
            request = RequestFactory().post(
                "/OAuth2/Token",
                data=f"grant_type=client_credentials&{credentials}",
                content_type=FORM,
                REMOTE_ADDR="10.0.0.1",
            )
            return front(request)

        def ask_some(many, begun):
            try:
                begun.wait(PATIENCE)
                return [ask() for _ in range(many)]
            finally:
                connections.close_all()

        def ask_at_once(many):
            begun = Barrier(self.AT_ONCE)
            with ThreadPoolExecutor(self.AT_ONCE) as pool:
                asked = [
                    pool.submit(ask_some, many // self.AT_ONCE, begun) for _ in range(self.AT_ONCE)
                ]
                return [answer for one in asked for answer in one.result(5 * PATIENCE)]

        return ask_at_once

    def test_are_given_up_to_the_limit_by_however_many_at_once(
        self, crowd, people, globex, now, monkeypatch
    ):
        monkeypatch.setattr(api, "TOKENS_PER_ADDRESS", self.GIVEN)
        other = connect(globex, now, types=["email"])

        crowding = people(crowd, self.MANY)
        amid = [
            ask_token(other.client, other.client_id, other.client_secret, REMOTE_ADDR="10.0.0.2")
            for _ in range(10)
        ]
        answers = crowding.result(5 * PATIENCE)

        assert [answer.status_code for answer in amid] == [200] * 10
        counted = Counter(answer.status_code for answer in answers)
        assert counted == {200: self.GIVEN, 429: self.MANY - self.GIVEN}
        said = [(answer, json.loads(answer.content)) for answer in answers]
        given = {body["access_token"] for answer, body in said if answer.status_code == 200}
        assert len(given) == self.GIVEN
        for answer, refusal in said:
            if answer.status_code == 429:
                assert list(refusal) == ["status", "error", "message"]
                assert (refusal["status"], refusal["error"]) == (429, "ERROR_TOO_MANY_REQUESTS")
                assert int(answer.headers["Retry-After"]) >= 1

    def test_are_given_up_to_the_limit_of_their_integration(self, crowd, monkeypatch):
        monkeypatch.setattr(api, "TOKENS_PER_CLIENT", self.GIVEN)
        monkeypatch.setattr(api, "TOKENS_PER_ADDRESS", self.MANY)

        counted = Counter(answer.status_code for answer in crowd(4 * self.GIVEN))

        # One was the fixture's.
        assert counted == {200: self.GIVEN - 1, 429: 3 * self.GIVEN + 1}

    def test_of_others_do_not_wait_for_a_crowd(self, wire, people, now):
        """What a crowd writes, all of it at once, holds nobody else up."""

        def ask(address):
            client = Client(raise_request_exception=False, REMOTE_ADDR=address)
            return ask_token(client, wire.client_id, wire.client_secret).status_code

        def read_lists():
            return wire.call("GET", "/email/v1/List").status_code

        counted = {"key": "token from 10.0.0.1"}
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(COUNT, {**counted, "limit": 100, "now": now, "window_start": now})
            crowd = [people(ask, "10.0.0.1") for _ in range(4)]
            wait_for(4)

            others = [people(ask, "10.0.0.2"), people(read_lists)]

            assert [other.result(PATIENCE) for other in others] == [200, 200]
            assert not any(one.done() for one in crowd)
            cursor.execute("COMMIT")
        assert [one.result(PATIENCE) for one in crowd] == [200] * 4


class TestPhoneNumber:
    def test_becomes_one_contact_of_two_calls(self, wire, people, acme, shop):
        with in_account(acme.pk):
            phone_list = PhoneListFactory.create(short_code__email_list=shop)
        url = f"/sms/v1/ShortCode/{phone_list.short_code_id}/PhoneList/{phone_list.pk}/Contact"

        def called():
            answer = wire.call("POST", url, {"phoneNumber": "12125552368"})
            return answer.status_code, json.loads(answer.content).get("error")

        with in_account(acme.pk):
            take_turn(phone_list.short_code, "+12125552368")
            answers = [people(called), people(called)]
            wait_for(2)

        assert sorted((answer.result(PATIENCE) for answer in answers), reverse=True) == [
            (400, "ERROR_PHONE_NUMBER_FOUND"),
            (201, None),
        ]
        with in_account(acme.pk):
            assert PhoneSubscription.objects.count() == 1


class TestNewContact:
    @pytest.fixture
    def amid(self, people, wire, acme, shop):
        """Post an address twice while somebody else creates it; return what was answered."""

        def called():
            body = {"emailAddress": "grace@mail.example", "externalContactID": "C-1"}
            return wire.call("POST", f"/email/v1/List/{shop.pk}/Contact", body).status_code

        def post_while(write):
            with in_account(acme.pk):
                write()
                answers = [people(called), people(called)]
                wait_for(2)
            return sorted(answer.result(PATIENCE) for answer in answers)

        return post_while

    def test_is_one_person_however_many_create_it(self, amid, acme, now):
        statuses = amid(lambda: save_contact(email="Grace@mail.example", now=now))

        assert statuses == [200, 201]
        with in_account(acme.pk):
            grace = Subscription.objects.select_related("contact").get()
            assert (grace.contact.email, grace.external_contact_id) == ("Grace@mail.example", "C-1")
            assert Contact.objects.count() == 1

    def test_stands_as_whoever_came_first_put_it(self, amid, acme, shop, now):
        statuses = amid(
            lambda: subscribe(list=shop, email="grace@mail.example", method="Page", now=now)
        )

        assert statuses == [200, 200]
        with in_account(acme.pk):
            grace = Subscription.objects.get()
            assert (grace.subscribe_method, grace.external_contact_id) == ("Page", "C-1")


class TestReference:
    def test_that_is_gone_at_the_end_is_refused(self, wire, people, acme, now):
        """Whether there is such a folder is asked again when all is written."""
        with in_account(acme.pk):
            folder = create_folder(name="A", now=now)
        body = {"listName": "Spring", "folderId": folder.pk}

        with in_account(acme.pk):
            folder.delete()
            answer = people(wire.refused, "POST", "/email/v1/List", body)
            wait_for(1)

        assert answer.result(PATIENCE)[::2] == (400, "An invalid value was supplied for folderId.")
        with in_account(acme.pk):
            assert not List.objects.exists()
