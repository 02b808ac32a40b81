"""Forms of the suppression list and of files of addresses."""

from typing import Any

from django import forms

from accounts.models import List

FILE = forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"})


class SuppressForm(forms.Form):
    """Addresses to suppress, pasted or from a file."""

    addresses = forms.CharField(
        required=False,
        label="Addresses",
        strip=False,
        widget=forms.Textarea(attrs={"class": "code", "rows": 5, "spellcheck": "false"}),
        help_text="One email address or number a line.",
    )
    file = forms.FileField(
        required=False,
        label="Or a file",
        help_text="CSV or plain text of any size; a header line may name the column.",
        widget=FILE,
    )
    list = forms.ModelChoiceField(
        queryset=List.objects.none(),
        required=False,
        label="For",
        empty_label="The whole account",
        help_text="One list alone: email addresses that are pasted.",
    )

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        lists: Any = self.fields["list"]
        lists.queryset = List.objects.order_by("name", "pk")

    def clean(self) -> dict[str, Any]:
        """Ask for one of both."""
        given = self.cleaned_data
        pasted, file = bool(given.get("addresses", "").strip()), given.get("file")
        if not pasted and file is None and not self.errors:
            self.add_error("addresses", "Paste the addresses, or choose a file.")
        if pasted and file is not None:
            self.add_error("addresses", "Paste the addresses or choose a file, not both.")
        if given.get("list") and file is not None:
            self.add_error("list", "A file counts for the whole account.")
        return given


class DeactivationsForm(forms.Form):
    """A carrier's file of numbers that are in use no more."""

    file = forms.FileField(
        label="File",
        help_text="One number a line, or a header that names the column.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )
