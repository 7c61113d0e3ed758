"""The control API of a fake backend in another process, as Python.

async with ControlClient("http://127.0.0.1:8787") as control:
await control.add_fault(FaultRule(fault=Status(status=503), of="data", times=3))
...
assert (await control.run("demo")).last_accepted_seq == 10
await control.reset()
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from fake_backend.control.api import FaultEntry, Faults, Gap, Health, Records, RuleTable, Runs, RunState
from fake_backend.control.codec import convert, decode, encode
from fake_backend.errors import FakeBackendError
from fake_backend.faults import FaultRule
from fake_backend.faults.plan import ActiveFault
from fake_backend.records import BackendRecord, decode_record

T = TypeVar("T")

_PAGE: Final = 1_000
"""How many records or events are asked for at a time."""

_SILENCE: Final = 60.0
"""After how many seconds without as much as a comment a stream is given up."""


class ControlClient:
    """Asks the backend at `url`, for `timeout` seconds at the most each time.

    An async context manager. Every method raises FakeBackendError where the backend refuses, with what it said, and
    where it can't be reached.
    """

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def health(self) -> Health:
        """Tell that the backend is there, and how much it holds."""
        return await self._ask("GET", "/_fake/health", Health)

    async def faults(self) -> tuple[ActiveFault, ...]:
        """Give the rules of faults, and how many requests each has struck."""
        found = await self._ask("GET", "/_fake/faults", Faults)
        return tuple(ActiveFault(number=entry.id, rule=entry.rule.rule, struck=entry.struck) for entry in found.faults)

    async def add_fault(self, rule: FaultRule | Mapping[str, Any]) -> int:
        """Add a rule, or the table of one as a file has it; give its number."""
        table = RuleTable(rule) if isinstance(rule, FaultRule) else rule
        return (await self._ask("POST", "/_fake/faults", FaultEntry, table)).id

    async def remove_fault(self, number: int) -> None:
        """Take a rule away."""
        await self._order("DELETE", f"/_fake/faults/{number}")

    async def clear_faults(self) -> None:
        """Take all rules away."""
        await self._order("DELETE", "/_fake/faults")

    async def runs(self) -> list[RunState]:
        """Give the runs, in the order in which they were first heard of."""
        return (await self._ask("GET", "/_fake/runs", Runs)).runs

    async def run(self, run_id: str) -> RunState:
        """Give the state of a run."""
        return await self._ask("GET", _path(run_id), RunState)

    async def set_run(
        self, run_id: str, *, last_accepted_seq: int | None = None, complete: bool | None = None, why: str
    ) -> RunState:
        """Change the state of a run, as `FakeBackend.set_run`; give the new one."""
        change = {"last_accepted_seq": last_accepted_seq, "complete": complete, "why": why}
        said = {key: value for key, value in change.items() if value is not None}
        return await self._ask("PATCH", _path(run_id), RunState, said)

    async def events(self, run_id: str) -> list[dict[str, Any]]:
        """Give the events of a run that were accepted, as far as they are kept."""
        events: list[dict[str, Any]] = []
        cursor = 0
        while True:
            page = await self._ask("GET", f"{_path(run_id)}/events?since={cursor}&limit={_PAGE}", dict[str, Any])
            if not page["events"]:
                return events
            events += (numbered["payload"]["event"] for numbered in page["events"])
            cursor = page["cursor"]

    async def history(self, run_id: str | None = None) -> list[BackendRecord]:
        """Give the records of all that happened, or of what happened in a run, as far as they are kept."""
        records: list[BackendRecord] = []
        path, cursor = "/_fake/history" if run_id is None else f"{_path(run_id)}/history", 0
        while True:
            page = await self._ask("GET", f"{path}?since={cursor}&limit={_PAGE}", Records)
            if not page.records:
                return records
            records += (numbered.record for numbered in page.records)
            cursor = page.cursor

    async def records(self, run_id: str | None = None) -> AsyncGenerator[BackendRecord, None]:
        """Give the records of all that happens, or in a run: those that are kept, and then each as it comes.

        Ends when the backend does. Raises FakeBackendError if records were forgotten before they could be read.
        """
        path = "/_fake/stream" if run_id is None else f"{_path(run_id)}/stream"
        patience = aiohttp.ClientTimeout(total=None, sock_read=_SILENCE)
        async with self._asked("GET", path, timeout=patience) as response:
            async for event, data in _frames(response.content):
                if event == "record":
                    yield decode_record(data)
                elif event == "gap":
                    gap = msgspec.json.decode(data, type=Gap)
                    raise FakeBackendError(
                        f"records {gap.missed_from} to {gap.missed_to} were forgotten before they were read; "
                        "let the backend keep more (--keep)"
                    )

    async def reset(self, *, faults: bool = True) -> None:
        """Have the backend forget runs, history and counts, and the faults unless told otherwise."""
        await self._order("POST", "/_fake/reset", {"faults": faults})

    async def _ask(self, method: str, path: str, wanted: type[T], said: object = None) -> T:
        async with self._asked(method, path, said) as response:
            return convert(decode(await response.read()), wanted)

    async def _order(self, method: str, path: str, said: object = None) -> None:
        async with self._asked(method, path, said):
            pass

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, said: object = None, timeout: aiohttp.ClientTimeout | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise FakeBackendError("a ControlClient asks inside of `async with`")
        body = None if said is None else encode(said)
        headers = {} if said is None else {"Content-Type": "application/json"}
        url = URL(self._url + path, encoded=True)
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, timeout=timeout or self._session.timeout
            ) as response:
                if not response.ok:
                    raise FakeBackendError(f"{method} {url}: {await _problem(response)}")
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise FakeBackendError(f"{method} {url}: {str(error) or type(error).__name__}") from error


def _path(run_id: str) -> str:
    return f"/_fake/runs/{quote(run_id, safe='')}"


async def _problem(response: aiohttp.ClientResponse) -> str:
    text = await response.text(errors="replace")
    try:
        return str(msgspec.json.decode(text)["error"])
    except (msgspec.DecodeError, KeyError, TypeError):  # not said by a fake backend
        return f"{response.status} {text[:200]}"


async def _frames(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, bytes]]:
    """Give the events of a stream, each with its data, which this backend writes on one line."""
    rest = b""
    async for piece in content.iter_any():
        *frames, rest = (rest + piece).split(b"\n\n")
        for frame in frames:
            fields = dict(line.split(b": ", 1) for line in frame.split(b"\n") if b": " in line)
            if b"data" in fields:
                yield fields.get(b"event", b"message").decode(), fields[b"data"]
