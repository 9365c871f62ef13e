"""How far judges and people can be trusted: planted faults, retests, labels, agreement, leanings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from telerole.evaluation.calibration.results import AgainstPeople, Calibration, Detection
from telerole.evaluation.results import Evaluation
from telerole.evaluation.statistics.agreement import Agreement
from telerole.evaluation.statistics.intervals import Estimate, Interval
from telerole.evaluation.statistics.multiplicity import FINDING
from telerole.evaluation.study.results import MetricAgreement, RaterEffect, RaterScore, StudyScore
from telerole.report.charts import Span, colours, intervals
from telerole.report.figures import NONE, coefficient, metric_name, p_value, points, rate, reach
from telerole.report.shape import Block, Cell, Figure, Points, Section, Statement, Table, columns, plain_table

COEFFICIENTS = {"percent": "percent", "kappa": "Fleiss' kappa", "alpha": "Krippendorff's alpha", "ac1": "Gwet's AC1"}


def judging(evaluation: Evaluation | None, study: StudyScore | None) -> Iterator[Section]:
    """The section of the judges, then that of the raters, where there are any."""
    if evaluation and (blocks := tuple(_judges(evaluation))):
        yield Section("The judges", blocks)
    if study:
        yield Section("The raters", tuple(_raters(study)))


def _judges(result: Evaluation) -> Iterator[Block]:
    if result.flips:
        one = result.flips
        yield Statement(f"Asked again, the judges changed {one.value:.1%} of {one.n} verdicts ({rate(one).detail}).")
    if result.calibration:
        yield _calibration(result.calibration)
    if result.people:
        yield _people(result.people)


def _calibration(calibration: Calibration) -> Table:
    figures = ("Planted faults found", "Good calls given a 0", "Gain, points", "Missing")
    return plain_table(
        f"Planted faults in {calibration.sessions} good calls",
        columns(("Judge", "Metric"), figures, ("Trusted",)),
        tuple(_detection(one) for one in calibration.detections),
    )


def _detection(one: Detection) -> tuple[Cell, ...]:
    trusted = Cell("yes", mark="good") if one.trusted else Cell("no", mark="bad")
    found = (rate(one.detected), rate(one.false_alarms))
    return (Cell(one.judge), Cell(metric_name(one.metric)), *found, _gain(one.gain), Cell(str(one.missing)), trusted)


def _people(people: Sequence[AgainstPeople]) -> Table:
    figures = (
        "Labels",
        "Good, people",
        "Good, judge",
        "Sensitivity",
        "Specificity",
        "Agreement",
        "Cohen's kappa",
        "AC1",
        "Gain, points",
    )
    return plain_table(
        "Judges against people's labels; the gain is how much more often good calls are judged good than bad ones",
        columns(("System", "Metric"), figures, ("Better than chance",)),
        tuple(_against(one) for one in people),
    )


def _against(one: AgainstPeople) -> tuple[Cell, ...]:
    shares = (Cell(f"{one.people:.1%}"), Cell(f"{one.judged:.1%}"))
    accuracy = (rate(one.accuracy.sensitivity), rate(one.accuracy.specificity))
    agreed = (rate(one.percent), coefficient(one.kappa), coefficient(one.ac1))
    which = (one.system or "all", metric_name(one.metric), str(one.labels))
    return (*map(Cell, which), *shares, *accuracy, *agreed, _gain(one.gain), _shown(one.trusted))


def _gain(gain: Interval | None) -> Cell:
    return Cell(f"{points(gain.low)} to {points(gain.high)}" if gain else NONE)


def _shown(trusted: bool | None) -> Cell:
    if trusted is None:
        return Cell("too few labels")
    return Cell("yes", mark="good") if trusted else Cell("not shown", mark="bad")


def _raters(study: StudyScore) -> Iterator[Block]:
    yield _attention(study.raters)
    if study.agreement:
        yield _agreement(study.agreement)
    if study.effects:
        yield _effects(study.effects)
    if study.warnings:
        yield Points("What to beware of", tuple(Statement(one, "warning") for one in study.warnings))
    if study.faults:
        yield Points("What could not be read", tuple(Statement(one, "warning") for one in study.faults))


def _attention(raters: Sequence[RaterScore]) -> Table:
    return plain_table(
        "What came back",
        columns(("Rater",), ("Items", "Answers", "Missing", "Attention items passed"), ("Counted",)),
        tuple(_rater(one) for one in raters),
    )


def _rater(one: RaterScore) -> tuple[Cell, ...]:
    passed = f"{one.passed} of {one.attention}" if one.attention else NONE
    counted = Cell("left out", mark="bad") if one.left_out else Cell("yes" if one.attentive else "yes, but inattentive")
    numbers = (one.items, one.answers, one.missing)
    return (Cell(one.rater), *(Cell(str(number)) for number in numbers), Cell(passed), counted)


def _agreement(found: Sequence[MetricAgreement]) -> Figure:
    table = plain_table(
        "How far raters agree",
        columns(("Metric",), ("Items", *COEFFICIENTS.values())),
        tuple((Cell(metric_name(one.metric)), Cell(str(one.items)), *_coefficients(one.agreement)) for one in found),
    )
    spans = [
        Span(metric_name(one.metric), title, value.value, value.low, value.high)
        for one in found
        for name, title in COEFFICIENTS.items()
        if (value := _coefficient(one.agreement, name))
    ]
    palette = colours(list(COEFFICIENTS.values()))
    chart = intervals(table.caption, spans, palette, domain=_domain(spans), form=".2f", side_by_side=True)
    return Figure((chart,) if spans else (), table)


def _domain(spans: Sequence[Span]) -> tuple[float, float]:
    """From 0, or from -1 where a coefficient falls below 0, to 1."""
    return (-1.0 if any(span.low < 0 for span in spans) else 0.0), 1.0


def _coefficients(found: Agreement | None) -> tuple[Cell, ...]:
    return tuple(coefficient(_coefficient(found, name)) for name in COEFFICIENTS)


def _coefficient(found: Agreement | None, name: str) -> Estimate | None:
    value: Estimate | None = getattr(found, name) if found else None
    return value


def _effects(effects: Sequence[RaterEffect]) -> Table:
    figures = ("Good", "Good, the others", "Points", "95 % interval", "p", "Holm's p")
    return plain_table(
        "Raters against the others on the same calls",
        columns(("Rater", "Metric"), figures, ("Finding",)),
        tuple(_effect(one) for one in effects),
    )


def _effect(one: RaterEffect) -> tuple[Cell, ...]:
    by = one.comparison
    leaning = ("milder" if by.difference > 0 else "stricter") if one.holm < FINDING else ""
    shares = (f"{by.treatment:.1%}", f"{by.baseline:.1%}", points(by.difference), reach(by))
    return tuple(map(Cell, (one.rater, metric_name(one.metric), *shares, p_value(by.p), p_value(one.holm), leaning)))
