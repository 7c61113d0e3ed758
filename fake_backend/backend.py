"""The fake backend as a test uses it: one object that listens, remembers, and can be made to misbehave."""

import asyncio
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast
from urllib.parse import quote

from aiohttp import web

from fake_backend.connection import Connection
from fake_backend.control import ControlServer, ControlState, RunState
from fake_backend.deferred import LateRequests
from fake_backend.errors import FakeBackendError, ListenError, UnknownRunError
from fake_backend.exchange import answer_request
from fake_backend.faults import FaultRule
from fake_backend.faults.plan import ActiveFault, FaultPlan
from fake_backend.held_port import HeldPort, hold_port
from fake_backend.history import History, NoHistory, NumberedHistory, WholeHistory
from fake_backend.open_request import Services
from fake_backend.protocol.access import Access
from fake_backend.protocol.ingest import Limits, Run
from fake_backend.records import BackendCameUp, BackendRecord, BackendWentDown, StateSet
from fake_backend.runs import Runs

CLOSE_TIMEOUT: Final = 1.0
"""For how many seconds an ending backend waits for its open requests, which it has just cut off, to be over."""

_ANY_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared with, not bound to


class RunView:
    """A look at the state of one run, always as it is now."""

    __slots__ = ("_history", "_runs", "run_id")

    def __init__(self, run_id: str, runs: Runs, history: History) -> None:
        self.run_id = run_id
        """The id of the run, decoded."""
        self._runs = runs
        self._history = history

    @property
    def _run(self) -> Run:
        return self._runs.open(self.run_id)

    @property
    def last_accepted_seq(self) -> int:
        """The number of the last event that was accepted, 0 at first."""
        return self._run.last_accepted_seq

    @property
    def complete(self) -> bool:
        """Whether the run is complete, so that it takes no more events."""
        return self._run.complete

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """Every event that was ever accepted, in order of acceptance, as parsed.

        Setting the state of a run takes nothing away: after `set_run(…, last_accepted_seq=0)` the same event may be
        accepted, and be here, twice. Where the backend keeps but the last records, these are the events in them; where
        it keeps no history, there are none.
        """
        return tuple(self._history.events(self.run_id))

    def __repr__(self) -> str:
        return (
            f"<RunView {self.run_id!r} last_accepted_seq={self.last_accepted_seq} complete={self.complete} "
            f"events={len(self.events)}>"
        )


