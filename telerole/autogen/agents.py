"""Ours inside theirs: the two sides of a call as AgentChat agents, and the condition that ends their team."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response, TerminatedException, TerminationCondition
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, HandoffMessage, StopMessage, TextMessage
from autogen_core import CancellationToken, Component
from autogen_core.models import RequestUsage
from pydantic import BaseModel, TypeAdapter

from telerole.autogen.messages import SPOKEN, words
from telerole.autogen.running import linked
from telerole.chairs import Chair, Chairs
from telerole.endings import repetition, said_goodbye
from telerole.errors import InputError
from telerole.persona import Role
from telerole.scenario import Scenario
from telerole.session import Turn, speaker_at
from telerole.speaker import Call, Said, Speaker

OTHER: dict[Role, Role] = {"salesperson": "merchant", "merchant": "salesperson"}
ENDED = "call_ended"  # the metadata of our last message: why the call ended


class _RoleAgentConfig(BaseModel):
    scenario: Scenario
    speaker: str
    name: str
    partner: str
    handoff_to: str | None = None
    seed: int = 0


class _RoleAgent(BaseChatAgent, Component[_RoleAgentConfig]):
    """One side of the call. Its transcript is all its state.

    A model that plays the merchant has a mind and one that sells is directed, as in a `Simulator`; give an `InRole`
    for the plain role-play.
    """

    component_config_schema = _RoleAgentConfig
    role: ClassVar[Role]

    def __init__(
        self,
        scenario: Scenario,
        speaker: Chair = "offline",
        name: str | None = None,
        *,
        partner: str | None = None,
        handoff_to: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(name or self.role, f"The {self.role} in a telemarketing call.")
        self._scenario, self._guest, self._seed = scenario, speaker, seed
        self._partner, self._handoff_to = partner or OTHER[self.role], handoff_to
        self._chairs = Chairs()
        self._speaker = self._chairs.seat(speaker, self.role)
        self._seated: Speaker | None = None
        self._turns: tuple[Turn, ...] = ()

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """What `on_messages` may answer with."""
        return (TextMessage, HandoffMessage, StopMessage)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        """Hear what was said and say the next line. A failed call leaves the transcript as it was."""
        call = Call(self._scenario, self._heard(messages), self._seed)
        if call.role != self.role:
            raise InputError(
                f"{self.name!r} was asked to speak, but it is the {call.role}'s turn; the other side is the agent "
                f"named {self._partner!r}, or the one given as partner="
            )
        said = await linked(self._seat().speak(call), cancellation_token)
        self._turns = call.turns
        if said.text:
            self._turns += (
                Turn(role=self.role, text=said.text, act=said.act, noticed=said.noticed, repairs=said.repairs),
            )
        return Response(chat_message=self._reply(said))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Forget the call."""
        self._turns = ()
        await self._leave()

    async def save_state(self) -> Mapping[str, Any]:
        """The transcript, as JSON."""
        return {"type": "RoleAgentState", "turns": [turn.model_dump(mode="json") for turn in self._turns]}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on with a saved call."""
        await self._leave()
        self._turns = TypeAdapter(tuple[Turn, ...]).validate_python(state["turns"])

    async def close(self) -> None:
        """Release what a SPEC opened."""
        await self._leave()
        await self._chairs.close()

    def _heard(self, messages: Sequence[BaseChatMessage]) -> tuple[Turn, ...]:
        turns = list(self._turns)
        roles: dict[str, Role] = {self._partner: OTHER[self.role], self.name: self.role}
        for message in messages:
            role, text = roles.get(message.source), words(message)
            if role is None or not text:
                continue
            if role == speaker_at(len(turns)):
                turns.append(Turn(role=role, text=text))
            elif turns:
                turns[-1] = Turn(role=role, text=f"{turns[-1].text} {text}")
        return tuple(turns)

    def _reply(self, said: Said) -> BaseChatMessage:
        language = self._scenario.language
        end = said.end or said_goodbye(self._turns, language) or repetition(self._turns)
        usage = said.usage and RequestUsage(said.usage.prompt_tokens, said.usage.completion_tokens)
        if end is not None:
            why = {ENDED: f"{end.reason} by {end.by or 'nobody'}"}
            return StopMessage(content=said.text, source=self.name, models_usage=usage, metadata=why)
        if self._handoff_to is not None:
            line = {SPOKEN: "yes"}
            return HandoffMessage(
                content=said.text, source=self.name, target=self._handoff_to, models_usage=usage, metadata=line
            )
        return TextMessage(content=said.text, source=self.name, models_usage=usage)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = copy.copy(self)  # speakers are pure and the transcript is a tuple: all of it can be shared
        twin._seated = None
        return twin

    def _seat(self) -> Speaker:
        if self._seated is None:
            seat = getattr(self._speaker, "seat", None)
            self._seated = self._speaker if seat is None else seat(self._scenario, self._seed)
        return self._seated

    async def _leave(self) -> None:
        leave, self._seated = getattr(self._seated, "leave", None), None
        if leave is not None:
            await leave()

    def _to_config(self) -> _RoleAgentConfig:
        if not isinstance(self._guest, str):
            raise InputError(
                f"{self.name!r} can be dumped when its speaker is a SPEC, not a {type(self._guest).__name__}"
            )
        return _RoleAgentConfig(
            scenario=self._scenario,
            speaker=self._guest,
            name=self.name,
            partner=self._partner,
            handoff_to=self._handoff_to,
            seed=self._seed,
        )

    @classmethod
    def _from_config(cls, config: _RoleAgentConfig) -> Self:
        return cls(**dict(config))


class SalespersonAgent(_RoleAgent):
    """The salesperson as an AgentChat agent; see `MerchantAgent`, which takes the same arguments."""

    component_provider_override = "telerole.autogen.SalespersonAgent"
    role = "salesperson"


class MerchantAgent(_RoleAgent):
    """The merchant as an AgentChat agent.

    `speaker` is whoever may sit in a simulator's chair; a SPEC such as ``"openai:gpt-4.1"`` can be dumped and loaded.
    What the agent named `partner` says is the other side of the call; all other messages, the task from ``"user"``
    among them, are not part of it. When the call is over the reply is a `StopMessage` (see `CallEnded`), until then
    a `TextMessage`, or, in a Swarm, a handoff to `handoff_to`. Raises `InputError` when asked to speak out of turn.
    """

    component_provider_override = "telerole.autogen.MerchantAgent"
    role = "merchant"


class _NoOptions(BaseModel):
    pass


class CallEnded(TerminationCondition, Component[_NoOptions]):
    """Ends a team when our salesperson or merchant has ended the call; the stop reason says why and by whom."""

    component_config_schema = _NoOptions
    component_provider_override = "telerole.autogen.CallEnded"

    def __init__(self) -> None:
        self._ended = False

    @property
    def terminated(self) -> bool:
        """Whether the call is over."""
        return self._ended

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        """Look for the message that ended the call."""
        if self._ended:
            raise TerminatedException("the call has already ended")
        why = next((message.metadata[ENDED] for message in messages if ENDED in message.metadata), None)
        self._ended = why is not None
        return StopMessage(content=why, source=type(self).__name__) if why is not None else None

    async def reset(self) -> None:
        """Wait for the next call's end."""
        self._ended = False

    def _to_config(self) -> _NoOptions:
        return _NoOptions()

    @classmethod
    def _from_config(cls, config: _NoOptions) -> Self:
        return cls()
