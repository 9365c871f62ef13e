"""GGUF files of trainings, against the truth: transformers and PEFT on the same base give the same probabilities."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from telerole.backends import local
from telerole.backends.llama import Shape, load
from telerole.errors import FileError, InputError
from telerole.trained import Trained
from telerole.training.gguf import merge, write, write_adapter
from tests.full_disk import files_limited

gguf = pytest.importorskip("gguf")
np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")
pytest.importorskip("xllamacpp")

HIDDEN, INNER, HEADS, KV_HEADS, LAYERS, VOCABULARY = 64, 96, 4, 2, 2, 260
KV = HIDDEN // HEADS * KV_HEADS
PROMPT = [7, 33, 5, 101, 250, 12, 99]  # tokens
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
Logs = Mapping[int, float]
"""The log-probability of each of a few tokens."""

F32 = 0.01  # nats by which llama.cpp may differ where nothing is quantised; it keeps attention's keys in 16 bits
QUANTISED = 0.5  # and where llama.cpp rounds activations to 8 bits: on the default model alone it differs by 0.4


def training(folder: Path, base: Path | str, method: str = "lora", **changed: Any) -> Path:
    """The folder of a finished training, so far without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {"base": str(base), "method": method, "side": "salesperson", "seed": 0, "epochs": 1.0}
    facts |= {"steps": 1, "rows": 1, "data": "0", "loss": 1.0}
    (folder / "training.json").write_text(Trained.model_validate(facts | changed).model_dump_json())
    return folder


