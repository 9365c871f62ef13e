"""The weights of a finished training, by the names and in the row order of its base's GGUF file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telerole.errors import FileError, InputError
from telerole.trained import PEFT, WHOLE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
ARCHITECTURES = ("llama", "qwen2")
INSTALL = 'pip install "telerole[train]"'
SHOWN = 3  # faults of one file; one wrong base makes hundreds

# Settings that llama.cpp's LoRA files have no place for, with the values that mean they are not used.
BEYOND: Mapping[str, tuple[object, ...]] = {
    "use_dora": (False,),
    "use_rslora": (False,),
    "modules_to_save": (None, []),
    "rank_pattern": (None, {}),
    "alpha_pattern": (None, {}),
    "fan_in_fan_out": (False,),
    "bias": ("none",),
    "target_parameters": (None, []),
    "trainable_token_indices": (None, []),
    "layer_replication": (None, []),
    "alora_invocation_tokens": (None, []),
}


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter: each weight it changes grows by ``alpha / rank · up @ down``.

    `down` holds PEFT's lora_A (rank, inputs) and `up` its lora_B (outputs, rank), by the base's names and row order.
    """

    alpha: float
    rank: int
    down: Mapping[str, Array]
    up: Mapping[str, Array]

    def change(self, name: str) -> Array:
        """What the weight grows by, (outputs, inputs)."""
        grown: Array = self.up[name] @ self.down[name]
        return grown * (self.alpha / self.rank)


class Base:
    """The GGUF file that was trained on.

    Raises `FileError` where it is missing, damaged, or of an architecture other than llama and qwen2, and
    `InputError` without the train extra.
    """

    def __init__(self, path: Path) -> None:
        gguf = gguf_package()
        self.path = path
        try:
            self.reader = gguf.GGUFReader(path)
        except OSError as error:
            raise FileError(path, [f"the base of the training cannot be read: {error.strerror}"]) from None
        except (ValueError, IndexError) as error:
            raise FileError(path, [f"the base of the training is no whole GGUF file: {error}"]) from None
        self.architecture: str = self._value("general.architecture")
        if self.architecture not in ARCHITECTURES:
            raise FileError(path, [f"is a {self.architecture} model; use one of: {', '.join(ARCHITECTURES)}"])
        layers = self._value(f"{self.architecture}.block_count")
        self._names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[self.architecture.upper()], layers)
        self.tensors: dict[str, Any] = {tensor.name: tensor for tensor in self.reader.tensors}

    def name(self, theirs: str) -> str | None:
        """The file's name for a weight that transformers calls ``model.layers.0.mlp.up_proj.weight``, or None."""
        ours: str | None = self._names.get_name(theirs, try_suffixes=(".weight", ".bias"))
        return ours if ours in self.tensors else None

    def shape(self, name: str) -> tuple[int, ...]:
        """A weight's (outputs, inputs)."""
        return tuple(int(size) for size in reversed(self.tensors[name].shape))

    def dense(self, name: str) -> Array:
        """A weight's numbers, no longer quantised."""
        from gguf.quants import dequantize

        tensor = self.tensors[name]
        numbers: Array = dequantize(tensor.data, tensor.tensor_type)
        return numbers.reshape(self.shape(name))

    def arranged(self, name: str, rows: Array) -> Array:
        """`rows` in the order that the file has them: llama.cpp interleaves the two halves of a head in llama's q, k.

        Its converter's ``permute``: transformers rotates the halves, llama.cpp neighbouring pairs.
        """
        key = {"attn_q": "head_count", "attn_k": "head_count_kv"}.get(name.split(".")[-2])
        if self.architecture != "llama" or key is None:
            return rows
        heads = self._value(f"llama.attention.{key}")
        return rows.reshape(heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)

    def _value(self, key: str) -> Any:
        if (field := self.reader.get_field(key)) is None:
            raise FileError(self.path, [f"does not say its {key}"])
        return field.contents()


def gguf_package() -> Any:
    """The package that reads and writes GGUF files."""
    try:
        import gguf
    except ImportError:
        raise InputError(f"GGUF files need the train extra: {INSTALL}") from None
    return gguf


