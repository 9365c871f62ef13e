"""A reader of scripts that knows what was really said: what a perfect model would answer, made from the truths."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rapidfuzz.distance import Indel

from telerole import Catalog, Script
from telerole.backends.base import Message
from telerole.truth import Truth

NUMBERED = re.compile(r"^(\d+) .*?[:：](?: ?)(.*)$", re.M)


class PerfectReader:
    """A function for a `ScriptedBackend`: finds the script that a request shows and answers with its truth."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._truths = {truth.script: truth for language in ("en", "zh") for truth in catalog.truths(language)}
        self._seeds = {seed.script: seed for seed in catalog.seeds}

    @property
    def scripts(self) -> list[Script]:
        """The scripts whose truth is known."""
        return [self._catalog.script(name) for name in self._truths]

    def __call__(self, messages: Sequence[Message]) -> str:
        shown = [text for _, text in NUMBERED.findall(messages[-1]["content"].rpartition("# ")[2])]
        script = next(one for one in self.scripts if [line.text for line in one.lines] == shown)
        return json.dumps(self.answer(script), ensure_ascii=False)

    def answer(self, script: Script) -> dict[str, Any]:
        """The extraction of a script, as a model would write it."""
        truth, seed = self._truths[script.id], self._seeds[script.id]
        profile, strategy = self._catalog.profile(seed.profile), self._catalog.strategy(seed.strategy)
        lines = lines_of(script, truth)
        return {
            "template": profile.template.id,
            "fields": [{"field": name, "values": as_words(value)} for name, value in profile.values.items()],
            "strategy": strategy.id,
            "offers": [],
            "turns": [
                {
                    "note": turn.act,
                    "speaker": turn.role,
                    "lines": lines[number],
                    "steps": steps_of(turn.act or ""),
                    "text": turn.text,
                }
                for number, turn in enumerate(truth.turns)
            ],
            "removed": [],
        }


def as_words(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, tuple) else [str(value)]


def steps_of(act: str) -> list[str]:
    """The steps that a labelled turn takes."""
    return [part[5:] for part in act.split("+") if part.startswith("step:")]


def lines_of(script: Script, truth: Truth) -> list[list[int]]:
    """Which lines of the script each true turn comes from, by the letters they share; no line is left over."""
    heard = [number for number, line in enumerate(script.lines, start=1) for _ in line.text]
    said = [number for number, turn in enumerate(truth.turns) for _ in turn.text]
    noisy = "".join(line.text for line in script.lines)
    clean = "".join(turn.text.lower() for turn in truth.turns)
    votes: dict[int, Counter[int]] = {}
    for op in Indel.opcodes(noisy, clean):
        if op.tag == "equal":
            for a, b in zip(range(op.src_start, op.src_end), range(op.dest_start, op.dest_end), strict=True):
                votes.setdefault(heard[a], Counter())[said[b]] += 1
    found: list[list[int]] = [[] for _ in truth.turns]
    last = 0
    for number in range(1, len(script.lines) + 1):
        if number in votes:
            last = votes[number].most_common(1)[0][0]
        found[last].append(number)
    return found
