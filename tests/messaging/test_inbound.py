"""What phones write: keywords, replies, the ledger, loops, forgeries."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from accounts.actions import InvalidValueError
from accounts.tenancy import in_account
from messaging import actions, rendering, wording
from messaging.actions import Consent
from messaging.actions.ledger import evidence_csv
from messaging.actions.phones import deactivate_phones
from messaging.actions.reply_texts import DEFAULTS, reply_text
from messaging.actions.tickets import close_ticket, open_ticket
from messaging.law.keywords import bare
from messaging.models import (
    ConsentChange,
    Delivery,
    InboundText,
    PhoneList,
    PhoneSubscription,
    Receipt,
    SandboxMessage,
    ShortCode,
)
from messaging.segments import count_segments
from messaging.sending.compose import sources_of
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from tests.factories import (
    ContactFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    QueuedTextFactory,
    ShortCodeFactory,
)

PHONE = "+12125550123"
AGREED = Consent(source="Checkout", text="I agree to texts.", at=datetime.min, ip="192.0.2.7")  # noqa: DTZ901


@pytest.fixture
def code(inside_acme: Any) -> ShortCode:
    """Acme's short code."""
    made: ShortCode = ShortCodeFactory.create(
        merchant_name="Acme Shoes", care_contact="help@acme.example"
    )
    return made


@pytest.fixture
def phones(code: ShortCode) -> PhoneList:
    """Its marketing list."""
    made: PhoneList = PhoneListFactory.create(short_code=code, kind="Marketing")
    return made


@pytest.fixture
def write(code: ShortCode, now: datetime) -> Any:
    """Write from a phone; return what was taken."""
    count = iter(range(10_000))

    def write(
        text: str, *, phone: str = PHONE, at: datetime = now, number: str | None = None, **more: Any
    ) -> InboundText:
        return actions.take_inbound(
            short_code=code,
            phone_e164=phone,
            text=text,
            provider="test",
            provider_message_id=f"m{next(count)}" if number is None else number,
            now=at,
            **more,
        )

    return write


def answered(inbound: InboundText) -> str:
    """Return the text that was queued in answer; "" for none."""
    if inbound.reply_id is None:
        return ""
    delivery = Delivery.objects.get(pk=inbound.reply_id)
    assert (delivery.state, delivery.is_transactional, delivery.address) == (
        "queued",
        True,
        inbound.phone_e164,
    )
    return str(delivery.message.content["text"]) if delivery.message else ""


def state(phone_list: PhoneList, phone: str = PHONE) -> str:
    """Return how a number stands with a list."""
    return PhoneSubscription.objects.get(phone_list=phone_list, phone_e164=phone).state


def import_into(phone_list: PhoneList, now: datetime) -> actions.PhoneCounts:
    """Have a file say that the number agreed."""
    consent = Consent(source="File", text="Agreed.", at=now)
    return actions.subscribe_phones(
        phone_list=phone_list, phones=[PHONE], contact_ids=[None], consent=consent, now=now
    )


