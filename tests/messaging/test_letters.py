"""An email that is put together where its templates run is the one that any provider gets."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Account, List
from messaging.models import CommittedMessage
from messaging.sending.claim import Claimed
from messaging.sending.compose import Frame
from messaging.tracking.plans import MARK
from messaging.tracking.rules import rules_of
from tests.messaging.composing import compose

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
PIECES = [
    '<a href="https://acme.example/?a=1&amp;b=2">Look</a>',
    '<a href="https://shop.acme.example/Grüße">Buy</a>',
    '{% for word in ["a", "b"] %}<a href="https://acme.example/x">{{ word }}</a>{% endfor %}',
    '{% if contact.last_name %}<a href="https://acme.example/y">y</a>{% endif %}',
    '<a href="{{ unsubscribe_url }}">Leave</a>',
    "<p>Hi {{ contact.first_name }},\r\n.\n{{ contact.email }}</p>",
    "<html><body class='x'>",
    "</body></html>",
    "<p>1 Main Street</p>",
]
OWN_LINK = '<a href="https://acme.example/{{ contact.first_name }}">Yours</a>'
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{}"), max_size=40)


def frame_of(html, *, subject="Hi", text="Hi", preheader="", **rules):
    account = Account(pk=7, name="Acme", postal_address="1 Main Street", time_zone="UTC")
    in_list = List(pk=8, name="Store Customers", from_email="shop@acme.example", **rules)
    content = {
        "subject": subject,
        "preheader": preheader,
        "from_name": "Acme",
        "from_email": "shop@acme.example",
        "reply_to": "help@acme.example",
        "html": html,
        "text": text,
    }
    message = CommittedMessage(pk=9, list=in_list, channel="email", name="May", content=content)
    return Frame(
        messages={9: message},
        lists={8: in_list},
        rules={8: rules_of(in_list, account)},
        fields={},
        account=account,
    )


def claimed(number=1, **given):
    person = {"first_name": "Grace", "last_name": "", "email": "grace@mail.example", "phone": ""}
    return Claimed(
        **{
            "id": number,
            "account_id": 7,
            "channel": "email",
            "address": "grace@mail.example",
            "list_id": 8,
            "contact_id": 10 + number,
            "message_id": 9,
            "event": {},
            "contact": {**person, **given.pop("contact", {})},
            "profile": {},
            "short_code": "",
            "resend_unknown": False,
            "attempts": 1,
            **given,
        }
    )


class TestWholeEmail:
    @settings(max_examples=100, deadline=None)
    @given(
        html=st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
        words=st.tuples(WORDS, WORDS, WORDS),
        names=st.lists(WORDS, min_size=1, max_size=3),
        rules=st.fixed_dictionaries(
            {
                name: st.booleans()
                for name in (
                    "track_opens",
                    "track_clicks",
                    "enable_list_removal_header",
                    "enable_browser_link",
                )
            }
        ),
        is_transactional=st.booleans(),
    )
    def test_is_the_same_bytes(self, html, words, names, rules, is_transactional):
        subject, preheader, text = words
        frame = frame_of(html, subject=subject, preheader=preheader, text=text, **rules)
        rows = [
            claimed(number, contact={"first_name": name}, is_transactional=is_transactional)
            for number, name in enumerate(names, 1)
        ]

        whole, _ = compose(rows, frame, now=NOON, only_mime=True)
        finished, _ = compose(rows, frame, now=NOON)

        assert [one.raw for one in whole] == [one.raw for one in finished]
        assert [(one.address, one.html) for one in whole] == [("grace@mail.example", "")] * len(
            rows
        )

    @pytest.mark.parametrize("is_tracked", [True, False])
    def test_is_not_put_together_there_where_a_link_is_the_recipients_own(self, is_tracked):
        frame = frame_of(OWN_LINK + PIECES[0], track_clicks=is_tracked)

        whole, _ = compose([claimed()], frame, now=NOON, only_mime=True)
        finished, _ = compose([claimed()], frame, now=NOON)

        assert whole == finished
        assert whole[0].html
        assert MARK not in whole[0].html

    def test_fails_alone_where_its_template_does(self):
        frame = frame_of("{{ 7 // contact.first_name }}")
        rows = [claimed(1, contact={"first_name": "x"}), claimed(2, contact={"first_name": 7})]

        whole, refused = compose(rows, frame, now=NOON, only_mime=True)

        assert [one.delivery_id for one in whole] == [2]
        assert [one.delivery_id for one in refused] == [1]
        assert refused[0].reason.startswith("template error")
