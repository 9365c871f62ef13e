"""Awaiting work across the border: cancelling goes through both ways, and what theirs raises is a failed call."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from autogen_agentchat.base import TerminatedException
from autogen_core import CancellationToken

from telerole.backends.openai import KEY_LIKE
from telerole.errors import (
    BackendError,
    BadReply,
    BudgetSpent,
    RateLimited,
    Rejected,
    ServerFault,
    TimedOut,
    Unreachable,
)

T = TypeVar("T")

GRACE = 2.0  # seconds that a cancelled guest has to wind up

# By name: their clients bring their own exceptions, and a team leaves nothing of an exception but its name.
FAILURES: dict[str, type[BackendError] | type[BudgetSpent]] = {
    **{ours.__name__: ours for ours in (*BackendError.__subclasses__(), BudgetSpent)},
    **dict.fromkeys(("APIConnectionError", "ConnectionError", "ConnectionResetError"), Unreachable),
    **dict.fromkeys(("APITimeoutError", "TimeoutError"), TimedOut),
    **dict.fromkeys(("APIStatusError", "AuthenticationError", "BadRequestError", "NotFoundError"), Rejected),
    "InternalServerError": ServerFault,
    "RateLimitError": RateLimited,
}
IN_TEAM = re.compile(r"(?:RuntimeError: )*(\w+): ")


async def linked(work: Coroutine[Any, Any, T], token: CancellationToken) -> T:
    """Await our own work so that their token cancels it."""
    task = asyncio.ensure_future(work)
    token.link_future(task)
    return await task


async def cancellable(start: Callable[[CancellationToken], Awaitable[T]]) -> T:
    """Await their work so that cancelling our task cancels it: a team listens to its token only."""
    token = CancellationToken()
    running = asyncio.ensure_future(start(token))
    try:
        await asyncio.wait({running})
    finally:
        if not running.done():
            token.cancel()
            for _ in range(2):  # a team with a member that ignores the token needs telling twice
                running.cancel()
                await asyncio.wait({running}, timeout=GRACE)
    if running.cancelled():
        raise BadReply("it was cancelled, but not by us")
    return running.result()


@contextmanager
def failed_call(who: str) -> Iterator[None]:
    """Whatever theirs raises, as a failed call."""
    try:
        yield
    except (BackendError, BudgetSpent):
        raise
    except (Exception, TerminatedException) as error:
        raise _failure(who, error) from (None if KEY_LIKE.search(str(error)) else error)


def _failure(who: str, error: BaseException) -> BackendError | BudgetSpent:
    """A team turns every exception into a RuntimeError whose text is the exception's name, message and traceback."""
    text = str(error).partition("\nTraceback:")[0]
    names = [kind.__name__ for kind in type(error).__mro__]
    inner = IN_TEAM.match(text) if isinstance(error, RuntimeError) else None
    kind = next((FAILURES[name] for name in (inner[1] if inner else "", *names) if name in FAILURES), BadReply)
    return kind(KEY_LIKE.sub("***", f"{who}: {text if inner else f'{names[0]}: {text}'}"))