class TestStop:
    @pytest.mark.parametrize(
        "text",
        ["STOP", " stop. ", "Arrêt", "ARRET", "annuler", "QUITTER", "Désabonner", "fin", "Alto",
         "baja!", "CANCELAR", "unsubscribe", "Opt out", "stop\u200b", "\uff33\uff34\uff2f\uff30", "Adieu"],
    )  # fmt: skip
    def test_ends_every_list_of_the_code_in_three_languages_and_the_accounts_own(
        self, code: ShortCode, phones: PhoneList, write: Any, text: str
    ) -> None:
        code.stop_words = ["ADIEU"]
        code.save()
        other = PhoneListFactory.create(short_code=code)
        for one in (phones, other):
            PhoneSubscriptionFactory.create(phone_list=one, phone_e164=PHONE)

        taken = write(text)

        assert (state(phones), state(other), taken.meaning) == (
            "Unsubscribed",
            "Unsubscribed",
            "stop",
        )
        assert answered(taken).startswith("Acme Shoes: You have opted out")

    @pytest.mark.parametrize(
        "text", ["stop by the store", "don't stop", "STO\u0420", "", "   ", "unstopp"]
    )
    def test_is_nothing_else(self, phones: PhoneList, write: Any, text: str) -> None:
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)

        taken = write(text)

        assert (state(phones), taken.meaning) == ("Subscribed", "unknown")

    def test_holds_against_lists_it_was_not_on_imports_and_old_consents(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        write("STOP")

        counts = actions.subscribe_phones(
            phone_list=phones,
            phones=[PHONE],
            contact_ids=[None],
            consent=Consent(source="File", text="Agreed.", at=now - timedelta(days=1)),
            now=now + timedelta(days=1),
        )

        assert (counts.subscribed, counts.previously_unsubscribed) == (0, 1)
        assert state(phones) == "Unsubscribed"

    @pytest.mark.parametrize("had_a_list", [True, False])
    def test_holds_on_lists_made_later_until_start(
        self,
        code: ShortCode,
        write: Any,
        now: datetime,
        had_a_list: bool,  # noqa: FBT001
    ) -> None:
        if had_a_list:
            PhoneListFactory.create(short_code=code)
        write("STOP")
        later = now + timedelta(days=1)

        made = actions.create_phone_list(short_code=code, name="Later", now=later)
        counts = import_into(made, later)
        write("START")
        after = actions.create_phone_list(short_code=code, name="After", now=later)

        assert (counts.subscribed, counts.previously_unsubscribed) == (0, 1)
        assert not PhoneSubscription.objects.filter(phone_list=after).exists()
        assert import_into(after, later).subscribed == 1

    def test_gives_way_to_a_consent_to_that_list_given_later(
        self, code: ShortCode, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        write("STOP")
        made = actions.create_phone_list(short_code=code, name="Later", now=now)
        later = now + timedelta(days=1)
        consent = Consent(source="Checkout", text="I agree.", at=later)

        actions.subscribe_phone(phone_list=made, phone_e164=PHONE, consent=consent, now=later)

        assert (state(made), state(phones)) == ("Subscribed", "Unsubscribed")

    def test_leaves_other_codes_alone(self, phones: PhoneList, write: Any) -> None:
        elsewhere = PhoneSubscriptionFactory.create(phone_e164=PHONE)

        write("STOP")

        assert state(elsewhere.phone_list) == "Subscribed"


class TestStart:
    def test_brings_back_what_stop_ended(self, phones: PhoneList, write: Any) -> None:
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)
        write("STOP")

        taken = write("unstop")

        assert (state(phones), taken.meaning) == ("Subscribed", "start")
        assert "subscribed again" in answered(taken)

    def test_gives_no_consent_that_was_never_there(self, phones: PhoneList, write: Any) -> None:
        write("STOP")

        taken = write("START")

        assert not PhoneSubscription.objects.exists()
        assert "help@acme.example" in answered(taken)

    def test_asks_for_an_age_that_was_never_known(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        phones.require_double_opt_in = phones.require_age_gate = True
        phones.save()
        consent = Consent(source="Checkout", text="I agree.", at=now)
        actions.subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=consent, now=now)
        write("STOP")

        taken = write("START")

        assert state(phones) == "Pending"
        assert "birthday" in answered(taken)

    def test_undoes_no_other_opt_out(self, phones: PhoneList, write: Any, now: datetime) -> None:
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)
        actions.unsubscribe_phone(
            phone_list=phones, phone_e164=PHONE, reason="Deactivated", now=now
        )

        write("START")

        assert state(phones) == "Unsubscribed"


