"""The report as a person meets it: in a real browser, on a wide and on a narrow screen, by mouse and by keyboard."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from conformance.judging.verdicts import Verdict
from conformance.report import history_to_html, recorded, write_reports
from conformance.rules.catalogue import rule_of
from tests.browser import chromium
from tests.conformance.report.by_hand import NASTY, all_rules, doubled, failed, failed_by, not_judged
from tests.conformance.story import Story, event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

WIDE, NARROW, PHONE = 1280, 360, 320


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once for all tests of this file."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on a sender with one failure, and one of each other verdict."""
    verdicts = all_rules(
        failed("DLV-2", *(doubled(NASTY).history() for _ in range(3))),
        not_judged("SEQ-1", f"AdapterError: {NASTY} {'long' * 100}"),
        Verdict(rule=rule_of("DRN-12")),
    )
    return written(tmp_path_factory.mktemp("one"), verdicts)


@pytest.fixture(scope="module")
def report_of_many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on a sender that fails every rule."""
    history = doubled().history()
    verdicts = [failed_by(history, *history.records[-2:], rule_id=each.rule.id) for each in all_rules()]
    return written(tmp_path_factory.mktemp("many"), verdicts)


def written(directory: Path, verdicts: list[Verdict]) -> Path:
    """The page of a report on a sender with a long name."""
    return write_reports(
        directory,
        verdicts,
        subject="a_package.with_a.rather_long.name_and_many.modules:create_the_sender_that_is_to_be_judged",
        world="on paper",
        replay="sendproof check --sender a_package.with_a.rather_long.name_and_many.modules:create --rule {rule}",
    )


@contextmanager
def opened(browser: Browser, path: Path, *, width: int = WIDE, fragment: str = "", **context: Any) -> Iterator[Page]:
    """A page as it is on a screen of that width."""
    with browser.new_context(viewport={"width": width, "height": 800}, **context) as screen:
        page = screen.new_page()
        page.goto(path.as_uri() + fragment)
        yield page


def is_too_wide(page: Page) -> bool:
    """Whether the page as a whole must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_the_page_asks_for_nothing_and_complains_of_nothing(browser: Browser, report: Path) -> None:
    """No request but for the file itself, nothing on the console, no error, and no script from an event runs."""
    with browser.new_context() as screen:
        page = screen.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(report.as_uri(), wait_until="networkidle")
        page.locator("summary").first.click()
        assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
        assert said == []


def test_the_verdict_is_what_one_sees_first(browser: Browser, report: Path) -> None:
    """The headline is within the first screen, also of a phone."""
    for width in (WIDE, PHONE):
        with opened(browser, report, width=width) as page:
            headline = page.get_by_role("heading", level=1)
            assert headline.inner_text() == "does not conform"
            box = headline.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 300


def test_a_single_failure_is_open_and_shows_what_contradicts_what(browser: Browser, report: Path) -> None:
    """Nobody has to click for the only thing that there is to see."""
    with opened(browser, report) as page:
        told = page.locator("#DLV-2")
        assert told.get_by_text("an event was accepted twice, as number 1 and as number 2").first.is_visible()
        assert told.get_by_role("img", name="Timeline of scenario-1").is_visible()
        assert told.locator("svg .marked .ring").first.is_visible()
        assert told.locator("svg text.letter").all_text_contents()[:2] == ["A", "B"]
        assert told.get_by_text("--rule DLV-2").is_visible()


def test_a_failed_rule_is_opened_and_closed_by_keyboard(browser: Browser, report_of_many: Path) -> None:
    """Of many failures only the claims are shown; Tab goes from one to the next, and Enter opens it."""
    with opened(browser, report_of_many) as page:
        first, second = page.locator("#WIRE-1"), page.locator("#WIRE-2")
        assert not first.is_visible()
        page.locator(".begin a").last.focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert first.is_visible()
        page.keyboard.press("Enter")
        assert not first.is_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert second.is_visible()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_table_leads_to_the_failure(browser: Browser, report_of_many: Path) -> None:
    """A click on a rule in the table opens what is told of it, and so does a link from elsewhere."""
    with opened(browser, report_of_many) as page:
        page.get_by_role("table").get_by_role("link", name="DRN-3").click()
        assert page.locator("#DRN-3").is_visible()
    with opened(browser, report_of_many, fragment="#RTY-4") as page:
        assert page.locator("#RTY-4").is_visible()


