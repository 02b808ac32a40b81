"""Messages, commits, short codes, phone lists and consents."""

from datetime import timedelta

import pytest

from accounts.actions import InvalidValueError
from contacts.models import Contact
from messaging import actions
from messaging.actions import Consent
from messaging.models import CommittedMessage, PhoneSubscription, SavedMessage
from tests.factories import (
    ContactFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
)

pytestmark = pytest.mark.usefixtures("inside_acme")


class TestSaveMessage:
    def test_keeps_what_is_not_given(self, now):
        message = actions.save_message(
            list=ListFactory.create(),
            name="We miss you",
            subject="Come back",
            html="<p>Hi</p>",
            now=now,
        )

        actions.save_message(
            list=message.list, name="We miss you", message=message, text="Hi", now=now
        )

        message.refresh_from_db()
        assert (message.subject, message.html, message.text) == ("Come back", "<p>Hi</p>", "Hi")

    def test_compiles_mjml_and_keeps_its_template_tags(self, now):
        mjml = (
            "<mjml><mj-body><mj-section><mj-column><mj-text>"
            "Hi {{ contact.first_name }}{% if 1 < 2 %}!{% endif %}"
            "</mj-text></mj-column></mj-section></mj-body></mjml>"
        )

        message = actions.save_message(list=ListFactory.create(), name="Back", mjml=mjml, now=now)

        assert "Hi {{ contact.first_name }}{% if 1 < 2 %}!{% endif %}" in message.html
        assert "<table" in message.html

    @pytest.mark.parametrize(
        ("part", "source", "words"),
        [
            ("html", "<p>\n{{ contact.first_name }</p>", "line 2"),
            ("html", "{{ contact.first_name.upper() }}", "calls a method, .upper()"),
            (
                "text",
                "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
                "does not come to an end",
            ),
            ("subject", "{{ 'x' | nonsense }}", "no filter named nonsense"),
            ("mjml", "<mjml><mj-body>\n<mj-nope/></mj-body></mjml>", "line 2"),
            ("mjml", "hello", "does not compile"),
            ("from_email", "not an address", "no email address"),
            ("text", "a\0b", "NUL"),
        ],
    )
    def test_refuses_and_stores_nothing(self, now, part, source, words):
        with pytest.raises(
            InvalidValueError, match=words.replace("(", r"\(").replace(")", r"\)")
        ) as refused:
            actions.save_message(list=ListFactory.create(), name="Back", now=now, **{part: source})

        assert refused.value.field == part
        assert not SavedMessage.objects.exists()

    def test_refuses_a_name_that_is_taken(self, now):
        taken = SavedMessageFactory.create()

        with pytest.raises(InvalidValueError, match="already"):
            actions.save_message(list=taken.list, name=taken.name, now=now)


class TestCommitEmail:
    def test_is_not_changed_by_later_edits(self, now):
        message = SavedMessageFactory.create(html="<p>One</p>")
        committed = actions.commit_email(saved_message=message, now=now)

        actions.save_message(
            list=message.list, name=message.name, message=message, html="<p>Two</p>", now=now
        )

        committed.refresh_from_db()
        assert committed.content["html"] == "<p>One</p>"

    def test_keeps_the_same_content_once(self, now):
        message = SavedMessageFactory.create()

        one = actions.commit_email(saved_message=message, now=now)
        two = actions.commit_email(saved_message=message, overrides={"subject": ""}, now=now)
        three = actions.commit_email(saved_message=message, overrides={"subject": "Now"}, now=now)

        assert one.pk == two.pk != three.pk
        assert three.content["subject"] == "Now"
        assert CommittedMessage.objects.count() == 2

    def test_takes_the_lists_sender_where_there_is_none(self, now):
        message = SavedMessageFactory.create(from_name="", from_email="")

        committed = actions.commit_email(saved_message=message, now=now)

        assert committed.content["from_email"] == message.list.from_email
        assert committed.content["from_name"] == message.list.from_name

    def test_refuses_an_override_that_does_not_compile(self, now):
        with pytest.raises(InvalidValueError, match="does not compile"):
            actions.commit_email(
                saved_message=SavedMessageFactory.create(), overrides={"subject": "{{"}, now=now
            )


