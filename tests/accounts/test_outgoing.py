"""Calls to addresses of others: what is refused, and how long the slow may take."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from accounts import outgoing
from accounts.outgoing import NoAnswerError, RefusedAddressError, Request, call, is_public
from tests.engine import other_side as behaviour
from tests.engine.other_side import Names, OtherSide, answer, other_side

ALLOWED = ["shop.example"]


@pytest.fixture
def shop() -> Iterator[OtherSide]:
    """The other side."""
    with other_side() as server:
        yield server


@pytest.fixture
def names() -> Names:
    """The names that there are."""
    return Names({"shop.example": [["127.0.0.1"]]})


class TestAddress:
    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
            *("169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16"),
            *("192.0.0.192", "192.0.2.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
            *(
                "255.255.255.255",
                "::",
                "::1",
                "fe80::1",
                "fe80::1%eth0",
                "fc00::1",
                "fd00:ec2::254",
            ),
            *("ff02::1", "2001:db8::1", "3fff::1", "2001:0:1::1", "::ffff:127.0.0.1"),
            *("::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::1"),
            *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8", "no address", ""),
        ],
    )
    def test_inside_is_refused(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address",
        [
            *("8.8.8.8", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8", "2001:4860:4860::8888"),
            *("2002:808:808::", "64:ff9b::808:808"),
        ],
    )
    def test_of_the_internet_is_called(self, address: str) -> None:
        assert is_public(address)

    @pytest.mark.parametrize(
        "url",
        [
            *("ftp://shop.example/", "file:///etc/passwd", "shop.example", "//shop.example", ""),
            *("http://", "http://u:p@shop.example/", "http://shop.example:99999/", "http://[::1"),
            *("http://shop.example/a b", "http://shop.example/\r\nX: y", "javascript:alert(1)"),
        ],
    )
    def test_that_is_none_is_refused(self, url: str, names: Names) -> None:
        with pytest.raises(RefusedAddressError):
            call(Request("GET", url), allowed=ALLOWED, resolver=names)

        assert names.asked == []

    @pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost"])
    def test_written_otherwise_is_the_same_address(self, shop: OtherSide, host: str) -> None:
        with pytest.raises((RefusedAddressError, NoAnswerError)):
            call(Request("GET", f"http://{host}:{shop.port}/"))

        assert shop.heard == []

    def test_is_refused_if_one_of_several_is_inside(self, shop: OtherSide) -> None:
        mixed = Names({"mixed.example": [["8.8.8.8", "127.0.0.1"]]})

        with pytest.raises(RefusedAddressError):
            call(Request("GET", f"http://mixed.example:{shop.port}/"), resolver=mixed)

        assert shop.heard == []


class TestName:
    def test_is_resolved_once_and_that_very_address_is_called(self, shop: OtherSide) -> None:
        # The first answer is checked; a second would lead elsewhere, and is never asked for.
        rebinding = Names({"shop.example": [["127.0.0.1"], ["127.0.0.2"]]})

        got = call(
            Request("GET", f"http://shop.example:{shop.port}/"),
            allowed=ALLOWED,
            resolver=rebinding,
        )

        assert got.status == 200
        assert rebinding.asked == ["shop.example"]
        assert shop.heard[0].headers["Host"] == f"shop.example:{shop.port}"

    def test_that_turns_to_an_address_inside_is_refused_at_the_next_call(
        self, shop: OtherSide
    ) -> None:
        # A public one first (where nobody answers in time), then ours.
        rebinding = Names({"evil.example": [["192.88.99.1"], ["127.0.0.1"]]})
        url = f"http://evil.example:{shop.port}/"

        with pytest.raises(NoAnswerError):
            call(Request("GET", url, seconds=0.5), resolver=rebinding)
        with pytest.raises(RefusedAddressError):
            call(Request("GET", url), resolver=rebinding)

        assert shop.heard == []

    def test_is_allowed_by_the_deployment_with_or_without_its_port(
        self, shop: OtherSide, names: Names
    ) -> None:
        url = f"http://shop.example:{shop.port}/"
        for allowed in (["shop.example"], [f"shop.example:{shop.port}"]):
            assert call(Request("GET", url), allowed=allowed, resolver=names).status == 200
        for allowed in ([], ["example"], ["shop.example:1"], ["xshop.example"]):
            with pytest.raises(RefusedAddressError):
                call(Request("GET", url), allowed=allowed, resolver=names)

    def test_that_does_not_exist_is_no_answer(self, names: Names) -> None:
        with pytest.raises(NoAnswerError):
            call(Request("GET", "http://nowhere.example/"), resolver=names)

    def test_that_is_looked_up_for_ever_is_no_answer_in_time(self) -> None:
        answered = threading.Event()

        def never(_host: str, _port: int) -> list[str]:
            answered.wait(120)
            return []

        began = time.monotonic()
        with pytest.raises(NoAnswerError, match="not found in time"):
            call(Request("GET", "http://slow.example/", seconds=0.2), resolver=never)

        assert time.monotonic() - began < 60
        answered.set()

    def test_falls_back_to_its_next_address(self, shop: OtherSide) -> None:
        two = Names({"shop.example": [["::1", "127.0.0.1"]]})

        request = Request("GET", f"http://shop.example:{shop.port}/")
        assert call(request, allowed=ALLOWED, resolver=two).status == 200


class TestAnswer:
    @pytest.mark.parametrize("slow", ["never", "drip_head"])
    def test_that_does_not_come_ends_at_the_deadline(
        self, shop: OtherSide, names: Names, slow: str
    ) -> None:
        shop.behaviours["/"] = getattr(behaviour, slow)
        request = Request("GET", f"http://shop.example:{shop.port}/", seconds=0.5)
        started = time.monotonic()

        with pytest.raises(NoAnswerError):
            call(request, allowed=ALLOWED, resolver=names)

        assert 0.4 < time.monotonic() - started < 60

    def test_whose_body_drips_ends_at_the_deadline(self, shop: OtherSide, names: Names) -> None:
        shop.behaviours["/"] = behaviour.drip_body
        request = Request("GET", f"http://shop.example:{shop.port}/", seconds=0.5)
        started = time.monotonic()

        with pytest.raises(NoAnswerError):
            call(request, allowed=ALLOWED, resolver=names)

        assert time.monotonic() - started < 60

    def test_is_read_up_to_64_kb(self, shop: OtherSide, names: Names) -> None:
        shop.behaviours["/"] = behaviour.huge

        got = call(
            Request("GET", f"http://shop.example:{shop.port}/"), allowed=ALLOWED, resolver=names
        )

        assert len(got.body) == 64 * 1024

    def test_that_breaks_off_counts_as_far_as_it_came(self, shop: OtherSide, names: Names) -> None:
        shop.behaviours["/"] = behaviour.break_off

        got = call(
            Request("GET", f"http://shop.example:{shop.port}/"), allowed=ALLOWED, resolver=names
        )

        assert (got.status, got.body) == (200, b'{"tier": "gold"')

    @pytest.mark.parametrize("wrong", ["hang_up", "rubbish"])
    def test_in_no_http_is_none(self, shop: OtherSide, names: Names, wrong: str) -> None:
        shop.behaviours["/"] = getattr(behaviour, wrong)

        with pytest.raises(NoAnswerError):
            call(
                Request("GET", f"http://shop.example:{shop.port}/"),
                allowed=ALLOWED,
                resolver=names,
            )

    def test_of_a_closed_port_is_none(self, names: Names) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]

        with pytest.raises(NoAnswerError):
            call(Request("GET", f"http://shop.example:{port}/"), allowed=ALLOWED, resolver=names)

    def test_that_redirects_is_not_followed(self, shop: OtherSide, names: Names) -> None:
        shop.behaviours["/"] = answer(302, Location=f"http://127.0.0.1:{shop.port}/inside")

        got = call(
            Request("GET", f"http://shop.example:{shop.port}/"), allowed=ALLOWED, resolver=names
        )

        assert got.status == 302
        assert [heard.path for heard in shop.heard] == ["/"]

    def test_is_not_asked_of_a_proxy_of_the_environment(
        self, shop: OtherSide, names: Names, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

        url = f"http://shop.example:{shop.port}/"
        assert call(Request("GET", url), allowed=ALLOWED, resolver=names).status == 200


class TestCertificate:
    @pytest.fixture
    def secure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherSide]:
        """The other side with a certificate for shop.example, of an authority of its own."""
        certificate = write_certificate(tmp_path, "shop.example")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        outgoing.tls.cache_clear()
        with other_side() as server:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            yield server
        outgoing.tls.cache_clear()

    def test_of_the_name_is_good(self, secure: OtherSide, names: Names) -> None:
        url = f"https://shop.example:{secure.port}/"

        assert call(Request("GET", url), allowed=ALLOWED, resolver=names).status == 200

    def test_of_another_name_is_no_answer(self, secure: OtherSide) -> None:
        names = Names({"other.example": [["127.0.0.1"]]})
        url = f"https://other.example:{secure.port}/"

        with pytest.raises(NoAnswerError, match="certificate"):
            call(Request("GET", url), allowed=["other.example"], resolver=names)

        assert secure.heard == []

    def test_leaves_the_deadline_as_it_is(self, secure: OtherSide, names: Names) -> None:
        secure.behaviours["/"] = behaviour.drip_head
        started = time.monotonic()

        with pytest.raises(NoAnswerError):
            call(
                Request("GET", f"https://shop.example:{secure.port}/", seconds=0.5),
                allowed=ALLOWED,
                resolver=names,
            )

        assert time.monotonic() - started < 60


def write_certificate(folder: Path, name: str) -> Path:
    """Write a key and a certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
