"""Connect Apps: who carries the messages."""

import pytest

from accounts.models import AuditEntry
from accounts.tenancy import in_account
from messaging import actions
from messaging.models import Provider
from tests.factories import QueuedEmailFactory
from tests.messaging.counterparts.sink import running_sink

VERBS = ("test_app", "pause_app", "resume_app", "default_app", "disconnect_app")


@pytest.fixture
def mail(page):
    """The address of the form of a mail server."""
    return page("app", channel="email", kind="smtp")


@pytest.fixture
def connected(acme, now, shop):
    """A mail server and SendGrid, the first of which is the default."""
    with in_account(acme.pk):
        smtp = actions.connect_provider(
            channel="email",
            kind="smtp",
            settings={"host": "mail.acme.example"},
            secrets={"password": "secret words"},
            now=now,
        )
        sendgrid = actions.connect_provider(
            channel="email",
            kind="sendgrid",
            settings={},
            secrets={"api_key": "SG.secret"},
            now=now,
        )
        return {"smtp": smtp, "sendgrid": sendgrid}


class TestApps:
    def test_show_a_card_for_each_provider(self, client, ada, page, shop):
        client.force_login(ada)

        text = client.get(page("apps")).text

        for label in ("SMTP server", "Amazon SES", "SendGrid", "Postmark", "Mailgun", "Brevo"):
            assert label in text
        for label in ("Twilio", "HTTP gateway", "Sandbox"):
            assert label in text
        assert "Nobody carries Email yet" in text

    def test_show_errors_with_their_time_and_no_secret(
        self, client, ada, acme, page, connected, now
    ):
        with in_account(acme.pk):
            Provider.objects.filter(kind="smtp").update(
                last_error="Gone fishing", last_error_at=now
            )
        client.force_login(ada)

        text = client.get(page("apps")).text

        assert "Gone fishing" in text
        assert "Last error" in text
        assert "Default sender" in text
        assert "secret words" not in text
        assert "SG.secret" not in text

    def test_are_the_owners_alone(self, client, mia, page, connected):
        client.force_login(mia)
        number = connected["smtp"].pk

        assert client.get(page("apps")).status_code == 403
        assert client.get(page("app", channel="email", kind="smtp")).status_code == 403
        assert client.post(page("app", channel="email", kind="smtp")).status_code == 403
        for verb in VERBS:
            assert client.post(page(verb, provider_id=number)).status_code == 403

    def test_are_not_there_for_a_stranger(self, client, zoe, page, connected):
        client.force_login(zoe)
        number = connected["smtp"].pk

        assert client.get(page("apps")).status_code == 404
        assert client.get(page("app", channel="email", kind="smtp")).status_code == 404
        for verb in VERBS:
            assert client.post(page(verb, provider_id=number)).status_code == 404

    def test_are_not_another_accounts(self, client, ada, acme, globex, now, page, shop):
        with in_account(globex.pk):
            theirs = actions.connect_provider(
                channel="email", kind="smtp", settings={"host": "mail.globex.example"}, now=now
            )
        client.force_login(ada)

        for verb in VERBS:
            assert client.post(page(verb, provider_id=theirs.pk)).status_code == 404

    @pytest.mark.parametrize(
        ("channel", "kind"), [("sms", "smtp"), ("email", "twilio"), ("email", "pigeon")]
    )
    def test_know_no_provider_of_another_channel(self, client, ada, page, shop, channel, kind):
        client.force_login(ada)

        assert client.get(page("app", channel=channel, kind=kind)).status_code == 404


