"""What phones are answered: a text for each kind of reply, the short code's own or the default."""

from collections.abc import Mapping
from datetime import datetime

from accounts.actions import InvalidValueError, record
from accounts.models import Account, ApiClient, User
from messaging.actions.messages import check_sms_text
from messaging.law.keywords import HELP, LONGEST_KEYWORD, START, STOP, YES, bare
from messaging.models import ShortCode

LONGEST = 640
MOST_WORDS = 20
# Which words everybody has, by the field of those that a short code has besides.
USUAL = {"stop_words": STOP, "start_words": START, "help_words": HELP, "yes": YES}
NAMES = {"stop_words": "STOP", "start_words": "START", "help_words": "HELP", "yes": "YES"}
# `{program}`, `{care}` and `{age}` are filled in; the rest is a template like any text.
DEFAULTS: Mapping[str, str] = {
    "confirm": "{program}: Reply Y to confirm that you want our messages. Msg & data rates may apply. Reply HELP for help, STOP to end.",
    "confirmed": "{program}: You are subscribed. Msg & data rates may apply. Reply HELP for help, STOP to end.",
    "existing": "{program}: You are subscribed already. Reply HELP for help, STOP to end.",
    "age": "{program}: Reply with your birthday (MM/DD/YYYY) or YES to confirm that you are {age} or older. Reply STOP to end.",
    "under_age": "{program}: Sorry, you have to be {age} or older. You will get no messages.",
    "stop": "{program}: You have opted out and will get no more messages. Reply START to come back, HELP for help.",
    "start": "{program}: Welcome back, you are subscribed again. Msg & data rates may apply. Reply HELP for help, STOP to end.",
    "help": "{program}: {care} Msg & data rates may apply. Reply STOP to end.",
    "unknown": "{program}: We did not understand that. {care} Reply STOP to end.",
}
LABELS: Mapping[str, str] = {
    "confirm": "Double opt-in: the question",
    "confirmed": "Double opt-in: confirmed",
    "existing": "Subscribed already",
    "age": "Age gate: the question",
    "under_age": "Age gate: too young",
    "stop": "STOP",
    "start": "START",
    "help": "HELP and INFO",
    "unknown": "Any other reply",
}


def reply_text(short_code: ShortCode, kind: str, *, age: int = 18) -> str:
    """Return the text of a reply with program, care contact and age filled in."""
    text = short_code.replies.get(kind) or DEFAULTS[kind]
    care = without_braces(short_code.care_contact)
    said = f"For help: {care}." if care else "For help, write to us where you signed up."
    filled = text.replace("{program}", program_of(short_code)).replace("{age}", str(age))
    return filled.replace("{care}", said)


def program_of(short_code: ShortCode) -> str:
    """Return how the program is called: the merchant's name, else the account's."""
    return without_braces(short_code.merchant_name or Account.objects.get().name)


def without_braces(text: str) -> str:
    """Return a name that no template takes for a part of itself."""
    return text.replace("{", "(").replace("}", ")")


def set_replies(
    *,
    short_code: ShortCode,
    replies: Mapping[str, str],
    stop_words: str,
    care_contact: str,
    start_words: str = "",
    help_words: str = "",
    now: datetime,
    by: User | ApiClient | None = None,
) -> None:
    """
    Change what a short code answers; a text that is empty or the default's is the default's.

    `stop_words` are further words that opt out, `start_words` that come back, `help_words` that
    ask for help, one a line or between commas.

    :raises InvalidValueError: for a text that does not compile or is too long, a bad word, one
        that means something else already.
    """
    kept = {}
    for kind, text in replies.items():
        if kind not in DEFAULTS:
            raise InvalidValueError(kind, "There is no such reply.")
        if len(text) > LONGEST:
            raise InvalidValueError(kind, f"A reply has at most {LONGEST} letters.")
        if text.strip() and text.strip() != DEFAULTS[kind]:
            check_filled(kind, text)
            kept[kind] = text.strip()
    short_code.replies = kept
    written = {"stop_words": stop_words, "start_words": start_words, "help_words": help_words}
    for field, words in all_words(written).items():
        setattr(short_code, field, words)
    short_code.care_contact = " ".join(care_contact.split())[:120]
    short_code.save(update_fields=["replies", *written, "care_contact"])
    record(verb="changed replies", noun="short_code", object_id=short_code.pk, now=now, by=by)


def check_filled(kind: str, text: str) -> None:
    """Refuse a text that does not compile, and a STOP reply that names no program."""
    filled = text.replace("{program}", "P").replace("{care}", "C").replace("{age}", "18")
    try:
        check_sms_text(filled)
    except InvalidValueError as bad:
        raise InvalidValueError(kind, bad.message) from bad
    if kind == "stop" and "{program}" not in text:
        raise InvalidValueError(kind, "The answer to STOP has to name the program: {program}.")


def all_words(written: Mapping[str, str]) -> dict[str, list[str]]:
    """
    Return the words of each field, in the order in which a text is compared with them.

    :raises InvalidValueError: for a bad one, or one that means something else already.
    """
    taken: dict[str, str] = {}
    found = {}
    for field, words in written.items():
        found[field] = checked_words(field, words)
        usual = {word: other for other, usual in USUAL.items() if other != field for word in usual}
        for word in found[field]:
            other = usual.get(word) or taken.get(word)
            if other is not None:
                raise InvalidValueError(field, f"{word} is a word for {NAMES[other]} already.")
            taken[word] = field
    return found


def checked_words(field: str, written: str) -> list[str]:
    """
    Return words as they are compared, each once.

    :raises InvalidValueError: for too many, or too long ones.
    """
    words = [bare(word) for word in written.replace(",", "\n").splitlines()]
    found = list(dict.fromkeys(word for word in words if word))
    if len(found) > MOST_WORDS:
        raise InvalidValueError(field, f"At most {MOST_WORDS} words.")
    for word in found:
        if len(word) > LONGEST_KEYWORD:
            raise InvalidValueError(field, f"{word[:40]!r} is too long for a keyword.")
    return found
