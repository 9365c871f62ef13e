"""Where clean calls come from: a file of truths, a folder of such files, or a run."""

from __future__ import annotations

from pathlib import Path

from telerole.errors import InputError
from telerole.records import load
from telerole.runs import read
from telerole.session import Session
from telerole.truth import Truth


def clean_calls(path: Path) -> list[Truth | Session]:
    """The calls of a truths file, of the ``truths*.jsonl`` of a folder, or of a run folder.

    Raises `InputError` where there are none, or two for one script.
    """
    if (path / "run.json").is_file():
        calls: list[Truth | Session] = [*read(path).sessions()]
    else:
        files = sorted(path.glob("truths*.jsonl")) if path.is_dir() else [path]
        calls = [truth for file in files for truth in load(file, Truth)]
    if not calls:
        raise InputError(
            f"{path}: holds no clean calls; name a truths file, a folder with truths*.jsonl, or a run folder"
        )
    names = [call.script if isinstance(call, Truth) else call.id for call in calls]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{path}: two calls have the id {twice!r}; rename one")
    return calls
