"""The panels of decisions: filter, go to, if/then, multivariate test, end."""

from collections.abc import Sequence
from typing import Any

from django import forms

from conductor.conversations.forms.step import NEW_THREAD, RuleField, StepForm, rule_text

MOST_BRANCHES = 10
MOST_GROUPS = 20


class FilterForm(StepForm):
    """Who goes on."""

    rule = RuleField(label="Contacts go on who match", required=False)
    fault_fields = {"": "rule"}

    def read(self, config: Any) -> dict[str, Any]:
        """Return the rule's text."""
        return {"rule": rule_text(config.rule)}

    def settings(self) -> Any:
        """Return the rule."""
        return self.cleaned_data["rule"]


class GoToForm(StepForm):
    """Where to, and for whom."""

    to = forms.ChoiceField(label="Go to", required=False)
    filter = RuleField(
        label="Only contacts who match",
        required=False,
        help_text="Empty: everybody. The others take the next step.",
    )

    def read(self, config: Any) -> dict[str, Any]:
        """Return target and rule."""
        return {"to": config.to, "filter": rule_text(config.filter)}

    def offer(self) -> None:
        """Offer every step; one that is gone stays until another is chosen."""
        targets = self.place.targets()
        present = self.place.step.config.to
        choices = [("", "Choose a step"), *targets]
        if present and present not in dict(targets):
            choices.append((present, f"{present} (not there any more)"))
        self.fields["to"].choices = choices  # type: ignore[attr-defined]

    def exit_defaults(self) -> dict[str, str]:
        """Offer the way of those who do not match, once there is a filter."""
        return {k: v for k, v in super().exit_defaults().items() if k != "match"}

    def settings(self) -> Any:
        """Return target and filter."""
        given = {name: self.cleaned_data[name] for name in ("to", "filter")}
        return {name: value for name, value in given.items() if value}


class WaysForm(StepForm):
    """Ways with names of the marketer's own, each with the step that it leads to beside it."""

    template = "conversations/panels/rows.html"
    shows_exits = True
    count: int

    def way(self, number: int) -> str:
        """Return the name that was given to a way; "" for one that is not used."""
        raise NotImplementedError

    def offer_way(self, number: int, name: str) -> None:
        """Add the drop-down of the step that a way leads to."""
        self.fields[f"to_{number}"] = forms.ChoiceField(
            required=False,
            label="goes on to",
            choices=[
                ("", "The next step"),
                (NEW_THREAD, "A new thread …"),
                *self.place.targets(),
            ],
            help_text="A new thread is where you draw what only these contacts get."
            if number == 0
            else "",
            initial=self.place.step.exits.get(name, ""),
        )

    def named(self) -> Sequence[str]:
        """Return the names that the step's ways have had until now."""
        raise NotImplementedError

    def exit_defaults(self) -> dict[str, str]:
        """Return the other exits."""
        return {
            name: target
            for name, target in super().exit_defaults().items()
            if name not in self.named()
        }

    def thread_name(self, exit_name: str) -> str:
        """Return the way's own name; that of the others in words."""
        return (
            exit_name if exit_name not in self.exit_defaults() else super().thread_name(exit_name)
        )

    def leads(self) -> dict[str, str]:
        """Return the redirected exits: the ways' as they are called now, and the others."""
        given = {
            self.way(number): self.cleaned_data[f"to_{number}"] for number in range(self.count)
        }
        others = {
            name: target for name, target in super().leads().items() if name not in self.named()
        }
        ways = {name: target for name, target in given.items() if name and target}
        return ways | {name: target for name, target in others.items() if name not in ways}


