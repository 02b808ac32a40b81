"""The email that asks a Pending address to confirm: one to each, in the urgent lane."""

from datetime import datetime

from accounts.tenancy.wake import wake
from contacts.models import Subscription
from messaging.actions.commits import frozen, keep
from messaging.models import Delivery
from messaging.models.delivery import ASK
from messaging.models.message import Channel

NAME = "Double opt-in"
# It is sent in the list's name, and says who asks, for what, and what happens without an answer.
QUESTION = {
    "subject": "Please confirm your subscription",
    "html": (
        "<p>Somebody, we hope you, has signed this address up for emails of"
        " <strong>{{ account.name }}</strong>"
        "{% if list.public_name != account.name %} (“{{ list.public_name }}”){% endif %}.</p>"
        '<p><a href="{{ confirm_url }}">Yes, I want these emails</a></p>'
        "<p>If it was not you, there is nothing to do: without your yes we write no more.</p>"
    ),
    "text": (
        "Somebody, we hope you, has signed this address up for emails of {{ account.name }}"
        '{% if list.public_name != account.name %} ("{{ list.public_name }}"){% endif %}.\n\nYes, I want these emails: {{ confirm_url }}\n\n'
        "If it was not you, there is nothing to do: without your yes we write no more.\n"
    ),
}


def ask_by_email(subscription: Subscription, now: datetime) -> None:
    """Queue the question of a Pending subscription; it goes only while that is pending."""
    in_list, contact = subscription.list, subscription.contact
    message = keep(
        in_list=in_list,
        channel=Channel.EMAIL,
        name=NAME,
        content=frozen(QUESTION, in_list),
        now=now,
    )
    Delivery.objects.create(
        channel=Channel.EMAIL,
        list=in_list,
        contact=contact,
        subscription_id=subscription.pk,
        message=message,
        address=contact.email_norm,
        state="queued",
        step_key=ASK,
        is_transactional=True,
        queued_at=now,
    )
    wake("urgent")
