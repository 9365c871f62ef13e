"""A model writes a persona from a sentence, or changes one by a note."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

from pydantic import create_model

from telerole import loop
from telerole.backends.base import Backend, Message, Sampling
from telerole.backends.structured import Structured, generate_as
from telerole.catalog import Catalog
from telerole.chairs import model_at_work
from telerole.errors import BackendError, InputError
from telerole.persona import Persona, Role
from telerole.prompts import render
from telerole.records import Language
from telerole.studio.examining import examine
from telerole.studio.writing import written

HAN = re.compile(r"[\u3400-\u9fff]")
MOST_TOKENS = 4096  # a whole persona in Chinese takes about 1500

Writer = Any
"""Who writes: a SPEC of a model, a `Backend`, or an AgentChat model client."""


def draft(
    sentence: str,
    backend: Writer,
    *,
    role: Role = "merchant",
    language: Language | None = None,
    id: str | None = None,
    seed: int = 0,
) -> Persona:
    """A whole persona from one sentence, written by a model.

    Without a `language` it is that of the sentence; without an `id` the model's own is made to fit. What `examine`
    finds goes back to the model once; what it finds in the persona given here is left for you to judge.
    Raises `BackendError` where no valid persona could be had.
    """
    return loop.wait(adraft(sentence, backend, role=role, language=language, id=id, seed=seed))


def refine(persona: Persona, note: str, backend: Writer, *, seed: int = 0) -> Persona:
    """The persona with what `note` asks for changed by a model. Its id, role and language stay."""
    return loop.wait(arefine(persona, note, backend, seed=seed))


async def adraft(
    sentence: str,
    backend: Writer,
    *,
    role: Role = "merchant",
    language: Language | None = None,
    id: str | None = None,
    seed: int = 0,
) -> Persona:
    """`draft` for callers with a loop."""
    if not sentence.strip():
        raise InputError("say in a sentence who the persona is")
    language = language or ("zh" if HAN.search(sentence) else "en")

    def named(persona: Persona) -> Persona:
        return persona.model_copy(update={"id": id or _free_id(persona)})

    return await _written(backend, role, language, sentence.strip(), named, seed)


async def arefine(persona: Persona, note: str, backend: Writer, *, seed: int = 0) -> Persona:
    """`refine` for callers with a loop."""
    if not note.strip():
        raise InputError("say in a note what should change")

    def named(changed: Persona) -> Persona:
        return changed.model_copy(update={"id": persona.id})

    ask = render("studio/refine_persona", persona.language, persona=written(persona).strip(), note=note.strip())
    known = {str(finding) for finding in examine(persona)}
    return await _written(backend, persona.role, persona.language, ask, named, seed, known)


async def _written(
    backend: Writer,
    role: Role,
    language: Language,
    ask: str,
    named: Callable[[Persona], Persona],
    seed: int,
    known: frozenset[str] | set[str] = frozenset(),
) -> Persona:
    """What the model writes; it reads it over once where something new was found, and the better one is taken."""
    system = render("studio/draft_persona", language, role=role, company=Catalog.bundled().company(language))
    messages: list[Message] = [{"role": "system", "content": system}, {"role": "user", "content": ask}]
    async with model_at_work(backend, "write a persona") as model:
        first = await _ask(model, messages, role, language, seed)
        found = [finding for finding in examine(named(_persona(first))) if str(finding) not in known]
        if not found:
            return named(_persona(first))
        again = render("studio/persona_findings", language, findings=[str(finding) for finding in found])
        messages += [{"role": "assistant", "content": first.raw}, {"role": "user", "content": again}]
        try:
            second = await _ask(model, messages, role, language, seed + 1)
        except BackendError:
            return named(_persona(first))
    return min((named(_persona(second)), named(_persona(first))), key=_weight)


async def _ask(
    model: Backend, messages: Sequence[Message], role: Role, language: Language, seed: int
) -> Structured[Persona]:
    sampling = Sampling(max_tokens=MOST_TOKENS, seed=seed)
    return await generate_as(model, messages, _shape(role, language), sampling=sampling, language=language)


@cache
def _shape(role: Role, language: Language) -> type[Persona]:
    """`Persona` with nothing else to choose for role and language."""
    role_field: Any = (Literal[role], ...)
    language_field: Any = (Literal[language], ...)
    return create_model("Persona", __base__=Persona, role=role_field, language=language_field)


def _persona(answer: Structured[Persona]) -> Persona:
    return Persona.model_validate(answer.value.model_dump())


def _weight(persona: Persona) -> int:
    return sum(100 if finding.grave else 1 for finding in examine(persona))


def _free_id(persona: Persona) -> str:
    """A name in plain letters that ends with the language and is not taken in the library."""
    wanted = re.sub(r"[^a-z0-9]+", "-", persona.id.lower()).strip("-").removesuffix(f"-{persona.language}")
    stem = wanted or f"{persona.temper or 'new'}-{persona.role}"
    taken = Catalog.bundled().personas
    names = (f"{stem}{number}-{persona.language}" for number in ("", *(f"-{n}" for n in range(2, 10_000))))
    return next(name for name in names if name not in taken)
