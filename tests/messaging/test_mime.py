"""The hand-made MIME, read back by the standard library."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.mime import Envelope, Letter, Skeleton, one_line, with_preheader

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


class TestPreheader:
    def test_stands_first_in_the_body(self):
        html = with_preheader("<html><body class=a><p>Hi</p></body></html>", "10% <off>")

        assert html.startswith("<html><body class=a><div style=")
        assert "10% &lt;off&gt;" in html

    def test_leaves_a_mail_without_one_alone(self):
        assert with_preheader("<p>Hi</p>", " ") == "<p>Hi</p>"
