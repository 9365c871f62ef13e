"""`ScriptedBackend`: answers from a list or a function, for tests and trials without a model."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from telerole.backends.base import Message, Reply, Sampling
from telerole.errors import EmptyReply, InputError
from telerole.session import Usage

Answer = Callable[[Sequence[Message]], str | Awaitable[str]]

CHARACTERS_PER_TOKEN = 4


class ScriptedBackend:
    """A backend that says what it is told to, and keeps nothing between calls.

    Given lines, it says the one whose number is that of the assistant messages in the request: the first line in
    the first turn, and so on. When the lines have run out it repeats the last, which the loop rule ends like any
    other call that goes in circles. Given a function, plain or async, it says what the function makes of the
    messages; a `BackendError` raised there is a failed model call.

    `sampling` and `schema` change nothing. Tokens are counted as one for every four characters, begun ones too.
    """

    def __init__(self, answer: str | Sequence[str] | Answer, name: str = "scripted") -> None:
        self.name = name
        self._answer = answer if callable(answer) else _reader([answer] if isinstance(answer, str) else answer)

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """Say the line for these messages; raises `EmptyReply` where the function gives a blank one."""
        answer = self._answer(messages)
        text = await answer if inspect.isawaitable(answer) else answer
        if not isinstance(text, str):
            raise TypeError(f"the function of {self.name!r} gave a {type(text).__name__}; a line is a str")
        if not text.strip():
            raise EmptyReply(f"the function of {self.name!r} gave a line without a word to say", raw=text)
        asked = sum(_tokens(message["content"]) for message in messages)
        usage = Usage.model_construct(calls=1, attempts=1, prompt_tokens=asked, completion_tokens=_tokens(text))
        return Reply(text, usage, model=self.name)

    def __repr__(self) -> str:
        return f"ScriptedBackend(name={self.name!r})"


def _reader(lines: Sequence[str]) -> Answer:
    """What reads the lines out, one a turn."""
    script = tuple(lines)
    if not script or not all(line.strip() for line in script):
        raise InputError("a scripted backend needs at least one line, and every line a word to say")

    def line(messages: Sequence[Message]) -> str:
        said = sum(message["role"] == "assistant" for message in messages)
        return script[min(said, len(script) - 1)]

    return line


def _tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)