def test_the_script_opens_what_is_linked_to_where_a_browser_does_not(browser: Browser, report_of_many: Path) -> None:
    """Chromium opens it by itself, so the address is changed here without going there."""
    with opened(browser, report_of_many) as page:
        page.evaluate("history.replaceState(null, '', '#RTY-4')")
        assert not page.locator("#RTY-4").is_visible()
        page.evaluate("dispatchEvent(new Event('hashchange'))")
        assert page.locator("#RTY-4").is_visible()


@pytest.mark.parametrize("width", [PHONE, NARROW, 768, WIDE, 1600])
@pytest.mark.parametrize("name", ["report", "report_of_many"])
def test_the_page_is_never_wider_than_the_screen(
    browser: Browser, width: int, name: str, request: pytest.FixtureRequest
) -> None:
    """With everything opened, long names and long words included."""
    with opened(browser, request.getfixturevalue(name), width=width) as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert not is_too_wide(page)


@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_no_label_of_a_timeline_leaves_the_picture(browser: Browser, report: Path, width: int) -> None:
    """What is drawn can be read on a phone, too."""
    with opened(browser, report, width=width) as page:
        outside = page.evaluate(
            """() => [...document.querySelectorAll("svg.timeline")].flatMap((picture) => {
                const all = picture.getBoundingClientRect();
                return [...picture.querySelectorAll("text")].filter((text) => {
                    const one = text.getBoundingClientRect();
                    return one.left < all.left - 1 || one.right > all.right + 1 || one.bottom > all.bottom + 1;
                }).map((text) => text.textContent);
            })"""
        )
        assert outside == []


