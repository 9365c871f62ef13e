"""Many jobs at once: so many workers take them from one line until it is empty or one says to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def work_through(jobs: Iterable[T], do: Callable[[T], Awaitable[bool]], at_once: int) -> None:
    """Do every job, at most `at_once` together; where `do` gives False no further one is begun.

    An exception that `do` raises ends the whole batch: what can go wrong with one job is for `do` to keep.
    """
    line = iter(jobs)
    stopped = False

    async def work() -> None:
        nonlocal stopped
        for job in line:
            if stopped:
                return
            stopped = not await do(job) or stopped
            await asyncio.sleep(0)  # jobs that never wait must not keep the others from starting

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None  # a fault of ours or of a user's rule: one of them tells it all
