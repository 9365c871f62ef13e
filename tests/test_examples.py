"""Every notebook and script in ``examples`` runs, offline."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from telerole.backends import local

EXAMPLES = Path(__file__).parents[1] / "examples"
OFFLINE = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_scripts_run(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=OFFLINE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("TELEROLE_EXAMPLES", str(EXAMPLES))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.skipif(local.default_model() is None, reason="needs the default model: run `telerole install-model`")
@pytest.mark.timeout(1200)
def test_telebot_goes_from_the_seed_corpus_to_the_tables_and_is_whole_when_asked_again(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "05_telebot" / "telebot.py"), "--tiny"]
    command += ["--out", str(tmp_path / "telebot"), "--adapters", str(tmp_path / "adapters")]
    first, second = (
        subprocess.run(command, env=OFFLINE, capture_output=True, text=True, check=False) for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert "Table 1" in (page := (tmp_path / "telebot" / "report.html").read_text())
    assert "without simulation, seed 1" in page
    assert (second.returncode, second.stdout) == (0, first.stdout)
