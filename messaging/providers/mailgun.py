"""Mailgun."""

from typing import Any

from anymail.backends.mailgun import EmailBackend
from anymail.webhooks.mailgun import MailgunTrackingWebhookView

from messaging.providers import Field
from messaging.transports.esp import EspCarrier

REGIONS = {"us": "https://api.mailgun.net/v3", "eu": "https://api.eu.mailgun.net/v3"}


class Mailgun(EspCarrier):
    """Mailgun's API in both regions and its signed webhooks."""

    kind = "mailgun"
    label = "Mailgun"
    about = "Mailgun by Sinch, by its API."
    backend_class = EmailBackend
    hook_class = MailgunTrackingWebhookView
    fields = (
        Field("api_key", "Sending API key", secret=True, required=True),
        Field("sender_domain", "Domain", "Such as mg.acme.com.", required=True),
        Field("region", "Region", choices=(("us", "US"), ("eu", "EU")), initial="us"),
        Field(
            "signing_key",
            "HTTP webhook signing key",
            "Without it no callback is believed.",
            secret=True,
            required=True,
        ),
    )

    @property
    def url(self) -> str:
        """The API of the region."""
        return self.api_url or REGIONS[self.settings["region"]]

    def credentials(self) -> dict[str, Any]:
        """Return key and domain."""
        return {
            "api_key": self.secrets["api_key"],
            "sender_domain": self.settings["sender_domain"],
        }

    def hook_options(self) -> dict[str, Any]:
        """Return the key of signatures."""
        return {"webhook_signing_key": self.secrets["signing_key"]}


CARRIER = Mailgun
