"""`Simulator`: one call, or thousands of them, between whoever sits in the two chairs."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from telerole import loop, prompts
from telerole.backends.base import Backend, Sampling
from telerole.backends.budget import Budget
from telerole.backends.cassette import Cassette
from telerole.batch import work_through
from telerole.chairs import RULES, Chair, Chairs, as_rule, sampling_of
from telerole.channel import Channel
from telerole.conversation import Conversation, StopRule, converse
from telerole.endings import standard_rules
from telerole.errors import BackendError, InputError
from telerole.folder import is_begun
from telerole.progress import Bar, Progress, Silent
from telerole.runs import MemoryRun, Run, RunFolder
from telerole.scenario import Scenario
from telerole.session import Session, Turn
from telerole.speaker import Speaker, derive_seed

CONCURRENCY = 64
MAX_TURNS = 40


class Simulator:
    """Plays calls. Each chair takes a SPEC, a `Backend`, a `Candidate`, a function, or an AgentChat agent or team.

    A model in the merchant's chair has a mind, which decides what the model words: `mind` says who reads the
    salesperson for it, ``"rules"``, a SPEC or a `Backend`, and None plays the paper's plain role-play. The `director`
    tells a model that sells (a candidate never) the plan's next step. A `channel` loses words and lets the merchant
    cut in.
    `rules` are stop rules of your own, functions of the turns that give an `End`, or True, to stop, asked before the
    standard ones; `max_turns` counts both sides' turns.
    With a `cassette` every model call is recorded, or replayed without the network. The plain methods work
    everywhere, in a running notebook too; ``arun``, ``arun_many``, ``astream`` and ``aclose`` are for callers with a
    loop.
    """

    def __init__(
        self,
        salesperson: Chair = "offline",
        merchant: Chair = "offline",
        *,
        seed: int = 0,
        max_turns: int = MAX_TURNS,
        mind: str | Backend | None = RULES,
        director: bool = True,
        channel: Channel | None = None,
        sampling: Sampling | None = None,
        rules: Sequence[Any] = (),
        budget: Budget | None = None,
        cassette: Cassette | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        if max_turns < 2:
            raise InputError(f"max_turns must be at least 2, one line each, not {max_turns}")
        self.seed, self.max_turns = seed, max_turns
        self.budget = budget or Budget()  # without limits it only counts
        self.rules: list[StopRule] = [as_rule(rule) for rule in rules]
        self.mind, self.director, self.channel = mind, director, channel
        self._chairs = Chairs(
            sampling or Sampling(), mind, director, self.budget, cassette, requests_per_minute, tokens_per_minute
        )
        self.salesperson: Speaker = self._chairs.seat(salesperson, "salesperson")
        self.merchant: Speaker = self._chairs.seat(merchant, "merchant")

    def run(self, scenario: Scenario, trial: int = 0) -> Session:
        """Play one call. A model call that failed for good ends it with ``backend_error``; nothing is raised."""
        return loop.wait(self.arun(scenario, trial))

    def run_many(
        self,
        scenarios: Iterable[Scenario],
        *,
        trials: int = 1,
        concurrency: int | None = None,
        out: Path | str | None = None,
        progress: bool = False,
    ) -> Run:
        """Play every scenario `trials` times, into the run folder `out` where one is named.

        `concurrency` is how many calls go on at once (64 unless said); said, a model's endpoint is given that many
        requests at once from the start, else it is asked for more little by little.
        The same command on the same folder goes on where it was stopped. Returns what was made: iterate over it
        for the finished sessions; `failures` holds those that could not be finished.
        """
        return loop.wait(self.arun_many(scenarios, trials=trials, concurrency=concurrency, out=out, progress=progress))

    def stream(self, scenario: Scenario, trial: int = 0) -> Iterator[Turn | Session]:
        """The turns of one call as they are said, and last the session."""
        return loop.each(self.astream(scenario, trial))

    def close(self) -> None:
        """Release connections and models."""
        loop.wait(self.aclose())

    async def aclose(self) -> None:
        """`close` for callers with a loop."""
        await self._chairs.close()

    async def arun(self, scenario: Scenario, trial: int = 0) -> Session:
        """`run` for callers with a loop."""
        async with self._chairs.at_work():
            return await converse(self._conversation(scenario, trial))

    async def astream(self, scenario: Scenario, trial: int = 0) -> AsyncIterator[Turn | Session]:
        """`stream` for callers with a loop."""
        conversation = self._conversation(scenario, trial)
        async with self._chairs.at_work():
            async for turn in conversation:
                yield turn
        assert conversation.session is not None
        yield conversation.session

    async def arun_many(
        self,
        scenarios: Iterable[Scenario],
        *,
        trials: int = 1,
        concurrency: int | None = None,
        out: Path | str | None = None,
        progress: bool = False,
    ) -> Run:
        """`run_many` for callers with a loop."""
        planned = list(scenarios)
        _check(planned, trials, concurrency)
        async with self._chairs.at_work():
            # A model that cannot be had leaves no folder behind; one that is not needed is not asked for.
            if not (begun := out is not None and is_begun(Path(out))):
                await self._reach()
            if concurrency is not None:
                self._chairs.open_to(concurrency)
            async with self._store(planned, trials, out) as store:
                if begun and len(store.done) < len(planned) * trials:
                    await self._reach()
                await self._play_into(store, planned, trials, concurrency, progress)
            return store

    async def _reach(self) -> None:
        try:
            await self._chairs.reach()
        except BackendError as error:
            raise InputError(str(error)) from error

    async def _play_into(
        self,
        store: MemoryRun | RunFolder,
        planned: Sequence[Scenario],
        trials: int,
        concurrency: int | None,
        progress: bool,
    ) -> None:
        total = len(planned) * trials
        with Bar(total, len(store.done)) if progress else Silent() as shown:
            most = [getattr(speaker, "at_once", total) for speaker in (self.salesperson, self.merchant)]
            await self._play_all(planned, trials, min(concurrency or CONCURRENCY, *most), store, shown)

    async def _play_all(
        self, planned: Sequence[Scenario], trials: int, concurrency: int, store: MemoryRun | RunFolder, shown: Progress
    ) -> None:
        jobs = (
            (scenario, trial)
            for trial in range(trials)
            for scenario in planned
            if f"{scenario.id}.{trial}" not in store.done
        )

        async def play(job: tuple[Scenario, int]) -> bool:
            conversation = self._conversation(*job)
            session = await converse(conversation)
            store.append(session, raw=conversation.raw, refused=conversation.refused)
            shown.ended(session.finished, str(self.budget.spent) if self.budget.spent.calls else "")
            return session.end.reason != "budget"

        await work_through(jobs, play, concurrency)

    def _conversation(self, scenario: Scenario, trial: int) -> Conversation:
        return Conversation(
            scenario,
            self.salesperson,
            self.merchant,
            [*self.rules, *standard_rules(scenario.language, self.max_turns)],
            derive_seed(self.seed, scenario.id, trial),
            trial,
            {"salesperson": self.salesperson.name, "merchant": self.merchant.name, "prompts": prompts.digest()},
            self.channel,
        )

    @asynccontextmanager
    async def _store(
        self, planned: Sequence[Scenario], trials: int, out: Path | str | None
    ) -> AsyncIterator[MemoryRun | RunFolder]:
        if out is None:
            yield MemoryRun()
            return
        with RunFolder.open(out, self._configuration(planned, trials) | self._chairs.weights(out)) as folder:
            folder.write_scenarios(planned)
            yield folder

    def _configuration(self, planned: Sequence[Scenario], trials: int) -> dict[str, Any]:
        """What makes a run this run: a folder that was made with another configuration is not gone on with."""
        summed = hashlib.sha256("".join(f"{scenario.id}:{scenario.digest}\n" for scenario in planned).encode())
        sampling = self._chairs.sampling
        return {
            "salesperson": self.salesperson.name,
            "merchant": self.merchant.name,
            "seed": self.seed,
            "trials": trials,
            "max_turns": self.max_turns,
            "mind": getattr(self.mind, "name", self.mind),
            "director": self.director,
            "channel": str(self.channel) if self.channel else None,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "scenarios": f"{len(planned)} ({summed.hexdigest()[:10]})",
            "prompts": prompts.digest(),
            **{
                f"{role}_sampling": asdict(own)
                for role, speaker in (("salesperson", self.salesperson), ("merchant", self.merchant))
                if (own := sampling_of(speaker)) not in (None, sampling)
            },
        }


def _check(planned: Sequence[Scenario], trials: int, concurrency: int | None) -> None:
    if not planned:
        raise InputError("there is no scenario to play")
    if trials < 1 or (concurrency is not None and concurrency < 1):
        raise InputError(f"trials and concurrency must be at least 1, not {trials} and {concurrency}")
    seen: set[str] = set()
    for scenario in planned:
        if scenario.id in seen:
            raise InputError(f"two scenarios have the id {scenario.id!r}; give each its own")
        seen.add(scenario.id)
