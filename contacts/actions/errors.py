"""Why an act is refused: each error names the field and carries the wire's code."""

from typing import ClassVar

from accounts.actions import InvalidValueError


class RefusedError(InvalidValueError):
    """An act that the state of things does not allow."""

    code: ClassVar[str] = "ERROR_INVALID_PARAMETER"
    sentence: ClassVar[str] = ""
    about: ClassVar[str] = "emailAddress"

    def __init__(self, field: str = "", message: str = "") -> None:
        super().__init__(field or self.about, message or self.sentence)


class UnsubscribedAddressError(RefusedError):
    """Somebody who left the list is not put back without saying so."""

    code = "ERROR_UNSUBSCRIBED_EMAIL_ADDRESS"
    sentence = "The emailAddress has already been unsubscribed from the list."


class UpdateUnsubscribedWithEventsError(RefusedError):
    """Events of somebody who left the list are not raised by an update: they start conversations."""

    code = "ERROR_UPDATE_UNSUBSCRIBE_WITH_EVENTS"
    sentence = "Events may not be raised when updating a contact that is unsubscribed."


class PendingAddressError(RefusedError):
    """Whoever waits for a double opt-in is subscribed by it alone."""

    code = "ERROR_PENDING_EMAIL_ADDRESS"
    sentence = "The emailAddress is already pending subscription through double opt-in."


class SuppressedAddressError(RefusedError):
    """An address that is not written to is put on no list."""

    code = "ERROR_SUPPRESSED_EMAIL"
    sentence = "The emailAddress has been suppressed."


class SuppressedNewAddressError(RefusedError):
    """An address that is not written to takes nobody's place."""

    code = "ERROR_SUPPRESSED_NEW_EMAIL"
    about = "newEmailAddress"
    sentence = "The newEmailAddress has been suppressed."


class NotSubscribedAddressError(RefusedError):
    """The address never was on the list."""

    code = "ERROR_NOT_SUBSCRIBED_EMAIL_ADDRESS"
    sentence = "The emailAddress is not subscribed to the list."


class NoAddressError(RefusedError):
    """A contact without an email address cannot be on an email list."""

    sentence = "A contact without an email address cannot be on a list."


class BlockedEventError(RefusedError):
    """An external event that somebody blocked cannot be raised."""

    about = "eventIds"
    sentence = "The event is blocked."


class AddressTakenError(RefusedError):
    """The new address of an address change stands on the list already."""

    code = "ERROR_SUBSCRIBED_NEW_EMAIL_ADDRESS"
    about = "newEmailAddress"
    sentence = "The newEmailAddress is already subscribed to the list."


class NewAddressUnsubscribedError(RefusedError):
    """The new address of an address change has left the list."""

    code = "ERROR_UNSUBSCRIBED_NEW_EMAIL_ADDRESS"
    about = "newEmailAddress"
    sentence = "The newEmailAddress has already been unsubscribed from the list."


class NewAddressPendingError(RefusedError):
    """The new address of an address change waits for its double opt-in."""

    code = "ERROR_PENDING_NEW_EMAIL_ADDRESS"
    about = "newEmailAddress"
    sentence = "The newEmailAddress is already pending subscription to the list."


class ChangeUnsubscribedAddressError(RefusedError):
    """Only a subscribed address can be changed."""

    code = "ERROR_CHANGE_ADDRESS_CONTACT_UNSUBSCRIBED"
    sentence = "The address of an unsubscribed contact cannot be changed."


class AddressOfAnotherError(RefusedError):
    """An address that somebody else has says nothing about this person."""

    code = "ERROR_INVALID_EMAIL_ADDRESS"
    sentence = "The emailAddress is another contact's."


class AddressOnListsError(RefusedError):
    """Whoever stands on lists agreed with that address; another one has agreed to nothing."""

    code = "ERROR_INVALID_EMAIL_ADDRESS"
    sentence = (
        "The contact is on email lists with another address: change it there, with newEmailAddress."
    )


class InUseError(RefusedError):
    """Something that is used elsewhere is not deleted."""

    code = "ERROR_RESOURCE_DEPENDENCY"
    sentence = "The resource is used elsewhere."
