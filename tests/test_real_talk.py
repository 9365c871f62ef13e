"""Nobody hears a goodbye in the middle of people's talk, and the filters that need no model keep what people say.

They are not part of telerole: TELEROLE_REAL_TALK names a folder of ``<name>/<name>.jsonl`` files, whose lines have
``language``, ``turns[].speaker`` and ``turns[].text``.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from telerole import Session
from telerole.postprocess.coherence import Coherence
from telerole.postprocess.conversationality import Conversationality, score
from telerole.postprocess.filtering import Example, SessionFilter
from telerole.postprocess.repetition import Repetition
from telerole.postprocess.roles import Roles
from telerole.reading import hear
from telerole.session import End, Turn, speaker_at

FOLDER = Path(os.environ.get("TELEROLE_REAL_TALK", "no-such-folder"))
NAMES = ("persuasionforgood_en", "casino_en", "crosswoz_zh", "kdconv_zh")
WRITTEN = "stoppingagents_synth_en"  # sales calls written by a model
LAST = 4  # turns in which people do say goodbye
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="TELEROLE_REAL_TALK names no folder of real conversations")


def talks(name: str) -> list[dict[str, Any]]:
    file = FOLDER / name / f"{name}.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@cache
def sessions(name: str) -> list[Session]:
    """The set's conversations as calls: the first speaker sells, neighbouring turns of one speaker are one turn.

    What nobody said is left out: the buttons of CaSiNo's window ("[Submit-Deal]") and its emoji.
    """
    return [session(talk) for talk in talks(name)]


def session(talk: dict[str, Any]) -> Session:
    plain = [(turn["speaker"], EMOJI.sub("", turn["text"]).strip()) for turn in talk["turns"] if not turn.get("action")]
    by_speaker = groupby((turn for turn in plain if turn[1]), key=lambda turn: turn[0])
    merged = [" ".join(text for _, text in one) for _, one in by_speaker]
    turns = tuple(Turn(role=speaker_at(n), text=text) for n, text in enumerate(merged))
    end = End(reason="stopped")
    return Session(id=talk["id"], scenario_id=talk["id"], language=talk["language"], seed=0, turns=turns, end=end)


def share_kept(judge: SessionFilter, name: str) -> float:
    kept = [judge.judge(Example(one)) is None for one in sessions(name)]
    return sum(kept) / len(kept)


@pytest.mark.parametrize("name", NAMES)
def test_hardly_any_line_in_the_middle_is_heard_as_a_goodbye(name: str) -> None:
    heard = 0
    lines = 0
    for talk in talks(name):
        for turn in talk["turns"][:-LAST]:
            acts = {hear(role, turn["text"], talk["language"]).act for role in ("salesperson", "merchant")}
            heard += "goodbye" in acts
            lines += 1
    assert lines > 1000
    assert heard <= 0.002 * lines


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "judge", [Conversationality(), Coherence(), Roles(), Repetition()], ids=lambda judge: judge.name
)
def test_of_what_people_say_at_least_95_in_100_are_kept(judge: SessionFilter, name: str) -> None:
    assert share_kept(judge, name) >= 0.95


def test_most_of_what_a_model_wrote_is_rejected() -> None:
    assert share_kept(Conversationality(), WRITTEN) <= 0.2


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_en")])
def test_the_score_tells_what_a_model_wrote_from_what_people_say(name: str) -> None:
    """The area under the ROC curve: how often the one scores above the other."""
    written, said = ([score(one) for one in sessions(which)] for which in (WRITTEN, name))
    above = sum((one > other) + (one == other) / 2 for one in written for other in said)
    assert above / (len(written) * len(said)) >= 0.95
