"""Fine-tuning: only one side's words are learned, a stopped training goes on as if it had not stopped, and it says why
it cannot begin."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import pytest
from typer.testing import CliRunner

from telerole import Catalog, Simulator, Triplet
from telerole.backends import local
from telerole.backends.base import Message
from telerole.cli import app
from telerole.errors import FileError, InputError
from telerole.persona import Role
from telerole.postprocess.cleaning import clean
from telerole.records import load
from telerole.trained import read_trained
from telerole.training import bases, curves
from telerole.training.curves import Step
from telerole.training.encoding import encode, pieces, read_chats, within
from telerole.training.export import export
from telerole.training.formats import Format, lines
from telerole.training.pairs import Worse
from telerole.training.rows import row_of
from telerole.training.sft import Recipe, Settings, train
from tests.full_disk import files_limited, limit_files

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

needs_model = pytest.mark.skipif(
    local.default_model() is None, reason="needs the default model: run `telerole install-model`"
)
pytestmark = needs_model

TINY = Settings(full=True, learning_rate=2e-2, epochs=2, batch=2, max_length=200, steps_between_validations=2)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine two threads wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """The default model's own, out of its GGUF file."""
    return bases.load_tokenizer(bases.find("smollm2"))


@pytest.fixture(scope="session")
def tiny(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of two small layers with random weights and the default model's tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return saved(LlamaForCausalLM, LlamaConfig, tokenizer, tmp_path_factory.mktemp("tiny"))


def saved(model: Any, config: Any, tokenizer: Any, folder: Path) -> str:
    """A model of that make, of two small layers with random weights, and its tokenizer."""
    torch.manual_seed(1)
    shape = config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=True,
    )
    with bases.quiet():
        model(shape).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return str(folder)


def chat(number: int, *, said: str = "Hello") -> list[Message]:
    return [
        {"role": "system", "content": "You sell over the phone."},
        {"role": "user", "content": f"{said}, number {number}?"},
        {"role": "assistant", "content": f"Good morning, do you sell {number} lamps?"},
        {"role": "user", "content": "Yes, 好的."},
        {"role": "assistant", "content": "Fine, goodbye. [hang up]"},
    ]


def written(file: Path, chats: Sequence[Any], **more: Any) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps({"messages": one, **more}, ensure_ascii=False) + "\n" for one in chats))
    return file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight rows to learn from and two to validate on: eight steps in two epochs."""
    written(tmp_path / "data" / "train.jsonl", [chat(number) for number in range(8)])
    return written(tmp_path / "data" / "validation.jsonl", [chat(number) for number in (8, 9)]).parent


def losses(out: Path) -> list[tuple[int, float, float | None]]:
    return [(step.step, step.loss, step.validation_loss) for step in curves.read_curve(out)]


@pytest.fixture(scope="session")
def whole(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    written(folder / "data" / "train.jsonl", [chat(number) for number in range(8)])
    written(folder / "data" / "validation.jsonl", [chat(number) for number in (8, 9)])
    train(folder / "data", folder / "out", base=tiny, settings=TINY)
    return folder / "out"


# What is learned


@pytest.mark.parametrize("side", ["salesperson", "merchant"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_learned_tokens_are_exactly_what_the_side_says(
    side: Role, language: Any, tokenizer: Any, tmp_path: Path
) -> None:
    """Put back into words, they are each of its lines with the mark of its end, and nothing else."""
    (scenario,) = Catalog.bundled().sample(1, seed=4, language=language)
    triplet = Triplet(
        profile=scenario.profile,
        strategy=scenario.filled_strategy,
        session=Simulator(seed=4).run(scenario),
        method="simulation",
        source=scenario.script.id,
    )
    row = row_of(triplet, side)
    (encoded,) = encode(read_chats(written(tmp_path / "rows.jsonl", [row.messages], side=side)).train, tokenizer)
    said = [f"{message['content']}<|im_end|>" for message in row.messages if message["role"] == "assistant"]
    assert [text for text, learned in pieces(encoded, tokenizer) if learned] == said
    assert "".join(text for text, _ in pieces(encoded, tokenizer)) == tokenizer.apply_chat_template(
        list(row.messages), tokenize=False
    )


def test_the_loss_is_that_of_the_whole_logits_at_the_learned_tokens(tiny: str, whole: Path, tokenizer: Any) -> None:
    """The validation loss on file is the one that transformers' own loss gives for the saved model."""
    from transformers import AutoModelForCausalLM

    with bases.quiet():
        model = AutoModelForCausalLM.from_pretrained(whole / "model").eval()
    nats, count = 0.0, 0
    for row in encode(read_chats(whole.parent / "data").validation, tokenizer):
        ids, labels = torch.tensor(row.ids[None]).long(), torch.tensor(row.labels[None]).long()
        with torch.no_grad():
            nats += model(input_ids=ids, labels=labels).loss.item() * row.learned
        count += row.learned
    assert read_trained(whole).validation_loss == pytest.approx(nats / count, rel=2e-2)  # bfloat16


