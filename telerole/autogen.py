"""AutoGen AgentChat, in both directions; the only file that imports it.

Ours inside theirs: `SalespersonAgent` and `MerchantAgent` are AgentChat agents, `CallEnded` ends a team when the call
is over, `chat_client` lets an `AssistantAgent` run on a `Backend`. Theirs inside ours: `participant` seats an agent
or a team in a chair, `model` makes a model client a `Backend`, `stop` a termination condition a stop rule; the
simulator calls these three by itself, through `as_speaker`, `as_backend` and `as_rule`.
"""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Literal, Self, TypeAlias, TypeVar

from pydantic import BaseModel, TypeAdapter

from telerole.agents.speech import spoken
from telerole.backends.base import Backend, Message, Reply, Sampling, close
from telerole.backends.openai import KEY_LIKE
from telerole.conversation import StopRule
from telerole.endings import put_down, repetition, said_goodbye
from telerole.errors import (
    BackendError,
    BadReply,
    BudgetSpent,
    EmptyReply,
    Filtered,
    InputError,
    RateLimited,
    Rejected,
    ServerFault,
    TimedOut,
    Truncated,
    Unreachable,
)
from telerole.persona import Role
from telerole.prompts import merchant_messages, salesperson_messages
from telerole.scenario import Scenario
from telerole.session import End, Turn, Usage, speaker_at
from telerole.speaker import Call, Said, Speaker

try:
    from autogen_agentchat.agents import BaseChatAgent
    from autogen_agentchat.base import ChatAgent, Response, TaskResult, Team, TerminatedException, TerminationCondition
    from autogen_agentchat.conditions import ExternalTermination
    from autogen_agentchat.messages import (
        BaseAgentEvent,
        BaseChatMessage,
        HandoffMessage,
        StopMessage,
        TextMessage,
    )
    from autogen_core import CancellationToken, Component, ComponentBase
    from autogen_core.memory import Memory
    from autogen_core.models import (
        AssistantMessage,
        ChatCompletionClient,
        CreateResult,
        LLMMessage,
        ModelFamily,
        ModelInfo,
        RequestUsage,
        SystemMessage,
        UserMessage,
    )
    from autogen_core.tools import BaseTool, Tool, ToolSchema, Workbench
except ImportError as missing:
    raise InputError("telerole.autogen needs AutoGen: pip install autogen-agentchat") from missing

T = TypeVar("T")
Guest: TypeAlias = ChatAgent | Team
Brief = Callable[[Call], str]

OTHER: dict[Role, Role] = {"salesperson": "merchant", "merchant": "salesperson"}
OVER = "TERMINATE"  # how AgentChat agents are told to say that they are done
ENDED = "call_ended"  # the metadata of our last message: why the call ended
SPOKEN = "spoken"  # the metadata of our handoffs: their text is a line, not a note
GRACE = 2.0  # seconds that a cancelled guest has to wind up
CONTEXT = 32_768  # tokens; what fits is the backend's affair, so this only keeps trimmed contexts from overflowing


# Ours inside theirs


class RoleAgentConfig(BaseModel):
    """A `SalespersonAgent` or `MerchantAgent` as a component."""

    scenario: Scenario
    speaker: str
    name: str
    partner: str
    handoff_to: str | None = None
    seed: int = 0


class _RoleAgent(BaseChatAgent, Component[RoleAgentConfig]):
    """One side of the call. Its transcript is all its state."""

    component_config_schema = RoleAgentConfig
    role: ClassVar[Role]

    def __init__(
        self,
        scenario: Scenario,
        speaker: Any = "offline",
        name: str | None = None,
        *,
        partner: str | None = None,
        handoff_to: str | None = None,
        seed: int = 0,
    ) -> None:
        from telerole.chairs import Chairs

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
        self._seated = self._seated or _seat(self._speaker, self._scenario, self._seed)
        said = await _linked(self._seated.speak(call), cancellation_token)
        self._turns = call.turns
        if said.text:
            self._turns += (Turn(role=self.role, text=said.text, act=said.act, repairs=said.repairs),)
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
            role, text = roles.get(message.source), _line(message)
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

    async def _leave(self) -> None:
        leave, self._seated = getattr(self._seated, "leave", None), None
        if leave is not None:
            await leave()

    def _to_config(self) -> RoleAgentConfig:
        if not isinstance(self._guest, str):
            raise InputError(
                f"{self.name!r} can be dumped when its speaker is a SPEC, not a {type(self._guest).__name__}"
            )
        return RoleAgentConfig(
            scenario=self._scenario,
            speaker=self._guest,
            name=self.name,
            partner=self._partner,
            handoff_to=self._handoff_to,
            seed=self._seed,
        )

    @classmethod
    def _from_config(cls, config: RoleAgentConfig) -> Self:
        return cls(**dict(config))


