"""Forms of the coupon pages: a pool, and codes to add to it."""

from typing import Any

from django import forms

from messaging.actions.coupons import LONGEST_CODE, LONGEST_NAME, MOST_CODES, MOST_DAYS
from messaging.models import CouponPool
from messaging.models.coupon import PoolKind


class PoolForm(forms.Form):
    """A pool of codes."""

    name = forms.CharField(max_length=LONGEST_NAME, help_text="Conversations name the pool by it.")
    kind = forms.ChoiceField(
        choices=[
            (PoolKind.UNIQUE.value, "Unique codes: each goes to one contact, once"),
            (PoolKind.STATIC.value, "Static codes: everybody gets the code of the day"),
        ],
        widget=forms.RadioSelect,
        label="Kind",
    )
    merchant = forms.CharField(max_length=LONGEST_NAME, required=False)
    cutoff_days = forms.IntegerField(
        min_value=0,
        max_value=MOST_DAYS,
        label="Days a code must have left",
        help_text="A unique code that expires in fewer days is not handed out.",
    )
    fallback_code = forms.CharField(
        max_length=LONGEST_CODE,
        required=False,
        label="Fallback code",
        help_text="For everybody when the pool has no code. Empty: they leave by “no code”.",
    )
    low_at = forms.IntegerField(
        min_value=0,
        max_value=MOST_CODES,
        label="Warn below",
        help_text="Number of unique codes left; 0 never warns.",
    )
    alert_emails = forms.CharField(
        required=False,
        label="Mail the warning to",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "shop@acme.example"}),
        help_text="One address a line.",
    )
    is_active = forms.BooleanField(required=False, label="Active: conversations hand out its codes")

    def __init__(self, data: Any = None, *, pool: CouponPool | None) -> None:
        super().__init__(data, initial=_initial(pool))
        if pool is not None:
            del self.fields["kind"]

    def clean_alert_emails(self) -> list[str]:
        """Return the addresses, as the action takes them."""
        lines = self.cleaned_data["alert_emails"].replace(",", "\n").splitlines()
        return [line.strip() for line in lines if line.strip()]


def _initial(pool: CouponPool | None) -> dict[str, Any]:
    if pool is None:
        return {"kind": PoolKind.UNIQUE.value, "cutoff_days": 0, "low_at": 0, "is_active": True}
    names = ("name", "merchant", "cutoff_days", "fallback_code", "low_at", "is_active")
    shown = {name: getattr(pool, name) for name in names}
    return {**shown, "alert_emails": "\n".join(pool.alert_emails)}


UNIQUE_LINES = "One code a line; after a comma its last day, if it has one: SAVE-4711,2026-12-31."
STATIC_LINES = "One code a line, with its first and its last day: SPRING,2027-03-01,2027-05-31."


class CodesForm(forms.Form):
    """Codes: pasted, or from a file."""

    codes = forms.CharField(
        required=False,
        label="Codes",
        strip=False,
        widget=forms.Textarea(attrs={"class": "code", "rows": 8, "spellcheck": "false"}),
    )
    file = forms.FileField(
        required=False,
        label="Or a file",
        help_text="CSV or plain text of any size; a header line may name the columns.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )

    def __init__(self, data: Any = None, files: Any = None, *, pool: CouponPool) -> None:
        super().__init__(data, files)
        is_static = pool.kind == PoolKind.STATIC
        self.fields["codes"].help_text = STATIC_LINES if is_static else UNIQUE_LINES

    def clean(self) -> dict[str, Any]:
        """Ask for one of both."""
        given = self.cleaned_data
        pasted, file = bool(given.get("codes", "").strip()), given.get("file")
        if not pasted and file is None and not self.errors:
            self.add_error("codes", "Paste the codes, or choose a file.")
        if pasted and file is not None:
            self.add_error("codes", "Paste the codes or choose a file, not both.")
        return given
