"""RTY: retry."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.evidence.describe import describe_fault
from conformance.evidence.history import BackendCameUp, NetworkTrouble
from conformance.evidence.protocol import NEVER_TAKEN, REFUSALS, TRANSIENT
from conformance.rules.streaks import most_within, pairs_alike, rows_of_failures
from fake_backend.faults import Stall

if TYPE_CHECKING:
    from conformance.evidence.exchanges import Request, Run, Sender
    from conformance.evidence.facts import Facts
    from conformance.rules.findings import Findings

_ATTEMPTS_AT_MOST = 10
_DELAYS = 10
_REQUESTS_AFTER_A_FINAL_ANSWER = 2
_REFUSALS_OF_A_POISON = 5
_ENOUGH_TO_TELL = 3
_LONG_ENOUGH = 30
_ROOM_TO_GROW = 10
"""A delay whose cap isn't so many times as long can neither grow nor keep attempts rare, whatever a sender does."""


def tries_again(facts: Facts, found: Findings) -> None:
    """RTY-1: it tries again after everything that may pass."""
    for sender, run in facts.index.pairs():
        for request in run.requests:
            if not _is_transient_failure(request):
                continue
            found.count()
            if (
                request is run.requests[-1]
                and _had_time(facts, sender, request.ended_at)
                and not _is_settled(facts, run)
                and not facts.outages.excuse(sender)
            ):
                found.violate(
                    f"request {request.number} failed in a way that may pass{request.how_it_broke}, "
                    "and it was never tried again",
                    request.started,
                    request.end,
                    *sender.returns[:1],
                )
        for record in facts.index.of(BackendCameUp):
            if not sender.accepted or not any(call.time < record.time < sender.stop_called for call in sender.accepted):
                continue
            found.count()
            if (
                not any(request.started.time > record.time for request in run.requests)
                and _had_time(facts, sender, record.time)
                and not _is_settled(facts, run)
                and not facts.outages.excuse(sender)
            ):
                found.violate("the backend was down for a while, and nothing was tried again", record)


def no_hot_loop(facts: Facts, found: Findings) -> None:
    """RTY-2: at most ten attempts in any ten retry delays of a failing backend."""
    delay = facts.settings.retry_delay
    if not _has_room_to_grow(facts):
        return
    for run in facts.index.runs.values():
        for row in rows_of_failures(facts, run):
            if len(row.attempts) < _ENOUGH_TO_TELL:
                continue
            found.count()
            hottest = most_within(row, _DELAYS * delay)
            if len(hottest) > _ATTEMPTS_AT_MOST:
                found.violate(
                    f"{len(hottest)} attempts within {_DELAYS} retry delays ({_DELAYS * delay:g} s) of a backend that "
                    f"fails at once; at most {_ATTEMPTS_AT_MOST} are allowed",
                    hottest[0].started,
                    hottest[_ATTEMPTS_AT_MOST].started,
                )


def retry_after_is_a_lower_bound(facts: Facts, found: Findings) -> None:
    """RTY-3: the next attempt comes no earlier than `Retry-After` asks for."""
    for run in facts.index.runs.values():
        for request, following in pairwise(run.requests):
            asked = request.retry_after
            if asked is None or not _is_transient_failure(request) or not facts.outages.was_heard(request):
                continue
            if following.began < request.ended or len(run.senders) > 1:
                continue
            found.count()
            waited = following.started.time - asked.time
            if waited < asked.seconds - facts.history.slack:
                found.violate(
                    f"an answer asked to wait {asked.seconds:.3g} s, and the next attempt came after {waited:.3g} s",
                    request.answer,
                    following.started,
                )


