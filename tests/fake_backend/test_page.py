"""The page as a person meets it: in a real browser, with a real sender, by mouse and by keyboard."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from fake_backend import FaultRule, Status
from fake_backend.faults.catalogue import catalogue
from fake_backend.page import POLICY, page_file
from tests.browser import chromium
from tests.fake_backend.on_page import NARROW, WIDE, is_too_wide, opened, requests_of, row, state, told
from tests.fake_backend.stage import Stage, staged
from tests.fake_backend.wire import completion_line, event_line, event_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

HOSTILE = "<img src=x onerror=alert(1)>\u202e\u0007</script>\"'&"
HOSTILE_AS_SHOWN = "<img src=x onerror=alert(1)>\\u{202e}\\u{7}</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once for all tests of this file."""
    with chromium() as running:
        yield running


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A backend that listens."""
    with staged() as running:
        yield running


def test_a_fault_is_switched_on_by_a_click_and_the_page_shows_the_retry(browser: Browser, stage: Stage) -> None:
    """The answer is lost after all was taken; the sender asks how far it is, goes on, and nothing is there twice."""
    with opened(browser, stage.backend.url) as page, stage.sender() as sender:
        sender.send(n=1)
        row(page, "event 1").wait_for()
        page.get_by_role("button", name="Lose the next answer").click()
        page.get_by_text("Added: reset_peer").wait_for()
        sender.send(n=2)
        row(page, "event 2", "no answer").wait_for()
        page.get_by_text("1 spent").wait_for()
        sender.send(n=3)
        row(page, "event 3").wait_for()
        rows = told(requests_of(page))
        at = [sent for sent, *_ in rows].index("event 2")
        assert rows[at] == ("event 2", "no answer", "1 accepted", "reset_peer after-accept")
        assert rows[at + 1] == ("sync", "200 up to 2", "tells how far it is", "")
        assert rows[at + 2] == ("event 3", "200 up to 3", "1 accepted", "")
        demo = page.get_by_role("list", name="Runs").get_by_role("button", name="demo")
        demo.filter(has_text="last 3").filter(has_text="1 fault").wait_for()


def test_events_that_are_sent_again_are_marked(browser: Browser, stage: Stage) -> None:
    """So that one sees what a sender did when an answer was lost on it, and that the backend had them."""
    with opened(browser, stage.backend.url) as page:
        stage.post_events(1, 3)
        stage.post_events(2, 4)
        row(page, "events 2 to 4").wait_for()
        assert told(requests_of(page)) == [
            ("events 1 to 3", "200 up to 3", "3 accepted", ""),
            ("again events 2 to 4", "200 up to 4", "2 duplicate, 1 accepted", ""),
        ]


def test_what_a_request_carried_and_was_told_is_said_in_words(browser: Browser, stage: Stage) -> None:
    """Syncs, completions, broken lines, gaps, and requests that are none."""
    with opened(browser, stage.backend.url) as page:
        stage.post_all([b"", event_line(1), event_line(7), b"nonsense", event_line(2) + completion_line(2)])
        row(page, "event 2, completion at 2").wait_for()
        assert [each[:3] for each in told(requests_of(page))] == [
            ("sync", "200 up to 0", "tells how far it is"),
            ("event 1", "200 up to 1", "1 accepted"),
            ("event 7", "409 Expected sequence 2, got 7", "1 gap"),
            ("lines without a number", "400 Invalid JSON line", "1 invalid"),
            ("event 2, completion at 2", "200 up to 2", "1 accepted, completion: completed"),
        ]
        page.get_by_role("list", name="Runs").get_by_role("button", name="demo").filter(has_text="complete").wait_for()


def test_every_preset_adds_a_rule_that_the_backend_takes(browser: Browser, stage: Stage) -> None:
    """One click each; then they are removed, one by one and all together."""
    with opened(browser, stage.backend.url) as page:
        presets = page.locator("#presets").get_by_role("button")
        for number, preset in enumerate(presets.all(), start=1):
            preset.click()
            page.locator("#active-faults li").nth(number - 1).wait_for()
        kinds = [active.rule.fault.__struct_config__.tag for active in stage.backend.faults]
        assert kinds == ["reset_peer", "status", "down", "stall", "latency"]
        page.get_by_role("button", name="Remove fault 2: status").click()
        page.get_by_text("Fault 2 is removed.").wait_for()
        assert [active.number for active in stage.backend.faults] == [1, 3, 4, 5]
        page.get_by_role("button", name="Clear all").click()
        page.get_by_text("None: the backend behaves.").wait_for()
        assert stage.backend.faults == ()


async def added(stage: Stage, rule: FaultRule) -> None:
    """Add a rule in the thread of the backend, which tells the page."""
    stage.backend.add_fault(rule)


def test_a_spent_fault_leaves_the_list_of_active_ones(browser: Browser, stage: Stage) -> None:
    """By its last strike, or by its time; it is still there to be looked at, and active again when it is reset."""

    async def reset() -> None:
        stage.backend.reset(faults=False)

    with opened(browser, stage.backend.url) as page:
        active, spent = page.locator("#active-faults li"), page.locator("#spent-faults li")
        page.get_by_role("button", name="Slow answers").click()
        active.wait_for()
        stage.do(added(stage, FaultRule(fault=Status(status=503), times=2)))
        stage.do(added(stage, FaultRule(fault=Status(status=502), between=(1e6, 1e6 + 1))))
        active.nth(2).wait_for()
        assert not page.locator("#spent").is_visible()
        page.get_by_role("button", name="Remove fault 2").focus()
        stage.post_all([b""] * 2)
        active.locator("button:focus").and_(page.get_by_role("button", name="Remove fault 1")).wait_for()
        page.get_by_text("1 spent").click()
        spent.filter(has_text="struck 2 of 2").wait_for()
        assert active.locator(".rule").all_inner_texts() == [
            "status 502 between [1000000,1000001]",
            "latency 1 s 0.5 s jitter",
        ]
        stage.do(added(stage, FaultRule(fault=Status(status=501), between=(0, 0.001))))
        page.get_by_text("2 spent").wait_for()
        assert spent.locator(".rule").all_inner_texts() == ["status 501 between [0,0.001]", "status 503 · 2 times"]
        stage.do(reset())
        active.filter(has_text="status 503").wait_for()
        page.get_by_role("button", name="Clear all").click()
        page.get_by_text("None: the backend behaves.").wait_for()
        assert not page.locator("#spent").is_visible()


def test_a_fault_is_spent_when_its_time_is_over(browser: Browser, stage: Stage) -> None:
    """Though nothing happens then that the backend would tell."""
    with opened(browser, stage.backend.url) as page:
        uptime = page.evaluate("fetch('/_fake/health').then((answer) => answer.json()).then((said) => said.uptime)")
        stage.do(added(stage, FaultRule(fault=Status(status=503), between=(0, uptime + 1.5))))
        page.locator("#active-faults li").wait_for()
        page.get_by_text("1 spent").wait_for()
        assert page.locator("#active-faults li").count() == 0


def test_a_fault_can_be_for_one_run_alone(browser: Browser, stage: Stage) -> None:
    """The run that is looked at is offered; the others go on."""
    with opened(browser, stage.backend.url) as page:
        stage.post_event(1, {}, "one")
        stage.post_event(1, {}, "two")
        page.get_by_role("list", name="Runs").get_by_role("button", name="one").click()
        page.get_by_label("in", exact=True).select_option(label="run one")
        page.get_by_role("button", name="503 for the next 3 requests").click()
        page.get_by_text("in run one").first.wait_for()
        assert [stage.post_event(2, {}, run) for run in ("two", "one")] == [200, 503]


def test_looking_at_a_run_shows_its_requests_alone(browser: Browser, stage: Stage) -> None:
    """And all of them again by a click on All runs."""
    with opened(browser, stage.backend.url) as page:
        stage.post_event(1, {}, "one")
        stage.post_event(1, {}, "two")
        requests_of(page).nth(1).wait_for()
        page.get_by_role("list", name="Runs").get_by_role("button", name="one").click()
        requests_of(page).nth(1).wait_for(state="detached")
        assert requests_of(page).locator(".run").all_inner_texts() == ["one"]
        page.get_by_role("button", name="All runs").click()
        requests_of(page).nth(1).wait_for()


def test_a_run_is_shown_whole_among_many_requests_of_others(browser: Browser, stage: Stage) -> None:
    """Its requests are read back, those that were pushed out of the list of all runs too, and what is live follows."""
    with opened(browser, stage.backend.url, excused="ERR_CONNECTION") as page:
        stage.post_events(1, 2, "quiet")
        row(page, "events 1 to 2").wait_for()
        stage.do(stage.backend.go_down())
        stage.do(stage.backend.come_up())
        stage.post_all([b""] * 2_300, "busy")
        page.locator("#requests-older").get_by_text("not shown").wait_for()
        page.get_by_role("list", name="Runs").get_by_role("button", name="quiet").click()
        row(page, "events 1 to 2").wait_for()
        stage.post(event_line(3), "quiet")
        row(page, "event 3").wait_for()
        rows = page.locator("#requests button")
        assert rows.locator("time").first.inner_text() == "0.000"
        assert rows.locator(".sent, .words b").all_inner_texts() == [
            "events 1 to 2",
            "backend down",
            "backend up",
            "event 3",
        ]


def test_the_activity_of_a_run_is_live_filtered_and_told_in_full(browser: Browser, stage: Stage) -> None:
    """Events appear as they are accepted, by the prefix of their kind, and a click shows one whole."""
    with opened(browser, stage.backend.url) as page:
        stage.post_event(1, {"type": "turn.started", "deep": {"er": [1]}})
        page.get_by_role("list", name="Runs").get_by_role("button", name="demo").wait_for()
        page.get_by_role("tab", name="Activity").click()
        events = page.get_by_role("list", name="Events").get_by_role("button")
        events.filter(has_text="turn.started").wait_for()
        stage.post_event(2, {"type": "tool.called"})
        events.filter(has_text="tool.called").wait_for()
        page.get_by_label("Kinds that begin with").fill("turn.")
        events.filter(has_text="tool.called").wait_for(state="detached")
        stage.post_event(3, {"type": "tool.called"})
        stage.post_event(4, {"type": "turn.ended"})
        events.filter(has_text="turn.ended").wait_for()
        assert events.locator(".seq").all_inner_texts() == ["#1", "#4"]
        events.first.click()
        details = page.get_by_role("region", name="Event 1 of run demo")
        details.locator("pre").wait_for()
        assert '"er": [\n' in (details.locator("pre").text_content() or "")
        page.get_by_label("Kinds that begin with").fill("nothing")
        page.get_by_text('No event whose kind begins with "nothing".').wait_for()


def test_the_activity_is_of_all_runs_until_one_is_chosen(browser: Browser, stage: Stage) -> None:
    """Each event says of which run it is, and a click shows it whole."""
    with opened(browser, stage.backend.url) as page:
        page.get_by_role("tab", name="Activity").click()
        page.get_by_text("No event was accepted yet.").wait_for()
        stage.post_event(1, {"type": "turn.started"}, "one")
        stage.post_event(1, {"type": "tool.called", "of": "two"}, "two")
        events = page.get_by_role("list", name="Events").get_by_role("button")
        events.nth(1).wait_for()
        assert events.locator(".run").all_inner_texts() == ["one", "two"]
        assert page.locator("#of-run").inner_text() == "of all runs"
        events.last.click()
        details = page.get_by_role("region", name="Event 1 of run two")
        details.get_by_text('"of": "two"').wait_for()
        page.get_by_role("list", name="Runs").get_by_role("button", name="one").click()
        events.nth(1).wait_for(state="detached")
        events.filter(has_text="turn.started").wait_for()
        assert events.locator(".kind-of").all_inner_texts() == ["turn.started"]
        assert events.locator(".run").count() == 0
        page.get_by_role("button", name="All runs").click()
        events.nth(1).wait_for()
        page.get_by_label("Kinds that begin with").fill("tool.")
        events.filter(has_text="turn.started").wait_for(state="detached")
        events.filter(has_text="tool.called").wait_for()
        assert events.locator(".run").all_inner_texts() == ["two"]


def test_what_was_forgotten_is_counted_in_the_activity(browser: Browser) -> None:
    """Also under a filter, which nobody can tell how many of them would pass."""
    with staged(keep_last=10) as stage, opened(browser, stage.backend.url) as page:
        stage.post_events(1, 30)
        page.get_by_role("list", name="Runs").get_by_role("button", name="demo").click()
        page.get_by_role("tab", name="Activity").click()
        page.get_by_text("10 events; 20 older forgotten", exact=True).wait_for()
        page.locator("#kind-prefix").fill("nothing")
        page.get_by_text("among those that are kept; 20 older were forgotten.").wait_for()


def test_large_events_are_read_to_the_last_and_shown_in_part(browser: Browser, stage: Stage) -> None:
    """An answer of the backend holds few of them; the page goes on, and keeps but the beginning of each."""
    with opened(browser, stage.backend.url) as page:
        for seq in range(1, 13):
            stage.post_event(seq, {"word": "w" * 900_000})
        page.locator("#runs button").wait_for()
        page.get_by_role("tab", name="Activity").click()
        page.get_by_text("12 events", exact=True).wait_for()
        events = page.get_by_role("list", name="Events").get_by_role("button")
        events.filter(has_text="#12").click()
        page.get_by_role("region", name="Event 12").get_by_text("And 880,016 more characters.").wait_for()
        row(page, "event 12").wait_for(state="attached")


def test_the_details_of_a_request_are_all_that_is_known_of_it(browser: Browser, stage: Stage) -> None:
    """Its lines with what was decided, the token it came with, and the answer in full."""
    with opened(browser, stage.backend.url) as page:
        stage.post(event_line(1, word="first") + event_line(3))
        row(page, "409").click()
        details = page.get_by_role("region", name="Request 1: events 1 to 3")
        details.get_by_text("Bearer t").wait_for()
        assert details.locator(".lines li").all_inner_texts() == [
            '#1\naccepted\n{"word":"first"}',
            '#3\ngap\n{"n":3}',
        ]
        assert '{"error": "Expected sequence 2, got 3"' in details.inner_text()


def test_the_page_can_be_used_by_keyboard_alone(browser: Browser, stage: Stage) -> None:
    """Tab goes from part to part, arrows within a list, Enter opens, Escape closes, and the focus is always seen."""
    with opened(browser, stage.backend.url) as page:
        stage.post_all([event_line(seq) for seq in range(1, 31)])
        stage.post(event_line(1), "other")
        page.locator("#runs button").nth(1).wait_for()
        press = page.keyboard.press
        press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Lose the next answer"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        press("Enter")
        page.get_by_role("button", name="Remove fault 1").wait_for()
        page.get_by_role("button", name="Remove fault 1").focus()
        press("Space")
        page.get_by_text("None: the backend behaves.").wait_for()
        assert page.evaluate("document.activeElement.textContent") == "Lose the next answer"
        page.get_by_role("button", name="All runs").focus()
        press("Tab")
        press("ArrowDown")
        press("Enter")
        page.locator("#requests .run", has_text="other").wait_for(state="detached")
        page.get_by_role("tab", name="Requests").focus()
        press("ArrowRight")
        assert page.get_by_role("tab", name="Activity").get_attribute("aria-selected") == "true"
        press("ArrowLeft")
        press("Tab")
        focused = page.locator("#requests button:focus")
        press("Home")
        assert "event 1" in focused.inner_text()
        press("ArrowDown")
        press("ArrowDown")
        assert "event 3" in focused.inner_text()
        press("Enter")
        page.get_by_role("region", name="Request 3: event 3").wait_for()
        press("Escape")
        assert "event 3" in focused.inner_text()
        press("End")
        assert "event 30" in focused.inner_text()
        press("PageUp")
        press("PageDown")
        assert "event 30" in focused.inner_text()


def test_the_list_follows_the_newest_until_one_scrolls_away(browser: Browser, stage: Stage) -> None:
    """What is read stays in place meanwhile, and a button leads back."""
    with opened(browser, stage.backend.url) as page:
        stage.post_all([event_line(seq) for seq in range(1, 41)])
        row(page, "event 40").wait_for()
        newest = page.locator("#panel-requests .newest")
        assert not newest.is_visible()
        page.get_by_role("list", name="Requests").hover()
        page.mouse.wheel(0, -5_000)
        newest.wait_for()
        row(page, "200 up to 1").first.wait_for()
        stage.post(event_line(41))
        page.locator("#count-requests", has_text="41").wait_for()
        assert row(page, "event 41").count() == 0
        newest.click()
        row(page, "event 41").wait_for()
        assert not newest.is_visible()


def test_tab_leads_into_what_is_in_sight(browser: Browser, stage: Stage) -> None:
    """Into the last row of a list that follows its end, which it goes on doing; else into a row in sight."""
    with opened(browser, stage.backend.url) as page:
        stage.post_all([event_line(seq) for seq in range(1, 61)])
        row(page, "event 60").wait_for()
        focused = page.locator("#requests button:focus")
        page.get_by_role("tab", name="Requests").focus()
        page.keyboard.press("Tab")
        assert "event 60" in focused.inner_text()
        page.get_by_role("tab", name="Requests").focus()
        stage.post(event_line(61))
        row(page, "event 61").wait_for()
        assert not page.locator("#panel-requests .newest").is_visible()
        page.keyboard.press("Tab")
        assert "event 61" in focused.inner_text()
        page.get_by_role("tab", name="Requests").focus()
        page.locator("#requests").evaluate("(box) => box.scrollTo(0, box.scrollHeight / 2)")
        page.locator("#panel-requests .newest").wait_for()
        top = page.locator("#requests").evaluate("(box) => box.scrollTop")
        page.locator("#panel-requests .newest").focus()
        page.keyboard.press("Shift+Tab")
        assert page.locator("#requests").evaluate("(box) => box.scrollTop") == top
        assert focused.count() == 1


def test_a_full_history_is_shown_from_near_its_end(browser: Browser, stage: Stage) -> None:
    """What is older isn't replayed, and said to be there; a run that is chosen is shown whole."""
    bodies = [event_lines(first, first + 999) for first in range(1, 20_000, 1_000)]
    assert set(stage.post_all(bodies)) == {200}
    with opened(browser, stage.backend.url) as page:
        row(page, "events 19001 to 20000").wait_for()
        page.locator("#requests .mark", has_text="earlier").wait_for()
        assert page.locator("#count-accepted").inner_text() == "20,000"
        assert requests_of(page).count() < 20
        page.get_by_role("list", name="Runs").get_by_role("button", name="demo").click()
        row(page, "events 1 to 1000").wait_for()


