"""How many requests an endpoint gets at once, and how many a minute."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from telerole.errors import BackendError, InputError, RateLimited

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

COOLDOWN = 2.0  # seconds in which further 429s belong to the same episode, where the server names none


class Change(NamedTuple):
    """One move of a gate's limit: seconds since the first, the new limit, and why."""

    at: float
    limit: int
    why: str


class Gate:
    """How many requests an endpoint gets at once, found out while running and shared by all who ask that endpoint.

    From `start` the limit doubles with every clean round (as many first-try answers as the limit, and at least 80 % of
    the slots used) until the endpoint first says 429; then it falls to 80 % with each episode of 429s and grows by
    5 % a round, between `least` and `most`. Faults and timeouts start the round over. With `limit` the number is fixed.
    `rpm` and `tpm` are requests and tokens a minute the account may use; tokens are estimated before they are spent.

    One gate may serve several event loops. `history` holds the last changes.
    """

    def __init__(
        self,
        limit: int | None = None,
        *,
        start: int = 20,
        least: int = 1,
        most: int = 1024,
        rpm: float | None = None,
        tpm: float | None = None,
    ) -> None:
        if limit is not None:
            start = least = most = limit
        if not 1 <= least <= start <= most:
            raise InputError(f"a gate needs 1 ≤ least ≤ start ≤ most, not {least}, {start}, {most}")
        if any(rate is not None and rate <= 0 for rate in (rpm, tpm)):
            raise InputError("rpm and tpm must be above 0")
        self.limit, self._least, self._most = start, least, most
        self.in_flight = 0
        self.history: deque[Change] = deque(maxlen=200)
        self._pace = Pace(rpm, tpm) if rpm or tpm else None
        self._waiting: deque[_Ticket] = deque()
        self._lock = threading.Lock()
        self._began = 0.0
        self._calm_at = -math.inf  # when the present episode of 429s is over
        self._slow_start = True
        self._clean = self._peak = 0  # first-try answers in this round, and the most slots it used

    def widen(self, limit: int) -> None:
        """Start at `limit`, as far as `most` allows; without effect once the endpoint has said 429."""
        limit = min(limit, self._most)
        with self._lock:
            if self._slow_start and self.limit < limit:
                self._move(limit, "asked for")

    async def enter(self, tokens: Callable[[], int] = lambda: 0) -> None:
        """Wait for a slot, first come first served; who enters must `leave`. `tokens` estimates what the call costs."""
        if self._pace is not None:
            await self._pace.wait(tokens)
        with self._lock:
            if not self.history:
                self._move(self.limit, "start")
            if not self._waiting and self.in_flight < self.limit:
                self._admit()
                return
            ticket = _Ticket(asyncio.get_running_loop().create_future())
            self._waiting.append(ticket)
        try:
            await ticket.called
        except asyncio.CancelledError:
            self._give_back(ticket)
            raise

    def leave(self) -> None:
        """Free the slot for the next one waiting."""
        with self._lock:
            self.in_flight -= 1
            self._call_next()

    def answered(self) -> None:
        """Count an answer that came at the first try; a full round of them opens the gate further."""
        self._clean += 1
        if self._clean < self.limit:
            return
        with self._lock:
            used = self._peak >= 0.8 * self.limit
            self._clean, self._peak = 0, self.in_flight
            if used and self.limit < self._most and _clock() >= self._calm_at:
                wider = self.limit * 2 if self._slow_start else math.ceil(self.limit * 1.05)
                self._move(min(wider, self._most), "clean round")

    def failed(self, error: BackendError) -> None:
        """Hear of a failed call: a 429 closes the gate a little, once an episode; anything else delays its opening."""
        self._clean = 0
        if not isinstance(error, RateLimited):
            return
        with self._lock:
            now = _clock()
            if now < self._calm_at:
                return
            self._calm_at = now + (COOLDOWN if error.retry_after is None else max(error.retry_after, 1.0))
            self._slow_start = False
            if self.limit > self._least:
                self._move(max(self._least, int(self.limit * 0.8)), "rate limited")

    def _move(self, limit: int, why: str) -> None:
        now = _clock()
        if not self.history:
            self._began = now
        self.limit = limit
        self.history.append(Change(round(now - self._began, 3), limit, why))
        self._call_next()

    def _admit(self) -> None:
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def _call_next(self) -> None:
        while self._waiting and self.in_flight < self.limit:
            if self._waiting.popleft().call():
                self._admit()

    def _give_back(self, ticket: _Ticket) -> None:
        """A cancelled wait leaves the queue, or hands on the slot that came in the same moment."""
        with self._lock:
            if ticket.admitted:
                self.in_flight -= 1
                self._call_next()
            else:
                self._waiting.remove(ticket)


@dataclass(eq=False, slots=True)
class _Ticket:
    """A place in a gate's queue, on whichever event loop its holder waits."""

    called: asyncio.Future[None]
    admitted: bool = False

    def call(self) -> bool:
        """Let the holder in; False where its event loop is gone."""
        try:
            self.called.get_loop().call_soon_threadsafe(self._resolve)
        except RuntimeError:
            return False
        self.admitted = True
        return True

    def _resolve(self) -> None:
        if not self.called.done():
            self.called.set_result(None)


class Pace:
    """Requests and tokens a minute, spread evenly; a limiter belongs to one event loop, so each loop has its own."""

    def __init__(self, rpm: float | None, tpm: float | None) -> None:
        self._rates = (rpm, tpm)
        self._limiters: dict[asyncio.AbstractEventLoop, tuple[AsyncLimiter | None, AsyncLimiter | None]] = {}

    async def wait(self, tokens: Callable[[], int]) -> None:
        """Wait until one more request of so many tokens is within the rates."""
        loop = asyncio.get_running_loop()
        if loop not in self._limiters:
            living = {loop: limiters for loop, limiters in self._limiters.items() if not loop.is_closed()}
            self._limiters = living | {loop: self._make()}
        by_request, by_token = self._limiters[loop]
        if by_request is not None:
            await by_request.acquire()
        if by_token is not None:
            await by_token.acquire(min(tokens(), by_token.max_rate))

    def _make(self) -> tuple[AsyncLimiter | None, AsyncLimiter | None]:
        from aiolimiter import AsyncLimiter

        rpm, tpm = self._rates
        # A bucket of a whole minute would let twice the rate through in the first one: requests get a second's worth.
        # Tokens need room for the longest prompt, so theirs is a minute's.
        by_request = AsyncLimiter(max(1.0, rpm / 60), max(1.0, 60 / rpm)) if rpm else None
        return by_request, AsyncLimiter(tpm, 60) if tpm else None


def _clock() -> float:
    return asyncio.get_running_loop().time()
