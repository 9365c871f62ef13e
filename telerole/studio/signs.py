"""Signs in a persona's text: words by which it gives itself away, kept as data in ``signs.<language>.yaml``."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import yaml

from telerole.catalog import Catalog
from telerole.persona import Persona
from telerole.records import Language


def prose(persona: Persona) -> dict[str, str]:
    """Field → text, for everything that a model may be shown of a persona."""
    texts = {"name": persona.name} if persona.role == "merchant" else {}
    texts |= {"background": persona.background, "temperament": persona.temperament}
    return texts | {f"manner[{i}]": line for i, line in enumerate(persona.manner)} | spoken(persona)


def spoken(persona: Persona) -> dict[str, str]:
    """Field → line, for what a merchant says word for word: facts and refusals."""
    facts = {f"facts.{topic}": line for topic, line in persona.facts.items()}
    return facts | {f"refusals[{i}]": line for i, line in enumerate(persona.refusals)}


def found(sign: str, text: str, language: Language) -> str | None:
    """The words of `text` that show `sign`, or None."""
    lowered = text.lower()
    for pattern in _signs(language)[sign]:
        if match := pattern.search(lowered):
            return text[match.start() : match.end()].strip() or text
    return None


def unquoted(text: str, language: Language) -> str:
    """The text without the examples in quotation marks: what is said about somebody, not by them."""
    for pattern in _signs(language)["quote"]:
        text = pattern.sub(" ", text)
    return text


def is_asked(text: str, word: str) -> bool:
    """Whether `word` stands in a question."""
    ending = re.search(r"[.。!！?？]", text[text.find(word) + len(word) :])
    return bool(ending and ending[0] in "?？") or re.search(r"吗|是不是", text) is not None


def names(text: str, name: str) -> bool:
    """Whether the name, which may be several words, stands in the text."""
    edge = r"\b" if name.isascii() else ""
    return bool(name) and re.search(rf"{edge}{re.escape(name)}{edge}", text, re.I) is not None


@cache
def products(language: Language, catalog: Catalog) -> frozenset[str]:
    """What the merchants of the library sell, in both numbers."""
    profiles = [one for one in catalog.profiles.values() if one.template.language == language]
    plural = {profile.text("product") for profile in profiles if "product" in profile.values}
    return frozenset(plural | {name.removesuffix("s") for name in plural if language == "en"})


@cache
def _signs(language: Language) -> dict[str, list[re.Pattern[str]]]:
    source = (files("telerole.studio") / f"signs.{language}.yaml").read_text(encoding="utf-8")
    return {sign: [re.compile(pattern) for pattern in patterns] for sign, patterns in yaml.safe_load(source).items()}