class TestQuestions:
    def test_double_opt_in_is_asked_and_confirmed_by_reply(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        phones.require_double_opt_in = True
        phones.save()
        consent = Consent(source="Checkout", text="I agree.", at=now)
        actions.subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=consent, now=now)
        asked = Delivery.objects.get()
        assert asked.message is not None
        assert "Reply Y to confirm" in asked.message.content["text"]
        assert (asked.is_transactional, state(phones)) == (True, "Pending")

        vague = write("what is this?")
        taken = write("Oui!")

        assert "Reply Y to confirm" in answered(vague)
        assert (state(phones), taken.meaning) == ("Subscribed", "confirmed")
        assert "You are subscribed." in answered(taken)

    @pytest.mark.parametrize(
        ("text", "standing", "meaning"),
        [
            ("YES", "Subscribed", "of age"),
            ("12/09/1990", "Subscribed", "of age"),
            ("1990-12-09", "Subscribed", "of age"),
            ("11/18/2008", "Subscribed", "of age"),  # eighteen today
            ("11/19/2008", "Unsubscribed", "under age"),
            ("12/09/2030", "Pending", "unknown"),
            ("12/09/1830", "Pending", "unknown"),
            ("99/99/1990", "Pending", "unknown"),
        ],
    )
    def test_age_is_asked_and_told_by_reply(
        self, phones: PhoneList, write: Any, text: str, standing: str, meaning: str
    ) -> None:
        phones.require_age_gate, phones.minimum_age = True, 18
        phones.save()
        PhoneSubscriptionFactory.create(
            phone_list=phones, phone_e164=PHONE, state="Pending", pending_age_gate=True
        )

        taken = write(text)

        assert (state(phones), taken.meaning) == (standing, meaning)

    @pytest.mark.parametrize(
        ("born", "standing"), [(date(2020, 1, 1), "Unsubscribed"), (date(1990, 1, 1), "Subscribed")]
    )
    @pytest.mark.parametrize("text", ["YES", "12/09/1990"])
    def test_a_birthday_that_is_known_decides(
        self, phones: PhoneList, write: Any, text: str, born: date, standing: str
    ) -> None:
        phones.require_age_gate, phones.minimum_age = True, 21
        phones.save()
        PhoneSubscriptionFactory.create(
            phone_list=phones,
            phone_e164=PHONE,
            state="Pending",
            pending_age_gate=True,
            contact=ContactFactory.create(birthday=born),
        )

        write(text)

        assert state(phones) == standing

    @pytest.mark.parametrize(
        ("text", "is_answered"), [("Where is my parcel?", False), ("HELP", True), ("STOP", True)]
    )
    def test_a_help_desk_that_is_at_it_answers_what_is_no_keyword(
        self, phones: PhoneList, write: Any, now: datetime, text: str, is_answered: Any
    ) -> None:
        consent = PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)
        ticket = open_ticket(
            phone_subscription=consent, integration="custom", external_id="T-1", now=now
        )

        meanwhile = write(text)
        close_ticket(ticket=ticket, now=now)
        afterwards = write("Where is it?")

        assert (bool(answered(meanwhile)), bool(answered(afterwards))) == (is_answered, True)

    def test_both_are_asked_one_after_the_other(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        phones.require_double_opt_in = phones.require_age_gate = True
        phones.minimum_age = 21
        phones.save()
        consent = Consent(source="Checkout", text="I agree.", at=now)
        actions.subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=consent, now=now)

        first = write("y")
        second = write("01/02/1980")

        assert "21 or older" in answered(first)
        assert (state(phones), "You are subscribed." in answered(second)) == ("Subscribed", True)


