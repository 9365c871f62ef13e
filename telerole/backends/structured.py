"""Answers with a shape: `generate_as` asks for a pydantic model and says what the answer went through."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from telerole.backends.base import Backend, Message, Reply, Sampling
from telerole.errors import BackendError, BadReply, BudgetSpent
from telerole.prompts import render
from telerole.records import Language, explain
from telerole.session import Usage

M = TypeVar("M", bound=BaseModel)

THOUGHT = re.compile(r".*</think>", re.S)
FENCE = re.compile(r"```[\w-]*\n?(.*?)```", re.S)
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.S)
PYTHON = re.compile(r"\b(?:None|True|False)\b")
JSON = {"None": "null", "True": "true", "False": "false"}
BROKEN = (ValueError, RecursionError)  # a degenerate model's "[[[[…" is nested deeper than Python reads


@dataclass(frozen=True, slots=True)
class Structured(Generic[M]):
    """A checked answer: its value, the reply it was read from (`usage` counts every ask), and the text as it came.

    `repaired` is True where the text was broken JSON that could be mended without losing a word.
    """

    value: M
    reply: Reply
    repaired: bool
    raw: str


async def generate_as(
    backend: Backend,
    messages: Sequence[Message],
    Model: type[M],
    *,
    sampling: Sampling = Sampling(),
    attempts: int = 3,
    language: Language = "en",
    refused: Callable[[str, BadReply], None] | None = None,
) -> Structured[M]:
    """Ask until the answer is a valid `Model`, at most `attempts` times, each time naming what was wrong.

    The schema always stands in the prompt, and goes to the backend too, which enforces it where its server can.
    `language` is that of the prompt; what was wrong is named in English in either. `refused` hears of every answer that
    could not be used, as it came, and why.
    Raises `BadReply` with the last raw answer, or whatever `BackendError` the backend raised: a truncated answer is
    never mended. The error's `usage` counts every ask, and that of a `BudgetSpent`, too.
    """
    schema, ask = _schema(Model, language)
    asked = _with_ask(messages, ask)
    spent = Usage()
    for left in reversed(range(attempts)):
        try:
            reply = await backend.generate(asked, sampling=sampling, schema=schema)
        except BackendError as error:
            error.usage = spent + (error.usage or Usage(attempts=1))
            raise
        except BudgetSpent as error:
            error.usage = spent + (error.usage or Usage())
            raise
        spent += reply.usage
        try:
            value, repaired = parse(reply.text, Model)
            return Structured(value, replace(reply, usage=spent), repaired, reply.text)
        except BadReply as fault:
            if refused is not None:
                refused(reply.text, fault)
            if not left:
                fault.args = (f"no valid {Model.__name__} in {attempts} answers; the last: {fault}",)
                fault.usage = spent
                raise
            again = render("answer_again", language, fault=str(fault))
            asked = [*asked, _said("assistant", reply.text), _said("user", again)]
    raise ValueError(f"attempts must be at least 1, not {attempts}")


def parse(text: str, Model: type[M]) -> tuple[M, bool]:
    """The `Model` in an answer, and whether its JSON had to be repaired; raises `BadReply` that says what is wrong.

    Thoughts, fences and talk around the JSON are passed over. Broken JSON is mended only where every word of it
    is still in the value afterwards.
    """
    said = _spoken(text)
    for candidate in (text, said, *reversed(FENCE.findall(said)), _outermost(said)):
        try:
            found = json.loads(candidate, strict=False)
        except BROKEN:
            continue
        return _validated(found, text, Model), False
    return _repaired(text, said, Model), True


def follows(text: str, schema: Mapping[str, Any]) -> bool:
    """Whether the text is bare JSON with the schema's required fields: what a server that enforces it would send."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    if not isinstance(found, dict):
        return schema.get("type") not in (None, "object")
    return found.keys() >= set(schema.get("required", ()))


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as ``response_format`` takes it: strict, where every object names all its fields."""
    name = re.sub(r"[^\w-]", "_", str(schema.get("title", "reply")), flags=re.A)[:64]
    try:
        return {"name": name, "schema": _closed(schema), "strict": True}
    except _OpenObject:
        return {"name": name, "schema": dict(schema), "strict": False}


class _OpenObject(Exception):
    """The schema has an object with names of the model's choosing, which strict mode does not know."""


def _closed(part: Any) -> Any:
    """The schema with every object closed and all of its fields required, as strict mode wants it."""
    if isinstance(part, list):
        return [_closed(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    if part.get("type") == "object" and "properties" not in part:
        raise _OpenObject
    closed = {key: _closed(value) for key, value in part.items() if key != "default" or isinstance(value, Mapping)}
    if isinstance(fields := part.get("properties"), Mapping) and part.get("type") == "object":
        closed |= {"additionalProperties": False, "required": list(fields)}
    return closed


@lru_cache(maxsize=64)
def _schema(Model: type[BaseModel], language: Language) -> tuple[Mapping[str, Any], str]:
    """The model's JSON schema, and the words that ask for it; pydantic would make the schema anew for every call."""
    schema = Model.model_json_schema()
    return schema, render("answer_schema", language, schema=json.dumps(schema, ensure_ascii=False))


def _with_ask(messages: Sequence[Message], ask: str) -> list[Message]:
    """The messages with `ask` at the end of the system prompt: the same for every call, so a server's cache hits."""
    if messages and messages[0]["role"] == "system":
        return [_said("system", f"{messages[0]['content']}\n\n{ask}"), *messages[1:]]
    return [_said("system", ask), *messages]


def _said(role: Any, content: str) -> Message:
    return {"role": role, "content": content}


def _spoken(text: str) -> str:
    """What is said after the thinking; nothing, where the thinking never ends."""
    said = THOUGHT.sub("", text)
    return "" if "<think>" in said else said


def _outermost(text: str) -> str:
    """From the first opening bracket to the last closing one."""
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=len(text))
    return text[start : max(text.rfind("}"), text.rfind("]")) + 1]


def _validated(found: Any, text: str, Model: type[M]) -> M:
    try:
        return Model.model_validate_json(json.dumps(found))
    except ValidationError as error:
        raise BadReply("\n".join(explain(error, Model)), raw=text) from None


def _repaired(text: str, said: str, Model: type[M]) -> M:
    """The `Model` in broken JSON; json-repair mends it, and what it mended by guessing is refused."""
    from json_repair import repair_json

    broken = _outermost(said)
    if not broken:
        raise BadReply("there is no whole JSON value in it", raw=text)
    if said.rstrip(" \n`")[-1] not in "}]":
        raise BadReply("the JSON breaks off, or is broken and followed by something else", raw=text)
    try:
        value = _validated(json.loads(repair_json(broken, ensure_ascii=False)), text, Model)
    except (BadReply, *BROKEN):
        value = None
    if value is None or _words(broken) != _words(value.model_dump_json(exclude_unset=True, by_alias=True)):
        raise BadReply(f'{_complaint(broken)}; a quote inside a text is written \\"', raw=text)
    return value


def _complaint(broken: str) -> str:
    try:
        json.loads(broken)
    except BROKEN as error:
        return f"it is not valid JSON: {error}"
    return "it was cut out of something longer"


def _words(text: str) -> Counter[str]:
    """The letters and digits of a JSON text, escapes and Python's spellings resolved: what a repair must not change."""
    plain = ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", text)
    plain = PYTHON.sub(lambda found: JSON[found[0]], plain)
    return Counter(letter for letter in plain if letter.isalnum())
