"""One factory per model; all are used inside an account."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import factory
from factory.django import DjangoModelFactory

from accounts.models import List
from conductor.conversations.models import Conversation, Enrollment, Version
from contacts.models import (
    Contact,
    ExternalEvent,
    Order,
    ProfileField,
    ProfileFieldGroup,
    Subscription,
)
from messaging.models import (
    CommittedMessage,
    Delivery,
    PhoneList,
    PhoneSubscription,
    SavedMessage,
    ShortCode,
    SmsMessage,
)

# factory-boy has no types of its own: what a factory returns passes for its model.
if TYPE_CHECKING:
    ModelFactory: Any
else:
    ModelFactory = DjangoModelFactory

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)


class ListFactory(ModelFactory):
    """A list."""

    class Meta:
        model = List

    name = factory.Sequence(lambda number: f"Store Customers {number}")
    from_name = "Acme"
    from_email = "shop@acme.example"
    created_at = NOON


class ContactFactory(ModelFactory):
    """A person with an email address."""

    class Meta:
        model = Contact

    email = factory.Sequence(lambda number: f"shopper{number}@mail.example")
    email_norm = factory.LazyAttribute(lambda contact: contact.email.lower())
    first_name = "Grace"
    created_at = NOON
    updated_at = NOON


class SubscriptionFactory(ModelFactory):
    """A subscribed contact on a list."""

    class Meta:
        model = Subscription

    list = factory.SubFactory(ListFactory)
    contact = factory.SubFactory(ContactFactory)
    state = "Subscribed"
    email_key = factory.Sequence(lambda number: f"{number:026X}")
    subscribed_at = NOON
    created_at = NOON
    updated_at = NOON


class ProfileFieldGroupFactory(ModelFactory):
    """A group of fields."""

    class Meta:
        model = ProfileFieldGroup

    list = factory.SubFactory(ListFactory)
    name = factory.Sequence(lambda number: f"Profile {number}")


class ProfileFieldFactory(ModelFactory):
    """A text field."""

    class Meta:
        model = ProfileField

    group = factory.SubFactory(ProfileFieldGroupFactory)
    list = factory.SelfAttribute("group.list")
    name = factory.Sequence(lambda number: f"Field {number}")
    data_type = "Text"


class ExternalEventFactory(ModelFactory):
    """An event that integrations raise."""

    class Meta:
        model = ExternalEvent

    list = factory.SubFactory(ListFactory)
    name = factory.Sequence(lambda number: f"Order Imported {number}")
    created_at = NOON


class OrderFactory(ModelFactory):
    """An order."""

    class Meta:
        model = Order

    contact = factory.SubFactory(ContactFactory)
    order_number = factory.Sequence(lambda number: f"ORDER-{number}")
    status = "Completed"
    ordered_at = NOON
    total = 50
    recorded_at = NOON
    updated_at = NOON


class SavedMessageFactory(ModelFactory):
    """An email."""

    class Meta:
        model = SavedMessage

    list = factory.SubFactory(ListFactory)
    name = factory.Sequence(lambda number: f"We miss you {number}")
    subject = "Come back"
    from_name = "Acme"
    from_email = "shop@acme.example"
    html = "<p>Hi {{ contact.first_name | default('there') }}</p>"
    text = "Hi"
    created_at = NOON
    modified_at = NOON


class ShortCodeFactory(ModelFactory):
    """A US short code."""

    class Meta:
        model = ShortCode

    # None that a test names: 54321 is everybody's.
    code = factory.Sequence(lambda number: f"{61000 + number % 15000}")
    country = "US"
    merchant_name = "Acme"
    email_list = factory.SubFactory(ListFactory)
    created_at = NOON


class PhoneListFactory(ModelFactory):
    """A transactional phone list."""

    class Meta:
        model = PhoneList

    short_code = factory.SubFactory(ShortCodeFactory)
    name = factory.Sequence(lambda number: f"Transactional {number}")
    kind = "Transactional"
    created_at = NOON


class PhoneSubscriptionFactory(ModelFactory):
    """A number that agreed to a phone list."""

    class Meta:
        model = PhoneSubscription

    phone_list = factory.SubFactory(PhoneListFactory)
    # None that a test names: those are below 2500.
    phone_e164 = factory.Sequence(lambda number: f"+1212555{2500 + number % 7500:04d}")
    state = "Subscribed"
    subscribed_at = NOON
    consent_source = "test"
    consent_text = "I agree."
    consent_at = NOON
    updated_at = NOON


class SmsMessageFactory(ModelFactory):
    """A text message."""

    class Meta:
        model = SmsMessage

    phone_list = factory.SubFactory(PhoneListFactory)
    name = factory.Sequence(lambda number: f"Winback text {number}")
    text = "{{ contact.first_name | default('Hi') }}, 10% off. Reply STOP to end."
    created_at = NOON
    modified_at = NOON


def make(kind: Any, size: int, **fields: Any) -> list[Any]:
    """Return `size` rows of a factory."""
    return list(kind.create_batch(size, **fields))


class ConversationFactory(ModelFactory):
    """A drawn conversation."""

    class Meta:
        model = Conversation

    list = factory.SubFactory(ListFactory)
    name = factory.Sequence(lambda number: f"Post Purchase {number}")
    draft = factory.LazyFunction(dict)
    created_at = NOON
    modified_at = NOON


class VersionFactory(ModelFactory):
    """A frozen version of a conversation."""

    class Meta:
        model = Version

    conversation = factory.SubFactory(ConversationFactory)
    number = factory.Sequence(lambda number: number + 1)
    document = factory.LazyFunction(dict)
    program = factory.LazyFunction(dict)
    published_at = NOON


class DeliveryFactory(ModelFactory):
    """An email that was sent."""

    class Meta:
        model = Delivery

    channel = "email"
    list = factory.SubFactory(ListFactory)
    contact = factory.SubFactory(ContactFactory)
    address = factory.LazyAttribute(lambda delivery: delivery.contact.email)
    state = "sent"
    queued_at = NOON
    sent_at = NOON


class EnrollmentFactory(ModelFactory):
    """A contact that waits at the first step of a version."""

    class Meta:
        model = Enrollment

    version = factory.SubFactory(VersionFactory)
    conversation = factory.SelfAttribute("version.conversation")
    list_id = factory.SelfAttribute("conversation.list_id")
    subscription_id = factory.Sequence(lambda number: number + 1)
    contact_id = factory.Sequence(lambda number: number + 1)
    entry_number = 1
    entry_kind = "import"
    entry_thread = "Winback"
    entered_at = NOON
    step_key = "wait"
    arrived_at = NOON


class CommittedMessageFactory(ModelFactory):
    """A frozen email."""

    class Meta:
        model = CommittedMessage

    list = factory.SubFactory(ListFactory)
    channel = "email"
    name = "We miss you"
    content = factory.LazyFunction(
        lambda: {
            "subject": "Come back, {{ contact.first_name }}",
            "preheader": "",
            "from_name": "Acme",
            "from_email": "shop@acme.example",
            "reply_to": "",
            "html": "<p>Hi {{ contact.first_name | default('there') }}</p>",
            "text": "Hi",
        }
    )
    content_hash = factory.Sequence(lambda number: f"{number:064x}")
    committed_at = NOON


class QueuedEmailFactory(ModelFactory):
    """A queued email to a subscribed contact."""

    class Meta:
        model = Delivery

    channel = "email"
    list: Any = factory.SubFactory(ListFactory)
    contact = factory.LazyAttribute(lambda made: SubscriptionFactory(list=made.list).contact)
    address = factory.LazyAttribute(lambda made: made.contact.email_norm)
    message = factory.SubFactory(CommittedMessageFactory, list=factory.SelfAttribute("..list"))
    state = "queued"
    step_key = "reminder"
    enrollment_id = factory.Sequence(lambda number: number + 1)
    queued_at = NOON


class QueuedTextFactory(QueuedEmailFactory):
    """A queued text to a number that agreed."""

    channel = "sms"
    phone_list = factory.SubFactory(PhoneListFactory)
    list = factory.SelfAttribute("phone_list.short_code.email_list")
    is_transactional = factory.LazyAttribute(lambda made: made.phone_list.kind == "Transactional")
    address = factory.LazyAttribute(
        lambda made: PhoneSubscriptionFactory(phone_list=made.phone_list).phone_e164
    )
    message = factory.SubFactory(
        CommittedMessageFactory,
        list=factory.SelfAttribute("..list"),
        channel="sms",
        content={"text": "{{ contact.first_name }}, 10% off.", "media_url": ""},
    )