class TestConnect:
    FORM = {"host": "mail.acme.example", "security": "tls", "user": "ada"}
    SECRET = {"password": "secret words"}

    def test_stores_it_with_its_secrets_encrypted(self, client, ada, acme, mail, page, shop):
        client.force_login(ada)

        client.post(mail, {**self.FORM, **self.SECRET, "rate_per_second": "12.5"})

        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert provider.settings["port"] == 465
            assert provider.is_default
            assert provider.rate_per_second == 12.5
            assert "secret" not in provider.secret
            assert actions.carrier_for(provider).secrets == self.SECRET
        assert "secret words" not in client.get(mail).text

    def test_an_empty_secret_keeps_the_one_that_is_stored(self, client, ada, acme, mail, shop):
        client.force_login(ada)
        client.post(mail, {**self.FORM, **self.SECRET})

        client.post(mail, {**self.FORM, "password": "", "host": "other.example"})

        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert provider.settings["host"] == "other.example"
            assert actions.carrier_for(provider).secrets == self.SECRET

    @pytest.mark.parametrize(
        "changes",
        [{"host": ""}, {"port": "99999"}, {"rate_per_second": "0"}, {"concurrency": "500"}],
    )
    def test_a_wrong_one_is_refused(self, client, ada, acme, mail, shop, changes):
        client.force_login(ada)

        answer = client.post(mail, {**self.FORM, **changes})

        assert answer.status_code == 422
        with in_account(acme.pk):
            assert not Provider.objects.exists()

    def test_shows_the_key_to_publish_and_the_address_to_call(self, client, ada, acme, mail, shop):
        client.force_login(ada)

        client.post(mail, {**self.FORM, "dkim_domain": "acme.example", "dkim_selector": "s1"})

        text = client.get(mail).text
        assert "s1._domainkey.acme.example" in text
        assert "v=DKIM1; k=rsa; p=" in text
        assert "PRIVATE KEY" not in text
        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert f"/hooks/smtp/{acme.pk}-{provider.pk}-{provider.hook_key}/" in text

    def test_the_second_of_a_channel_leaves_the_default_alone(self, acme, connected):
        with in_account(acme.pk):
            defaults = Provider.objects.filter(is_default=True)
            assert [one.kind for one in defaults] == ["smtp"]

    @pytest.mark.parametrize("kind", ["ses", "sendgrid", "postmark", "mailgun", "brevo"])
    def test_every_email_provider_has_its_form(self, client, ada, page, shop, kind):
        client.force_login(ada)

        answer = client.post(page("app", channel="email", kind=kind), {"api_key": ""})

        assert answer.status_code == 422
        assert client.get(page("app", channel="email", kind=kind)).status_code == 200

    @pytest.mark.parametrize("kind", ["twilio", "http_sms"])
    def test_every_sms_provider_has_its_form(self, client, ada, page, shop, kind):
        client.force_login(ada)

        assert client.get(page("app", channel="sms", kind=kind)).status_code == 200


