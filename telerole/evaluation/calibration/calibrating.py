"""Calibrating judges without people: what they make of good calls, and of the same calls with a fault planted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from telerole import loop
from telerole.catalog import Catalog, Seed
from telerole.endings import put_down, said_goodbye
from telerole.errors import InputError
from telerole.evaluation.calibration.faults import plant
from telerole.evaluation.calibration.results import METRIC_OF, MISSED, PANEL, Calibration, Detection, Fault
from telerole.evaluation.judge.judging import Judge, ajudge
from telerole.evaluation.judge.questions import METRICS, Metric
from telerole.evaluation.judge.results import Judged
from telerole.evaluation.ledger import ledger
from telerole.evaluation.statistics.intervals import newcombe, rate
from telerole.postprocess.filtering import Example
from telerole.records import Language
from telerole.session import Session, Triplet
from telerole.speaker import derive_seed
from telerole.truth import Truth

FAULT_OF: dict[Metric, Fault] = {metric: fault for fault, metric in METRIC_OF.items()}
BAD_MANNERS = frozenset({"press", "boast"})

Verdicts = Sequence[bool | None]


def calibrate(
    good: Iterable[Triplet | Example],
    judges: Judge | Sequence[Judge],
    *,
    metrics: Sequence[Metric] = METRICS,
    seed: int = 0,
    out: Path | str | None = None,
    **tools: Any,
) -> Calibration:
    """Ask the judges about good sessions, in each metric, and in each metric about those with its fault planted.

    `good` are sessions, with profile and strategy, that deserve a 1 in every metric: `good_sessions`, or ones that
    people found good. A 0 is a false alarm there, and a fault detected where `plant` put one in (a session that is too
    short for it is left out). A judge that answers at random is trusted in any metric at all in fewer than 1 of 40
    calibrations of five sessions or more. With several judges their majority is looked at too.

    `out`, `seed` and `tools` are those of `judge`: what stands in the folder is never asked again. Sessions without a
    fault are asked about first. Raises `InputError` as `judge` does.
    """
    return loop.wait(acalibrate(good, judges, metrics=metrics, seed=seed, out=out, **tools))


async def acalibrate(
    good: Iterable[Triplet | Example],
    judges: Judge | Sequence[Judge],
    *,
    metrics: Sequence[Metric] = METRICS,
    seed: int = 0,
    out: Path | str | None = None,
    **tools: Any,
) -> Calibration:
    """`calibrate` for callers with a loop."""
    asking = {"seed": seed, "retest": 0, "out": out, **tools}
    examples = [Example.of(one) if isinstance(one, Triplet) else one for one in good]
    clean = await ajudge(examples, judges, metrics=metrics, **asking)
    verdicts = list(clean.verdicts)
    for metric in metrics:
        planted = [one.example for example in examples if (one := plant(example, FAULT_OF[metric], seed))]
        if planted:
            verdicts += (await ajudge(planted, judges, metrics=[metric], **asking)).verdicts
    return _calibration(Judged(verdicts=tuple(verdicts)), {one.session.id for one in examples}, metrics)


def good_sessions(language: Language, count: int, seed: int = 0) -> list[Example]:
    """`count` good calls of the library, drawn by `seed`: what was really said in seed scripts.

    Good are those in which the salesperson neither presses nor boasts and claims nothing that `ledger` cannot trace.
    Raises `InputError` where there are not so many.
    """
    catalog = Catalog.bundled()
    seeds = {one.script: one for one in catalog.seeds}
    calls = (_example(truth, seeds[truth.script], catalog) for truth in catalog.truths(language) if _is_fair(truth))
    good = [one for one in calls if not ledger(one).untraced]
    if not 1 <= count <= len(good):
        raise InputError(
            f"the library has {len(good)} good calls in {language!r} to calibrate judges with, not {count}"
        )
    return Random(derive_seed("good sessions", seed, language)).sample(good, count)


def _is_fair(truth: Truth) -> bool:
    acts = {part.partition(":")[0] for turn in truth.turns for part in (turn.act or "").split("+")}
    return not acts & BAD_MANNERS


def _example(truth: Truth, seed: Seed, catalog: Catalog) -> Example:
    profile, strategy = catalog.profile(seed.profile), catalog.strategy(seed.strategy)
    language = strategy.language
    session = Session(
        id=f"{truth.script}.0",
        scenario_id=truth.script,
        language=language,
        seed=0,
        turns=truth.turns,
        end=said_goodbye(truth.turns, language) or put_down(truth.turns[:-1], truth.turns[-1].text, language),
    )
    return Example(session, profile, strategy.filled(profile.slots()))


def detection(judge: str, metric: Metric, clean: Verdicts, faulty: Verdicts, among: int) -> Detection:
    """One judge's verdicts on good sessions and on those with the fault, as one `among` so many detections."""
    alarms, found = _zeros(clean), _zeros(faulty)
    return Detection(
        judge=judge,
        metric=metric,
        fault=FAULT_OF[metric],
        detected=rate(*found) if found[1] else None,
        false_alarms=rate(*alarms) if alarms[1] else None,
        gain=newcombe(*alarms, *found, 1 - MISSED / among) if alarms[1] and found[1] else None,
        missing=sum(verdict is None for verdict in (*clean, *faulty)),
    )


def _calibration(judged: Judged, good: Collection[str], metrics: Sequence[Metric]) -> Calibration:
    said: dict[tuple[str, Metric], dict[str, bool | None]] = {}
    for one in judged.verdicts:
        said.setdefault((one.judge, one.metric), {})[one.session] = one.verdict
    if len({judge for judge, _ in said}) > 1:
        for decision in judged.decisions:
            said.setdefault((PANEL, decision.metric), {})[decision.session] = decision.verdict
    detections = []
    for judge, metric in product(dict.fromkeys(judge for judge, _ in said), metrics):
        verdicts = said[judge, metric].items()
        clean, faulty = ([verdict for id, verdict in verdicts if (id in good) == wanted] for wanted in (True, False))
        detections.append(detection(judge, metric, clean, faulty, len(said)))
    return Calibration(sessions=len(good), detections=tuple(detections), usage=judged.usage)


def _zeros(verdicts: Verdicts) -> tuple[int, int]:
    """How many of them are 0, of how many that came."""
    there = [verdict for verdict in verdicts if verdict is not None]
    return there.count(False), len(there)