class TestCommitSms:
    def test_lets_the_text_be_overridden(self, now):
        message = SmsMessageFactory.create(text="Old")

        committed = actions.commit_sms(
            sms_message=message, text="New", phone_list=message.phone_list, now=now
        )

        assert committed.content == {"text": "New", "media_url": ""}
        assert committed.list_id == message.phone_list.short_code.email_list_id

    def test_needs_some_text(self, now):
        with pytest.raises(InvalidValueError, match="empty"):
            actions.commit_sms(sms_message=None, phone_list=PhoneListFactory.create(), now=now)


class TestSmsMessages:
    @pytest.mark.parametrize("text", ["", "  ", "x" * 1601, "{{ oops", "a\0b"])
    def test_refuses_bad_texts(self, now, text):
        with pytest.raises(InvalidValueError) as refused:
            actions.create_sms_message(
                phone_list=PhoneListFactory.create(), name="Winback", text=text, now=now
            )

        assert refused.value.field == "text"

    def test_refuses_a_picture_that_is_no_address(self, now):
        with pytest.raises(InvalidValueError, match="https"):
            actions.create_sms_message(
                phone_list=PhoneListFactory.create(),
                name="Winback",
                text="Hi",
                media_url="javascript:alert(1)",
                now=now,
            )


class TestShortCodes:
    def test_is_provisioned_for_both_types_by_default(self, now):
        made = actions.create_short_code(
            code="54 321", country="us", email_list=ListFactory.create(), now=now
        )

        assert (made.code, made.country) == ("54321", "US")
        assert set(made.message_types) == {"Transactional", "Marketing"}

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"code": "ab"}, "code"),
            ({"country": "XX"}, "country"),
            ({"message_types": ["Other"]}, "message_types"),
            ({"message_types": []}, "message_types"),
        ],
    )
    def test_refuses_what_is_no_short_code(self, now, changes, field):
        given = {"code": "54321", "country": "US", "email_list": ListFactory.create(), **changes}

        with pytest.raises(InvalidValueError) as refused:
            actions.create_short_code(now=now, **given)

        assert refused.value.field == field

    def test_refuses_a_code_that_exists(self, now):
        taken = ShortCodeFactory.create()

        with pytest.raises(InvalidValueError, match="already"):
            actions.create_short_code(
                code=taken.code, country="US", email_list=taken.email_list, now=now
            )


@pytest.fixture
def consent(now):
    return Consent(source="Checkout", text="I agree to texts.", at=now)


