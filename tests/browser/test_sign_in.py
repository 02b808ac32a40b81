"""Signing in with a mouse and a keyboard."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import User


class TestSignIn:
    def test_lets_the_owner_in(
        self, live: LiveServer, page: Page, ada: User, screenshot: Callable[[str], Path]
    ) -> None:
        page.goto(f"{live.url}/sign-in/login/")
        page.get_by_label("Email").fill(ada.email)
        page.get_by_label("Password").fill("correct horse battery")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "login" not in url)

        screenshot("sign-in")
        assert page.context.cookies()

    def test_keeps_a_stranger_out(self, live: LiveServer, page: Page, ada: User) -> None:
        page.goto(f"{live.url}/sign-in/login/")
        page.get_by_label("Email").fill(ada.email)
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")

        page.get_by_text("not correct").wait_for()
