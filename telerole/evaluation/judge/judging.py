"""Judging sessions (paper 5.2): every metric of every session by every judge of a panel, some of them twice."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

from telerole import loop
from telerole.backends.base import Backend, Sampling
from telerole.backends.budget import Budget
from telerole.backends.cassette import Cassette
from telerole.batch import work_through
from telerole.chairs import Chairs, model_at_work
from telerole.errors import BackendError, BudgetSpent, InputError, nearest
from telerole.evaluation.judge.asking import Hearing
from telerole.evaluation.judge.families import kinship
from telerole.evaluation.judge.questions import INFORMED, METRICS, Metric, Question
from telerole.evaluation.judge.results import Judged
from telerole.evaluation.judge.verdicts import VerdictFolder, Verdicts
from telerole.postprocess.filtering import Example
from telerole.progress import Bar, Silent
from telerole.session import Session, Triplet
from telerole.speaker import derive_seed

SAMPLING = Sampling(max_tokens=1000)  # the temperature is the server's: some judges take no other
RETEST = 0.1
CONCURRENCY = 16

log = logging.getLogger("telerole")

Judge = str | Backend
"""A SPEC that names a model, or a `Backend`."""


@dataclass(frozen=True, slots=True)
class Tools:
    """How judges are asked, what that may use, and how much goes on at once."""

    sampling: Sampling = SAMPLING
    budget: Budget | None = None
    cassette: Cassette | None = None
    concurrency: int = CONCURRENCY
    progress: bool = False


def judge(
    sessions: Iterable[Session | Triplet | Example],
    judges: Judge | Sequence[Judge],
    *,
    metrics: Sequence[Metric] = METRICS,
    seed: int = 0,
    retest: float = RETEST,
    out: Path | str | None = None,
    **tools: Any,
) -> Judged:
    """Ask each judge each metric's question about each session, one question a request, and `retest` of them again.

    The judge sees the turns, and for strategy-following and knowledge-grounding the profile and the strategy (its slots
    filled): nothing that tells whose session it is. A 0 counts only with words that stand in their turn; an answer
    without is asked for again and, when no attempt brings one, *missing*. The questions about a session are put in an
    order of its own, drawn from `seed`, so where a budget ends no metric loses more than another; the retests, a share
    `retest` of the sessions (rounded up), come last, each with a sampling seed of its own.

    `out` is a folder for the verdicts, best one for each candidate. What stands there is never asked again, whatever
    the seed and the sampling: the same words, metric, judge and prompt are the same question. What is missing there is.
    `tools` are `sampling`, `budget`, `cassette`, `concurrency` and `progress`.

    A judge of the candidate's own family, as far as their names tell, is warned of in the result and in the log.
    Raises `InputError` for what is no session, metric or model, for two sessions or judges of one name, and for a
    session without the profile and strategy that a metric needs.
    """
    return loop.wait(ajudge(sessions, judges, metrics=metrics, seed=seed, retest=retest, out=out, **tools))


async def ajudge(
    sessions: Iterable[Session | Triplet | Example],
    judges: Judge | Sequence[Judge],
    *,
    metrics: Sequence[Metric] = METRICS,
    seed: int = 0,
    retest: float = RETEST,
    out: Path | str | None = None,
    **tools: Any,
) -> Judged:
    """`judge` for callers with a loop."""
    means = Tools(**tools)
    budget = means.budget or Budget()
    examples = [_example(session) for session in sessions]
    _check(examples, metrics, retest)
    async with _panel(judges, budget, means.cassette) as panel:
        warnings = _warnings(panel, examples)
        hearings = list(_plan(examples, metrics, panel, seed, retest))
        with nullcontext(Verdicts()) if out is None else VerdictFolder.open(out) as kept:
            await _hold_all(hearings, kept, seed, budget, means)
    return Judged(verdicts=tuple(one.verdict(kept) for one in hearings), warnings=warnings)


async def aready(
    judges: Judge | Sequence[Judge],
    *,
    metrics: Sequence[Metric] = METRICS,
    retest: float = RETEST,
    budget: Budget | None = None,
    cassette: Cassette | None = None,
) -> None:
    """Whether `ajudge` could ask these judges that, before there is a session: raises `InputError` as it would."""
    _check_asked(metrics, retest)
    async with _panel(judges, budget or Budget(), cassette):
        pass


def panel_of(judges: Judge | Sequence[Judge]) -> list[Judge]:
    """The judges as a list, one alone too."""
    return list(judges) if isinstance(judges, Sequence) and not isinstance(judges, str) else [judges]


def _example(session: Session | Triplet | Example) -> Example:
    if isinstance(session, Triplet):
        return Example.of(session)
    return Example(session) if isinstance(session, Session) else session


def _check(examples: Sequence[Example], metrics: Sequence[Metric], retest: float) -> None:
    if not examples:
        raise InputError("there is nothing to judge: no session")
    _check_asked(metrics, retest)
    _once("sessions", [example.session.id for example in examples])
    bare = [one.session.id for one in examples if one.profile is None or one.strategy is None]
    if bare and (needy := [metric for metric in metrics if metric in INFORMED]):
        raise InputError(
            f"{bare[0]}: {needy[0]} needs the profile and the strategy; give a Triplet, or leave out that metric"
        )


def _check_asked(metrics: Sequence[Metric], retest: float) -> None:
    if not metrics:
        raise InputError("there is nothing to judge: no metric")
    if unknown := [metric for metric in metrics if metric not in METRICS]:
        raise InputError(f"unknown metric {unknown[0]!r}{nearest(unknown[0], METRICS)}; use {', '.join(METRICS)}")
    _once("metrics", metrics)
    if not 0 <= retest <= 1:
        raise InputError(f"retest: is a share of the sessions, from 0 to 1, not {retest}")


def _once(what: str, names: Sequence[str]) -> None:
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise InputError(f"two {what} have the name {twice[0]!r}")


@asynccontextmanager
async def _panel(
    judges: Judge | Sequence[Judge], budget: Budget, cassette: Cassette | None
) -> AsyncIterator[list[Backend]]:
    """The judges, ready to be asked, on one budget; closed afterwards where they were opened here."""
    chairs = Chairs(budget=budget, cassette=cassette)
    async with AsyncExitStack() as stack:
        each = [model_at_work(one, "judge sessions", chairs) for one in panel_of(judges)]
        panel = [await stack.enter_async_context(one) for one in each]
        if not panel:
            raise InputError("there is no judge")
        _once("judges", [model.name for model in panel])
        try:
            await chairs.reach()
        except BackendError as error:
            raise InputError(str(error)) from error
        yield panel


def _warnings(panel: Sequence[Backend], examples: Sequence[Example]) -> tuple[str, ...]:
    """Who judges a model of its own family; logged too."""
    candidates = sorted({one.session.provenance.get("salesperson", "") for one in examples})
    found = tuple(warning for model in panel for candidate in candidates if (warning := kinship(model.name, candidate)))
    for warning in found:
        log.warning("%s", warning)
    return found


def _plan(
    examples: Sequence[Example], metrics: Sequence[Metric], panel: Sequence[Backend], seed: int, retest: float
) -> Iterator[Hearing]:
    """What is asked of whom, in the order in which it is asked."""
    drawn = sorted(examples, key=lambda one: derive_seed(seed, "retest", one.session.id))
    again = {one.session.id for one in drawn[: ceil(retest * len(examples))]}
    for repeat in (0, 1):
        for example in examples:
            if repeat and example.session.id not in again:
                continue
            shuffled = Random(derive_seed(seed, "order", example.session.id)).sample(metrics, len(metrics))
            for question in (Question(metric, example) for metric in shuffled):
                yield from (Hearing(question, model, repeat) for model in panel)


async def _hold_all(hearings: Sequence[Hearing], kept: Verdicts, seed: int, budget: Budget, means: Tools) -> None:
    """Hold every hearing that has no verdict yet, each key once, until the budget ends."""
    each = {one.key: one for one in hearings}.values()
    left = [one for one in each if one.verdict(kept).verdict is None]

    async def hold(hearing: Hearing) -> bool:
        more = True
        try:
            await hearing.hold(kept, means.sampling, seed)
        except BudgetSpent:
            more = False
        shown.ended(hearing.verdict(kept).verdict is not None, str(budget.spent))
        return more

    with Bar(len(each), len(each) - len(left), what="verdicts") if means.progress else Silent() as shown:
        await work_through(left, hold, means.concurrency)
