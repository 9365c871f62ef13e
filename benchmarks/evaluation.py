"""How long an evaluation takes without its models: 300 offline sessions, six metrics, a scripted judge.

``python benchmarks/evaluation.py``: prints seconds to play and judge 300 sessions of one candidate, then of one and its
baseline with planted faults beside, and to do all of it again from the folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from telerole import ScriptedBackend
from telerole.backends.base import Message
from telerole.evaluation.evaluate import evaluate
from telerole.evaluation.scenarios import held_out

FAULTY = 10  # one answer in so many is a 0


def verdict(messages: Sequence[Message]) -> str:
    """A verdict decided by the question's digest; a 0 quotes two of the salesperson's turns."""
    asked = json.dumps(messages, ensure_ascii=False).encode()
    said = [json.loads(line) for line in messages[1]["content"].split("\n") if line.startswith('{"turn": ')]
    shown = [{"turn": turn["turn"], "text": turn["text"]} for turn in said[:3:2]]
    bad = len(shown) == 2 and int(hashlib.sha256(asked).hexdigest(), 16) % FAULTY == 0
    answer = {"reason": "So it is.", "verdict": int(not bad), "quotes": shown if bad else []}
    return json.dumps(answer, ensure_ascii=False)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sessions", type=int, default=300)
    sessions = options.parse_args().sessions
    scenarios = held_out()
    trials = -(-sessions // len(scenarios))
    with tempfile.TemporaryDirectory() as folder:
        for title, candidates, calibrate in (
            ("one candidate", {"TeleBot": "offline"}, 0),
            ("and its baseline, 20 + 20 good calls with faults", {"TeleBot": "offline", "PE": "offline:neutral"}, 20),
            ("all of it again", {"TeleBot": "offline", "PE": "offline:neutral"}, 20),
        ):
            began = time.perf_counter()
            result = evaluate(
                candidates,
                scenarios,
                ScriptedBackend(verdict),
                trials=trials,
                calibrate=calibrate,
                out=Path(folder) / "evaluation",
            )
            took = time.perf_counter() - began
            asked = sum(cell.rate.n for cell in result.cells if cell.rate)
            print(f"{title}: {sum(one.sessions for one in result.systems)} sessions, {asked} verdicts, {took:.1f} s")


if __name__ == "__main__":
    main()
