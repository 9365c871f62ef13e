"""`Trained`: what a fine-tuning leaves behind, so that its folder can be served, evaluated and explained."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from telerole.errors import FileError
from telerole.persona import Role
from telerole.records import Record, load

RECORD = "training.json"
ADAPTER = "adapter.gguf"  # a LoRA adapter for llama.cpp, to be loaded beside its base
MODEL = "model.gguf"  # a whole model for llama.cpp: a full fine-tuning, or an adapter merged into its base
PEFT = "adapter"  # the adapter as PEFT saves it, with the tokenizer
WHOLE = "model"  # a full fine-tuning as transformers saves it

DEFAULT_BASE = "smollm2"  # the file that `telerole install-model` installs


class Trained(Record):
    """How a model was fine-tuned.

    `base` is a model hub's name, a folder, a GGUF file, or ``smollm2``, the small default model; `side` whose words it
    learned. `loss` and `validation_loss` are means over the learned tokens, in nats, at the best checkpoint; `data` is
    the digest of the rows, `files` those of the files they were read from (SHA-256, as in the data card), `rows` how
    many there were to learn from.
    """

    base: str
    method: Literal["lora", "full"]
    side: Role
    rank: int | None = None
    alpha: int | None = None
    seed: int
    epochs: float
    steps: int
    rows: int
    data: str
    files: dict[str, str] = {}
    loss: float
    validation_loss: float | None = None
    versions: dict[str, str] = {}


def read_trained(path: Path | str) -> Trained:
    """What was trained in that folder; raises `FileError` where it is no finished training."""
    file = Path(path) / RECORD
    if not file.is_file():
        raise FileError(file, ["is missing: the folder holds no finished training; run `telerole train` to its end"])
    return load(file, Trained)[0]
