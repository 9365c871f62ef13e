"""Session prefix completion (paper 4.3): an expert's question and answer end the call; a model writes what led there.

Question and answer stay word for word: the model never writes them. What it writes is checked by rules and then by a
reader, asked for again with what was wrong, and else rejected with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from telerole import loop, prompts
from telerole.backends.base import Backend, Message, Sampling
from telerole.backends.structured import generate_as
from telerole.catalog import Catalog
from telerole.endings import put_down
from telerole.errors import InputError, Unfit
from telerole.profile import Profile
from telerole.prompts import profile_text, render, strategy_text
from telerole.qa import QAPair
from telerole.reading import hear
from telerole.runs import TripletFolder
from telerole.session import End, Session, Triplet, Turn, Usage, speaker_at
from telerole.speaker import derive_seed
from telerole.strategy import Strategy
from telerole.synthesis.answers import Check, Prefix
from telerole.synthesis.leading import faults
from telerole.synthesis.making import Piece, Report, Tools, Triplets, make_all, on_top_of, summary

ATTEMPTS = 3
MOST_TOKENS = 4096


@dataclass(frozen=True)
class Complete(Piece):
    """A question and answer to be led up to, by a merchant with this profile and a salesperson with this strategy."""

    qa: QAPair
    profile: Profile
    strategy: Strategy  # its slots filled
    company: str
    seed: int
    trial: int = 0
    stage = "complete"

    @property
    def id(self) -> str:
        """The session's id."""
        return f"{self.qa.id}.{self.trial}"

    @property
    def source(self) -> str:
        """The QA pair's id."""
        return self.qa.id

    async def make(self, model: Backend, heard: Report) -> Triplet:
        """Ask for the turns before, until they pass every check, at most `ATTEMPTS` times."""
        language, used = self.qa.language, Usage()
        messages = self._messages()
        for attempt in range(ATTEMPTS):
            with on_top_of(used):
                answer = await generate_as(
                    model,
                    messages,
                    Prefix,
                    sampling=Sampling(max_tokens=MOST_TOKENS, seed=derive_seed(self.seed, attempt)),
                    language=language,
                    refused=heard.refused,
                )
            heard.repaired(answer)
            used += answer.reply.usage
            found = faults(answer.value, self.qa, self.profile, self.strategy)
            if not found:
                with on_top_of(used):
                    found, cost = await self._read(answer.value, model, heard)
                used += cost
            if not found:
                return self._triplet(answer.value, model.name, used)
            again = render("synthesis/complete_again", language, faults=found)
            messages += [{"role": "assistant", "content": answer.raw}, {"role": "user", "content": again}]
            if attempt < ATTEMPTS - 1:
                heard.refused(answer.raw, Unfit("; ".join(found)))
        raise Unfit("; ".join(found), raw=answer.raw, usage=used)

    def _messages(self) -> list[Message]:
        language = self.qa.language
        task = render(
            "synthesis/complete_task",
            language,
            profile=profile_text(self.profile),
            strategy=strategy_text(self.strategy),
            question=self.qa.question,
            answer=self.qa.answer,
        )
        system = render("synthesis/complete", language, company=self.company)
        return [{"role": "system", "content": system}, {"role": "user", "content": task}]

    async def _read(self, prefix: Prefix, model: Backend, heard: Report) -> tuple[list[str], Usage]:
        """What a reader, the same model asked anew, finds wrong with the prefix, and what asking cost."""
        asked = render(
            "synthesis/complete_check",
            self.qa.language,
            profile=profile_text(self.profile),
            turns=[{"role": turn.speaker, "text": turn.text} for turn in prefix.turns],
            question=self.qa.question,
            answer=self.qa.answer,
        )
        answer = await generate_as(
            model,
            [{"role": "user", "content": asked}],
            Check,
            sampling=Sampling(temperature=0, seed=self.seed),
            language=self.qa.language,
            refused=heard.refused,
        )
        heard.repaired(answer)
        found = answer.value
        wrong = {
            "the question comes from nowhere": not found.leads_naturally,
            "the answer is given away before": found.gives_answer_away,
            "it goes against the profile": found.contradicts_profile,
        }
        because = f" ({found.quote})" if found.quote else ""
        return [f"{what}: {found.reason}{because}" for what, is_so in wrong.items() if is_so], answer.reply.usage

    def _triplet(self, prefix: Prefix, model: str, used: Usage) -> Triplet:
        language = self.qa.language
        turns = [Turn(role=turn.speaker, text=turn.text, note=turn.note or None) for turn in prefix.turns]
        turns.append(Turn(role=speaker_at(len(turns)), text=self.qa.question))
        end = End(reason="stopped", detail="ends with the expert's answer")
        if hear("salesperson", self.qa.answer, language).act == "goodbye":
            end = put_down(turns, self.qa.answer, language)
        turns.append(Turn(role=speaker_at(len(turns)), text=self.qa.answer))
        session = Session(
            id=self.id,
            scenario_id=self.qa.id,
            trial=self.trial,
            language=language,
            seed=self.seed,
            turns=tuple(turns),
            end=end,
            usage={"writer": used},
            provenance={"writer": model, "prompts": prompts.digest("synthesis")},
        )
        return Triplet(
            profile=self.profile, strategy=self.strategy, session=session, method="completion", source=self.qa.id
        )


def complete(
    pairs: Sequence[QAPair],
    backend: str | Backend,
    *,
    catalog: Catalog | None = None,
    trials: int = 1,
    seed: int = 0,
    out: Path | str | None = None,
    **tools: Any,
) -> Triplets | TripletFolder:
    """Write a call for each question and answer, `trials` of each, with a profile and strategy sampled for it.

    They are drawn together from the seeds of the `catalog`, the bundled one unless said. `tools` are `budget`,
    `cassette`, `concurrency` and `progress`. A call that failed a check at every attempt is among the run's `failures`,
    with the reason. Raises `InputError` for a backend that is no model.
    """
    return loop.wait(acomplete(pairs, backend, catalog=catalog, trials=trials, seed=seed, out=out, **tools))


async def acomplete(
    pairs: Sequence[QAPair],
    backend: str | Backend,
    *,
    catalog: Catalog | None = None,
    trials: int = 1,
    seed: int = 0,
    out: Path | str | None = None,
    **tools: Any,
) -> Triplets | TripletFolder:
    """`complete` for callers with a loop."""
    library = catalog or Catalog.bundled()
    pieces = [
        _piece(pair, library, derive_seed(seed, pair.id, trial), trial) for trial in range(trials) for pair in pairs
    ]
    config = {
        "stage": "complete",
        "seed": seed,
        "trials": trials,
        "pairs": summary(pairs),
        "prompts": prompts.digest("synthesis"),
    }
    return await make_all(pieces, Tools(backend, **tools), out, config)


def _piece(pair: QAPair, library: Catalog, seed: int, trial: int) -> Complete:
    """The pair with a profile and a strategy that belong together, drawn by the seed, and the company that calls."""
    seeds = [one for one in library.seeds if library.strategy(one.strategy).language == pair.language]
    if not seeds:
        raise InputError(f"QA pair {pair.id!r}: the library holds no profile and strategy in {pair.language!r}")
    drawn = Random(seed).choice(seeds)
    profile = library.profile(drawn.profile)
    strategy = library.strategy(drawn.strategy).filled(profile.slots())
    return Complete(pair, profile, strategy, library.company(pair.language), seed, trial)
