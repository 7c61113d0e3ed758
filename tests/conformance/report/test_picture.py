"""Where the rows of a timeline are drawn."""

from __future__ import annotations

import pytest

from conformance.evidence.history import BackendWentDown
from conformance.report.layout import PlacedOmission, picture_of
from conformance.report.timeline import timeline_of
from fake_backend.records import RequestStarted
from tests.conformance.report.by_hand import doubled
from tests.conformance.story import Story, event


def test_time_goes_downward_and_everything_is_inside() -> None:
    """Each row is below the one before, and the picture is high enough for the last."""
    picture = picture_of(timeline_of(doubled().history(), {}, most=100))
    heights = [row.y for row in picture.rows]
    assert heights == sorted(set(heights))
    assert heights[-1] < picture.height


@pytest.mark.parametrize(("pause", "breaks"), [(0.9, []), (1.1, [1.1]), (86_400.0, [86_400.0])])
def test_a_long_idle_stretch_is_a_break_that_says_how_long(pause: float, breaks: list[float]) -> None:
    """Up to a second is drawn as long as it is; a day takes no more room than two seconds."""
    story = Story(now=0.0).open().wait(pause).open(2)
    picture = picture_of(timeline_of(story.history(), {}, most=100))
    assert [each.seconds for each in picture.breaks] == breaks
    assert picture.height < 200


def test_a_longer_pause_is_drawn_longer_while_it_is_short() -> None:
    """Within a second, the distance grows with the time."""
    heights = [
        picture_of(timeline_of(Story(now=0.0).open().wait(pause).open(2).history(), {}, most=9)).height
        for pause in (0.0, 0.3, 0.9)
    ]
    assert heights == sorted(set(heights))


def test_rows_that_are_left_out_have_a_place_of_their_own() -> None:
    """It is between its neighbors."""
    story = Story().open()
    for n in range(1, 100):
        story.request((n, event(n)), last=n)
    rows = picture_of(timeline_of(story.history(), {}, most=10)).rows
    (place,) = [place for place, row in enumerate(rows) if isinstance(row, PlacedOmission)]
    assert rows[place - 1].y < rows[place].y < rows[place + 1].y


def test_requests_that_overlap_are_drawn_side_by_side() -> None:
    """Three requests in flight at a time can be told apart; what isn't a request stays on its lane."""
    story = Story().request(last=0).request(last=0).request(last=0)
    story.records = [record for record in story.records if isinstance(record, RequestStarted)]
    story.write(BackendWentDown(time=2.0))
    spans = picture_of(timeline_of(story.history(), {}, most=9)).spans
    assert [(span.span.kind, span.aside) for span in spans] == [
        ("request", 0),
        ("request", 5),
        ("request", 10),
        ("outage", 0),
    ]


def test_requests_that_follow_each_other_are_drawn_on_one_line() -> None:
    """What has ended makes room."""
    story = Story().request(last=0).request(last=0).request(last=0)
    assert {span.aside for span in picture_of(timeline_of(story.history(), {}, most=99)).spans} == {0}
