"""Saved messages and SMS messages."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from accounts.actions import FaultyContentError, InvalidValueError, record
from accounts.mailboxes import MailboxError, checked_mailbox
from accounts.models import ApiClient, List, User
from messaging import rendering
from messaging.models import PhoneList, SavedMessage, SmsMessage

CONTENT = ("subject", "preheader", "from_name", "from_email", "reply_to", "mjml", "html", "text")
LINES = {"subject": 250, "preheader": 250, "from_name": 120, "from_email": 254, "reply_to": 254}
ADDRESSES = {"from_email", "reply_to"}
WORDS = {
    "subject": "The subject",
    "preheader": "The preheader",
    "from_name": "The from name",
    "from_email": "The from address",
    "reply_to": "The reply address",
    "html": "The HTML",
    "mjml": "The MJML",
    "text": "The text",
}
MOST_SOURCE = 500_000  # characters of one part
MOST_SMS = 1600


def save_message(
    *,
    list: List,
    name: str,
    now: datetime,
    message: SavedMessage | None = None,
    by: User | ApiClient | None = None,
    **content: str,
) -> SavedMessage:
    """
    Create a saved message on a list, or change `message`.

    `content`: subject, preheader, from_name, from_email, reply_to, text, and html or
    mjml; a part not given stays as it was (empty in a new message). MJML is compiled here,
    once; writing HTML drops the MJML it came from.

    :raises InvalidValueError: for a bad name or address, a template that does not compile
        (the message says its line), MJML that does not.
    """
    unknown = set(content) - set(CONTENT)
    if unknown:
        raise TypeError(f"No such part of a message: {', '.join(sorted(unknown))}")
    saved = message or SavedMessage(list=list, created_at=now)
    saved.name = checked_name(name, noun="message")
    others = SavedMessage.objects.filter(list=list, name=saved.name).exclude(pk=saved.pk)
    if others.exists():
        raise InvalidValueError("name", f"There is a message named {saved.name} already.")
    for part, value in clean_content(content).items():
        setattr(saved, part, value)
    saved.modified_at = now
    saved.save()
    record(
        verb="updated" if message else "created",
        noun="saved_message",
        object_id=saved.pk,
        now=now,
        by=by,
    )
    return saved


def delete_message(
    *, message: SavedMessage, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Delete a saved message; what was committed of it goes on being sent."""
    record(verb="deleted", noun="saved_message", object_id=message.pk, now=now, by=by)
    message.delete()


def clean_content(content: Mapping[str, str]) -> dict[str, str]:
    """
    Return the parts of an email fit to be stored; `html` follows from `mjml`.

    :raises InvalidValueError: for the first part that is not.
    """
    clean = {part: value.replace("\r\n", "\n") for part, value in content.items()}
    for part in LINES.keys() & clean.keys():
        clean[part] = " ".join(clean[part].split())
    if clean.get("mjml", "").strip():
        clean["html"] = compile_mjml(clean["mjml"])
    elif clean.get("html"):
        clean["mjml"] = ""
    check_email(clean)
    return clean | {part: check_address(part, clean[part]) for part in ADDRESSES & clean.keys()}


def compile_mjml(source: str) -> str:
    """Return the HTML of an MJML document, its template tags kept."""
    check_length("mjml", source)
    try:
        return rendering.compile_mjml(source)
    except rendering.TemplateFaultError as fault:
        raise FaultyContentError("mjml", f"{WORDS['mjml']} does not compile: {fault}") from fault


def check_email(content: Mapping[str, str]) -> None:
    """Refuse parts of an email that are too long, no address, or do not compile."""
    for part, value in content.items():
        check_length(part, value)
    for part in ADDRESSES:
        check_address(part, content.get(part, ""))
    for part in ("subject", "preheader", "from_name", "html", "text"):
        check_template(part, content.get(part, ""))


