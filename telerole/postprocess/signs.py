"""Signs in what is said: regular expressions kept as data, ``<filter>.<language>.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from telerole.persona import Role
from telerole.postprocess.filtering import Evidence
from telerole.records import Language
from telerole.session import Session


@cache
def data(name: str, language: Language) -> dict[str, Any]:
    """What the filter `name` knows of this language."""
    return dict(yaml.safe_load((files("telerole.postprocess") / f"{name}.{language}.yaml").read_text(encoding="utf-8")))


@cache
def sign(name: str, kind: str, language: Language) -> re.Pattern[str]:
    """The filter's patterns of this kind, any of which may match a text made `plain`."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in data(name, language)[kind]), re.MULTILINE)


def plain(text: str) -> str:
    """The text in lower case, with straight apostrophes: how patterns want it."""
    return text.lower().replace("’", "'")


def shown(pattern: re.Pattern[str], session: Session, role: Role | None = None) -> Iterator[Evidence]:
    """Where the pattern matches in what `role` says (None: both), each match with its words."""
    for number, turn in enumerate(session.turns):
        if role in (None, turn.role):
            for match in pattern.finditer(plain(turn.text)):
                yield Evidence(turn=number, text=match[0].strip() or turn.text)
