"""`evaluate`: candidates, scenarios, merchants and judges in; the paper's Table 2 out, with what it rests on (5.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from telerole import journal, loop
from telerole.backends.budget import Budget
from telerole.backends.cassette import Cassette
from telerole.chairs import Chair
from telerole.errors import InputError, nearest
from telerole.evaluation.calibration.calibrating import acalibrate, good_sessions
from telerole.evaluation.calibration.results import Calibration
from telerole.evaluation.compare import compare
from telerole.evaluation.judge import METRICS, Judged, Metric, ajudge
from telerole.evaluation.judge.judging import CONCURRENCY, RETEST, Judge, aready, panel_of
from telerole.evaluation.played import Label, Played
from telerole.evaluation.playing import Plays, play
from telerole.evaluation.results import Evaluation
from telerole.postprocess.filtering import Example
from telerole.records import LANGUAGES, load
from telerole.scenario import Scenario
from telerole.simulator import MAX_TURNS

RESULT, VERDICTS = "evaluation.json", "judged.json"


@dataclass(frozen=True, slots=True)
class Tools:
    """What playing and judging may use, and how much goes on at once."""

    budget: Budget | None = None
    cassette: Cassette | None = None
    concurrency: int | None = None
    progress: bool = False


def evaluate(
    candidates: Mapping[str, Chair],
    scenarios: Sequence[Scenario],
    judges: Judge | Sequence[Judge] = (),
    *,
    merchants: Mapping[str, Chair] | None = None,
    baseline: str = "",
    metrics: Sequence[Metric] = METRICS,
    trials: int = 1,
    max_turns: int = MAX_TURNS,
    seed: int = 0,
    retest: float = RETEST,
    calibrate: int = 0,
    labels: Sequence[Label] = (),
    out: Path | str | None = None,
    **tools: Any,
) -> Evaluation:
    """Have candidates play the same calls, judge these, and compare (paper 5.2, Table 2).

    `candidates` and `merchants` are chairs by the names that they get here: a SPEC, a `Backend`, an agent, a function.
    A model among the candidates is put under Eq. 1; ``prompted+SPEC`` is the paper's baseline (PE), the same model
    under the expert's long prompt. An ablation is one more candidate. Each plays every scenario `trials` times with
    each merchant (one that is offline, unless said), under the same moods and disturbances; a call is cut off after
    `max_turns` of both sides. `held_out` gives scenarios.

    The `judges`, a panel where they are several, say yes or no to each of the `metrics`, to a share `retest` twice.
    Without one, outcomes and measures are compared alone. `calibrate` good calls of each language played are judged
    with faults planted in them and without, so that one knows what the verdicts are worth. `labels` by people correct
    the rates. The others are compared with the `baseline` first, the first candidate unless said.

    `out` is a folder, ``<candidate>/<merchant>/`` a run in it, ``verdicts`` what was judged: the same call goes on
    where it was stopped, plays nothing and asks nothing twice, and may name more candidates, trials, judges or metrics.
    `tools` are `budget`, `cassette`, `concurrency` and `progress`.

    Raises `InputError` for what is no candidate, merchant, scenario, judge or label, and where nothing was finished.
    """
    return loop.wait(
        aevaluate(
            candidates,
            scenarios,
            judges,
            merchants=merchants,
            baseline=baseline,
            metrics=metrics,
            trials=trials,
            max_turns=max_turns,
            seed=seed,
            retest=retest,
            calibrate=calibrate,
            labels=labels,
            out=out,
            **tools,
        )
    )


async def aevaluate(
    candidates: Mapping[str, Chair],
    scenarios: Sequence[Scenario],
    judges: Judge | Sequence[Judge] = (),
    *,
    merchants: Mapping[str, Chair] | None = None,
    baseline: str = "",
    metrics: Sequence[Metric] = METRICS,
    trials: int = 1,
    max_turns: int = MAX_TURNS,
    seed: int = 0,
    retest: float = RETEST,
    calibrate: int = 0,
    labels: Sequence[Label] = (),
    out: Path | str | None = None,
    **tools: Any,
) -> Evaluation:
    """`evaluate` for callers with a loop."""
    means, path = Tools(**tools), Path(out) if out is not None else None
    panel = panel_of(judges)
    spoken = [language for language in LANGUAGES if any(one.language == language for one in scenarios)]
    # Calls take hours: what would be refused after them is refused before.
    good = (
        [one for language in spoken for one in good_sessions(language, calibrate, seed)] if calibrate and panel else []
    )
    if panel:
        await aready(panel, metrics=metrics, retest=retest, budget=means.budget, cassette=means.cassette)
    _check_labels(labels, candidates, metrics if panel else ())
    plays = await play(
        _first(candidates, baseline),
        merchants or {"offline": "offline"},
        scenarios,
        trials=trials,
        max_turns=max_turns,
        seed=seed,
        out=path,
        concurrency=means.concurrency,
        progress=means.progress,
        budget=means.budget,
        cassette=means.cassette,
    )
    judged = await _judge(plays, panel, metrics, seed, retest, path, means) if panel else None
    calibration = await _calibrate(good, panel, metrics, seed, path, means) if good else None
    result = compare(plays, judged, metrics if panel else (), labels, calibration, seed=seed, trials=trials)
    if path:
        journal.replace(path / VERDICTS, [journal.line(judged or Judged(verdicts=()))])
        journal.replace(path / RESULT, [journal.line(result)])
    return result


def read_evaluation(path: Path | str) -> Evaluation:
    """What an evaluation in that folder came to; raises `InputError` where there is none."""
    return load(Path(path) / RESULT, Evaluation)[0]


def read_verdicts(path: Path | str) -> Judged:
    """What was judged in the evaluation in that folder, each verdict under its session's `Played.id`."""
    return load(Path(path) / VERDICTS, Judged)[0]


