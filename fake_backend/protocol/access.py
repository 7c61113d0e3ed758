"""Who may do what: which run a path names, and whether a token may write to it."""

import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from fake_backend.protocol import answers
from fake_backend.protocol.answers import Answer
from fake_backend.protocol.ingest import Run

_LONG_ROUTE: Final = re.compile(r"/api/projects/([^/]+)/tasks/[^/]+/runs/([^/]+)/event_stream/?")
_ROUTES: Final = (_LONG_ROUTE, re.compile(r"/v1/runs/([^/]+)/ingest"))

DEFAULT_WORKSPACE: Final = "default"
"""The workspace of runs whose path names no project."""


def run_of_path(raw_path: str) -> str | None:
    """Give the id of the run that a path names, or None for a path that isn't of this protocol.

    `raw_path` is as it came: the ids are decoded after the path was cut, so that an encoded slash stays in its id. What
    isn't UTF-8 is no id: read as if it were, different ids would become one.
    """
    for route in _ROUTES:
        if found := route.fullmatch(raw_path):
            try:
                *_, run_id = map(decode_id, found.groups())
            except UnicodeDecodeError:
                return None
            return run_id
    return None


def decode_id(part: str) -> str:
    """Decode an id, which is UTF-8, percent-encoded, from a part of a path. Raises UnicodeDecodeError for another."""
    # What came without percent is as aiohttp gives it, with surrogates where it is no UTF-8.
    return unquote_to_bytes(part.encode(errors="surrogateescape")).decode()


def workspace_of_path(raw_path: str) -> str:
    """Give the workspace of the run that a path names: its project, where it names one.

    A query is left out: `raw_path` may be a whole target of a request.
    """
    found = _LONG_ROUTE.fullmatch(raw_path.partition("?")[0])
    return DEFAULT_WORKSPACE if found is None else unquote(found[1])


class Access:
    """The tokens that were given out, and the runs that exist.

    `tokens` None takes any token; else it maps each good token to the run it is for, or to None for any run.
    `known_runs` None lets a run begin with its first request.
    """

    __slots__ = ("_expired", "_known_runs", "_tokens")

    def __init__(self, *, tokens: Mapping[str, str | None] | None, known_runs: Collection[str] | None) -> None:
        self._tokens = None if tokens is None else dict(tokens)
        self._known_runs = None if known_runs is None else frozenset(known_runs)
        self._expired: set[str] = set()

    def exists(self, run_id: str) -> bool:
        """Whether a run exists, or may."""
        return self._known_runs is None or run_id in self._known_runs

    def expire(self, authorization: str | None) -> None:
        """Let the token that a request came with be good no more."""
        token = _bearer_token(authorization)
        if token is not None:
            self._expired.add(token)

    def refuse(self, *, method: str, run_id: str | None, authorization: str | None) -> Answer | None:
        """Give the answer that turns a request away by its head alone, or None if it may go on."""
        if run_id is None:
            return answers.no_such_run()
        if method != "POST":
            return answers.not_post()
        refusal = self.refuse_token(run_id=run_id, authorization=authorization)
        if refusal is not None:
            return refusal
        return None if self.exists(run_id) else answers.no_such_run()

    def refuse_token(self, *, run_id: str | None, authorization: str | None) -> Answer | None:
        """Give the answer that turns a token away, or None if it is good for a run; for all runs with None."""
        token = _bearer_token(authorization)
        if token is None:
            return answers.no_token()
        if token in self._expired:
            return answers.bad_token()
        if self._tokens is not None:
            if token not in self._tokens:
                return answers.bad_token()
            if self._tokens[token] not in {None, run_id}:
                return answers.token_of_another_run()
        return None

    def forget(self) -> None:
        """Let the tokens be good again that a fault let expire."""
        self._expired.clear()


def refuse_epoch(run: Run, said: str | None) -> Answer | None:
    """Give the answer that turns an older writer of a fenced run away (FEN-1), or None; a newer one raises the fence.

    `said` is the value of its `Producer-Epoch` header.
    """
    if run.epoch == 0:
        return None
    epoch = _epoch(said)
    if epoch < run.epoch:
        return answers.fenced(epoch=epoch, current_epoch=run.epoch)
    run.epoch = epoch
    return None


def _epoch(said: str | None) -> int:
    digits = (said or "").strip()
    try:
        return int(digits) if digits.isascii() and digits.isdigit() else 0
    except ValueError:  # more digits than Python turns into a number
        return 0


def _bearer_token(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme == "Bearer" else None
