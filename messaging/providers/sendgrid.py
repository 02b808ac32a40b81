"""SendGrid."""

from typing import Any

from anymail.backends.sendgrid import EmailBackend
from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView

from accounts.actions import InvalidValueError
from messaging.providers import Field
from messaging.transports.esp import EspCarrier


class SendGrid(EspCarrier):
    """SendGrid's Web API v3 and its Event Webhook."""

    kind = "sendgrid"
    label = "SendGrid"
    about = "Twilio SendGrid, by its Web API."
    backend_class = EmailBackend
    hook_class = SendGridTrackingWebhookView
    fields = (
        Field("api_key", "API key", "With the permission Mail Send.", secret=True, required=True),
        Field(
            "verification_key",
            "Webhook verification key",
            "Settings > Mail Settings > Event Webhook > Signature Verification. Empty: calls "
            "are told by their secret address alone.",
            secret=True,
        ),
    )

    @classmethod
    def clean_secrets(cls, secrets: Any, settings: Any) -> dict[str, str]:
        """Keep the key of signatures only if it is one."""
        clean = super().clean_secrets(secrets, settings)
        if clean.get("verification_key"):
            try:
                SendGridTrackingWebhookView(
                    tracking_webhook_verification_key=clean["verification_key"]
                )
            except ValueError as unfit:
                raise InvalidValueError(
                    "verification_key", "This is no verification key of SendGrid."
                ) from unfit
        return clean

    def credentials(self) -> dict[str, Any]:
        """Return the key."""
        return {"api_key": self.secrets["api_key"]}

    def hook_options(self) -> dict[str, Any]:
        """Return the key of signatures."""
        key = self.secrets.get("verification_key") or None
        return {"tracking_webhook_verification_key": key}

    def is_hard(self, event: AnymailTrackingEvent) -> bool:
        """`blocked` is a bounce for now."""
        return str((event.esp_event or {}).get("type", "bounce")) == "bounce"


CARRIER = SendGrid