class FakeBackend:
    """A backend of the wire protocol, on a real port, that does as it is told.

    An async context manager; it listens inside of the block. When the block is left, every open request is cut off
    (its connection is reset) and nothing is left running; that takes at most about `CLOSE_TIMEOUT` seconds, stalled
    requests or not. It needs nothing but the running event loop: no thread, no clock but the loop's, and so it runs
    in virtual time just as well.

    Arguments:
    `faults` are the rules of what goes wrong; more may come by `add_fault`.
    `tokens` maps each good token to the run it is for, or to None for any run. None: every token is good.
    `known_runs` are the only runs that exist. None: a run begins with its first request.
    `limits` are the sizes of the 413s.
    `legacy_completion` True has an empty body complete its run whose headers ask for it, as backends once did. Those of
    today take such a request for a sync, and so does this one without it.
    `seed` is what the jitter and the probability of faults follow from: the same requests then misbehave in the same
    way.
    `host` and `port` are where it listens; port 0 is any that is free.
    `on_record` is called with each record as it is written. It must not raise: what it raises ends the request in
    question with a 500.
    `keep_history` False keeps neither records nor events: of each run its state alone, however long it runs.
    `keep_last` keeps so many of the last records (fewer, where they are over 64 MiB of JSON), and the events in them:
    bounded too, and with something to look at. A run that has taken nothing is forgotten with its last record.
    `control` serves the page, the control API and the routes to read back what was accepted on the same port, to
    programs and pages that ask for it by a name that the backend knows: `host`, those of the loopback interface for who
    comes over that, and `allow_hosts` (`NAME:PORT`, or `NAME` on whatever port).
    """

    def __init__(
        self,
        *,
        faults: Iterable[FaultRule] = (),
        tokens: Mapping[str, str | None] | None = None,
        known_runs: Collection[str] | None = None,
        limits: Limits | None = None,
        legacy_completion: bool = False,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        on_record: Callable[[BackendRecord], object] | None = None,
        keep_history: bool = True,
        keep_last: int | None = None,
        control: bool = False,
        allow_hosts: Collection[str] = (),
    ) -> None:
        if keep_last is not None and keep_last < 1:
            raise ValueError(f"keep_last is {keep_last}; it is a number of records, from 1")
        if not keep_history and (control or keep_last is not None):
            raise ValueError("keep_history is False; control and keep_last need a history")
        self._host = host
        self._port = port
        self._on_record = on_record
        self._runs = Runs()
        self._access = Access(tokens=tokens, known_runs=known_runs)
        self._plan = FaultPlan(faults, seed=seed, uptime=self._uptime)
        self._began: float | None = None
        self._late = LateRequests()
        self._services = Services(
            access=self._access,
            plan=self._plan,
            limits=Limits() if limits is None else limits,
            legacy_completion=legacy_completion,
            seed=seed,
            run=self._runs.open,
            set_run=self.set_run,
            write=self._write,
            go_down_for=self._go_down_for,
            take_later=self._late.add,
        )
        self._history: History = WholeHistory() if keep_history else NoHistory()
        self._control: ControlState | None = None
        self._control_server: ControlServer | None = None
        if control or keep_last is not None:
            self._history = numbered = NumberedHistory(
                keep_last, is_run=self._runs.__contains__, on_unheard=self._forget_run
            )
            if control:
                self._control = ControlState(
                    self,
                    history=numbered,
                    most_events=keep_last,
                    access=self._access,
                    find_run=self._runs.find,
                    uptime=self._uptime,
                )
                self._control_server = ControlServer(
                    self._control, host=host, port=lambda: self._port, allow_hosts=allow_hosts
                )
        self._requests = 0
        self._connections = 0
        self._entered = False
        self._server: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._held_port: HeldPort | None = None
        self._outage: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._entered:
            raise FakeBackendError("a FakeBackend is entered once; make another one")
        self._entered = True
        self._server = web.Server(self._handle)
        await self._listen(self._server)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._end_outage()
        finally:
            self._drop()
            self._let_port_go()
            if self._server is not None:
                await self._server.shutdown(CLOSE_TIMEOUT)

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:45123`. Raises FakeBackendError before it first listened."""
        if self._port == 0:
            raise FakeBackendError("the backend has no URL yet: it listens inside of `async with`")
        host = _ANY_HOST.get(self._host, self._host)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    def ingest_url(self, run_id: str) -> str:
        """Give the URL to which the events of a run are posted."""
        return f"{self.url}/v1/runs/{quote(run_id, safe='')}/ingest"

    @property
    def history(self) -> list[BackendRecord]:
        """The records so far, in the order in which things happened; the list grows as the backend goes on.

        With `keep_last` or `control`, a list of the records that are kept at this moment.
        """
        return self._history.records()

    @property
    def forgotten(self) -> int:
        """How many records were forgotten, because of `keep_last`."""
        return self._history.forgotten()

    def run(self, run_id: str) -> RunView:
        """Give a view of a run, be it that no request has named it yet.

        Raises UnknownRunError for a run that isn't one of `known_runs`.
        """
        return RunView(self._known(run_id).run_id, self._runs, self._history)

    def run_states(self) -> list[RunState]:
        """Give what is known of each run, in the order in which they were first heard of. Needs `control`.

        Raises FakeBackendError without it.
        """
        if self._control is None:
            raise FakeBackendError("run_states needs a FakeBackend(control=True)")
        return self._control.runs()

    def set_run(
        self, run_id: str, *, last_accepted_seq: int | None = None, complete: bool | None = None, why: str
    ) -> None:
        """Change the state of a run, as a restart, another writer or an expiry would; None leaves a part as it is.

        But a run at number 0 is one that begins: it is open, unless `complete` says otherwise.

        Takes effect at once, for requests that are under way as well: their next line is decided by the new state.
        Raises ValueError for a negative number, UnknownRunError for a run that isn't one of `known_runs`.
        """
        run = self._known(run_id)
        if last_accepted_seq is not None:
            if last_accepted_seq < 0:
                raise ValueError(f"last_accepted_seq is {last_accepted_seq}; it is 0 or the number of an event")
            run.last_accepted_seq = last_accepted_seq
            if last_accepted_seq == 0:
                run.complete = False
        if complete is not None:
            run.complete = complete
        run.times_set += 1
        self._write(
            StateSet(
                time=asyncio.get_running_loop().time(),
                run_id=run_id,
                last_accepted_seq=run.last_accepted_seq,
                complete=run.complete,
                why=why,
            )
        )

    @property
    def faults(self) -> tuple[ActiveFault, ...]:
        """The rules as they stand, in the order in which they were added, and how many requests each has struck.

        A request counts as struck from when it was chosen; whether the fault then takes effect is in the history.
        """
        return self._plan.active

    def add_fault(self, rule: FaultRule) -> int:
        """Add a rule; give its number, from 1. It may strike from the next request on.

        A request is counted whether or not rules are there.
        """
        number = self._plan.add(rule)
        self._tell_control()
        return number

    def remove_fault(self, which: FaultRule | int) -> None:
        """Take a rule away, by its number, or the first that is equal; it strikes from the next request on no more.

        Raises ValueError if it isn't there.
        """
        self._plan.remove(which)
        self._tell_control()

    def clear_faults(self) -> None:
        """Take all rules away; none strikes from the next request on."""
        self._plan.clear()
        self._tell_control()

    def reset(self, *, faults: bool = True) -> None:
        """Forget all that happened, as a backend that was just started: runs, history, counts and expired tokens.

        The rules of faults go too, unless `faults` is False; then what they have struck is counted anew. Requests that
        are under way go on, with runs that are at 0; what was to be taken later for clients that are gone never is
        (`late_accept`, `overlap`). The numbers of requests and the ids of records go on, so that none is given twice.
        """
        self._runs.reset()
        self._late.drop()
        self._access.forget()
        if faults:
            self._plan.clear()
        self._plan.start_over()
        self._history.reset()
        if self._control is not None:
            self._control.forget()

    async def go_down(self) -> None:
        """Stop listening and reset every connection, as a backend that crashes does. State is kept.

        Open requests end with RequestBroken (`shutdown`), and have ended when this returns; what was to be taken later
        (`late_accept`, `overlap`) never is. Writes BackendWentDown, unless the backend is down. A backend that a fault
        took down stays down.
        """
        await self._end_outage()
        if self._drop():
            self._write(BackendWentDown(time=asyncio.get_running_loop().time()))
        if self._server is not None:
            await self._server.shutdown(CLOSE_TIMEOUT)

    async def drain(self, grace: float) -> None:
        """Stop listening, and let the requests that are under way finish, for `grace` seconds at the most.

        For the end: connections without a request are closed at once, and streams end; what isn't over in time is cut
        off, as when the block is left.
        """
        await self._end_outage()
        server = self._server
        if server is None or not self._stop_listening():
            return
        if self._control is not None:
            self._control.close()
        connections = cast("list[Connection]", server.connections)
        for connection in connections:
            connection.close_when_idle()
        if connections:
            await asyncio.wait([connection.lost for connection in connections], timeout=grace)
        self._cut_off(server)
        await server.shutdown(CLOSE_TIMEOUT)

    async def come_up(self) -> None:
        """Listen again, on the same port. Writes BackendCameUp, unless the backend listens.

        Raises ListenError if the address can't be had, FakeBackendError outside of `async with`.
        """
        if self._server is None:
            raise FakeBackendError("the backend comes up inside of `async with`")
        await self._end_outage()
        await self._come_up(self._server)

    def _drop(self) -> bool:
        """Stop listening, reset every connection and forget what was to be taken later; tell whether it listened."""
        listened = self._stop_listening()
        if self._server is not None:
            self._cut_off(self._server)
        return listened

    def _stop_listening(self) -> bool:
        """Refuse new connections, and keep the port; tell whether it listened."""
        listener, self._listener = self._listener, None
        if listener is None:
            return False
        # No wait_closed(): it would wait for connections, which end later.
        self._held_port = hold_port(listener)
        return True

    def _cut_off(self, server: web.Server) -> None:
        """Reset every connection, and forget what was to be taken later."""
        for connection in cast("list[Connection]", server.connections):
            connection.go_down()
        self._late.drop()

    def _go_down_for(self, seconds: float) -> None:
        """Go down at once, as a fault, and come up by itself."""
        if self._server is not None and self._drop():
            self._write(BackendWentDown(time=asyncio.get_running_loop().time()))
            self._outage = asyncio.ensure_future(self._recover(self._server, seconds))

    async def _recover(self, server: web.Server, seconds: float) -> None:
        ends = asyncio.get_running_loop().time() + seconds
        await server.shutdown(CLOSE_TIMEOUT)
        await asyncio.sleep(ends - asyncio.get_running_loop().time())
        await self._come_up(server)

    async def _end_outage(self) -> None:
        """Leave it to the caller when the backend comes up. Raises ListenError if it has tried to and couldn't."""
        outage, self._outage = self._outage, None
        if outage is not None:
            outage.cancel()
            await asyncio.wait((outage,))
            if not outage.cancelled():
                outage.result()

    async def _come_up(self, server: web.Server) -> None:
        if self._listener is None:
            await self._listen(server)
            self._write(BackendCameUp(time=asyncio.get_running_loop().time()))

    def _let_port_go(self) -> None:
        if self._held_port is not None:
            self._held_port.close()
            self._held_port = None

    async def _listen(self, server: web.Server) -> None:
        held, self._held_port = self._held_port, None
        where: dict[str, Any] = {"host": self._host, "port": self._port} if held is None else {"sock": held}
        try:
            listener = await asyncio.get_running_loop().create_server(partial(self._accept, server), **where)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
            raise ListenError(f"can't listen on {self._host} port {self._port}: {why}") from error
        self._listener = listener
        if self._control is not None:
            self._control.open()
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        self._port = listener.sockets[0].getsockname()[1]

    def _uptime(self) -> float:
        """Give the seconds since the backend first listened."""
        return 0.0 if self._began is None else asyncio.get_running_loop().time() - self._began

    def _accept(self, server: web.Server) -> Connection:
        self._connections += 1
        return Connection(server, number=self._connections, is_welcome=lambda: self._listener is not None)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = cast("Connection", request.protocol)  # `_accept` makes them all
        connection.body = request.content
        # From Python 3.12 on, aiohttp begins with a request before all that came in with its head has been looked at.
        await asyncio.sleep(0)
        if connection.ends_on_reuse():
            return web.Response()  # it arrived together with the request before it, and is swallowed by the reset
        connection.is_busy = True
        try:
            if self._control_server is not None and self._control_server.is_own(request):
                response = await self._control_server.answer(request, connection)
            else:
                self._requests += 1
                response = await answer_request(self._services, request, connection, number=self._requests)
        finally:
            connection.is_busy = False
        if connection.is_ending:
            response.force_close()
        return response

    def _known(self, run_id: str) -> Run:
        if not self._access.exists(run_id):
            raise UnknownRunError(f"{run_id!r} is none of the known_runs this backend was given")
        return self._runs.open(run_id)

    def _forget_run(self, run_id: str) -> bool:
        """Forget a run of which no record is left, unless it has taken something; tell whether it is forgotten."""
        if self._control is not None and not self._control.may_forget(run_id):
            return False
        if not self._runs.forget(run_id):
            return False
        self._plan.forget(run_id)
        if self._control is not None:
            self._control.forget_run(run_id)
        return True

    def _tell_control(self) -> None:
        if self._control is not None:
            self._control.news.tell()

    def _write(self, record: BackendRecord) -> None:
        self._history.append(record)
        if self._on_record is not None:
            self._on_record(record)
