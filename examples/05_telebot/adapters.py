"""A salesperson and a merchant of 135 million parameters, fine-tuned on all of the project's own English calls.

    python adapters.py --out runs/adapters               both, one after the other
    python adapters.py --out runs/adapters merchant      one of them

The same command goes on where it was stopped. The scripts that `corpus.divide` holds out are in neither.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import corpus

from telerole import journal
from telerole.catalog import Catalog
from telerole.persona import Role
from telerole.session import Triplet
from telerole.training.export import export
from telerole.training.sft import Settings, train

SETTINGS = Settings(epochs=3, learning_rate=5e-4, max_length=3072)
SIDES: tuple[Role, ...] = ("salesperson", "merchant")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", nargs="*", choices=SIDES, default=list(SIDES))
    parser.add_argument("--out", type=Path, default=Path("runs/adapters"))
    given = parser.parse_args()
    triplets = every_call(given.out)
    for side in given.side:
        print(fine_tune(triplets, given.out, side, side, SETTINGS))


def every_call(out: Path) -> list[Triplet]:
    """What the filters leave of all calls for the scripts that are not held out; the data are in ``<out>/data``."""
    parts = corpus.divide(Catalog.bundled())
    seeds = [*parts.extraction, *parts.simulation]
    kept = corpus.clean_data(out / "data", seeds, seeds).kept
    return [triplet for method in corpus.METHODS for triplet in kept[method]]


def fine_tune(triplets: Sequence[Triplet], out: Path, name: str, side: Role, settings: Settings) -> Path:
    """The small model fine-tuned on one side of those calls: a finished training in ``<out>/<name>``."""
    kept = out / f"{name}-triplets.jsonl"
    out.mkdir(parents=True, exist_ok=True)
    journal.replace(kept, map(journal.line, triplets))
    export(kept, out / f"{name}-rows", format="trl", side=side)
    train(out / f"{name}-rows", out / name, settings=settings, progress=True)
    return out / name


if __name__ == "__main__":
    main()
