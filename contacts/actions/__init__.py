"""
What is done to contacts: subscribe, raise events, keep profiles and orders.

All verbs run inside `in_account`, take `now`, and write row, audit entry and queued facts
in one transaction. Refusals are `InvalidValueError`s with `.field` and `.message`; those
of `contacts.actions.errors` carry the wire's `.code`, too.
"""

from contacts.actions.customers import Customer, Outcome, Remark, save_customers
from contacts.actions.errors import (
    AddressTakenError,
    BlockedEventError,
    ChangeUnsubscribedAddressError,
    NewAddressPendingError,
    NewAddressUnsubscribedError,
    NoAddressError,
    NotSubscribedAddressError,
    RefusedError,
    UnsubscribedAddressError,
)
from contacts.actions.events import (
    create_external_event,
    find_events,
    raise_event,
    update_external_event,
)
from contacts.actions.fields import (
    create_field,
    create_field_group,
    update_field,
    update_field_group,
)
from contacts.actions.imports import (
    create_import,
    read_import_again,
    rejects_csv,
    run_import,
    set_mapping,
    start_import,
)
from contacts.actions.orders import NewItem, NewOrder, save_orders
from contacts.actions.people import (
    TWO_CONTACTS,
    Saved,
    change_contact,
    find_contact,
    save_contact,
)
from contacts.actions.products import NewProduct, save_products
from contacts.actions.profile import clean_profile, merge_profile
from contacts.actions.subscriptions import (
    SubscribeResult,
    change_address,
    set_profile,
    subscribe,
    unsubscribe,
)

__all__ = [
    "TWO_CONTACTS",
    "AddressTakenError",
    "BlockedEventError",
    "ChangeUnsubscribedAddressError",
    "Customer",
    "NewAddressPendingError",
    "NewAddressUnsubscribedError",
    "NewItem",
    "NewOrder",
    "NewProduct",
    "NoAddressError",
    "NotSubscribedAddressError",
    "Outcome",
    "RefusedError",
    "Remark",
    "Saved",
    "SubscribeResult",
    "UnsubscribedAddressError",
    "change_address",
    "change_contact",
    "clean_profile",
    "create_external_event",
    "create_field",
    "create_field_group",
    "create_import",
    "find_contact",
    "find_events",
    "merge_profile",
    "raise_event",
    "read_import_again",
    "rejects_csv",
    "run_import",
    "save_contact",
    "save_customers",
    "save_orders",
    "save_products",
    "set_mapping",
    "set_profile",
    "start_import",
    "subscribe",
    "unsubscribe",
    "update_external_event",
    "update_field",
    "update_field_group",
]
