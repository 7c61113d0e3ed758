"""The page in a browser, and what one reads on it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Dialog, Locator, Page

WIDE: Final = 1280
NARROW: Final = 360

PATIENCE: Final = 30.0
"""Seconds after which the page must show what is waited for; none ever waits that long when all is well."""


@contextmanager
def opened(
    browser: Browser, url: str, *, width: int = WIDE, height: int = 800, excused: str | None = None, **context: Any
) -> Iterator[Page]:
    """The page that a backend serves at an address, connected.

    Where it complains on the console, or asks another server, the test fails; `excused` is a pattern for what it may
    say all the same.
    """
    said: list[str] = []
    asked: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    with browser.new_context(viewport={"width": width, "height": height}, **context) as screen:
        screen.set_default_timeout(PATIENCE * 1_000)
        page = screen.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", dismiss)
        page.goto(url)
        state(page, "connected").wait_for()
        yield page
    complaints = [text for text in said if excused is None or not re.search(excused, text)]
    assert not complaints, complaints
    elsewhere = [each for each in asked if not each.startswith(f"{url}/")]
    assert not elsewhere, elsewhere


def state(page: Page, words: str) -> Locator:
    """What the page says of its connection, if it is this."""
    return page.get_by_role("status").get_by_text(words, exact=True)


def requests_of(page: Page) -> Locator:
    """The rows of the timeline that are drawn, but for those that are about no request."""
    return page.locator("#requests button.request")


def told(rows: Locator) -> list[tuple[str, str, str, str]]:
    """What rows say, all at one moment: sent, got, taken, and the faults that struck."""
    said: list[list[str]] = rows.evaluate_all(
        """(rows) => rows.map((row) => ["sent", "got", "taken", "struck"].map(
            (part) => row.querySelector(`.${part}`).innerText.trim()))"""
    )
    return [(sent, got, taken, struck) for sent, got, taken, struck in said]


def row(page: Page, *texts: str) -> Locator:
    """The only row in which all these texts are."""
    found = requests_of(page)
    for text in texts:
        found = found.filter(has_text=text)
    return found


def is_too_wide(page: Page) -> bool:
    """Whether the page as a whole must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
