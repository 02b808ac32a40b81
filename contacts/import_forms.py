"""Forms of the import pages: the file, then what its columns are."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from contacts.models import Import
from contacts.models.imports import ImportKind

NOTHING = ("", "Do not import")
CONSENT_TARGET = "phone_list:"
ENCODINGS = [
    ("utf-8", "UTF-8"),
    ("cp1252", "Windows (Western Europe)"),
    ("iso-8859-1", "Latin 1"),
    ("iso-8859-15", "Latin 9"),
    ("cp1250", "Windows (Central Europe)"),
    ("cp1251", "Windows (Cyrillic)"),
    ("mac-roman", "Macintosh"),
]
DELIMITERS = [(",", "Comma"), (";", "Semicolon"), ("\t", "Tab"), ("|", "Pipe")]


class UploadForm(forms.Form):
    """The file, and what its rows are."""

    kind = forms.ChoiceField(
        choices=[
            (ImportKind.CONTACTS, "Contacts of this list"),
            (ImportKind.ORDERS, "Orders of contacts"),
        ],
        widget=forms.RadioSelect,
        label="What the rows are",
    )
    file = forms.FileField(
        label="File",
        help_text="CSV with any common delimiter, encoding and quoting; a header line helps.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )


class LayoutForm(forms.Form):
    """How the file is written, where it was read wrongly."""

    encoding = forms.ChoiceField(choices=ENCODINGS)
    delimiter = forms.ChoiceField(choices=DELIMITERS, label="Columns are separated by")
    has_header = forms.BooleanField(required=False, label="The first line names the columns")

    def __init__(self, data: Any = None, *, imported: Import) -> None:
        mapping = imported.mapping
        initial = {name: mapping.get(name) for name in ("encoding", "delimiter", "has_header")}
        super().__init__(data, initial=initial)
        known = {value for value, _ in ENCODINGS}
        found = str(mapping.get("encoding") or "utf-8")
        if found not in known:
            self.fields["encoding"].choices = [  # type: ignore[attr-defined]
                (found, found.upper()),
                *ENCODINGS,
            ]


class ColumnsForm(forms.Form):
    """
    What each column is, and how the import behaves.

    The columns' selects share the name `target`: their order is the columns'.
    """

    start_conversations = forms.BooleanField(
        required=False,
        label="Start conversations",
        help_text=(
            "Who is new here enters the conversations that listen to it. "
            "Events of an Event column are raised either way."
        ),
    )
    update_type = forms.ChoiceField(
        choices=[
            ("Update", "Write the file's values over what is there"),
            ("Append", "Add to texts, fill what is empty"),
            ("Overwrite", "Replace the whole profile"),
        ],
        required=False,
        label="Profile values of known contacts",
    )
    consent_source = forms.CharField(
        required=False,
        max_length=120,
        label="Where they consented",
        widget=forms.TextInput(attrs={"placeholder": "Checkout of the web shop"}),
    )
    consent_text = forms.CharField(
        required=False,
        label="What they agreed to, word for word",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    consent_confirmed = forms.BooleanField(
        required=False,
        label="I confirm that everybody in this file agreed to text messages of this phone list",
    )

    def __init__(
        self, *args: Any, imported: Import, choices: Sequence[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.imported = imported
        self.choices = [NOTHING, *choices]
        if imported.kind == ImportKind.ORDERS:
            for name in ("update_type", "consent_source", "consent_text", "consent_confirmed"):
                del self.fields[name]

    @property
    def targets(self) -> list[str]:
        """The chosen target of each column, "" for none."""
        if self.is_bound:
            return list(self.data.getlist("target"))  # type: ignore[attr-defined]
        chosen = {
            column["column"]: column["target"]
            for column in self.imported.mapping.get("columns", [])
        }
        return [chosen.get(number, "") for number in range(self.width)]

    @property
    def width(self) -> int:
        """How many columns the file has."""
        mapping = self.imported.mapping
        samples: list[list[str]] = mapping.get("samples", [])
        return len(mapping.get("header", [])) or max(map(len, samples), default=0)

    def columns(self) -> list[dict[str, Any]]:
        """Return the mapping: the columns that are something."""
        return [
            {"column": number, "target": target}
            for number, target in enumerate(self.targets)
            if target
        ]

    def rows(self) -> list[Mapping[str, Any]]:
        """Return each column with its name, its first values and its chosen target."""
        mapping = self.imported.mapping
        header, samples = mapping.get("header", []), mapping.get("samples", [])
        targets = self.targets
        return [
            {
                "number": number + 1,
                "name": header[number] if number < len(header) else f"Column {number + 1}",
                "samples": [row[number] for row in samples[:3] if number < len(row)],
                "target": targets[number] if number < len(targets) else "",
            }
            for number in range(self.width)
        ]

    def consent_targets(self) -> str:
        """Return the targets that demand evidence of consent, for `data-shown-by`."""
        return "|".join(value for value, _ in self.choices if value.startswith(CONSENT_TARGET))
