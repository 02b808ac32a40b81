"""People, what we know of them, and what happened to them."""

from contacts.models.contact import Contact, Subscription, SubscriptionState
from contacts.models.erasure import Erasure
from contacts.models.event import Event, EventGroup, EventKey, ExternalEvent, Intake, Listener
from contacts.models.imports import Import, ImportReject
from contacts.models.order import Order, OrderFact, OrderItem, OrderStatus, Product
from contacts.models.profile import DataType, ProfileField, ProfileFieldGroup
from contacts.models.review import RatingSummary, Review
from contacts.models.segment import Segment, SegmentKind, SegmentMember, SegmentTouch
from contacts.models.segment_com import SegmentEventType, SegmentInlet, SegmentMapping

__all__ = [
    "Contact",
    "DataType",
    "Erasure",
    "Event",
    "EventGroup",
    "EventKey",
    "ExternalEvent",
    "Import",
    "ImportReject",
    "Intake",
    "Listener",
    "Order",
    "OrderFact",
    "OrderItem",
    "OrderStatus",
    "Product",
    "ProfileField",
    "ProfileFieldGroup",
    "RatingSummary",
    "Review",
    "Segment",
    "SegmentEventType",
    "SegmentInlet",
    "SegmentKind",
    "SegmentMapping",
    "SegmentMember",
    "SegmentTouch",
    "Subscription",
    "SubscriptionState",
]
