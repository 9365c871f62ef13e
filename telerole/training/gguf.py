"""GGUF files of a finished training, for llama.cpp: a LoRA adapter to load beside its base, or the whole model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from telerole.backends.local import base_file
from telerole.errors import FileError
from telerole.trained import ADAPTER, MODEL, read_trained
from telerole.training.weights import Base, gguf_package, read_lora, read_whole

if TYPE_CHECKING:
    from telerole.training.weights import Array

Type = Literal["q8_0", "f16"]
BLOCK = 32  # numbers that share one scale in Q8_0
FILE_TYPES: Mapping[Type, int] = {"f16": 1, "q8_0": 7}  # llama.cpp's LLAMA_FTYPE_MOSTLY_…, for people to read


def write(out: Path | str) -> Path:
    """Write what llama.cpp needs of the training in folder `out`: its adapter, or the model of a full fine-tuning."""
    return write_adapter(out) if read_trained(out).method == "lora" else merge(out)


def write_adapter(out: Path | str) -> Path:
    """Write ``adapter.gguf`` from the PEFT adapter of the training in folder `out`; returns its path.

    The factors are 16-bit floats. Raises `FileError` where there is no finished LoRA training on a GGUF file of a
    llama or qwen2 model, or its adapter is more than a plain LoRA (DoRA, whole modules, an adapter of another base).
    """
    out = Path(out)
    if read_trained(out).method != "lora":
        raise FileError(out, ["is a full fine-tuning, which has no adapter; `telerole merge` writes its model"])
    base = Base(base_file(out))
    lora = read_lora(out, base)
    with _written(out / ADAPTER, base) as writer:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", lora.alpha)
        for name in lora.up:
            writer.add_tensor(f"{name}.lora_a", lora.down[name].astype("float16"))
            writer.add_tensor(f"{name}.lora_b", lora.up[name].astype("float16"))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    return out / ADAPTER


def merge(out: Path | str, type: Type = "q8_0") -> Path:
    """Write ``model.gguf``, the whole model that was trained, with the base's tokenizer and chat template.

    A weight that was trained has 8 or 16 bits, by `type`; the others are as in the base. One weight at a time is in
    memory. Returns the file's path; raises `FileError` as `write_adapter` does.
    """
    out = Path(out)
    base = Base(base_file(out))
    trained = _trained(out, base)
    kinds = {name: tensor.tensor_type for name, tensor in base.tensors.items()}
    kinds |= {name: _kind(base.shape(name), type) for name in trained}
    with _written(out / MODEL, base) as writer:
        _copy_settings(base, writer)
        writer.add_file_type(FILE_TYPES[type])
        for name, kind in kinds.items():
            _announce(writer, name, base.shape(name), kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for name, kind in kinds.items():
            writer.write_tensor_data(_packed(trained[name](), kind) if name in trained else base.tensors[name].data)
    return out / MODEL


def _trained(out: Path, base: Base) -> Mapping[str, Callable[[], Array]]:
    """The weights that the training changed, as they are now, each made when called."""
    if read_trained(out).method == "full":
        return read_whole(out, base)
    lora = read_lora(out, base)

    def grown(name: str) -> Array:
        return base.dense(name) + lora.change(name)

    return {name: partial(grown, name) for name in lora.up}


def _kind(shape: tuple[int, ...], type: Type) -> Any:
    """How a trained weight of that shape is written: as llama.cpp's own converter does."""
    kinds = gguf_package().GGMLQuantizationType
    if len(shape) == 1:
        return kinds.F32
    return kinds.F16 if type == "f16" or shape[-1] % BLOCK else kinds.Q8_0


def _packed(numbers: Array, kind: Any) -> Any:
    from gguf.quants import quantize

    return quantize(numbers, kind)


def _announce(writer: Any, name: str, shape: tuple[int, ...], kind: Any) -> None:
    block, size = gguf_package().GGML_QUANT_SIZES[kind]
    # Only bytes would have their shape changed; the shape here is in numbers already.
    writer.add_tensor_info(name, shape, float, prod(shape) // block * size, raw_dtype=kind)


def _copy_settings(base: Base, writer: Any) -> None:
    kinds = gguf_package().GGUFValueType
    writer.data_alignment = base.reader.alignment
    for key, field in base.reader.fields.items():
        if not key.startswith("GGUF.") and key not in ("general.architecture", "general.file_type"):
            inner = field.types[-1] if field.types[0] == kinds.ARRAY else None
            writer.add_key_value(key, field.contents(), field.types[0], sub_type=inner)


@contextmanager
def _written(path: Path, base: Base) -> Iterator[Any]:
    """A writer of a GGUF file for the base's architecture that is there whole, or not at all."""
    unfinished = path.with_name(f".{path.name}")
    writer = gguf_package().GGUFWriter(unfinished, base.architecture)
    try:
        yield writer
        for file in writer.fout:
            file.flush()
            os.fsync(file.fileno())
        writer.close()
        unfinished.replace(path)
    except OSError as error:
        raise FileError(path, [f"cannot be written: {error.strerror or error}"]) from None
    finally:
        with suppress(OSError):  # it writes what is left, on a disk that is full
            writer.close()
        unfinished.unlink(missing_ok=True)
