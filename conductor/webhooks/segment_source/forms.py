"""The form of Segment > Source."""

from typing import Any

from django import forms

from accounts.models import List
from conductor.webhooks.models import Endpoint
from conductor.webhooks.segment_source.actions import LONGEST_KEY, NO_KEY, SEGMENT_URL
from contacts.models import ProfileField

USER_ID = "user_id_"


class SourceForm(forms.Form):
    """Write key, endpoint, lists, and for each list the profile field that is the userId."""

    write_key = forms.CharField(
        max_length=LONGEST_KEY,
        required=False,
        label="Segment write key",
        error_messages={"required": NO_KEY},
        help_text="It is encrypted, and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    url = forms.CharField(
        max_length=2000,
        required=False,
        label="Endpoint",
        help_text="Segment's batch address; another one for a workspace in Europe or a proxy.",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off"}),
    )
    lists = forms.TypedMultipleChoiceField(
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        label="Email lists",
        help_text="What happens on them, and on the phone lists of their short codes, is sent.",
        error_messages={"required": "Choose at least one list."},
    )

    def __init__(self, *args: Any, source: Endpoint | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists = [*List.objects.order_by("name", "pk")]
        self.fields["lists"].choices = [(one.pk, one.name) for one in lists]  # type: ignore[attr-defined]
        hint = source.options.get("hint", "") if source else ""
        if source is None:
            # Else the one that is kept stays.
            self.fields["write_key"].required = True
        else:
            kept = f"Empty: the key that ends in {hint} stays." if hint else "Empty: it stays."
            self.fields["write_key"].help_text = f"It is encrypted. {kept}"
        self._add_user_ids(lists)
        self.initial = {**source_initial(source), **self.initial}

    def _add_user_ids(self, lists: list[List]) -> None:
        fields: dict[int, list[tuple[int, str]]] = {}
        for one in ProfileField.objects.select_related("group").order_by("group__name", "name"):
            fields.setdefault(one.list_id, []).append((one.pk, f"{one.group.name}.{one.name}"))
        for one_list in lists:
            if one_list.pk in fields:
                self.fields[f"{USER_ID}{one_list.pk}"] = forms.TypedChoiceField(
                    coerce=int,
                    empty_value=None,
                    required=False,
                    choices=[("", "None: the address alone"), *fields[one_list.pk]],
                    label=f"userId of {one_list.name}",
                )

    @property
    def given(self) -> dict[str, Any]:
        """What the source is to be."""
        values = self.cleaned_data
        return {
            "write_key": values["write_key"],
            "url": values["url"],
            "lists": values["lists"],
            "user_id_fields": {
                int(name.removeprefix(USER_ID)): value
                for name, value in values.items()
                if name.startswith(USER_ID) and value
            },
        }


def source_initial(source: Endpoint | None) -> dict[str, Any]:
    """Return what the form shows first."""
    if source is None:
        return {"url": SEGMENT_URL}
    user_ids = source.options.get("user_id_fields", {})
    return {
        "url": source.url,
        "lists": source.lists,
        **{f"{USER_ID}{list_id}": field_id for list_id, field_id in user_ids.items()},
    }
