"""The project's own English calls as data sets: what TeleBot in miniature and the two adapters are trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from telerole import Catalog
from telerole.backends.cassette import Cassette
from telerole.catalog import Seed
from telerole.endings import put_down
from telerole.postprocess.cleaning import clean
from telerole.postprocess.results import Funnel
from telerole.qa import QAPair
from telerole.records import Language, Record, load
from telerole.runs import TripletFolder
from telerole.session import Method, Session, Triplet, Turn
from telerole.synthesis.complete import complete
from telerole.synthesis.dataset import Shares, Split, split

LANGUAGE: Language = "en"
METHODS: tuple[Method, ...] = ("extraction", "simulation", "completion")
RECORDED = Path(__file__).parents[1] / "recorded"
SHARES = Shares(extraction=0.35, simulation=0.35, held_out=0.30)  # intervals by script need scripts
CALLS = Path(__file__).parent / "calls.en.jsonl"
WRITTEN = "A person stood in for the model and wrote both sides; no model wrote these lines."


class Call(Record):
    """A call written for a seed script of the library: who was cast, and what was said, each turn with its act."""

    id: str
    script: str
    salesperson: str
    merchant: str
    turns: tuple[Turn, ...] = Field(min_length=2)


def divide(catalog: Catalog, seed: int = 0) -> Split:
    """The English seed scripts in three disjoint sets; no call below is of a script that is held out."""
    return split(catalog, SHARES, seed, LANGUAGE)


@dataclass(frozen=True, slots=True)
class Data:
    """What each method made of its seeds and the filters left, how many seeds it had, and what its cleaning took."""

    kept: Mapping[Method, Sequence[Triplet]]
    seeds: Mapping[Method, int]
    funnels: Mapping[str, Funnel]

    def of(self, methods: Sequence[Method]) -> list[Triplet]:
        """What is left of these methods' triplets."""
        return [triplet for method in methods for triplet in self.kept[method]]


def clean_data(out: Path, extraction: Sequence[Seed], simulation: Sequence[Seed]) -> Data:
    """The three data sets, each with a run folder in `out`.

    Completion has seeds of its own, the expert's questions and answers; what the model said to them is on record.
    """
    catalog, calls = Catalog.bundled(), hashlib.sha256(CALLS.read_bytes()).hexdigest()[:10]
    for method, triplets in (
        ("extraction", extracted(catalog, extraction)),
        ("simulation", simulated(catalog, simulation)),
    ):
        with TripletFolder.open(out / method, {"stage": method, "calls": calls}) as folder:
            for triplet in triplets:
                folder.append(triplet)
    pairs = [pair for pair in load(RECORDED / "pairs.jsonl", QAPair) if pair.language == LANGUAGE]
    answered = Cassette(RECORDED / "completion.jsonl", mode="replay")
    complete(pairs, "openai:stand-in", cassette=answered, out=out / "completion")
    funnels: dict[str, Funnel] = {method: clean(out / method) for method in METHODS}
    kept = {method: load(out / method / "kept.jsonl", Triplet) for method in METHODS}
    seeds: dict[Method, int] = dict(zip(METHODS, (len(extraction), len(simulation), len(pairs)), strict=True))
    return Data(kept, seeds, funnels)


def extracted(catalog: Catalog, seeds: Sequence[Seed]) -> Iterator[Triplet]:
    """The clean calls behind those seed scripts, where the library has them: what a perfect reader extracts."""
    of = {seed.script: seed for seed in seeds}
    for truth in catalog.truths(LANGUAGE):
        if seed := of.get(truth.script):
            yield _triplet(catalog, seed, truth.script, truth.turns, "extraction", {"writer": "the seed corpus"})


def simulated(catalog: Catalog, seeds: Sequence[Seed]) -> Iterator[Triplet]:
    """The calls that were written for those seed scripts, each with people cast for it."""
    of = {seed.script: seed for seed in seeds}
    for call in load(CALLS, Call):
        if seed := of.get(call.script):
            cast = {"salesperson": call.salesperson, "merchant": call.merchant, "writer": WRITTEN}
            yield _triplet(catalog, seed, call.id, call.turns, "simulation", cast)


def _triplet(
    catalog: Catalog, seed: Seed, id: str, turns: tuple[Turn, ...], method: Method, provenance: dict[str, str]
) -> Triplet:
    profile = catalog.profile(seed.profile)
    session = Session(
        id=f"{id}.0",
        scenario_id=id,
        language=LANGUAGE,
        seed=0,
        turns=turns,
        end=put_down(turns[:-1], turns[-1].text, LANGUAGE),
        provenance=provenance,
    )
    strategy = catalog.strategy(seed.strategy).filled(profile.slots())
    return Triplet(profile=profile, strategy=strategy, session=session, method=method, source=seed.script)