def test_what_is_told_of_a_row_goes_when_that_goes(browser: Browser, stage: Stage) -> None:
    """The row is marked while it is looked at; another run or another list has other rows."""
    with opened(browser, stage.backend.url) as page:
        stage.post(event_line(1))
        row(page, "event 1").click()
        page.get_by_role("region", name="Request 1").wait_for()
        assert row(page, "event 1").get_attribute("aria-current") == "true"
        page.get_by_role("list", name="Runs").get_by_role("button", name="demo").click()
        assert not page.locator("#details").is_visible()
        row(page, "event 1").click()
        page.get_by_role("region", name="Request 1").wait_for()
        page.keyboard.press("Escape")
        page.locator("#requests [aria-current]").wait_for(state="detached")
        row(page, "event 1").click()
        page.get_by_role("tab", name="Activity").click()
        assert not page.locator("#details").is_visible()


def test_long_run_ids_are_told_apart(browser: Browser, stage: Stage) -> None:
    """Those that begin alike and end so, too; the whole is there on hover."""
    ids = [f"{'agent-run-' * 8}{number}-the-night" for number in (1, 2)]
    with opened(browser, stage.backend.url) as page:
        for run_id in ids:
            stage.post(event_line(1), run_id)
        names = page.locator("#runs .name")
        names.nth(1).wait_for()
        shown = names.all_inner_texts()
        assert len(set(shown)) == 2
        assert all("…" in name and name.endswith("-the-night") for name in shown)
        assert {names.nth(index).get_attribute("title") for index in (0, 1)} == set(ids)
        assert names.evaluate_all("(names) => names.every((name) => name.scrollWidth <= name.clientWidth)")


def test_the_page_says_that_the_backend_is_down_and_finds_it_again(browser: Browser, stage: Stage) -> None:
    """It reconnects by itself, and goes on where it was: no request is shown twice, none is missing."""
    with opened(
        browser, stage.backend.url, excused="ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET"
    ) as page:
        stage.post(event_line(1))
        row(page, "event 1").wait_for()
        stage.do(stage.backend.go_down())
        state(page, "backend is down, reconnecting").wait_for()
        page.get_by_role("button", name="Slow answers").click()
        page.get_by_text("The backend is down.").wait_for()
        stage.do(stage.backend.come_up())
        stage.post(event_line(2))
        state(page, "connected").wait_for()
        row(page, "event 2").wait_for()
        assert [sent for sent, *_ in told(requests_of(page))] == ["event 1", "event 2"]
        assert page.get_by_text("The backend is down.").count() == 0
        assert page.locator("#requests .mark b").all_inner_texts() == ["backend down", "backend up"]


def test_a_reset_of_the_backend_empties_the_page(browser: Browser, stage: Stage) -> None:
    """What the backend has forgotten is no longer shown, and what comes then is."""

    async def reset() -> None:
        stage.backend.reset()

    with opened(browser, stage.backend.url) as page:
        stage.post_events(1, 3)
        row(page, "events 1 to 3").wait_for()
        page.get_by_role("list", name="Runs").get_by_role("button", name="demo").click()
        row(page, "events 1 to 3").click()
        # What it asks of a run that is forgotten meanwhile is a 404, which a browser complains of.
        page.get_by_role("region", name="Request 1").get_by_text("Bearer t").wait_for()
        stage.do(reset())
        page.get_by_text("No request yet.").wait_for()
        assert page.get_by_role("button", name="All runs").get_attribute("aria-pressed") == "true"
        assert not page.locator("#details").is_visible()
        stage.post_events(1, 2)
        row(page, "events 1 to 2").wait_for()
        assert row(page, "events 1 to 2").get_by_text("again").count() == 0


