"""What each fault sounds like: ``faults.<language>.yaml`` as passages that can be put into a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

import yaml

from telerole.evaluation.calibration.results import Fault
from telerole.records import Language, fill, slots

MOULDED = 3  # answers in one mould


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines in turn, the salesperson's first and the merchant's last, and which of them (from 0) show the fault."""

    lines: tuple[str, ...]
    shown_by: tuple[int, ...] = (0,)


def wordings(
    fault: Fault, language: Language, facts: Mapping[str, str], random: Random
) -> Iterator[tuple[Passage, ...]]:
    """Every wording of the fault once, in an order drawn from `random`: the passages it takes, in their order.

    Slots are filled with `facts`, the profile's; a wording with a slot that is not among them is left out.
    """
    for passages in _drawn(fault, _data(language)[fault], random):
        lines = [line for passage in passages for line in passage.lines]
        if all(slots(line) <= facts.keys() for line in lines):
            yield tuple(Passage(tuple(fill(line, facts) for line in one.lines), one.shown_by) for one in passages)


def _drawn(fault: Fault, said: Any, random: Random) -> Iterator[tuple[Passage, ...]]:
    match fault:
        case "drift":
            yield from ((_drift(chat, said, random),) for chat in _shuffled(said["chats"], random))
        case "narrowed_answers":
            yield from ((_narrowed(mould, said, random),) for mould in _shuffled(said["moulds"], random))
        case _:
            for passages in _shuffled(said, random):
                yield tuple(Passage(tuple(lines)) for lines in passages)


def _drift(chat: list[str], said: Any, random: Random) -> Passage:
    return Passage((*chat, *random.choice(said["partings"])), tuple(range(0, len(chat), 2)))


def _narrowed(mould: str, said: Any, random: Random) -> Passage:
    lines = [random.choice(said["leads"])]
    for objection, about in random.sample(said["objections"], MOULDED):
        lines += [objection, fill(mould, {"about": about})]
    return Passage((*lines, random.choice(said["ends"])), tuple(range(2, len(lines), 2)))


def _shuffled(said: list[Any], random: Random) -> list[Any]:
    return random.sample(said, len(said))


@cache
def _data(language: Language) -> dict[str, Any]:
    return dict(yaml.safe_load((files(__package__) / f"faults.{language}.yaml").read_text(encoding="utf-8")))
