"""Private items in a call: one may be dictated over several turns, echoed by the listener, and named again later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from telerole.numerals import numbers
from telerole.postprocess.privacy.finding import apart, find
from telerole.postprocess.privacy.items import Item, Kind
from telerole.reading import words
from telerole.records import Language

LISTENING: dict[Language, int] = {"en": 4, "zh": 6}  # a turn of so many words or fewer interrupts no dictation
WORDED: frozenset[Kind] = frozenset({"account", "email", "plate", "address", "name"})
LONGEST = 6  # turns of a dictation
ECHO = 2  # so many digits of a number, said back while it is dictated, are a part of it


def find_in_call(texts: Sequence[str], language: Language) -> tuple[tuple[Item, ...], ...]:
    """The private items of each turn of a call, given as its turns' texts in order, the speakers alternating.

    An item that is dictated over several turns is an item in each of them, with the same kind and value.
    """
    found: list[list[Item]] = [[] for _ in texts]
    for first in range(len(texts)):
        for turn, part in _over_turns(texts, first, language):
            found[turn].append(part)
    for items, before, text in zip(found, ["", *texts], texts, strict=False):
        items += find(text, language, before)
    worded = {
        (texts[turn][item.start : item.end], item.kind, item.value)
        for turn, items in enumerate(found)
        for item in items
        if item.kind in WORDED
    }
    for items, text in zip(found, texts, strict=True):
        items += [named for word in sorted(worded) for named in _named(text, *word)]
    return tuple(tuple(apart(items, [])) for items in found)


def _over_turns(texts: Sequence[str], first: int, language: Language) -> Iterator[tuple[int, Item]]:
    """The parts of the items that begin in turn `first` and go on in the same speaker's next turns."""
    turns = [first]
    while len(turns) < LONGEST and turns[-1] + 2 < len(texts) and _listens(texts[turns[-1] + 1], language):
        turns.append(turns[-1] + 2)
    if len(turns) == 1:
        return
    ends = list(accumulate(len(texts[turn]) + 1 for turn in turns))
    for item in find("\n".join(texts[turn] for turn in turns), language, texts[first - 1] if first else ""):
        if not item.start < ends[0] <= item.end:
            continue
        for turn, end in zip(turns, ends, strict=True):
            begin = end - len(texts[turn]) - 1
            if item.start < end and item.end > begin:
                part = item._replace(start=max(item.start - begin, 0), end=min(item.end - begin, len(texts[turn])))
                yield turn, part
                yield from _echoes(texts, turn + 1, part, language) if item.end > end else ()


def _listens(text: str, language: Language) -> bool:
    """Whether somebody only listens, or says back a number while it is dictated."""
    for number in reversed(numbers(text, language)):
        text = text[: number.start] + text[number.end :]
    return words(text, language) <= LISTENING[language]


def _echoes(texts: Sequence[str], turn: int, part: Item, language: Language) -> Iterator[tuple[int, Item]]:
    for number in numbers(texts[turn], language):
        if len(number.digits) >= ECHO and number.digits in part.value:
            yield turn, part._replace(start=number.start, end=number.end)


def _named(text: str, surface: str, kind: Kind, value: str) -> Iterator[Item]:
    edge = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])" if surface.isascii() else "{}"
    for match in re.finditer(edge.format(re.escape(surface)), text):
        yield Item(kind, match.start(), match.end(), value)
