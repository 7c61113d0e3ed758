"""The requests of the plain sender: what is sent, and how an answer is read."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings

OK = range(200, 300)
BAD_REQUEST, CONFLICT, TOO_LARGE = 400, 409, 413
FINAL = frozenset({401, 403, 404, 410})
LONGEST_WAIT = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: `last` is None where it wasn't said beyond doubt, `status` 0 where nothing came back."""

    status: int = 0
    last: int | None = None
    is_backends_own: bool = False
    location: str | None = None


class PlainHttp:
    """Makes requests of one run, and raises nothing: where no answer came, that is the answer."""

    session: aiohttp.ClientSession

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.retry_after = 0.0

    def headers(self, _lines: list[bytes]) -> dict[str, str]:
        """Give the headers of a request."""
        return {"Authorization": f"Bearer {self.settings.token}", "Content-Type": "application/x-ndjson"}

    def timeout(self) -> aiohttp.ClientTimeout:
        """Give the timeout of a request, all of it."""
        return aiohttp.ClientTimeout(total=self.settings.request_timeout)

    def traces(self) -> list[aiohttp.TraceConfig]:
        """Give what looks on as connections are made."""
        return []

    def body(self, lines: list[bytes]) -> Any:
        """Give the body of a request."""
        return b"\n".join(lines)

    async def post(self, lines: list[bytes]) -> Answer:
        """Make a request of the run, and give what came back."""
        return await self.post_to(self.settings.url, lines)

    async def post_to(self, url: str, lines: list[bytes]) -> Answer:
        """Make a request."""
        try:
            async with self.session.post(
                url,
                data=self.body(lines),
                headers=self.headers(lines),
                allow_redirects=False,
            ) as response:
                body = await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            self.retry_after = 0.0
            return self.no_answer(error)
        self.retry_after = self.read_retry_after(response.headers.get("Retry-After"))
        return Answer(
            status=response.status,
            last=self.read_last(body),
            is_backends_own=self.is_backends_own_error(body),
            location=response.headers.get("Location"),
        )

    def no_answer(self, _error: Exception) -> Answer:
        """Say that nothing came back."""
        return Answer()

    def read_last(self, body: str) -> int | None:
        """Read where the backend stands, if it is said beyond doubt."""
        last = self.read_object(body).get("last_accepted_seq")
        return last if type(last) is int and last >= 0 else None

    def is_backends_own_error(self, body: str) -> bool:
        """Whether an answer is an error in the backend's own form, and not a proxy's."""
        return isinstance(self.read_object(body).get("error"), str)

    def read_object(self, body: str) -> dict[str, Any]:
        """Read a JSON object; anything else is empty."""
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            return {}
        return answer if isinstance(answer, dict) else {}

    def read_retry_after(self, value: str | None) -> float:
        """Read for how many seconds the backend asks to be left alone."""
        try:
            seconds = float(int(value or "0"))
        except (ValueError, OverflowError):
            seconds = self.read_date(value or "")
        return min(max(seconds, 0.0), LONGEST_WAIT)

    def read_date(self, value: str) -> float:
        """Read how many seconds from now a date is; 0 if it is none."""
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return 0.0
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time.time()
