"""Providers with HTTP APIs against servers that play them."""

import base64
from urllib.parse import parse_qs

import pytest

from messaging import tokens
from messaging.providers import Outgoing, ProviderError, ThrottledError, carriers
from messaging.transports.esp import BACKENDS
from tests.messaging.counterparts.web import running_web

RAW = (
    b"From: Acme <shop@acme.example>\r\nTo: <grace@mail.example>\r\nSubject: Hi\r\n"
    b"Message-ID: <7.abc@acme.example>\r\nReply-To: <help@acme.example>\r\n\r\nHello\r\n"
)
SETTINGS = {
    "ses": {"access_key_id": "AKIA", "region": "eu-west-1"},
    "mailgun": {"sender_domain": "mg.acme.example"},
    "twilio": {"account_sid": "AC" + "0" * 32},
}
SECRETS = {
    "ses": {"secret_access_key": "hush"},
    "sendgrid": {"api_key": "hush"},
    "postmark": {"server_token": "hush"},
    "mailgun": {"api_key": "hush", "signing_key": "x"},
    "brevo": {"api_key": "hush"},
    "twilio": {"auth_token": "hush"},
}
TAKEN = {
    "ses": (200, {"MessageId": "their-id"}),
    "sendgrid": (202, b""),
    "postmark": (
        200,
        {"ErrorCode": 0, "Message": "OK", "MessageID": "their-id", "To": "grace@mail.example"},
    ),
    "mailgun": (200, {"id": "<their-id>", "message": "Queued. Thank you."}),
    "brevo": (201, {"messageId": "their-id"}),
    "twilio": (201, {"sid": "their-id", "status": "queued"}),
}
PATHS = {
    "ses": "/v2/email/outbound-emails",
    "sendgrid": "/mail/send",
    "postmark": "/email",
    "mailgun": "/mg.acme.example/messages",
    "brevo": "/smtp/email",
    "twilio": f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json",
}
KINDS = sorted(TAKEN)


@pytest.fixture(autouse=True)
def fresh_sessions():
    yield
    BACKENDS.clear()


@pytest.fixture
def connected(settings, monkeypatch):
    """Return a provider whose API is a server of ours."""

    def make(kind, web, **more):
        settings.OUTGOING_ALLOW = ["127.0.0.1"]
        found = carriers()[kind]
        if kind != "http_sms":
            monkeypatch.setattr(found, "base_url" if kind == "twilio" else "api_url", web.url)
        given = found.clean({**SETTINGS.get(kind, {}), **more})
        return found(given, SECRETS.get(kind, {}))

    return make


def message(kind, number=7, **fields):
    channel = carriers()[kind].channels[0]
    given = {
        "delivery_id": number,
        "account_id": 3,
        "channel": channel,
        "address": "grace@mail.example" if channel == "email" else "+12125550123",
        "sender": "Acme <shop@acme.example>" if channel == "email" else "54321",
        "subject": "Hi",
        "text": "Hello 👟",
        "html": "<p>Hello</p>" if channel == "email" else "",
        "raw": RAW if channel == "email" else b"",
        "headers": (("List-Unsubscribe", "<https://x.example/u>"),) if channel == "email" else (),
    }
    return Outgoing(**{**given, **fields})


def always(status, said, **headers):
    return lambda asked: (status, headers, said)


