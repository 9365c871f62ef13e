"""What stands between a run and an endpoint: `Gate` (how many at once), `Retry`, `Budget`; `Limited` has all three."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from telerole.backends.base import Backend, Message, Reply, Sampling, close
from telerole.errors import BackendError, BudgetSpent, InputError, RateLimited, nearest
from telerole.session import Usage

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

COOLDOWN = 2.0  # seconds in which further 429s belong to the same episode, where the server names none
ONE_ATTEMPT = Usage(attempts=1)


class Change(NamedTuple):
    """One move of a gate's limit: seconds since the gate's first request, the new limit, and why."""

    at: float
    limit: int
    why: str


class Gate:
    """How many requests an endpoint gets at once, found out while running and shared by all who ask that endpoint.

    From `start` the limit doubles with every clean round (as many first-try answers as the limit, and at least 80 % of
    the slots used) until the endpoint first says 429; then it falls to 80 % with each episode of 429s and grows by
    5 % a round, between `least` and `most`. Faults and timeouts start the round over. With `limit` the number is fixed.
    `rpm` and `tpm` are requests and tokens a minute the account may use; tokens are estimated before they are spent.

    One gate may serve several event loops. `history` holds the last changes, for the run's log.
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
        """Start at `limit`, where somebody knows that the endpoint can take it; without effect once it has said 429."""
        with self._lock:
            if self._slow_start and self.limit < limit:
                self._move(min(limit, self._most), "asked for")

    async def enter(self, tokens: Callable[[], int] = lambda: 0) -> None:
        """Wait for a slot, first come first served; who enters must `leave`. `tokens` estimates what the call costs."""
        if not self._began:
            self._began = _clock()
            self._move(self.limit, "start")
        if self._pace is not None:
            await self._pace.wait(tokens)
        with self._lock:
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
        if not isinstance(error, RateLimited) or _clock() < self._calm_at:
            return
        with self._lock:
            self._calm_at = _clock() + (COOLDOWN if error.retry_after is None else max(error.retry_after, 1.0))
            self._slow_start = False
            if self.limit > self._least:
                self._move(max(self._least, int(self.limit * 0.8)), "rate limited")

    def _move(self, limit: int, why: str) -> None:
        self.limit = limit
        self.history.append(Change(round(_clock() - self._began, 3), limit, why))
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


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently a failed call is repeated; only errors that are `retryable` are.

    Waits double from `first` to `longest` seconds, each shortened by up to half at random so that calls that failed
    together do not return together; where the server said how long to wait, never shorter than that. No wait begins
    that would end later than `total` seconds after the first request.
    """

    attempts: int = 6
    total: float = 300.0
    first: float = 0.5
    longest: float = 30.0
    random: Random = field(default_factory=Random, compare=False, repr=False)

    def wait(self, error: BackendError, attempt: int, elapsed: float) -> float | None:
        """Seconds to wait after attempt number `attempt` failed; None to give up."""
        if not error.retryable or attempt >= self.attempts:
            return None
        backoff = min(self.longest, self.first * 2 ** (attempt - 1)) * self.random.uniform(0.5, 1)
        wait = backoff if error.retry_after is None else error.retry_after + backoff
        return wait if elapsed + wait <= self.total else None


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in the currency the budget is in; `cached` is the price of cached prompt tokens."""

    prompt: float
    completion: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """The money that `usage` costs."""
        cached = usage.cached_tokens if self.cached is not None else 0
        paid = (usage.prompt_tokens - cached) * self.prompt + usage.completion_tokens * self.completion
        return (paid + cached * (self.cached or 0.0)) / 1e6


@dataclass(slots=True)
class Spent:
    """What a run has used so far. `calls` counts every request, failed ones too."""

    calls: int = 0
    tokens: int = 0
    money: float = 0.0

    def __str__(self) -> str:
        paid = f", {self.money:.2f} in money" if self.money else ""
        return f"{self.calls:,} calls, {self.tokens:,} tokens{paid}"