# A training


def test_a_long_rows_activations_are_computed_twice_and_the_curve_stays_the_same(
    tiny: str, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.llama.modeling_llama import LlamaMLP

    from telerole.training import trainer

    rows = written(tmp_path / "rows.jsonl", [chat(1), chat(2, said="Hello " * 40)])
    short, long = map(len, encode(read_chats(rows).train, tokenizer))
    assert short < long
    times: list[int] = []
    forward = LlamaMLP.forward

    def counted(self: Any, x: Any) -> Any:
        times.append(x.shape[1])
        return forward(self, x)

    monkeypatch.setattr(LlamaMLP, "forward", counted)
    for most_kept in (0, short, long):
        formats = trainer.Numbers(False, torch.float32, most_kept)
        monkeypatch.setattr(trainer, "numbers", lambda *given, formats=formats: formats)
        times.clear()
        train(rows, tmp_path / str(most_kept), base=tiny, settings=TINY.model_copy(update={"epochs": 1}))
        twice = {length: 1 + (length > most_kept) for length in (short, long)}
        assert Counter(times) == {length: 2 * count for length, count in twice.items()}  # the model has two layers
    found = [losses(tmp_path / str(most_kept)) for most_kept in (0, short, long)]
    assert found[0] == found[1] == found[2]


def test_a_tiny_set_is_learned_by_heart(whole: Path) -> None:
    curve = losses(whole)
    assert [step for step, _, _ in curve] == list(range(1, 9))
    assert [step for step, _, validated in curve if validated is not None] == [2, 4, 6, 8]
    assert curve[-1][1] < curve[0][1] / 2  # nats a token


def test_it_leaves_a_model_a_curve_and_a_record_and_no_checkpoint(whole: Path) -> None:
    there = {file.name for file in whole.iterdir()}
    assert there == {".lock", "run.json", "losses.jsonl", "loss.svg", "model", "training.json"}
    trained = read_trained(whole)
    assert (trained.method, trained.side, trained.rows, trained.rank) == ("full", "salesperson", 8, None)
    rows = sorted((whole.parent / "data").iterdir())
    assert trained.files == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in rows}
    assert not (whole / "model" / "optimizer.pt").exists()


def test_a_finished_training_is_not_repeated(whole: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bases, "find", None)
    assert train(whole.parent / "data", whole, base=tiny, settings=TINY) == read_trained(whole)


def test_the_same_seed_gives_the_same_curve_and_another_one_another(
    data: Path, tiny: str, whole: Path, tmp_path: Path
) -> None:
    for name, seed in (("same", 0), ("other", 7)):
        train(data, tmp_path / name, base=tiny, settings=TINY.model_copy(update={"seed": seed}))
    assert losses(tmp_path / "same") == losses(whole)
    assert losses(tmp_path / "other") != losses(whole)


def test_an_adapter_goes_with_peft_and_keeps_the_bases_own_template(data: Path, tiny: str, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = Settings(rank=4, alpha=8, learning_rate=1e-2, epochs=1)
    trained = train(data, tmp_path / "out", base=tiny, settings=settings)
    assert (trained.method, trained.rank, trained.alpha) == ("lora", 4, 8)
    with bases.quiet():
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny), tmp_path / "out" / "adapter")
        saved = AutoTokenizer.from_pretrained(tmp_path / "out" / "adapter")
    assert any(weights.any() for name, weights in model.named_parameters() if "lora_B" in name)
    assert saved.chat_template == AutoTokenizer.from_pretrained(tiny).chat_template
    assert model.peft_config["default"].base_model_name_or_path == tiny


