"""The hand-made MIME, read back by the standard library."""

import random
import re
import tracemalloc
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime import (
    MOST_CHARACTERS,
    Envelope,
    Letter,
    Skeleton,
    hidden,
    mailbox,
    one_line,
    shown_mailbox,
    unstructured,
    with_preheader,
)

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
ENVELOPE = Envelope(to="grace@mail.example", message_id="1.2@acme.example", at=NOON)
# What XML, HTML and SMTP all carry; a surrogate alone is no text.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def raw_of(letter: Letter) -> bytes:
    return Skeleton(from_email="shop@acme.example", reply_to="").fill(letter, ENVELOPE)


def read(letter: Letter) -> EmailMessage:
    raw = raw_of(letter)
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    for line in raw.split(b"\r\n"):
        assert len(line) <= 998
        assert b"\n" not in line
        assert b"\r" not in line
    return message


def content(message: EmailMessage, kind: str) -> str:
    body = message.get_body([kind])
    assert isinstance(body, EmailMessage)
    return str(body.get_content())


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def shown_name(letter: Letter) -> str:
    """The sender's name; the new parser puts blanks between encoded words, RFC 2047 none."""
    header = message_from_bytes(raw_of(letter), policy=policy.compat32)["From"]
    name, _, _ = header.rpartition("<")
    unquoted = name.strip()
    if unquoted.startswith('"'):
        unquoted = unquoted[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return str(make_header(decode_header(unquoted)))


# What mail programs and servers stumble over.
PIECES = [
    *("\r\nBcc: eve@x.example", "\rX-Evil: 1", "\nX-Evil: 1\n\n<b>", "\r\n\r\nbody", "\r\n.\r\n"),
    *("\u2028Bcc: x@x.example", "\x85X-Evil: 1", "\x0bX-Evil: 1", "\0", "\t", "\x1b[31m", "\u202e"),
    *(".", "..", "\n.", "\n..\n", "From me", "\nFrom you", "--=_conductor_", "=?utf-8?q?no?="),
    *(
        "Zoë",
        "Müller & Söhne",
        "русский",
        "日本語のメール",
        "👟",
        "👩🏽‍🚀",
        "e\u0301",
        "\ufeff",
        "\ud83d",
    ),
    *('"', "\\", "<", ">", ",", ";", "@", "(", ")", "=", "=3D", "&amp;", "<p>Hi</p>", "{{ x }}"),
    *("x" * 1200, "ü" * 700, " " * 80, "word " * 90, "a", "Hi"),
]


class Drawn:
    """A message of pieces; the same number draws the same message."""

    def __init__(self, number):
        draw = random.Random(number)

        def some(most):
            return "".join(draw.choices(PIECES, k=draw.randrange(most)))

        self.letter = Letter(subject=some(5), from_name=some(4), html=some(8), text=some(8))
        self.from_email = f"shop@acme.example{some(2)}"
        self.reply_to = f"help@acme.example{some(2)}"
        self.envelope = Envelope(
            to=f"grace@mail.example{some(2)}",
            message_id=f"{number}.2@acme.example{some(2)}",
            at=NOON,
            headers=(("List-Unsubscribe", f"<https://acme.example/{some(2)}>"),),
        )

    @property
    def raw(self):
        skeleton = Skeleton(from_email=self.from_email, reply_to=self.reply_to)
        return skeleton.fill(self.letter, self.envelope)


class TestThousandDrawnMessages:
    HEADERS = [
        *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Reply-To"),
        *("List-Unsubscribe", "Content-Type"),
    ]

    @settings(max_examples=1000, deadline=None)
    @given(number=st.integers(0, 2**32))
    def test_have_no_header_line_or_part_that_is_not_ours(self, number):
        drawn = Drawn(number)

        raw = drawn.raw
        message = message_from_bytes(raw, policy=policy.compat32)

        assert [name for name in message.keys() if name != "Content-Transfer-Encoding"] == (  # noqa: SIM118
            self.HEADERS
        )
        assert message.defects == []
        assert max(map(len, raw.split(b"\r\n"))) <= 998
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)|^\.", raw, re.MULTILINE)
        assert raw == drawn.raw
        leaves = [part for part in message.walk() if not part.is_multipart()]
        wanted = [text for text in (drawn.letter.text, drawn.letter.html) if text] or [""]
        assert [payload(part).replace("\r\n", "\n") for part in leaves] == [
            lines(text).encode(errors="replace").decode() for text in wanted
        ]
        subject = str(make_header(decode_header(message["Subject"] or "")))
        assert subject.replace(" ", "") == shown(drawn.letter.subject).replace(" ", "")


