"""`manage.py demo`: what it makes, that it finds it again, and that a killed run is redone."""

import io
import json
from datetime import UTC, datetime

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Account, User
from accounts.tenancy import in_account, lookups
from conductor.conversations.actions.status import status
from conductor.conversations.models import Conversation, Enrollment
from conductor.demo import history
from conductor.demo.account import OWNER, demo_account
from contacts.models import (
    Contact,
    Event,
    ExternalEvent,
    Import,
    Intake,
    Order,
    OrderItem,
    ProfileField,
    ProfileFieldGroup,
    Subscription,
)
from messaging.models import (
    CouponCode,
    Delivery,
    PhoneSubscription,
    SandboxMessage,
    SavedMessage,
)

SIZE = 400


@pytest.fixture
def demo(transactional_db, settings, tmp_path):
    """Return a function that runs the command and returns what it printed."""
    settings.MEDIA_ROOT = tmp_path / "media"

    def run():
        printed = io.StringIO()
        call_command("demo", "--size", str(SIZE), stdout=printed, stderr=io.StringIO())
        return json.loads(printed.getvalue())

    return run


def rows():
    models = (Contact, Subscription, Order, OrderItem, Event, Import, Enrollment, Delivery)
    return {model.__name__: model.objects.count() for model in models}


class TestDemo:
    def test_every_page_has_something_to_show_and_twice_changes_nothing(self, demo):
        made = demo()

        assert list(made) == ["account_id", "slug", "email", "password"]
        assert (made["slug"], made["email"]) == ("acme-shoes", OWNER)
        owner = User.objects.get(email=OWNER)
        assert owner.check_password(made["password"])
        with in_account(made["account_id"]):
            self.is_whole()
            before = rows()
        assert demo() == made
        with in_account(made["account_id"]):
            assert rows() == before

    def is_whole(self):
        now = datetime.now(UTC)
        winback = Conversation.objects.get(name="Post Purchase")
        assert status(winback, now=now) == "Active"
        inside = Enrollment.objects.filter(ended_at=None)
        assert inside.exists()
        assert {one.step_key for one in inside} == {"pause"}
        assert all(one.due_at is not None and one.due_at > now for one in inside)
        assert Enrollment.objects.filter(end_reason="terminated").exists()
        assert Enrollment.objects.filter(end_reason="otherwise").exists()
        assert not Intake.objects.exists()
        assert Contact.objects.count() == Subscription.objects.count() == SIZE
        assert PhoneSubscription.objects.filter(state="Subscribed").count() > SIZE / 2
        sent = Delivery.objects.filter(state="sent")
        assert set(sent.values_list("channel", flat=True)) == {"email", "sms"}
        assert SandboxMessage.objects.count() == sent.count()
        assert {one.status for one in Import.objects.all()} == {"ProcessingCompleted"}
        assert not any(one.counts["rejected"] for one in Import.objects.all())
        self.has_what_a_welcome_takes()

    def has_what_a_welcome_takes(self):
        events = set(ExternalEvent.objects.values_list("name", flat=True))
        assert {"Pop-up Subscribed", "Checkout Subscribed"} <= events
        assert (
            CouponCode.objects.filter(pool__name="Welcome 10% off", handed_at=None).count() == 500
        )
        fields = {
            f"{one.group.name}.{one.name}": one.data_type
            for one in ProfileField.objects.select_related("group")
        }
        assert fields["Profile.Birthday"] == fields["Profile.Entered on"] == "Date"
        assert fields["Profile.Welcome code"] == "Text"
        assert not ProfileFieldGroup.objects.filter(name="Engage Audiences").exists()
        saved = set(SavedMessage.objects.values_list("name", flat=True))
        assert {"Welcome", "Welcome with a coupon", "Happy birthday"} <= saved
        assert not Conversation.objects.filter(name="Welcome").exists()

    def test_a_killed_run_is_done_again(self, demo, monkeypatch):
        def killed(*_args, **_given):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(history, "check_for_lapsed", killed)
            with pytest.raises(KeyboardInterrupt):
                demo()
        left = lookups.accounts_of_user(User.objects.get(email=OWNER).pk)
        assert lookups.all_accounts() == []  # nobody works on the half

        made = demo()

        assert made["account_id"] not in left
        assert made["slug"] == "acme-shoes"
        assert User.objects.get(email=OWNER).check_password(made["password"])
        with in_account(made["account_id"]):
            assert not Account.objects.get().is_benchmark
            self.is_whole()

    def test_a_password_of_the_owners_own_is_not_printed(self, demo):
        demo()
        owner = User.objects.get(email=OWNER)
        owner.set_password("correct horse battery")
        owner.save()

        assert demo()["password"] == ""
        assert authenticate(email=OWNER, password="correct horse battery") is not None
        again = demo_account(
            password="correct horse battery", clock=lambda: datetime.now(UTC), tell=print
        )
        assert again.password == "correct horse battery"

    def test_a_shop_of_nobody_is_refused(self, db):
        with pytest.raises(CommandError, match="1 to 20000 shoppers"):
            call_command("demo", "--size", "0")
