"""What a fine-tuning under way leaves on disk: its loss curve, and the checkpoints that it can go on from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from telerole import journal
from telerole.records import Record

LOSSES = "losses.jsonl"
CHECKPOINTS = "checkpoints"
DIGESTS = "digests.json"


class Step(Record):
    """One step of the optimiser.

    `loss` and `validation_loss` are means over the learned tokens, in nats; the latter stands only where it was
    measured, after the step. `tokens` were read in the step, learned or not; it took so many `seconds`. `peak` is the
    most memory that the process has held since it began, in GiB: the GPU's where one trains; None where it is not told.
    """

    step: int
    epoch: float
    loss: float
    validation_loss: float | None = None
    tokens: int
    seconds: float
    peak: float | None = None


class Curve:
    """The steps of a training in order, written down as they are made; `upto` cuts off what came after a checkpoint."""

    def __init__(self, out: Path, upto: int) -> None:
        file = out / LOSSES
        self.steps = [step for step in read_curve(out) if step.step <= upto]
        journal.replace(file, map(journal.line, self.steps))
        self._journal = journal.Journal(file, kept="earlier steps")

    def add(self, step: Step) -> None:
        """Write the step down at once."""
        self._journal.add(step)
        self.steps.append(step)

    def sync(self) -> None:
        """Bring everything to disk."""
        self._journal.sync()


def read_curve(out: Path | str) -> list[Step]:
    """The loss curve of a training, finished or not."""
    file = Path(out) / LOSSES
    return [journal.parse(file, number, line, Step) for number, line in journal.lines(file)] if file.exists() else []


def best(steps: Sequence[Step]) -> Step:
    """The step with the lowest validation loss, the first of equals; the last step where nothing was validated."""
    validated = [step for step in steps if step.validation_loss is not None]
    return min(validated, key=lambda step: step.validation_loss or 0.0) if validated else steps[-1]


def without_progress(steps: Sequence[Step]) -> int:
    """How many validations in a row were no better than the best before them, up to now."""
    losses = [step.validation_loss for step in steps if step.validation_loss is not None]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def checkpoint(out: Path, step: int) -> Path:
    """The folder of the checkpoint after that step, as transformers names it."""
    return out / CHECKPOINTS / f"checkpoint-{step}"


def seal(folder: Path) -> None:
    """Write down the digests of a finished checkpoint's files, without which it does not count."""
    journal.replace(folder / DIGESTS, [json.dumps(_digests(folder), indent=1).encode() + b"\n"])


def go_on_from(out: Path) -> int:
    """The step of the newest checkpoint that is whole, as is the best one before it and the curve up to it; else 0.

    Newer ones, which a crash cut short or a disk damaged, are removed.
    """
    curve = read_curve(out)
    for step in _saved(out):
        before = [one for one in curve if one.step <= step]
        if len(before) == step and _whole(checkpoint(out, step)) and _whole(checkpoint(out, best(before).step)):
            return step
        shutil.rmtree(checkpoint(out, step))
    return 0


def prune(out: Path, steps: Sequence[Step]) -> None:
    """Remove checkpoints other than the two newest and the best up to each: a damaged one has another before it."""
    saved = _saved(out)
    best_then = {best([one for one in steps if one.step <= step]).step for step in saved[:2]}
    for step in {*saved[2:]} - best_then:
        shutil.rmtree(checkpoint(out, step))


def _saved(out: Path) -> list[int]:
    """The steps of the checkpoints there, newest first, whole or not."""
    names = (folder.name.removeprefix("checkpoint-") for folder in (out / CHECKPOINTS).glob("checkpoint-*"))
    return sorted((int(name) for name in names if name.isdigit()), reverse=True)


def _whole(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / DIGESTS).read_bytes()) == _digests(folder))
    except (OSError, ValueError):
        return False


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name.lstrip(".") != DIGESTS)
    return {file.name: _digest(file) for file in files}


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
