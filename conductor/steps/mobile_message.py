"""Send a text message from a short code to the contacts that agreed to its phone list.

The number is the profile field's, else the contact's phone. An invalid or missing number is
skipped and either passes to the next step or ends the conversation for that contact, as you
choose; a valid number without consent is skipped and always goes on.
"""

from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from conductor.steps import (
    MessageUse,
    Names,
    NameText,
    SendConfig,
    StepConfig,
    StepProblem,
    StepType,
    empty,
    send_settings,
    unknown,
)
from messaging.models import PhoneList, ShortCode

PHONE_TYPES = {"Text", "Numeric", "CommentArea"}


class MobileMessageConfig(StepConfig):
    """From which short code, to which consents, what, and to which number."""

    not_yet = {"notification": "notifications of a mobile step"}

    short_code: Annotated[str, StringConstraints(max_length=20)] = ""
    phone_list: NameText = ""
    sms_message: NameText = ""
    text: Annotated[str, StringConstraints(max_length=1600)] = ""
    media_url: Annotated[str, StringConstraints(max_length=500, pattern=r"^(?:https?://\S+)?$")] = (
        ""
    )
    phone_field: NameText = ""
    invalid_number: Literal["pass", "terminate"] = "pass"
    send: SendConfig = send_settings()
    # An instruction to whoever saves the file, never kept: commit the message as it is now.
    commit: Literal["", "latest"] = ""

    def write(self) -> Any:
        """Return the settings as a file has them."""
        return self.model_dump(by_alias=True, exclude_defaults=True, exclude={"commit"})


class MobileMessage(StepType[MobileMessageConfig]):
    """Send a text message."""

    kind = "mobile_message"
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
        found += _field_problems(config.phone_field, names)
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
            "send": config.send.model_dump(),
        }

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
