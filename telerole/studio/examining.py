"""Reading a persona over: contradictions, leaks, style, and whether the library has nearly the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from rapidfuzz import fuzz
from rapidfuzz.utils import default_process

from telerole.catalog import Catalog
from telerole.persona import Persona, Temper, Topic
from telerole.profile import unknown_tags
from telerole.records import Language
from telerole.studio.likeness import TOO_NEAR, nearest
from telerole.studio.signs import found, is_asked, names, products, prose, spoken, unquoted

Kind = Literal["contradiction", "leak", "style", "likeness"]

# What a temper means for the numbers: at least, at most.
NUMBERS: dict[Temper, dict[str, tuple[float, float]]] = {
    "hurried": {"busyness": (0.5, 1), "talkativeness": (0, 0.7)},
    "wary": {"suspicion": (0.5, 1)},
    "warm": {"talkativeness": (0.5, 1), "suspicion": (0, 0.7)},
    "dry": {"talkativeness": (0, 0.5)},
    "timid": {"talkativeness": (0, 0.7)},
    "polite": {"patience": (0.4, 1)},
    "restless": {"talkativeness": (0.3, 1)},
}
ALIKE = 80  # of 100: two refusals with one and the same reason
LONGEST: dict[Language, tuple[int, str]] = {"en": (35, "words"), "zh": (60, "characters")}
REFUSALS, TOPICS = 3, 4
BUSY = 0.7
OF_FACTS = ("alone", "shared", "staff", "single", "room", "abroad", "never_abroad", "always_free")

LEAKS: dict[str, str] = {
    "machine": "is a word of prompts, not of a person; say it without",
    "state": "is a number of the merchant's mind, which no model may see; say it with a line they would say",
    "contact": "looks like a number, an address or an id of somebody real; leave it out",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a persona: what kind, in which field, and what is wrong with how to put it right."""

    kind: Kind
    field: str
    message: str

    @property
    def grave(self) -> bool:
        """Whether it must be put right; the others are advice."""
        return self.kind in ("contradiction", "leak")

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def examine(persona: Persona, catalog: Catalog | None = None) -> list[Finding]:
    """Every finding, the gravest kind first. Pure reading: no model is asked.

    Contradictions and leaks should be put right; style and likeness are advice. `catalog` is the bundled one.
    """
    library = catalog or Catalog.bundled()
    rules: tuple[Callable[[Persona, Catalog], Iterator[Finding]], ...] = (_contradictions, _leaks, _style, _likeness)
    return [finding for rule in rules for finding in rule(persona, library)]


def _contradictions(persona: Persona, catalog: Catalog) -> Iterator[Finding]:
    yield from _numbers(persona)
    for field, fault in unknown_tags(persona.fits, catalog.templates.values(), persona.language):
        yield Finding("contradiction", f"fits.{field}", fault)
    facts, busyness = persona.facts, persona.disposition.busyness
    shown: dict[Topic, set[str]] = {
        topic: {sign for sign in OF_FACTS if found(sign, line, persona.language)} for topic, line in facts.items()
    }

    def says(topic: Topic, sign: str, unless: str = "") -> bool:
        return sign in shown.get(topic, ()) and unless not in shown.get(topic, ())

    def told(topic: Topic) -> str:
        return f"facts.{topic} says {facts[topic]!r}; change one"

    if "decision" in persona.objections and says("decision", "alone", unless="shared"):
        yield Finding("contradiction", "objections", f"'decision' (somebody else decides), but {told('decision')}")
    if "capacity" in persona.objections and says("capacity", "room"):
        yield Finding("contradiction", "objections", f"'capacity' (could not do more), but {told('capacity')}")
    if busyness >= BUSY and says("schedule", "always_free"):
        yield Finding("contradiction", "disposition.busyness", f"is {busyness}, but {told('schedule')}")
    if says("channels", "abroad") and says("export", "never_abroad"):
        yield Finding("contradiction", "facts.channels", f"sells abroad, but {told('export')}")
    for topic in shown if says("team", "single") else ():
        if says(topic, "staff"):
            yield Finding("contradiction", f"facts.{topic}", f"speaks of staff, but {told('team')}")


