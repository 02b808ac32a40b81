"""The SMTP provider against a real server."""

import errno
import socket
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from accounts.tenancy import in_account
from messaging import actions
from messaging.models import Delivery, Provider
from messaging.providers import Outgoing
from messaging.providers.smtp import Smtp
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from messaging.transports.smtp_pool import POOL
from tests.factories import CommittedMessageFactory, ListFactory, QueuedEmailFactory


def content(message, kind):
    return message.get_body([kind]).get_content()


class Mailbox:
    """A mail server's memory; addresses say how it behaves."""

    def __init__(self):
        self.mails = []
        self.sessions = set()

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        self.sessions.add(session.peer)
        if address.startswith("nobody"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later"):
            return "451 4.7.1 come back later"
        if address.startswith("busy"):
            server.transport.close()
            return "421 4.3.2 shutting down"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        (to,) = envelope.rcpt_tos
        if to.startswith("spam"):
            return "554 5.7.1 spam"
        self.mails.append((to, envelope.content))
        if to.startswith("lost"):
            server.transport.abort()
        return "250 2.0.0 queued as 42"


@pytest.fixture
def mailbox():
    return Mailbox()


def free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


@contextmanager
def mail_server(mailbox, kind=Controller):
    """Run a mail server; yield its port."""
    while True:
        controller = kind(mailbox, hostname="127.0.0.1", port=free_port(), ready_timeout=120)
        try:
            controller.start()
        except OSError as problem:
            # Somebody else may have got the port meanwhile.
            if problem.errno != errno.EADDRINUSE:
                raise
        else:
            break
    try:
        yield controller.port
    finally:
        POOL.clear()
        controller.stop()


@pytest.fixture
def server(mailbox):
    with mail_server(mailbox) as port:
        yield port


@pytest.fixture
def shop(acme, server, now):
    """A list of acme whose mail goes to the server."""
    with in_account(acme.pk):
        actions.set_provider(
            channel="email",
            kind="smtp",
            settings={"host": "127.0.0.1", "port": server, "security": "none"},
            now=now,
        )
        return ListFactory.create()


@pytest.fixture
def send(acme, shop, now):
    """Queue mail to addresses, serve once, return state and reason by address."""

    def serve_once(*addresses, at=now, **fields):
        with in_account(acme.pk):
            message = CommittedMessageFactory.create(list=shop)
            for address in addresses:
                QueuedEmailFactory.create(list=shop, message=message, address=address, **fields)
        with Heart(lambda: at) as heart:
            serve(acme.pk, heart=heart, clock=lambda: at)
        with in_account(acme.pk):
            rows = Delivery.objects.values_list("address", "state", "reason")
            return {address: (state, reason) for address, state, reason in rows}

    return serve_once


class TestSend:
    def test_delivers_over_one_connection(self, mailbox, send):
        found = send("grace@mail.example", "ada@mail.example")

        assert set(found.values()) == {("sent", "")}
        assert len(mailbox.sessions) == 1
        to, raw = mailbox.mails[0]
        message = message_from_bytes(raw, policy=policy.default)
        assert message["To"].addresses[0].addr_spec == to
        assert message["Subject"] == "Come back, Grace"
        assert content(message, "html").startswith("<p>Hi Grace</p>")

    def test_keeps_the_connection_between_batches(self, mailbox, send):
        send("grace@mail.example")
        send("ada@mail.example")

        assert len(mailbox.mails) == 2
        assert len(mailbox.sessions) == 1

    def test_one_refused_recipient_sinks_nobody_else(self, mailbox, send):
        found = send(
            "nobody@mail.example", "grace@mail.example", "later@mail.example", "spam@mail.example"
        )

        assert found["grace@mail.example"] == ("sent", "")
        assert found["nobody@mail.example"] == (
            "failed",
            "provider rejected (550 5.1.1 no such mailbox)",
        )
        assert found["later@mail.example"] == (
            "deferred",
            "provider rejected (451 4.7.1 come back later)",
        )
        assert found["spam@mail.example"] == ("failed", "provider rejected (554 5.7.1 spam)")

    def test_an_answer_that_never_came_is_unknown_and_the_rest_goes_on(self, mailbox, send):
        found = send("lost@mail.example", "grace@mail.example")

        assert found["lost@mail.example"] == ("unknown", "connection lost")
        assert found["grace@mail.example"] == ("sent", "")

    def test_an_unknown_one_is_sent_again_where_the_step_says_so(self, mailbox, send, acme, now):
        send("lost@mail.example", resend_unknown=True)
        with in_account(acme.pk):
            assert Delivery.objects.get().state == "deferred"

        for minute in range(1, 10):
            send(at=now + minute * timedelta(minutes=1))

        with in_account(acme.pk):
            lost = Delivery.objects.get()
            assert (lost.state, lost.attempts) == ("unknown", 5)
        assert len(mailbox.mails) == 5

    def test_a_server_that_hangs_up_on_one_puts_off_that_one(self, mailbox, send, acme):
        found = send("busy@mail.example", "grace@mail.example")

        assert found["busy@mail.example"][0] == "deferred"
        assert found["grace@mail.example"] == ("sent", "")

    def test_a_mail_from_nobody_is_not_sent(self, mailbox, send, acme, shop):
        with in_account(acme.pk):
            content = {"subject": "Hi", "from_name": "Acme", "from_email": "", "text": "Hi"}
            message = CommittedMessageFactory.create(list=shop, content=content)
            QueuedEmailFactory.create(list=shop, message=message, address="grace@mail.example")

        found = send()

        assert found["grace@mail.example"] == ("failed", "invalid sender / unverified domain")
        assert not mailbox.mails

    def test_dots_and_eight_bits_arrive(self, mailbox, send, acme, shop):
        text = ".\r\n..\r\nGrüße 👟\r\n" + "x" * 3000
        with in_account(acme.pk):
            message = CommittedMessageFactory.create(
                list=shop,
                content={
                    "subject": "Grüße 👟",
                    "from_name": "Zoë",
                    "from_email": "shop@acme.example",
                    "text": text,
                },
            )
            QueuedEmailFactory.create(list=shop, message=message, address="grace@mail.example")

        send()

        (_, raw) = mailbox.mails[0]
        got = message_from_bytes(raw, policy=policy.default)
        assert got["Subject"] == "Grüße 👟"
        assert got.get_content().replace("\r\n", "\n").startswith(text.replace("\r\n", "\n"))


class TestNoServer:
    def test_holds_the_queue_and_says_why(self, acme, send, now):
        with in_account(acme.pk):
            actions.set_provider(
                channel="email",
                kind="smtp",
                settings={"host": "127.0.0.1", "port": 1, "security": "none"},
                now=now,
            )

        found = send("grace@mail.example", "ada@mail.example")

        assert {state for state, _ in found.values()} == {"queued"}
        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert "cannot be reached" in provider.last_error
            assert provider.last_error_at == now
            assert provider.throttled_until == now + timedelta(seconds=30)
            assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}

    def test_goes_on_when_it_is_back(self, acme, send, server, now, mailbox):
        with in_account(acme.pk):
            Provider.objects.update(settings={"host": "127.0.0.1", "port": 1, "security": "none"})
        send("grace@mail.example")
        with in_account(acme.pk):
            Provider.objects.update(
                settings={"host": "127.0.0.1", "port": server, "security": "none"}
            )

        found = send(at=now + timedelta(minutes=1))

        assert found == {"grace@mail.example": ("sent", "")}
        with in_account(acme.pk):
            assert Provider.objects.get().last_error == ""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that is its own authority."""
    from ipaddress import ip_address

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    certificate = folder / "cert.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = folder / "key.pem"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret


class TestSecurity:
    @pytest.fixture
    def secure(self, mailbox, certificate, monkeypatch):
        """A server that wants STARTTLS and a password; its authority is trusted."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, certificate))

        def authenticate(server, session, envelope, mechanism, data):
            known = isinstance(data, LoginPassword) and data.password == b"secret words"
            return AuthResult(success=known, handled=False)

        class Secure(Controller):
            def factory(self):
                return SMTP(
                    mailbox,
                    tls_context=context,
                    require_starttls=True,
                    authenticator=authenticate,
                    auth_required=True,
                )

        with mail_server(mailbox, Secure) as port:
            yield port

    def settings(self, port):
        return Smtp.clean({"host": "127.0.0.1", "port": port, "user": "ada"})

    def test_secures_the_connection_and_signs_in(
        self, secure, mailbox, certificate, monkeypatch, now
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        carrier = Smtp(self.settings(secure), {"password": "secret words"})

        assert carrier.check() == ""
        outgoing = Outgoing(
            delivery_id=1,
            account_id=1,
            channel="email",
            address="grace@mail.example",
            sender="Acme <shop@acme.example>",
            raw=b"Subject: Hi\r\n\r\nHi",
        )
        (outcome,) = carrier.send([outgoing], now=now)
        POOL.clear()

        assert outcome.state == "sent"
        assert len(mailbox.mails) == 1

    def test_says_that_the_password_is_wrong(self, secure, certificate, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

        assert "did not accept" in Smtp(self.settings(secure), {"password": "wrong"}).check()

    def test_trusts_no_stranger(self, secure):
        assert (
            "cannot be reached" in Smtp(self.settings(secure), {"password": "secret words"}).check()
        )


class TestSlowBatch:
    def test_what_was_not_attempted_goes_back(self, acme, send, monkeypatch, mailbox):
        """A batch that takes too long: what is left of it stays queued, unharmed."""
        monkeypatch.setattr("messaging.sending.sender.BATCH_SECONDS", -1.0)

        found = send("grace@mail.example", "ada@mail.example")

        assert {state for state, _ in found.values()} == {"queued"}
        with in_account(acme.pk):
            assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
        assert not mailbox.mails
