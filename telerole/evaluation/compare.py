"""Every figure of an evaluation, from calls that were played and what was judged of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from telerole.errors import InputError
from telerole.evaluation.calibration.labels import against_people, correct
from telerole.evaluation.calibration.ranking import corrected_differences
from telerole.evaluation.calibration.results import Calibration
from telerole.evaluation.cautions import cautions
from telerole.evaluation.describing import describe
from telerole.evaluation.judge import Judged, Metric
from telerole.evaluation.measured import measure_differences
from telerole.evaluation.measures import measure_session
from telerole.evaluation.played import Label, Played
from telerole.evaluation.playing import Plays
from telerole.evaluation.rates import Found, cells, differences, found_by, ranks, reliability, scores, share
from telerole.evaluation.results import Evaluation, Merchant
from telerole.evaluation.statistics.intervals import Estimate, rate
from telerole.records import LANGUAGES, Language
from telerole.session import Usage


def compare(
    plays: Sequence[Plays],
    judged: Judged | None,
    metrics: Sequence[Metric],
    labels: Sequence[Label] = (),
    calibration: Calibration | None = None,
    *,
    seed: int = 0,
    trials: int = 1,
) -> Evaluation:
    """Every figure of an evaluation, from calls that were played and what was judged of them."""
    by_system: dict[str, list[Plays]] = {}
    for each in plays:
        by_system.setdefault(each.system, []).append(each)
    systems = {name: [one for each in group for one in each.played] for name, group in by_system.items()}
    if empty := [name for name, played in systems.items() if not played]:
        raise InputError(f"{empty[0]}: no call was finished, so there is nothing to compare; failures.jsonl says why")
    measured = {name: [(one, measure_session(one.example)) for one in played] for name, played in systems.items()}
    found, everything = found_by(judged), [one for played in systems.values() for one in played]
    table = tuple(cells(systems, metrics, found))
    decisions = judged.decisions if judged else ()
    corrected = tuple(correct(everything, decisions, labels)) if labels else ()
    result = Evaluation(
        scenarios=len({one.example.session.scenario_id for one in everything}),
        scripts=len({one.script for one in everything}),
        trials=trials,
        seed=seed,
        languages=_languages(everything),
        baseline=next(iter(systems)),
        merchants=_merchants(plays),
        systems=tuple(describe(group, measured[name], seed) for name, group in by_system.items()),
        judges=tuple(dict.fromkeys(one.judge for one in judged.verdicts)) if judged else (),
        metrics=tuple(metrics),
        cells=table,
        differences=tuple(differences(systems, metrics, found, seed)),
        measure_differences=tuple(measure_differences(measured, seed)),
        reliability=tuple(reliability(systems, metrics, found)) if metrics else (),
        ranks=tuple(ranks(table, _high_intention(systems, found))),
        coverage=judged.coverage() if judged else None,
        flips=_flips(judged),
        judging=judged.usage if judged else Usage(),
        calibration=calibration,
        people=tuple(against_people(everything, decisions, labels)) if labels else (),
        corrected=corrected,
        corrected_differences=tuple(corrected_differences(corrected)),
    )
    return result.model_copy(update={"warnings": (*(judged.warnings if judged else ()), *cautions(result))})


def _languages(played: Sequence[Played]) -> tuple[Language, ...]:
    found = {one.example.session.language for one in played}
    return tuple(language for language in LANGUAGES if language in found)


def _high_intention(systems: Mapping[str, Sequence[Played]], found: Found) -> dict[str, dict[str, Estimate | None]]:
    """Each system's rate of high intention with each merchant."""

    def rates(played: Sequence[Played]) -> Iterator[tuple[str, Estimate | None]]:
        for name in dict.fromkeys(one.merchant for one in played):
            yield name, share(scores((one.script, found(one, None)) for one in played if one.merchant == name))

    return {system: dict(rates(played)) for system, played in systems.items()}


def _merchants(plays: Sequence[Plays]) -> tuple[Merchant, ...]:
    called = {each.merchant: each.called for each in plays}
    return tuple(Merchant(name=name, played_by=played_by) for name, played_by in called.items())


def _flips(judged: Judged | None) -> Estimate | None:
    flips = judged.flips() if judged else None
    return rate(flips.flips, flips.pairs) if flips and flips.pairs else None
