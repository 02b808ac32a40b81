"""What is done to contacts by hand: let in, move on, skip a wait, end."""

from collections.abc import Iterable
from typing import Any

from django import forms

from contacts.models import Segment

ACTS = [
    ("skip", "Skip the wait"),
    ("move", "Move on to what follows"),
    ("end", "End the conversation for them"),
]


class EnterForm(forms.Form):
    """One address, or a segment, and the thread they enter by."""

    email = forms.CharField(
        label="Email address",
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True}),
    )
    segment = forms.ModelChoiceField(
        Segment.objects.none(),
        label="or everybody in this segment",
        required=False,
        empty_label="None",
        error_messages={"invalid_choice": "This segment is not there any more."},
    )
    thread = forms.ChoiceField(label="Thread", required=False)

    def __init__(self, data: Any = None, *, segments: Any, threads: Iterable[str]) -> None:
        super().__init__(data, auto_id="enter-%s")
        self.fields["segment"].queryset = segments  # type: ignore[attr-defined]
        self.fields["thread"].choices = [  # type: ignore[attr-defined]
            (thread, thread) for thread in threads
        ]

    def clean(self) -> dict[str, Any]:
        """Ask for one of the two."""
        given = self.cleaned_data
        if "segment" in self.errors:
            return given
        if bool(given.get("email")) == (given.get("segment") is not None):
            self.add_error("email", "Give an email address or choose a segment.")
        return given


class MoveForm(forms.Form):
    """Those at a step, those in a segment, or both; and what is done to them."""

    step = forms.ChoiceField(
        label="Those at", required=False, widget=forms.Select(attrs={"autofocus": True})
    )
    segment = forms.ModelChoiceField(
        Segment.objects.none(),
        label="who are in",
        required=False,
        empty_label="any segment",
        error_messages={"invalid_choice": "This segment is not there any more."},
    )
    act = forms.ChoiceField(label="What to do", choices=ACTS)
    exit = forms.ChoiceField(label="Move on by", required=False)

    def __init__(
        self,
        data: Any = None,
        *,
        segments: Any,
        steps: Iterable[tuple[str, str]],
        exits: Iterable[str],
        step: str = "",
    ) -> None:
        super().__init__(data, auto_id="move-%s", initial={"step": step})
        self.fields["step"].choices = [("", "any step"), *steps]  # type: ignore[attr-defined]
        self.fields["segment"].queryset = segments  # type: ignore[attr-defined]
        names = [*exits]
        self.fields["exit"].choices = [  # type: ignore[attr-defined]
            ("", "the way on"),
            *((name, name) for name in names),
        ]
        if len(names) < 2:
            del self.fields["exit"]

    def clean(self) -> dict[str, Any]:
        """Ask for whom."""
        given = self.cleaned_data
        if not self.errors and not (given.get("step") or given.get("segment")):
            self.add_error("step", "Choose a step or a segment.")
        return given
