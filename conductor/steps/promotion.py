"""Show an on-site promotion at this point.

There are no promotions yet, so that a conversation with this step can be drawn but not
published.
"""

from typing import Any

from conductor.steps import Names, NameText, StepConfig, StepProblem, StepType, empty


class PromotionConfig(StepConfig):
    """Which promotion."""

    name: NameText = ""


class Promotion(StepType[PromotionConfig]):
    """Show something on the site."""

    kind = "promotion"
    passes = "next"
    label = "Promotion"
    family = "message"
    icon = "speakerphone"
    keywords = ("Pop-up", "Banner", "Design")
    Config = PromotionConfig

    def sentence(self, config: PromotionConfig) -> str:
        """Name the promotion."""
        return f"Show “{config.name}”" if config.name else "Choose a promotion"

    def problems(self, config: PromotionConfig, names: Names) -> list[StepProblem]:
        """Say that there are none."""
        if not config.name:
            return [empty("name", "There are no promotions yet.")]
        text = f"There are no promotions yet, so none named “{config.name}”."
        return [StepProblem("name", "unknown_promotion", text)]

    def compile(self, config: PromotionConfig, names: Names) -> dict[str, Any]:
        """Return the name; a conversation with this step is never published."""
        return {"name": config.name}


STEP = Promotion()