def test_hostile_strings_are_text(browser: Browser, stage: Stage) -> None:
    """Markup from an event or a run's name is shown, runs nothing, and turns the direction of no other text."""
    with opened(browser, stage.backend.url) as page:
        stage.post_event(1, {"type": HOSTILE, HOSTILE: HOSTILE}, HOSTILE)
        stage.post_event(3, {}, HOSTILE)
        row(page, HOSTILE_AS_SHOWN, "409").click()
        page.get_by_role("region", name="Request 2").get_by_text("onerror").first.wait_for()
        page.get_by_role("tab", name="Activity").click()
        events = page.get_by_role("list", name="Events").get_by_role("button")
        events.filter(has_text=HOSTILE_AS_SHOWN).click()
        page.get_by_role("region", name="Event 1 of run").wait_for()
        page.get_by_role("list", name="Runs").get_by_role("button").click()
        page.get_by_label("in", exact=True).select_option(index=1)
        page.get_by_role("button", name="Slow answers").click()
        page.get_by_text("in run <img").first.wait_for()
        assert stage.backend.faults[0].rule.run_id == HOSTILE
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 1
        assert not re.search("[\u202e\u0007]", page.locator("body").inner_text())
        assert not is_too_wide(page)


def test_the_page_can_write_no_markup_at_all(browser: Browser, stage: Stage) -> None:
    """The policy that it is served with refuses it, be it by mistake."""
    with opened(browser, stage.backend.url, excused="TrustedHTML|trusted") as page:
        error = page.evaluate("() => { try { document.body.innerHTML = '<b>'; } catch (error) { return error.name; } }")
        assert error == "TypeError"


