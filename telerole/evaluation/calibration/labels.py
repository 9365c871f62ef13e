"""What people say of sessions: read, held against the judges' verdicts, and used to put their rates right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

from telerole.errors import InputError, nearest
from telerole.evaluation.calibration.results import MISSED, AgainstPeople, Corrected, Method
from telerole.evaluation.judge.questions import METRICS, Metric
from telerole.evaluation.judge.results import Decision
from telerole.evaluation.online.calls import YES_OR_NO, read_csv
from telerole.evaluation.played import Label, Played
from telerole.evaluation.statistics.agreement import accuracy, agreement, cohen_kappa
from telerole.evaluation.statistics.correction import prediction_powered_rate, rogan_gladen
from telerole.evaluation.statistics.intervals import Estimate, Interval, newcombe, rate
from telerole.records import load_each

Key = tuple[str, Metric]
"""A session's id and a metric."""


class Labelled(NamedTuple):
    """What people and the panel say of one session in one metric."""

    people: bool
    judged: bool


class Sample(NamedTuple):
    """A system's sessions in one metric: those that people labelled, and the panel's verdicts on the others."""

    labelled: list[Labelled]
    others: list[bool]


class _Row(Label):
    good: Annotated[bool, BeforeValidator(lambda said: YES_OR_NO.get(said, said) if isinstance(said, str) else said)]


def read_labels(path: Path | str) -> tuple[list[Label], list[str]]:
    """The labels of a CSV file or a file of records that are right, and the faults of the others, each with its line.

    Columns or fields are those of `Label`; `good` is 1 or 0, true or false, yes or no, 是 or 否. Raises `FileError`
    where the file cannot be read, or its heading is wrong.
    """
    rows, faults = read_csv(path, _Row) if Path(path).suffix.lower() == ".csv" else load_each(path, _Row)
    return [Label(**dict(row)) for row in rows], faults


def consensus(labels: Iterable[Label]) -> dict[Key, bool]:
    """What most raters say of each session in each metric; a tie says nothing."""
    said: dict[Key, list[bool]] = {}
    for label in labels:
        said.setdefault((label.session, label.metric), []).append(label.good)
    return {key: 2 * sum(good) > len(good) for key, good in said.items() if 2 * sum(good) != len(good)}


def against_people(
    played: Sequence[Played], decisions: Iterable[Decision], labels: Sequence[Label]
) -> list[AgainstPeople]:
    """The panel against people in each metric that has labels: for each system, then, of several, for all together.

    A session counts where people and the panel both decided. Sessions are taken for independent, so where several share
    a script the intervals are rather short. Raises `InputError` for a label of a session or metric that was not judged.
    """
    among = len({label.metric for label in labels})
    return [
        _against(system, metric, sample.labelled, among)
        for metric, samples in _by_metric(played, decisions, labels)
        for system, sample in _with_all(samples).items()
        if sample.labelled
    ]


def correct(played: Sequence[Played], decisions: Iterable[Decision], labels: Sequence[Label]) -> list[Corrected]:
    """Each system's rate put right, in each metric that has labels: by Rogan and Gladen, and prediction-powered.

    A judge errs differently on different systems, so only a system's own labels put its rate right. For both the
    labelled sessions are a random sample of the system's. The prediction-powered rate takes them out of the judged
    ones. The other one takes the labels for those of further sessions, so its interval is too long: with 150 of 300
    sessions labelled it covers 99 % of the time.

    What a judge finds of planted faults is never used: they are easier to see than natural ones, so rates put right
    with it would still be too high. Raises `InputError` as `against_people` does.
    """
    return [
        corrected
        for metric, samples in _by_metric(played, decisions, labels)
        for system, sample in samples.items()
        for corrected in (_rogan_gladen(system, metric, sample), _powered(system, metric, sample))
    ]


