"""Which requests rules choose is held against a model, in which each selector is a sentence of its own."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from fake_backend import FakeBackend, FaultRule, Latency, ResetPeer
from fake_backend.faults import RequestKind, Slicer
from tests.fake_backend.virtual_time import in_virtual_time, now
from tests.fake_backend.wire import client_of, completion_line, event_lines

HARMLESS: Final = (Latency(seconds=0.0), Slicer(size=999), ResetPeer(phase="after-lines", lines=99))
"""Faults that change nothing of what is posted here: what is looked at is which requests they are chosen for."""


@dataclass(frozen=True)
class Post:
    """A request to a run, after a pause: with so many events that come next, or with a completion, or with nothing."""

    run: str
    kind: Literal["sync", "data", "completion"]
    events: int
    pause: float


@dataclass(frozen=True)
class Drop:
    """Take away one of the rules, if there are any, or all."""

    which: int | Literal["all"]


Step = Post | Drop | FaultRule

_SELECTORS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "of": st.sampled_from(["sync", "data", "completion"]),
    "requests": st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple),
    "every": st.integers(1, 3),
    "events": st.lists(st.integers(1, 12), min_size=1, max_size=3).map(tuple),
    "probability": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    "between": st.sampled_from([(0.0, 5.0), (3.0, 9.0), (2.0, 4.0)]),
    "times": st.integers(1, 3),
    "run_id": st.sampled_from(["a", "b"]),
}
_RULES: Final = st.builds(
    lambda fault, selectors: FaultRule(fault=fault, **selectors),
    st.sampled_from(HARMLESS),
    # Few at a time, or hardly a request would be chosen.
    st.lists(st.sampled_from(sorted(_SELECTORS)), max_size=3, unique=True)
    .filter(lambda names: not {"of", "events"} <= set(names))
    .flatmap(lambda names: st.fixed_dictionaries({name: _SELECTORS[name] for name in names})),
)
_POSTS: Final = st.builds(
    Post,
    run=st.sampled_from(["a", "a", "b"]),
    kind=st.sampled_from(["sync", "data", "data", "data", "completion"]),
    events=st.integers(1, 3),
    pause=st.sampled_from([0.0, 0.0, 1.0]),
)
_STEPS: Final = st.builds(
    lambda rules, steps: [*rules, *steps],
    st.lists(_RULES, max_size=4),
    st.lists(
        st.one_of(_POSTS, _POSTS, _POSTS, _POSTS, _POSTS, _RULES, st.builds(Drop, st.integers(0, 3) | st.just("all"))),
        min_size=4,
        max_size=12,
    ),
)


@dataclass
class Chosen:
    """A rule of the model, and how often it was chosen."""

    rule: FaultRule
    times: int = 0


@dataclass
class Model:
    """What the rules are, and what they have to go by; chances are learnt as they show, and never contradict."""

    rules: dict[int, Chosen] = field(default_factory=dict)
    posts: Counter[tuple[str, RequestKind]] = field(default_factory=Counter)
    draws: dict[tuple[str, int, str, str, int], tuple[float, float]] = field(default_factory=dict)

    def post(self, post: Post, carried: range, uptime: float, struck: Iterable[int]) -> None:
        """Count a request, and hold which rules were chosen for it against what may be."""
        chosen = set(struck)
        kinds: tuple[RequestKind, ...] = ("any", post.kind)
        self.posts.update((post.run, kind) for kind in kinds)
        for number, each in self.rules.items():
            index = self.posts[post.run, each.rule.of]
            if not self._may_choose(each, post, index, carried, uptime):
                assert number not in chosen, (each, post)
            elif each.rule.probability is None:
                assert number in chosen, (each, post)
            else:
                self._draw(each.rule, post.run, index, is_chosen=number in chosen)
            each.times += number in chosen
        assert chosen <= set(self.rules)

    def _may_choose(self, each: Chosen, post: Post, index: int, carried: range, uptime: float) -> bool:
        rule = each.rule
        start, end = rule.between or (0.0, float("inf"))
        return all(
            (
                rule.of in {"any", post.kind},
                rule.run_id in {None, post.run},
                index in (rule.requests or (index,)),
                index % rule.every == 0,
                not rule.events or any(seq in carried for seq in rule.events),
                start <= uptime < end,
                rule.times is None or each.times < rule.times,
            )
        )

    def _draw(self, rule: FaultRule, run: str, index: int, *, is_chosen: bool) -> None:
        """Narrow down what was drawn for a request: below the probability if it is chosen, else not."""
        assert rule.probability is not None
        key = (type(rule.fault).__name__, rule.seed, run, rule.of, index)
        least, most = self.draws.get(key, (0.0, 1.0))
        if is_chosen:
            most = min(most, rule.probability)
        else:
            least = max(least, rule.probability)
        self.draws[key] = (least, most)
        assert least < most, (rule, run, index)


@settings(deadline=None, max_examples=200)
@given(steps=_STEPS)
def test_rules_choose_the_requests_that_all_their_selectors_choose(steps: Sequence[Step]) -> None:
    """Whatever rules come and go, and whatever is posted: each is chosen when it should be, and never else."""

    @in_virtual_time
    async def play() -> None:
        model = Model()
        async with FakeBackend() as backend, client_of(backend) as client:
            began = now()
            for step in steps:
                match step:
                    case FaultRule():
                        model.rules[backend.add_fault(step)] = Chosen(step)
                    case Drop("all"):
                        backend.clear_faults()
                        model.rules.clear()
                    case Drop(place):
                        for number in [*model.rules][int(place) :][:1]:
                            backend.remove_fault(number)
                            del model.rules[number]
                    case Post():
                        await asyncio.sleep(step.pause)
                        before = {each.number: each.struck for each in backend.faults}
                        last = backend.run(step.run).last_accepted_seq
                        carried = range(last + 1, last + 1 + (step.events if step.kind == "data" else 0))
                        body = {"sync": b"", "data": event_lines(last + 1, carried.stop - 1)}.get(
                            step.kind, completion_line(10**6)
                        )
                        uptime = now() - began
                        status, _ = await client.post(body, run=step.run)
                        assert status == (409 if step.kind == "completion" else 200)
                        assert backend.run(step.run).last_accepted_seq == carried.stop - 1
                        after = {each.number: each.struck - before[each.number] for each in backend.faults}
                        model.post(step, carried, uptime, [number for number, times in after.items() if times])
                        assert {each.number: each.struck for each in backend.faults} == {
                            number: each.times for number, each in model.rules.items()
                        }

    play()