def _first(candidates: Mapping[str, Chair], baseline: str) -> dict[str, Chair]:
    """The candidates, the baseline first."""
    if baseline and baseline not in candidates:
        raise InputError(f"baseline: {baseline!r} is no candidate{nearest(baseline, candidates)}")
    return {**({baseline: candidates[baseline]} if baseline else {}), **candidates}


def _check_labels(labels: Sequence[Label], systems: Collection[str], metrics: Sequence[Metric]) -> None:
    for label in labels:
        system = label.session.partition("/")[0]
        if system not in systems:
            raise InputError(f"labels: {label.session!r} is of no candidate{nearest(system, systems)}")
        if label.metric not in metrics:
            judged = ", ".join(metrics) or "nothing, as there is no judge"
            raise InputError(f"labels: {label.session!r} is labelled in {label.metric}, and judged is {judged}")


async def _judge(
    plays: Sequence[Plays],
    panel: Sequence[Judge],
    metrics: Sequence[Metric],
    seed: int,
    retest: float,
    out: Path | None,
    means: Tools,
) -> Judged:
    # Systems in turn, so that where a budget ends none of them loses more verdicts than another.
    in_turn = [one for group in zip_longest(*(each.played for each in plays)) for one in group if one]
    if not in_turn:
        raise InputError("no call was finished, so there is nothing to judge; failures.jsonl says why")
    return await ajudge(
        [judged_as(one) for one in in_turn],
        panel,
        metrics=metrics,
        seed=seed,
        retest=retest,
        out=out / "verdicts" if out else None,
        **_asking(means),
    )


def judged_as(one: Played) -> Example:
    """The session under the name that it has in an evaluation; a judge sees neither."""
    return replace(one.example, session=one.example.session.model_copy(update={"id": one.id}))


async def _calibrate(
    good: Sequence[Example],
    panel: Sequence[Judge],
    metrics: Sequence[Metric],
    seed: int,
    out: Path | None,
    means: Tools,
) -> Calibration:
    return await acalibrate(
        good, panel, metrics=metrics, seed=seed, out=out / "calibration" if out else None, **_asking(means)
    )


def _asking(means: Tools) -> dict[str, Any]:
    return {
        "budget": means.budget,
        "cassette": means.cassette,
        "concurrency": means.concurrency or CONCURRENCY,
        "progress": means.progress,
    }