class TestReplies:
    @pytest.mark.parametrize("text", ["HELP", "info", "Aide", "AYUDA"])
    def test_help_names_program_and_contact_for_anybody(
        self, phones: PhoneList, write: Any, text: str
    ) -> None:
        taken = write(text, phone="+442079460958")

        assert taken.contact is None
        assert answered(taken).startswith("Acme Shoes: For help: help@acme.example.")

    def test_are_the_codes_own_where_it_has_any(
        self, code: ShortCode, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        actions.set_replies(
            short_code=code,
            replies={
                "help": "{program} says hello. STOP ends.",
                "stop": DEFAULTS["stop"],
                "unknown": "",
            },
            stop_words="adieu, Ciao\nciao",
            care_contact="c",
            now=now,
        )

        assert code.stop_words == ["ADIEU", "CIAO"]
        assert code.replies == {"help": "{program} says hello. STOP ends."}
        assert answered(write("HELP")) == "Acme Shoes says hello. STOP ends."

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"replies": {"help": "{{ broken"}}, "help"),
            ({"replies": {"help": "x" * 641}}, "help"),
            ({"replies": {"stop": "Bye."}}, "stop"),
            ({"replies": {"sing": "La."}}, "sing"),
            ({"stop_words": "x" * 30}, "stop_words"),
            ({"stop_words": "\n".join(f"w{n}" for n in range(30))}, "stop_words"),
        ],
    )
    def test_refuse_what_cannot_be_sent(
        self, code: ShortCode, now: datetime, given: Any, field: str
    ) -> None:
        whole = {"replies": {}, "stop_words": "", "care_contact": "", **given}

        with pytest.raises(InvalidValueError) as refused:
            actions.set_replies(short_code=code, now=now, **whole)

        assert refused.value.field == field

    def test_by_default_fit_two_parts(self, code: ShortCode) -> None:
        for kind in DEFAULTS:
            counted = count_segments(reply_text(code, kind))
            assert (counted.encoding, counted.count <= 2) == ("GSM-7", True), kind

    def test_take_a_hostile_name_for_a_name(
        self, code: ShortCode, phones: PhoneList, write: Any
    ) -> None:
        code.merchant_name = "{{ 7 * 7 }}"
        code.save()

        assert answered(write("HELP")).startswith("((7 * 7 ))") or answered(
            write("HELP")
        ).startswith("(( 7 * 7 ))")

    def test_are_one_for_a_text_that_comes_twice(self, phones: PhoneList, write: Any) -> None:
        first, again = write("HELP", number="SM1"), write("STOP", number="SM1")

        assert first.pk == again.pk
        assert Delivery.objects.count() == 1

    def test_end_after_a_few_an_hour_but_stop_always_counts(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)
        said = [answered(write("I am out of office")) for _ in range(7)]

        stopped = write("STOP")
        later = write("HELP", at=now + timedelta(minutes=61))

        assert [bool(text) for text in said] == [True] * 5 + [False] * 2
        assert (state(phones), stopped.silence) == ("Unsubscribed", "enough replies for an hour")
        assert answered(later)

    def test_tell_conversations_of_the_reply(self, phones: PhoneList, write: Any) -> None:
        grace = ContactFactory.create(phone_e164=PHONE)
        sent = QueuedTextFactory.create(
            phone_list=phones, address=PHONE, contact=grace, state="sent"
        )

        write("thank you")

        receipt = Receipt.objects.get()
        assert (receipt.delivery_id, receipt.kind, receipt.detail) == (
            sent.pk,
            "replied",
            {"text": "thank you"},
        )

    @pytest.mark.parametrize("sender", ["", "12125550123", "+1212555012a", "+" + "1" * 30, "ACME"])
    def test_go_to_numbers_only(self, write: Any, sender: str) -> None:
        with pytest.raises(InvalidValueError):
            write("STOP", phone=sender)

    def test_of_a_code_without_lists_are_none(self, write: Any) -> None:
        taken = write("HELP")

        assert (taken.reply_id, taken.silence) == (None, "the short code has no phone list")

    def test_take_a_text_of_any_length_and_kind(self, phones: PhoneList, write: Any) -> None:
        taken = write("x\0" * 5000, media=["https://mail.example/a.png"] * 30)

        assert (len(taken.text), len(taken.media), taken.meaning) == (1600, 10, "unknown")