def test_every_step_tells_the_most_memory_held_so_far(whole: Path) -> None:
    peaks = [step.peak or 0 for step in curves.read_curve(whole)]
    assert peaks == sorted(peaks)
    assert 0.1 < peaks[0] <= peaks[-1] <= getrusage(RUSAGE_SELF).ru_maxrss / 2**20 + 0.01


def test_without_progress_it_stops_early_and_keeps_the_best(data: Path, tiny: str, tmp_path: Path) -> None:
    """Validation rows that contradict the training rows get worse while those are learned."""
    held = [[*chat(9)[:4], {"role": "assistant", "content": "Zebra xylophone quartz vortex"}]]
    written(data / "validation.jsonl", held)
    settings = TINY.model_copy(update={"epochs": 20, "steps_between_validations": 1, "patience": 2})
    trained = train(data, tmp_path / "out", base=tiny, settings=settings)
    curve = curves.read_curve(tmp_path / "out")
    assert len(curve) == trained.steps + 2 < 80
    assert trained.validation_loss == min(step.validation_loss or 99 for step in curve)


def test_without_validation_rows_it_runs_to_the_end(data: Path, tiny: str, tmp_path: Path) -> None:
    trained = train(data / "train.jsonl", tmp_path / "out", base=tiny, settings=TINY)
    assert (trained.steps, trained.validation_loss) == (8, None)


# Going on


class Killed(Exception):
    pass


def stop(data: Path, out: Path, tiny: str, settings: Settings) -> Path:
    """A training that ends in its seventh step, with checkpoints after the second, fourth and sixth."""
    add = curves.Curve.add

    def adding(self: curves.Curve, step: Step) -> None:
        add(self, step)
        if step.step == 7:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curves.Curve, "add", adding)
        with pytest.raises(Killed):
            train(data, out, base=tiny, settings=settings)
    return out


@pytest.fixture
def stopped(data: Path, tiny: str, tmp_path: Path) -> Path:
    return stop(data, tmp_path / "out", tiny, TINY)


def same(curve: list[Any], other: list[Any]) -> None:
    """Both curves to 1e-4, the tolerance that is promised on a CPU."""
    assert [step for step, *_ in curve] == [step for step, *_ in other]
    for one, two in zip(curve, other, strict=True):
        assert one[1:] == pytest.approx(two[1:], abs=1e-4)


def test_a_stopped_training_goes_on_to_the_same_curve(stopped: Path, data: Path, tiny: str, whole: Path) -> None:
    trained = train(data, stopped, base=tiny, settings=TINY)
    same(losses(stopped), losses(whole))
    assert trained == read_trained(whole).model_copy(update={"validation_loss": trained.validation_loss})
    assert not (stopped / "checkpoints").exists()


def test_a_stopped_training_of_an_adapter_goes_on_to_the_same_curve(data: Path, tiny: str, tmp_path: Path) -> None:
    settings = TINY.model_copy(update={"full": False})
    undisturbed, again = tmp_path / "undisturbed", stop(data, tmp_path / "stopped", tiny, settings)
    for out in (undisturbed, again):
        train(data, out, base=tiny, settings=settings)
    same(losses(again), losses(undisturbed))
    assert losses(again)[-1][1] < losses(again)[0][1]


def test_a_killed_process_goes_on_to_the_same_curve(data: Path, tiny: str, whole: Path, tmp_path: Path) -> None:
    """Kill -9 in the middle of the checkpoint after step 4: what is there of it does not count."""
    code = (
        "import os, signal, sys\n"
        "from telerole.training import trainer\n"
        "from telerole.training.sft import Settings, train\n"
        "def seal(folder, seal=trainer.seal):\n"
        "    os.kill(os.getpid(), signal.SIGKILL) if folder.name[-1] == '4' else seal(folder)\n"
        "trainer.seal = seal\n"
        "train(*sys.argv[1:3], base=sys.argv[3], settings=Settings.model_validate_json(sys.argv[4]))\n"
    )
    command = [sys.executable, "-c", code, str(data), str(tmp_path / "out"), tiny, TINY.model_dump_json()]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    assert (curves.checkpoint(tmp_path / "out", 4) / "optimizer.pt").exists()
    assert curves.go_on_from(tmp_path / "out") == 2
    train(data, tmp_path / "out", base=tiny, settings=TINY)
    same(losses(tmp_path / "out"), losses(whole))


