"""A salesperson and a merchant of 135 million parameters, fine-tuned on all of the project's own English calls.

    python adapters.py --out runs/adapters               both, one after the other
    python adapters.py --out runs/adapters merchant      one of them

The same command goes on where it was stopped. The scripts that `corpus.divide` holds out are in neither.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import corpus

from telerole import journal
from telerole.catalog import Catalog
from telerole.persona import Role
from telerole.postprocess.results import Funnel
from telerole.session import Triplet
from telerole.training.export import export
from telerole.training.sft import Settings, train

SETTINGS = Settings(epochs=3, learning_rate=5e-4)
SIDES: tuple[Role, ...] = ("salesperson", "merchant")


@dataclass(frozen=True)
class Model:
    """What is to be fine-tuned, into ``<out>/<name>``: on which calls, what cleanings left these, and whose words."""

    out: Path
    name: str
    triplets: Sequence[Triplet]
    funnels: Mapping[str, Funnel]
    side: Role
    settings: Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", nargs="*", choices=SIDES, default=list(SIDES))
    parser.add_argument("--out", type=Path, default=Path("runs/adapters"))
    given = parser.parse_args()
    data = every_call(given.out)
    for side in given.side:
        print(fine_tune(Model(given.out, side, data.of(corpus.METHODS), data.funnels, side, SETTINGS)))


def every_call(out: Path) -> corpus.Data:
    """What the filters leave of all calls for the scripts that are not held out; the data are in ``<out>/data``."""
    parts = corpus.divide(Catalog.bundled())
    seeds = [*parts.extraction, *parts.simulation]
    return corpus.clean_data(out / "data", seeds, seeds)


def fine_tune(model: Model) -> Path:
    """The small model fine-tuned on one side of those calls: a finished training; its data card is in the rows."""
    kept, rows = (model.out / f"{model.name}-{what}" for what in ("triplets.jsonl", "rows"))
    model.out.mkdir(parents=True, exist_ok=True)
    journal.replace(kept, map(journal.line, model.triplets))
    export(kept, rows, format="trl", side=model.side, funnels=model.funnels)
    train(rows, model.out / model.name, settings=model.settings, progress=True)
    return model.out / model.name


if __name__ == "__main__":
    main()
