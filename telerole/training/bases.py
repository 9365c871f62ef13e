"""The model that a fine-tuning starts from: found, checked and loaded, from a hub, a folder or a GGUF file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from telerole.errors import InputError
from telerole.trained import DEFAULT_BASE

NEEDED = 'fine-tuning needs torch, transformers, TRL and PEFT ({}); pip install "telerole[train]"'


@dataclass(frozen=True, slots=True)
class Base:
    """Where a base model is: its `place` as transformers loads it, and the name of the GGUF `file` in it, if it is one.

    `named` is what an adapter's configuration calls it.
    """

    place: str
    file: str | None = None

    @property
    def named(self) -> str:
        """A hub's name, or the path of a folder or a GGUF file."""
        return str(Path(self.place) / self.file) if self.file else self.place


def find(base: str) -> Base:
    """The base of that name: ``smollm2``, a GGUF file, a model's folder, else taken for a hub's name.

    Raises `InputError` where a path holds no model, or the default model is not installed.
    """
    from telerole.backends.local import default_model

    if base == DEFAULT_BASE:
        if (installed := default_model()) is None:
            raise InputError("the default model is not installed; run `telerole install-model`, or name a base")
        return _gguf(installed)
    path = Path(base).expanduser()
    if path.is_file():
        return _gguf(path)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(f"{base}: holds no model of transformers, there is no config.json in it")
        return Base(str(path.resolve()))
    if path.is_absolute() or base.startswith((".", "~")) or base.endswith(".gguf") or base.count("/") > 1:
        raise InputError(f"{base}: there is no such model file or folder")
    return Base(base)


def named(base: str) -> str:
    """The base's name as records keep it: a path is made absolute, so that it is found from any folder."""
    path = Path(base).expanduser()
    return str(path.resolve()) if base != DEFAULT_BASE and path.exists() else base


def load_tokenizer(base: Base) -> Any:
    """Its tokenizer (`PreTrainedTokenizerBase`); one without a chat template is an `InputError`."""
    transformers = _transformers()
    with quiet():
        tokenizer = _loaded(base, transformers.AutoTokenizer.from_pretrained)
    if isinstance(tokenizer.chat_template, dict):  # one for tools beside that for talk
        tokenizer.chat_template = tokenizer.chat_template.get("default")
    if not isinstance(tokenizer.chat_template, str):
        raise InputError(
            f"{base.named}: its tokenizer has no chat template, so nothing says how a call is written for it; "
            "take a chat model (its name often ends in -Instruct)"
        )
    return tokenizer


def load_model(base: Base, dtype: Any) -> Any:
    """Its weights as a `PreTrainedModel` in that torch dtype; those of a GGUF file are de-quantised."""
    transformers = _transformers()
    with quiet():
        model = _loaded(base, transformers.AutoModelForCausalLM.from_pretrained, dtype=dtype)
    if base.file:
        # transformers takes the model for a quantised one, which it would refuse to train and to save
        model.hf_quantizer, model.is_quantized = None, False
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.name_or_path = ""  # else PEFT looks it up on the hub
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the libraries' notices and bars from the screen."""
    from datasets.utils import logging as datasets_logging
    from transformers import utils

    logging: Any = utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    datasets_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
        datasets_logging.enable_progress_bar()
        if bars:
            logging.enable_progress_bar()


def _gguf(path: Path) -> Base:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise InputError(f"{path}: is not a GGUF file; name one, a model's folder, or a hub's model")
    return Base(str(path.resolve().parent), path.name)


def _loaded(base: Base, load: Any, **given: Any) -> Any:
    try:
        with redirect_stderr(StringIO()):  # a bar that no setting turns off
            return load(base.place, **({"gguf_file": base.file} if base.file else {}), **given)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        hint = "" if Path(base.place).is_dir() else "; it is no file or folder here: check the name and the network"
        raise InputError(f"the base {base.named!r} cannot be loaded: {first}{hint}") from None


def _transformers() -> Any:
    try:
        import datasets  # noqa: F401
        import peft  # noqa: F401
        import torch  # noqa: F401
        import transformers
        import trl  # noqa: F401
    except ImportError as error:
        raise InputError(NEEDED.format(error)) from None
    return transformers