EVENTS, PER_REQUEST = 100_000, 1_000


def test_a_hundred_thousand_events_stay_fluid(browser: Browser, stage: Stage) -> None:
    """What is in the document, and what is done to it, doesn't grow with the events, but with what is in sight."""
    with opened(browser, stage.backend.url) as page:
        page.evaluate(
            """() => {
                window.added = 0;
                const count = (changes) => { for (const change of changes) window.added += change.addedNodes.length; };
                new MutationObserver(count).observe(document.body, { childList: true, subtree: true });
                window.long = 0;
                new PerformanceObserver((list) => { window.long += list.getEntries().length; })
                    .observe({ type: "longtask" });
            }"""
        )
        bodies = [event_lines(first, first + PER_REQUEST - 1) for first in range(1, EVENTS + 1, PER_REQUEST)]
        assert set(stage.post_all(bodies)) == {200}
        page.locator("#count-accepted", has_text="100,000").wait_for()
        row(page, "events 99001 to 100000", "200 up to 100000").wait_for()
        page.get_by_role("list", name="Runs").get_by_role("button", name="demo").click()
        page.get_by_role("tab", name="Activity").click()
        events = page.get_by_role("list", name="Events").get_by_role("button")
        events.filter(has_text="#100000").wait_for()
        page.get_by_text("5,000 events; 95,000 older not shown").wait_for()
        assert page.evaluate("document.querySelectorAll('*').length") < 1_500
        assert page.evaluate("window.added") < EVENTS / 2
        assert page.evaluate("window.long") < EVENTS / 1_000
        page.get_by_role("list", name="Events").get_by_role("button").last.focus()
        page.keyboard.press("Home")
        events.filter(has_text="#95001").wait_for()
        assert page.evaluate("document.querySelectorAll('*').length") < 1_500


