"""The one door from plain code into asyncio: a loop in a thread of its own.

So the plain names work in scripts, in threads, and in a notebook whose own loop is already running.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import cache
from typing import Any, TypeVar

from telerole.errors import InputError

T = TypeVar("T")

GRACE = 5.0  # seconds a cancelled run has to close its files


def wait(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in the loop thread and return its result; Ctrl-C cancels it and lets it wind up first.

    Raises `InputError` in the loop thread itself, which would wait for itself for ever.
    """
    loop, wound_up = _loop(os.getpid()), threading.Event()
    if _runs_here(loop):
        work.close()
        raise InputError(
            "what plays a call, such as a function in a chair or a stop rule, cannot wait for another call here: make "
            "it an async function, and await asyncio.to_thread(...) of this, or a method such as Simulator.arun"
        )

    async def whole() -> T:
        try:
            return await work
        finally:
            wound_up.set()

    future = asyncio.run_coroutine_threadsafe(whole(), loop)
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        wound_up.wait(GRACE)
        raise


def each(stream: AsyncIterator[T]) -> Iterator[T]:
    """The items of an async iterator, one by one as they come."""
    try:
        while True:
            try:
                yield wait(_next(stream))
            except StopAsyncIteration:
                return
    finally:
        if (aclose := getattr(stream, "aclose", None)) is not None:
            wait(aclose())


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


async def _next(stream: AsyncIterator[T]) -> T:
    return await anext(stream)


@cache
def _loop(process: int) -> asyncio.AbstractEventLoop:
    """The loop of that process: a forked one has none of its parent's threads."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="telerole", daemon=True).start()
    return loop