class TestSubscribePhone:
    def test_keeps_the_evidence_and_finds_the_contact(self, now, consent):
        grace = ContactFactory.create(phone_e164="+12125550100")

        subscription = actions.subscribe_phone(
            phone_list=PhoneListFactory.create(),
            phone_e164="+12125550100",
            consent=consent,
            now=now,
        )

        assert subscription.state == "Subscribed"
        assert subscription.contact == grace
        assert subscription.consent_text == "I agree to texts."

    def test_keeps_the_first_consent_when_done_twice(self, now, consent):
        phones = PhoneListFactory.create()
        first = actions.subscribe_phone(
            phone_list=phones, phone_e164="+12125550100", consent=consent, now=now
        )

        later = Consent(source="Import", text="Other", at=now + timedelta(days=1))
        again = actions.subscribe_phone(
            phone_list=phones, phone_e164="+12125550100", consent=later, now=later.at
        )

        assert (again.pk, again.consent_source) == (first.pk, "Checkout")

    def test_comes_back_only_by_a_later_consent(self, now, consent):
        phones = PhoneListFactory.create()
        number = {"phone_list": phones, "phone_e164": "+12125550100"}
        actions.subscribe_phone(**number, consent=consent, now=now)
        hour = timedelta(hours=1)
        actions.unsubscribe_phone(**number, reason="Campaign", now=now + hour)

        old = actions.subscribe_phone(**number, consent=consent, now=now + 2 * hour)
        assert old.state == "Unsubscribed"
        newer = Consent(source="Page", text="Yes, again.", at=now + 2 * hour)
        back = actions.subscribe_phone(**number, consent=newer, now=now + 2 * hour)

        assert (back.state, back.opt_out_reason) == ("Subscribed", "")

    def test_waits_for_a_double_opt_in(self, now, consent):
        subscription = actions.subscribe_phone(
            phone_list=PhoneListFactory.create(require_double_opt_in=True),
            phone_e164="+12125550100",
            consent=consent,
            now=now,
        )

        assert (subscription.state, subscription.pending_double_opt_in) == ("Pending", True)

    @pytest.mark.parametrize("bad", [{"source": " "}, {"text": ""}])
    def test_refuses_a_consent_without_evidence(self, now, consent, bad):
        empty = Consent(**{**consent.__dict__, **bad})

        with pytest.raises(InvalidValueError):
            actions.subscribe_phone(
                phone_list=PhoneListFactory.create(),
                phone_e164="+12125550100",
                consent=empty,
                now=now,
            )

    def test_refuses_what_is_no_number(self, now, consent):
        with pytest.raises(InvalidValueError):
            actions.subscribe_phone(
                phone_list=PhoneListFactory.create(), phone_e164="212", consent=consent, now=now
            )


class TestSubscribePhones:
    def test_counts_and_leaves_opt_outs_alone(self, now, consent):
        phones = PhoneListFactory.create()
        grace = ContactFactory.create(phone_e164="+12125550100")
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164="+12125550101")
        PhoneSubscriptionFactory.create(
            phone_list=phones, phone_e164="+12125550102", state="Unsubscribed"
        )

        counts = actions.subscribe_phones(
            phone_list=phones,
            phones=["+12125550100", "+12125550101", "+12125550102", "+12125550100"],
            contact_ids=[None, None, None, None],
            consent=consent,
            now=now,
        )

        assert (counts.subscribed, counts.already_subscribed) == (1, 1)
        assert counts.previously_unsubscribed == 1
        made = PhoneSubscription.objects.get(phone_e164="+12125550100")
        assert made.contact == grace
        assert PhoneSubscription.objects.get(phone_e164="+12125550102").state == "Unsubscribed"

    def test_changes_nothing_the_second_time(self, now, consent):
        phones = PhoneListFactory.create()
        given = {
            "phone_list": phones,
            "phones": ["+12125550100"],
            "contact_ids": [None],
            "consent": consent,
        }
        actions.subscribe_phones(**given, now=now)
        before = PhoneSubscription.objects.values().get()

        counts = actions.subscribe_phones(**given, now=now + timedelta(days=1))

        assert counts.subscribed == 0
        assert PhoneSubscription.objects.values().get() == before


class TestUnsubscribePhone:
    def test_keeps_the_first_opt_out(self, now):
        subscription = PhoneSubscriptionFactory.create()
        number = {
            "phone_list": subscription.phone_list,
            "phone_e164": subscription.phone_e164,
        }
        actions.unsubscribe_phone(**number, reason="Campaign", now=now)

        again = actions.unsubscribe_phone(**number, reason="Admin", now=now + timedelta(days=1))

        assert again is not None
        assert (again.unsubscribed_at, again.opt_out_reason) == (now, "Campaign")

    def test_knows_nobody_by_an_unknown_number(self, now):
        assert (
            actions.unsubscribe_phone(
                phone_list=PhoneListFactory.create(),
                phone_e164="+12125550100",
                reason="API",
                now=now,
            )
            is None
        )
        assert not Contact.objects.exists()
