"""How a listener reads a line without a model: the first cue that matches names the act.

The cues are data, ``cues/<language>.yaml``: for each role an ordered list of acts, each with its regular expressions.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

import yaml

from telerole.persona import Role
from telerole.records import Language


class Heard(NamedTuple):
    """The act a line was heard as, and what it is about where the act has a kind (``object``, ``price``)."""

    act: str
    about: str = ""


DEFAULT: dict[Role, Heard] = {"salesperson": Heard("pitch"), "merchant": Heard("listen")}


@lru_cache(maxsize=65536)
def hear(role: Role, text: str, language: Language) -> Heard:
    """What the line `text`, said by `role`, was heard as: ``pitch`` or ``listen`` where no cue matches."""
    lowered = text.lower()
    return next((heard for heard, cue in _cues(role, language) if cue.search(lowered)), DEFAULT[role])


def means(role: Role, act: str, text: str, language: Language) -> bool:
    """Whether the line can be heard as `act` at all, also where another act is heard first ("fine, see you there")."""
    lowered = text.lower()
    return any(cue.search(lowered) for heard, cue in _cues(role, language) if heard.act == act)


@cache
def _cues(role: Role, language: Language) -> list[tuple[Heard, re.Pattern[str]]]:
    source = (files("telerole") / "cues" / f"{language}.yaml").read_text(encoding="utf-8")
    return [
        (Heard(cue["act"], cue.get("about", "")), re.compile("|".join(f"(?:{pattern})" for pattern in cue["any"])))
        for cue in yaml.safe_load(source)[role]
    ]