class TestChange:
    def test_pause_and_resume(self, client, ada, acme, page, connected, now):
        client.force_login(ada)
        number = connected["smtp"].pk
        with in_account(acme.pk):
            Provider.objects.filter(pk=number).update(throttled_until=now, last_error="Slow down.")

        client.post(page("pause_app", provider_id=number))
        with in_account(acme.pk):
            assert Provider.objects.get(pk=number).paused_at is not None
            assert actions.carrier_of("email") is None
        assert "none is lost" in client.get(page("apps")).text
        client.post(page("resume_app", provider_id=number))

        with in_account(acme.pk):
            provider = Provider.objects.get(pk=number)
            assert (provider.paused_at, provider.throttled_until) == (None, None)
            verbs = AuditEntry.objects.filter(noun="provider").values_list("verb", flat=True)
            assert {"paused", "resumed"} <= set(verbs)

    def test_another_default(self, client, ada, acme, page, connected):
        client.force_login(ada)

        client.post(page("default_app", provider_id=connected["sendgrid"].pk))

        with in_account(acme.pk):
            assert [one.kind for one in Provider.objects.filter(is_default=True)] == ["sendgrid"]
            carrier = actions.carrier_of("email")
            assert carrier is not None
            assert carrier.kind == "sendgrid"

    def test_what_was_disconnected_is_taken_back_as_it_was(
        self, client, ada, acme, page, connected
    ):
        client.force_login(ada)
        before = Provider.objects.filter(pk=connected["sendgrid"].pk)
        with in_account(acme.pk):
            kept = before.values("id", "settings", "secret", "hook_key", "is_default").get()

        said = client.post(page("disconnect_app", provider_id=kept["id"]), follow=True)
        undone = client.post(page("restore_app"), follow=True)
        again = client.post(page("restore_app"), follow=True)

        assert page("restore_app") in said.text
        assert "is connected again" in undone.text
        assert "nothing to take back" in again.text
        with in_account(acme.pk):
            assert before.values("id", "settings", "secret", "hook_key", "is_default").get() == kept

    def test_what_stops_with_the_default_is_said(self, client, ada, acme, page, connected):
        client.force_login(ada)
        with in_account(acme.pk):
            QueuedEmailFactory.create_batch(2)

        client.post(page("disconnect_app", provider_id=connected["sendgrid"].pk))
        said = client.post(page("disconnect_app", provider_id=connected["smtp"].pk), follow=True)

        assert "goes to nobody, 2 waiting messages too" in said.text

    def test_the_default_is_disconnected_last(self, client, ada, acme, page, connected):
        client.force_login(ada)

        first = client.post(page("disconnect_app", provider_id=connected["smtp"].pk), follow=True)
        assert "Choose another default sender first" in first.text
        client.post(page("disconnect_app", provider_id=connected["sendgrid"].pk))
        client.post(page("disconnect_app", provider_id=connected["smtp"].pk))

        with in_account(acme.pk):
            assert not Provider.objects.exists()

    def test_back_to_the_sandbox(self, client, ada, acme, page, connected):
        client.force_login(ada)

        client.post(page("app", channel="email", kind="sandbox"), {"is_default": "on"})

        with in_account(acme.pk):
            assert [one.kind for one in Provider.objects.filter(is_default=True)] == ["sandbox"]


class TestTest:
    def test_goes_to_whoever_asks(self, client, ada, acme, page, connected, now):
        client.force_login(ada)
        with running_sink() as sink:
            with in_account(acme.pk):
                actions.connect_provider(
                    channel="email",
                    kind="smtp",
                    settings={"host": "127.0.0.1", "port": sink.port, "security": "none"},
                    now=now,
                )

            answer = client.post(page("test_app", provider_id=connected["smtp"].pk), follow=True)

            assert f"on its way to {ada.email}" in answer.text
            assert sink.stats["by_address"] == {ada.email: 1}

    def test_says_and_keeps_what_is_wrong(self, client, ada, acme, page, connected, now):
        client.force_login(ada)
        with in_account(acme.pk):
            actions.connect_provider(
                channel="email",
                kind="smtp",
                settings={"host": "127.0.0.1", "port": 1, "security": "none"},
                now=now,
            )

        answer = client.post(page("test_app", provider_id=connected["smtp"].pk), follow=True)

        assert "cannot be reached" in answer.text
        with in_account(acme.pk):
            assert "cannot be reached" in Provider.objects.get(kind="smtp").last_error

    def test_a_text_goes_to_a_number_that_agreed(self, client, ada, acme, page, shop, now):
        client.force_login(ada)
        with in_account(acme.pk):
            gateway = actions.connect_provider(
                channel="sms", kind="http_sms", settings={"url": "http://127.0.0.1:1/"}, now=now
            )

        stranger = client.post(
            page("test_app", provider_id=gateway.pk), {"number": "+12125550199"}, follow=True
        )
        agreed = client.post(
            page("test_app", provider_id=gateway.pk), {"number": "+12125550100"}, follow=True
        )

        assert "has agreed to no phone list" in stranger.text
        assert "cannot be reached: the address is not on the public internet" in agreed.text