def payload(part):
    decoded = part.get_payload(decode=True)
    assert isinstance(decoded, bytes)
    return decoded.decode()


def shown(text):
    return one_line(text).encode(errors="replace").decode()


class TestShownMailbox:
    @pytest.mark.parametrize(
        "name", ["Acme", "Acme, Inc.", 'Say "Hi"', "Zoë <b@x.example>, x", "a\\b"]
    )
    def test_is_one_address_with_that_name(self, name):
        assert getaddresses([shown_mailbox(name, "shop@acme.example")]) == [
            (name, "shop@acme.example")
        ]

    def test_without_a_name_is_the_address(self):
        assert shown_mailbox(" ", "shop@acme.example") == "shop@acme.example"


class TestFill:
    @given(subject=TEXTS, from_name=TEXTS, html=TEXTS, text=TEXTS)
    def test_comes_back_as_it_was(self, subject, from_name, html, text):
        letter = Letter(subject=subject, from_name=from_name, html=html, text=text)

        message = read(letter)

        assert message["Subject"] == one_line(subject)
        (sender,) = message["From"].addresses
        assert sender.addr_spec == "shop@acme.example"
        assert shown_name(letter) == one_line(from_name)
        if html:
            assert lines(content(message, "html")) == lines(html)
        if text:
            assert lines(content(message, "plain")) == lines(text)

    @pytest.mark.parametrize(
        "subject",
        [
            "Come back",
            "👟 New shoes for Zoë",
            "x" * 200,
            "=?utf-8?q?no?=",
            "a\r\nBcc: eve@x.example",
        ],
    )
    def test_keeps_any_subject(self, subject):
        message = read(Letter(subject=subject, from_name="Acme", html="<p>Hi</p>", text=""))

        assert message["Subject"] == one_line(subject)
        assert message["Bcc"] is None

    @pytest.mark.parametrize("name", ["Müller & Söhne", 'Say "Hi", Inc.', "Acme (US)", "a" * 120])
    def test_keeps_any_name(self, name):
        letter = Letter(subject="Hi", from_name=name, html="", text="Hi")

        read(letter)

        assert shown_name(letter) == name

    def test_survives_dots_and_long_lines(self):
        text = ".\n..\n" + "x" * 5000 + "\n.\n"

        message = read(Letter(subject="Hi", from_name="", html="", text=text))

        assert lines(message.get_content()) == text

    def test_offers_both_parts_the_better_last(self):
        message = read(Letter(subject="Hi", from_name="", html="<p>Hi</p>", text="Hi"))

        kinds = [one.get_content_type() for one in message.iter_parts()]
        assert kinds == ["text/plain", "text/html"]
        assert message["Message-ID"] == "<1.2@acme.example>"
        assert message["Date"].datetime == NOON


class TestHugeValues:
    def test_end_somewhere_in_a_header(self):
        huge = "ü" * 1_000_000

        message = read(Letter(subject=huge, from_name=huge, html="<p>Hi</p>", text=""))

        assert message["Subject"] == "ü" * MOST_CHARACTERS
        assert len(with_preheader("<p>Hi</p>", huge)) < 3 * MOST_CHARACTERS

    @pytest.mark.parametrize("write", [unstructured, hidden, mailbox, shown_mailbox])
    def test_are_not_kept_in_memory(self, write):
        more = ["shop@acme.example"] if write in {mailbox, shown_mailbox} else []
        tracemalloc.start()

        for number in range(200):
            write(f"{number}" + "x" * 100_000, *more)

        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert size < 2_000_000


class TestPreheader:
    def test_stands_first_in_the_body(self):
        html = with_preheader("<html><body class=a><p>Hi</p></body></html>", "10% <off>")

        assert html.startswith("<html><body class=a><div style=")
        assert "10% &lt;off&gt;" in html

    def test_leaves_a_mail_without_one_alone(self):
        assert with_preheader("<p>Hi</p>", " ") == "<p>Hi</p>"
