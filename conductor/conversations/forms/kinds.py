"""Which panel a kind of step has."""

from typing import Any

from conductor.conversations.forms.action import ActionForm
from conductor.conversations.forms.calls import CodeForm, PlainForm, WebhookForm
from conductor.conversations.forms.decisions import (
    FilterForm,
    GoToForm,
    IfForm,
    SplitForm,
    TerminateForm,
)
from conductor.conversations.forms.messages import MessageForm, MobileForm
from conductor.conversations.forms.step import Place, StepForm
from conductor.conversations.forms.trigger import TriggerForm
from conductor.conversations.forms.wait import WaitForm
from conductor.conversations.forms.wait_for import WaitForForm

FORMS: dict[str, type[StepForm]] = {
    "trigger": TriggerForm,
    "filter": FilterForm,
    "if": IfForm,
    "split": SplitForm,
    "go_to": GoToForm,
    "wait": WaitForm,
    "wait_for": WaitForForm,
    "message": MessageForm,
    "mobile_message": MobileForm,
    "action": ActionForm,
    "webhook": WebhookForm,
    "code": CodeForm,
    "terminate": TerminateForm,
}


def form_of(place: Place, data: Any = None) -> StepForm:
    """Return the form of a step; a kind without one of its own shows its settings as text."""
    return FORMS.get(place.step.kind, PlainForm)(data, place=place)
