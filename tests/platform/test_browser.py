"""Without a Chromium the browser tests are left out, in so many words; under CI that fails."""

import os
import subprocess
import sys

from conductor.data_directory import CODE


def run_without_browser(**environment: str) -> "subprocess.CompletedProcess[str]":
    """Run one browser test where there is no Chromium."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly"),
            "tests/browser/test_sign_in.py",
        ],
        cwd=CODE,
        env={
            **{name: value for name, value in os.environ.items() if "COVERAGE_" not in name},
            "CI": "",
            "CONDUCTOR_BROWSER": "/nowhere/chromium",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class TestWithoutBrowser:
    def test_says_which_tests_are_left_out(self) -> None:
        done = run_without_browser()

        assert done.returncode == 0, done.stdout
        assert "test_sign_in.py::TestSignIn::test_lets_the_owner_in: No Chromium" in done.stdout

    def test_fails_under_ci(self) -> None:
        done = run_without_browser(CI="true")

        assert done.returncode != 0
        assert "No Chromium here" in done.stdout + done.stderr