class Budget:
    """What one run may use: requests, tokens (prompt and completion), money; None is no limit.

    `calls` is never exceeded. Tokens and money are known only afterwards, so these two can be overshot by what is in
    flight as the limit is reached, never by more. Money needs `prices`: a backend's name to its `Price`. `spent` can be
    read at any time.
    """

    def __init__(
        self,
        calls: int | None = None,
        tokens: int | None = None,
        money: float | None = None,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        if any(limit is not None and limit < 0 for limit in (calls, tokens, money)):
            raise InputError("a budget cannot be below 0")
        self.limits = {"calls": calls, "tokens": tokens, "money": money}
        self.prices = dict(prices or {})
        self.spent = Spent()

    def check(self, backend: str) -> None:
        """Raise `InputError` where a limit in money cannot be kept, as nobody told what this backend costs."""
        if self.limits["money"] is not None and backend not in self.prices:
            hint = nearest(backend, self.prices)
            raise InputError(f"a budget in money needs a price for {backend!r}{hint}; give it in prices=")

    def admit(self) -> None:
        """Count a request about to be sent; raises `BudgetSpent`, naming the limit, where there is nothing left."""
        for what, limit in self.limits.items():
            if limit is not None and getattr(self.spent, what) >= limit:
                raise BudgetSpent(f"the budget of {limit:,} {what} is used up ({self.spent})")
        self.spent.calls += 1

    def charge(self, backend: str, usage: Usage) -> None:
        """Count what an admitted request cost, and the further requests it took."""
        self.spent.calls += max(usage.attempts - 1, 0)
        self.spent.tokens += usage.prompt_tokens + usage.completion_tokens
        if (price := self.prices.get(backend)) is not None:
            self.spent.money += price.of(usage)

    def preload(self, backend: str, usage: Usage) -> None:
        """Count what an earlier part of the run has used already."""
        self.spent.calls += min(usage.attempts, 1)
        self.charge(backend, usage)


class Limited:
    """A backend behind a gate, with retries and a budget; each part is left out by default but the retries.

    A wait between attempts holds no slot. The reply's `usage` counts the failed attempts, and the error raised after
    the last one says how many there were and carries in `usage` what they cost.
    """

    def __init__(
        self, backend: Backend, gate: Gate | None = None, retry: Retry = Retry(), budget: Budget | None = None
    ) -> None:
        if budget is not None:
            budget.check(backend.name)
        self.backend, self.gate, self.retry, self.budget = backend, gate or Gate(), retry, budget
        self.name = backend.name

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """Answer the messages, or raise the last `BackendError`, or `BudgetSpent`."""
        lost, began = Usage(), _clock()
        for attempt in count(1):
            try:
                reply = await self._once(messages, sampling, schema, first=attempt == 1)
                return reply if attempt == 1 else replace(reply, usage=reply.usage + lost)
            except BackendError as error:
                lost += (error.usage or ONE_ATTEMPT).model_copy(update={"calls": 0})
                wait = self.retry.wait(error, attempt, _clock() - began)
                if wait is None:
                    _tell(error, attempt, lost)
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def aclose(self) -> None:
        """Close the backend."""
        await close(self.backend)

    async def _once(
        self, messages: Sequence[Message], sampling: Sampling, schema: Mapping[str, Any] | None, *, first: bool
    ) -> Reply:
        """One attempt, in its slot."""
        await self.gate.enter(lambda: _estimate(messages, sampling))
        try:
            if self.budget is not None:
                self.budget.admit()
            reply = await self.backend.generate(messages, sampling=sampling, schema=schema)
        except BackendError as error:
            self.gate.failed(error)
            self._charge(error.usage)
            raise
        finally:
            self.gate.leave()
        if first:
            self.gate.answered()
        self._charge(reply.usage)
        return reply

    def _charge(self, usage: Usage | None) -> None:
        if self.budget is not None and usage is not None:
            self.budget.charge(self.name, usage)


def _tell(error: BackendError, attempts: int, usage: Usage) -> None:
    """Put the attempts into the error's message, and all of their cost into its `usage`."""
    if attempts > 1:
        error.args = (f"{error} (after {attempts} attempts)",)
    error.usage = usage


def _estimate(messages: Sequence[Message], sampling: Sampling) -> int:
    """Tokens as rate limits count them: a quarter of the prompt's bytes, or what the answer may have, the larger."""
    return max(sum(len(message["content"].encode()) for message in messages) // 4, sampling.max_tokens or 0)


def _clock() -> float:
    return asyncio.get_running_loop().time()