class SalespersonAgent(_RoleAgent):
    """The salesperson as an AgentChat agent; see `MerchantAgent`, which takes the same arguments."""

    role = "salesperson"


class MerchantAgent(_RoleAgent):
    """The merchant as an AgentChat agent.

    `speaker` is whoever may sit in a simulator's chair; a SPEC such as ``"openai:gpt-4.1"`` can be dumped and loaded.
    What the agent named `partner` says is the other side of the call; all other messages, the task from ``"user"``
    among them, are not part of it. When the call is over the reply is a `StopMessage` (see `CallEnded`), until then
    a `TextMessage`, or, in a Swarm, a handoff to `handoff_to`. Raises `InputError` when asked to speak out of turn.
    """

    role = "merchant"


class CallEndedConfig(BaseModel):
    """`CallEnded` as a component: it has no options."""


class CallEnded(TerminationCondition, Component[CallEndedConfig]):
    """Ends a team when our salesperson or merchant has ended the call; the stop reason says why and by whom."""

    component_config_schema = CallEndedConfig

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

    def _to_config(self) -> CallEndedConfig:
        return CallEndedConfig()

    @classmethod
    def _from_config(cls, config: CallEndedConfig) -> Self:
        return cls()


def chat_client(backend: Backend, sampling: Sampling = Sampling()) -> ChatCompletionClient:
    """A model client that asks `backend`, for an `AssistantAgent` or a selector: text only, no tools and no images.

    JSON output is asked for by schema; whether the backend keeps to it is the backend's affair. A stream is one chunk.
    Tokens are counted as one for every four bytes.
    """
    return BackendClient(backend, sampling)


