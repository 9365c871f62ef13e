"""TeleBot in miniature, and the paper's ablation, on two cores: from the seed corpus to Tables 1 and 2.

    python telebot.py                          some six hours: two training seeds, 324 calls of each model
    python telebot.py --trials 1               some three hours: 108 calls of each model; without it, more are added
    python telebot.py --small                  a few rows and calls: twelve minutes on cores with bfloat16
    python telebot.py --tiny                   proves that every step runs, and nothing else

The same command goes on where it was stopped. What is compared is how 135 million parameters take to this project's
own English calls. They neither wrote these (people and the seed corpus did) nor judge: there is no judge here, only
measures. None of it can stand beside the paper's figures.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import adapters
import corpus

from telerole import journal
from telerole.agents.role import Candidate, InRole, Prompted, called
from telerole.backends.base import Sampling
from telerole.backends.local import LocalBackend
from telerole.catalog import Catalog
from telerole.chairs import Chair
from telerole.evaluation.evaluate import evaluate
from telerole.evaluation.played import played_in
from telerole.evaluation.results import Evaluation
from telerole.evaluation.sampling import to_read
from telerole.evaluation.scenarios import held_out
from telerole.report import Shown, write_report
from telerole.scenario import Scenario
from telerole.session import Method
from telerole.synthesis.dataset import Shares
from telerole.synthesis.table import row
from telerole.trained import MODEL
from telerole.training.gguf import merge
from telerole.training.sft import Settings

ARMS: dict[str, tuple[Method, ...]] = {
    "TeleBot": ("extraction", "simulation", "completion"),
    "without extraction": ("simulation", "completion"),
    "without simulation": ("extraction", "completion"),
}
PROMPTED, LINES, EVERY_CALL = "prompted, untrained", "lines of the strategy", "every call"
SPOKEN = Sampling(temperature=0.3, max_tokens=96, stop=("\n",))  # one line; a small model does not know when to stop
CORES = os.cpu_count() or 1

T = TypeVar("T")


@dataclass(frozen=True)
class Size:
    """How much is trained and played; `scenarios` and `rows` cut what there is, where it is more."""

    seeds: Sequence[int]
    training: Settings
    adapters: Settings
    pairs: int  # of a profile and a strategy, for each script that is held out
    trials: int
    max_turns: int = 30
    scenarios: int | None = None
    rows: int | None = None


LONG = Settings(epochs=2, learning_rate=5e-4)
SHORT = Settings(epochs=1, learning_rate=5e-4)
FULL = Size(seeds=(1, 2), training=LONG, adapters=adapters.SETTINGS, pairs=3, trials=3)
SMALL = Size(seeds=(1,), training=SHORT, adapters=SHORT, pairs=1, trials=1, scenarios=4, rows=14)
TINY = replace(SMALL, scenarios=1, rows=1, max_turns=4)


def main() -> None:
    """The whole chain, top to bottom; each step leaves a folder, and a folder that is whole is not made again."""
    given = options()
    out, size = given.out, given.size
    chosen = {name: getattr(given, name) for name in ("seeds", "pairs", "trials") if getattr(given, name)}
    size = replace(size, **chosen)

    data = make_data(out / "data")
    everything = adapters.every_call(given.adapters)
    both = [
        adapters.Model(
            given.adapters, side, few(everything.of(corpus.METHODS), size.rows), everything.funnels, side, size.adapters
        )
        for side in adapters.SIDES
    ]
    arms = [
        adapters.Model(
            out / "models",
            f"{name}, seed {seed}",
            few(data.of(methods), size.rows),
            {method: data.funnels[method] for method in methods},
            "salesperson",
            size.training.model_copy(update={"seed": seed}),
        )
        for seed in size.seeds
        for name, methods in ARMS.items()
    ]
    scenarios = few(held_out(dataset=out / "data", each=size.pairs, language=corpus.LANGUAGE), size.scenarios)
    os.environ["OMP_NUM_THREADS"] = "1"  # every process below has one core
    with ProcessPoolExecutor(CORES, get_context("spawn"), max_tasks_per_child=1) as pool:
        salesperson, merchant, *trained = pool.map(fine_tune, [*both, *arms])
        models: dict[str, Path | None] = {PROMPTED: None, EVERY_CALL: salesperson, LINES: None}
        models |= {arm.name: folder for arm, folder in zip(arms, trained, strict=True)}
        compared = partial(compare, scenarios=scenarios, merchant=merchant, size=size, out=out / "evaluation")
        list(pool.map(compared, [{name: folder} for name, folder in models.items()]))
    result = compared(models)  # all is played by now

    read = to_read(played_in(out / "evaluation"), ())
    table1 = [row(method, corpus.LANGUAGE, data.seeds[method], data.kept[method]) for method in corpus.METHODS]
    page, text = write_report(
        out, evaluation=result, sessions=[Shown(*one) for one in read], table1=table1, funnels=data.funnels
    )
    print(f"{page}\n{text}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/telebot"))
    parser.add_argument("--adapters", type=Path, default=Path("runs/adapters"), help="where adapters.py left its own")
    parser.add_argument("--seeds", type=int, nargs="+", help="one training of each arm for every seed")
    parser.add_argument("--pairs", type=int, help="profiles and strategies that a held-out script meets")
    parser.add_argument("--trials", type=int, help="calls of each model with each merchant on each of these")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--small", dest="size", action="store_const", const=SMALL, default=FULL)
    sizes.add_argument("--tiny", dest="size", action="store_const", const=TINY)
    return parser.parse_args()


def make_data(out: Path) -> corpus.Data:
    """The three data sets of disjoint scripts; ``split.json`` says which scripts went where, and which are held out."""
    parts = corpus.divide(Catalog.bundled())
    split = {name: [seed.script for seed in getattr(parts, name)] for name in Shares.model_fields}
    out.mkdir(parents=True, exist_ok=True)
    journal.replace(out / "split.json", [json.dumps(split, indent=2).encode() + b"\n"])
    return corpus.clean_data(out, parts.extraction, parts.simulation)


def few(found: Sequence[T], most: int | None) -> list[T]:
    """At most so many, evenly spread over what there is: the last one of each of as many parts."""
    count = min(most or len(found), len(found))
    return [found[number * len(found) // count - 1] for number in range(1, count + 1)]


def fine_tune(model: adapters.Model) -> Path:
    """A finished training, and adapter and base merged: one file, which answers faster."""
    folder = adapters.fine_tune(model)
    if not (folder / MODEL).exists():
        merge(folder)
    return folder


def compare(
    models: Mapping[str, Path | None], scenarios: Sequence[Scenario], merchant: Path, size: Size, out: Path
) -> Evaluation:
    """Models, the prompted baseline and one that reads lines out, on scripts that none was trained on.

    Of two merchants one is scripted: a mind decides, and lines of the seed corpus word it. The other is free: a model
    that was trained on the merchants' side of the same calls decides everything itself.
    """
    known: dict[str, Chair] = {PROMPTED: Prompted(LocalBackend(), SPOKEN), LINES: "offline"}
    free = InRole(LocalBackend(merchant), "merchant", SPOKEN, called, told="trained")
    return evaluate(
        {
            name: known[name] if folder is None else Candidate(LocalBackend(folder), SPOKEN)
            for name, folder in models.items()
        },
        scenarios,
        merchants={"scripted": "offline", "free": free},
        trials=size.trials,
        max_turns=size.max_turns,
        out=out,
        concurrency=1,  # a model answers on one core
        progress=True,
    )


if __name__ == "__main__":
    main()
