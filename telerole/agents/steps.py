"""Which steps of a strategy's flow a line takes, read from its words alone, so that any salesperson can be followed."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz.fuzz import partial_ratio, ratio
from rapidfuzz.utils import default_process

from telerole.reading import hear, sentences, words
from telerole.records import Language
from telerole.strategy import Step, Strategy

ALIKE = 62  # how near a sentence must be to one of the step's sample lines
PROMISED = 82  # how much of an offer's words must stand in the line
LAST = ("offer_callback", "goodbye")  # what stands at a line's end is what is answered
NAMED = ("greet", "introduce", "offer_callback", "goodbye")
MIN_OFFER: dict[Language, int] = {"en": 4, "zh": 7}  # words; a shorter offer ("the 14th") is said in passing


@lru_cache(maxsize=65536)
def _of(text: str, flow: tuple[Step, ...], offers: tuple[str, ...], language: Language) -> tuple[str, ...]:
    heard = [hear("salesperson", sentence, language) for sentence in sentences(text)]
    heard.append(hear("salesperson", text, language))
    found = [act.act for act in heard if act.act in NAMED]
    asked = {act.about for act in heard if act.act == "ask"}
    found += [f"step:{step.id}" for step in flow if step.asks and step.asks in asked]
    if any(act.act == "propose" for act in heard):
        found.append(f"step:{flow[-1].id}")
    if not found or found == ["introduce"]:
        found += [f"step:{step.id}" for step in _told(text, flow, offers, language)]
    found.sort(key=lambda act: act in LAST)
    return tuple(dict.fromkeys(found))


def acts_in(text: str, strategy: Strategy) -> tuple[str, ...]:
    """The acts of a salesperson's line: ``step:<id>``, ``greet``, ``introduce``, ``offer_callback``, ``goodbye``.

    `strategy` has its slots filled. A question is the step that asks for its topic, a proposal the last step; any other
    step is known by one of its sample lines or by what it promises. A line that shows none of them has no act.
    """
    return _of(text, strategy.flow, tuple(strategy.offer.values()), strategy.language)


def _told(text: str, flow: tuple[Step, ...], offers: tuple[str, ...], language: Language) -> list[Step]:
    """The step that the line comes nearest to, where it comes near enough."""
    scores = {step.id: _nearness(text, step, offers, language) for step in flow[:-1] if not step.asks}
    best = max(scores, key=lambda id: scores[id], default=None)
    return [step for step in flow if step.id == best and scores[step.id] >= ALIKE]


def _nearness(text: str, step: Step, offers: tuple[str, ...], language: Language) -> float:
    plain = default_process(text)
    promised = [
        offer
        for offer in offers
        if words(offer, language) >= MIN_OFFER[language] and any(offer in line for line in step.say)
    ]
    if any(partial_ratio(default_process(offer), plain) >= PROMISED for offer in promised):
        return 100.0
    near = (_best(sentence, line) for sentence in sentences(text) for line in step.say)
    return max(near, default=0.0)


def _best(sentence: str, line: str) -> float:
    plain, sample = default_process(sentence), default_process(line)
    return max(ratio(plain, sample), *(ratio(plain, default_process(part)) for part in sentences(line)))
