"""Families of models, told by name: a judge favours its own kind, so one that judges its own is warned of."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import yaml


def families(model: str) -> frozenset[str]:
    """The families that a model's name, such as ``openai:deepseek-r1-distill-qwen-7b``, tells; none for an own name."""
    name = model.partition("@")[0].lower()  # without the endpoint's address
    return frozenset(family for family, words in _words().items() if words.search(name))


def kinship(judge: str, candidate: str) -> str | None:
    """A warning where both names tell the same family."""
    shared = " and ".join(sorted(families(judge) & families(candidate)))
    return f"{judge} judges {candidate}, a model of its own family ({shared})" if shared else None


@cache
def _words() -> dict[str, re.Pattern[str]]:
    listed = yaml.safe_load((files(__package__) / "families.yaml").read_text(encoding="utf-8"))
    return {family: re.compile(rf"(?<![a-z0-9])(?:{'|'.join(words)})(?![a-z])") for family, words in listed.items()}