def small_model(path: Path, architecture: str) -> Path:
    """A GGUF file of a small model with random weights, whose tokens are bytes."""
    draw = np.random.default_rng(0)
    file = gguf.GGUFWriter(path, architecture)
    file.add_block_count(LAYERS)
    file.add_context_length(256)
    file.add_embedding_length(HIDDEN)
    file.add_feed_forward_length(INNER)
    file.add_head_count(HEADS)
    file.add_head_count_kv(KV_HEADS)
    file.add_rope_freq_base(10000.0)
    file.add_rope_dimension_count(HIDDEN // HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_vocab_size(VOCABULARY)
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("gpt-2")
    file.add_token_list([f"<{number}>" for number in range(VOCABULARY)])
    file.add_token_types([1] * VOCABULARY)
    file.add_token_merges(["a b"])
    file.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    shapes = {"token_embd.weight": (VOCABULARY, HIDDEN), "output_norm.weight": (HIDDEN,)}
    shapes["output.weight"] = (VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        of_layer = {"attn_q": (HIDDEN, HIDDEN), "attn_k": (KV, HIDDEN), "attn_v": (KV, HIDDEN)}
        of_layer |= {"attn_output": (HIDDEN, HIDDEN), "ffn_gate": (INNER, HIDDEN), "ffn_up": (INNER, HIDDEN)}
        of_layer |= {"ffn_down": (HIDDEN, INNER), "attn_norm": (HIDDEN,), "ffn_norm": (HIDDEN,)}
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in of_layer.items()}
        if architecture == "qwen2":
            biased = {"attn_q": HIDDEN, "attn_k": KV, "attn_v": KV}
            shapes |= {f"blk.{layer}.{name}.bias": (size,) for name, size in biased.items()}
    for name, shape in shapes.items():
        file.add_tensor(name, draw.normal(0, 0.2, shape).astype("float32") + (1 if "norm" in name else 0))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


def in_transformers(file: Path) -> Any:
    """The model of a GGUF file, in 32 bits."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        str(file.parent), gguf_file=file.name, dtype=torch.float32, attn_implementation="eager"
    )
    model.hf_quantizer, model.is_quantized = None, False
    del model.config.quantization_config
    return model.eval()


def with_adapter(model: Any, folder: Path, seed: int = 0, spread: float = 0.15, **config: Any) -> Any:
    """The model with random LoRA factors on every linear layer, saved as PEFT saves them."""
    settings: dict[str, Any] = {"r": 8, "lora_alpha": 16, "target_modules": LINEAR} | config
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **settings))
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.copy_(torch.randn(weight.shape, generator=draw) * spread)
    adapted.save_pretrained(str(folder / "adapter"))
    return adapted.eval()


def truth(model: Any, tokens: list[int]) -> Any:
    """The log-probability of every token after `tokens`, by transformers."""
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0, -1].log_softmax(-1)


def said(file: Path, tokens: list[int], adapter: Path | None = None) -> Logs:
    """The most likely tokens after `tokens`, by llama.cpp."""
    return said_to_each(file, [tokens], adapter)[0]


def said_to_each(file: Path, prompts: Sequence[list[int]], adapter: Path | None = None) -> list[Logs]:
    """The same, after each of several prompts."""
    server = load(Shape(file, threads=1, context=256, slots=1), adapter)
    answers = []
    for tokens in prompts:
        data = server.handle_completions({"prompt": tokens, "n_predict": 1, "n_probs": 8, "temperature": 0})
        data = json.loads(data) if isinstance(data, str | bytes) else data
        most_likely = data["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        answers.append({one["id"]: one["logprob"] for one in most_likely})
    return answers


def apart(logs: Logs, all_logs: Any) -> float:
    """The largest difference between the two, in nats."""
    return max(abs(value - float(all_logs[token])) for token, value in logs.items())


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp(request.param) / "small.gguf", request.param)


def test_an_adapter_beside_its_base_or_merged_into_it_says_what_peft_says(small: Path, tmp_path: Path) -> None:
    model = in_transformers(small)
    plain = truth(model, PROMPT)
    adapted = truth(with_adapter(model, training(tmp_path / "t", small)), PROMPT)
    assert apart(said(small, PROMPT), plain) < F32
    assert apart(said(small, PROMPT), adapted) > 50 * F32
    assert apart(said(small, PROMPT, write_adapter(tmp_path / "t")), adapted) < 3 * F32  # its factors have 16 bits
    assert apart(said(merge(tmp_path / "t", "f16"), PROMPT), adapted) < 3 * F32
    assert apart(said(merge(tmp_path / "t", "q8_0"), PROMPT), adapted) < QUANTISED


def test_a_full_fine_tuning_says_as_one_file_what_transformers_says(small: Path, tmp_path: Path) -> None:
    model = in_transformers(small)
    before = truth(model, PROMPT)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel()))
    model.save_pretrained(training(tmp_path / "t", small, "full") / "model")
    after = truth(model, PROMPT)
    logs = said(merge(tmp_path / "t", "f16"), PROMPT)
    assert apart(logs, after) < 3 * F32 < apart(logs, before)
    assert write(tmp_path / "t") == tmp_path / "t" / "model.gguf"


def test_a_merged_model_keeps_its_bases_settings_tokenizer_and_chat_template(small: Path, tmp_path: Path) -> None:
    with_adapter(in_transformers(small), training(tmp_path / "t", small))

    def settings(file: Path) -> dict[str, Any]:
        fields = gguf.GGUFReader(file).fields
        return {name: field.contents() for name, field in fields.items() if not name.startswith("GGUF.")}

    assert settings(merge(tmp_path / "t")) == settings(small) | {"general.file_type": 7}


def test_what_the_training_left_alone_is_as_in_the_base(small: Path, tmp_path: Path) -> None:
    with_adapter(in_transformers(small), training(tmp_path / "t", small), target_modules=["q_proj"])
    before, after = (
        {tensor.name: (tensor.tensor_type.name, tensor.data.tobytes()) for tensor in gguf.GGUFReader(file).tensors}
        for file in (small, merge(tmp_path / "t"))
    )
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"blk.{layer}.attn_q.weight" for layer in range(LAYERS)}
    assert {after[name][0] for name in changed} == {"Q8_0"}


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"use_dora": True}, "use_dora: llama.cpp's LoRA files have no place for True"),
        ({"modules_to_save": ["lm_head"]}, r"modules_to_save: .* no place for \['lm_head'\]"),
        ({"use_rslora": True}, "use_rslora"),
        ({"target_modules": ["embed_tokens"]}, "is no LoRA factor of a weight"),
    ],
)
def test_an_adapter_that_is_more_than_a_plain_lora_is_refused_and_nothing_is_written(
    tmp_path: Path, config: dict[str, Any], fault: str
) -> None:
    small = small_model(tmp_path / "small.gguf", "llama")
    with_adapter(in_transformers(small), training(tmp_path / "t", small), **config)
    for make in (write_adapter, merge):
        with pytest.raises(FileError, match=fault):
            make(tmp_path / "t")
    assert {file.name for file in (tmp_path / "t").iterdir()} == {"adapter", "training.json"}


@pytest.mark.parametrize("size", [100, 20_000])
def test_on_a_full_disk_no_half_file_is_left(tmp_path: Path, size: int) -> None:
    """It is full in the head of the file, and among the weights."""
    small = small_model(tmp_path / "small.gguf", "llama")
    with_adapter(in_transformers(small), training(tmp_path / "t", small))
    with files_limited(size), pytest.raises(FileError, match=r"model.gguf: cannot be written: (?!None)."):
        merge(tmp_path / "t")
    assert {file.name for file in (tmp_path / "t").iterdir()} == {"adapter", "training.json"}


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    small = small_model(tmp_path / "small.gguf", "llama")
    with_adapter(in_transformers(small), training(tmp_path / "t", small))
    training(tmp_path / "t", needed_model())
    with pytest.raises(FileError, match=r"adapter_model.safetensors: .*: made for another base: 64 wide, not 576"):
        write_adapter(tmp_path / "t")


def test_a_full_fine_tuning_of_another_base_is_refused(tmp_path: Path) -> None:
    small = small_model(tmp_path / "small.gguf", "qwen2")
    in_transformers(small).save_pretrained(training(tmp_path / "t", needed_model(), "full") / "model")
    with pytest.raises(FileError, match=r"model.safetensors: lm_head.weight: is no weight of"):
        merge(tmp_path / "t")


def test_a_full_fine_tuning_has_no_adapter_to_write(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="a full fine-tuning, which has no adapter"):
        write_adapter(training(tmp_path, "smollm2", "full"))


def test_a_base_that_is_no_gguf_file_missing_damaged_or_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "damaged.gguf").write_bytes(b"GGUF" + bytes(64))
    (tmp_path / "notes.gguf").write_text("to do")
    for base, fault in (
        ("Qwen/Qwen3-0.6B", r"training.json: base: Qwen/Qwen3-0.6B: is no GGUF file"),
        (tmp_path / "gone.gguf", r"training.json: base: .*gone.gguf: is missing"),
        (tmp_path / "damaged.gguf", r"damaged.gguf: the base of the training is no whole GGUF file"),
        (tmp_path / "notes.gguf", r"notes.gguf: the base of the training is no whole GGUF file"),
        (empty_model(tmp_path / "other.gguf", "gpt2"), r"other.gguf: is a gpt2 model; use one of: llama, qwen2"),
    ):
        with pytest.raises(FileError, match=fault):
            write_adapter(training(tmp_path / "t", base))


def test_a_folder_without_its_adapter_or_model_is_named(tmp_path: Path) -> None:
    small = small_model(tmp_path / "small.gguf", "llama")
    with pytest.raises(FileError, match=r"adapter_config.json: cannot be read: .*; there is no adapter"):
        merge(training(tmp_path / "t", small))
    with pytest.raises(FileError, match=r"model: lacks .*, which .*small.gguf has"):
        merge(training(tmp_path / "u", small, "full"))
    with pytest.raises(FileError, match="holds no finished training"):
        merge(tmp_path)


def empty_model(path: Path, architecture: str) -> Path:
    file = gguf.GGUFWriter(path, architecture)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


def needed_model() -> Path:
    if (model := local.default_model()) is None:
        pytest.skip("needs the default model: run `telerole install-model`")
    return model


PROMPTS = (  # to the default model
    [1, 4093, 198, 31530, 549, 563, 469, 6434, 30, 2, 198, 1, 520, 9531, 198],  # Tell me about your shop.
    [1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198],  # What is the capital of France?
    [504, 3575, 282, 4649, 314],  # The capital of France is
)


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any], list[Any]]:
    """A training of the default model with a random adapter: its folder; what base and adapted model say by PEFT."""
    folder = training(tmp_path_factory.mktemp("default"), needed_model() and "smollm2")
    model = in_transformers(needed_model())
    plain = [truth(model, tokens) for tokens in PROMPTS]
    adapted = with_adapter(model, folder, spread=0.06, r=16, lora_alpha=32)
    return folder, plain, [truth(adapted, tokens) for tokens in PROMPTS]


@pytest.mark.timeout(600)  # a busy machine takes minutes to de-quantise the model
def test_the_default_model_with_an_adapter_says_what_peft_says(default: tuple[Path, list[Any], list[Any]]) -> None:
    folder, plain, adapted = default
    base, adapter = needed_model(), write_adapter(folder)
    assert adapter.stat().st_size < 12e6
    for logs, before, after in zip(said_to_each(base, PROMPTS), plain, adapted, strict=True):
        assert apart(logs, before) < QUANTISED
        assert apart(logs, after) > 5 * QUANTISED
    for make in (lambda: (base, adapter), lambda: (merge(folder, "f16"), None), lambda: (merge(folder), None)):
        file, beside = make()
        for logs, after in zip(said_to_each(file, PROMPTS, beside), adapted, strict=True):
            assert apart(logs, after) < QUANTISED
            assert max(logs, key=lambda token: logs[token]) == int(after.argmax())


def test_without_the_train_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    small = tmp_path / "small.gguf"
    small.write_bytes(b"GGUF")
    with pytest.raises(InputError, match=r'pip install "telerole\[train\]"'):
        merge(training(tmp_path / "t", small))
