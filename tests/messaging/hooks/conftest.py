"""Providers that call us over real HTTP."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accounts.tenancy import in_account
from messaging import actions
from messaging.actions.providers import callback_of
from messaging.transports.esp import BACKENDS
from tests.factories import (
    CommittedMessageFactory,
    ListFactory,
    QueuedEmailFactory,
)
from tests.messaging.hooks.calling import (
    EMAIL,
    SIGNING,
    TOKEN,
    brevo_call,
    mailgun_call,
    post,
    postmark_call,
    sendgrid_call,
    ses_call,
)


@pytest.fixture
def site(live_server, settings):
    """Our server, which knows its own address."""
    settings.PUBLIC_URL = live_server.url
    return live_server.url


@pytest.fixture
def sendgrid_key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def connect(acme, now, site, sendgrid_key):
    """Connect a provider; return the address that it calls."""
    public = sendgrid_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    known = {
        "ses": (
            {"access_key_id": "AKIA", "region": "eu-west-1"},
            {"secret_access_key": "x"},
        ),
        "sendgrid": (
            {},
            {"api_key": "SG.x", "verification_key": base64.b64encode(public).decode()},
        ),
        "postmark": ({}, {"server_token": "x"}),
        "mailgun": ({"sender_domain": "mg.acme.example"}, {"api_key": "x", "signing_key": SIGNING}),
        "brevo": ({}, {"api_key": "x"}),
        "smtp": ({"host": "mail.acme.example"}, {}),
        "twilio": ({"account_sid": "AC" + "0" * 32}, {"auth_token": TOKEN}),
        "http_sms": ({"url": "https://sms.example/send"}, {}),
    }

    def make(kind):
        settings, secrets = known[kind]
        channel = "sms" if kind in {"twilio", "http_sms"} else "email"
        with in_account(acme.pk):
            provider = actions.connect_provider(
                channel=channel, kind=kind, settings=settings, secrets=secrets, now=now
            )
            return callback_of(provider)

    return make


@pytest.fixture
def delivery(acme, now):
    """An email that a provider has taken as `their-id`, or whose outcome is not known."""

    def make(kind, **fields):
        with in_account(acme.pk):
            shop = ListFactory.create()
            return QueuedEmailFactory.create(
                list=shop,
                message=CommittedMessageFactory.create(list=shop),
                address=EMAIL,
                **{
                    "state": "sent",
                    "sent_at": now,
                    "provider": kind,
                    "provider_message_id": "their-id",
                    **fields,
                },
            )

    return make


@pytest.fixture
def call(connect, sendgrid_key):
    """Make a provider's call, as it would."""
    calls: dict[str, Any] = {
        "sendgrid": lambda *given, **more: sendgrid_call(sendgrid_key, *given, **more),
        "mailgun": mailgun_call,
        "postmark": postmark_call,
        "brevo": brevo_call,
        "ses": ses_call,
    }

    def make(kind, delivery, table, url=None):
        event, more = table[kind]
        body, headers = calls[kind](delivery, event, **more)
        return post(url or connect(kind), body, **headers)

    return make


@pytest.fixture(autouse=True)
def soon_after(time_machine, now):
    """Have it be the day of the calls, which say when they were made."""
    time_machine.move_to(now + timedelta(minutes=6), tick=True)


@pytest.fixture(autouse=True)
def no_sessions():
    yield
    BACKENDS.clear()
