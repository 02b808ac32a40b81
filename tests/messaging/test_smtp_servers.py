"""SMTP against servers that do to senders what mail servers do."""

import base64
import threading
from email import message_from_bytes, policy

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from messaging.providers import Outgoing, ThrottledError
from messaging.providers.smtp import Smtp
from messaging.transports.smtp_line import (
    Reply,
    fit,
    is_about_us,
    is_hard_bounce,
    is_soft_bounce,
    stuffed,
)
from messaging.transports.smtp_pool import POOL
from tests.messaging.counterparts.sink import running_sink

MAIL = (
    b"From: Acme <shop@acme.example>\r\nTo: <a@mail.example>\r\nSubject: Hi  there\r\n"
    b"Message-ID: <1@acme.example>\r\n\r\nHello\r\n\r\n\r\n"
)


@pytest.fixture(autouse=True)
def fresh_pool():
    yield
    POOL.clear()


def outgoing(number, address="", raw=MAIL):
    return Outgoing(
        delivery_id=number,
        account_id=7,
        channel="email",
        address=address or f"a{number}@mail.example",
        sender="Acme <shop@acme.example>",
        raw=raw,
    )


def carrier(*sinks, secrets=None, **settings):
    hosts = ", ".join(f"127.0.0.1:{sink.port}" for sink in sinks)
    return Smtp(
        Smtp.clean({"host": hosts, "port": 25, "security": "none", **settings}), secrets or {}
    )


def states(outcomes):
    return [one.state for one in sorted(outcomes, key=lambda one: one.delivery_id)]


def run(smtp, messages, now, **more):
    """Send; return the outcomes, and what the provider's trouble was."""
    outcomes = []
    try:
        for outcome in smtp.send(messages, now=now, **more):
            outcomes.append(outcome)  # noqa: PERF402 - what came before the trouble counts
    except ThrottledError as trouble:
        return outcomes, trouble
    return outcomes, None


@pytest.mark.parametrize("pipelining", [True, False])
class TestServers:
    def test_all_arrive_once_over_one_connection(self, now, pipelining):
        with running_sink(pipelining=pipelining) as sink:
            smtp = carrier(sink)
            messages = [outgoing(n) for n in range(30)]

            first = list(smtp.send(messages[:20], now=now))
            second = list(smtp.send(messages[20:], now=now))

            assert states(first + second) == ["sent"] * 30
            assert sink.stats["by_address"] == {f"a{n}@mail.example": 1 for n in range(30)}
            assert sink.stats["connections"] == 1 + 2  # ours, and the two that asked

    def test_a_connection_dropped_amid_the_content_is_unknown(self, now, pipelining):
        with running_sink(pipelining=pipelining, drop_at=3) as sink:
            outcomes, _ = run(carrier(sink), [outgoing(n) for n in range(6)], now)

            assert states(outcomes) == ["sent", "sent", "unknown", "sent", "sent", "sent"]
            assert sink.stats["taken"] == 5

    def test_a_connection_lost_before_the_answer_is_unknown(self, now, pipelining):
        with running_sink(pipelining=pipelining, lose_at=3) as sink:
            outcomes, _ = run(carrier(sink), [outgoing(n) for n in range(6)], now)

            assert states(outcomes) == ["sent", "sent", "unknown", "sent", "sent", "sent"]
            assert set(sink.stats["by_address"].values()) == {1}

    def test_421_after_so_many_messages_is_only_the_connections_end(self, now, pipelining):
        with running_sink(pipelining=pipelining, close_after=4) as sink:
            outcomes, trouble = run(carrier(sink), [outgoing(n) for n in range(10)], now)

            assert trouble is None
            assert states(outcomes) == ["sent"] * 10
            assert sink.stats["taken"] == 10

    @pytest.mark.parametrize("busy", ["421 4.3.2 too busy", "452 4.3.1 no room left"])
    def test_a_throttling_server_stops_the_batch(self, now, pipelining, busy):
        with running_sink(pipelining=pipelining, busy_from=3, busy=busy) as sink:
            outcomes, trouble = run(carrier(sink), [outgoing(n) for n in range(9)], now)

            assert states(outcomes) == ["sent", "sent"]
            assert trouble is not None
            assert busy in trouble.message
            assert sink.stats["taken"] == 2

    def test_a_greylisted_recipient_is_put_off_alone(self, now, pipelining):
        with running_sink(pipelining=pipelining, greylist=True) as sink:
            smtp = carrier(sink)
            early, _ = run(smtp, [outgoing(1), outgoing(2)], now)

            late, _ = run(smtp, [outgoing(1), outgoing(3), outgoing(2)], now)

            assert [(one.state, one.reason) for one in early] == [
                ("deferred", "provider rejected (451 4.7.1 greylisted, come back later)")
            ] * 2
            assert states(late) == ["sent", "sent", "deferred"]

    def test_nobody_taken_at_all_is_about_us(self, now, pipelining):
        with running_sink(pipelining=pipelining, greylist=True) as sink:
            outcomes, trouble = run(carrier(sink), [outgoing(n) for n in range(50)], now)

            assert len(outcomes) == 19
            assert trouble is not None

    def test_an_unknown_mailbox_fails_alone_and_bounces(self, now, pipelining):
        with running_sink(pipelining=pipelining, refuse="nobody") as sink:
            outcomes, _ = run(
                carrier(sink), [outgoing(1), outgoing(2, "nobody@mail.example"), outgoing(3)], now
            )

            assert states(outcomes) == ["sent", "failed", "sent"]
            assert [one.bounce for one in outcomes] == ["", "hard", ""]


