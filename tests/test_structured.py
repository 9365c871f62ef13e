from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from telerole.backends import Message, Reply, Sampling
from telerole.backends.openai import OpenAIBackend
from telerole.backends.structured import generate_as, parse, strict
from telerole.errors import BadReply, Truncated
from telerole.session import Usage
from telerole.testing import FakeServer


class Verdict(BaseModel):
    reason: str
    verdict: Literal["yes", "no"]


class Loose(BaseModel):
    reason: str
    facts: dict[str, int] = {}
    verdict: str = "no"


YES = '{"reason": "He asked for a price.", "verdict": "yes"}'
ASK: list[Message] = [{"role": "system", "content": "You judge calls."}, {"role": "user", "content": "The call: …"}]


class Says:
    """Answers with the texts in turn, and keeps what it was asked."""

    name = "says"

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[Sequence[Message]] = []

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        self.asked.append(messages)
        assert schema == Verdict.model_json_schema()
        return Reply(self.texts.pop(0), Usage(calls=1, attempts=1, completion_tokens=10))


@pytest.mark.parametrize(
    "text",
    [
        YES,
        f"```json\n{YES}\n```",
        f"```\n{YES}\n```",
        f"Here is my verdict:\n```json\n{YES}\n```\nI hope it helps.",
        f"Sure! {YES} Anything else?",
        f"<think>The {{merchant}} said no.</think>\n{YES}",
        f'<think>{{"reason": "a draft", "verdict": "no"}}</think>{YES}',
        f"The template opened the thought itself.</think>\n\n```json\n{YES}\n```",
    ],
)
def test_thoughts_fences_and_talk_around_the_json_are_passed_over(text: str) -> None:
    assert parse(text, Verdict) == (Verdict(reason="He asked for a price.", verdict="yes"), False)


def test_a_line_break_inside_a_text_is_no_fault() -> None:
    assert parse('{"reason": "one\ntwo", "verdict": "no"}', Verdict)[0].reason == "one\ntwo"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{'reason': 'He hung up', 'verdict': 'yes'}", "He hung up"),
        ('{"reason": "He hung up", "verdict": "yes",}', "He hung up"),
        ('{reason: "He hung up", verdict: "yes"}', "He hung up"),
        ("{“reason”: “他挂了电话”, “verdict”: “yes”}", "他挂了电话"),
        ('{"reason": "he said \\"no\\" \\u4f60", "verdict": "yes",}', 'he said "no" 你'),
        ('{"reason": "he said "no" twice", "verdict": "yes"}', 'he said "no" twice'),
        ('```json\n{"reason": "He hung up", "verdict": "yes",}\n```', "He hung up"),
    ],
)
def test_json_broken_in_form_only_is_mended_and_marked(text: str, reason: str) -> None:
    assert parse(text, Verdict) == (Verdict(reason=reason, verdict="yes"), True)


@pytest.mark.parametrize(
    "text",
    [
        '{"reason": "您好,"老板"在吗?", "verdict": "yes"}',
        '{"reason": "您好,"老板"在吗?"}',
        '{"reason": "it breaks o',
        '{"reason": "it breaks off", "verdict": "yes"',
        '{"reason": "a", "facts": {"b": 1}, "verdict": "cut he',
        '{"reason": "a", "verdict": "yes"} {"reason": "b", "verdict": "no"}',
        '<think>{"reason": "a thought without an end", "verdict": "yes"}',
        "I would say yes.",
        "[" * 20_000 + "]",
        "null",
        "```json\n```",
    ],
)
@pytest.mark.parametrize("Model", [Verdict, Loose])
def test_what_could_only_be_guessed_is_refused(text: str, Model: type[BaseModel]) -> None:
    with pytest.raises(BadReply) as caught:
        parse(text, Model)
    assert caught.value.raw == text


@given(reason=st.text(), ascii_only=st.booleans(), tail=st.sampled_from(["}", ",}"]))
def test_whatever_a_text_holds_it_comes_back_whole_or_not_at_all(reason: str, ascii_only: bool, tail: str) -> None:
    text = json.dumps({"verdict": "yes", "reason": reason}, ensure_ascii=ascii_only)[:-1] + tail
    try:
        value, _ = parse(text, Verdict)
    except BadReply:
        return
    assert [letter for letter in value.reason if letter.isalnum()] == [letter for letter in reason if letter.isalnum()]


