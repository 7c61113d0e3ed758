"""The load test, small: nothing is lost or taken twice, and what is wrong is told."""

import pytest

from benchmarks.load import Load, Outcome, Taken, main, perform
from fake_backend.records import CompletionReceived, LineReceived

FEW = Load(runs=50, events=100, fault_share=0.1)


def test_many_runs_at_a_time_lose_nothing_and_have_nothing_twice() -> None:
    """Each run ends complete and in order, though every tenth request goes wrong."""
    outcome = perform(FEW)
    assert outcome.lost(FEW) == []
    assert outcome.taken.last == {f"run-{number}": 100 for number in range(50)}
    assert outcome.taken.struck > 0


def _line(run: str, place: int) -> LineReceived:
    event = {"run": run, "place": place}
    return LineReceived(time=0.0, request=1, run_id="run-0", size=1, decision="accepted", seq=1, event=event)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "run run-0: 0 of 2 events were taken"),
        ([("run-0", 1)], "run run-0: 1 of 2 events were taken"),
        ([("run-0", 2), ("run-0", 1)], "run run-0: event 2 was taken where 1 was next"),
        ([("run-0", 1), ("run-0", 1)], "run run-0: event 1 was taken where 2 was next"),
        ([("run-0", 1), ("run-1", 2)], "run run-0: event 2 was taken where 2 was next"),
        ([("run-0", 1), ("run-0", 2)], "0 of 1 runs were completed"),
    ],
)
def test_what_is_lost_or_out_of_order_is_told(lines: list[tuple[str, int]], told: str) -> None:
    """A load test that can't fail would show nothing."""
    taken = Taken()
    for run, place in lines:
        taken.note(_line(run, place))
    assert told in Outcome(seconds=1.0, taken=taken).lost(Load(runs=1, events=2))


def test_a_load_that_is_taken_whole_has_nothing_to_tell() -> None:
    """It is complete, too."""
    taken = Taken()
    for place in (1, 2):
        taken.note(_line("run-0", place))
    done = CompletionReceived(time=0.0, request=1, run_id="run-0", final_seq=2, by="line", decision="completed")
    taken.note(done)
    assert Outcome(seconds=1.0, taken=taken).lost(Load(runs=1, events=2)) == []


@pytest.mark.parametrize(
    "wrong", [["--runs", "0"], ["--events", "few"], ["--fault-share", "2"], ["--fault-share", "x"]]
)
def test_a_number_that_makes_no_sense_is_named(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With what would be right."""
    with pytest.raises(SystemExit):
        main(wrong)
    assert repr(wrong[1]) in capsys.readouterr().err
