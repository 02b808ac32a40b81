"""What a compiled rule names and what is gone since: never read as an empty value."""

from collections.abc import Mapping
from typing import Any

from contacts.filters import saved
from contacts.filters.scope import VanishedError
from contacts.models import ExternalEvent, ProfileField

# What a leaf names by which key, and what a marketer is told of it.
NAMED: tuple[tuple[str, str, type[ProfileField] | type[ExternalEvent], str], ...] = (
    ("field", "field_id", ProfileField, "the field is gone"),
    ("event", "external_event_id", ExternalEvent, "the event is gone"),
)


def check_there(resolved: Mapping[str, Any]) -> None:
    """
    Ask for the fields and events of a rule; segments ask for those of their own rules.

    One probe for fields, one for events, where the rule names any.

    :raises VanishedError: if one is gone.
    """
    leaves = list(saved.leaves_of(resolved))
    for kind, key, model, reason in NAMED:
        wanted = {leaf[key] for leaf in leaves if leaf["leaf"] == kind}
        if wanted and model.objects.filter(pk__in=wanted).count() < len(wanted):
            raise VanishedError(reason)
