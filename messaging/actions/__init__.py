"""What is done to messages, short codes, phone lists, consents and carriers."""

from messaging.actions.commits import commit_email, commit_sms, commit_words
from messaging.actions.disconnection import disconnect_provider, restore_provider
from messaging.actions.messages import (
    create_sms_message,
    delete_message,
    delete_sms_message,
    save_message,
    update_sms_message,
)
from messaging.actions.phones import (
    Consent,
    PhoneCounts,
    subscribe_phone,
    subscribe_phones,
    unsubscribe_phone,
)
from messaging.actions.providers import (
    carrier_for,
    carrier_of,
    connect_provider,
    make_default,
    pause_provider,
    resume_provider,
    set_provider,
)
from messaging.actions.receipts import record_receipts, tell_of_deliveries
from messaging.actions.replies import answer_by_hand, opt_out, take_inbound
from messaging.actions.reply_texts import reply_text, set_replies
from messaging.actions.short_codes import (
    create_phone_list,
    create_short_code,
    update_phone_list,
    update_short_code,
)
from messaging.actions.suppressions import release, suppress
from messaging.actions.trials import send_test_email, send_test_sms

__all__ = [
    "Consent",
    "PhoneCounts",
    "answer_by_hand",
    "carrier_for",
    "carrier_of",
    "commit_email",
    "commit_sms",
    "commit_words",
    "connect_provider",
    "create_phone_list",
    "create_short_code",
    "create_sms_message",
    "delete_message",
    "delete_sms_message",
    "disconnect_provider",
    "make_default",
    "opt_out",
    "pause_provider",
    "record_receipts",
    "release",
    "reply_text",
    "restore_provider",
    "resume_provider",
    "save_message",
    "send_test_email",
    "send_test_sms",
    "set_provider",
    "set_replies",
    "subscribe_phone",
    "subscribe_phones",
    "suppress",
    "take_inbound",
    "tell_of_deliveries",
    "unsubscribe_phone",
    "update_phone_list",
    "update_short_code",
    "update_sms_message",
]
