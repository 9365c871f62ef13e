"""Models both ways: `chat_client` makes a `Backend` a model client, `model` a model client a `Backend`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields, replace
from typing import Any, Literal

from autogen_core import CancellationToken
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
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from telerole.autogen.messages import one_call
from telerole.autogen.running import cancellable, failed_call, linked
from telerole.backends.base import Backend, Message, Reply, Sampling, close
from telerole.errors import BadReply, EmptyReply, Filtered, InputError, Truncated

CONTEXT = 32_768  # tokens; what fits is the backend's affair, so this only keeps trimmed contexts from overflowing


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
            [_ours(message) for message in messages],
            sampling=_sampling(self._sampling, extra_create_args),
            schema=_schema(json_output),
        )
        reply = await linked(asked, cancellation_token or CancellationToken())
        cost = RequestUsage(reply.usage.prompt_tokens, reply.usage.completion_tokens)
        self._actual, total = cost, self._total
        self._total = RequestUsage(
            total.prompt_tokens + cost.prompt_tokens, total.completion_tokens + cost.completion_tokens
        )
        return CreateResult(finish_reason="stop", content=reply.text, usage=cost, cached=False)

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
        return sum(len(_ours(message)["content"].encode()) // 4 + 1 for message in messages)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """What is left of `CONTEXT`."""
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

    @property
    def endpoint(self) -> int:
        """The client's identity: all chairs that one client fills share a gate."""
        return id(self._client)

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """Answer the messages, or raise a `BackendError`."""
        json = True if schema is not None and self._client.model_info["json_output"] else None
        theirs = [_theirs(message) for message in messages]
        asked = {**asdict(sampling), "stop": list(sampling.stop) or None}
        given = {name: value for name, value in asked.items() if value is not None}
        with failed_call(self.name):
            result = await self._create(theirs, given, json)
        return self._reply(result)

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.close()

    async def _create(self, messages: list[LLMMessage], given: dict[str, Any], json: bool | None) -> CreateResult:
        known = {name: value for name, value in given.items() if name not in self._unknown}
        try:
            return await cancellable(
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
        usage = one_call(result.usage)
        if result.finish_reason == "content_filter":
            raise Filtered(f"{self.name}: stopped by the content filter", raw=text, usage=usage)
        if result.finish_reason == "length":
            raise Truncated(f"{self.name}: cut off by the token limit", raw=text, usage=usage)
        if not text.strip():
            raise EmptyReply(f"{self.name} answered nothing", raw=text, usage=usage)
        return Reply(text, usage, model=self.name)


def _ours(message: LLMMessage) -> Message:
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
