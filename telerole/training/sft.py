"""Fine-tuning a chat model on exported calls (paper 4): one side's words are learned, by LoRA or all weights."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from telerole import folder, journal, plots
from telerole.errors import InputError
from telerole.persona import Role
from telerole.progress import Bar
from telerole.records import Record
from telerole.trained import ADAPTER, DEFAULT_BASE, MODEL, PEFT, RECORD, WHOLE, Trained, read_trained
from telerole.training import bases, curves
from telerole.training.encoding import Chats, Encoded, encode, read_chats, within
from telerole.training.weights import Base as Weights

LIBRARIES = ("telerole", "torch", "transformers", "trl", "peft")
GOES_ON = "make room, and the same command goes on"
STATE = {
    curves.DIGESTS, "README.md", "optimizer.pt", "rng_state.pth", "scaler.pt", "scheduler.pt",
    "trainer_state.json", "training_args.bin",
}  # fmt: skip

Count = Annotated[int, Field(ge=1)]


class Settings(Record):
    """How to fine-tune.

    By LoRA of that `rank` and `alpha` on every linear layer, or all weights where `full`. `learning_rate` falls by a
    cosine from 2e-4 (LoRA) or 2e-5 (full), unless given. `batch` is the rows a step, `max_length` the most tokens a
    row may have; longer ones are an error, or left out where `skip_long`. The model is validated and saved after every
    `steps_between_validations` steps (unless given, twice an epoch) and at the end; training stops after `patience`
    validations in a row without progress.
    """

    full: bool = False
    rank: Count = 16
    alpha: Count = 32
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    epochs: Annotated[float, Field(gt=0)] = 3.0
    batch: Count = 4
    max_length: Count = 4096
    skip_long: bool = False
    seed: int = 0
    patience: Count = 3
    steps_between_validations: Count | None = None


class Recipe(Settings):
    """Settings, and the base that they are for: what a file of ``telerole train --settings`` holds."""

    base: str = DEFAULT_BASE

    def settings(self) -> Settings:
        """The settings alone."""
        return Settings(**self.model_dump(exclude={"base"}))


def train(
    data: Path | str,
    out: Path | str,
    *,
    base: str = DEFAULT_BASE,
    side: Role | None = None,
    settings: Settings = Settings(),
    progress: bool = False,
) -> Trained:
    """Fine-tune `base` on the rows of `data`, and leave the adapter or the model of the best step in `out`.

    `data` is a folder of ``telerole export``, or a .jsonl file of ``{"messages": […]}`` rows. Without validation rows
    nothing stops early, and the last step is taken. From a GGUF file there is ``adapter.gguf`` or ``model.gguf`` for
    llama.cpp too. The same call goes on with what was begun, from its newest whole checkpoint to the same curve (on a
    CPU, losses within 1e-4), and returns what is finished. Torch's random numbers are seeded.

    Raises `InputError` where rows, base or extra are not fit for it, `out` was begun with something else, or the disk
    is full: the checkpoints before are kept.
    """
    out, chats, base = Path(out), read_chats(data, side), bases.named(base)
    config = {"base": base, "data": chats.digest, "side": chats.side, **settings.model_dump()}
    if (out / RECORD).is_file():
        folder.begin(out, config)
        shutil.rmtree(out / curves.CHECKPOINTS, ignore_errors=True)
        _write_gguf(out, base)
        return read_trained(out)
    found = bases.find(base)
    if found.file:
        Weights(Path(found.named))  # what no file for llama.cpp can be written for is known before the training
    tokenizer = bases.load_tokenizer(found)
    plots.load_converter()  # what draws the curve at the end
    rows = _encoded(chats, tokenizer, settings)
    with _opened(out, config) as curve:
        _run(found, tokenizer, rows, settings, out, curve, progress)
        trained = _finish(out, found, chats, settings, curve.steps, len(rows[0]), base)
        _write_gguf(out, base)
        return trained


Rows = tuple[list[Encoded], list[Encoded]]


def _encoded(chats: Chats, tokenizer: Any, settings: Settings) -> Rows:
    limit, skip = settings.max_length, settings.skip_long
    train = within(encode(chats.train, tokenizer), limit, skip=skip)
    if not train:
        raise InputError(f"no row to learn from is within the limit of {limit} tokens (max_length)")
    validation = within(encode(chats.validation, tokenizer), limit, skip=skip)
    if chats.validation and not validation:
        raise InputError(f"no validation row is within the limit of {limit} tokens (max_length)")
    return train, validation


@contextmanager
def _opened(out: Path, config: dict[str, Any]) -> Iterator[curves.Curve]:
    """The folder of this training, begun or gone on with, and kept from others; its curve to the newest checkpoint."""
    with journal.writing(out):
        folder.make(out)
        held = journal.lock(out / ".lock")
    with held:
        with journal.writing(out, GOES_ON):
            folder.begin(out, config)
            curve = curves.Curve(out, curves.go_on_from(out))
        yield curve


def _run(
    base: bases.Base,
    tokenizer: Any,
    rows: Rows,
    settings: Settings,
    out: Path,
    curve: curves.Curve,
    progress: bool,
) -> None:
    """Train from the newest checkpoint, where the curve ends, to the end of both."""
    from telerole.training.trainer import Plan, Tuning, numbers, only_one_gpu

    only_one_gpu()
    plan, begun = Plan.of(settings, len(rows[0])), len(curve.steps)
    if begun >= plan.steps or curves.without_progress(curve.steps) >= settings.patience:
        return
    bar = Bar(plan.steps, begun, "steps") if progress else None

    def hear(step: curves.Step) -> None:
        if bar is not None:
            bar.ended(True, _told(step))

    model = bases.load_model(base, numbers(settings.full).weights)
    with bases.quiet(), bar or nullcontext():
        tuning = Tuning(model, tokenizer, rows, settings=settings, out=out, curve=curve, hear=hear)
        tuning.train(resume_from_checkpoint=str(curves.checkpoint(out, begun)) if begun else None)


def _told(step: curves.Step) -> str:
    validated = "" if step.validation_loss is None else f"  validation {step.validation_loss:.3f}"
    held = "" if step.peak is None else f"  {step.peak:.1f} GiB"
    return f"loss {step.loss:.3f}{validated}  {step.tokens / max(step.seconds, 1e-3):.0f} tokens/s{held}"


def _finish(
    out: Path, found: bases.Base, chats: Chats, settings: Settings, steps: Sequence[curves.Step], rows: int, base: str
) -> Trained:
    """Put the best checkpoint in its place, draw the curve, and write the record, last of all."""
    best = curves.best(steps)
    trained = Trained(
        base=base,
        method="full" if settings.full else "lora",
        side=chats.side,
        rank=None if settings.full else settings.rank,
        alpha=None if settings.full else settings.alpha,
        seed=settings.seed,
        epochs=best.epoch,
        steps=best.step,
        rows=rows,
        data=chats.digest,
        files=chats.files,
        loss=_loss_to(best, steps),
        validation_loss=best.validation_loss,
        versions={name: version(name) for name in LIBRARIES},
    )
    with journal.writing(out, GOES_ON):
        _place(curves.checkpoint(out, best.step), out / (WHOLE if settings.full else PEFT), found)
        plots.save(plots.loss_chart(steps), out / "loss.svg")
        journal.replace(out / RECORD, [trained.model_dump_json(indent=2).encode() + b"\n"])
    shutil.rmtree(out / curves.CHECKPOINTS)
    return trained


def _loss_to(best: curves.Step, steps: Sequence[curves.Step]) -> float:
    """The mean loss of the steps since the validation before the best step: a single step's depends on its rows."""
    before = [step.step for step in steps if step.validation_loss is not None and step.step < best.step]
    since = [step.loss for step in steps if (before or [0])[-1] < step.step <= best.step]
    return math.fsum(since) / len(since)


def _place(checkpoint: Path, place: Path, base: bases.Base) -> None:
    """Copy what is of the model and its tokenizer out of the checkpoint, whole or not at all."""
    unfinished = place.with_name(f".{place.name}")
    for old in (unfinished, place):
        shutil.rmtree(old, ignore_errors=True)
    try:
        shutil.copytree(checkpoint, unfinished, ignore=lambda _, names: STATE.intersection(names))
        if (file := unfinished / "adapter_config.json").is_file():
            about = json.loads(file.read_bytes()) | {"base_model_name_or_path": base.named}
            file.write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        unfinished.replace(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_gguf(out: Path, base: str) -> None:
    """What llama.cpp loads, where the base is a file of its kind."""
    from telerole.training import gguf

    is_gguf = base == DEFAULT_BASE or Path(base).is_file()
    if is_gguf and not ((out / ADAPTER).exists() or (out / MODEL).exists()):
        gguf.write(out)
