"""Put the contact into one of several groups by lot: a number from 1 up, in a number field.

The lot is drawn from who the contact is, how often it entered and which step this is, so that
it can be told beforehand and again afterwards.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from conductor.steps import DRAW, Arrivals, Names, NameText, StepConfig, StepProblem, empty
from conductor.steps.action.act import Act, field_here, field_problems, known_field, write_field

FEWEST, MOST = 2, 100
GROUP = f"to_jsonb(1 + mod({DRAW}, %(groups)s))"


class RandomGroup(StepConfig):
    """A number field, and how many groups there are."""

    field: NameText = ""
    groups: Annotated[int, Field(ge=FEWEST, le=MOST)] | None = None


class RandomGroupAct(Act[RandomGroup]):
    """Draw a group."""

    name = "random_group"
    place = 5
    label = "Put into a random group"
    Setting = RandomGroup

    def sentence(self, setting: RandomGroup) -> str:
        """Say how many groups there are."""
        if not setting.field or setting.groups is None:
            return ""
        return f"Set {setting.field} to a random number from 1 to {setting.groups}"

    def problems(self, setting: RandomGroup, names: Names) -> list[StepProblem]:
        """Find a missing field, one that holds no number, or no number of groups."""
        found = field_problems(
            "random_group.field", setting.field, names, of_type=("Numeric",), kind="number"
        )
        if setting.groups is None:
            found.append(empty("random_group.groups", "Say how many groups there are."))
        return found

    def compile(self, setting: RandomGroup, names: Names) -> dict[str, Any]:
        """Return the field's id."""
        return {"field_id": known_field(names, setting.field).pk, "groups": setting.groups}

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Write the group's number."""
        if field_here(arrivals, settings["field_id"]) is not None:
            write_field(arrivals, settings["field_id"], GROUP, groups=settings["groups"])


ACT = RandomGroupAct()
