"""Every prompt, rendered from the text files in ``templates/``; who may know what is decided here and nowhere else.

A function is given exactly what its speaker may know. Eq. 1 of the paper is `candidate_messages`, for deployment,
evaluation and training rows alike; `called_messages` is the same from the merchant's side. Messages only ever grow at
their end, so a server's prefix cache hits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import StrictUndefined, Template, TemplateNotFound, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from telerole.backends.base import Message
from telerole.errors import InputError, nearest
from telerole.persona import Role
from telerole.profile import Profile
from telerole.records import LANGUAGES, Language
from telerole.scenario import Scenario
from telerole.script import Script
from telerole.session import End, Turn
from telerole.strategy import Strategy

HANG_UP: dict[Language, str] = {"en": "[hang up]", "zh": "[挂断]"}
RINGING: dict[Language, str] = {"en": "(The merchant picks up the phone.)", "zh": "(电话接通了。)"}

_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False, keep_trailing_newline=False
)


def salesperson_messages(
    scenario: Scenario, turns: Sequence[Turn], direction: str | None = None, *, directed: bool = False
) -> list[Message]:
    """The training salesperson's chat: own persona, profile, strategy and seed script; the merchant is ``user``.

    One who is `directed` is told what a turn's direction is.
    """
    return _chat(salesperson_system(scenario, directed), scenario.language, "salesperson", turns, direction)


def merchant_messages(
    scenario: Scenario, turns: Sequence[Turn], direction: str | None = None, *, minded: bool = False
) -> list[Message]:
    """The merchant's chat: own persona, own facts and the seed script; the salesperson's words as ``user``.

    A merchant with a mind (`minded`) is not shown its facts: the direction of a turn releases them one by one.
    """
    return _chat(merchant_system(scenario, minded), scenario.language, "merchant", turns, direction)


def candidate_messages(system: str, language: Language, turns: Sequence[Turn], end: End | None = None) -> list[Message]:
    """Eq. 1, ``{System Prompt}{Profile}{Strategy}{Session}``; `system` comes from `candidate_system`.

    With the `end` of a finished session the salesperson's last line carries the mark that puts the phone down, as a
    training row needs it.
    """
    return _ended(_chat(system, language, "salesperson", turns), language, "salesperson", end)


def called_messages(
    system: str, language: Language, turns: Sequence[Turn], act: str | None = None, end: End | None = None
) -> list[Message]:
    """Eq. 1 from the merchant's side, for a model trained to be called; `system` comes from `called_system`.

    What a merchant's turn does stands as a note after the words before it, where its `act` is known; `act` is that of
    the turn to come. With the `end` of a finished session the merchant's last line carries the mark that puts the phone
    down.
    """
    messages, meant = _chat(system, language, "merchant", turns), [turn.act for turn in turns[1::2]]
    for message, next_act in zip(messages[1::2], [*meant, act], strict=False):
        if next_act is not None:
            message["content"] += "\n\n" + render("direction", language, direction=act_text(next_act, language))
    return _ended(messages, language, "merchant", end)


@lru_cache(maxsize=512)
def salesperson_system(scenario: Scenario, directed: bool = False) -> str:
    """What the training salesperson knows."""
    persona = scenario.salesperson
    return render(
        "salesperson",
        scenario.language,
        name=persona.name,
        company=persona.company,
        background=persona.background,
        temperament=persona.temperament,
        manner=persona.manner,
        profile=profile_text(scenario.profile),
        strategy=strategy_text(scenario.filled_strategy),
        script=script_text(scenario.script),
        hang_up=HANG_UP[scenario.language],
        directed=directed,
    )


@lru_cache(maxsize=512)
def merchant_system(scenario: Scenario, minded: bool = False) -> str:
    """What the merchant knows: nothing of the strategy, of the salesperson, or of the platform's own ratings."""
    persona = scenario.merchant
    return render(
        "merchant",
        scenario.language,
        background=persona.background,
        temperament=persona.temperament,
        manner=persona.manner,
        business=scenario.profile.facts(for_merchant=True),
        facts=list(persona.facts.values()),
        minded=minded,
        script=script_text(scenario.script),
        hang_up=HANG_UP[scenario.language],
    )


def called_system(profile: Profile) -> str:
    """What a merchant who was trained to be called is told: the facts of its own business, without the ratings."""
    language = profile.template.language
    return render("called", language, business=profile.facts(for_merchant=True), hang_up=HANG_UP[language])


def candidate_system(profile: Profile, strategy: Strategy) -> str:
    """``{System Prompt}{Profile}{Strategy}`` of Eq. 1: all that a candidate, and TeleBot in deployment, is told.

    `strategy` has its slots filled (`Scenario.filled_strategy`).
    """
    return _deployed("candidate", profile, strategy)


