"""Amazon SES."""

import re
import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from anymail.backends.amazon_ses import EmailBackend
from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from botocore.config import Config
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest

from accounts.actions import InvalidValueError
from messaging.providers import Field
from messaging.transports.calls import Heard
from messaging.transports.esp import SECONDS, EspCarrier
from messaging.transports.sns import check_signature

REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
ARN = re.compile(r"arn:aws[a-z-]*:sns:(?P<region>[a-z0-9-]+):\d{12}:[\w-]{1,256}")


class AmazonSes(EspCarrier):
    """
    Amazon's Simple Email Service (API v2); its events come through a topic of SNS.

    The address that we show is secret, and what comes there is signed by Amazon; a topic that
    asks there to be confirmed is, if it is of the same region.
    """

    kind = "ses"
    label = "Amazon SES"
    about = "Amazon Simple Email Service, by its API."
    backend_class = EmailBackend
    hook_class = AmazonSESTrackingWebhookView
    fields = (
        Field("access_key_id", "Access key ID", required=True),
        Field(
            "secret_access_key",
            "Secret access key",
            "Of a user who may ses:SendEmail (and sns:ConfirmSubscription).",
            secret=True,
            required=True,
        ),
        Field("region", "Region", "Such as eu-west-1.", required=True),
        Field(
            "configuration_set",
            "Configuration set",
            "Its event destination is an SNS topic that calls the address below.",
        ),
    )

    @classmethod
    def clean(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse what is no region: it becomes part of a host's name."""
        clean = super().clean(settings)
        if not REGION.fullmatch(clean["region"]):
            raise InvalidValueError("region", "Give a region's name, such as eu-west-1.")
        return clean

    @property
    def url(self) -> str:
        """Amazon's library makes the host of the region."""
        return ""

    def client_params(self) -> dict[str, Any]:
        """Return what Amazon's library wants."""
        params: dict[str, Any] = {
            "aws_access_key_id": self.settings["access_key_id"],
            "aws_secret_access_key": self.secrets["secret_access_key"],
            "region_name": self.settings["region"],
            # Its own tries again would send twice what it had not heard of.
            "config": Config(
                connect_timeout=SECONDS,
                read_timeout=SECONDS,
                retries={"total_max_attempts": 1},
                proxies={},
            ),
        }
        return params | ({"endpoint_url": self.api_url} if self.api_url else {})

    def credentials(self) -> dict[str, Any]:
        """Return keys and configuration set."""
        return {
            "client_params": self.client_params(),
            "configuration_set_name": self.settings.get("configuration_set") or None,
        }

    def hook_options(self) -> dict[str, Any]:
        """Return the keys with which a topic is confirmed."""
        return {"client_params": self.client_params()}

    def hear(self, request: HttpRequest, *, now: datetime) -> Heard:
        """
        Take an event, or confirm the topic that is to bring them; both signed by Amazon.

        :raises SuspiciousOperation: for what Amazon has not signed, or not for this region.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it knows nothing of our secret addresses
            view = self.hook_class(**self.hook_options())
        view.run_validators(request)
        told = view._parse_sns_message(request)  # noqa: SLF001 - anymail keeps it there
        check_signature(told, region=self.settings["region"], now=now)
        if told["Type"] != "SubscriptionConfirmation":
            return super().hear(request, now=now)
        topic = ARN.fullmatch(str(told.get("TopicArn", "")))
        if topic is None or topic["region"] != self.settings["region"]:
            raise SuspiciousOperation("A topic of another region.")
        client = view.get_boto_client("sns", region_name=self.settings["region"])
        client.confirm_subscription(TopicArn=topic[0], Token=str(told.get("Token", "")))
        return Heard()

    def event_id(self, event: AnymailTrackingEvent) -> str:
        """One notification may be of several recipients."""
        return f"{event.event_id}:{event.recipient}"[:200] if event.event_id else ""

    def is_hard(self, event: AnymailTrackingEvent) -> bool:
        """Say whether it is for good."""
        bounce = (event.esp_event or {}).get("bounce", {})
        return str(bounce.get("bounceType")) == "Permanent"


CARRIER = AmazonSes