@given(st.text(alphabet='{}[]":,\\abc 好“”\n`<think>/', max_size=80))
def test_no_text_raises_anything_but_a_bad_reply(text: str) -> None:
    with suppress(BadReply):
        parse(text, Verdict)


def test_a_wrong_value_is_named_with_its_field() -> None:
    with pytest.raises(BadReply, match=r"verdict: .*'maybe'"):
        parse('{"reason": "a", "verdict": "maybe"}', Verdict)


async def test_a_good_answer_takes_one_request() -> None:
    backend = Says(YES)
    got = await generate_as(backend, ASK, Verdict)
    assert (got.value.verdict, got.repaired, got.raw) == ("yes", False, YES)
    assert len(backend.asked) == 1


async def test_the_schema_stands_at_the_end_of_the_system_prompt() -> None:
    backend = Says(YES)
    await generate_as(backend, ASK, Verdict)
    system, *rest = backend.asked[0]
    assert system["content"].startswith("You judge calls.")
    assert json.dumps(Verdict.model_json_schema()) in system["content"]
    assert rest == ASK[1:]


async def test_a_bad_answer_is_asked_again_with_its_fault_and_every_ask_is_counted() -> None:
    backend = Says('{"reason": "a", "verdict": "maybe"}', "well…", YES)
    got = await generate_as(backend, ASK, Verdict)
    assert got.value.verdict == "yes"
    assert got.reply.usage == Usage(calls=3, attempts=3, completion_tokens=30)
    again = backend.asked[1]
    assert again[: len(ASK)] == backend.asked[0], "the prompt grows only at its end"
    assert [message["role"] for message in again[-2:]] == ["assistant", "user"]
    assert "'maybe'" in again[-1]["content"]


async def test_the_words_around_schema_and_fault_are_in_the_prompts_language() -> None:
    backend = Says("也许吧", YES)
    await generate_as(backend, [{"role": "user", "content": "这通电话……"}], Verdict, language="zh")
    system, _, _, again = backend.asked[1]
    assert system["role"] == "system"
    assert system["content"].startswith("只输出一个 JSON")
    assert system["content"].endswith(json.dumps(Verdict.model_json_schema()))
    assert again["content"].startswith("刚才的回答不能用")
    assert "there is no whole JSON value in it" in again["content"]


async def test_after_the_last_attempt_the_raw_answer_and_the_cost_are_in_the_error() -> None:
    with pytest.raises(BadReply, match="no valid Verdict in 2 answers") as caught:
        await generate_as(Says("no", "never"), ASK, Verdict, attempts=2)
    assert caught.value.raw == "never"
    assert caught.value.usage == Usage(calls=2, attempts=2, completion_tokens=20)


async def test_a_truncated_answer_is_never_mended() -> None:
    with FakeServer(YES, faults=["length"]) as server:
        backend = OpenAIBackend("m", server.url)
        with pytest.raises(Truncated):
            await generate_as(backend, ASK, Verdict)
        await backend.aclose()
        assert server.count == 1


@pytest.mark.parametrize("schemas", ["ignore", "reject", "reject_all"])
async def test_every_rung_of_the_ladder_brings_the_same_value(schemas: Any) -> None:
    with FakeServer(YES, schemas=schemas, faults=["fenced"]) as server:
        backend = OpenAIBackend("m", server.url)
        assert (await generate_as(backend, ASK, Verdict)).value.verdict == "yes"
        await backend.aclose()


def test_a_strict_schema_names_all_fields_of_every_object() -> None:
    class Part(BaseModel):
        a: int = 1
        default: str = "a field may have this name"

    class Whole(BaseModel):
        parts: list[Part] = []
        note: str | None = Field(None, description="optional")

    made = strict(Whole.model_json_schema())
    part = made["schema"]["$defs"]["Part"]
    assert made["strict"] is True
    assert (part["required"], part["additionalProperties"]) == (["a", "default"], False)
    assert made["schema"]["required"] == ["parts", "note"]
    assert "default" not in part["properties"]["a"]


def test_an_object_with_free_names_is_sent_as_it_is() -> None:
    class Free(BaseModel):
        facts: dict[str, str]

    assert strict(Free.model_json_schema()) == {"name": "Free", "schema": Free.model_json_schema(), "strict": False}
