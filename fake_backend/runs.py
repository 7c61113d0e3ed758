"""The runs of a backend: those that have taken something for good, the others while anything is known of them."""

from fake_backend.protocol.ingest import Run


class Runs:
    """Runs by their ids, each begun by whoever asks for it first."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}

    def __contains__(self, run_id: str) -> bool:
        """Whether a run was begun."""
        return run_id in self._runs

    def find(self, run_id: str) -> Run | None:
        """Give a run, None if it wasn't begun."""
        return self._runs.get(run_id)

    def open(self, run_id: str) -> Run:
        """Give a run, and begin it if it wasn't."""
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = Run(run_id)
        return run

    def forget(self, run_id: str) -> bool:
        """Forget a run, unless it has taken something or a request is at work on it; tell whether it is forgotten."""
        run = self._runs.get(run_id)
        if run is not None and (run.requests or not run.is_blank):
            return False
        self._runs.pop(run_id, None)
        return True

    def reset(self) -> None:
        """Let every run begin anew, and forget those that no request is at work on."""
        for run in self._runs.values():
            run.forget()
        self._runs = {run_id: run for run_id, run in self._runs.items() if run.requests}
