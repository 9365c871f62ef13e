"""The one door from plain code into asyncio: a loop in a thread of its own.

So the plain names work in scripts, in threads, and in a notebook whose own loop is already running.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

GRACE = 5.0  # seconds a cancelled run has to close its files


def wait(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in the loop thread and return its result; Ctrl-C cancels it and lets it wind up first."""
    wound_up = threading.Event()

    async def whole() -> T:
        try:
            return await work
        finally:
            wound_up.set()

    future = asyncio.run_coroutine_threadsafe(whole(), _loop())
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


async def _next(stream: AsyncIterator[T]) -> T:
    return await anext(stream)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="telerole", daemon=True).start()
    return loop
