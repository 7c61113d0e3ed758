"""A backend of the wire protocol that takes events faithfully and misbehaves on request.

    from fake_backend import FakeBackend, FaultRule, ResetPeer

    # The answer to the first request that carries events is lost: all was taken, and the sender doesn't know.
    lost_answer = FaultRule(fault=ResetPeer(phase="after-accept"), of="data", requests=(1,))

    async with FakeBackend(faults=[lost_answer]) as backend:
        await send_three_events(backend.ingest_url("demo"))
        assert backend.run("demo").last_accepted_seq == 3

What happened is in `backend.history`, as records: everything that came in, was decided, or went out.

Here is what most tests need. All kinds of faults are in `fake_backend.faults`, and all records in
`fake_backend.records`.
"""

from typing import TYPE_CHECKING

from fake_backend import faults, records
from fake_backend.backend import FakeBackend, RunView
from fake_backend.control import RunState
from fake_backend.errors import FakeBackendError, FaultFileError, ListenError, UnknownRunError
from fake_backend.faults import Fault, FaultRule, Latency, ResetPeer, Status
from fake_backend.faults.plan import ActiveFault
from fake_backend.protocol.ingest import Limits
from fake_backend.records import AnswerSent, BackendRecord

__all__ = [
    "ActiveFault",
    "AnswerSent",
    "BackendRecord",
    "FakeBackend",
    "FakeBackendError",
    "Fault",
    "FaultFileError",
    "FaultRule",
    "Latency",
    "Limits",
    "ListenError",
    "ResetPeer",
    "RunState",
    "RunView",
    "Status",
    "UnknownRunError",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Give the other faults and records, which programs that are older than their namespaces import from here."""
        for namespace in (faults, records):
            if name in namespace.__all__:
                return getattr(namespace, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
