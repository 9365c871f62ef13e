"""Cleaning a run (paper 4.4): every session goes through the filters; kept, rejected and why, all on file.

The kinds of filters come one after the other: what rewrites, what judges a session by itself, what compares the
sessions that are left, what asks a model. What a model said is kept, so an interrupted cleaning asks nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from telerole import journal, loop, runs
from telerole.backends.base import Backend
from telerole.backends.budget import Budget
from telerole.backends.cassette import Cassette
from telerole.batch import work_through
from telerole.chairs import Chairs, model_at_work
from telerole.errors import BackendError, BudgetSpent
from telerole.postprocess.chain import Chain
from telerole.postprocess.filtering import Collector, Example, ModelFilter, Reject
from telerole.postprocess.results import Funnel, Rejection, Results, Rewritten, Stage, Verdicts, writing
from telerole.session import Triplet

CONCURRENCY = 16


def clean(
    run: Path | str,
    *,
    chain: Chain | None = None,
    backend: str | Backend | None = None,
    budget: Budget | None = None,
    cassette: Cassette | None = None,
) -> Funnel:
    """Clean a run folder: write ``kept.jsonl``, what each filter rejected and rewrote, and ``funnel.json``.

    The filters are those of `chain`, the bundled ones unless said; those that ask a model need a `backend`, else they
    are left out and named in the result. A session that a model gave no verdict on is neither kept nor rejected: the
    same call again asks for what is missing. The files are there whole or not at all.
    Raises `InputError` where there is no run, and `FileError` where its folder cannot be written.
    """
    return loop.wait(aclean(run, chain=chain, backend=backend, budget=budget, cassette=cassette))


async def aclean(
    run: Path | str,
    *,
    chain: Chain | None = None,
    backend: str | Backend | None = None,
    budget: Budget | None = None,
    cassette: Cassette | None = None,
) -> Funnel:
    """`clean` for callers with a loop."""
    folder, filters = runs.read(run), chain or Chain.read()
    with writing(Path(run)):
        held = journal.lock(Path(run) / ".lock")
    with held, Results(Path(run)) as results:
        tally = Tally(filters)
        found = compare(judge(folder.triplets(), filters, tally, results))
        asked = Asked()
        if backend is not None and filters.model:
            left = (triplet for triplet in results.left() if triplet.session.id not in found)
            async with model_at_work(backend, "judge sessions", Chairs(budget=budget, cassette=cassette)) as model:
                asked = await ask_all(left, filters.model, model, Verdicts(Path(run)))
        for triplet in results.left():
            id = triplet.session.id
            if id in found:
                tally.reject(results, triplet, found[id])
            elif id in asked.rejected:
                tally.reject(results, triplet, asked.rejected[id])
            elif id in asked.passed or backend is None or not filters.model:
                results.keep(triplet)
            else:
                tally.unjudged[asked.missing.get(id, filters.model[0].name)] += 1
        funnel = tally.funnel(results.kept, () if backend is not None else tuple(one.name for one in filters.model))
        results.finish(funnel)
    return funnel


def judge(triplets: Iterable[Triplet], chain: Chain, tally: Tally, results: Results) -> dict[str, Collector]:
    """Put aside the sessions, rewritten, that no filter of one session rejects; gives what the others saw of them."""
    collectors = {one.name: one.collector() for one in chain.corpus}
    for triplet in triplets:
        tally.sessions += 1
        example = Example.of(triplet)
        for rewriter in chain.rewriters:
            if (made := rewriter.rewrite(example)) is not None:
                example = made.example
                tally.rewritten[rewriter.name] += 1
                results.rewrote(Rewritten(id=triplet.session.id, filter=rewriter.name, changes=made.changes))
        # Deviations quote lines of the script as they were, with what is private in them; the extraction keeps them.
        whole = {"session": example.session, "profile": example.profile, "strategy": example.strategy, "deviations": ()}
        clean_one = triplet.model_copy(update=whole)
        if found := {one.name: verdict for one in chain.sessions if (verdict := one.judge(example)) is not None}:
            tally.reject(results, clean_one, found)
            continue
        results.put_aside(clean_one)
        for collector in collectors.values():
            collector.add(example.session)
    return collectors


def compare(collectors: Mapping[str, Collector]) -> dict[str, dict[str, Reject]]:
    """By session, which filters reject it for what it has in common with others; each filter saw all of them."""
    found: dict[str, dict[str, Reject]] = {}
    for name, collector in collectors.items():
        for id, verdict in collector.rejected().items():
            found.setdefault(id, {})[name] = verdict
    return found


@dataclass(slots=True)
class Asked:
    """What model filters made of the sessions: passed, rejected, or by which filter a verdict is missing."""

    passed: set[str] = field(default_factory=set)
    rejected: dict[str, dict[str, Reject]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


async def ask_all(left: Iterable[Triplet], filters: Sequence[ModelFilter], model: Backend, verdicts: Verdicts) -> Asked:
    """Ask each filter about each session, until one rejects it or gives no verdict."""
    asked = Asked()

    async def ask(triplet: Triplet) -> bool:
        id = triplet.session.id
        for one in filters:
            try:
                verdict = await verdicts.of(triplet, one, model)
            except BackendError:
                asked.missing[id] = one.name
                return True
            except BudgetSpent:
                asked.missing[id] = one.name
                return False
            if verdict is not None:
                asked.rejected[id] = {one.name: verdict}
                return True
        asked.passed.add(id)
        return True

    await work_through(left, ask, CONCURRENCY)
    return asked


@dataclass(slots=True)
class Tally:
    """What each filter did so far."""

    chain: Chain
    sessions: int = 0
    rewritten: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    unjudged: Counter[str] = field(default_factory=Counter)

    def reject(self, results: Results, triplet: Triplet, found: Mapping[str, Reject]) -> None:
        """Count a session that did not pass, and write it down; the first filter names the reason."""
        first, *also = found
        self.rejected[first] += 1
        results.reject(
            Rejection(id=triplet.session.id, filter=first, verdict=found[first], also=tuple(also), triplet=triplet)
        )

    def funnel(self, kept: int, left_out: tuple[str, ...]) -> Funnel:
        """The counts as a funnel: how many sessions came to each filter."""
        stages: list[Stage] = []
        seen = self.sessions
        for one in (one for one in self.chain.filters if one.name not in left_out):
            gone = {"rejected": self.rejected[one.name], "unjudged": self.unjudged[one.name]}
            did = {"seen": seen, "rewritten": self.rewritten[one.name], **gone}
            stages.append(Stage(filter=one.name, settings=one.model_dump(mode="json"), **did))
            seen -= sum(gone.values())
        return Funnel(sessions=self.sessions, kept=kept, stages=tuple(stages), left_out=left_out)
