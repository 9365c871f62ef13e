"""Playing an evaluation's calls: every candidate with every merchant, on the same scenarios and the same days."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from telerole.agents.role import Candidate
from telerole.chairs import Chair, parse
from telerole.errors import InputError
from telerole.evaluation.played import Played
from telerole.postprocess.filtering import Example
from telerole.runs import Run, Totals
from telerole.scenario import Scenario
from telerole.simulator import Simulator

NAME = re.compile(r"[^/\\:\s.][^/\\:]*")


@dataclass(frozen=True, slots=True)
class Plays:
    """What one candidate played with one merchant: who sat where, its finished calls of those planned, its totals."""

    system: str
    merchant: str
    salesperson: str
    called: str
    played: tuple[Played, ...]
    planned: int
    totals: Totals


async def play(
    candidates: Mapping[str, Chair],
    merchants: Mapping[str, Chair],
    scenarios: Sequence[Scenario],
    *,
    trials: int,
    max_turns: int,
    seed: int,
    out: Path | None,
    concurrency: int | None,
    progress: bool,
    **tools: Any,
) -> list[Plays]:
    """Let each candidate play every scenario `trials` times with each merchant; `tools` are the `Simulator`'s.

    A call's seed is that of its scenario and trial, so all candidates meet the same moods and the same disturbances.
    Each pair has its run folder ``<out>/<candidate>/<merchant>`` and goes on where it was stopped. Raises `InputError`
    for a name that is none, or a chair that nobody can sit in.
    """
    named(candidates, "candidate")
    named(merchants, "merchant")
    found = []
    async with AsyncExitStack() as opened:
        simulators: dict[tuple[str, str], Simulator] = {}
        for system, merchant in product(candidates, merchants):  # who cannot sit there is told before a call is played
            chairs = as_candidate(candidates[system]), merchants[merchant]
            simulators[system, merchant] = simulator = Simulator(*chairs, seed=seed, max_turns=max_turns, **tools)
            opened.push_async_callback(simulator.aclose)
        for (system, merchant), simulator in simulators.items():
            folder = out / system / merchant if out else None
            run = await simulator.arun_many(
                scenarios, trials=trials, concurrency=concurrency, out=folder, progress=progress
            )
            await simulator.aclose()  # frees the memory of its models for the next one's
            names = simulator.salesperson.name, simulator.merchant.name
            played = _played(system, merchant, run, scenarios)
            found.append(Plays(system, merchant, *names, played, len(scenarios) * trials, run.totals()))
    return found


def as_candidate(chair: Chair) -> Chair:
    """What is tested sits under Eq. 1: a model's SPEC and a `Backend` are made candidates, all else stays as it is."""
    if isinstance(chair, str):
        spec = parse(chair)
        return chair if spec.told or spec.kind == "human" else f"candidate+{chair}"
    return Candidate(chair) if hasattr(chair, "generate") else chair


def named(chairs: Mapping[str, Chair], what: str) -> None:
    """Raises `InputError` for no chair at all, and for a name that can be no folder's."""
    if not chairs:
        raise InputError(f"there is no {what}")
    for name in chairs:
        if not NAME.fullmatch(name):
            raise InputError(f"{what} {name!r}: give it a name without / \\ and :, which does not begin with a dot")


def _played(system: str, merchant: str, run: Run, scenarios: Sequence[Scenario]) -> tuple[Played, ...]:
    """The finished sessions in the order of the scenarios and trials, whatever the order in which they ended."""
    known = {one.id: (number, one) for number, one in enumerate(scenarios)}
    ordered = sorted(run, key=lambda session: (known[session.scenario_id][0], session.trial))
    return tuple(
        Played(system, merchant, Example(session, scenario.profile, scenario.filled_strategy), scenario.script.id)
        for session in ordered
        for _, scenario in [known[session.scenario_id]]
    )
