"""A backend within limits: behind its endpoint's gate, with retries, on the run's budget."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from telerole.backends.base import Backend, Message, Reply, Sampling, close
from telerole.backends.budget import Budget
from telerole.backends.gate import Gate
from telerole.errors import BackendError, BudgetSpent, RateLimited
from telerole.session import Usage

ONE_ATTEMPT = Usage(attempts=1)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently a failed call is repeated; only errors that are `retryable` are.

    Waits double from `first` to `longest` seconds, each shortened by up to half at random so that calls that failed
    together do not return together; where the server said how long to wait, never shorter than that. No wait begins
    that would end later than `total` seconds after the first request. A 429 costs nothing and only says "later", so it
    is asked `when_limited` times: with six, one run of 1,000 calls in fifteen lost a call to a crowded endpoint.
    """

    attempts: int = 6
    when_limited: int = 10
    total: float = 300.0
    first: float = 0.5
    longest: float = 30.0
    random: Random = field(default_factory=Random, compare=False, repr=False)

    def wait(self, error: BackendError, attempt: int, elapsed: float) -> float | None:
        """Seconds to wait after attempt number `attempt` failed; None to give up."""
        most = self.when_limited if isinstance(error, RateLimited) else self.attempts
        if not error.retryable or attempt >= most:
            return None
        backoff = min(self.longest, self.first * 2 ** (attempt - 1)) * self.random.uniform(0.5, 1)
        wait = backoff if error.retry_after is None else error.retry_after + backoff
        return wait if elapsed + wait <= self.total else None


class Limited:
    """A backend behind a gate, with retries and a budget; unsaid, the gate is its own and there is no budget.

    A wait between attempts holds no slot. The reply's `usage` counts the failed attempts, and the error raised after
    the last one says how many there were and carries in `usage` what they cost, as does a `BudgetSpent` between them.
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
        clock = asyncio.get_running_loop().time
        lost, began, attempt = Usage(), clock(), 0
        while True:
            attempt += 1
            try:
                reply = await self._once(messages, sampling, schema, first=attempt == 1)
                return reply if attempt == 1 else replace(reply, usage=reply.usage + lost)
            except BackendError as error:
                lost += (error.usage or ONE_ATTEMPT).model_copy(update={"calls": 0})
                wait = self.retry.wait(error, attempt, clock() - began)
                if wait is None:
                    _tell(error, attempt, lost)
                    raise
            except BudgetSpent as error:
                error.usage = lost if attempt > 1 else None
                raise
            await asyncio.sleep(wait)

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
