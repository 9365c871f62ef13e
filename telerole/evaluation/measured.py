"""The measures of systems compared, paired by script as their rates are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from telerole.evaluation.measures import SessionMeasures, value_of
from telerole.evaluation.measures.names import HIGHER_IS_BETTER
from telerole.evaluation.played import Played
from telerole.evaluation.rates import comparable, scores
from telerole.evaluation.results import MeasureDifference
from telerole.evaluation.statistics.multiplicity import holm
from telerole.evaluation.statistics.paired import Comparison, compare_means
from telerole.records import LANGUAGES, Language

Measured = Mapping[str, Sequence[tuple[Played, SessionMeasures]]]
"""Each system's calls with their measures."""


def measure_differences(systems: Measured, seed: int) -> Iterator[MeasureDifference]:
    """Each two systems in every measure in which one can be better; Holm within the two and a language.

    A measure is compared where both have it on two scripts.
    """
    for first, second in combinations(systems, 2):
        for language in LANGUAGES:
            compared = dict(_compared(systems[first], systems[second], language, seed))
            adjusted = holm({name: found.p for name, found in compared.items()})
            for name, found in compared.items():
                yield MeasureDifference(
                    measure=name,
                    language=language,
                    baseline=first,
                    treatment=second,
                    comparison=found,
                    holm=adjusted[name],
                )


def _compared(
    first: Sequence[tuple[Played, SessionMeasures]],
    second: Sequence[tuple[Played, SessionMeasures]],
    language: Language,
    seed: int,
) -> Iterator[tuple[str, Comparison]]:
    for name in HIGHER_IS_BETTER:
        one, two = (
            scores((each.script, value_of(found, name)) for each, found in calls if found.language == language)
            for calls in (first, second)
        )
        if comparable(one, two):
            yield name, compare_means(one, two, seed=seed)
