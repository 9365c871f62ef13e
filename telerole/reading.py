"""How a listener reads a line without a model: the first cue that matches names the act.

The cues are data, ``cues/<language>.yaml``: for each role an ordered list of acts, each with its regular expressions;
what a merchant notices beside the act; and how a line takes up a question or an objection.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from telerole.lines import OBJECTIONS
from telerole.persona import Event, Role
from telerole.records import Language


class Heard(NamedTuple):
    """The act a line was heard as, and what it is about where the act has a kind (``object``, ``price``)."""

    act: str
    about: str = ""


DEFAULT: dict[Role, Heard] = {"salesperson": Heard("pitch"), "merchant": Heard("listen")}
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？…]*")
_WORD: dict[Language, re.Pattern[str]] = {"en": re.compile(r"[a-z0-9£%'’]+"), "zh": re.compile(r"[\u4e00-\u9fff0-9]")}


@lru_cache(maxsize=65536)
def hear(role: Role, text: str, language: Language) -> Heard:
    """What the line `text`, said by `role`, was heard as: ``pitch`` or ``listen`` where no cue matches."""
    lowered = text.lower()
    return next((heard for heard, cue in _cues(role, language) if cue.search(lowered)), DEFAULT[role])


def means(role: Role, act: str, text: str, language: Language) -> bool:
    """Whether the line can be heard as `act` at all, also where another act is heard first ("fine, see you there")."""
    lowered = text.lower()
    return any(cue.search(lowered) for heard, cue in _cues(role, language) if heard.act == act)


@lru_cache(maxsize=65536)
def notices(text: str, language: Language) -> frozenset[Event]:
    """What a merchant notices in a salesperson's line beside its act, such as ``boasted``."""
    lowered = text.lower()
    return frozenset(event for event, cue in _noticed(language) if cue.search(lowered))


def takes_up(about: str, text: str, language: Language) -> bool:
    """Whether the line speaks of the question or objection `about` that stands open."""
    cues, lowered = _answers(language), text.lower()
    granted = about in OBJECTIONS and cues["concedes"].search(lowered) is not None
    return granted or (about in cues and cues[about].search(lowered) is not None)


def addresses(text: str, language: Language) -> bool:
    """Whether a salesperson's line speaks of the merchant, the call or the trade: a reply does, small talk does not."""
    return _cue("addresses", language).search(text.lower()) is not None


@lru_cache(maxsize=65536)
def topics(question: str, language: Language) -> frozenset[str]:
    """What a question to a merchant is about, in whatever words: `persona.Topic`, and others such as ``returns``.

    An offer, though it ends with a question mark, is about nothing: it asks for a yes and for no fact.
    """
    lowered = question.lower()
    if _cue("offers", language).search(lowered):
        return frozenset()
    return frozenset(topic for topic, cue in _topics(language).items() if cue.search(lowered))


def slips(kind: str, text: str, language: Language) -> bool:
    """Whether the line shows a sign of what nobody in that chair says: a role's, or ``thoughts`` that leaked."""
    return _slips(language)[kind].search(text.lower()) is not None


@lru_cache(maxsize=65536)
def sentences(text: str) -> tuple[str, ...]:
    """The line's sentences, each with its full stop or question mark."""
    return tuple(part.strip() for part in _SENTENCE.findall(text) if part.strip())


def words(text: str, language: Language) -> int:
    """How many words the line has; in Chinese every character counts."""
    return len(_WORD[language].findall(text.lower()))


@cache
def _data(language: Language) -> dict[str, Any]:
    source = (files("telerole") / "cues" / f"{language}.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(source))


def _either(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


@cache
def _cues(role: Role, language: Language) -> list[tuple[Heard, re.Pattern[str]]]:
    return [(Heard(cue["act"], cue.get("about", "")), _either(cue["any"])) for cue in _data(language)[role]]


@cache
def _noticed(language: Language) -> list[tuple[Event, re.Pattern[str]]]:
    return [(cue["event"], _either(cue["any"])) for cue in _data(language)["events"]]


@cache
def _slips(language: Language) -> dict[str, re.Pattern[str]]:
    return {kind: _either(patterns) for kind, patterns in _data(language)["slips"].items()}


@cache
def _cue(name: str, language: Language) -> re.Pattern[str]:
    return re.compile(_data(language)[name])


@cache
def _topics(language: Language) -> dict[str, re.Pattern[str]]:
    return {topic: re.compile(pattern) for topic, pattern in _data(language)["topics"].items()}


@cache
def _answers(language: Language) -> dict[str, re.Pattern[str]]:
    return {about: re.compile(pattern) for about, pattern in _data(language)["takes_up"].items()}