def prompted_system(profile: Profile, strategy: Strategy) -> str:
    """What the prompted baseline (PE, 5.2) is told: as `candidate_system`, with all of the expert's advice before it.

    The advice is the same in every call, so a server's prefix cache holds it.
    """
    return _deployed("prompted", profile, strategy)


def _deployed(name: str, profile: Profile, strategy: Strategy) -> str:
    language = strategy.language
    told = {"profile": profile_text(profile), "strategy": strategy_text(strategy)}
    return render(name, language, **told, hang_up=HANG_UP[language])


@lru_cache(maxsize=512)
def candidate_system_of(scenario: Scenario) -> str:
    """`candidate_system` of a scenario's profile and strategy, rendered once."""
    return candidate_system(scenario.profile, scenario.filled_strategy)


@lru_cache(maxsize=512)
def called_system_of(scenario: Scenario) -> str:
    """`called_system` of a scenario's profile, rendered once."""
    return called_system(scenario.profile)


@lru_cache(maxsize=512)
def prompted_system_of(scenario: Scenario) -> str:
    """`prompted_system` of a scenario's profile and strategy, rendered once."""
    return prompted_system(scenario.profile, scenario.filled_strategy)


def profile_text(profile: Profile) -> str:
    """A profile as prompts show it."""
    return render("profile", profile.template.language, facts=profile.facts())


def strategy_text(strategy: Strategy) -> str:
    """A strategy as prompts show it."""
    return render("strategy", strategy.language, strategy=strategy)


def script_text(script: Script) -> str:
    """A seed script as prompts show it, errors and all."""
    return render("script", script.language, lines=script.lines)


def render(name: str, language: Language, /, **variables: Any) -> str:
    """The template ``templates/<language>/<name>.txt`` with `variables`; one missing or unused is an `InputError`."""
    template, needed = _template(name, language)
    if needed != variables.keys():
        missing, unused = sorted(needed - variables.keys()), sorted(variables.keys() - needed)
        parts = [f"needs {', '.join(missing)}"] * bool(missing) + [f"does not use {', '.join(unused)}"] * bool(unused)
        raise InputError(f"templates/{language}/{name}.txt {' and '.join(parts)}")
    try:
        return template.render(**variables).strip()
    except UndefinedError as error:
        raise InputError(f"templates/{language}/{name}.txt: {error.message}") from None


@cache
def merchant_acts(language: Language) -> Mapping[str, str]:
    """What each of the merchant's acts is called in a direction; an act without an entry of its own kind has one."""
    source = (files("telerole") / "templates" / language / "merchant_acts.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(source))


def act_text(act: str, language: Language) -> str:
    """What the merchant's act, or acts joined by ``+``, are called; an `InputError` where there is no such act."""
    acts, texts = merchant_acts(language), []
    for one in act.split("+"):
        text = acts.get(one) or acts.get(one.partition(":")[0])
        if text is None:
            raise InputError(f"{one!r} is no act of a merchant{nearest(one, acts)}")
        texts.append(text)
    return (" " if language == "en" else "").join(texts)


@cache
def digest(room: str = "") -> str:
    """Ten hex digits over every template of a call, or of another `room` (``synthesis``): which prompts a run used."""
    summed = hashlib.sha256()
    for language in LANGUAGES:
        folder = files("telerole") / "templates" / language / room
        for file in sorted((one for one in folder.iterdir() if one.is_file()), key=lambda entry: entry.name):
            summed.update(f"{language}/{file.name}\n".encode() + file.read_bytes())
    return summed.hexdigest()[:10]


@cache
def _template(name: str, language: Language) -> tuple[Template, frozenset[str]]:
    file = files("telerole") / "templates" / language / f"{name}.txt"
    if not file.is_file():
        raise TemplateNotFound(f"{language}/{name}.txt")
    source = file.read_text(encoding="utf-8")
    needed = meta.find_undeclared_variables(_environment.parse(source))
    return _environment.from_string(source), frozenset(needed)


def _chat(
    system: str, language: Language, own: Role, turns: Sequence[Turn], direction: str | None = None
) -> list[Message]:
    """One side's view of the call: the only place where roles become ``user`` and ``assistant``."""
    messages: list[Message] = [{"role": "system", "content": system}]
    if own == "salesperson":
        messages.append({"role": "user", "content": RINGING[language]})
    messages += [{"role": "assistant" if turn.role == own else "user", "content": turn.text} for turn in turns]
    if direction:
        messages[-1]["content"] += "\n\n" + render("direction", language, direction=direction)
    return messages


def _ended(messages: list[Message], language: Language, own: Role, end: End | None) -> list[Message]:
    """The mark that puts the phone down after the last line of the side that ended the call."""
    if end is not None and end.by == own and messages[-1]["role"] == "assistant":
        messages[-1]["content"] += f" {HANG_UP[language]}"
    return messages