def test_three_thousand_requests_are_kept_within_bounds(browser: Browser, stage: Stage) -> None:
    """The oldest go, and the page says how many; on a narrow screen too."""
    with opened(browser, stage.backend.url, width=NARROW) as page:
        stage.post_all([b""] * 3_000)
        page.locator("#count-requests", has_text="3,000").wait_for()
        older = page.locator("#requests-older")
        older.filter(has_text="older rows are not shown").wait_for()
        page.get_by_role("list", name="Requests").get_by_role("button").last.focus()
        page.keyboard.press("Home")
        kept = int(page.locator("#requests li").first.get_attribute("aria-setsize") or 0)
        assert 2_000 <= kept <= 2_200
        assert older.inner_text() == f"{3_000 - kept:,} older rows are not shown"
        assert page.evaluate("document.querySelectorAll('*').length") < 1_500


def test_a_thousand_runs_are_no_thousand_rows(browser: Browser, stage: Stage) -> None:
    """Of many runs, those in sight are drawn."""
    with opened(browser, stage.backend.url) as page:
        for number in range(1_000):
            stage.post(b"", f"run-{number}")
        page.locator("#count-runs", has_text="1,000").wait_for()
        page.locator("#runs li").first.wait_for()
        assert page.locator("#runs li").count() < 50
        assert page.locator("#runs li").first.get_attribute("aria-setsize") == "1000"


