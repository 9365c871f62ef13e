"""Speakers that are no model: a plain function, and a person at the keyboard."""

from __future__ import annotations

import asyncio
import inspect
import select
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from typing import ClassVar

from telerole.agents.speech import spoken
from telerole.endings import put_down
from telerole.errors import BackendError, BadReply, EmptyReply
from telerole.prompts import HANG_UP
from telerole.session import End
from telerole.speaker import Call, Said

Answer = Callable[[Call], "str | Said | Awaitable[str | Said]"]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the call in a chair: it returns the next line, or a `Said`.

    What it raises is a failed call, and so is a `Said` without a word that does not end the call.
    """

    function: Answer

    @property
    def name(self) -> str:
        """``function:`` and the function's name."""
        return f"function:{getattr(self.function, '__name__', type(self.function).__name__)}"

    async def speak(self, call: Call) -> Said:
        """Call the function."""
        try:
            answer = self.function(call)
            said = await answer if inspect.isawaitable(answer) else answer
        except BackendError:
            raise
        except Exception as error:
            raise BadReply(f"{self.name} raised {type(error).__name__}: {error}") from error
        if isinstance(said, Said):
            return _whole(said, self.name)
        if not isinstance(said, str):
            raise BadReply(f"{self.name} returned {type(said).__name__}, neither a line nor a Said")
        return _said(call, said, self.name)


def typed(prompt: str) -> str:
    """A line from the keyboard; raises `EOFError` at the end of the input."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        return input(prompt)
    print(prompt, end="", flush=True)
    # Python cannot end while a thread reads from `sys.stdin`; one that only waits for it is no hindrance to Ctrl-C.
    select.select([sys.stdin], [], [])
    if line := sys.stdin.readline():
        return line
    raise EOFError


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the keyboard: sees what the other side says and types an answer.

    An empty line, or the end of the input, hangs up. One call at a time.
    """

    read: Callable[[str], str] = typed
    show: Callable[[str], None] = print
    at_once: ClassVar[int] = 1

    @property
    def name(self) -> str:
        """``human``."""
        return "human"

    async def speak(self, call: Call) -> Said:
        """Show the last line and read the answer, without blocking other calls."""
        if call.turns:
            self.show(f"{call.turns[-1].role}: {call.turns[-1].text}")
        try:
            line = await _reading(self.read, f"you ({call.role}): ")
        except EOFError:
            line = ""
        return _said(call, line.strip() or HANG_UP[call.scenario.language], self.name)


async def _reading(read: Callable[[str], str], prompt: str) -> str:
    """The line that is typed. It is waited for in a thread that the program's end, as by Ctrl-C, does not wait for."""
    line, context = Future[str](), copy_context()

    def ask() -> None:
        line.set_running_or_notify_cancel()  # from here on nothing but a line, or a fault, ends it
        try:
            line.set_result(context.run(read, prompt))
        except BaseException as error:
            line.set_exception(error)

    threading.Thread(target=ask, name="telerole-human", daemon=True).start()
    return await asyncio.wrap_future(line)


def _whole(said: Said, name: str) -> Said:
    if not isinstance(said.text, str) or not isinstance(said.end, End | None):
        raise BadReply(f"{name} returned {said!r}, whose text is no str or whose end is neither an End nor None")
    if not said.text.strip() and said.end is None:
        raise EmptyReply(f"{name} said nothing, and gave no end that would put the phone down")
    return said


def _said(call: Call, line: str, name: str) -> Said:
    speech = spoken(line, call.role)
    if speech.hung_up:
        return Said(speech.text, put_down(call.turns, speech.text, call.scenario.language), repairs=speech.repairs)
    if not speech.text:
        raise EmptyReply(f"{name} said nothing")
    return Said(speech.text, repairs=speech.repairs)