def _by_metric(
    played: Sequence[Played], decisions: Iterable[Decision], labels: Sequence[Label]
) -> Iterator[tuple[Metric, dict[str, Sample]]]:
    """Each metric that has labels, and in it each system's sessions that the panel decided on."""
    verdicts = {(one.session, one.metric): one.verdict for one in decisions}
    _check(labels, {one.id for one in played}, verdicts)
    people, labelled = consensus(labels), {label.metric for label in labels}
    for metric in (one for one in METRICS if one in labelled):
        samples = {one.system: Sample([], []) for one in played}
        for one in played:
            key, sample = (one.id, metric), samples[one.system]
            if (judged := verdicts.get(key)) is None:
                continue
            if key in people:
                sample.labelled.append(Labelled(people[key], judged))
            else:
                sample.others.append(judged)
        yield metric, samples


def _with_all(samples: Mapping[str, Sample]) -> dict[str, Sample]:
    """With several systems also one sample of them all."""
    if len(samples) < 2:
        return dict(samples)
    labelled = [pair for sample in samples.values() for pair in sample.labelled]
    return {**samples, "": Sample(labelled, [one for sample in samples.values() for one in sample.others])}


def _check(labels: Iterable[Label], sessions: Collection[str], verdicts: Mapping[Key, bool | None]) -> None:
    metrics = list(dict.fromkeys(metric for _, metric in verdicts))
    for label in labels:
        if label.session not in sessions:
            raise InputError(f"labels: no session {label.session!r} was played{nearest(label.session, sessions)}")
        if (label.session, label.metric) not in verdicts:
            judged = ", ".join(metrics) or "nothing"
            raise InputError(f"labels: {label.session!r} was not judged in {label.metric}; judged was {judged}")


def _against(system: str, metric: Metric, pairs: Sequence[Labelled], among: int) -> AgainstPeople:
    people, judged = _apart(pairs)
    agreed = agreement(pairs)
    return AgainstPeople(
        system=system,
        metric=metric,
        labels=len(pairs),
        people=sum(people) / len(people),
        judged=sum(judged) / len(judged),
        accuracy=accuracy(people, judged),
        gain=_gain(pairs, 1 - MISSED / among),
        percent=agreed.percent,
        kappa=cohen_kappa(people, judged),
        ac1=agreed.ac1,
    )


def _gain(pairs: Sequence[Labelled], level: float) -> Interval | None:
    """How much more often the panel finds good what people do; None where nobody could show to find it more often."""
    good, bad = ([pair.judged for pair in pairs if pair.people is kind] for kind in (True, False))
    if not good or not bad or newcombe(0, len(bad), len(good), len(good), level).low <= 0:
        return None
    return newcombe(sum(bad), len(bad), sum(good), len(good), level)


def _rogan_gladen(system: str, metric: Metric, sample: Sample) -> Corrected:
    def estimate() -> Estimate:
        verdicts = [*(pair.judged for pair in sample.labelled), *sample.others]
        judged = rate(sum(verdicts), len(verdicts))
        return rogan_gladen(judged, accuracy(*_apart(sample.labelled)))

    return _corrected(system, metric, "rogan_gladen", sample, estimate)


def _powered(system: str, metric: Metric, sample: Sample) -> Corrected:
    def estimate() -> Estimate:
        return prediction_powered_rate(sample.others, *_apart(sample.labelled))

    return _corrected(system, metric, "prediction_powered", sample, estimate)


def _corrected(
    system: str,
    metric: Metric,
    method: Method,
    sample: Sample,
    estimate: Callable[[], Estimate],
) -> Corrected:
    found, why = None, f"no session of {system} that was judged in {metric} has a label"
    if sample.labelled:
        try:
            found, why = estimate(), ""
        except InputError as error:
            why = str(error)
    return Corrected(system=system, metric=metric, method=method, rate=found, why_none=why)


def _apart(pairs: Iterable[Labelled]) -> tuple[list[bool], list[bool]]:
    people, judged = zip(*pairs, strict=True)
    return list(people), list(judged)
