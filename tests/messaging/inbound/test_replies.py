"""What a phone is answered, and what is kept of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.actions import InvalidValueError
from accounts.tenancy import in_account
from messaging import actions, rendering, wording
from messaging.actions import Consent
from messaging.actions.ledger import evidence_csv
from messaging.actions.phones import deactivate_phones
from messaging.actions.reply_texts import DEFAULTS, reply_text
from messaging.models import (
    ConsentChange,
    Delivery,
    PhoneList,
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
    PhoneSubscriptionFactory,
    QueuedTextFactory,
)
from tests.messaging.inbound.talking import PHONE, answered, state


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
