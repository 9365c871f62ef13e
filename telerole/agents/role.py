"""A backend in a chair: in role with its own prompt (training), or as a candidate under Eq. 1 (evaluation)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from telerole.agents.speech import spoken
from telerole.backends.base import Backend, Message, Sampling, close
from telerole.endings import put_down
from telerole.errors import EmptyReply, Truncated
from telerole.persona import Role
from telerole.prompts import candidate_messages, candidate_system_of, merchant_messages, salesperson_messages
from telerole.session import Usage
from telerole.speaker import Call, Said, derive_seed

ATTEMPTS = 3


def _salesperson(call: Call) -> list[Message]:
    return salesperson_messages(call.scenario, call.turns)


def _merchant(call: Call) -> list[Message]:
    return merchant_messages(call.scenario, call.turns)


def _candidate(call: Call) -> list[Message]:
    return candidate_messages(candidate_system_of(call.scenario), call.scenario.language, call.turns)


@dataclass(frozen=True, slots=True)
class InRole:
    """A `Backend` that plays one role: `prompt` says what it is told, `spoken` cuts its reply to what is said."""

    backend: Backend
    role: Role
    sampling: Sampling = field(default_factory=Sampling)
    prompt: Callable[[Call], list[Message]] | None = None

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.backend.name

    async def speak(self, call: Call) -> Said:
        """Ask the model for the next line; a reply without words is asked for again with another seed."""
        prompt = self.prompt or (_salesperson if self.role == "salesperson" else _merchant)
        messages = prompt(call)
        usage: Usage | None = None
        for attempt in range(ATTEMPTS):
            seed = derive_seed(call.turn_seed, attempt) if attempt else call.turn_seed
            try:
                reply = await self.backend.generate(messages, sampling=self.sampling.seeded(seed))
            except (Truncated, EmptyReply) as error:
                usage = error.usage = _sum(usage, error.usage)
                # What a backend answers the same way to the same seed can only be had with another one.
                if error.retryable or attempt == ATTEMPTS - 1:
                    raise
                continue
            usage = _sum(usage, reply.usage)
            speech = spoken(reply.text, self.role)
            if speech.text or (speech.hung_up and call.turns):
                end = put_down(call.turns, speech.text, call.scenario.language) if speech.hung_up else None
                return Said(speech.text, end, usage, repairs=speech.repairs)
        raise EmptyReply(f"{ATTEMPTS} replies without a word to say", raw=reply.text, usage=usage)

    async def aclose(self) -> None:
        """Release the backend."""
        await close(self.backend)


class Candidate(InRole):
    """A model in the salesperson's chair under Eq. 1: it is told profile, strategy and the session, nothing else."""

    def __init__(self, backend: Backend, sampling: Sampling | None = None) -> None:
        super().__init__(backend, "salesperson", sampling or Sampling(), _candidate)

    @property
    def name(self) -> str:
        """``candidate+`` and the backend's name."""
        return f"candidate+{self.backend.name}"


def _sum(usage: Usage | None, more: Usage | None) -> Usage | None:
    return more if usage is None else usage if more is None else usage + more