class TestSeveral:
    def test_connections_share_a_batch(self, now):
        with running_sink(latency=0.05) as sink:
            outcomes, _ = run(carrier(sink), [outgoing(n) for n in range(40)], now, connections=4)

            assert states(outcomes) == ["sent"] * 40
            # Ours, and the one that asks; what one does not get to, another takes.
            assert 2 < sink.stats["connections"] <= 4 + 1
            assert set(sink.stats["by_address"].values()) == {1}

    def test_another_server_stands_in_for_one_that_is_gone(self, now):
        with running_sink() as gone:
            pass
        with running_sink() as sink:
            outcomes, _ = run(carrier(gone, sink), [outgoing(1)], now)

            assert states(outcomes) == ["sent"]
            assert sink.stats["taken"] == 1

    def test_threads_never_share_a_connection(self, now):
        with running_sink() as sink:
            smtp = carrier(sink)
            done = []

            def work(first):
                done.extend(smtp.send([outgoing(n) for n in range(first, first + 50)], now=now))

            threads = [threading.Thread(target=work, args=(n * 50,)) for n in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

            assert states(done) == ["sent"] * 200
            assert sink.stats["taken"] == 200


class TestBadInput:
    @pytest.mark.parametrize(
        "address",
        [
            "a@mail.example>\r\nRCPT TO:<b@mail.example",
            "a b@mail.example",
            "a\x00@mail.example",
            "nobody",
            "x" * 250 + "@mail.example",
        ],
    )
    def test_an_address_that_could_be_a_command_reaches_no_server(self, now, address):
        with running_sink() as sink:
            outcomes, _ = run(carrier(sink), [outgoing(1, address), outgoing(2)], now)

            assert [(one.state, one.reason) for one in outcomes] == [
                ("failed", "invalid address"),
                ("sent", ""),
            ]
            assert sink.stats["by_address"] == {"a2@mail.example": 1}

    def test_a_domain_of_other_letters_is_written_in_ascii(self):
        assert fit("grace@mäil.example") == "grace@xn--mil-qla.example"

    def test_dots_at_the_beginning_of_lines_are_doubled(self):
        assert stuffed(b".a\r\n..b\r\nc.") == b"..a\r\n...b\r\nc.\r\n.\r\n"

    def test_a_large_mail_arrives_whole(self, now):
        raw = MAIL + b"0123456789abcdef" * 327_680
        with running_sink() as sink:
            outcomes, _ = run(carrier(sink), [outgoing(1, raw=raw), outgoing(2)], now)

            assert states(outcomes) == ["sent", "sent"]
            assert sink.stats["bytes"] == len(raw) + len(MAIL) - len(b"\r\n")


class TestRefusals:
    @pytest.mark.parametrize(
        ("code", "words", "place", "expected"),
        [
            (421, b"4.3.2 shutting down", 1, True),
            (450, b"4.2.1 mailbox busy", 1, False),
            (451, b"4.7.1 greylisted", 1, False),
            (452, b"4.2.2 mailbox full", 1, False),
            (452, b"4.3.1 insufficient storage", 1, True),
            (452, b"4.5.3 too many recipients", 1, True),
            (450, b"4.7.1 too fast", 0, True),
            (451, b"4.3.0 local error", 3, True),
            (451, b"4.7.0 looks odd", 3, False),
            (550, b"5.1.1 nobody", 1, False),
            (530, b"5.7.0 sign in first", 0, True),
        ],
    )
    def test_are_about_us_or_about_one_message(self, code, words, place, expected):
        assert is_about_us(Reply(code, words), place) is expected

    @pytest.mark.parametrize(
        ("code", "words", "expected"),
        [
            (550, b"5.1.1 nobody", True),
            (550, b"no such user", True),
            (550, b"5.7.1 blocked by policy", False),
            (550, b"5.4.1 Recipient address rejected: Access denied", True),
            (550, b"5.2.1 this account is disabled", True),
            (552, b"5.2.2 mailbox full", False),
            (450, b"4.2.1 receives too much", False),
        ],
    )
    def test_are_hard_bounces_only_where_nobody_is_there(self, code, words, expected):
        assert is_hard_bounce(Reply(code, words), 1) is expected

    @pytest.mark.parametrize(
        ("code", "words", "expected"),
        [
            (552, b"5.2.2 mailbox full", True),
            (552, b"too much mail data", True),
            (552, b"5.3.4 message too big for system", False),
            (550, b"5.7.1 blocked by policy", False),
            (452, b"4.2.2 mailbox full", False),
        ],
    )
    def test_are_soft_bounces_where_a_mailbox_takes_nothing(self, code, words, expected):
        assert is_soft_bounce(Reply(code, words)) is expected


class TestBounceAddress:
    def test_names_the_delivery(self, now):
        from messaging import tokens

        with running_sink(contents=True) as sink:
            run(carrier(sink, bounce_domain="bounces.acme.example"), [outgoing(42)], now)

            sender = sink.mails[0][0]
        local, _, domain = sender.partition("@")
        token = tokens.read("delivery", local.removeprefix("b-"))
        assert domain == "bounces.acme.example"
        assert len(local) <= 64
        assert token is not None
        assert (token.account_id, token.numbers) == (7, (42,))

    def test_is_the_senders_without_a_domain(self, now):
        with running_sink(contents=True) as sink:
            run(carrier(sink), [outgoing(42)], now)

            assert sink.mails[0][0] == "shop@acme.example"


class TestDkim:
    def ed25519_key(self):
        return (
            ed25519.Ed25519PrivateKey.generate()
            .private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            .decode()
        )

    @pytest.mark.parametrize("kind", ["rsa", "ed25519"])
    def test_is_a_signature_that_others_accept(self, now, kind):
        settings = {"dkim_domain": "acme.example", "dkim_selector": "s1"}
        key = {"dkim_key": self.ed25519_key()} if kind == "ed25519" else {}
        secrets = Smtp.clean_secrets(key, settings)
        with running_sink(contents=True) as sink:
            smtp = carrier(sink, secrets=secrets, **settings)
            long = MAIL.replace(b"Hi  there", b"Hi\r\n  there,\tGrace") + b".\r\n..\r\n"
            run(smtp, [outgoing(1, raw=long)], now)
            raw = sink.mails[0][1].replace(b"\r\n..", b"\r\n.") + b"\r\n"

        ((name, type_, value),) = smtp.records()

        def answer(asked, timeout=5):
            assert asked == b"s1._domainkey.acme.example."
            return value.encode()

        assert (name, type_) == ("s1._domainkey.acme.example", "TXT")
        assert dkim.verify(raw, dnsfunc=answer)
        assert not dkim.verify(raw.replace(b"Hello", b"Hallo"), dnsfunc=answer)
        assert not dkim.verify(raw.replace(b"Grace", b"Ada"), dnsfunc=answer)
        parsed = message_from_bytes(raw, policy=policy.default)
        assert parsed["From"].addresses[0].addr_spec == "shop@acme.example"

    def test_a_key_is_made_where_there_is_none_and_kept(self):
        settings = {"dkim_domain": "acme.example"}

        made = Smtp.clean_secrets({}, settings)

        assert "PRIVATE KEY" in made["dkim_key"]
        assert Smtp.clean_secrets(made, settings) == made

    @pytest.mark.parametrize("bad", ["nonsense", base64.b64encode(b"x" * 99).decode()])
    def test_what_is_no_key_is_refused(self, bad):
        with pytest.raises(ValueError, match="private key"):
            Smtp.clean_secrets({"dkim_key": bad}, {"dkim_domain": "acme.example"})