@pytest.mark.parametrize("kind", KINDS)
class TestEveryApi:
    def test_takes_a_message(self, kind, connected, now):
        status, said = TAKEN[kind]
        with running_web(always(status, said)) as web:
            (outcome,) = connected(kind, web).send([message(kind)], now=now)

        assert outcome.state == "sent"
        assert "their-id" in outcome.provider_message_id or kind == "sendgrid"
        assert outcome.provider_message_id
        (asked,) = web.asked
        assert (asked.method, asked.path.partition("?")[0]) == ("POST", PATHS[kind])

    def test_is_called_over_kept_connections_several_at_a_time(self, kind, connected, now):
        status, said = TAKEN[kind]
        with running_web(always(status, said), latency=0.02) as web:
            carrier = connected(kind, web)
            batch = [message(kind, number) for number in range(1, 21)]

            outcomes = list(carrier.send(batch, now=now, connections=5))

        assert sorted(one.delivery_id for one in outcomes) == list(range(1, 21))
        assert {one.state for one in outcomes} == {"sent"}
        assert web.connections <= 5

    def test_429_leaves_it_alone_for_as_long_as_it_says(self, kind, connected, now):
        answer = always(429, {"message": "slow down"}, **{"Retry-After": "7"})

        with running_web(answer) as web, pytest.raises(ThrottledError) as slow:
            list(connected(kind, web).send([message(kind)], now=now))

        assert slow.value.retry_after == 7.0

    def test_503_turns_it_away(self, kind, connected, now):
        with running_web(always(503, {"message": "later"})) as web, pytest.raises(ThrottledError):
            list(connected(kind, web).send([message(kind)], now=now))

    @pytest.mark.parametrize("status", [500, 502, 504, 520])
    def test_a_server_that_failed_may_have_taken_it(self, kind, connected, now, status):
        outcomes = []

        with running_web(always(status, {"message": "oops"})) as web:
            carrier = connected(kind, web)
            batch = [message(kind, number) for number in (1, 2)]
            with pytest.raises(ThrottledError, match=str(status)):
                outcomes.extend(carrier.send(batch, now=now, connections=1))

        assert [(one.delivery_id, one.state) for one in outcomes] == [(1, "unknown")]
        assert len(web.asked) == 1

    def test_a_refused_key_is_about_us(self, kind, connected, now):
        answer = always(401, {"message": "who are you?"})

        with running_web(answer) as web, pytest.raises(ProviderError, match="credentials"):
            list(connected(kind, web).send([message(kind)], now=now))

    def test_a_refused_message_fails_alone(self, kind, connected, now):
        with running_web(always(400, {"message": "no such thing", "code": 21620})) as web:
            (outcome,) = connected(kind, web).send([message(kind)], now=now)

        assert outcome.state == "failed"
        assert outcome.reason.startswith("provider rejected (")

    def test_no_answer_leaves_it_unknown_and_asks_once(self, kind, connected, now):
        with running_web(always(200, None)) as web:
            (outcome,) = connected(kind, web).send([message(kind)], now=now)

        assert (outcome.state, outcome.reason) == ("unknown", "connection lost")
        assert len(web.asked) == 1

    def test_a_server_that_is_not_there_costs_nothing(self, kind, connected, now):
        with running_web(always(200, b"")) as web:
            carrier = connected(kind, web)

        with pytest.raises(ProviderError, match="cannot be reached"):
            list(carrier.send([message(kind)], now=now))


class TestWhatIsSent:
    def ask(self, kind, connected, now, **fields):
        status, said = TAKEN[kind]
        with running_web(always(status, said)) as web:
            list(connected(kind, web).send([message(kind, **fields)], now=now))
        return web.asked[0]

    def test_names_the_delivery_and_keeps_the_headers(self, connected, now):
        sent = self.ask("postmark", connected, now).json

        assert sent["Metadata"] == {"delivery": tokens.sign("delivery", 3, 7)}
        headers = {one["Name"]: one["Value"] for one in sent["Headers"]}
        assert headers["List-Unsubscribe"] == "<https://x.example/u>"
        assert headers["Message-ID"] == "<7.abc@acme.example>"
        assert sent["ReplyTo"] == "help@acme.example"
        assert (sent["HtmlBody"], sent["TextBody"]) == ("<p>Hello</p>", "Hello 👟")

    def test_amazon_gets_the_whole_message(self, connected, now):
        sent = self.ask("ses", connected, now).json

        raw = base64.b64decode(sent["Content"]["Raw"]["Data"])
        assert b"List-Unsubscribe: <https://x.example/u>" in raw

    def test_twilio_gets_number_picture_and_callback(self, connected, now):
        with running_web(always(*TAKEN["twilio"])) as web:
            carrier = connected("twilio", web)
            carrier.callback = "https://acme.example/hooks/twilio/1-2-x/"
            picture = message("twilio", media_url="https://x.example/a.png", sender="8885550100")
            list(carrier.send([picture], now=now))

        form = parse_qs(web.asked[0].body.decode())
        assert form["From"] == ["+18885550100"]
        assert form["Body"] == ["Hello 👟"]
        assert form["MediaUrl"] == ["https://x.example/a.png"]
        token = tokens.sign("delivery", picture.account_id, picture.delivery_id)
        assert form["StatusCallback"] == [f"{carrier.callback}?d={token}"]

    @pytest.mark.parametrize(
        ("code", "reason"), [(21211, "invalid address"), (21610, "suppressed")]
    )
    def test_twilio_knows_who_cannot_be_texted(self, connected, now, code, reason):
        with running_web(always(400, {"code": code, "message": "no"})) as web:
            (outcome,) = connected("twilio", web).send([message("twilio")], now=now)

        assert (outcome.state, outcome.reason) == ("failed", reason)