def delays_grow_and_differ(facts: Facts, found: Findings) -> None:
    """RTY-4: delays grow up to a cap, and two senders that fail together don't retry together."""
    if not _has_room_to_grow(facts):
        return
    rows = [
        row
        for run in facts.index.runs.values()
        for row in rows_of_failures(facts, run)
        # With full jitter a few short delays in a row are chance; many, until so much time has passed, are not.
        if row.is_plain
        and len(row.rests) >= 2 * _ENOUGH_TO_TELL
        and sum(row.rests) >= _LONG_ENOUGH * facts.settings.retry_delay
    ]
    for row in rows:
        found.count()
        first, last = max(row.rests[:2]), max(row.rests[len(row.rests) // 2 :])
        # A machine that was elsewhere makes a short delay look long.
        if row.is_fresh and last <= (first - facts.history.slack) * 1.05:
            found.violate(
                f"the delays don't grow: at first up to {first:.3g} s, later up to {last:.3g} s",
                row.attempts[1].started,
                row.attempts[-1].started,
            )
    for row, other in pairwise(rows):
        if pairs_alike(row, other) > len(row.rests) // 2:
            found.violate(
                "two senders that failed together waited for the same times: the delays are not jittered",
                row.attempts[1].started,
                other.attempts[1].started,
            )


def success_resets_the_delay(facts: Facts, found: Findings) -> None:
    """RTY-5: after a success, the first delay is short again."""
    # Some formulas of jitter draw the first delay from up to three times the configured one; and after an ambiguous
    # window the position is asked for until it stands still.
    settings = facts.settings
    first_delay = 3 * settings.retry_delay + settings.flush_delay + settings.settle_delay
    for run in facts.index.runs.values():
        for row in rows_of_failures(facts, run):
            if not row.after_success or not row.is_plain or len(row.attempts) < _ENOUGH_TO_TELL:
                continue
            found.count()
            # On the way lie the news of the failure, new connections, and a question or two.
            if row.rests[0] > first_delay + facts.history.slack + 6 * facts.history.round_trip:
                found.violate(
                    f"after a success, the first delay of a new failure is {row.rests[0]:.3g} s, as if none had been",
                    row.attempts[0].end,
                    row.attempts[1].started,
                )


def final_answers_are_final(facts: Facts, found: Findings) -> None:
    """RTY-6: after a 401, 403, 404 or 410 of the backend's own it stops asking."""
    for run in facts.index.runs.values():
        heard = [
            (each, each.answer)
            for each in run.requests
            if each.answer is not None and each.is_final and facts.outages.was_heard(each)
        ]
        if not heard:
            continue
        found.count()
        final, answer = heard[0]
        successors = [each.opened for each in run.senders if each.opened.time > final.started.time]
        after = [
            each
            for each in run.requests
            if each.began > final.ended and not any(facts.index.is_before(other, each.started) for other in successors)
        ]
        if len(after) > _REQUESTS_AFTER_A_FINAL_ANSWER:
            found.violate(
                f"after a {answer.status} it went on asking: {len(after)} more requests", answer, after[-1].started
            )


def poison_is_singled_out(facts: Facts, found: Findings) -> None:
    """RTY-7: one event that the backend never takes does not hold up those behind it for ever."""
    for sender, run in facts.index.pairs():
        refused = [line for line in run.lines if line.decision in NEVER_TAKEN]
        if not refused:
            continue
        found.count()
        behind = facts.losses.of(sender)
        told = [line for line in refused if facts.index.requests[line.request].status in REFUSALS]
        # To find it takes a few refusals of each; more than that is no search.
        poisons = len([call for call in sender.accepted if facts.poison.includes(run, call)])
        is_stuck = len(told) > _REFUSALS_OF_A_POISON * max(poisons, 1) + len(sender.accepted) // 10
        if behind and (is_stuck or not facts.outages.excuse(sender)):
            found.violate(
                f"one event is refused again and again, and {len(behind)} others never reached the backend",
                refused[0],
                behind[-1],
            )


def the_timeout_covers_every_phase(facts: Facts, found: Findings) -> None:
    """RTY-8: a request that stalls, in whichever phase, is given up in time."""
    for sender, run in facts.index.pairs():
        for request in run.requests:
            if any(fault.takes_time for fault in request.faults):
                found.count()
                _check_that_it_was_given_up(facts, sender, request, found)
        _check_that_connecting_is_given_up(facts, sender, run, found)


def _check_that_it_was_given_up(facts: Facts, sender: Sender, request: Request, found: Findings) -> None:
    # A backend that doesn't read can't notice that its client has gone; the next request tells it, after a delay.
    following = [each for each in facts.index.run(sender.run_id).requests if each.began > request.began]
    later = [each.started.time - facts.outages.longest_delay for each in following]
    until = min(request.ended_at, *later, sender.stop_returned, facts.index.ended)
    took = until - request.started.time
    if took > facts.outages.longest_attempt and facts.outages.is_calm(request.started.time, until):
        fault = next(fault for fault in request.faults if fault.takes_time)
        what = f"stalled {fault.phase}" if isinstance(fault, Stall) else f"met {describe_fault(fault)}"
        found.violate(
            f"a request that {what} was held for {took:.3g} s; request_timeout is {facts.settings.request_timeout:g} s",
            request.started,
            request.end,
        )


def _check_that_connecting_is_given_up(facts: Facts, sender: Sender, run: Run, found: Findings) -> None:
    """Of what the network swallows the backend sees nothing; but it sees the next attempt, and when that comes."""
    missing = facts.losses.missing(sender)
    wanted = [call for call in sender.accepted if call not in missing] + facts.losses.of(sender)
    for trouble in facts.index.of(NetworkTrouble):
        over = trouble.time + trouble.seconds
        early = {facts.content(line.event) for line in run.lines if line.time < over}
        waiting = [call for call in wanted if call.time < over and facts.content(call.event) not in early]
        if not waiting or not trouble.seconds:
            continue
        until = over + facts.outages.longest_attempt + facts.outages.longest_delay
        asked = [each.retry_after for each in run.requests if each.started.time < over and each.retry_after is not None]
        until = max([until, *(each.time + each.seconds + facts.outages.longest_delay for each in asked)])
        if any(over <= request.started.time <= until or request.ended_at > over for request in run.requests):
            found.count()
            continue
        is_calm = not any(over < ended and began < until for began, ended in facts.outages.intervals)
        if is_calm and min(sender.stop_returned, facts.index.ended) >= until and not run.final_answers:
            found.count()
            found.violate(
                f"the network lost what was sent until {over:.3g} s, and {until - over:.3g} s after that nothing "
                f"had been tried again; request_timeout is {facts.settings.request_timeout:g} s",
                trouble,
                waiting[0],
            )


def downtime_is_waited_for(facts: Facts, found: Findings) -> None:
    """RTY-9: a backend that is down at the start, or for long, is waited for; nothing is lost meanwhile."""
    ups = facts.index.of(BackendCameUp)
    if not ups:
        return
    for sender in facts.index.senders.values():
        if sender.returns and facts.index.is_before(sender.returns[0], ups[-1]):
            continue
        before = [call for call in sender.accepted if call.time <= ups[-1].time]
        found.count(len(before))
        missing = [call for call in facts.losses.of(sender) if call in before]
        if missing and not facts.outages.excuse(sender):
            found.violate(
                f"the backend came up again, and {len(missing)} events from before never got there", ups[-1], missing[0]
            )


def _has_room_to_grow(facts: Facts) -> bool:
    return facts.settings.max_retry_delay >= _ROOM_TO_GROW * facts.settings.retry_delay


def _had_time(facts: Facts, sender: Sender, since: float) -> bool:
    """Whether a sender that wasn't stopped had time to try again before the history ended."""
    return bool(sender.stops) or facts.index.ended - since > facts.outages.longest_delay


def _is_transient_failure(request: Request) -> bool:
    if request.answer is not None:
        return request.answer.status in TRANSIENT or request.is_final_by_a_proxy
    return request.broken is not None


def _is_settled(facts: Facts, run: Run) -> bool:
    """Whether nothing was left to do in a run: all is there, and it is complete if that was asked for."""
    senders = [sender for sender in facts.index.senders.values() if sender.run_id == run.run_id]
    wanted = any(sender.stops[0].complete for sender in senders if sender.stops)
    told = run.completed is not None and facts.index.requests[run.completed.request].answer is not None
    return not any(facts.losses.of(sender) for sender in senders) and (told or not wanted)
