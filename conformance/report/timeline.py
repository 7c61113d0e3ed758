"""Makes a timeline from a history: its rows, cut to what matters, and what lasted from row to row."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from conformance.evidence.history import BackendCameUp, BackendWentDown, NetworkTrouble
from conformance.evidence.index import Index
from conformance.report.model import Omission, Span, Timeline
from conformance.report.rows import Teller, drafts_of
from fake_backend.records import AnswerSent, RequestBroken, RequestStarted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from conformance.evidence.history import History
    from conformance.report.model import Moment
    from conformance.report.rows import Draft

_NOT_WORTH_LEAVING_OUT = 2


def timeline_of(history: History, marked: Mapping[int, str], *, most: int) -> Timeline:
    """Return the timeline of a history, in which the records at the places of `marked` have those letters.

    A history of more than `most` rows is cut: what is drawn is the neighborhood of the marked records, with the
    beginnings and ends of their requests; its beginning and its end where none is marked.
    """
    index = Index(history)
    drafts = drafts_of(history.records, marked)
    anchors = {row for row, draft in enumerate(drafts) if any(place in marked for place in draft.places)}
    kept = _excerpt(len(drafts), anchors, _companions(drafts, anchors), most)
    teller = Teller(index, marked)
    began = history.began
    rows: list[Moment | Omission] = []
    where: list[int] = []
    """For each draft, the row that it is in."""
    for row, draft in enumerate(drafts):
        if row in kept:
            rows.append(teller.moment(draft))
        elif rows and isinstance(last := rows[-1], Omission):
            rows[-1] = Omission(at=last.at, until=draft.records[-1].time - began, moments=last.moments + 1)
        else:
            rows.append(Omission(at=draft.first.time - began, until=draft.records[-1].time - began, moments=1))
        where.append(len(rows) - 1)
    spans = tuple(
        Span(kind=span.kind, lane=span.lane, first=where[span.first], last=where[span.last], label=span.label)
        for span in _spans(drafts)
        if any(row in kept for row in range(span.first, span.last + 1))
    )
    return Timeline(rows=tuple(rows), spans=spans, moments=len(drafts))


def _excerpt(count: int, anchors: set[int], companions: set[int], most: int) -> set[int]:
    """Return the rows that are drawn: as much around the anchors as fits."""
    if count <= most:
        return set(range(count))
    centres = anchors or {0, count - 1}
    kept = wider = centres | companions
    radius = 0
    while len(wider) <= most:
        kept, radius = wider, radius + 1
        wider = kept | {row + by for row in centres for by in (-radius, radius) if 0 <= row + by < count}
    ordered = sorted(kept)
    for row, following in zip([-1, *ordered], [*ordered, count], strict=True):
        if following - row - 1 <= _NOT_WORTH_LEAVING_OUT:
            kept.update(range(row + 1, following))
    return kept


def _companions(drafts: list[Draft], anchors: Iterable[int]) -> set[int]:
    """Return the beginnings and ends of the requests of some rows, which can't be understood without."""
    wanted = {number for row in anchors if (number := getattr(drafts[row].first, "request", None)) is not None}
    return {
        row
        for row, draft in enumerate(drafts)
        if isinstance(draft.first, RequestStarted | AnswerSent | RequestBroken) and draft.first.request in wanted
    }


def _spans(drafts: list[Draft]) -> Iterator[Span]:
    """Return what lasted from draft to draft, in the order of beginnings; what never ended lasts to the last."""
    ends: dict[int, int] = {}
    """The row in which a request was over for its client."""
    for row, draft in enumerate(drafts):
        if isinstance(draft.first, AnswerSent | RequestBroken):
            ends.setdefault(draft.first.request, row)
    ups = [row for row, draft in enumerate(drafts) if isinstance(draft.first, BackendCameUp)]
    times = [draft.first.time for draft in drafts]
    for row, draft in enumerate(drafts):
        match first := draft.first:
            case RequestStarted():
                over = max(ends.get(first.request, len(drafts) - 1), row)
                yield Span(kind="request", lane="backend", first=row, last=over, label=f"request {first.request}")
            case BackendWentDown():
                up = bisect_right(ups, row)
                over = ups[up] if up < len(ups) else len(drafts) - 1
                yield Span(kind="outage", lane="backend", first=row, last=over, label="the backend is down")
            case NetworkTrouble(seconds=seconds) if seconds:
                over = max(bisect_right(times, first.time + seconds) - 1, row)
                yield Span(kind="trouble", lane="network", first=row, last=over, label=first.what)
