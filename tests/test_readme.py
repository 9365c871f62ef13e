"""Every block of the README runs: Python in one session, commands one by one; only ``make`` runs outside."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from telerole import checking
from telerole.testing import FakeServer

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(kind: str, page: Path = README) -> list[str]:
    return [body for language, body in BLOCK.findall(page.read_text(encoding="utf-8")) if language == kind]


def library_page(folder: str) -> Path:
    """The page in the checkout, or, where only the wheel is at hand, the one inside it."""
    beside = ROOT / folder / "README.md"
    return beside if beside.exists() else Path(str(files("telerole") / "library" / folder / "README.md"))


def test_the_first_screen_shows_both_commands() -> None:
    first = README.read_text(encoding="utf-8").splitlines()[:20]
    assert any(line.startswith("make demo") for line in first)
    assert any(line.startswith("make test") for line in first)


def test_python_blocks_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    assert blocks("python")
    for body in blocks("python"):
        exec(compile(body, "README.md", "exec"), names)


@pytest.mark.timeout(600)  # a busy machine takes minutes to de-quantise the model
def test_commands_run(tmp_path: Path) -> None:
    lines = [line for body in blocks("bash") for line in body.splitlines() if line.startswith("telerole ")]
    assert lines
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    with FakeServer(reply="Mm, and what would that cost me?") as server:
        env = {**os.environ, "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": server.url}
        for line in lines:
            command = [sys.executable, "-c", "from telerole.cli import main; main()", *line.split()[1:]]
            # A recording is of one server, and names it.
            asked = {name: env[name] for name in env if name != "OPENAI_BASE_URL" or "examples/recorded" not in line}
            done = subprocess.run(command, cwd=tmp_path, env=asked, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (line, done.stderr)


@pytest.mark.parametrize(("folder", "kind"), [("personas", "1 Persona"), ("strategies", "1 Strategy")])
def test_the_page_on_writing_one_shows_a_file_that_passes_the_check(tmp_path: Path, folder: str, kind: str) -> None:
    path = tmp_path / "shown.yaml"
    path.write_text(blocks("yaml", library_page(folder))[0], encoding="utf-8")
    assert checking.check(path) == {path: kind}


def test_the_commands_on_the_page_about_personas_run_one_after_the_other(tmp_path: Path) -> None:
    page = library_page("personas")
    (shown,) = blocks("yaml", page)
    with FakeServer(reply=json.dumps(yaml.safe_load(shown))) as server:
        env = {**os.environ, "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": server.url}
        for line in (line for body in blocks("bash", page) for line in body.splitlines()):
            command = [sys.executable, "-c", "from telerole.cli import main; main()", *shlex.split(line)[1:]]
            done = subprocess.run(
                command, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (line, done.stderr)


def test_python_on_the_page_about_strategies_runs() -> None:
    bodies = blocks("python", library_page("strategies"))
    assert bodies
    for body in bodies:
        exec(compile(body, "strategies/README.md", "exec"), {})


def test_the_page_about_the_seed_corpus_counts_its_records() -> None:
    beside = ROOT / "examples" / "data"
    data = beside if beside.exists() else Path(str(files("telerole") / "library" / "data"))
    page = (data / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)\.\*\.jsonl` \| (\d+) \| (\d+) \|", page, re.M)
    assert {f"{name}.{language}.jsonl" for name, *_ in rows for language in ("en", "zh")} == {
        path.name for path in data.glob("*.jsonl")
    }
    for name, *told in rows:
        for language, count in zip(("en", "zh"), told, strict=True):
            lines = (data / f"{name}.{language}.jsonl").read_text(encoding="utf-8").splitlines()
            assert len(lines) == int(count), f"{name}.{language}.jsonl"


def test_the_call_it_shows_is_one_that_the_demo_plays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from telerole.cli import main; main()", "demo", "--out", str(tmp_path / "demo")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"})
    shown = {line.strip() for line in printed.stdout.splitlines()}
    for line in blocks("text")[0].splitlines():
        assert line == "…" or line.strip() in shown, line
