"""The commands that make and clean training examples: what scripts rely on, and bad input named with an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from readers import PerfectReader
from test_cli import telerole

from telerole import Catalog
from telerole.journal import line
from telerole.testing import FakeServer

RECORDED = Path(__file__).parents[1] / "examples" / "recorded"
REPLAY = ("--backend", "openai:stand-in", "--replay")


def written(folder: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(one) for one in (folder / name).read_text(encoding="utf-8").splitlines()]


def test_extract_writes_triplets_and_scores_them_against_the_truths(tmp_path: Path) -> None:
    done = telerole(
        "extract", RECORDED / "scripts.jsonl", *REPLAY, RECORDED / "extraction.jsonl",
        "--score", RECORDED / "truths.jsonl", "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    triplets = written(tmp_path / "run", "triplets.jsonl")
    assert len(triplets) == 12
    assert {"profile", "strategy", "session", "method", "source", "deviations"} <= triplets[0].keys()
    assert "speaker accuracy" in done.stdout
    assert "ungrounded" in done.stdout
    shown = telerole("show", tmp_path / "run", "zh-21.0")
    assert "香满仓" in shown.stdout


def test_complete_writes_calls_that_end_with_the_experts_words(tmp_path: Path) -> None:
    done = telerole(
        "complete", RECORDED / "pairs.jsonl", *REPLAY, RECORDED / "completion.jsonl", "--out", tmp_path / "run"
    )
    assert done.returncode == 0, done.stderr
    answers = {pair["id"]: pair["answer"] for pair in written(RECORDED, "pairs.jsonl")}
    triplets = written(tmp_path / "run", "triplets.jsonl")
    assert len(triplets) == 12
    for triplet in triplets:
        assert triplet["session"]["turns"][-1]["text"] == answers[triplet["source"]]  # type: ignore[index]


def test_noise_then_extract_then_score_measures_a_reader_on_made_noise(tmp_path: Path) -> None:
    done = telerole("noise", RECORDED / "truths.jsonl", "--level", 0.3, "--seed", 1, "--out", tmp_path / "noisy")
    assert done.returncode == 0, done.stderr
    assert len(written(tmp_path / "noisy", "scripts.jsonl")) == 12
    assert len(written(tmp_path / "noisy", "truths.jsonl")) == 12
    wrong = telerole("noise", RECORDED / "truths.jsonl", "--kinds", "mergd", "--out", tmp_path / "other")
    assert wrong.returncode == 2
    assert "did you mean 'merged'" in wrong.stderr


def test_extract_names_what_cannot_be_read_reads_the_rest_and_says_so_with_exit_code_1(tmp_path: Path) -> None:
    reader = PerfectReader(Catalog.bundled())
    good = reader.scripts[0]
    calls = tmp_path / "calls"
    calls.mkdir()
    (calls / "good.jsonl").write_bytes(line(good))
    (calls / "empty.jsonl").write_text("", encoding="utf-8")
    (calls / "alone.txt").write_text("Agent: hello\nAgent: hello?\n", encoding="utf-8")
    (calls / "junk.txt").write_bytes(b"\xff\xfe\x00\x01" * 50)
    (calls / "gbk.txt").write_bytes("销售：喂\n商家：哎".encode("gbk"))
    said = [{"speaker": ("salesperson", "merchant")[n % 2], "text": "mm"} for n in range(10_000)]
    (calls / "day.jsonl").write_text(json.dumps({"id": "day", "language": "en", "lines": said}), encoding="utf-8")
    with FakeServer(reply=lambda body: reader(body["messages"])) as server:
        done = telerole(
            "extract", calls, "--backend", f"openai:m@{server.url}", "--out", tmp_path / "run", OPENAI_API_KEY="none"
        )
    assert done.returncode == 1
    assert [triplet["source"] for triplet in written(tmp_path / "run", "triplets.jsonl")] == [good.id]
    for name in ("empty.jsonl", "alone.txt", "junk.txt", "gbk.txt", "day.jsonl"):
        assert f"{calls / name}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_complete_names_a_pair_without_an_answer_and_writes_the_rest(tmp_path: Path) -> None:
    pairs = written(RECORDED, "pairs.jsonl")
    del pairs[1]["answer"]
    pairs[2]["answer"] = ""
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    done = telerole("complete", file, *REPLAY, RECORDED / "completion.jsonl", "--out", tmp_path / "run")
    assert done.returncode == 1
    assert f"{file}: line 2: answer: is missing" in done.stderr
    assert f"{file}: line 3: answer: " in done.stderr
    assert len(written(tmp_path / "run", "triplets.jsonl")) == 10


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("extract", "nowhere", "--backend", "openai:m", "--out", "run"), "no such file or folder"),
        (("extract", RECORDED / "scripts.jsonl", "--backend", "offline", "--out", "run"), "cannot read scripts"),
        (("complete", RECORDED / "scripts.jsonl", "--backend", "openai:m", "--out", "run"), "no QA pair"),
        (("clean", "nowhere"), "is no run folder"),
        (("explain", "nowhere", "x"), "is no run folder"),
    ],
)
def test_what_is_wrong_with_a_command_is_one_message_and_exit_code_2(
    arguments: tuple[object, ...], fault: str, tmp_path: Path
) -> None:
    done = telerole(*arguments, cwd=tmp_path, OPENAI_API_KEY="none")
    assert done.returncode == 2
    assert fault in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_clean_prints_the_funnel_and_explain_what_happened_to_a_session(tmp_path: Path) -> None:
    run = tmp_path / "run"
    telerole("simulate", "--sample", 40, "--seed", 5, "--out", run)
    done = telerole("clean", run)
    assert done.returncode == 0, done.stderr
    assert "of 40 sessions kept" in done.stdout
    assert "Left out, as they ask a model: safety_screen" in done.stdout
    assert (run / "funnel.svg").read_text(encoding="utf-8").startswith("<svg")
    rejected = [one for file in (run / "rejected").glob("*.jsonl") for one in written(run / "rejected", file.name)]
    told = telerole("explain", run, rejected[0]["id"])
    assert f"rejected by {rejected[0]['filter']}" in told.stdout
    kept = written(run, "kept.jsonl")[0]["session"]
    assert "kept" in telerole("explain", run, kept["id"]).stdout  # type: ignore[index]


def test_synthesize_prints_table_1_beside_the_papers_rows(tmp_path: Path) -> None:
    done = telerole("synthesize", "--out", tmp_path / "set", "--language", "zh")
    assert done.returncode == 0, done.stderr
    assert "needs a model" in done.stdout
    assert "37.01" in done.stdout
    assert written(tmp_path / "set", "dataset.jsonl")
    again = telerole("synthesize", "--out", tmp_path / "set", "--language", "zh")
    assert again.returncode == 0
    assert written(tmp_path / "set", "table1.jsonl")[1]["valid"]
