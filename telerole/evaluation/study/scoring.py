"""Scoring a study: attention, agreement, raters' leanings; and only then whose calls they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import fmean

from telerole.errors import InputError
from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.judge.results import Decision
from telerole.evaluation.played import Label
from telerole.evaluation.rates import scores, share
from telerole.evaluation.results import Cell, Difference
from telerole.evaluation.statistics.agreement import agreement
from telerole.evaluation.statistics.clusters import Scores
from telerole.evaluation.statistics.multiplicity import holm
from telerole.evaluation.statistics.paired import Comparison, compare_rates
from telerole.evaluation.study.key import Key, Study
from telerole.evaluation.study.ratings import Ratings
from telerole.evaluation.study.results import MetricAgreement, RaterEffect, RaterScore, StudyScore

Said = Mapping[str, Mapping[tuple[str, Metric], bool]]
"""Each rater's answers by item and metric."""

Found = Mapping[tuple[str, Metric], bool | None]
"""What more than half of an item's raters say of a metric."""


def score_study(study: Study, key: Sequence[Key], ratings: Ratings, *, exclude_inattentive: bool = False) -> StudyScore:
    """Score what raters said. `exclude_inattentive` leaves out the labels of those who miss too many planted faults.

    Raises `InputError` where no label is left.
    """
    raters = tuple(_rater(name, study, key, ratings, exclude_inattentive) for name in _names(study, ratings))
    said = {one.rater: ratings.of(one.rater) for one in raters if one.answers and not one.left_out}
    calls = [one for one in key if one.fault is None]
    if not said:
        raise InputError("there is no label to score: nobody answered, or all raters are left out")
    found = dict(_majority(study, calls, said, ratings))
    return StudyScore(
        study=study.code,
        language=study.language,
        systems=study.systems,
        metrics=study.metrics,
        items=len(calls),
        scripts=len({one.script for one in calls}),
        raters=raters,
        agreement=tuple(_agreement(metric, calls, said) for metric in study.metrics),
        effects=tuple(_effects(study, calls, said)),
        cells=tuple(_cells(study, calls, found)),
        differences=tuple(_differences(study, calls, found)),
        faults=tuple(ratings.faults),
        warnings=(*study.warnings, *_warnings(raters, ratings)),
    )


def labels(score: StudyScore, key: Sequence[Key], ratings: Ratings) -> Iterator[Label]:
    """Every answer that counts, as a `Label` of the call it is about."""
    left_out = {one.rater for one in score.raters if one.left_out}
    calls = {one.item: one.session for one in key if one.fault is None}
    for asked, good in ratings.answers.items():
        if asked.item in calls and asked.rater not in left_out:
            yield Label(session=calls[asked.item], metric=asked.metric, good=good, rater=asked.rater)


def _names(study: Study, ratings: Ratings) -> list[str]:
    return list(dict.fromkeys([*study.orders, *ratings.items]))


def _rater(name: str, study: Study, key: Sequence[Key], ratings: Ratings, exclude: bool) -> RaterScore:
    given, said = ratings.items.get(name) or set(study.orders[name]), ratings.of(name)
    seen = [said[one.item, one.metric] for one in key if one.metric and (one.item, one.metric) in said]
    told = RaterScore(
        rater=name,
        items=len(given),
        answers=len(said),
        missing=len(given) * len(study.metrics) - len(said),
        attention=len(seen),
        passed=seen.count(False),
    )
    return told.model_copy(update={"left_out": exclude and not told.attentive})


def _majority(
    study: Study, calls: Sequence[Key], said: Said, ratings: Ratings
) -> Iterator[tuple[tuple[str, Metric], bool | None]]:
    """What the raters of each item decide: all who were given it count, those too who left it empty."""
    for call in calls:
        panel = [answers for rater, answers in said.items() if call.item in ratings.items[rater]]
        for metric in study.metrics:
            votes = [answers.get((call.item, metric)) for answers in panel]
            good, bad, missing = (votes.count(vote) for vote in (True, False, None))
            decision = Decision(session=call.session, metric=metric, good=good, bad=bad, missing=missing)
            yield (call.item, metric), decision.verdict


def _agreement(metric: Metric, calls: Sequence[Key], said: Said) -> MetricAgreement:
    votes = [[answers.get((call.item, metric)) for answers in said.values()] for call in calls]
    twice = [row for row in votes if sum(vote is not None for vote in row) > 1]
    return MetricAgreement(metric=metric, items=len(twice), agreement=agreement(votes) if twice else None)


def _effects(study: Study, calls: Sequence[Key], said: Said) -> Iterator[RaterEffect]:
    """Every rater against the others, where they share two scripts; Holm over all of them."""
    compared: dict[tuple[str, Metric], Comparison] = {}
    for rater in said:
        for metric in study.metrics:
            others, own = _beside_others(rater, metric, calls, said)
            if len(own) > 1:
                compared[rater, metric] = compare_rates(others, own, seed=study.seed)
    adjusted = holm({pair: comparison.p for pair, comparison in compared.items()})
    for (rater, metric), comparison in compared.items():
        yield RaterEffect(rater=rater, metric=metric, comparison=comparison, holm=adjusted[rater, metric])


def _beside_others(rater: str, metric: Metric, calls: Sequence[Key], said: Said) -> tuple[Scores, Scores]:
    """By script, of each item that others rated too: the mean of the others, and what the rater says."""
    others: dict[str, list[float]] = {}
    own: dict[str, list[float]] = {}
    for call in calls:
        place = (call.item, metric)
        rest = [answers[place] for name, answers in said.items() if name != rater and place in answers]
        if rest and place in said[rater]:
            others.setdefault(call.script, []).append(fmean(rest))
            own.setdefault(call.script, []).append(float(said[rater][place]))
    return others, own


def _cells(study: Study, calls: Sequence[Key], found: Found) -> Iterator[Cell]:
    for system in study.systems:
        of_system = [call for call in calls if call.system == system]
        for metric in study.metrics:
            decided = [(call.script, found[call.item, metric]) for call in of_system]
            missing = sum(good is None for _, good in decided)
            yield Cell(system=system, metric=metric, rate=share(scores(decided)), missing=missing)


def _differences(study: Study, calls: Sequence[Key], found: Found) -> Iterator[Difference]:
    """Each two systems in every metric, where they share two scripts; Holm within the pair."""
    for first, second in combinations(study.systems, 2):
        compared: dict[Metric, Comparison] = {}
        for metric in study.metrics:
            one, two = (
                scores((call.script, found[call.item, metric]) for call in calls if call.system == system)
                for system in (first, second)
            )
            if sum(bool(values and two.get(script)) for script, values in one.items()) > 1:
                compared[metric] = compare_rates(one, two, seed=study.seed)
        adjusted = holm({metric: comparison.p for metric, comparison in compared.items()})
        for metric, comparison in compared.items():
            yield Difference(
                metric=metric, baseline=first, treatment=second, comparison=comparison, holm=adjusted[metric]
            )


def _warnings(raters: Sequence[RaterScore], ratings: Ratings) -> Iterator[str]:
    for one in raters:
        if one.rater not in ratings.items:
            yield f"{one.rater}: handed in nothing"
        elif one.missing:
            yield f"{one.rater}: {one.missing} of {one.answers + one.missing} answers are missing"
        if not one.attentive:
            then = "is left out" if one.left_out else "counts all the same; --exclude-inattentive leaves it out"
            share = f"{one.passed} of {one.attention} attention items"
            yield f"{one.rater}: passed {share}, fewer than two thirds, and {then}"