def read_lora(out: Path, base: Base) -> Lora:
    """The adapter of the training in folder `out`.

    Raises `FileError` for what a LoRA file of llama.cpp cannot hold, and for an adapter of another base.
    """
    file = out / PEFT / ADAPTER_WEIGHTS
    alpha, rank = _settings(out / PEFT / CONFIG)
    sides: dict[str, dict[str, Array]] = {"A": {}, "B": {}}
    faults = []
    for theirs, read in _weights(file):
        module, _, factor = theirs.removeprefix("base_model.model.").partition(".lora_")
        name, side = base.name(f"{module}.weight"), factor.removesuffix(".weight")
        if name is None or side not in sides:
            faults.append(f"{theirs}: is no LoRA factor of a weight in {base.path}")
            continue
        axis = 1 if side == "A" else 0
        numbers = read()
        if (size := base.shape(name)[axis]) != numbers.shape[axis]:
            faults.append(f"{theirs}: made for another base: {numbers.shape[axis]} wide, not {size} as in {base.path}")
        elif side == "A":
            sides[side][name] = numbers
        else:
            sides[side][name] = base.arranged(name, numbers)
    if not faults and (halves := sides["A"].keys() ^ sides["B"].keys()):
        faults = [f"{name}: has one LoRA factor of two" for name in halves]
    if faults:
        raise FileError(file, faults[:SHOWN])
    return Lora(alpha, rank, down=sides["A"], up=sides["B"])


def read_whole(out: Path, base: Base) -> dict[str, Callable[[], Array]]:
    """All weights of the full fine-tuning in folder `out`, in the base's names and row order, read when called.

    Raises `FileError` where they are not those of the base.
    """
    folder = out / WHOLE
    found: dict[str, Callable[[], Array]] = {}
    faults = []
    for file in sorted(folder.glob("*.safetensors")):
        for theirs, read in _weights(file):
            if (name := base.name(theirs)) is None:
                faults.append(f"{file.name}: {theirs}: is no weight of {base.path}")
            else:
                found[name] = partial(_fitting, base, name, read, file)
    missing = [name for name in base.tensors if name not in found and not name.startswith("rope_")]
    faults += [f"lacks {name}, which {base.path} has" for name in missing]
    if faults:
        raise FileError(folder, faults[:SHOWN])
    return found


def _fitting(base: Base, name: str, read: Callable[[], Array], file: Path) -> Array:
    numbers = read()
    if numbers.shape != base.shape(name):
        raise FileError(file, [f"{name}: has the shape {numbers.shape}, not {base.shape(name)} as in {base.path}"])
    return base.arranged(name, numbers)


def _settings(file: Path) -> tuple[float, int]:
    """The alpha and rank of an adapter that llama.cpp can hold."""
    try:
        config = json.loads(file.read_bytes())
    except OSError as error:
        raise FileError(file, [f"cannot be read: {error.strerror}; there is no adapter"]) from None
    except ValueError as error:
        raise FileError(file, [f"not JSON: {error}"]) from None
    faults = [
        f"{key}: llama.cpp's LoRA files have no place for {config[key]!r}; train without it, or with `--full`"
        for key, unused in BEYOND.items()
        if key in config and config[key] not in unused
    ]
    if (kind := config.get("peft_type")) != "LORA":
        faults.append(f"peft_type: must be LORA, not {kind!r}")
    if faults:
        raise FileError(file, faults)
    return float(config["lora_alpha"]), int(config["r"])


def _weights(file: Path) -> Iterator[tuple[str, Callable[[], Array]]]:
    """The name of each weight in a safetensors file, and how it is read: as 32-bit floats."""
    try:
        # By torch: numpy has no bfloat16.
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise InputError(f"weights need the train extra: {INSTALL}") from None
    try:
        opened: Any = safe_open(file, "pt")
    except (OSError, SafetensorError) as error:
        raise FileError(file, [f"cannot be read: {error}"]) from None
    names: list[str] = opened.keys()
    for name in names:
        yield name, partial(_read, opened, name)


def _read(opened: Any, name: str) -> Array:
    numbers: Array = opened.get_tensor(name).float().numpy()
    return numbers