@pytest.mark.parametrize("width", [320, NARROW, 768, WIDE, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_never_wider_than_the_screen_and_can_be_read(
    browser: Browser, stage: Stage, width: int, scheme: Any
) -> None:
    """With long names, everything opened, in light and in dark; every text stands out from what is behind it."""
    with opened(browser, stage.backend.url, width=width, color_scheme=scheme) as page:
        page.get_by_role("button", name="503 for the next 3 requests").click()
        page.get_by_role("button", name="Lose the next answer").click()
        page.get_by_role("button", name="Remove fault 2").wait_for()
        stage.post_all([event_line(1)] * 3 + [event_line(7), b""], "a-run-with-a-name-" + "x" * 100)
        stage.post_event(1, {"type": "kind" * 30, "word": "w" * 500}, "demo")
        row(page, "409").wait_for()
        page.locator("#runs button").nth(1).wait_for()
        page.locator("#custom summary").first.click()
        assert not is_too_wide(page)
        assert page.evaluate(CONTRASTS) == []
        page.get_by_role("tab", name="Activity").click()
        events = page.get_by_role("list", name="Events").get_by_role("button")
        events.first.click()
        assert not is_too_wide(page)
        assert page.evaluate(CONTRASTS) == []
        assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 23, 28)") is (
            scheme == "dark"
        )


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
    for (const each of document.querySelectorAll("header *, main *")) {
        const isText = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!isText || !each.getClientRects().length) continue;
        const [a, b] = [light(getComputedStyle(each).color), light(ground(each))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) poor.push([each.className, each.textContent]);
    }
    return poor;
}"""


@pytest.mark.parametrize("width", [NARROW, 390, 768])
def test_in_one_column_the_requests_come_first(browser: Browser, stage: Stage, width: int) -> None:
    """For the eye and for the Tab key; on a wide screen what makes it fail is above all again."""
    with opened(browser, stage.backend.url, width=width, height=844) as page:
        stage.post(event_line(1))
        requests, presets = row(page, "event 1"), page.get_by_role("button", name="Lose the next answer")
        requests.wait_for()
        request_box, preset_box = requests.bounding_box(), presets.bounding_box()
        assert request_box is not None
        assert preset_box is not None
        assert request_box["y"] < 844 / 3
        assert request_box["y"] < preset_box["y"]
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Requests"
        page.set_viewport_size({"width": WIDE, "height": 800})
        page.locator("main > .classics:first-child").wait_for()


def test_who_wants_no_motion_sees_none(browser: Browser, stage: Stage) -> None:
    """A request under way blinks, unless the system says that nothing should."""
    for motion, name in (("no-preference", "waiting"), ("reduce", "none")):
        with opened(browser, stage.backend.url, reduced_motion=motion) as page:
            page.evaluate("document.querySelector('#requests').append(document.createElement('i'))")
            page.evaluate(
                """() => {
                    const way = Object.assign(document.createElement("p"), { className: "open" });
                    way.append(Object.assign(document.createElement("i"), { className: "back" }));
                    document.body.append(way);
                }"""
            )
            assert page.evaluate("getComputedStyle(document.querySelector('p.open .back')).animationName") == name


def test_only_the_files_of_the_page_are_given() -> None:
    """By their names; everything else is none of it, the module that gives them included."""
    body, headers = page_file("index.html") or (b"", {})
    assert body.startswith(b"<!doctype html>")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"] == POLICY
    assert [page_file(name) for name in ("", "__init__.py", "../backend.py", "nothing.js", ".")] == [None] * 5


def test_nothing_in_the_page_writes_markup_or_is_elsewhere() -> None:
    """Its files use no call that makes elements of text, and name no other server."""
    names = [file.name for file in files("fake_backend.page").iterdir()]
    bodies = {name: found[0].decode() for name in names if (found := page_file(name)) is not None}
    assert {"index.html", "page.css", "main.js"} <= set(bodies)
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://(?!www\.w3\.org/2000/svg)"
    )
    assert [name for name, body in bodies.items() if forbidden.search(body)] == []


def test_any_fault_can_be_put_together_in_the_form(browser: Browser, stage: Stage) -> None:
    """Its keys come from the catalogue, and what is wrong is told in the backend's words."""
    with opened(browser, stage.backend.url, excused="400") as page:
        page.get_by_text("Add any other fault").click()
        form = page.locator("#fault-form")
        form.get_by_label("kind", exact=True).select_option("status")
        form.get_by_label("status *").fill("99")
        form.get_by_label("status *").press("Enter")
        form.get_by_role("alert").filter(has_text="status is 99; an answer has one from 200 to 599").wait_for()
        assert page.evaluate("document.activeElement.name") == "status"
        assert form.get_by_label("status *").get_attribute("aria-invalid") == "true"
        alert = form.get_by_role("alert").bounding_box()
        assert alert is not None
        assert 0 <= alert["y"] < 800
        form.get_by_label("status *").fill("429")
        form.get_by_label("headers").fill('{"Retry-After": "2"}')
        form.get_by_label("phase").select_option("after-lines")
        form.get_by_label("lines").fill("1")
        form.get_by_label("of", exact=True).select_option("data")
        form.get_by_label("times").fill("1")
        form.get_by_text("More on which requests").click()
        form.get_by_label("requests").fill("1, 2")
        page.keyboard.press("Enter")
        page.get_by_text("Added: status 429").wait_for()
        assert form.get_by_role("alert").inner_text() == ""
        (active,) = stage.backend.faults
        assert active.rule == FaultRule(
            fault=Status(status=429, headers={"Retry-After": "2"}, phase="after-lines", lines=1),
            of="data",
            times=1,
            requests=(1, 2),
        )
        form.get_by_label("kind", exact=True).select_option("poison")
        assert form.get_by_label("containing *").input_value() != ""
        assert form.get_by_label("status").locator("option").all_inner_texts() == ["(400)", "400", "413"]


def test_the_form_knows_every_kind_and_takes_its_example(browser: Browser, stage: Stage) -> None:
    """Whichever is chosen, what must be filled in is filled in with what makes sense."""
    with opened(browser, stage.backend.url) as page:
        page.get_by_text("Add any other fault").click()
        kinds = page.locator("#fault-kind option").all_inner_texts()
        assert set(kinds) == {kind.kind for kind in catalogue().kinds}
        for number, kind in enumerate(kinds, start=1):
            page.locator("#fault-kind").select_option(kind)
            page.get_by_role("button", name="Add this fault").click()
            page.get_by_role("button", name=f"Remove fault {number}: {kind}").wait_for()
        assert len(stage.backend.faults) == len(kinds)
