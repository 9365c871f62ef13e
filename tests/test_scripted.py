"""The scripted backend: what it says depends on the messages and on nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from telerole import Sampling, ScriptedBackend
from telerole.backends.base import Message
from telerole.errors import EmptyReply, InputError, TimedOut


def heard(*own: str) -> list[Message]:
    """A request in which the backend has said `own` so far."""
    messages: list[Message] = [{"role": "system", "content": "You sell."}, {"role": "user", "content": "Hello?"}]
    for line in own:
        messages += [{"role": "assistant", "content": line}, {"role": "user", "content": "Go on."}]
    return messages


async def said(backend: ScriptedBackend, messages: Sequence[Message]) -> str:
    return (await backend.generate(messages)).text


async def test_each_line_is_said_in_its_turn_and_the_last_again_and_again() -> None:
    backend = ScriptedBackend(["one", "two"])
    assert [await said(backend, heard(*["x"] * turn)) for turn in range(4)] == ["one", "two", "two", "two"]


async def test_concurrent_calls_do_not_disturb_each_other() -> None:
    backend = ScriptedBackend(["one", "two"])
    answers = await asyncio.gather(*(said(backend, heard(*["x"] * (turn % 2))) for turn in range(20)))
    assert answers == ["one", "two"] * 10


async def test_a_single_string_is_one_line() -> None:
    assert await said(ScriptedBackend("Hello."), heard()) == "Hello."


async def test_a_function_plain_or_async_is_given_the_messages() -> None:
    async def slowly(messages: Sequence[Message]) -> str:
        await asyncio.sleep(0)
        return messages[-1]["content"].upper()

    assert await said(ScriptedBackend(slowly), heard()) == "HELLO?"
    assert await said(ScriptedBackend(lambda messages: messages[0]["content"]), heard()) == "You sell."


async def test_usage_counts_a_token_for_every_four_characters_begun_ones_too() -> None:
    reply = await ScriptedBackend("12345", name="toy").generate(heard(), sampling=Sampling(seed=1))
    assert (reply.usage.calls, reply.usage.attempts) == (1, 1)
    assert reply.usage.prompt_tokens == 3 + 2
    assert reply.usage.completion_tokens == 2
    assert (reply.model, reply.finish_reason) == ("toy", "stop")


async def test_a_function_may_fail_like_a_model() -> None:
    def late(messages: Sequence[Message]) -> str:
        raise TimedOut("no answer in 1 s")

    with pytest.raises(TimedOut):
        await ScriptedBackend(late).generate(heard())


async def test_a_blank_answer_is_an_empty_reply() -> None:
    with pytest.raises(EmptyReply) as caught:
        await ScriptedBackend(lambda messages: " \n").generate(heard())
    assert caught.value.raw == " \n"


async def test_an_answer_that_is_no_text_is_a_mistake_of_the_function() -> None:
    with pytest.raises(TypeError, match="gave a NoneType"):
        await ScriptedBackend(lambda messages: None).generate(heard())  # type: ignore[arg-type,return-value]  # the mistake


@pytest.mark.parametrize("lines", [[], [""], ["Hello.", " "], ""])
def test_a_script_without_words_is_refused(lines: list[str] | str) -> None:
    with pytest.raises(InputError, match="at least one line"):
        ScriptedBackend(lines)
