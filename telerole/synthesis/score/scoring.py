"""`score`: an extractor's triplets against the truths, script by script, and summed by language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from telerole.catalog import Catalog
from telerole.profile import Profile
from telerole.records import LANGUAGES, Language, Record
from telerole.script import Script
from telerole.session import Triplet
from telerole.strategy import Strategy
from telerole.synthesis.score import figures
from telerole.synthesis.score.shares import NO_MATCH, NO_SHARE, Match, Share
from telerole.synthesis.score.words import aligned, spoken
from telerole.truth import Truth


class Answer(Record):
    """The profile and the strategy that belong to a script."""

    profile: Profile
    strategy: Strategy


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of one triplet, or of many summed; each is defined where it is made, in `figures`."""

    triplets: int = 0
    speakers: Share = NO_SHARE
    boundaries: Match = NO_MATCH
    content: Match = NO_MATCH
    profile: Match = NO_MATCH
    steps: Match = NO_MATCH
    strategy: Share = NO_SHARE
    added: Share = NO_SHARE
    leaked: Share = NO_SHARE

    def __add__(self, other: Scores) -> Scores:
        return Scores(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def shares(self) -> dict[str, Share]:
        """Every figure by its name. All are better the higher they are, but for the last two."""
        return {
            "speaker accuracy": self.speakers,
            "turn-boundary precision": self.boundaries.precision,
            "turn-boundary recall": self.boundaries.recall,
            "turn-boundary F1": self.boundaries.f1,
            "content-word precision": self.content.precision,
            "content-word recall": self.content.recall,
            "profile-field F1": self.profile.f1,
            "strategy-step F1": self.steps.f1,
            "right strategy": self.strategy,
            "added-fact rate": self.added,
            "PII leak rate": self.leaked,
        }


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores by script, and the scripts whose truth is known but of which no triplet was made."""

    scores: Mapping[str, Scores]
    languages: Mapping[str, Language]
    missing: tuple[str, ...]

    def total(self, language: Language | None = None) -> Scores:
        """All scripts' scores summed, or those of one language."""
        chosen = (one for id, one in self.scores.items() if language in (None, self.languages[id]))
        return sum(chosen, Scores())

    def rows(self) -> list[tuple[str, ...]]:
        """A table, headings first: each figure by language and overall, as ``0.912 (1824/2000)``; – where n is 0."""
        headings = ("", *LANGUAGES, "all")
        totals = [*(self.total(language) for language in LANGUAGES), self.total()]
        counts = ("scripts", *(str(total.triplets) for total in totals))
        shares = [total.shares() for total in totals]
        return [headings, counts, *((name, *(_cell(one[name]) for one in shares)) for name in shares[0])]


def score(
    triplets: Iterable[Triplet],
    truths: Iterable[Truth],
    scripts: Iterable[Script],
    answers: Mapping[str, Answer],
) -> Scored:
    """What an extractor recovered: `truths`, `scripts` and `answers` are looked up by a triplet's `source`.

    A triplet of a script without truth is scored for its profile and strategy alone, one without an answer for its
    session alone; what cannot be scored counts nothing. A script of which no triplet was made is missing, no zero.
    """
    known, noisy = {truth.script: truth for truth in truths}, {script.id: script for script in scripts}
    scores: dict[str, Scores] = {}
    languages: dict[str, Language] = {}
    for triplet in triplets:
        id = triplet.source
        scores[id] = _scores(triplet, known.get(id), noisy.get(id), answers.get(id))
        languages[id] = triplet.session.language
    return Scored(scores, languages, tuple(id for id in known if id in noisy and id not in scores))


def answers(catalog: Catalog) -> dict[str, Answer]:
    """By script, the profile and the strategy that the catalog's seeds name; the strategy's slots are filled."""
    found = {}
    for seed in catalog.seeds:
        profile = catalog.profile(seed.profile)
        strategy = catalog.strategy(seed.strategy).filled(profile.slots())
        found[seed.script] = Answer(profile=profile, strategy=strategy)
    return found


def _scores(triplet: Triplet, truth: Truth | None, script: Script | None, answer: Answer | None) -> Scores:
    total = Scores(triplets=1)
    if truth is not None:
        total += _of_session(triplet, truth, script, answer)
    if answer is not None:
        profile = figures.profile(answer.profile, triplet.profile)
        total += Scores(profile=profile, strategy=figures.strategy(answer.strategy, triplet.strategy))
    return total


def _of_session(triplet: Triplet, truth: Truth, script: Script | None, answer: Answer | None) -> Scores:
    true, found, language = truth.turns, triplet.session.turns, triplet.session.language
    both = aligned(spoken(true, language), spoken(found, language))
    return Scores(
        speakers=figures.speakers(both),
        boundaries=figures.boundaries(both),
        content=figures.content(true, found, language),
        steps=figures.steps(true, found, answer.strategy if answer else None, triplet.strategy),
        added=figures.added(true, found, language),
        leaked=figures.leaked(script, found, language) if script else NO_SHARE,
    )


def _cell(share: Share) -> str:
    return "–" if share.value is None else f"{share.value:.3f} ({share.count}/{share.of})"
