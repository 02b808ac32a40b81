"""Chunks: a killed import goes on where it stopped, two workers do not meet, memory stays flat."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from accounts.tenancy import in_account
from contacts import actions
from contacts.actions import crowd
from contacts.imports import running
from contacts.imports.columns import column_targets
from contacts.imports.running import run_import
from contacts.models import Contact, Event, ImportReject, Subscription
from contacts.tasks import run_imports
from messaging.models import PhoneSubscription
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    ShortCodeFactory,
)

DAY = timedelta(days=1)
CONSENT = {
    "consent_source": "Checkout",
    "consent_text": "I agree to texts.",
    "consent_confirmed": True,
}


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def store(inside_acme, media):
    return ListFactory(name="Store Customers")


def ready(store, text, now, **options):
    imported = actions.create_import(
        kind="contacts", list=store, file_name="shoppers.csv", file=text.encode(), now=now,
        options=options,
    )  # fmt: skip
    return actions.start_import(imported=imported, now=now)


def shoppers(size, event=""):
    lines = [f"shopper{number}@m.example,Ann,{event}" for number in range(size)]
    return "email,first name,event\n" + "\n".join(lines) + "\n"


class TestChunks:
    def test_a_stopped_import_goes_on_where_it_stopped(self, store, now):
        ExternalEventFactory(list=store, name="Check")
        text = shoppers(25, "Check") + "nobody,Bob,\n"
        imported = ready(store, text, now)

        left = run_import(imported.pk, now, chunk_records=10, until=lambda: True)

        imported.refresh_from_db()
        assert left
        assert (imported.status, imported.counts["processed"]) == ("ProcessingData", 10)
        assert 0 < imported.position < imported.size
        assert Subscription.objects.count() == 10

        assert not run_import(imported.pk, now + DAY, chunk_records=10)

        imported.refresh_from_db()
        assert imported.status == "ProcessingCompleted"
        assert (imported.counts["processed"], imported.counts["created"]) == (26, 25)
        assert (Subscription.objects.count(), Event.objects.count()) == (25, 25)
        assert [reject.line for reject in ImportReject.objects.all()] == [27]
        assert (imported.started_at, imported.ended_at) == (now, now + DAY)

    def test_a_chunk_that_breaks_leaves_nothing_behind(self, store, now, monkeypatch):
        imported = ready(store, shoppers(20) + "nobody,Bob,\n", now)
        run_import(imported.pk, now, chunk_records=10, until=lambda: True)

        def break_down(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr(running, "write_remarks", break_down)
        with pytest.raises(KeyboardInterrupt):
            run_import(imported.pk, now, chunk_records=100)
        monkeypatch.undo()

        imported.refresh_from_db()
        assert imported.counts["processed"] == 10
        assert Contact.objects.count() == 10

        run_import(imported.pk, now)

        imported.refresh_from_db()
        assert (imported.counts["processed"], imported.counts["created"]) == (21, 20)

    def test_lines_of_one_person_in_two_chunks_are_one_contact(self, store, now):
        text = "email,first name\n" + "g@m.example,Ann\n" * 5 + "g@m.example,Grace\n"
        imported = ready(store, text, now)

        run_import(imported.pk, now, chunk_records=2)

        imported.refresh_from_db()
        assert Contact.objects.get().first_name == "Grace"
        assert (imported.counts["subscribed"], imported.counts["already_subscribed"]) == (1, 5)

    def test_bring_the_values_that_waited_for_the_list(self, store, now):
        group = ProfileFieldGroupFactory(list=store)
        tier, city = (
            str(ProfileFieldFactory(group=group, name=one).pk) for one in ("Tier", "City")
        )
        elsewhere = str(ProfileFieldFactory().pk)
        waiting = {tier: "gold", city: "Lititz", elsewhere: "x"}
        Contact.objects.create(
            email="g@m.example",
            email_norm="g@m.example",
            profile=waiting,
            created_at=now,
            updated_at=now,
        )
        imported = ready(
            store,
            "email,City\ng@m.example,Ephrata\nnew@m.example,Akron\n",
            now,
            import_type="AddSubscribersAndSegmentationData",
        )

        run_import(imported.pk, now)

        profiles = {one.contact.email: one.profile for one in Subscription.objects.all()}
        assert profiles == {
            "g@m.example": {tier: "gold", city: "Ephrata"},
            "new@m.example": {city: "Akron"},
        }
        assert Contact.objects.get(email="g@m.example").profile == {elsewhere: "x"}

    def test_what_breaks_at_every_try_is_said_and_ends_the_import(self, store, now):
        imported = ready(store, shoppers(3), now)
        imported.mapping["columns"][0]["target"] = "field:999"
        imported.save()

        run_import(imported.pk, now)

        imported.refresh_from_db()
        assert imported.status == "ProcessingFailed"
        assert "nothing that a column can be" in imported.failure
        assert not Contact.objects.exists()

    def test_an_import_is_started_once(self, store, now):
        imported = ready(store, shoppers(1), now)

        with pytest.raises(actions.imports.ImportFaultError):
            actions.start_import(imported=imported, now=now)


@pytest.mark.django_db(transaction=True)
class TestWorkers:
    @pytest.fixture
    def waiting(self, acme, media, now):
        with in_account(acme.pk):
            store = ListFactory()
            ExternalEventFactory(list=store, name="Check")
            return ready(store, shoppers(200, "Check"), now)

    def test_two_workers_take_no_line_twice(self, acme, waiting, now):
        def work():
            try:
                run_import(waiting.pk, now, account_id=acme.pk, chunk_records=10)
            finally:
                connections["default"].close()

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        run_import(waiting.pk, now, account_id=acme.pk)

        with in_account(acme.pk):
            waiting.refresh_from_db()
            assert waiting.counts["processed"] == 200
            assert Event.objects.count() == 200

    def test_the_task_takes_the_imports_of_every_account(self, acme, globex, waiting, now):
        with in_account(globex.pk):
            other = ready(ListFactory(), shoppers(3), now)

        run_imports()

        for account, imported, size in ((acme, waiting, 200), (globex, other, 3)):
            with in_account(account.pk):
                imported.refresh_from_db()
                assert imported.status == "ProcessingCompleted"
                assert Contact.objects.count() == size

    def test_people_who_appear_meanwhile_are_met(self, acme, waiting, now, monkeypatch):
        def appear():
            try:
                with in_account(acme.pk):
                    actions.save_contact(email="shopper7@m.example", now=now)
            finally:
                connections["default"].close()

        create_missing = crowd.create_missing

        def create_missing_late(*, now):
            # Between looking contacts up and creating those that are missing; once.
            monkeypatch.undo()
            other = threading.Thread(target=appear)
            other.start()
            other.join()
            return create_missing(now=now)

        monkeypatch.setattr(crowd, "create_missing", create_missing_late)
        run_import(waiting.pk, now, account_id=acme.pk)

        with in_account(acme.pk):
            waiting.refresh_from_db()
            assert (waiting.status, waiting.counts["created"]) == ("ProcessingCompleted", 200)
            assert Contact.objects.count() == 200


class TestPhoneList:
    @pytest.fixture
    def texts(self, store):
        code = ShortCodeFactory(code="54321", email_list=store)
        return PhoneListFactory(short_code=code, name="Offers")

    def columns(self, phone_list):
        return [
            {"column": 0, "target": "email"},
            {"column": 1, "target": f"phone_list:{phone_list.pk}"},
        ]

    def load(self, store, texts, now, text, **options):
        imported = actions.create_import(
            kind="contacts", list=store, file_name="shoppers.csv", file=text.encode(),
            mapping={"columns": self.columns(texts)}, options=options, now=now,
        )  # fmt: skip
        actions.start_import(imported=imported, now=now)
        run_import(imported.pk, now)
        imported.refresh_from_db()
        return imported

    def test_is_found_by_scanning(self, store, texts):
        assert "phone_list" in column_targets()
        assert (f"phone_list:{texts.pk}", "Phone, subscribed to Offers (54321)") in (
            actions.imports.target_choices(kind="contacts", list=store)
        )

    def test_subscribes_the_numbers_with_their_evidence(self, store, texts, now):
        PhoneSubscriptionFactory(phone_list=texts, phone_e164="+12125550102", state="Unsubscribed")

        imported = self.load(
            store, texts, now,
            "email,phone\na@m.example,2125550100\nb@m.example,\n,2125550101\n"
            "c@m.example,2125550102\nd@m.example,12345\n",
            **CONSENT,
        )  # fmt: skip

        found = {one.phone_e164: one for one in PhoneSubscription.objects.all()}
        assert {phone: one.state for phone, one in found.items()} == {
            "+12125550100": "Subscribed",
            "+12125550101": "Subscribed",
            "+12125550102": "Unsubscribed",
        }
        evidence = found["+12125550100"]
        assert (evidence.consent_source, evidence.consent_text, evidence.consent_at) == (
            "Checkout",
            "I agree to texts.",
            now,
        )
        assert evidence.contact.email_norm == "a@m.example"
        assert found["+12125550101"].contact.email_norm == ""
        assert Subscription.objects.count() == 3
        assert [reject.line for reject in ImportReject.objects.filter(imported=imported)] == [6]

    def test_the_same_file_again_changes_no_consent(self, store, texts, now):
        text = "email,phone\na@m.example,2125550100\n"
        self.load(store, texts, now, text, **CONSENT)
        before = list(PhoneSubscription.objects.values_list())

        self.load(store, texts, now + DAY, text, **CONSENT)

        assert list(PhoneSubscription.objects.values_list()) == before

    @pytest.mark.parametrize("missing", sorted(CONSENT))
    def test_demands_source_wording_and_confirmation(self, store, texts, now, missing):
        options = {name: value for name, value in CONSENT.items() if name != missing}

        with pytest.raises(actions.imports.ImportFaultError) as refused:
            self.load(store, texts, now, "email,phone\na@m.example,2125550100\n", **options)

        assert refused.value.field == missing
        assert not PhoneSubscription.objects.exists()
        assert not Contact.objects.exists()
