"""What the names of a conversation file mean on one list: one query per kind of name."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from accounts.models import List, Secret
from conductor.conversations.models import Conversation
from conductor.steps import Enterable
from contacts.models import ExternalEvent, ProfileField, Segment
from messaging.models import CouponPool, PhoneList, SavedMessage, ShortCode, SmsMessage


class ListNames:
    """
    The names of one list, read once, kind by kind, when first asked for.

    A field, message, segment or short code of another list is a name that does not exist.
    Field names are found in any case, as PostgreSQL keeps them unique.
    """

    def __init__(self, of_list: List, *, zone: str = "account") -> None:
        self.list = of_list
        self.zone = zone

    @cached_property
    def postal_address(self) -> str:
        """The account's postal address, "" where it has given none."""
        return self.list.account.postal_address.strip()

    def field(self, name: str) -> ProfileField | None:
        """Find a profile field by `Group.Field`."""
        return self._fields.get(name.lower())

    def event(self, name: str) -> ExternalEvent | None:
        """Find an external event."""
        return self._events.get(name)

    def short_code(self, code: str) -> ShortCode | None:
        """Find a short code paired with the list."""
        return self._short_codes.get(code)

    def phone_list(self, code: str, name: str) -> PhoneList | None:
        """Find a phone list of a short code."""
        return self._phone_lists.get((code, name))

    def sms_message(self, code: str, phone_list: str, name: str) -> SmsMessage | None:
        """Find a text message of a phone list."""
        return self._sms_messages.get((code, phone_list, name))

    def saved_message(self, name: str) -> SavedMessage | None:
        """Find a saved message (without its content)."""
        return self._saved_messages.get(name)

    def has_sms_message(self, name: str) -> bool:
        """Say whether some phone list has a text message of that name."""
        return any(name == known for _, _, known in self._sms_messages)

    def other_list(self, name: str) -> List | None:
        """Find a list of the account."""
        return self._lists.get(name)

    def segment(self, name: str) -> Segment | None:
        """Find a segment."""
        return self._segments.get(name)

    def pool(self, name: str) -> CouponPool | None:
        """Find a coupon pool of the account."""
        return self._pools.get(name)

    def secret(self, name: str) -> bool:
        """Say whether the account has a secret of that name."""
        return name in self._secrets

    def conversation(self, name: str) -> Enterable | None:
        """Find a conversation of the list: with the threads that run, else those drawn."""
        return self._conversations.get(name)

    @cached_property
    def _fields(self) -> dict[str, ProfileField]:
        fields = ProfileField.objects.filter(list=self.list).select_related("group")
        return {f"{field.group.name}.{field.name}".lower(): field for field in fields}

    @cached_property
    def _events(self) -> dict[str, ExternalEvent]:
        return {event.name: event for event in ExternalEvent.objects.filter(list=self.list)}

    @cached_property
    def _short_codes(self) -> dict[str, ShortCode]:
        return {code.code: code for code in ShortCode.objects.filter(email_list=self.list)}

    @cached_property
    def _phone_lists(self) -> dict[tuple[str, str], PhoneList]:
        phone_lists = PhoneList.objects.filter(short_code__email_list=self.list)
        found = phone_lists.select_related("short_code__email_list")
        return {(phone_list.short_code.code, phone_list.name): phone_list for phone_list in found}

    @cached_property
    def _sms_messages(self) -> dict[tuple[str, str, str], SmsMessage]:
        messages = SmsMessage.objects.filter(phone_list__short_code__email_list=self.list)
        return {
            (message.phone_list.short_code.code, message.phone_list.name, message.name): message
            for message in messages.select_related("phone_list__short_code")
        }

    @cached_property
    def _saved_messages(self) -> dict[str, SavedMessage]:
        messages = SavedMessage.objects.filter(list=self.list).defer("html", "mjml", "text")
        return {message.name: message for message in messages}

    @cached_property
    def _lists(self) -> dict[str, List]:
        return {found.name: found for found in List.objects.all()}

    @cached_property
    def _segments(self) -> dict[str, Segment]:
        return {segment.name: segment for segment in Segment.objects.filter(list=self.list)}

    @cached_property
    def _pools(self) -> dict[str, CouponPool]:
        return {pool.name: pool for pool in CouponPool.objects.all()}

    @cached_property
    def _secrets(self) -> set[str]:
        return set(Secret.objects.values_list("name", flat=True))

    @cached_property
    def _conversations(self) -> dict[str, Enterable]:
        drawn = Conversation.objects.filter(list=self.list, rehearsal_of=None)
        rows = drawn.values_list("pk", "name", "draft", "published__document")
        return {
            name: Enterable(pk, _first_steps(draft if running is None else running))
            for pk, name, draft, running in rows
        }


def _first_steps(document: Mapping[str, Any]) -> dict[str, str]:
    return {
        thread["thread"]: thread["steps"][0]["key"]
        for thread in document.get("threads", [])
        if thread.get("steps")
    }


class AskedNames(ListNames):
    """Names that remember which of them were asked for and exist, in that order."""

    def __init__(self, of_list: List, *, zone: str = "account") -> None:
        super().__init__(of_list, zone=zone)
        # Dictionaries for their order.
        self.fields: dict[str, ProfileField] = {}
        self.events: dict[str, ExternalEvent] = {}
        self.saved_messages: dict[str, SavedMessage] = {}
        self.sms_messages: dict[str, SmsMessage] = {}

    def field(self, name: str) -> ProfileField | None:
        """Find a profile field and remember it."""
        found = super().field(name)
        if found is not None:
            self.fields[f"{found.group.name}.{found.name}"] = found
        return found

    def event(self, name: str) -> ExternalEvent | None:
        """Find an external event and remember it."""
        found = super().event(name)
        if found is not None:
            self.events[found.name] = found
        return found

    def sms_message(self, code: str, phone_list: str, name: str) -> SmsMessage | None:
        """Find a text message and remember it; of two of one name, the first."""
        found = super().sms_message(code, phone_list, name)
        if found is not None:
            self.sms_messages.setdefault(found.name, found)
        return found

    def saved_message(self, name: str) -> SavedMessage | None:
        """Find a saved message and remember it."""
        found = super().saved_message(name)
        if found is not None:
            self.saved_messages[found.name] = found
        return found
