"""On real conversations between people nobody hears a goodbye in the middle of a call.

They are not part of telerole: TELEROLE_REAL_TALK names a folder of ``<name>/<name>.jsonl`` files, whose lines have
``language`` and ``turns[].text``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from telerole.reading import hear

FOLDER = Path(os.environ.get("TELEROLE_REAL_TALK", "no-such-folder"))
NAMES = ("persuasionforgood_en", "casino_en", "crosswoz_zh", "kdconv_zh")
LAST = 4  # turns in which people do say goodbye


@pytest.mark.skipif(not FOLDER.is_dir(), reason="TELEROLE_REAL_TALK names no folder of real conversations")
@pytest.mark.parametrize("name", NAMES)
def test_hardly_any_line_in_the_middle_is_heard_as_a_goodbye(name: str) -> None:
    heard = 0
    lines = 0
    for line in (FOLDER / name / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        talk = json.loads(line)
        for turn in talk["turns"][:-LAST]:
            acts = {hear(role, turn["text"], talk["language"]).act for role in ("salesperson", "merchant")}
            heard += "goodbye" in acts
            lines += 1
    assert lines > 1000
    assert heard <= 0.002 * lines