class BackendClient(ChatCompletionClient):
    """What `chat_client` makes."""

    def __init__(self, backend: Backend, sampling: Sampling) -> None:
        self._backend, self._sampling = backend, sampling
        self._actual = self._total = RequestUsage(0, 0)

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Ask the backend; raises `InputError` for what is not text, and what the backend raises."""
        if tools:
            raise InputError(f"{self._backend.name} is asked for text only; it cannot call tools")
        asked = self._backend.generate(
            [_plain(message) for message in messages],
            sampling=_sampling(self._sampling, extra_create_args),
            schema=_schema(json_output),
        )
        reply = await _linked(asked, cancellation_token or CancellationToken())
        self._actual = RequestUsage(reply.usage.prompt_tokens, reply.usage.completion_tokens)
        self._total = _plus(self._total, self._actual)
        return CreateResult(finish_reason="stop", content=reply.text, usage=self._actual, cached=False)

    async def create_stream(
        self, messages: Sequence[LLMMessage], **options: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        """`create`, in one chunk."""
        result = await self.create(messages, **options)
        assert isinstance(result.content, str)
        yield result.content
        yield result

    async def close(self) -> None:
        """Release the backend."""
        await close(self._backend)

    def actual_usage(self) -> RequestUsage:
        """What the last call cost."""
        return self._actual

    def total_usage(self) -> RequestUsage:
        """What all calls cost."""
        return self._total

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """One for every four bytes."""
        return sum(len(_plain(message)["content"].encode()) // 4 + 1 for message in messages)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """What is left of a context of 32768 tokens."""
        return CONTEXT - self.count_tokens(messages)

    @property
    def model_info(self) -> ModelInfo:
        """Text in, text or JSON out."""
        return ModelInfo(
            vision=False, function_calling=False, json_output=True, structured_output=True, family=ModelFamily.UNKNOWN
        )

    @property
    def capabilities(self) -> Any:
        """The deprecated name of `model_info`."""
        return self.model_info


# Theirs inside ours


def briefing(call: Call) -> str:
    """What our own speaker in that chair is told before the call: what a guest hears first, unless told otherwise."""
    messages = salesperson_messages if call.role == "salesperson" else merchant_messages
    return "\n\n".join(message["content"] for message in messages(call.scenario, ()))


def participant(guest: Guest | Callable[[], Guest], brief: Brief = briefing) -> Speaker:
    """An AgentChat agent or team in a chair. Each conversation has its own: contexts never mix.

    A function makes one for each conversation. An agent or team is copied as it stands, and itself never run: the
    copy shares its model clients, tools, workbenches and memories and has everything else for itself. What cannot be
    copied, a team that has run before among it, is an `InputError`; give a function that makes one.

    The guest is first told `brief`, as a message from ``"user"``, then each of the other side's lines once. Its line
    is the last message of its reply, without handoffs, so a team must end after each turn (``max_turns`` or a
    termination condition), and ends with its line. ``TERMINATE``, a stop message or a hang-up mark ends the call.
    Whatever the guest raises is a failed call; when our task is cancelled, so is the guest's run.
    """
    if isinstance(guest, ChatAgent | Team):
        _copied(guest)  # so that what cannot be copied is refused here, and not in the middle of a run
        return _Participant(f"autogen:{guest.name}", lambda: _copied(guest), brief, own=False)
    return _Participant(f"autogen:{getattr(guest, '__name__', type(guest).__name__)}", guest, brief, own=True)


@dataclass(frozen=True, slots=True)
class _Participant:
    name: str
    make: Callable[[], Guest]
    brief: Brief
    own: bool

    def seat(self, scenario: Scenario, seed: int) -> _Seated:
        """The same for one conversation."""
        return _Seated(self)

    async def speak(self, call: Call) -> Said:
        """Let a newcomer, who hears the whole call at once, say the next line."""
        seated = _Seated(self)
        try:
            return await seated.speak(call)
        finally:
            await seated.leave()


class _Seated:
    """A guest in one conversation, made at its first turn."""

    def __init__(self, participant: _Participant) -> None:
        self.name = participant.name
        self._participant = participant
        self._guest: Guest | None = None
        self._heard: int | None = None

    async def speak(self, call: Call) -> Said:
        """Tell the guest what it has not heard yet and take down what it says."""
        with _failed_call(self.name):
            guest = self._guest = self._guest or self._participant.make()
            news = self._news(call, guest.name)
            result = await _cancellable(
                lambda token: guest.run(task=news or None, cancellation_token=token, output_task_messages=False)
            )
        return _said(call, result, self.name)

    async def leave(self) -> None:
        """Close an agent that was made for this conversation."""
        if self._participant.own and isinstance(self._guest, ChatAgent):
            with suppress(Exception):  # the call is over, and what was said stands
                await self._guest.close()

    def _news(self, call: Call, name: str) -> list[BaseChatMessage]:
        """What was said since the guest's last line: once, though the call be repeated, for its context has it then."""
        first = [TextMessage(content=self._participant.brief(call), source="user")] if self._heard is None else []
        unheard = call.turns[self._heard or 0 :]
        self._heard = len(call.turns) + 1  # with the line it is about to say
        return [*first, *_messages(unheard, {call.role: name})]


def _said(call: Call, result: TaskResult, name: str) -> Said:
    message = next((said for said in reversed(result.messages) if _line(said)), None)
    text = _line(message) if message is not None else ""
    words, over, _ = text.partition(OVER)
    speech = spoken(words, call.role)
    usage = _usage(result.messages)
    if (over or speech.hung_up or _stops(result.messages)) and (speech.text or call.turns):
        return Said(
            speech.text, put_down(call.turns, speech.text, call.scenario.language), usage, repairs=speech.repairs
        )
    if not speech.text:
        raise EmptyReply(f"{name} said nothing", raw=text)
    return Said(speech.text, usage=usage, repairs=speech.repairs)


def model(client: ChatCompletionClient) -> Backend:
    """A model client as a `Backend`. Sampling arguments that it does not know are left out.

    Retries are the run's affair, so give an OpenAI client ``max_retries=0``. A schema is asked for in JSON mode, where
    the client says that it has one.
    """
    return _ClientBackend(client)