def check_length(part: str, value: str) -> None:
    """Refuse a part that is longer than we keep, or holds a NUL."""
    most = LINES.get(part, MOST_SOURCE)
    if len(value) > most:
        raise InvalidValueError(part, f"{WORDS[part]} has at most {most:,} characters.")
    if "\0" in value:
        raise InvalidValueError(part, f"{WORDS[part]} holds a NUL character.")


def check_address(part: str, value: str) -> str:
    """Return an address as it is stored, "" for none; refuse what is none that we write from."""
    try:
        return checked_mailbox(value) if value else ""
    except MailboxError as invalid:
        raise InvalidValueError(part, f"{WORDS[part]}: {invalid}") from invalid


def check_template(part: str, source: str) -> None:
    """Refuse a template that does not compile, calls a method, or does not end."""
    try:
        rendering.check(source, escaped=part == "html")
    except rendering.TemplateFaultError as fault:
        raise FaultyContentError(part, f"{WORDS[part]} does not compile: {fault}") from fault


def create_sms_message(
    *,
    phone_list: PhoneList,
    name: str,
    text: str,
    now: datetime,
    media_url: str = "",
    by: User | ApiClient | None = None,
) -> SmsMessage:
    """
    Create a text message on a phone list.

    :raises InvalidValueError: for a bad name, a text that is empty, too long or does not
        compile, a picture that is no https address.
    """
    made = SmsMessage(phone_list=phone_list, created_at=now)
    return write_sms(made, name=name, text=text, media_url=media_url, now=now, by=by)


def update_sms_message(
    *,
    message: SmsMessage,
    name: str,
    text: str,
    now: datetime,
    media_url: str = "",
    by: User | ApiClient | None = None,
) -> SmsMessage:
    """Change a text message; same errors as `create_sms_message`."""
    return write_sms(message, name=name, text=text, media_url=media_url, now=now, by=by)


def write_sms(
    message: SmsMessage,
    *,
    name: str,
    text: str,
    media_url: str,
    now: datetime,
    by: User | ApiClient | None,
) -> SmsMessage:
    """Check and store a text message."""
    is_new = message.pk is None
    message.name = checked_name(name, noun="SMS message")
    others = SmsMessage.objects.filter(phone_list=message.phone_list, name=message.name)
    if others.exclude(pk=message.pk).exists():
        raise InvalidValueError("name", f"There is an SMS message named {message.name} already.")
    message.text = text.replace("\r\n", "\n").strip()
    check_sms_text(message.text)
    message.media_url = checked_picture(media_url)
    message.modified_at = now
    message.save()
    verb = "created" if is_new else "updated"
    record(verb=verb, noun="sms_message", object_id=message.pk, now=now, by=by)
    return message


def delete_sms_message(
    *, message: SmsMessage, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Delete a text message; what was committed of it goes on being sent."""
    record(verb="deleted", noun="sms_message", object_id=message.pk, now=now, by=by)
    message.delete()


def check_sms_text(text: str) -> None:
    """Refuse a text that is empty, beyond 1,600 characters, or does not compile."""
    check_words(text)
    check_template("text", text)


def check_words(text: str) -> None:
    """Refuse a text that is empty or beyond 1,600 characters, template or not."""
    if not text.strip():
        raise InvalidValueError("text", "The text message is empty.")
    if len(text) > MOST_SMS:
        raise InvalidValueError("text", f"A text message has at most {MOST_SMS:,} characters.")
    if "\0" in text:
        raise InvalidValueError("text", "The text message holds a NUL character.")


def checked_picture(url: str) -> str:
    """Return the address of a picture, https only, or ""."""
    url = url.strip()
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or len(url) > 500:
        raise InvalidValueError(
            "media_url", "The picture's address starts with https:// (500 characters at most)."
        )
    return url


def checked_name(name: str, *, noun: str) -> str:
    """Return a name without surrounding blanks, 1 to 120 characters."""
    name = " ".join(name.split())
    if not name or len(name) > 120 or "\0" in name:
        raise InvalidValueError("name", f"The {noun} needs a name of 1 to 120 characters.")
    return name
