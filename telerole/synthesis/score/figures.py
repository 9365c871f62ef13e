"""The figures of one extracted session, each against what was really said; a docstring is its figure's definition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import and_

from telerole.agents.steps import acts_in
from telerole.claims import claims, untraced
from telerole.profile import Profile
from telerole.records import Language
from telerole.script import Script
from telerole.session import Turn
from telerole.strategy import Strategy
from telerole.synthesis.score.shares import Match, Share
from telerole.synthesis.score.words import Pair, content_words


def speakers(both: Sequence[Pair]) -> Share:
    """Speaker accuracy: of the words that stand in both sessions (`aligned`), the share that the right speaker says."""
    return Share(sum(true.role == found.role for true, found in both), len(both))


def boundaries(both: Sequence[Pair]) -> Match:
    """Turn boundaries: the places between neighbours among the words that stand in both where the speaker changes.

    A turn that is lost as a whole loses no boundary; speakers who are mistaken for each other throughout lose none.
    """
    places = list(pairwise(both))
    ours = [before.found.role != after.found.role for before, after in places]
    theirs = [before.true.role != after.true.role for before, after in places]
    return Match(sum(map(and_, ours, theirs)), sum(ours), sum(theirs))


def content(true: Sequence[Turn], found: Sequence[Turn], language: Language) -> Match:
    """Content words, as often as each is said: neither hesitations nor function words, a number as its digits."""
    return Match.of(_content(true, language), _content(found, language))


def profile(true: Profile, found: Profile) -> Match:
    """Profile fields: pairs of a field and its value, for a list each tag; texts without case and punctuation."""
    return Match.of(_pairs(true), _pairs(found))


def steps(
    true: Sequence[Turn], found: Sequence[Turn], true_strategy: Strategy | None, found_strategy: Strategy
) -> Match:
    """Strategy steps: the ids of the flow's steps that the salesperson takes, each once.

    They are read from the turns' acts; where no turn of the salesperson has one, from its words (`acts_in`). Without
    a true strategy, turns without acts take no steps.
    """
    return Match.of(_steps(true, true_strategy), _steps(found, found_strategy))


def strategy(true: Strategy, found: Strategy) -> Share:
    """Whether the right strategy was chosen; what follows an ``@`` in the id found says what it was fitted to."""
    return Share(int(found.id.partition("@")[0] == true.id), 1)


def added(true: Sequence[Turn], found: Sequence[Turn], language: Language) -> Share:
    """Added facts: of the claims in the extracted session, the share that the true session does not hold."""
    texts = [turn.text for turn in found]
    told = sum(len(claims(text, language)) for text in texts)
    return Share(len(untraced(texts, [turn.text for turn in true], language)), told)


def leaked(script: Script, found: Sequence[Turn], language: Language) -> Share:
    """Leaked PII: of the private items in the noisy script, the share that stands in the extracted session.

    An item is a kind and a value, such as a phone number in digits, each counted once.
    """
    private = _private([line.text for line in script.lines], language)
    return Share(len(private & _private([turn.text for turn in found], language)), len(private))


def _private(texts: Sequence[str], language: Language) -> set[tuple[str, str]]:
    from telerole.postprocess.privacy import find

    return {(item.kind, item.value) for before, text in pairwise(["", *texts]) for item in find(text, language, before)}


def _content(turns: Sequence[Turn], language: Language) -> Iterator[str]:
    for turn in turns:
        yield from content_words(turn.text, language)


def _pairs(profile: Profile) -> set[tuple[str, str]]:
    return {
        (name, re.sub(r"[\W_]+", " ", str(one).casefold()).strip())
        for name, value in profile.values.items()
        for one in (value if isinstance(value, tuple) else (value,))
    }


def _steps(turns: Sequence[Turn], strategy: Strategy | None) -> set[str]:
    said = [turn for turn in turns if turn.role == "salesperson"]
    if any(turn.act for turn in said):
        acts = [act for turn in said for act in (turn.act or "").split("+")]
    else:
        acts = [act for turn in said for act in (acts_in(turn.text, strategy) if strategy else ())]
    return {act.removeprefix("step:") for act in acts if act.startswith("step:")}
