"""A backend in a chair: in role with its own prompt (training), or as a candidate under Eq. 1 (evaluation)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from telerole.agents.guard import out_of_role
from telerole.agents.speech import Speech, spoken
from telerole.backends.base import Backend, Message, Sampling, close
from telerole.endings import put_down
from telerole.errors import BackendError, BudgetSpent, EmptyReply, OutOfRole, Truncated
from telerole.persona import Role
from telerole.prompts import (
    called_messages,
    called_system_of,
    candidate_messages,
    candidate_system_of,
    merchant_messages,
    prompted_system_of,
    salesperson_messages,
)
from telerole.session import Usage
from telerole.speaker import Call, Refused, Said, derive_seed

ATTEMPTS = 3


def _salesperson(call: Call) -> list[Message]:
    return salesperson_messages(call.scenario, call.turns)


def _merchant(call: Call) -> list[Message]:
    return merchant_messages(call.scenario, call.turns)


def _candidate(call: Call) -> list[Message]:
    return candidate_messages(candidate_system_of(call.scenario), call.scenario.language, call.turns)


def _prompted(call: Call) -> list[Message]:
    return candidate_messages(prompted_system_of(call.scenario), call.scenario.language, call.turns)


def called(call: Call) -> list[Message]:
    """What a merchant that was trained to be called is told where nobody decides for it."""
    return called_messages(called_system_of(call.scenario), call.scenario.language, call.turns)


@dataclass(frozen=True, slots=True)
class InRole:
    """A `Backend` that plays one role: `prompt` says what it is told, `spoken` cuts its reply to what is said.

    `told` is the word for that in its name, as in ``plain+``, where it is not told what its chair is told otherwise.
    A reply without words, one that speaks for the other side and one that leaks its thoughts are asked for again.
    """

    backend: Backend
    role: Role
    sampling: Sampling = field(default_factory=Sampling)
    prompt: Callable[[Call], list[Message]] | None = None
    guarded: bool = True
    told: str = ""

    @property
    def name(self) -> str:
        """The backend's name, after `told` and a plus where that is said."""
        return f"{self.told}+{self.backend.name}" if self.told else self.backend.name

    async def speak(self, call: Call) -> Said:
        """Ask the model for the next line."""
        prompt = self.prompt or (_salesperson if self.role == "salesperson" else _merchant)
        speech, usage, refused = await self.say(prompt(call), call, silent=bool(call.turns))
        end = put_down(call.turns, speech.text, call.scenario.language) if speech.hung_up else None
        return Said(speech.text, end, usage, repairs=speech.repairs, refused=refused)

    async def say(
        self, messages: list[Message], call: Call, *, silent: bool = False
    ) -> tuple[Speech, Usage | None, tuple[Refused, ...]]:
        """What the model says to these messages, at the third attempt at the latest, each with another seed.

        With it come what all attempts cost, and the replies that were out of role or cut off before.
        With `silent` the phone may be put down without a word. Raises `EmptyReply` or `OutOfRole` where no attempt
        gave a line that can be said, or what the backend raised; the error's `usage` is what all attempts cost.
        """
        usage: Usage | None = None
        refused: list[Refused] = []
        faults: list[str] = []
        for attempt in range(ATTEMPTS):
            seed = derive_seed(call.turn_seed, attempt) if attempt else call.turn_seed
            try:
                reply = await self.backend.generate(messages, sampling=self.sampling.seeded(seed))
            except (BackendError, BudgetSpent) as error:
                usage = error.usage = added(usage, error.usage)
                # What a backend answers the same way to the same seed can only be had with another one.
                if not isinstance(error, Truncated | EmptyReply) or error.retryable or attempt == ATTEMPTS - 1:
                    raise
                if isinstance(error, Truncated):
                    refused.append(Refused(error.kind, str(error), error.raw))
                continue
            usage = added(usage, reply.usage)
            speech = spoken(reply.text, self.role)
            fault = out_of_role(speech.text, self.role, call.scenario) if self.guarded and speech.text else None
            if fault is not None:
                faults.append(fault)
                refused.append(Refused(OutOfRole.__name__, fault, reply.text))
            elif speech.text or (speech.hung_up and silent):
                repairs = tuple(f"asked again: {fault}" for fault in faults)
                return replace(speech, repairs=(*repairs, *speech.repairs)), usage, tuple(refused)
        if faults:
            message = f"{ATTEMPTS} replies and none that the {self.role} could say: {', '.join(dict.fromkeys(faults))}"
            raise OutOfRole(message, raw=reply.text, usage=usage)
        raise EmptyReply(f"{ATTEMPTS} replies without a word to say", raw=reply.text, usage=usage)

    async def aclose(self) -> None:
        """Release the backend."""
        await close(self.backend)


class Candidate(InRole):
    """A model in the salesperson's chair under Eq. 1: it is told profile, strategy and the session, nothing else.

    What it says is what is tested, so its faults are not asked away.
    """

    def __init__(self, backend: Backend, sampling: Sampling | None = None) -> None:
        super().__init__(backend, "salesperson", sampling or Sampling(), _candidate, guarded=False, told="candidate")


class Prompted(Candidate):
    """The paper's baseline, prompt engineering (PE, 5.2): any model under the expert's long prompt.

    It is told the same as a candidate; how to sell on the telephone stands in the prompt, not in the model.
    """

    def __init__(self, backend: Backend, sampling: Sampling | None = None) -> None:
        InRole.__init__(self, backend, "salesperson", sampling or Sampling(), _prompted, guarded=False, told="prompted")


def added(usage: Usage | None, more: Usage | None) -> Usage | None:
    """Both together; None where neither is known."""
    return more if usage is None else usage if more is None else usage + more
