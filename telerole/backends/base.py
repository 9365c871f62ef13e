"""What answers messages: `Backend`, one method; `Reply`, what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict

from telerole.session import Usage


class Message(TypedDict):
    """A chat message as every OpenAI-compatible server takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn. None leaves the choice to the server; `seed` is set per turn from the session's seed."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = 512
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def seeded(self, seed: int) -> Sampling:
        """The same with this seed."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, self.stop, seed)


ONE_CALL = Usage(calls=1, attempts=1)


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer: never empty, never an error text; what could not be answered is a `BackendError`."""

    text: str
    usage: Usage = ONE_CALL
    finish_reason: str = "stop"
    model: str = ""


class Backend(Protocol):
    """Anything that answers messages. One object serves any number of calls at once and keeps nothing between them."""

    @property
    def name(self) -> str:
        """What records call it, such as ``openai:gpt-4.1``; never holds a key."""

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """Answer the messages, or raise a `BackendError`.

        `schema` is a JSON schema the reply should follow; the caller checks the reply (`structured.generate_as`).
        """


async def rest(backend: object) -> None:
    """Drop the connections that a backend holds open for its next request, where it holds any."""
    if (idle := getattr(backend, "idle", None)) is not None:
        await idle()


async def close(backend: object) -> None:
    """Release what a backend holds open (connections, a loaded model), where it holds anything."""
    if (aclose := getattr(backend, "aclose", None)) is not None:
        await aclose()