class _ClientBackend:
    def __init__(self, client: ChatCompletionClient) -> None:
        self.name = f"autogen:{_model_name(client)}"
        self._client = client
        self._unknown: set[str] = set()

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """Answer the messages, or raise a `BackendError`."""
        json = schema is not None and self._client.model_info["json_output"]
        theirs = [_theirs(message) for message in messages]
        given = {name: value for name, value in asdict(sampling).items() if value not in (None, ())}
        if sampling.stop:
            given["stop"] = list(sampling.stop)
        with _failed_call(self.name):
            result = await self._create(theirs, given, True if json else None)
        return self._reply(result)

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.close()

    async def _create(self, messages: list[LLMMessage], given: dict[str, Any], json: bool | None) -> CreateResult:
        known = {name: value for name, value in given.items() if name not in self._unknown}
        try:
            return await _cancellable(
                lambda token: self._client.create(
                    messages, json_output=json, extra_create_args=known, cancellation_token=token
                )
            )
        except (ValueError, TypeError) as error:
            unknown = {name for name in known if f"'{name}'" in str(error)}
            if not unknown:
                raise
        self._unknown |= unknown
        return await self._create(messages, given, json)

    def _reply(self, result: CreateResult) -> Reply:
        text = result.content
        if not isinstance(text, str):
            raise BadReply(f"{self.name} called a tool instead of answering")
        if result.finish_reason == "content_filter":
            raise Filtered(f"{self.name}: stopped by the content filter", raw=text)
        if result.finish_reason == "length":
            raise Truncated(f"{self.name}: cut off by the token limit", raw=text)
        if not text.strip():
            raise EmptyReply(f"{self.name} answered nothing", raw=text)
        return Reply(text, _one_call(result.usage), model=self.name)


def stop(condition: TerminationCondition) -> StopRule:
    """A termination condition as a stop rule: each conversation has a copy of its own, told each turn as it is said.

    An `ExternalTermination` stays shared, wherever it stands in the condition: set, it ends every conversation. The
    turns carry no token counts, so a `TokenUsageTermination` never fires; a `Budget` does.
    """
    _copied(condition)
    return _Condition(condition)


@dataclass(frozen=True, slots=True)
class _Condition:
    condition: TerminationCondition

    def seat(self, scenario: Scenario, seed: int) -> _Watch:
        """The same for one conversation."""
        return _Watch(_copied(self.condition))

    async def __call__(self, turns: Sequence[Turn]) -> End | None:
        """What the condition says of a whole call at once."""
        return await _Watch(_copied(self.condition))(turns)


class _Watch:
    """A termination condition in one conversation."""

    def __init__(self, condition: TerminationCondition) -> None:
        self._condition = condition
        self._heard = 0

    async def __call__(self, turns: Sequence[Turn]) -> End | None:
        """Tell the condition what was said since it was last asked."""
        if not self._heard:
            await self._condition.reset()  # a timeout's clock starts with the call
        news, self._heard = turns[self._heard :], len(turns)
        try:
            stopped = await self._condition(_messages(news, {}))
        except TerminatedException as error:  # no Exception: it would tear down the whole run
            return End(reason="stopped", detail=str(error))
        return End(reason="stopped", detail=stopped.content) if stopped is not None else None


class _Switch(TerminationCondition):
    """One conversation's view of a shared `ExternalTermination`; `reset` does not turn the user's switch off."""

    component_config_schema = BaseModel

    def __init__(self, external: ExternalTermination) -> None:
        self._external, self._seen = external, False

    @property
    def terminated(self) -> bool:
        """Whether this conversation was told."""
        return self._seen

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        """Look at the switch."""
        self._seen = self._external.terminated or await self._external(()) is not None
        told = StopMessage(content="External termination requested", source="ExternalTermination")
        return told if self._seen else None

    async def reset(self) -> None:
        """Look anew."""
        self._seen = False


# How the simulator recognises what belongs to AutoGen


def as_speaker(thing: object) -> Speaker | None:
    """`participant` for an agent or a team, None for anything else."""
    return participant(thing) if isinstance(thing, ChatAgent | Team) else None


def as_backend(thing: object) -> Backend | None:
    """`model` for a model client, None for anything else."""
    return model(thing) if isinstance(thing, ChatCompletionClient) else None


def as_rule(thing: object) -> StopRule | None:
    """`stop` for a termination condition, None for anything else."""
    return stop(thing) if isinstance(thing, TerminationCondition) else None


# Between the two


SHARED = (ChatCompletionClient, Workbench, BaseTool, Memory)


def _copied(original: T) -> T:
    """A copy for one conversation; `SHARED` parts are the original's own."""
    memo: dict[int, Any] = {}
    for part in _parts(original, set()):
        if isinstance(part, SHARED):
            memo[id(part)] = part
        elif isinstance(part, ExternalTermination):
            memo[id(part)] = _Switch(part)
        elif isinstance(part, Team) and getattr(part, "_initialized", False):
            raise InputError(f"team {part.name!r} has run before and cannot be copied; give a function that makes one")
    try:
        return copy.deepcopy(original, memo)
    except Exception as error:
        what = f"{type(original).__name__} {getattr(original, 'name', '')!r}"
        raise InputError(f"{what} cannot be copied ({error}); give a function that makes one") from error


