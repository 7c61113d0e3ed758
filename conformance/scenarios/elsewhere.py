"""Changes of a run behind the sender's back: lost state, other writers, a proxy's doubts, tokens that expire."""

from __future__ import annotations

from conformance.harness.scenario import Scenario
from conformance.scenarios.scripts import on_data, two_bursts
from fake_backend.faults import (
    CloseOnReuse,
    CompletedElsewhere,
    Down,
    Duplicate,
    ExpireToken,
    Fence,
    ForeignWriter,
    Forget,
    LateAccept,
)

SCENARIOS = (
    Scenario(
        name="state-that-is-lost-under-a-window",
        rules=("SEQ-2", "DLV-1", "DLV-2", "DLV-3"),
        story="As the second window arrives the run falls back from 8 to 5, and the window is answered with 409.",
        script=two_bursts,
        faults=(on_data(Forget(last_accepted_seq=5), 2),),
    ),
    Scenario(
        name="another-writer-under-a-window",
        rules=("DLV-5",),
        story="As the second window arrives another writer takes its first three numbers; the 200 says `duplicate`.",
        script=two_bursts,
        faults=(on_data(ForeignWriter(numbers=3), 2),),
    ),
    Scenario(
        name="a-window-that-a-proxy-delivered-twice",
        rules=("DLV-5", "DLV-1", "DLV-2"),
        story="The first window reaches the backend twice, and the answer that comes back calls all of it duplicates.",
        script=two_bursts,
        faults=(on_data(Duplicate(), 1),),
    ),
    *(
        Scenario(
            name=f"a-window-that-a-proxy-gave-up-on-and-{what}",
            rules=("SEQ-3", "RTY-1", "DLV-1", "DLV-2", "DLV-3"),
            story=f"A proxy {what.replace('-', ' ')} instead of waiting; the backend takes the window a little later.",
            script=two_bursts,
            faults=(on_data(LateAccept(seconds=0.3, status=status), 1),),
        )
        for what, status in {"answered-504": 504, "reset-its-connection": None}.items()
    ),
    Scenario(
        name="connections-that-are-reset-as-they-are-used-again",
        rules=("DLV-1", "DLV-2", "DLV-3"),
        story="The kept-alive connection ends just as the second window starts, and again after that was taken.",
        script=two_bursts,
        faults=(on_data(CloseOnReuse(), 1, 2),),
    ),
    Scenario(
        name="a-backend-that-goes-down-with-a-window",
        rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        story="The backend takes the second window, and goes down for two seconds before it could say so.",
        script=two_bursts,
        faults=(on_data(Down(seconds=2.0, phase="after-accept"), 2),),
    ),
    Scenario(
        name="completed-by-someone-else-under-a-window",
        rules=("DRN-11", "DLV-1"),
        story="As the second window arrives someone else completes the run; it is answered with 409.",
        script=two_bursts,
        faults=(on_data(CompletedElsewhere(), 2),),
    ),
    Scenario(
        name="a-token-that-expires",
        rules=("RTY-6", "DLV-1", "DRN-3"),
        story="The token expires as the second window arrives: that and all after it is answered 401.",
        script=two_bursts,
        faults=(on_data(ExpireToken(), 2),),
    ),
    Scenario(
        name="a-run-that-is-fenced",
        rules=("RTY-6", "DLV-1", "DRN-3"),
        story="A successor fences the run as the second window arrives: that and all after it is answered 403.",
        script=two_bursts,
        faults=(on_data(Fence(epoch=1), 2),),
    ),
)
