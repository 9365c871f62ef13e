"""llama.cpp in this process: one model in memory for every adapter that speaks through it."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telerole.errors import BackendError, FileError, InputError, Rejected, ServerFault

if TYPE_CHECKING:
    import xllamacpp

INSTALL = "run `telerole install-model`"
CACHE_MIB = 2048  # main memory for the prompts of conversations that wait for their turn, of all adapters


@dataclass(frozen=True, slots=True)
class Shape:
    """How a model stands in memory: its file (None where none is installed), and what `LocalBackend` says of it."""

    file: Path | None
    threads: int
    context: int
    slots: int


class Engine:
    """One model in memory, its adapters, and the threads that wait for its answers.

    Each adapter has a llama.cpp of its own, because one keeps the prompts it has read without a note of the adapter it
    read them through, and goes on from them through another. The model's weights are in memory once all the same, as
    pages of its file, but for formats that llama.cpp rearranges, such as Q4_0. A further adapter takes what its slots
    take.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._threads = ThreadPoolExecutor(shape.slots, "telerole-local")
        self._loading = threading.Lock()
        self._adapters: set[Path | None] = set()
        self._servers: dict[Path | None, xllamacpp.Server] = {}
        self._process: int | None = None

    def add(self, *adapters: Path | None) -> None:
        """Expect requests through these, too; None is the model itself."""
        self._adapters.update(adapters)

    async def soon(self, work: Any, *given: Any) -> Any:
        """Do a blocking piece of work when a slot is free; llama.cpp lets go of the interpreter meanwhile.

        Raises `InputError` in a fork of the process that did the first: its threads, and llama.cpp's, are not here.
        """
        self._process = self._process or os.getpid()
        if self._process != os.getpid():
            raise InputError(
                f"{self.shape.file} was loaded before this process was forked, and answers in its parent only; make a "
                "backend of its own for each process, or start them with multiprocessing's 'spawn'"
            )
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def server(self, adapter: Path | None) -> xllamacpp.Server:
        """The llama.cpp that answers through that adapter, loaded by the first who asks."""
        with self._loading:
            if adapter not in self._servers:
                self._servers[adapter] = load(self.shape, adapter, CACHE_MIB // len(self._adapters))
            return self._servers[adapter]

    def ask(self, body: dict[str, Any], adapter: Path | None) -> dict[str, Any]:
        """The answer to a chat completion's body, or the `BackendError` that says why there is none."""
        server = self.server(adapter)
        try:
            answer = server.handle_chat_completions(body)
        except (ValueError, TypeError) as error:
            raise Rejected(f"llama.cpp does not take the request: {error}") from None
        except RuntimeError as error:
            raise ServerFault(f"llama.cpp failed: {error}") from None
        data: dict[str, Any] = json.loads(answer) if isinstance(answer, str | bytes) else answer
        if "error" in data:
            raise failure(data["error"])
        return data

    def free(self) -> None:
        """Give the memory back; another request loads the model again."""
        with self._loading:
            self._servers.clear()


def load(shape: Shape, adapter: Path | None = None, cache_mib: int = CACHE_MIB) -> xllamacpp.Server:
    """The model, answering through that adapter; an `InputError` names what is missing or does not fit."""
    if shape.file is None:
        raise InputError(f"the default model is not installed; {INSTALL}, or name a GGUF file")
    for file in (shape.file, adapter) if adapter else (shape.file,):
        _check(file)
    try:
        return _started(shape, adapter, cache_mib)
    except ImportError as error:
        raise InputError(f"the local backend needs llama.cpp ({error}); {INSTALL}") from None
    except RuntimeError:
        if adapter is not None and _loads(shape):
            fault = f"llama.cpp cannot load it beside {shape.file}: it was made for another model, or is damaged"
            raise FileError(adapter, [fault]) from None
        raise InputError(
            f"llama.cpp cannot load {shape.file}: a damaged file, a model it does not know, or too little memory for "
            f"a context of {shape.context} tokens in {shape.slots} slots"
        ) from None


def _started(shape: Shape, adapter: Path | None, cache_mib: int) -> xllamacpp.Server:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(shape.file)
    if adapter is not None:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path = str(adapter)
        params.lora_adapters = [lora]
    params.n_parallel = shape.slots
    params.n_ctx = shape.context * shape.slots
    params.cache_ram_mib = cache_mib
    # With flash attention and fewer than 64 tokens at a time, a prompt is read with the very sums that write an
    # answer, and so its numbers do not depend on how much of it was in the cache. That costs 1.7 times the time for a
    # prompt of 2,000 tokens.
    params.flash_attn_type = 1
    params.n_ubatch = 32
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = shape.threads
        cpu.poll = 0  # waiting threads sleep instead of spinning, which starves everything on a busy machine
    params.verbosity = 0
    server = xllamacpp.Server(params)
    # Freed before its own thread works, as can be on a busy machine, it would wait for that thread for ever.
    server.handle_completions({"prompt": "a", "n_predict": 1, "cache_prompt": False})
    return server


def _loads(shape: Shape) -> bool:
    try:
        _started(shape, None, 0)
    except RuntimeError:
        return False
    return True


def failure(error: dict[str, Any]) -> BackendError:
    """The error that an error of llama.cpp means."""
    raw = json.dumps(error, ensure_ascii=False)
    if error.get("type") == "exceed_context_size_error":
        return Rejected(
            f"the prompt has {error['n_prompt_tokens']} tokens, and the context holds {error['n_ctx']}: "
            "shorten the prompt, or load the model with a larger context",
            raw=raw,
        )
    kind = Rejected if error["code"] < 500 else ServerFault
    return kind(f"llama.cpp answered {error['code']}: {error['message']}", raw=raw)


def _check(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if magic != b"GGUF":
        raise InputError(f"{path}: is not a GGUF file")
