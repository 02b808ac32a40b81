"""Send a text message from a short code to the contacts that agreed to its phone list.

The number is the profile field's; where neither the step nor the short code names a field, the
contact's phone. An invalid or missing number is skipped and either passes to the next step or
ends the conversation for that contact, as you choose; a valid number without consent is skipped
and always goes on.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from accounts.actions import InvalidValueError
from conductor.steps import (
    HERE,
    Arrivals,
    MessageUse,
    Names,
    NameText,
    SendConfig,
    StepConfig,
    StepProblem,
    StepType,
    answered,
    asked_of_all,
    empty,
    fields_here,
    hold_here,
    send_settings,
    sending,
    unknown,
)
from contacts.identity import normalise_phone
from messaging import eligibility
from messaging.actions.messages import check_sms_text
from messaging.models import PhoneList, ShortCode

# A number that has a consent was read when the consent was given: it stands as it is
# written. The others are `unread` until Python has read them.
WRITE_TEXTS = """
    INSERT INTO outbox (
        enrollment_id, version_id, contact_id, channel, phone_list_id, message_id, address,
        reason, held_reason, held_until, thread, step_key, visit_number, wave, is_transactional,
        resend_unknown, waits_for_cap, skips_quiet
    )
    SELECT
        arrivals.enrollment_id,
        arrivals.version_id,
        contact.id,
        'sms',
        %(phone_list_id)s,
        %(message_id)s,
        left(number.written, 254),
        CASE
            WHEN contact.id IS NULL THEN 'contact deleted'
            WHEN number.written = '' THEN 'missing address'
            WHEN phone_subscription.id IS NULL THEN 'unread'
            ELSE {refusal}
        END,
        {held_reason},
        {held_until},
        %(thread)s,
        arrivals.step_key,
        arrivals.visit_number,
        arrivals.wave,
        %(transactional)s,
        %(resend_unknown)s,
        %(waits_for_cap)s,
        %(skips_quiet)s
    FROM arrivals
    LEFT JOIN contacts_contact AS contact ON contact.id = arrivals.contact_id
    LEFT JOIN contacts_subscription AS subscription
        ON subscription.id = arrivals.subscription_id
    CROSS JOIN LATERAL (
        SELECT
            coalesce(
                CASE
                    WHEN %(phone_field)s = '' THEN contact.phone_e164
                    ELSE btrim(subscription.profile ->> %(phone_field)s)
                END,
                ''
            ) AS written
    ) AS number
    LEFT JOIN messaging_phonesubscription AS phone_subscription
        ON
            phone_subscription.phone_list_id = %(phone_list_id)s
            AND phone_subscription.phone_e164 = number.written
    {joins}
    WHERE {here}
"""

OUT_HERE = (
    "outbox.reason = 'unread' AND outbox.version_id = %(version_id)s "
    "AND outbox.step_key = %(step_key)s AND outbox.enrollment_id BETWEEN %(first)s AND %(last)s"
)

# `numbers` maps each unread number to its E.164 form, "" for an invalid one.
READ_NUMBERS = f"""
    UPDATE outbox
    SET
        address = read.address,
        reason = read.reason,
        held_reason = read.held_reason,
        held_until = read.held_until
    FROM (
        SELECT
            outbox.enrollment_id,
            outbox.visit_number,
            CASE WHEN number.e164 = '' THEN number.written ELSE number.e164 END AS address,
            CASE
                WHEN number.e164 = '' THEN 'invalid address'
                ELSE {{refusal}}
            END AS reason,
            {{held_reason}} AS held_reason,
            {{held_until}} AS held_until
        FROM outbox
        INNER JOIN jsonb_each_text(%(numbers)s::jsonb) AS number (written, e164)
            ON outbox.address = number.written
        LEFT JOIN contacts_contact AS contact ON contact.id = outbox.contact_id
        LEFT JOIN messaging_phonesubscription AS phone_subscription
            ON
                phone_subscription.phone_list_id = %(phone_list_id)s
                AND phone_subscription.phone_e164 = number.e164
        {{joins}}
        WHERE {OUT_HERE}
    ) AS read
    WHERE
        outbox.enrollment_id = read.enrollment_id
        AND outbox.visit_number = read.visit_number
        AND {OUT_HERE}