class TestGateway:
    def test_is_called_as_the_templates_say(self, connected, now):
        with running_web(always(200, {"messages": [{"id": 99}], "status": "OK"})) as web:
            carrier = connected(
                "http_sms",
                web,
                url=f"{web.url}/send?to={{{{to}}}}",
                headers="X-Key: {{secret}}",
                success_text='"OK"',
                id_path="messages.0.id",
            )
            carrier.secrets = {"secret": "hush\r\nX-Evil: 1"}
            nasty = message("http_sms", text='"},{"to": "x')
            (outcome,) = carrier.send([nasty], now=now)

        asked = web.asked[0]
        assert (outcome.state, outcome.provider_message_id) == ("sent", "99")
        assert asked.path == "/send?to=%2B12125550123"
        assert asked.json == {
            "to": "+12125550123",
            "from": "54321",
            "text": '"},{"to": "x',
            "id": "7",
        }
        assert asked.headers["X-Key"] == "hush X-Evil: 1"
        assert "X-Evil" not in asked.headers

    @pytest.mark.parametrize(
        ("text", "said"),
        [("Héllo 👟", "Héllo 👟"), ("a\r\nX-Evil: 1", "a X-Evil: 1"), ("a\x1b\x85b", "a b")],
    )
    def test_takes_any_text_in_a_header(self, connected, now, text, said):
        with running_web(always(200, {"id": "1"})) as web:
            carrier = connected("http_sms", web, url=web.url, headers="X-Text: {{text}}")
            outcomes = list(carrier.send([message("http_sms", text=text)], now=now))

        (asked,) = web.asked
        assert [one.state for one in outcomes] == ["sent"]
        assert asked.headers["X-Text"].encode("latin-1").decode() == said
        assert "X-Evil" not in asked.headers

    @pytest.mark.parametrize(
        ("said", "known"), [({"id": "m-5"}, "m-5"), ({"ok": True}, ""), (b"OK", ""), (b'"id"', "")]
    )
    def test_knows_the_usual_place_of_an_id(self, connected, now, said, known):
        with running_web(always(200, said)) as web:
            (outcome,) = connected("http_sms", web, url=web.url).send(
                [message("http_sms")], now=now
            )

        assert (outcome.state, outcome.provider_message_id) == ("sent", known)

    def test_an_answer_without_the_success_text_has_failed(self, connected, now):
        with running_web(always(200, {"status": "ERROR"})) as web:
            carrier = connected("http_sms", web, url=web.url, success_text='"OK"')
            (outcome,) = carrier.send([message("http_sms")], now=now)

        assert outcome.state == "failed"

    def test_may_not_call_into_our_own_network(self, connected, settings, now):
        with running_web(always(200, {})) as web:
            carrier = connected("http_sms", web, url=web.url)
            settings.OUTGOING_ALLOW = []
            with pytest.raises(ProviderError, match="not on the public internet"):
                list(carrier.send([message("http_sms")], now=now))

        assert not web.asked

    @pytest.mark.parametrize(
        "changes",
        [
            {"url": "ftp://x.example"},
            {"url": "https://{{to}}.example/"},
            {"url": "https://x.example/{{nothing}}"},
            {"body": '{"to": {{to}'},
            {"headers": "no header"},
            {"headers": "X y: 1"},
            {"method": "DELETE"},
        ],
    )
    def test_refuses_templates_that_make_no_call(self, changes):
        with pytest.raises(ValueError):  # noqa: PT011 - each says its own field
            carriers()["http_sms"].clean({"url": "https://x.example/", **changes})
