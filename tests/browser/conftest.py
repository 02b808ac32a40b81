"""
A real Chromium against a real server of ours, which runs as the plain role.

`page` is a fresh window whose console must stay free of errors; `live.url` is where the
site answers; `sign_in(user)` opens a session without the form; `screenshot(name)` keeps a
picture in `var/screenshots`. Without a Chromium these tests are left out, and fail under CI.

A person waits until a page is there and does not read a notice in a hurry. So here: what is
done to a page is done once its scripts run and nothing is on its way, and notices stay.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from conductor.data_directory import CODE
from tests.browser.looking import at_rest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
# What is expected comes at once, but not where everything else runs on the machine, too.
PATIENCE = 120_000  # milliseconds
expect.set_options(timeout=PATIENCE)
# Notices leave after six seconds at the earliest; nothing else of ours waits so long.
LASTING = """
const real = window.setTimeout;
window.setTimeout = (work, wait, ...more) => (wait >= 6000 ? 0 : real(work, wait, ...more));
"""
ACTIONS = ("check", "click", "fill", "focus", "press", "select_option", "uncheck")
# A refused form is answered 422 and a stranger 404: the browser logs both. What is asked while
# the page is left for another is given up; htmx logs an error that is one by its own name, too.
HARMLESS = ("Failed to load resource", "htmx:sendAbort", "htmx:afterRequest")
SCREENSHOTS = CODE / "var" / "screenshots"
MISSING = (
    "No Chromium here: the browser tests are left out. Install it (Debian: apt-get install "
    "chromium) or set CONDUCTOR_BROWSER to its path."
)


def chromium() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    named = os.environ.get("CONDUCTOR_BROWSER")
    found = [named] if named else [shutil.which(program) for program in PROGRAMS]
    return next((path for path in found if path and Path(path).exists()), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder; leave them out where no browser is."""
    here = Path(__file__).parent
    driven = [item for item in items if here in item.path.parents]
    for item in driven:
        item.add_marker(pytest.mark.browser)
    if chromium() is not None or not driven:
        return
    if os.environ.get("CI") == "true":
        raise pytest.UsageError(MISSING)
    for item in driven:
        item.add_marker(pytest.mark.skip(reason=f"{item.nodeid}: {MISSING}"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this process."""
    path = chromium()
    if path is None:
        pytest.fail(MISSING)
    # Playwright runs an event loop in this thread, where Django would refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    for name in ACTIONS:
        setattr(Locator, name, patient(getattr(Locator, name)))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=PATIENCE)
        yield started
        started.close()


def patient(action: Callable[..., Any]) -> Callable[..., Any]:
    """Return what is done to an element, done once the page that it stands on is at rest."""

    @wraps(action)
    def act(element: Locator, *args: Any, **kwargs: Any) -> Any:
        element.first.wait_for(state="attached")
        at_rest(element.page)
        return action(element, *args, **kwargs)

    return act


@pytest.fixture
def page(browser: Browser, live: LiveServer) -> Iterator[Page]:
    """
    A window of its own; what fails in its console fails the test.

    It is closed before the database is emptied: its pages ask again by themselves.
    """
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(HARMLESS):
            problems.append(message.text)

    # axe reads the colours of the moment: of a dialog that still fades in, the wrong ones.
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-US", reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    context.add_init_script(LASTING)
    opened = context.new_page()
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", note)
    yield opened
    context.close()
    assert problems == []


@pytest.fixture
def live(transactional_db: None, live_server: LiveServer) -> LiveServer:
    """The site, answering at `live.url`, on committed rows."""
    return live_server


@pytest.fixture
def sign_in(page: Page, live: LiveServer) -> Callable[[User], None]:
    """Return a function that gives the window a session of that user."""

    def give_session(user: User) -> None:
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live.url}])

    return give_session


@pytest.fixture
def screenshot(page: Page) -> Callable[[str], Path]:
    """Return a function that keeps a picture of the whole page."""

    def keep(name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return keep
