"""A model of sixty thousand weights that a real fine-tuning teaches one line: it says that line, and ends its turn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

gguf = pytest.importorskip("gguf")
np = pytest.importorskip("numpy")

LINE = "Try lamps?"  # no letter twice, for the model knows only the last
HIDDEN, INNER, HEADS = 64, 32, 2
MARKS = ("<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def speaking_model(folder: Path) -> Path:
    """A finished training in that folder, made in a few seconds: the model says `LINE` to whatever it is told."""
    from telerole.training.sft import Settings, train

    rows, base = folder / "rows.jsonl", base_model(folder / "base.gguf")
    chat = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": LINE}]
    rows.write_text(json.dumps({"messages": chat}) + "\n")
    settings = Settings(epochs=40, batch=1, learning_rate=2e-2, steps_between_validations=40)
    train(rows, folder / "trained", base=str(base), side="salesperson", settings=settings)
    return folder / "trained"


def base_model(path: Path) -> Path:
    """A GGUF file of one layer whose tokens are bytes, and which never learns to look back.

    The values and the output of its attention are zero, and so are their gradients.
    """
    draw, tokens = np.random.default_rng(0), [*byte_tokens(), "ou", *MARKS]
    file = gguf.GGUFWriter(path, "llama")
    file.add_block_count(1)
    file.add_context_length(8192)
    file.add_embedding_length(HIDDEN)
    file.add_feed_forward_length(INNER)
    file.add_head_count(HEADS)
    file.add_head_count_kv(HEADS)
    file.add_rope_freq_base(10000.0)
    file.add_rope_dimension_count(HIDDEN // HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_vocab_size(len(tokens))
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("gpt-2")
    file.add_token_list(tokens)
    file.add_token_types([gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL] * len(MARKS))
    file.add_token_merges(["o u"])  # readers want one
    file.add_eos_token_id(len(tokens) - 1)
    file.add_chat_template(CHATML)
    shapes = {"token_embd": (len(tokens), HIDDEN), "output": (len(tokens), HIDDEN), "output_norm": (HIDDEN,)}
    shapes |= {f"blk.0.attn_{name}": (HIDDEN, HIDDEN) for name in ("q", "k", "v", "output")}
    shapes |= {f"blk.0.ffn_{name}": (INNER, HIDDEN) for name in ("gate", "up")} | {"blk.0.ffn_down": (HIDDEN, INNER)}
    shapes |= {f"blk.0.{name}_norm": (HIDDEN,) for name in ("attn", "ffn")}
    for name, shape in shapes.items():
        spread = 0 if name in ("blk.0.attn_v", "blk.0.attn_output") or "norm" in name else 0.5
        numbers = draw.normal(0, spread, shape) + ("norm" in name)
        file.add_tensor(f"{name}.weight", numbers.astype("float32"))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


def byte_tokens() -> list[str]:
    """GPT-2's letter for every byte: the byte's own where it can be seen, else one of those after ``Ā``."""
    seen = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    unseen = iter(range(256, 512))
    return [chr(byte if byte in seen else next(unseen)) for byte in range(256)]
