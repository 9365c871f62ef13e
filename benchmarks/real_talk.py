"""What the filters that need no model do to real conversations.

``TELEROLE_REAL_TALK=folder python benchmarks/real_talk.py``: the folder holds ``<name>/<name>.jsonl``, whose lines have
``id``, ``language`` and ``turns`` with ``speaker`` and ``text``. Printed is the share of each set that passes each
filter, with its Wilson 95 % interval, and how well conversationality tells the sales calls that a model wrote from
people's talk.
"""

from __future__ import annotations

import json
import math
import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from telerole import Session, Turn
from telerole.postprocess.coherence import Coherence
from telerole.postprocess.conversationality import Conversationality, score
from telerole.postprocess.filtering import Example, SessionFilter
from telerole.postprocess.repetition import Repetition
from telerole.postprocess.roles import Roles
from telerole.session import End, speaker_at

HUMAN = ("persuasionforgood_en", "casino_en", "crosswoz_zh", "kdconv_zh")
WRITTEN = "stoppingagents_synth_en"  # by a model
Z = 1.96
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")


def talks(folder: Path, name: str) -> list[Session]:
    """The set's conversations as calls: the first speaker sells, neighbouring turns of one speaker are one.

    What nobody said is left out: the buttons of CaSiNo's window ("[Submit-Deal]") and its emoji.
    """
    lines = (folder / name / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_session(json.loads(line)) for line in lines]


def _session(talk: dict[str, Any]) -> Session:
    said = [(turn["speaker"], text) for turn in talk["turns"] if not turn.get("action") and (text := _said(turn))]
    merged = [" ".join(text for _, text in one) for _, one in groupby(said, key=lambda turn: turn[0])]
    return Session(
        id=f"{talk['id']}.0",
        scenario_id=talk["id"],
        language=talk["language"],
        seed=0,
        turns=tuple(Turn(role=speaker_at(n), text=text) for n, text in enumerate(merged)),
        end=End(reason="stopped"),
    )


def _said(turn: dict[str, str]) -> str:
    return EMOJI.sub("", turn["text"]).strip()


def passes(judge: SessionFilter, sessions: Sequence[Session]) -> float:
    """The share of the sessions that the filter keeps."""
    return sum(judge.judge(Example(session)) is None for session in sessions) / len(sessions)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share seen in `count` (Wilson 1927)."""
    middle = share + Z**2 / (2 * count)
    spread = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return (middle - spread) / (1 + Z**2 / count), (middle + spread) / (1 + Z**2 / count)


def auc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """How often one of `higher` scores above one of `lower`, a tie counting half: the area under the ROC curve."""
    ranked = sorted(lower)
    above = sum((bisect_left(ranked, value) + bisect_right(ranked, value)) / 2 for value in higher)
    return above / (len(higher) * len(lower))


def filters() -> list[SessionFilter]:
    """The filters that judge a session by its words alone."""
    return [Conversationality(), Coherence(), Roles(), Repetition()]


def main() -> None:
    """Print the tables."""
    folder = Path(os.environ.get("TELEROLE_REAL_TALK", "no-such-folder"))
    if not folder.is_dir():
        print("skipped: TELEROLE_REAL_TALK names no folder of real conversations")
        return
    sets = {name: talks(folder, name) for name in (*HUMAN, WRITTEN)}
    for judge in filters():
        for name, sessions in sets.items():
            share = passes(judge, sessions)
            low, high = wilson(share, len(sessions))
            print(f"{judge.name:18} {name:24} passes {share:6.1%}  [{low:.1%}, {high:.1%}] of {len(sessions)}")
    scores = {name: [score(session) for session in sessions] for name, sessions in sets.items()}
    english = [name for name in HUMAN if name.endswith("_en")]
    for name in english:
        print(f"AUC of {WRITTEN} against {name}: {auc(scores[WRITTEN], scores[name]):.3f}")
    print(f"AUC against both: {auc(scores[WRITTEN], [one for name in english for one in scores[name]]):.3f}")


if __name__ == "__main__":
    main()
