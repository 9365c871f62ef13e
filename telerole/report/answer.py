"""The answer in plain sentences: which systems are told apart, which are not, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.measures.names import WORDS, change
from telerole.evaluation.online.table import ABTest, Row
from telerole.evaluation.results import Difference, Evaluation, MeasureDifference
from telerole.evaluation.study.results import StudyScore
from telerole.records import Language
from telerole.report.figures import LANGUAGE_NAMES, count, listed, metric_name, p_value, points, reach
from telerole.report.judgements import Judgements, against, by_judges, by_people
from telerole.report.online import metric_title
from telerole.report.shape import Block, Points, Section, Statement

BRACKETS = "In brackets: the difference in percentage points, its 95 % interval, and p adjusted after Holm."


def answer(evaluation: Evaluation | None, study: StudyScore | None, online: ABTest | None) -> Iterator[Section]:
    """The first section, where anything was compared."""
    blocks: list[Block] = []
    if evaluation:
        blocks += [Statement(_played(evaluation)), *_judged(evaluation)]
        told = "What the judges and the calls tell" if evaluation.judges else "What the calls tell"
        blocks += _findings(by_judges(evaluation), told)
        blocks += _measured(evaluation)
    if study:
        blocks += [Statement(_rated(study)), *_findings(by_people(study), "What people tell")]
    if online:
        blocks.append(Points("What real calls tell", tuple(_online(online))))
    if evaluation and evaluation.warnings:
        beware = tuple(Statement(one, "warning") for one in evaluation.warnings)
        blocks.append(Points("What to beware of", beware))
    if blocks:
        yield Section("The answer", tuple(blocks))


def _played(result: Evaluation) -> str:
    calls = sum(system.sessions for system in result.systems)
    spoken = listed(LANGUAGE_NAMES[language] for language in result.languages)
    names = listed(system.name for system in result.systems)
    return (
        f"{count(len(result.systems), 'system')} played {count(calls, 'call')} in {spoken}: {names}. "
        f"Each played {count(result.scenarios, 'scenario')} from {count(result.scripts, 'seed script')} with "
        f"{count(len(result.merchants), 'merchant')}, {count(result.trials, 'call')} each: "
        f"{listed(f'{one.name} ({one.played_by})' for one in result.merchants)}."
    )


def _judged(result: Evaluation) -> Iterator[Statement]:
    if not result.judges:
        yield Statement("No judge was asked: only outcomes and measures are compared.")
    elif result.coverage is not None:
        who = f"{count(len(result.judges), 'judge')}, {listed(result.judges)}"
        yield Statement(f"The calls were judged by {who}; {result.coverage:.1%} of the verdicts came.")


def _rated(study: StudyScore) -> str:
    raters = sum(not one.left_out for one in study.raters)
    return (
        f"In the double-blind study {study.study}, {count(raters, 'rater')} judged "
        f"{count(study.items, 'call')} of {listed(study.systems)}, from {count(study.scripts, 'seed script')}."
    )


def _findings(judgements: Judgements, title: str) -> Iterator[Block]:
    if not judgements.compared:
        return
    ranked = any(one.told_apart and not judgements.distrusted(one.metric) for one in judgements.differences)
    if not ranked:
        yield Statement(f"{title}: no two systems are told apart. There is no ranking.", "alarm")
    yield Points(title, tuple(_finding(judgements, metric) for metric in judgements.compared))
    if ranked:
        yield Statement(BRACKETS)


def _finding(judgements: Judgements, metric: Metric | None) -> Statement:
    about = metric_name(metric)
    if metric is not None and metric in judgements.distrust:
        why = "; ".join(judgements.distrust[metric])
        return Statement(f"These verdicts CANNOT BE TRUSTED, and no system is ranked by them: {why}.", "alarm", about)
    apart = [_better(one) for one in judgements.about(metric) if one.told_apart]
    level = [f"{one.baseline} and {one.treatment}" for one in judgements.about(metric) if not one.told_apart]
    sentences = [f"{'; '.join(apart)}."] if apart else []
    if level:
        sentences.append(f"Not told apart, and not ranked: {'; '.join(level)}.")
    return Statement(" ".join(sentences), about=about)


def _better(one: Difference) -> str:
    worse = one.baseline if one.comparison.difference > 0 else one.treatment
    told = against(one, worse)
    figures = f"{points(told.comparison.difference)}, {reach(told.comparison)}, p {p_value(one.holm)}"
    return f"{told.treatment} is better than {worse} ({figures})"


def _measured(result: Evaluation) -> Iterator[Block]:
    """Each system against the baseline in measures; a judge is not needed for these, so none is distrusted."""
    found: dict[tuple[str, Language], list[MeasureDifference]] = {}
    for one in result.measure_differences:
        if one.baseline == result.baseline:
            found.setdefault((one.treatment, one.language), []).append(one)
    if found:
        yield Points("What measures tell", tuple(_in_measures(result, *pair, some) for pair, some in found.items()))


def _in_measures(result: Evaluation, system: str, language: Language, found: Sequence[MeasureDifference]) -> Statement:
    spoken = f" ({LANGUAGE_NAMES[language]})" if len(result.languages) > 1 else ""
    better, worse = ([_by(one) for one in found if one.better == name] for name in (system, result.baseline))
    parts = [f"{word} in {'; '.join(those)}" for word, those in (("better", better), ("worse", worse)) if those]
    text = ". ".join(part[0].upper() + part[1:] for part in parts) or "Not told apart in any"
    return Statement(f"{text}.", about=f"{system} against {result.baseline}{spoken}")


def _by(one: MeasureDifference) -> str:
    told = one.comparison
    between = " to ".join(change(one.measure, end).removesuffix(" points") for end in (told.low, told.high))
    return f"{WORDS[one.measure]} ({change(one.measure, told.difference)}, {between}, p {p_value(one.holm)})"


def _online(test: ABTest) -> Iterator[Statement]:
    for row in test.rows:
        yield Statement(f"{_online_finding(row, test)}.", about=metric_title(row))


def _online_finding(row: Row, test: ABTest) -> str:
    if row.better is None:
        return f"{test.baseline} and {test.treatment} are not told apart, and not ranked"
    better, worse = (test.treatment, test.baseline) if row.better else (test.baseline, test.treatment)
    return f"{better} is better than {worse} (p {p_value(row.holm)} after Holm)"