def _numbers(persona: Persona) -> Iterator[Finding]:
    if persona.temper is None:
        return
    for name, (low, high) in NUMBERS.get(persona.temper, {}).items():
        value = getattr(persona.disposition, name)
        if not low <= value <= high:
            fix = f"at least {low}" if value < low else f"at most {high}"
            message = f"is {value}, but the temper is {persona.temper!r}; make it {fix}, or choose another temper"
            yield Finding("contradiction", f"disposition.{name}", message)


def _leaks(persona: Persona, catalog: Catalog) -> Iterator[Finding]:
    for field, text in prose(persona).items():
        for sign, why in LEAKS.items():
            word = found(sign, text, persona.language)
            if word and not (sign == "machine" and is_asked(text, word)):
                yield Finding("leak", field, f"{word!r} {why}")
        about = field.split("[")[0] in ("background", "temperament", "manner")
        if about and (ahead := found("outcome", unquoted(text, persona.language), persona.language)):
            yield Finding("leak", field, f"{ahead!r} tells how the call comes out, which is open; leave it out")
        if persona.role == "merchant":
            yield from _strangers(persona, field, text, catalog)


def _strangers(persona: Persona, field: str, text: str, catalog: Catalog) -> Iterator[Finding]:
    """What a merchant's text must not know: who will call, and what is sold, unless the persona has trades."""
    for caller in catalog.personas.values():
        if caller.role == "salesperson" and caller.language == persona.language and names(text, caller.name):
            message = f"{caller.name!r} is a salesperson of the library; the merchant does not know who will call"
            yield Finding("leak", field, message)
    if persona.trades:
        return
    for product in sorted(products(persona.language, catalog)):
        if names(text, product):
            message = f"{product!r} is what one merchant of the library sells; leave it out, or name `trades`"
            yield Finding("leak", field, message)


def _style(persona: Persona, _: Catalog) -> Iterator[Finding]:
    bare = [index for index, line in enumerate(persona.manner) if not found("quote", line, persona.language)]
    if len(bare) * 2 > len(persona.manner):
        yield Finding("style", f"manner[{bare[0]}]", "has no example in quotation marks; write how it sounds")
    if persona.role == "salesperson":
        return
    for field, line in spoken(persona).items():
        yield from _line_style(field, line, persona.language)
    yield from _refusals(persona)
    if len(persona.facts) < TOPICS:
        yield Finding("style", "facts", f"cover {len(persona.facts)} topics; give {TOPICS} or more")


def _line_style(field: str, line: str, language: Language) -> Iterator[Finding]:
    most, unit = LONGEST[language]
    length = len(line.split()) if unit == "words" else len(line)
    if length > most:
        yield Finding("style", field, f"is {length} {unit} long; nobody says more than {most} at a time, cut it")
    if word := found("note", line, language) or found("brochure", line, language):
        yield Finding("style", field, f"{word!r} reads like a note or a brochure; write what they would say")


def _refusals(persona: Persona) -> Iterator[Finding]:
    alike = fuzz.token_set_ratio if persona.language == "en" else fuzz.ratio
    if len(persona.refusals) < REFUSALS:
        yield Finding("style", "refusals", f"are {len(persona.refusals)}; give {REFUSALS}, each with another reason")
    for (i, one), (j, other) in combinations(enumerate(persona.refusals), 2):
        if alike(one, other, processor=default_process) > ALIKE:
            yield Finding("style", f"refusals[{j}]", f"is nearly refusals[{i}]; give another reason")


def _likeness(persona: Persona, catalog: Catalog) -> Iterator[Finding]:
    near = nearest(persona, catalog)
    if near is not None and near.likeness > TOO_NEAR:
        shared = f" (the same: {', '.join(near.shared)})" if near.shared else ""
        message = f"is nearly {near.persona.id!r}, {near.likeness:.0%} alike{shared}; give them a reason of their own"
        yield Finding("likeness", "id", message)