"""

END_WITHOUT_NUMBER = f"""
    UPDATE arrivals
    SET exit = 'end', end_reason = outbox.reason
    FROM outbox
    WHERE
        {HERE}
        AND outbox.enrollment_id = arrivals.enrollment_id
        AND outbox.step_key = arrivals.step_key
        AND outbox.visit_number = arrivals.visit_number
        AND outbox.reason IN ('missing address', 'invalid address')
"""

Address = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$")]
PHONE_TYPES = {"Text", "Numeric", "CommentArea"}


class Notification(StepConfig):
    """Who is told how the step's messages fare, and when."""

    emails: list[Address] = Field(default_factory=list, max_length=20)
    on: list[Literal["daily", "failure"]] = Field(default_factory=list, max_length=2)


class MobileMessageConfig(StepConfig):
    """From which short code, to which consents, what, and to which number."""

    short_code: Annotated[str, StringConstraints(max_length=20)] = ""
    phone_list: NameText = ""
    sms_message: NameText = ""
    text: Annotated[str, StringConstraints(max_length=1600)] = ""
    media_url: Annotated[str, StringConstraints(max_length=500, pattern=r"^(?:https?://\S+)?$")] = (
        ""
    )
    phone_field: NameText = ""
    invalid_number: Literal["pass", "terminate"] = "pass"
    notification: Notification = Field(default_factory=Notification)
    send: SendConfig = send_settings()
    # An instruction to whoever saves the file, never kept: commit the message as it is now.
    commit: Literal["", "latest"] = ""

    def write(self) -> Any:
        """Return the settings as a file has them."""
        return self.model_dump(by_alias=True, exclude_defaults=True, exclude={"commit"})


class MobileMessage(StepType[MobileMessageConfig]):
    """Send a text message."""

    kind = "mobile_message"
    passes = "next"
    label = "Mobile Step"
    family = "message"
    icon = "device-mobile"
    keywords = ("SMS", "Text", "Mobile")
    Config = MobileMessageConfig

    def sentence(self, config: MobileMessageConfig) -> str:
        """Name the message, or quote the beginning of its text."""
        if config.text:
            start = " ".join(config.text.split())
            return f"Text “{start if len(start) <= 60 else start[:57] + '...'}”"
        return f"Text “{config.sms_message}”" if config.sms_message else "Choose a text message"

    def problems(self, config: MobileMessageConfig, names: Names) -> list[StepProblem]:
        """Find missing and unknown names, and a short code not provisioned for its list."""
        found = _sender_problems(config, names)
        if not config.sms_message and not config.text:
            found.append(empty("sms_message", "Choose a text message or write the text."))
        if config.text:
            try:
                check_sms_text(config.text)
            except InvalidValueError as fault:
                found.append(StepProblem("text", "template", fault.message))
        found += _field_problems(config.phone_field, names)
        if bool(config.notification.emails) != bool(config.notification.on):
            part, text = (
                ("on", "Choose when they are told: daily, on failure.")
                if config.notification.emails
                else ("emails", "Say whom to tell.")
            )
            found.append(empty(f"notification.{part}", text))
        return found

    def compile(self, config: MobileMessageConfig, names: Names) -> dict[str, Any]:
        """Return ids for names; what is sent is added from the step's commit."""
        code = names.short_code(config.short_code)
        phone_list = names.phone_list(config.short_code, config.phone_list)
        field = names.field(config.phone_field) if config.phone_field else None
        if code is None or phone_list is None:
            raise ValueError("Only a step without problems is compiled.")
        return {
            "short_code_id": code.pk,
            "country": code.country,
            "phone_list_id": phone_list.pk,
            "phone_field_id": field.pk if field else code.phone_field_id,
            "transactional": phone_list.kind == "Transactional",
            "invalid_number": config.invalid_number,
            "notification": config.notification.model_dump(),
            "send": config.send.model_dump(),
        }

    def execute(self, arrivals: Arrivals) -> None:
        """Write a delivery for each contact; end those without a valid number, if so set."""
        settings = arrivals.settings
        field = settings["phone_field_id"]
        if field is not None and not fields_here(arrivals, [field]):
            return
        # A short code takes its phone lists along.
        if not PhoneList.objects.filter(pk=settings["phone_list_id"]).exists():
            hold_here(arrivals, "the phone list is gone")
            return
        verdict = eligibility.load_policy(now=arrivals.now).sms(**asked_of_all(arrivals))
        parts = answered(verdict)
        arrivals.run(
            WRITE_TEXTS.format(**parts),
            phone_field="" if field is None else str(field),
            phone_list_id=settings["phone_list_id"],
            **sending(arrivals),
            **verdict.params,
        )
        unread = arrivals.fetch(f"SELECT DISTINCT outbox.address FROM outbox WHERE {OUT_HERE}")
        if unread:
            numbers = {row[0]: read_number(row[0], settings["country"]) for row in unread}
            arrivals.run(
                READ_NUMBERS.format(**parts),
                numbers=json.dumps(numbers),
                phone_list_id=settings["phone_list_id"],
                **verdict.params,
            )
        if settings["invalid_number"] == "terminate":
            arrivals.run(END_WITHOUT_NUMBER)

    def message(self, config: MobileMessageConfig) -> MessageUse:
        """Return the text message and what the step changes in it."""
        written = config.model_dump(include={"text", "media_url"}, exclude_defaults=True)
        return MessageUse(
            "sms",
            config.sms_message,
            written,
            bool(config.commit),
            short_code=config.short_code,
            phone_list=config.phone_list,
        )


