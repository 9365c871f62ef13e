"""What a step of fine-tuning the small default model costs: seconds, tokens a second, memory, and the loss.

The rows are those of the example's calls that `clean` keeps, of at most `--max-length`
tokens, in the default settings. Loading the model is not in the seconds, but is in the memory.
``python benchmarks/training.py --steps 3``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "05_telebot"))

import corpus

from telerole.catalog import Catalog
from telerole.postprocess.cleaning import clean
from telerole.runs import TripletFolder
from telerole.training.curves import read_curve
from telerole.training.export import export
from telerole.training.sft import Settings, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--max-length", type=int, default=3072)
    parser.add_argument("--full", action="store_true", help="all weights, not an adapter")
    given = parser.parse_args()
    catalog = Catalog.bundled()
    parts = corpus.divide(catalog)
    calls = corpus.simulated(catalog, (*parts.extraction, *parts.simulation))
    settings = Settings(epochs=1, max_length=given.max_length, skip_long=True, full=given.full)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with TripletFolder.open(path / "calls", {"stage": "benchmark"}) as run:
            for call in calls:
                run.append(call)
        clean(path / "calls")
        export(path / "calls", path / "all", held_out=0)
        rows = (path / "all" / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (path / "rows.jsonl").write_text("".join(rows[: settings.batch * given.steps]), encoding="utf-8")
        trained = train(path / "rows.jsonl", path / "out", settings=settings)
        steps = read_curve(path / "out")
    seconds, tokens = (sum(getattr(step, name) for step in steps) for name in ("seconds", "tokens"))
    each, speed = seconds / len(steps), tokens / seconds
    print(f"{trained.rows} rows in {len(steps)} steps: {each:.1f} s a step, {speed:.0f} tokens/s")
    print(f"peak {steps[-1].peak:.1f} GiB, loss {steps[0].loss:.2f} to {steps[-1].loss:.2f}")


if __name__ == "__main__":
    main()
