"""What we say: messages, short codes, phone lists; and what became of it: deliveries."""

from messaging.models.coupon import CouponCode, CouponPool, PoolKind
from messaging.models.delivery import Delivery, DeliveryState, SandboxMessage, SendingTurn
from messaging.models.message import CommittedMessage, SavedMessage
from messaging.models.provider import Provider
from messaging.models.receipt import ProviderNotice, Receipt, ReceiptKind
from messaging.models.sms import PhoneList, PhoneSubscription, ShortCode, SmsMessage
from messaging.models.suppression import Suppression, SuppressionReason

__all__ = [
    "CommittedMessage",
    "CouponCode",
    "CouponPool",
    "Delivery",
    "DeliveryState",
    "PhoneList",
    "PhoneSubscription",
    "PoolKind",
    "Provider",
    "ProviderNotice",
    "Receipt",
    "ReceiptKind",
    "SandboxMessage",
    "SavedMessage",
    "SendingTurn",
    "ShortCode",
    "SmsMessage",
    "Suppression",
    "SuppressionReason",
]
