"""Sender domains, asked of a real DNS server on this machine."""

import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
from django.urls import reverse

from accounts.tenancy import current_account_id, in_account
from messaging.domains import State, check_domain, resolver
from tests.factories import ListFactory

GOOD = {
    ("good.example.", "TXT"): ['"v=spf1 include:_spf.mail.example ~all"', '"other=1"'],
    ("s7._domainkey.good.example.", "TXT"): ['"v=DKIM1; k=rsa; " "p=MIGfMA0GCSqGSIb3DQ"'],
    ("_dmarc.good.example.", "TXT"): ['"v=DMARC1; p=reject; sp=quarantine"'],
    ("good.example.", "MX"): ["10 mx.good.example."],
    ("weak.example.", "TXT"): ['"v=spf1 +all"'],
    ("google._domainkey.weak.example.", "TXT"): ['"v=DKIM1; p="'],
    ("_dmarc.weak.example.", "TXT"): ['"v=DMARC1"'],
    ("twice.example.", "TXT"): ['"v=spf1 ~all"', '"v=spf1 a -all"'],
}


class Server:
    """Answers UDP questions from a table; questions about `silent.example` it never answers."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.asked = []
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                packet, caller = self.socket.recvfrom(4096)
            except OSError:
                return
            question = dns.message.from_wire(packet)
            name, kind = question.question[0].name, question.question[0].rdtype
            self.asked.append(name.to_text())
            if "silent" in name.to_text():
                continue
            answer = dns.message.make_response(question)
            answer.flags |= dns.flags.RA
            rows = GOOD.get((name.to_text(), dns.rdatatype.to_text(kind)), [])
            if rows:
                answer.answer.append(dns.rrset.from_text(name, 300, "IN", kind, *rows))
            elif not any(known == name.to_text() for known, _ in GOOD):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(answer.to_wire(), caller)


@pytest.fixture
def server(settings, monkeypatch):
    monkeypatch.setattr("messaging.domains.SECONDS", 120)
    made = Server()
    settings.DNS_SERVERS = [made.address]
    yield made
    made.socket.close()
    resolver.cache_clear()


def states(domain, **given):
    return {found.name: found.state for found in check_domain(domain, **given)}


class TestDomain:
    def test_is_in_order(self, server):
        assert set(states("good.example", selectors=["s7"]).values()) == {State.GOOD}

    def test_below_one_with_a_policy_is_told_by_it(self, server):
        found = {one.name: one for one in check_domain("mail.good.example")}

        assert found["DMARC"].state == State.GOOD
        assert "quarantine, said at good.example" in found["DMARC"].text

    def test_lacks_everything(self, server):
        found = check_domain("nothing.example")

        assert {one.state for one in found} == {State.MISSING}
        assert all("nothing.example" in one.publish for one in found)

    def test_could_be_better(self, server):
        assert states("weak.example") == {
            "SPF": State.WEAK,
            "DKIM": State.MISSING,
            "DMARC": State.WEAK,
            "MX": State.MISSING,
        }
        assert states("twice.example")["SPF"] == State.WEAK

    def test_is_not_known_when_nobody_answers(self, server, monkeypatch):
        monkeypatch.setattr("messaging.domains.SECONDS", 0.5)

        assert set(states("silent.example").values()) == {State.UNKNOWN}

    def test_is_asked_once_while_the_answer_holds(self, server):
        states("good.example")
        before = server.asked.count("good.example.")

        states("good.example")

        assert server.asked.count("good.example.") == before


class TestPage:
    @pytest.fixture
    def page(self, acme, server):
        with in_account(acme.pk):
            ListFactory(from_email="shop@good.example")
        return lambda name, *args: reverse(f"messaging:{name}", args=[acme.slug, *args])

    def test_names_the_domains_and_asks_one_by_one(self, client, ben, page):
        client.force_login(ben)

        listed = client.get(page("sender_domains")).content.decode()
        shown = client.get(page("sender_domain", "good.example")).content.decode()

        assert page("sender_domain", "good.example") in listed
        assert "v=spf1 include:_spf.mail.example ~all" in shown

    def test_holds_nothing_open_while_it_asks(self, client, ben, page, monkeypatch):
        inside = []
        ask = dns.resolver.Resolver.resolve

        def asked(self, *args, **given):
            inside.append(current_account_id())
            return ask(self, *args, **given)

        monkeypatch.setattr(dns.resolver.Resolver, "resolve", asked)
        client.force_login(ben)

        client.get(page("sender_domain", "good.example"))

        assert set(inside) == {None}

    def test_asks_of_no_other_domain(self, client, ben, page, server):
        client.force_login(ben)

        assert client.get(page("sender_domain", "weak.example")).status_code == 404
        assert not server.asked

    def test_is_not_there_for_a_stranger(self, client, zoe, page):
        client.force_login(zoe)

        answers = [
            client.get(page("sender_domains")),
            client.get(page("sender_domain", "x.example")),
        ]

        assert [answer.status_code for answer in answers] == [404, 404]
