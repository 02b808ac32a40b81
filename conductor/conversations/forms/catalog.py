"""What the rule editor offers: the names of a list, and what may be asked of them."""

from collections.abc import Sequence
from typing import Any

from accounts.models import List
from conductor.conversations.models import Conversation
from contacts.leaves.contact import ATTRIBUTES
from contacts.models import ExternalEvent, OrderStatus, ProfileField, Segment
from messaging.leaves.message import LEAF as MESSAGE
from messaging.leaves.sms import LEAF as SMS
from messaging.models import SavedMessage, SmsMessage


def rule_catalog(in_list: List, *, threads: Sequence[str] | None) -> dict[str, Any]:
    """
    Return the names that rules of a list may use.

    `threads` are those of the conversation that a rule stands in; None outside of one,
    where nothing may be asked of an entry.
    """
    fields = ProfileField.objects.filter(list=in_list).select_related("group")
    conversations = Conversation.objects.filter(list=in_list, rehearsal_of=None)
    texts = SmsMessage.objects.filter(phone_list__short_code__email_list=in_list)
    return {
        "fields": [
            {"name": f"{field.group.name}.{field.name}", "type": field.data_type}
            for field in fields.order_by("group__name", "name")
        ],
        "contact": [
            {"name": name, "type": "Date" if family == "date" else "Text"}
            for name, (_, family) in ATTRIBUTES.items()
        ],
        "events": _names(ExternalEvent.objects.filter(list=in_list)),
        "segments": _names(Segment.objects.filter(list=in_list)),
        "conversations": _names(conversations),
        "messages": _names(SavedMessage.objects.filter(list=in_list)),
        "texts": sorted(set(_names(texts))),
        "did": {"message": [*MESSAGE.verbs], "sms": [*SMS.verbs]},
        "statuses": OrderStatus.values,
        "threads": None if threads is None else list(threads),
    }


def _names(rows: Any) -> list[str]:
    return list(rows.order_by("name").values_list("name", flat=True))