def _parts(thing: object, seen: set[int]) -> Iterator[object]:
    """A component and every component in it, as far as they are shared."""
    seen.add(id(thing))
    yield thing
    for value in () if isinstance(thing, SHARED) else vars(thing).values():
        for part in _each(value):
            if isinstance(part, ComponentBase) and id(part) not in seen:
                yield from _parts(part, seen)


def _each(value: object) -> Iterable[object]:
    match value:
        case dict():
            return value.values()
        case list() | tuple():
            return value
        case _:
            return (value,)


def _seat(speaker: Speaker, scenario: Scenario, seed: int) -> Speaker:
    seat: Callable[[Scenario, int], Speaker] | None = getattr(speaker, "seat", None)
    return speaker if seat is None else seat(scenario, seed)


async def _linked(work: Coroutine[Any, Any, T], token: CancellationToken) -> T:
    """Await our own work so that their token cancels it."""
    task = asyncio.ensure_future(work)
    token.link_future(task)
    return await task


async def _cancellable(start: Callable[[CancellationToken], Awaitable[T]]) -> T:
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


FAILURES: dict[str, type[BackendError] | type[BudgetSpent]] = {
    **{ours.__name__: ours for ours in (*BackendError.__subclasses__(), BudgetSpent)},
    **dict.fromkeys(("APIConnectionError", "ConnectionError", "ConnectionResetError"), Unreachable),
    **dict.fromkeys(("APITimeoutError", "TimeoutError"), TimedOut),
    **dict.fromkeys(("APIStatusError", "AuthenticationError", "BadRequestError", "NotFoundError"), Rejected),
    "InternalServerError": ServerFault,
    "RateLimitError": RateLimited,
}
IN_TEAM = re.compile(r"(?:RuntimeError: )*(\w+): ")


@contextmanager
def _failed_call(who: str) -> Iterator[None]:
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


def _messages(turns: Iterable[Turn], names: Mapping[Role, str]) -> list[BaseChatMessage]:
    return [TextMessage(content=turn.text, source=names.get(turn.role, turn.role)) for turn in turns]


def _line(message: BaseAgentEvent | BaseChatMessage) -> str:
    """The words of a message; a handoff's are a note, unless it is one of ours."""
    is_note = isinstance(message, HandoffMessage) and SPOKEN not in message.metadata
    return "" if is_note or not isinstance(message, BaseChatMessage) else message.to_text().strip()


def _stops(messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> bool:
    return bool(messages) and isinstance(messages[-1], StopMessage)


def _plain(message: LLMMessage) -> Message:
    if isinstance(message, SystemMessage):
        return {"role": "system", "content": message.content}
    if isinstance(message, UserMessage | AssistantMessage) and isinstance(message.content, str):
        return {"role": "user" if isinstance(message, UserMessage) else "assistant", "content": message.content}
    raise InputError(f"a {type(message).__name__} with more than text cannot be sent to a telerole backend")


def _theirs(message: Message) -> LLMMessage:
    match message["role"]:
        case "system":
            return SystemMessage(content=message["content"])
        case "user":
            return UserMessage(content=message["content"], source="user")
        case "assistant":
            return AssistantMessage(content=message["content"], source="assistant")


def _sampling(base: Sampling, given: Mapping[str, Any]) -> Sampling:
    if unknown := given.keys() - {field.name for field in fields(Sampling)}:
        raise InputError(f"extra_create_args: {', '.join(sorted(unknown))} cannot be passed to a telerole backend")
    stops = given.get("stop", base.stop)
    return replace(base, **{**given, "stop": (stops,) if isinstance(stops, str) else tuple(stops)})


def _schema(json_output: bool | type[BaseModel] | None) -> Mapping[str, Any] | None:
    if isinstance(json_output, type):
        return json_output.model_json_schema()
    return {"type": "object"} if json_output else None


def _model_name(client: ChatCompletionClient) -> str:
    """The model's name where the client tells it, else the client's own."""
    with suppress(Exception):  # not every client can be dumped
        return str(client.dump_component().config["model"])
    return type(client).__name__


def _usage(messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> Usage | None:
    calls = [_one_call(message.models_usage) for message in messages if message.models_usage is not None]
    return sum(calls, Usage()) if calls else None


def _one_call(usage: RequestUsage) -> Usage:
    return Usage(calls=1, attempts=1, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


def _plus(one: RequestUsage, other: RequestUsage) -> RequestUsage:
    return RequestUsage(one.prompt_tokens + other.prompt_tokens, one.completion_tokens + other.completion_tokens)
