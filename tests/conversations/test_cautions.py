"""What is noted of a conversation's messages, and keeps nobody from publishing."""

import pytest

from conductor.conversations.actions import apply_file, publish_conversation
from conductor.conversations.cautions import find_cautions
from conductor.conversations.document import parse_document
from conductor.conversations.models import Conversation
from conductor.conversations.names import ListNames
from messaging.models import CommittedMessage, CouponPool, SavedMessage
from tests.conversations.conftest import parsed
from tests.conversations.test_problems import between

MAIL = "m, message: {saved_message: We miss you}"
COUPON = "c, action: {set_coupon: {pool: Winback, field: Profile.Mobile}}"
SIGNED = "{{ account.postal_address }} {{ unsubscribe_url }}"


@pytest.fixture
def applied(store, now):
    """Apply a file of steps; the message's HTML is as given."""

    def apply(*steps, html=SIGNED, **changes):
        SavedMessage.objects.filter(pk=store.message.pk).update(
            html=html, subject="Hi", text="", preheader="", **changes
        )
        document = parsed(between(*steps))
        return apply_file(list=store.list, document=document, now=now).conversation

    return apply


def add_pool(name, now):
    CouponPool.objects.create(name=name, created_at=now, modified_at=now)


def cautions(store, conversation):
    """Return (step, code, text) of what is noted."""
    document = parse_document(conversation.draft)
    found = find_cautions(document, ListNames(store.list), conversation.commits)
    assert all(caution.path.startswith("threads[0].steps[") for caution in found)
    return [(caution.step, caution.code, caution.text) for caution in found]


class TestFindCautions:
    def test_finds_none_in_a_message_that_has_all(self, store, applied):
        assert cautions(store, applied(MAIL)) == []

    @pytest.mark.parametrize(
        ("html", "lacked"),
        [
            ("<p>Hi</p>", "the postal address and an unsubscribe link"),
            ("{{ unsubscribe_url }}", "the postal address"),
            ("{{ account.postal_address }}", "an unsubscribe link"),
        ],
    )
    def test_says_which_email_gets_the_standard_footer(self, store, applied, html, lacked):
        conversation = applied(MAIL, html=html)

        text = f"The email lacks {lacked}: it is sent with the standard footer."
        assert cautions(store, conversation) == [("m", "standard_footer", text)]

    def test_leaves_transactions_alone(self, store, applied):
        mail = "m, message: {saved_message: We miss you, transactional: true}"

        assert cautions(store, applied(mail, html="<p>Hi</p>")) == []

    def test_names_what_messages_and_their_steps_name_and_there_is_not(self, store, applied):
        mail = 'm, message: {saved_message: We miss you, subject: "{{ contact.frist_name }}"}'
        text = 't, mobile_message: {short_code: "54321", phone_list: Transactional, text: "{{ unsubscribe_url }}"}'

        found = cautions(
            store, applied(mail, text, html=f'{SIGNED}\n{{{{ fields["profile.points"] }}}}')
        )

        assert found == [
            (
                "m",
                "unknown_name",
                "Subject, line 1: there is no contact.frist_name; it is left empty. "
                "Did you mean contact.first_name?",
            ),
            (
                "m",
                "unknown_name",
                'HTML, line 2: there is no fields["profile.points"]; it is left empty. '
                'Did you mean fields["Profile.Points"]?',
            ),
            ("t", "unknown_name", "Text, line 1: there is no unsubscribe_url; it is left empty."),
        ]

    def test_misses_the_step_that_gives_the_coupon(self, store, applied, now):
        html = f"{SIGNED} {{{{ coupon }}}}"

        alone = cautions(store, applied(MAIL, html=html))
        add_pool("Winback", now)

        assert [code for _, code, _ in alone] == ["no_coupon"]
        assert cautions(store, applied(COUPON, MAIL, html=html)) == []


class TestCoupon:
    def test_of_a_message_is_that_of_the_last_step_above_it(self, store, applied, now):
        add_pool("Winback", now)
        add_pool("Later", now)
        later = "d, action: {set_coupon: {pool: Later, field: Profile.Mobile}}"
        first = "n, message: {saved_message: We miss you}"
        html = f"{SIGNED} {{{{ coupon }}}}"
        conversation = applied(COUPON, first, later, MAIL, html=html)

        publish_conversation(conversation=conversation, now=now)

        steps = Conversation.objects.get().published.program["steps"]
        contents = [
            CommittedMessage.objects.get(pk=steps[key]["settings"]["committed_id"]).content
            for key in ("n", "m")
        ]
        assert [content["coupon_pool"] for content in contents] == ["Winback", "Later"]
        assert {content["coupon_field"] for content in contents} == {str(store.mobile.pk)}

    def test_is_nothing_to_a_message_that_shows_none(self, store, applied, now):
        add_pool("Winback", now)
        conversation = applied(COUPON, MAIL)

        publish_conversation(conversation=conversation, now=now)

        assert CommittedMessage.objects.count() == 1