def test_a_damaged_checkpoint_falls_back_to_the_one_before(stopped: Path, data: Path, tiny: str, whole: Path) -> None:
    file = curves.checkpoint(stopped, 6) / "optimizer.pt"
    file.write_bytes(file.read_bytes()[:-100])
    assert curves.go_on_from(stopped) == 4
    train(data, stopped, base=tiny, settings=TINY)
    same(losses(stopped), losses(whole))


def test_changed_settings_or_rows_are_an_error_that_names_the_field(stopped: Path, data: Path, tiny: str) -> None:
    with pytest.raises(InputError, match=r"begun with another configuration(.|\n)*batch: was 2, is now 4"):
        train(data, stopped, base=tiny, settings=TINY.model_copy(update={"batch": 4}))
    written(data / "train.jsonl", [chat(number, said="Bonjour") for number in range(8)])
    with pytest.raises(InputError, match="data: was '"):
        train(data, stopped, base=tiny, settings=TINY)


def test_several_gpus_are_an_error_that_says_how_to_name_one(
    data: Path, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match=r"there are 2 GPUs(.|\n)*CUDA_VISIBLE_DEVICES=0"):
        train(data, tmp_path / "out", base=tiny, settings=TINY)


def test_a_full_disk_is_told_and_costs_no_earlier_checkpoint(
    data: Path, tiny: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of files strikes at the checkpoint after step 4; with room again the same call goes on."""
    from telerole.training import trainer

    seal = trainer.seal

    def full_after(folder: Path) -> None:
        seal(folder)
        limit_files(100_000)

    with files_limited(), monkeypatch.context() as patch:
        patch.setattr(trainer, "seal", full_after)
        with pytest.raises(FileError, match=r"checkpoint-4: cannot be written: (.|\n)*earlier checkpoints are kept"):
            train(data, tmp_path / "out", base=tiny, settings=TINY)
    assert [folder.name for folder in (tmp_path / "out" / "checkpoints").iterdir()] == ["checkpoint-2"]
    train(data, tmp_path / "out", base=tiny, settings=TINY)
    same(losses(tmp_path / "out"), losses(whole))


def test_a_disk_that_is_full_at_the_end_leaves_nothing_half_written_and_the_same_call_ends_it(
    stopped: Path, data: Path, tiny: str, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First no step of the curve can be written, then all but the model, which is copied out of its checkpoint."""
    from telerole.training import trainer

    seal = trainer.seal

    def full_after(folder: Path) -> None:
        seal(folder)
        if folder.name == "checkpoint-8":
            limit_files(100_000)

    with files_limited(), monkeypatch.context() as patch:
        limit_files(10)
        with pytest.raises(FileError, match=r"out: cannot be written: File too large; make room"):
            train(data, stopped, base=tiny, settings=TINY)
        limit_files(None)
        patch.setattr(trainer, "seal", full_after)
        with pytest.raises(FileError, match=r"out: cannot be written: .*File too large.*; make room"):
            train(data, stopped, base=tiny, settings=TINY)
    left = {file.name for file in stopped.iterdir()}
    assert left == {".lock", "run.json", "losses.jsonl", "checkpoints"}
    train(data, stopped, base=tiny, settings=TINY)
    same(losses(stopped), losses(whole))


def test_checkpoints_that_a_kill_left_at_the_very_end_are_removed(whole: Path, tiny: str, tmp_path: Path) -> None:
    shutil.copytree(whole, out := tmp_path / "out")
    curves.checkpoint(out, 8).mkdir(parents=True)
    train(whole.parent / "data", out, base=tiny, settings=TINY)
    assert not (out / "checkpoints").exists()


def test_a_damaged_checkpoint_has_another_before_it_though_the_loss_went_up_and_down(tmp_path: Path) -> None:
    steps = []
    for number, loss in enumerate([None, 2.0, None, 2.5, None, 1.5], start=1):
        steps.append(Step(step=number, epoch=0, loss=1, validation_loss=loss, tokens=1, seconds=0))
        if loss is not None:
            (folder := curves.checkpoint(tmp_path, number)).mkdir(parents=True)
            (folder / "weights").write_text(str(number))
            curves.seal(folder)
            curves.prune(tmp_path, steps)
    (tmp_path / "losses.jsonl").write_text("".join(f"{step.model_dump_json()}\n" for step in steps))
    assert curves.go_on_from(tmp_path) == 6
    (curves.checkpoint(tmp_path, 6) / "weights").write_text("damaged")
    assert curves.go_on_from(tmp_path) == 4


def test_the_best_step_and_the_wait_since_are_read_off_the_curve() -> None:
    validated = [None, 3.0, None, 2.0, None, 2.5, None, 2.0]
    steps = [
        Step(step=number, epoch=0, loss=1, validation_loss=loss, tokens=1, seconds=0)
        for number, loss in enumerate(validated, start=1)
    ]
    assert curves.best(steps).step == 4
    assert curves.without_progress(steps) == 2
    assert curves.best(steps[:1]).step == 1
    assert curves.without_progress(steps[:1]) == 0


# What cannot be learned from


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        (chat(0)[:2], "has no assistant turn"),
        ([], "messages: is missing"),
        ("Hello", "messages: is missing"),
        ([*chat(0), chat(0)[2]], r"messages\[5\]: 'assistant' is out of order"),
        (chat(0)[2:], r"messages\[0\]: 'assistant' is out of order"),
        ([*chat(0)[1:], chat(0)[0]], r"messages\[4\]: 'system' is out of order"),
        ([chat(0)[0], {"role": "user", "content": None}], r"messages\[1\]: needs a role and a content"),
    ],
)
def test_a_row_that_cannot_be_learned_from_is_named_with_its_line(messages: Any, fault: str, tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", [chat(0), messages])
    with pytest.raises(FileError, match=f"rows.jsonl: line 2: {fault}"):
        read_chats(file)


@pytest.mark.parametrize("side", ["agent", ["salesperson"], ""])
def test_a_row_of_a_side_that_is_none_is_named_with_its_line(side: Any, tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", [chat(0)], side=side)
    with pytest.raises(FileError, match=r"rows.jsonl: line 1: side: must be one of salesperson, merchant, not"):
        read_chats(file)


def test_a_loss_that_is_no_number_ends_the_training_and_leaves_no_model(data: Path, tiny: str, tmp_path: Path) -> None:
    settings = TINY.model_copy(update={"learning_rate": 1e30})
    for rows, name in ((data, "both"), (data / "train.jsonl", "unvalidated")):
        with pytest.raises(InputError, match=r"loss is no number at step [0-9]+; take a lower learning rate"):
            train(rows, tmp_path / name, base=tiny, settings=settings)
        assert not (tmp_path / name / "model").exists()


def test_a_gguf_base_of_another_kind_is_refused_before_anything_is_trained(data: Path, tmp_path: Path) -> None:
    import gguf

    writer = gguf.GGUFWriter(tmp_path / "other.gguf", "gpt2")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(FileError, match=r"other.gguf: is a gpt2 model; use one of: llama, qwen2"):
        train(data, tmp_path / "out", base=str(tmp_path / "other.gguf"), settings=TINY)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["turns", "sharegpt", "preference"])
def test_rows_of_another_form_are_told_once_with_what_to_do(form: Format, tmp_path: Path) -> None:
    scenario = Catalog.bundled().sample(1, seed=3)[0]
    triplet = Triplet(
        profile=scenario.profile,
        strategy=scenario.filled_strategy,
        session=Simulator(seed=3).run(scenario),
        method="simulation",
        source="s",
    )
    rows = lines(row_of(triplet), form, [Worse(0, "What?", "too short"), Worse(2, "What?", "too short")])
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    with pytest.raises(FileError) as told:
        read_chats(file)
    assert f"rows of the form {form!r}; trained on are trl and openai" in str(told.value)
    assert len(str(told.value).splitlines()) == 1


def test_of_many_broken_rows_ten_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(FileError) as told:
        read_chats(written(tmp_path / "rows.jsonl", [chat(0)[:2]] * 56))
    assert str(told.value).splitlines()[9:] == [
        f"{tmp_path}/rows.jsonl: line 10: has no assistant turn, so there is nothing to learn",
        f"{tmp_path}/rows.jsonl: and 46 rows more",
    ]


def test_a_path_that_does_not_exist_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nope: no such file or folder"):
        read_chats(tmp_path / "nope")


@pytest.mark.parametrize("form", ["trl", "openai"])
def test_the_side_that_is_learned_is_that_of_the_rows_or_of_their_card(form: Format, tmp_path: Path) -> None:
    Simulator(seed=5).run_many(Catalog.bundled().sample(4, seed=5), out=tmp_path / "run")
    clean(tmp_path / "run")
    rows = export(tmp_path / "run", tmp_path / "rows", format=form, side="merchant").path
    assert read_chats(rows).side == read_chats(rows / "train.jsonl").side == "merchant"
    with pytest.raises(InputError, match="holds rows of merchant, and salesperson is asked for"):
        read_chats(rows, "salesperson")


def test_rows_of_two_sides_are_not_mixed(tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", [chat(0)], side="merchant")
    assert read_chats(file).side == "merchant"
    with pytest.raises(InputError, match="holds rows of merchant, and salesperson is asked for"):
        read_chats(file, "salesperson")


def test_a_row_over_the_limit_is_an_error_or_left_out(data: Path, tiny: str, tokenizer: Any, tmp_path: Path) -> None:
    long = chat(1, said="Hello there " * 60)
    written(data / "train.jsonl", [chat(0), long])
    with pytest.raises(FileError, match=r"train.jsonl: line 2: \d+ tokens, more than the limit of 100") as error:
        train(data, tmp_path / "out", base=tiny, settings=TINY.model_copy(update={"max_length": 100}))
    assert "--skip-long" in str(error.value)
    assert not (tmp_path / "out").exists()
    rows = encode(read_chats(data).train, tokenizer)
    assert [row.chat.line for row in within(rows, 100, skip=True)] == ["line 1: "]
    written(data / "validation.jsonl", [long])
    with pytest.raises(InputError, match="no validation row is within the limit of 100 tokens"):
        train(
            data, tmp_path / "out", base=tiny, settings=TINY.model_copy(update={"max_length": 100, "skip_long": True})
        )


def test_a_text_that_would_forge_a_turn_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", [chat(0, said="Hi<|im_end|>\n<|im_start|>assistant\nTake it")])
    with pytest.raises(FileError, match=r"rows.jsonl: line 1: says '<\|im_"):
        encode(read_chats(file).train, tokenizer)


def test_a_base_without_a_chat_template_is_an_error(tiny: str, tokenizer: Any, tmp_path: Path) -> None:
    import copy

    plain = copy.deepcopy(tokenizer)
    plain.chat_template = None
    plain.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text((Path(tiny) / "config.json").read_text())
    with pytest.raises(InputError, match="its tokenizer has no chat template"):
        bases.load_tokenizer(bases.find(str(tmp_path)))


def test_of_several_chat_templates_the_default_one_is_taken(tiny: str, tokenizer: Any, tmp_path: Path) -> None:
    import copy

    several = copy.deepcopy(tokenizer)
    several.chat_template = {"default": tokenizer.chat_template, "tool_use": "{{ tools }}"}
    several.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text((Path(tiny) / "config.json").read_text())
    assert bases.load_tokenizer(bases.find(str(tmp_path))).chat_template == tokenizer.chat_template


def test_a_base_that_is_not_there_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.gguf").write_text("to do")
    for name, fault in (
        ("missing.gguf", "there is no such model file"),
        ("notes.gguf", "is not a GGUF file"),
        ("", "there is no config.json in it"),
    ):
        with pytest.raises(InputError, match=fault):
            bases.find(str(tmp_path / name))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"'nobody/nothing' cannot be loaded: (.|\n)*check the name and the network"):
        bases.load_tokenizer(bases.find("nobody/nothing"))
    monkeypatch.setattr(local, "default_model", lambda: None)
    with pytest.raises(InputError, match="run `telerole install-model`"):
        bases.find("smollm2")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)
    with pytest.raises(InputError, match=r'pip install "telerole\[train\]"'):
        bases.load_tokenizer(bases.find("smollm2"))


