"""Send contacts by chance into groups, to see which way does better.

Each group gets its share of the contacts, in percent; the shares add up to 100. A contact's
group follows from who it is and where it stands, so that nothing changes if the step is run
again. Stored in a profile field, a contact keeps its group as long as the group is there.
"""

from itertools import accumulate
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from accounts.actions import InvalidValueError
from conductor.steps import (
    DRAW,
    IN_ORDER,
    NEXT,
    THESE,
    Arrivals,
    ExitName,
    Names,
    NameText,
    StepConfig,
    StepProblem,
    StepType,
    Told,
    announce,
    empty,
    fields_here,
    invalid,
    unknown,
)
from contacts.actions import facts
from contacts.values import clean_value

STORABLE = ("Text", "RadioButton")


class Group(StepConfig):
    """One group and how many of a hundred contacts come into it."""

    name: ExitName
    weight: Annotated[int, Field(ge=0, le=100)]


class SplitConfig(StepConfig):
    """The groups in order, and where a contact's group is kept."""

    groups: list[Group] = Field(default_factory=list, max_length=100)
    store: NameText = ""

    @model_validator(mode="after")
    def a_hundred(self) -> Self:
        """Refuse shares that are no hundred, and two groups of one name."""
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise invalid("Two groups have the same name.")
        total = sum(group.weight for group in self.groups)
        if self.groups and total != 100:
            raise invalid(f"The weights add up to {total}, not to 100.")
        return self


class Split(StepType[SplitConfig]):
    """Draw a group for each contact."""

    kind = "split"
    label = "Multivariate Test"
    family = "decision"
    icon = "arrows-split"
    keywords = ("A/B test", "Random", "Experiment", "Split")
    Config = SplitConfig

    def sentence(self, config: SplitConfig) -> str:
        """Name the groups with their shares."""
        if not config.groups:
            return "Choose the groups"
        return f"Test {', '.join(f'{group.name} {group.weight}%' for group in config.groups)}"

    def exits(self, config: SplitConfig) -> dict[str, str]:
        """Each group by its name."""
        return dict.fromkeys((group.name for group in config.groups), NEXT)

    def problems(self, config: SplitConfig, names: Names) -> list[StepProblem]:
        """Find missing groups, and a field that cannot hold their names."""
        found = [] if config.groups else [empty("groups", "Add the groups.")]
        return [*found, *_store_problems(config, names)] if config.store else found

    def compile(self, config: SplitConfig, names: Names) -> dict[str, Any]:
        """Return the names, and for each the draw below which it is taken."""
        field = names.field(config.store) if config.store else None
        return {
            "groups": [group.name for group in config.groups],
            "bounds": [100 * weight for weight in accumulate(g.weight for g in config.groups)],
            "field_id": field.pk if field else None,
        }

    def execute(self, arrivals: Arrivals) -> None:
        """Name each one's exit by its draw, but let who has a group keep it; then store it."""
        settings = arrivals.settings
        given = {"groups": settings["groups"], "bounds": settings["bounds"]}
        if settings["field_id"] is None:
            arrivals.run(DRAWN, **given)
            return
        field = str(settings["field_id"])
        if not fields_here(arrivals, [settings["field_id"]]):
            return
        arrivals.run(KEPT_OR_DRAWN, **given, field=field)
        announce(arrivals, STORED, write=STORE, field=field)


GROUP = f"(%(groups)s::text[])[1 + width_bucket({DRAW}, %(bounds)s::bigint[])]"
DRAWN = f"""
    UPDATE arrivals
    SET exit = {GROUP}
    FROM enrolled
    WHERE {THESE} AND enrolled.id = arrivals.enrollment_id
"""
KEPT_OR_DRAWN = f"""
    UPDATE arrivals
    SET
        exit = CASE
            WHEN subscription.profile ->> %(field)s = ANY(%(groups)s::text[])
                THEN subscription.profile ->> %(field)s
            ELSE {GROUP}
        END
    FROM enrolled
    INNER JOIN contacts_subscription AS subscription ON subscription.id = enrolled.subscription_id
    WHERE {THESE} AND enrolled.id = arrivals.enrollment_id
"""
STORE = f"""
    UPDATE contacts_subscription AS subscription
    SET
        profile = subscription.profile || jsonb_build_object(%(field)s::text, arrivals.exit),
        updated_at = %(now)s
    FROM {IN_ORDER} AS arrivals
    WHERE
        subscription.id = arrivals.subscription_id
        AND arrivals.exit IS NOT NULL
        AND (subscription.profile ->> %(field)s::text) IS DISTINCT FROM arrivals.exit
    RETURNING subscription.id AS subscription_id
"""
# As every write of a step, it is told to those inside and lets nobody in.
STORED = Told(
    kinds=(facts.PROFILE_UPDATED,),
    properties="jsonb_build_object('fields', jsonb_build_array(%(field)s::text))",
    roles=facts.QUIET,
)


def _store_problems(config: SplitConfig, names: Names) -> list[StepProblem]:
    field = names.field(config.store)
    if field is None:
        return [unknown("store", "field", config.store)]
    if field.data_type not in STORABLE:
        text = f"“{config.store}” is no text and no radio button field."
        return [StepProblem("store", "wrong_type", text)]
    try:
        for group in config.groups:
            clean_value(field, group.name)
    except InvalidValueError as fault:
        return [StepProblem("store", "wrong_type", fault.message)]
    return []


STEP = Split()
