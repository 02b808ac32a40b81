"""What is asked of a page once it has come to rest."""

from typing import Any

from playwright.sync_api import Page, expect

from conductor.data_directory import CODE

AXE = CODE / "static" / "vendor" / "axe.min.js"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# No request of htmx is under way but those that a page repeats, and what came is in its place.
AT_REST = "html:not([data-busy]):not(:has(.htmx-swapping, .htmx-settling))"


def at_rest(page: Page) -> None:
    """Wait until the scripts of the page run and nothing is on its way."""
    page.wait_for_load_state()
    expect(page.locator(AT_REST)).to_be_attached()


def problems(page: Page) -> list[Any]:
    """Return what axe finds wrong with the page, rule and places, and whether it is too wide."""
    at_rest(page)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(rules)", RULES)
    wrong = [
        (one["id"], [(node["html"], node["failureSummary"]) for node in one["nodes"]])
        for one in found["violations"]
    ]
    return wrong if fits(page) else [*wrong, "is too wide"]


def fits(page: Page) -> bool:
    """Tell whether the page is no wider than its window, when it has come to rest."""
    at_rest(page)
    for _ in range(100):
        if page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            return True
        # For a moment the bar on top has the sizes of the wide page.
        page.wait_for_timeout(50)
    return False