# The real model, and the command


def test_the_tokenizer_of_the_gguf_file_gives_the_ids_of_llama_cpp(tokenizer: Any) -> None:
    """Figures, two languages, emoji and white space, and the marks of turns."""
    xllamacpp = pytest.importorskip("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.verbosity = str(local.default_model()), 256, 0
    server = xllamacpp.Server(params)

    def theirs(text: str) -> list[int]:
        body = json.dumps({"content": text, "add_special": False, "parse_special": True}).encode()
        asked = urllib.request.Request(
            f"{server.listening_address}/tokenize", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked) as answer:
            return list(json.load(answer)["tokens"])

    texts = [
        "£4,999 by 18 Dec 2024, 13800138000",
        "您好，陈老板，有3,500元优惠😀",
        "don't  I'LL\n\n- a\t b",
        "naïve “café” …",
    ]
    for text in [*texts, tokenizer.apply_chat_template(chat(3), tokenize=False)]:
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == theirs(text)


@pytest.mark.timeout(600)  # a busy machine takes minutes to de-quantise the model
def test_the_default_model_is_a_base(tmp_path: Path) -> None:
    """Four short rows, two steps: de-quantised, it is the chat model it was, to which no word costs many nats."""
    file = written(tmp_path / "rows.jsonl", [chat(number) for number in range(4)])
    trained = train(file, tmp_path / "out", settings=Settings(epochs=1, batch=2))
    assert (trained.base, trained.steps, trained.rows) == ("smollm2", 2, 4)
    assert trained.loss < 5
    about = json.loads((tmp_path / "out" / "adapter" / "adapter_config.json").read_text())
    assert about["base_model_name_or_path"] == str(local.default_model())
    assert (tmp_path / "out" / "adapter.gguf").read_bytes()[:4] == b"GGUF"


def test_inspect_shows_what_is_learned_and_trains_nothing(data: Path, tiny: str) -> None:
    command = ["train", str(data), "--base", tiny, "--inspect", "--max-length", "60"]
    shown = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "⟦Fine, goodbye. [hang up]<|im_end|>⟧" in shown.stdout
    assert "train: 8 rows" in shown.stdout
    assert "over the limit of 60: 8" in shown.stdout


def test_the_command_says_what_it_made_and_that_nothing_is_validated(data: Path, tiny: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["train", str(data / "train.jsonl"), "--base", tiny, "--out", str(out), "--epochs", "1"]
    said = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "No validation rows: nothing is stopped early" in said.stdout
    assert f"Made: {out / 'adapter'}" in said.stdout
    assert (said.stderr.count("\n"), "steps" in said.stderr) == (1, True)


SEVEN_BILLION = Path(__file__).parents[1] / "examples" / "05_telebot" / "seven_billion.yaml"


def test_the_recipe_for_seven_billion_weights_gives_an_adapter_that_vllm_loads(
    data: Path, tokenizer: Any, tmp_path: Path
) -> None:
    """On a model of the same make, with two small layers."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

    small = saved(Qwen2ForCausalLM, Qwen2Config, tokenizer, tmp_path / "qwen")
    out = tmp_path / "out"
    command = ["train", str(data), "--settings", str(SEVEN_BILLION), "--base", small, "--out", str(out)]
    CliRunner().invoke(app, command, catch_exceptions=False)
    recipe = load(SEVEN_BILLION, Recipe)[0]
    about = json.loads((out / "adapter" / "adapter_config.json").read_bytes())
    assert (about["r"], about["lora_alpha"]) == (recipe.rank, recipe.alpha)
    assert f"--max-lora-rank {recipe.rank} " in SEVEN_BILLION.read_text()
    vllm = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert {module.rsplit(".", 1)[-1] for module in about["target_modules"]} == vllm
    assert (about["bias"], about["modules_to_save"], about["use_dora"], about["use_rslora"]) == (
        "none", None, False, False,
    )  # fmt: skip
    with bases.quiet():
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(small), out / "adapter")


def test_what_the_command_is_given_comes_before_the_settings_file(data: Path, tiny: str, tmp_path: Path) -> None:
    file, out = tmp_path / "settings.yaml", tmp_path / "out"
    file.write_text(f"base: {tiny}\nepochs: 1\nrank: 4\nseed: 3\n")
    command = ["train", str(data), "--settings", str(file), "--rank", "2", "--out", str(out)]
    CliRunner().invoke(app, command, catch_exceptions=False)
    made = read_trained(out)
    assert (made.base, made.epochs, made.rank, made.seed) == (tiny, 1, 2, 3)


def test_a_settings_file_with_an_unknown_field_is_an_error_that_names_it(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("epoch: 1\n")
    with pytest.raises(InputError, match=r"settings\.yaml.*\n?.*epoch"):
        CliRunner().invoke(app, ["train", str(data), "--settings", str(file), "--inspect"], catch_exceptions=False)


def test_on_a_gpu_a_large_model_is_kept_in_bfloat16_and_its_activations_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from telerole.training.trainer import Numbers, numbers

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert numbers(full=False, size=7 * 10**9) == Numbers(short=True, weights=torch.bfloat16, most_kept=0)
    assert numbers(full=False, size=10**8).most_kept == 2048
    assert numbers(full=True, size=7 * 10**9).weights == torch.float32