class IfForm(WaysForm):
    """Branches, asked in order: the first that a contact matches is taken."""

    def __init__(self, data: Any, *, place: Any) -> None:
        present = len(place.step.config.branches)
        self.count = min(MOST_BRANCHES, max(2, present + 1))
        super().__init__(data, place=place)

    def offer(self) -> None:
        """Add a name and a rule for each branch, and for one more."""
        for number in range(self.count):
            self.fields[f"branch_{number}"] = forms.CharField(
                label=f"Branch {number + 1}",
                max_length=120,
                required=False,
                help_text="What this way is called." if number == 0 else "",
            )
            self.fields[f"filter_{number}"] = RuleField(
                label="is for contacts who match", required=False
            )
            names = self.named()
            self.offer_way(number, names[number] if number < len(names) else "")

    def named(self) -> Sequence[str]:
        """Return the branches' names."""
        return [branch.name for branch in self.place.step.config.branches]

    def way(self, number: int) -> str:
        """Return a branch's name; one without has its number's."""
        name: str = self.cleaned_data[f"branch_{number}"].strip()
        is_used = name or self.cleaned_data[f"filter_{number}"]
        return (name or f"branch {number + 1}") if is_used else ""

    def read(self, config: Any) -> dict[str, Any]:
        """Return the branches' names and rules."""
        shown = {}
        for number, branch in enumerate(config.branches):
            shown[f"branch_{number}"] = branch.name
            shown[f"filter_{number}"] = rule_text(branch.filter)
        return shown

    def settings(self) -> Any:
        """Return the branches that have a name or a rule."""
        branches = [
            {"name": name, "filter": self.cleaned_data[f"filter_{number}"]}
            for number in range(self.count)
            for name in [self.way(number)]
            if name
        ]
        return {"branches": branches} if branches else {}

    @property
    def fault_fields(self) -> dict[str, str]:  # type: ignore[override]
        """Name the fields of the branches."""
        found = {"": "branch_0", "branches": "branch_0"}
        for number in range(self.count):
            found[f"branches[{number}].name"] = f"branch_{number}"
            found[f"branches[{number}].filter"] = f"filter_{number}"
        return found


class SplitForm(WaysForm):
    """Groups by chance, and where a contact's group is kept."""

    fault_fields = {"": "weight_0", "groups": "weight_0", "store": "store"}

    store = forms.ChoiceField(
        required=False,
        label="Keep the group in the field",
        help_text="Who has one of these groups there keeps it.",
    )

    def __init__(self, data: Any, *, place: Any) -> None:
        present = len(place.step.config.groups)
        self.count = min(MOST_GROUPS, max(2, present + 1))
        super().__init__(data, place=place)

    def offer(self) -> None:
        """Add a name and a share for each group, and for one more; offer the fields."""
        store = self.fields.pop("store")
        for number in range(self.count):
            self.fields[f"group_{number}"] = forms.CharField(
                label=f"Group {number + 1}", max_length=120, required=False
            )
            self.fields[f"weight_{number}"] = forms.IntegerField(
                label="Share in per cent",
                min_value=0,
                max_value=100,
                required=False,
                help_text="All shares add up to 100." if number == 0 else "",
            )
            names = self.named()
            self.offer_way(number, names[number] if number < len(names) else "")
        self.fields["store"] = store
        names = [name for name, _ in self.place.fields(["Text", "RadioButton"])]
        self.choose("store", names, [self.place.step.config.store], none="Do not keep it")

    def named(self) -> Sequence[str]:
        """Return the groups' names."""
        return [group.name for group in self.place.step.config.groups]

    def way(self, number: int) -> str:
        """Return a group's name."""
        name: str = self.cleaned_data[f"group_{number}"].strip()
        return name

    def thread_name(self, exit_name: str) -> str:
        """Return the group's name; a letter alone says nothing among the tabs."""
        return f"Group {exit_name}" if len(exit_name) < 3 else exit_name

    def read(self, config: Any) -> dict[str, Any]:
        """Return the groups and the field."""
        shown: dict[str, Any] = {"store": config.store}
        for number, group in enumerate(config.groups):
            shown[f"group_{number}"] = group.name
            shown[f"weight_{number}"] = group.weight
        if not config.groups:
            shown.update(group_0="A", weight_0=50, group_1="B", weight_1=50)
        return shown

    def settings(self) -> Any:
        """Return the groups that have a name."""
        groups = [
            {"name": name, "weight": self.cleaned_data[f"weight_{number}"] or 0}
            for number in range(self.count)
            for name in [self.way(number)]
            if name
        ]
        written: dict[str, Any] = {"groups": groups} if groups else {}
        if self.cleaned_data["store"]:
            written["store"] = self.cleaned_data["store"]
        return written


class TerminateForm(StepForm):
    """Whether this end was hoped for."""

    goal = forms.BooleanField(
        required=False,
        label="The goal is reached here",
        help_text="Contacts who end here count as converted.",
    )

    def read(self, config: Any) -> dict[str, Any]:
        """Return whether it is a goal."""
        return {"goal": config.goal}

    def settings(self) -> Any:
        """Return the settings."""
        return {"goal": True} if self.cleaned_data["goal"] else {}
