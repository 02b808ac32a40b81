"""What we say: messages, short codes, phone lists; and what became of it: deliveries."""

from messaging.models.delivery import Delivery, DeliveryState, SandboxMessage, SendingTurn
from messaging.models.message import CommittedMessage, SavedMessage
from messaging.models.provider import Provider
from messaging.models.sms import PhoneList, PhoneSubscription, ShortCode, SmsMessage

__all__ = [
    "CommittedMessage",
    "Delivery",
    "DeliveryState",
    "PhoneList",
    "PhoneSubscription",
    "Provider",
    "SandboxMessage",
    "SavedMessage",
    "SendingTurn",
    "ShortCode",
    "SmsMessage",
]