@pytest.mark.parametrize(("width", "goes_on"), [(PHONE, True), (390, True), (768, False), (WIDE, False)])
def test_a_picture_that_is_too_wide_says_that_it_scrolls(
    browser: Browser,
    report: Path,
    width: int,
    goes_on: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Where its end is out of sight, and only there: in words above it, and by a shadow where it goes on."""
    with opened(browser, report, width=width) as page:
        picture = page.locator(".scrolled").first
        assert picture.evaluate("(each) => each.scrollWidth > each.clientWidth") is goes_on
        assert picture.evaluate("(each) => getComputedStyle(each).backgroundImage !== 'none'") is goes_on
        assert page.get_by_text("It goes on to the right: scroll it sideways.").first.is_visible() is goes_on


def brightness(page: Page, selector: str, property_name: str) -> float:
    """How bright a colour is, from 0 to 255."""
    colour = page.locator(selector).first.evaluate(f"(each) => getComputedStyle(each).{property_name}")
    red, green, blue = (int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_colours_of_the_system(browser: Browser, report: Path, scheme: Any, is_dark: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """In the dark the ground is dark and the text bright, that of the pictures included; else the other way round."""
    with opened(browser, report, color_scheme=scheme) as page:
        assert (brightness(page, "body", "backgroundColor") < 50) is is_dark
        assert (brightness(page, "body", "color") > 200) is is_dark
        assert (brightness(page, "svg .request .label", "fill") > 200) is is_dark


CONTRASTS = """() => {
    const light = (colour) => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
        const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (each) => {
        for (let at = each; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (colour !== "rgba(0, 0, 0, 0)") return colour;
        }
    };
    const poor = [];
    for (const each of document.querySelectorAll("main *, footer *")) {
        const isText = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!isText || !each.getClientRects().length || ["title", "style"].includes(each.localName)) continue;
        const style = getComputedStyle(each);
        const isDrawn = each.namespaceURI.endsWith("svg");
        const badge = each.matches("svg text.letter") ? getComputedStyle(each.previousElementSibling).fill : null;
        const marked = each.closest(".marked, .omission");
        const row = isDrawn && marked ? getComputedStyle(marked.querySelector("rect")).fill : null;
        const behind = badge || row || ground(each);
        const [a, b] = [light(isDrawn ? style.fill : style.color), light(behind)].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) poor.push([each.getAttribute("class"), each.textContent]);
    }
    return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(browser: Browser, report: Path, scheme: Any) -> None:
    """The contrast is at least 4.5 to 1, as WCAG asks for (level AA)."""
    with opened(browser, report, color_scheme=scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert page.evaluate(CONTRASTS) == []


def test_hovering_shows_the_time_and_what_happened(browser: Browser, report: Path) -> None:
    """A time that repeats the row before is shown only then; the record is told in full as a tooltip."""
    with opened(browser, report) as page:
        row = page.locator("svg .moment", has_text="1 accepted").first
        time = row.locator("text.time")
        assert time.evaluate("(each) => getComputedStyle(each).visibility") == "hidden"
        row.locator(".row").hover(force=True)
        assert time.evaluate("(each) => getComputedStyle(each).visibility") == "visible"
        assert time.text_content() == "1.010"
        told = row.locator("title").text_content() or ""
        assert told.startswith("1.010 s\n")
        assert "request 2: a line of" in told


def test_the_timeline_can_be_read_in_words(browser: Browser, report: Path) -> None:
    """For those who can't see the picture."""
    with opened(browser, report) as page:
        page.get_by_text("The same in words").first.click()
        words = page.locator(".in-words").first
        assert words.get_by_text("sender 1: stop(complete=True) is called").is_visible()
        assert words.get_by_text("request 2: a fault strikes: reset_peer(phase='after-lines', lines=1)").is_visible()


def test_the_table_stays_a_table_on_a_narrow_screen(browser: Browser, report: Path) -> None:
    """Its rows are stacked, and still rows, with their headers, for who can't see it."""
    with opened(browser, report, width=NARROW) as page:
        table = page.get_by_role("table")
        assert table.get_by_role("row").count() == 1 + 47
        row = table.get_by_role("row", name="DLV-2 MUST failed 3 performed failed in 3")
        claim = row.get_by_role("cell", name="No event is accepted twice")
        box, whole = claim.bounding_box(), table.bounding_box()
        assert box is not None
        assert whole is not None
        assert box["width"] > 0.95 * whole["width"]


def test_failed_in_counts_what_failed(browser: Browser, report: Path) -> None:
    """Beside what was performed, and nothing where nothing failed."""
    with opened(browser, report) as page:
        table = page.get_by_role("table")
        heads = table.get_by_role("columnheader").all_inner_texts()
        cells = {
            rule: dict(
                zip(heads, table.get_by_role("row", name=f"{rule} ").locator("th, td").all_inner_texts(), strict=True)
            )
            for rule in ("DLV-1", "DLV-2")
        }
        assert {rule: (told["performed"], told["failed in"]) for rule, told in cells.items()} == {
            "DLV-1": ("2", ""),
            "DLV-2": ("3", "3"),
        }


def test_all_failures_are_printed(browser: Browser, report_of_many: Path) -> None:
    """What is closed on the screen is open on paper, in light colours in any case, and closed again after."""
    with opened(browser, report_of_many, color_scheme="dark") as page:
        page.emulate_media(media="print")
        assert brightness(page, "body", "backgroundColor") > 250
        assert page.locator("#DRN-3").is_visible()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details.rule:not([open])").count() == 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details.rule[open]").count() == 0
        page.emulate_media(media="screen")
        assert not page.locator("#DRN-3").is_visible()


def test_without_scripts_everything_is_there(browser: Browser, report_of_many: Path) -> None:
    """The page needs none: the rules open, and the picture is drawn."""
    with opened(browser, report_of_many, java_script_enabled=False) as page:
        page.locator("summary").first.click()
        assert page.locator("#WIRE-1 svg.timeline").is_visible()


def test_a_history_of_a_thousand_requests_can_be_looked_at(browser: Browser, tmp_path: Path) -> None:
    """The page says how much is left out, and isn't wider than a phone."""
    story = Story().open()
    for n in range(1, 1_001):
        story.enqueue(event(n)).request((n, event(n)), last=n).wait(0.1)
    story.request((1_001, event(500)), last=1_001)
    path = tmp_path / "history.html"
    path.write_text(history_to_html(recorded(story.history(), most=400)), encoding="utf-8")
    with opened(browser, path, width=NARROW) as page:
        assert page.get_by_role("heading", level=1).inner_text() == "breaks DLV-2"
        assert page.locator("svg .omission").first.text_content() is not None
        assert page.locator("svg .moment").count() <= 410
        assert page.locator("svg .marked").count() == 2
        assert not is_too_wide(page)
