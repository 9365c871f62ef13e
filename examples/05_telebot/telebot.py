"""TeleBot in miniature, and the paper's ablation, on two cores: from the seed corpus to Tables 1 and 2.

    python telebot.py --out runs/telebot              many hours: two training seeds, 324 calls of each model
    python telebot.py --out runs/telebot --small      a few rows and calls
    python telebot.py --out runs/telebot --tiny       proves that every step runs, and nothing else

The same command goes on where it was stopped. What is compared is how 135 million parameters take to this project's
own English calls. They neither wrote these (people and the seed corpus did) nor judge: there is no judge here, only
measures. None of it can stand beside the paper's figures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import corpus

from telerole import journal
from telerole.agents.role import Candidate, InRole, Prompted, called
from telerole.backends.base import Sampling
from telerole.backends.cassette import Cassette
from telerole.backends.local import LocalBackend
from telerole.catalog import Catalog
from telerole.chairs import Chair
from telerole.evaluation.evaluate import evaluate
from telerole.evaluation.played import played_in
from telerole.evaluation.results import Evaluation
from telerole.evaluation.sampling import to_read
from telerole.evaluation.scenarios import held_out
from telerole.persona import Role
from telerole.postprocess.cleaning import clean
from telerole.qa import QAPair
from telerole.records import load
from telerole.report import Shown, write_report
from telerole.runs import TripletFolder
from telerole.session import Method, Triplet
from telerole.synthesis.complete import complete
from telerole.synthesis.dataset import Shares
from telerole.synthesis.table import row
from telerole.training.export import export
from telerole.training.gguf import merge
from telerole.training.sft import Settings, train

RECORDED = Path(__file__).parents[1] / "recorded"
METHODS: tuple[Method, ...] = ("extraction", "simulation", "completion")
ARMS: dict[str, tuple[Method, ...]] = {
    "TeleBot": METHODS,
    "without extraction": ("simulation", "completion"),
    "without simulation": ("extraction", "completion"),
}
SPOKEN = Sampling(temperature=0.6, max_tokens=96, stop=("\n",))  # one line; a small model does not know when to stop


@dataclass(frozen=True)
class Size:
    """How much is trained and played; `scenarios` and `rows` cut what there is, where it is more."""

    seeds: tuple[int, ...]
    training: Settings
    pairs: int  # of a profile and a strategy, for each script that is held out
    trials: int
    scenarios: int | None = None
    rows: int | None = None


FULL = Size(seeds=(1, 2), training=Settings(epochs=3, max_length=3072), pairs=3, trials=3)
SMALL = Size(seeds=(1,), training=Settings(epochs=1, max_length=3072), pairs=1, trials=1, scenarios=6, rows=32)
TINY = Size(seeds=(1,), training=Settings(epochs=1, max_length=3072), pairs=1, trials=1, scenarios=2, rows=4)


def main() -> None:
    """The whole chain, top to bottom; each step leaves a folder, and a folder that is whole is not made again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/telebot"))
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--small", dest="size", action="store_const", const=SMALL, default=FULL)
    sizes.add_argument("--tiny", dest="size", action="store_const", const=TINY)
    given = parser.parse_args()
    out, size = given.out, given.size

    data, seeds = make_data(out / "data")
    funnels = {method: clean(run) for method, run in data.items()}
    kept = {method: load(run / "kept.jsonl", Triplet) for method, run in data.items()}

    models: dict[str, Path] = {}
    for arm, methods in ARMS.items():
        triplets = [one for method in methods for one in kept[method]][: size.rows]
        for seed in size.seeds:
            models[f"{arm}, seed {seed}"] = fine_tune(triplets, out / f"{arm}-{seed}", size, seed, "salesperson")
    triplets = [one for method in METHODS for one in kept[method]][: size.rows]
    merchant = fine_tune(triplets, out / "merchant", size, 0, "merchant")

    result = compare(models, merchant, size, out)
    read = to_read(played_in(out / "evaluation"), ())
    table1 = [row(method, corpus.LANGUAGE, seeds[method], kept[method]) for method in METHODS]
    page, text = write_report(
        out, evaluation=result, sessions=[Shown(*one) for one in read], table1=table1, funnels=funnels
    )
    print(f"{page}\n{text}")


def make_data(out: Path) -> tuple[dict[Method, Path], dict[Method, int]]:
    """A run folder for each method and how many seeds it was made from; ``split.json`` says which scripts went where.

    The scripts of a method, and those held out, are disjoint.
    """
    catalog = Catalog.bundled()
    parts = corpus.divide(catalog)
    split = {name: [seed.script for seed in getattr(parts, name)] for name in Shares.model_fields}
    out.mkdir(parents=True, exist_ok=True)
    journal.replace(out / "split.json", [json.dumps(split, indent=2).encode() + b"\n"])
    for method, triplets in (
        ("extraction", corpus.extracted(catalog, parts.extraction)),
        ("simulation", corpus.simulated(catalog, parts.simulation)),
    ):
        with TripletFolder.open(
            out / method, {"stage": method, "calls": hashlib.sha256(corpus.CALLS.read_bytes()).hexdigest()[:10]}
        ) as folder:
            for triplet in triplets:
                folder.append(triplet)
    pairs = [pair for pair in load(RECORDED / "pairs.jsonl", QAPair) if pair.language == corpus.LANGUAGE]
    answered = Cassette(RECORDED / "completion.jsonl", mode="replay")
    complete(pairs, "openai:stand-in", cassette=answered, out=out / "completion")
    seeds = {"extraction": len(parts.extraction), "simulation": len(parts.simulation), "completion": len(pairs)}
    return {method: out / method for method in METHODS}, seeds


def fine_tune(triplets: Sequence[Triplet], out: Path, size: Size, seed: int, side: Role) -> Path:
    """The triplets as rows, the small model fine-tuned on them, and the two merged: one file for llama.cpp."""
    out.mkdir(parents=True, exist_ok=True)
    journal.replace(out / "triplets.jsonl", map(journal.line, triplets))
    export(out / "triplets.jsonl", out / "rows", format="trl", side=side)
    train(out / "rows", out / "model", settings=size.training.model_copy(update={"seed": seed}))
    merge(out / "model")
    return out / "model"


def compare(models: Mapping[str, Path], merchant: Path, size: Size, out: Path) -> Evaluation:
    """Every model and the prompted baseline on scripts that none was trained on, with two merchants.

    One is scripted: a mind decides, and lines of the seed corpus word it. The other is free: a model that was trained
    on the merchants' side of the same calls decides everything itself.
    """
    scenarios = held_out(dataset=out / "data", each=size.pairs, language=corpus.LANGUAGE)[: size.scenarios]
    candidates: dict[str, Chair] = {"prompted, untrained": Prompted(LocalBackend(), SPOKEN)}
    candidates |= {name: Candidate(LocalBackend(folder), SPOKEN) for name, folder in models.items()}
    free = InRole(LocalBackend(merchant), "merchant", SPOKEN, called)
    return evaluate(
        candidates,
        scenarios,
        merchants={"scripted": "offline", "free": free},
        trials=size.trials,
        out=out / "evaluation",
        progress=True,
    )


if __name__ == "__main__":
    main()
