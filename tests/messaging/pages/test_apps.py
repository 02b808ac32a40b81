"""Connect Apps: who carries the messages."""

import pytest

from accounts.tenancy import in_account
from messaging.models import (
    Provider,
)


class TestApps:
    FORM = {
        "kind": "smtp",
        "host": "mail.acme.example",
        "port": "",
        "security": "tls",
        "user": "ada",
        "password": "secret words",
    }

    def test_a_mail_server_is_set_up(self, client, ada, acme, page, shop):
        client.force_login(ada)

        client.post(page("apps"), self.FORM)

        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert provider.settings["port"] == 465
            assert "secret" not in provider.secret
        assert "secret words" not in client.get(page("apps")).text

    def test_an_empty_password_keeps_the_one_that_is_stored(self, client, ada, acme, page, shop):
        client.force_login(ada)
        client.post(page("apps"), self.FORM)
        with in_account(acme.pk):
            before = Provider.objects.get().secret

        client.post(page("apps"), {**self.FORM, "password": "", "host": "other.example"})

        with in_account(acme.pk):
            assert Provider.objects.get().secret == before

    @pytest.mark.parametrize("changes", [{"host": ""}, {"port": "99999"}, {"kind": "pigeon"}])
    def test_a_wrong_one_is_refused(self, client, ada, acme, page, shop, changes):
        client.force_login(ada)

        answer = client.post(page("apps"), {**self.FORM, **changes})

        assert answer.status_code == 422
        with in_account(acme.pk):
            assert not Provider.objects.exists()

    def test_are_the_owners_alone(self, client, mia, page, shop):
        client.force_login(mia)

        assert client.get(page("apps")).status_code == 403
        assert client.post(page("test_app")).status_code == 403

    def test_the_connection_is_tried(self, client, ada, page, shop):
        client.force_login(ada)
        client.post(page("apps"), {**self.FORM, "host": "127.0.0.1", "port": "1"})

        answer = client.post(page("test_app"), follow=True)

        assert "cannot be reached" in answer.text
