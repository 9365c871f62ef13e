"""A fine-tuning's folder in the salesperson's chair, by the commands that a user types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from telerole import RunFolder
from telerole.backends.local import LocalBackend
from telerole.cli import app
from telerole.evaluation.evaluate import read_evaluation
from telerole.folder import config_of
from tests.speaking_model import LINE, speaking_model

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("xllamacpp")

CALLS = ("--sample", "2", "--language", "en", "--max-turns", "6")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine two wait for each other most of the time
    yield speaking_model(tmp_path_factory.mktemp("speaking"))
    torch.set_num_threads(before)


def telerole(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    return done.output


def has_played(folder: Path, run: Path) -> None:
    """Both calls in `run` are whole, the model's words in them, and the records say whose these were."""
    calls = RunFolder.read(run)
    assert len(calls) == 2
    assert not list(calls.tries())
    for session in calls:
        assert session.provenance["salesperson"] == f"candidate+local:{folder}"
        assert {turn.text for turn in session.turns if turn.role == "salesperson"} == {LINE}
        assert len(session.turns) > 1
    assert config_of(run)["weights"] == {f"local:{folder}": LocalBackend(folder).weights}


def test_a_fine_tuned_model_sells_in_simulated_calls(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    chairs = ("--salesperson", f"candidate+local:{folder}", "--merchant", "offline")
    assert str(run) in telerole("simulate", *CALLS, *chairs, "--out", str(run))
    has_played(folder, run)


def test_a_fine_tuned_model_is_evaluated_under_its_name(folder: Path, tmp_path: Path) -> None:
    candidates = ("--candidate", f"TeleBot=local:{folder}", "--candidate", "script=offline")
    shown = telerole("evaluate", *CALLS, *candidates, "--out", str(tmp_path))
    assert "TeleBot" in shown
    has_played(folder, tmp_path / "TeleBot" / "offline")
    tuned, _ = read_evaluation(tmp_path).systems
    assert (tuned.name, tuned.played_by) == ("TeleBot", f"candidate+local:{folder}")
    assert (tuned.sessions, tuned.unfinished) == (2, 0)
