"""A mail server's settings, as pages and the shell take them."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from accounts.tenancy import in_account
from messaging import actions
from messaging.models import Provider
from messaging.providers.smtp import Smtp


class TestClean:
    @pytest.mark.parametrize(("security", "port"), [("tls", 465), ("starttls", 587), ("none", 25)])
    def test_knows_the_usual_ports(self, security, port):
        assert Smtp.clean({"host": "mail.acme.example", "security": security})["port"] == port

    @pytest.mark.parametrize(
        "bad",
        [
            {"host": ""},
            {"host": "a b"},
            {"host": "http://x"},
            {"port": "abc"},
            {"port": 0},
            {"security": "rot13"},
            {"bounce_domain": "b.example\r\nBcc: eve@x.example"},
            {"dkim_domain": "acme.example>\r\nRCPT TO:<eve@x.example"},
            {"dkim_selector": "s1;\r\n d=evil.example"},
        ],
    )
    def test_refuses_what_is_no_mail_server(self, bad):
        with pytest.raises(ValueError):  # noqa: PT011 - each says its own field
            Smtp.clean({"host": "mail.acme.example", **bad})


class TestSetProviderCommand:
    def run(self, *arguments):
        out = io.StringIO()
        call_command("set_provider", *arguments, stdout=out)
        return json.loads(out.getvalue())

    def test_stores_it_with_the_password_encrypted(self, acme, monkeypatch):
        monkeypatch.setenv("CONDUCTOR_PROVIDER_PASSWORD", "secret words")

        answer = self.run("--account", "acme-shoes", "smtp", "--host", "mail.acme.example")

        assert answer["settings"]["port"] == 587
        with in_account(acme.pk):
            stored = Provider.objects.get()
            assert "secret" not in stored.secret
            carrier = actions.carrier_of("email")
            assert carrier is not None
            assert carrier.secrets == {"password": "secret words"}

    def test_says_what_is_wrong(self, acme):
        with pytest.raises(CommandError, match="no account"):
            self.run("--account", "nobody", "sandbox")
        with pytest.raises(CommandError, match="Give the host"):
            self.run("--account", "acme-shoes", "smtp")
        with pytest.raises(CommandError, match="does not carry"):
            self.run("--account", "acme-shoes", "--channel", "sms", "smtp", "--host", "a.example")
        with pytest.raises(CommandError, match="cannot be reached"):
            self.run(
                "--account", "acme-shoes", "smtp", "--host", "127.0.0.1", "--port", "1", "--check"
            )

    def test_goes_back_to_the_sandbox(self, acme):
        self.run("--account", "acme-shoes", "smtp", "--host", "mail.acme.example")

        answer = self.run("--account", "acme-shoes", "sandbox")

        assert answer == {"channel": "email", "kind": "sandbox", "settings": {}}
