"""A real browser for tests of pages, where there is one."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium, as it is installed on this machine.

    Where there is none, the test is skipped; with SENDPROOF_REQUIRE_ALL=1 in the environment it fails. No event loop
    can run in this thread meanwhile, since Playwright has one running.
    """
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        missing("a browser (apt-get install chromium)")
    # Here, since the tests that need no browser need no Playwright either.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - see above

    arguments = ["--disable-background-networking"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium has no sandbox for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def missing(what: str) -> NoReturn:
    """Skip the test that needs what isn't here, or fail it where everything has to be."""
    if os.environ.get("SENDPROOF_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and SENDPROOF_REQUIRE_ALL=1 is set")
    pytest.skip(f"{what} is missing")