def read_number(written: str, country: str) -> str:
    """Return a number in E.164, or "" if it is a valid one of no country."""
    try:
        return normalise_phone(written, country)
    except InvalidValueError:
        return ""


def _sender_problems(config: MobileMessageConfig, names: Names) -> list[StepProblem]:
    if not config.short_code:
        return [empty("short_code", "Choose the short code to send from.")]
    code = names.short_code(config.short_code)
    if code is None:
        return [unknown("short_code", "short code", config.short_code)]
    if not config.phone_list:
        return [empty("phone_list", "Choose the phone list.")]
    phone_list = names.phone_list(config.short_code, config.phone_list)
    if phone_list is None:
        text = f"Short code {code.code} has no phone list named “{config.phone_list}”."
        return [StepProblem("phone_list", "unknown_phone_list", text)]
    found = _provisioning_problems(code, phone_list)
    if config.sms_message and not names.sms_message(
        config.short_code, config.phone_list, config.sms_message
    ):
        text = f"Phone list “{phone_list.name}” has no message named “{config.sms_message}”."
        found.append(StepProblem("sms_message", "unknown_sms_message", text))
    return found


def _provisioning_problems(code: ShortCode, phone_list: PhoneList) -> list[StepProblem]:
    if not phone_list.is_active:
        text = f"Phone list “{phone_list.name}” is not active."
        return [StepProblem("phone_list", "inactive_phone_list", text)]
    if phone_list.kind not in code.message_types:
        text = (
            f"Short code {code.code} is not provisioned for {phone_list.kind.lower()} "
            f"messages, which “{phone_list.name}” needs."
        )
        return [StepProblem("short_code", "not_provisioned", text)]
    return []


def _field_problems(name: str, names: Names) -> list[StepProblem]:
    if not name:
        return []
    field = names.field(name)
    if field is None:
        return [unknown("phone_field", "field", name)]
    if field.data_type not in PHONE_TYPES:
        return [StepProblem("phone_field", "wrong_type", f"“{name}” holds no phone number.")]
    return []


STEP = MobileMessage()
