"""What we say: messages, short codes, phone lists; and what became of it: deliveries."""

from messaging.models.blank import BlankName
from messaging.models.broadcast import Broadcast, BroadcastKind, BroadcastStatus, SplitTest
from messaging.models.campaign import Campaign, Content, ContentFolder, ContentKind
from messaging.models.conversion import Conversion, ConversionRule, Figure
from messaging.models.coupon import CouponCode, CouponPool, PoolKind
from messaging.models.delivery import (
    REPLY,
    Delivery,
    DeliveryState,
    SandboxMessage,
    SendingTurn,
)
from messaging.models.inbound import ConsentChange, InboundText, Meaning
from messaging.models.message import CommittedMessage, SavedMessage
from messaging.models.provider import Provider
from messaging.models.receipt import ProviderNotice, Receipt, ReceiptKind
from messaging.models.rules import (
    CapChannel,
    CapPeriod,
    FrequencyCap,
    SendingRules,
    SentCount,
)
from messaging.models.sms import PhoneList, PhoneSubscription, ShortCode, SmsMessage
from messaging.models.suppression import Suppression, SuppressionReason
from messaging.models.ticket import Ticket

__all__ = [
    "REPLY",
    "BlankName",
    "Broadcast",
    "BroadcastKind",
    "BroadcastStatus",
    "Campaign",
    "CapChannel",
    "CapPeriod",
    "CommittedMessage",
    "ConsentChange",
    "Content",
    "ContentFolder",
    "ContentKind",
    "Conversion",
    "ConversionRule",
    "CouponCode",
    "CouponPool",
    "Delivery",
    "DeliveryState",
    "Figure",
    "FrequencyCap",
    "InboundText",
    "Meaning",
    "PhoneList",
    "PhoneSubscription",
    "PoolKind",
    "Provider",
    "ProviderNotice",
    "Receipt",
    "ReceiptKind",
    "SandboxMessage",
    "SavedMessage",
    "SendingRules",
    "SendingTurn",
    "SentCount",
    "ShortCode",
    "SmsMessage",
    "SplitTest",
    "Suppression",
    "SuppressionReason",
    "Ticket",
]
