"""A backend of the wire protocol that takes events faithfully and misbehaves on request.

    from fake_backend import FakeBackend, FaultRule, ResetPeer

    # The answer to the first request that carries events is lost: all was taken, and the sender doesn't know.
    lost_answer = FaultRule(fault=ResetPeer(phase="after-accept"), of="data", requests=(1,))

    async with FakeBackend(faults=[lost_answer]) as backend:
        await send_three_events(backend.ingest_url("demo"))
        assert backend.run("demo").last_accepted_seq == 3

What happened is in `backend.history`, as records: everything that came in, was decided, or went out.
"""

from fake_backend.backend import FakeBackend, RunView
from fake_backend.control import RunState
from fake_backend.errors import FakeBackendError, FaultFileError, ListenError, UnknownRunError
from fake_backend.faults import (
    Bandwidth,
    BufferRequest,
    CloseOnReuse,
    CompletedElsewhere,
    Down,
    Duplicate,
    ExpireToken,
    Fault,
    FaultRule,
    Fence,
    ForeignWriter,
    Forget,
    IdleCut,
    LateAccept,
    Latency,
    LimitData,
    Overlap,
    Partial,
    Phase,
    PhasedFault,
    Poison,
    RequestKind,
    ResetPeer,
    Slicer,
    SlowClose,
    Stall,
    Status,
    Stream,
    Timeout,
)
from fake_backend.faults.plan import ActiveFault
from fake_backend.protocol.ingest import Limits
from fake_backend.records import (
    AnswerSent,
    BackendCameUp,
    BackendRecord,
    BackendWentDown,
    BodyEnded,
    BreakCause,
    CompletionDecision,
    CompletionReceived,
    FaultStruck,
    LineDecision,
    LineReceived,
    RequestBroken,
    RequestStarted,
    StateSet,
    decode_record,
    encode_record,
)

__all__ = [
    "ActiveFault",
    "AnswerSent",
    "BackendCameUp",
    "BackendRecord",
    "BackendWentDown",
    "Bandwidth",
    "BodyEnded",
    "BreakCause",
    "BufferRequest",
    "CloseOnReuse",
    "CompletedElsewhere",
    "CompletionDecision",
    "CompletionReceived",
    "Down",
    "Duplicate",
    "ExpireToken",
    "FakeBackend",
    "FakeBackendError",
    "Fault",
    "FaultFileError",
    "FaultRule",
    "FaultStruck",
    "Fence",
    "ForeignWriter",
    "Forget",
    "IdleCut",
    "LateAccept",
    "Latency",
    "LimitData",
    "Limits",
    "LineDecision",
    "LineReceived",
    "ListenError",
    "Overlap",
    "Partial",
    "Phase",
    "PhasedFault",
    "Poison",
    "RequestBroken",
    "RequestKind",
    "RequestStarted",
    "ResetPeer",
    "RunState",
    "RunView",
    "Slicer",
    "SlowClose",
    "Stall",
    "StateSet",
    "Status",
    "Stream",
    "Timeout",
    "UnknownRunError",
    "decode_record",
    "encode_record",
]