class TestLedger:
    def test_keeps_every_change_with_its_evidence(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        phones.require_double_opt_in = True
        phones.save()
        consent = Consent(source="Checkout", text="I agree.", at=now, ip="192.0.2.7")
        actions.subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=consent, now=now)
        write("Y")
        write("STOP")
        write("START")

        rows = [
            (one.what, one.state, one.source, one.text, one.ip)
            for one in ConsentChange.objects.order_by("pk")
        ]

        assert rows == [
            ("subscribed", "Pending", "Checkout", "I agree.", "192.0.2.7"),
            ("confirmed opt-in", "Subscribed", "text message", "Y", ""),
            ("opted out", "Unsubscribed", "Campaign", "", ""),
            ("started", "Subscribed", "text message", "START", ""),
        ]
        lines = list(evidence_csv(phone_e164=PHONE))
        assert len(lines) == 5
        assert "Checkout,I agree.,192.0.2.7" in lines[1]

    def test_keeps_imports_and_deactivations(self, phones: PhoneList, now: datetime) -> None:
        numbers = [f"+1212555{n:04d}" for n in range(100, 150)]
        consent = Consent(source="File", text="Agreed.", at=now)
        for _ in range(2):
            actions.subscribe_phones(
                phone_list=phones, phones=numbers, contact_ids=[None] * 50, consent=consent, now=now
            )

        deactivate_phones(phones=numbers[:3], now=now)

        kept = ConsentChange.objects.values_list("what", flat=True)
        assert sorted(set(kept)) == ["opted out", "subscribed"]
        assert len(kept) == 53


class TestByHand:
    def test_answers_who_wrote(
        self, code: ShortCode, phones: PhoneList, write: Any, mia: Any, now: datetime
    ) -> None:
        write("where is my order?")

        sent = actions.answer_by_hand(
            short_code=code, phone_e164=PHONE, text="On its way.", now=now, by=mia
        )

        assert (sent.state, sent.is_transactional) == ("queued", True)

    @pytest.mark.parametrize(
        "words", ["use {{CODE}} {% if %} {# x #}", "{{", "{", "}} {{{ }", 'say "{{ contact }}"']
    )
    def test_is_sent_as_it_stands(
        self, code: ShortCode, phones: PhoneList, write: Any, now: datetime, words: str
    ) -> None:
        write("what is the code?")
        sent = actions.answer_by_hand(short_code=code, phone_e164=PHONE, text=words, now=now)
        assert sent.message is not None

        sources = sources_of(sent.message, None)

        (filled,) = rendering.render(sources, [{"CODE": "none", "contact": {}}])
        assert filled == {"text": words}
        assert wording.shown_names(sent.message.content) == ()

    @pytest.mark.parametrize("words", ["STOP", ""])
    def test_leaves_alone_who_opted_out_or_never_wrote(
        self, code: ShortCode, phones: PhoneList, write: Any, now: datetime, words: str
    ) -> None:
        if words:
            write(words)

        with pytest.raises(InvalidValueError):
            actions.answer_by_hand(short_code=code, phone_e164=PHONE, text="Hello", now=now)


class TestBare:
    @pytest.mark.parametrize("text", ["x" * 10_000, "é" * 500, "\u202e\u200f", "🙂" * 50])
    def test_reads_whatever_comes(self, text: str) -> None:
        assert len(bare(text)) <= 400


@pytest.mark.django_db
def test_the_reply_to_stop_leaves_at_once_though_the_number_has_opted_out(
    acme: Any, now: datetime
) -> None:
    with in_account(acme.pk):
        consent = PhoneSubscriptionFactory.create(phone_e164=PHONE)
        actions.take_inbound(
            short_code=consent.phone_list.short_code,
            phone_e164=PHONE,
            text="STOP",
            provider="test",
            provider_message_id="1",
            now=now,
        )

    with Heart(lambda: now) as heart:
        serve(acme.pk, heart=heart, clock=lambda: now)

    with in_account(acme.pk):
        assert "You have opted out" in SandboxMessage.objects.get().text
