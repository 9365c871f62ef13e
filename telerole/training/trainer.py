"""TRL's trainer with our loss, our record and our checkpoints; imported only where training begins, for it is heavy."""

from __future__ import annotations

import ctypes
import math
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from datasets import Dataset
from peft import LoraConfig
from safetensors import SafetensorError
from transformers import TrainerCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from telerole.errors import FileError, InputError
from telerole.training.curves import CHECKPOINTS, Curve, Step, checkpoint, prune, seal, without_progress
from telerole.training.encoding import IGNORED, Encoded

if TYPE_CHECKING:
    from telerole.training.sft import Settings

LARGE = 10**9  # weights; the activations of larger models are computed twice rather than kept
LONG = 2048  # tokens; so are those of longer rows, in 32 bits of half as long ones
WARM_UP = 0.05  # share of the steps


@dataclass(frozen=True, slots=True)
class Numbers:
    """The number formats of a training: bfloat16 in products (`short`) where the hardware has it, and of the weights.

    The activations of a row of more than `most_kept` tokens are computed a second time rather than kept: a third more
    time, half of the memory.
    """

    short: bool
    weights: torch.dtype
    most_kept: int


def numbers(full: bool, size: int = 0) -> Numbers:
    """The formats for this machine and a model of `size` weights; what is trained is always kept in float32."""
    cuda = torch.cuda.is_available()
    short = torch.cuda.is_bf16_supported() if cuda else torch.cpu._is_avx512_bf16_supported()
    weights = torch.bfloat16 if cuda and short and not full else torch.float32
    return Numbers(short, weights, most_kept=0 if size > LARGE else LONG if cuda or short else LONG // 2)


def only_one_gpu() -> None:
    """Raises `InputError` where there are several: the rows of a step are not shared out among them."""
    if (count := torch.cuda.device_count()) > 1:
        raise InputError(f"there are {count} GPUs, and a training takes one: name it, as CUDA_VISIBLE_DEVICES=0 does")


def peak_memory() -> float | None:
    """The most memory that this process has held so far, in GiB; the GPU's where there is one. None on Windows."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**30, 2)
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return round(getrusage(RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many steps there are, and after how many the model is validated and saved."""

    steps: int
    every: int

    @classmethod
    def of(cls, settings: Settings, rows: int) -> Plan:
        """Twice an epoch, unless the settings say otherwise."""
        an_epoch = math.ceil(rows / settings.batch)
        return cls(
            steps=math.ceil(settings.epochs * an_epoch),
            every=settings.steps_between_validations or math.ceil(an_epoch / 2),
        )

    def due(self, step: int) -> bool:
        """Whether the model is validated and saved after this step."""
        return step % self.every == 0 or step >= self.steps


class Tuning(SFTTrainer):
    """SFT on rows that are tokens already. Each step goes to the curve, each checkpoint is sealed once it is whole."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        rows: tuple[Sequence[Encoded], Sequence[Encoded]],
        *,
        settings: Settings,
        out: Path,
        curve: Curve,
        hear: Callable[[Step], None],
    ) -> None:
        train, validation = map(_dataset, rows)
        plan, formats = Plan.of(settings, len(train)), numbers(settings.full, model.num_parameters())
        self.most_kept = formats.most_kept
        self.out, self.curve, self.hear = out, curve, hear
        self.patience = settings.patience
        self._tokens, self._since = 0, time.monotonic()
        self._unwritten: Step | None = None
        super().__init__(
            model=model,
            args=_arguments(settings, plan, out, formats),
            train_dataset=train,
            eval_dataset=validation if len(validation) else None,
            processing_class=tokenizer,
            peft_config=None if settings.full else _lora(settings),
        )
        self.add_callback(_Rhythm(plan, validated=bool(len(validation))))

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross entropy of the learned tokens, summed, over `num_items_in_batch`.

        Logits (n × vocabulary) are made for the n positions before a learned token alone: for all of a row they would
        be most of the memory, and off a GPU TRL's own loss makes them all.
        """
        labels = inputs["labels"][:, 1:]
        before = (labels != IGNORED).any(0).nonzero().squeeze(-1)
        inputs = {name: value for name, value in inputs.items() if name != "labels"}
        for layer in model.modules():
            if hasattr(layer, "gradient_checkpointing"):
                layer.gradient_checkpointing = inputs["input_ids"].numel() > self.most_kept
        logits = model(**inputs, use_cache=False, logits_to_keep=before).logits
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), labels[:, before].flatten(), ignore_index=IGNORED, reduction="sum"
        )
        if model.training:
            self._tokens += inputs["input_ids"].numel()
        return loss / num_items_in_batch

    def evaluate(self, *given: Any, **named: Any) -> dict[str, float]:
        """The mean over all learned tokens of the validation rows; stops the training once patience is at its end."""
        model: Any = self.model
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for batch in map(self._prepare_inputs, self.get_eval_dataloader()):
                total += self.compute_loss(model, batch, num_items_in_batch=1).item()
                count += int((batch["labels"][:, 1:] != IGNORED).sum())
        _check(loss := total / count, "validation loss", self.state.global_step)
        self._write(loss)
        if without_progress(self.curve.steps) >= self.patience:
            self.control.should_training_stop = True
        self.control.should_evaluate = False  # else the end of an epoch asks once more
        return {"eval_loss": loss}

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Take down a step; what is not its loss is said by nobody."""
        if "loss" not in logs:
            return
        now, step = time.monotonic(), self.state.global_step
        _check(logs["loss"], "loss", step)
        self._unwritten = Step(
            step=step,
            epoch=round(self.state.epoch, 4),
            loss=logs["loss"],
            tokens=self._tokens,
            seconds=round(now - self._since, 3),
        )
        self._tokens, self._since = 0, now
        if not self.control.should_evaluate:
            self._write(None)

    def _write(self, validation_loss: float | None) -> None:
        assert self._unwritten is not None
        measured = {"validation_loss": validation_loss, "peak": peak_memory()}
        self.curve.add(step := self._unwritten.model_copy(update=measured))
        self.hear(step)
        self._since = time.monotonic()

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder, save = checkpoint(self.out, self.state.global_step), cast(Any, super()._save_checkpoint)
        try:
            self.curve.sync()
            save(model, trial)
            seal(folder)
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            why = (isinstance(error, OSError) and error.strerror) or error
            raise FileError(
                folder,
                [f"cannot be written: {why}; earlier checkpoints are kept: make room, and the same command goes on"],
            ) from None
        prune(self.out, self.curve.steps)
        self._since = time.monotonic()

    def create_model_card(self, *given: Any, **named: Any) -> None:
        """None in checkpoints."""

    def _send_telemetry(self) -> None:
        """Nobody is told that this training runs."""


class _Rhythm(TrainerCallback):
    """Validates and saves when the plan says so, after the last step too."""

    def __init__(self, plan: Plan, *, validated: bool) -> None:
        self.plan, self.validated = plan, validated

    def on_substep_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        _trim()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        _trim()
        control.should_save = self.plan.due(state.global_step)
        control.should_evaluate = control.should_save and self.validated


def _check(loss: float, name: str, step: int) -> None:
    if not math.isfinite(loss):
        raise InputError(f"the {name} is no number at step {step}; take a lower learning rate (--learning-rate)")


def _trim() -> None:
    """Give freed memory back to the system: glibc keeps the holes that rows of other lengths leave, ever more."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _arguments(settings: Settings, plan: Plan, out: Path, numbers: Numbers) -> SFTConfig:
    return SFTConfig(
        output_dir=str(out / CHECKPOINTS),
        per_device_train_batch_size=1,  # rows are long: none is padded, and none waits in memory
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=settings.batch,
        max_steps=plan.steps,
        learning_rate=settings.learning_rate or (2e-5 if settings.full else 2e-4),
        lr_scheduler_type="cosine",
        warmup_steps=math.ceil(WARM_UP * plan.steps),
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not torch.cuda.is_available(),
        bf16=numbers.short,
        gradient_checkpointing=True,  # row by row, as its length asks for
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is no number would be told as 0
        eval_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _lora(settings: Settings) -> LoraConfig:
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _dataset(rows: Sequence[Encoded]) -> Dataset:
    return Dataset.from_dict({"input_ids": [row.ids for row in rows], "labels": [row.labels for row in rows]})
