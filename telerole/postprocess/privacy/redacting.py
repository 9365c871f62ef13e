"""Putting placeholders in the place of private items.

A placeholder is in the call's language, ``[电话1]`` or ``[PHONE_1]``: the model that is trained on it reads it as a
word of the sentence, and one pattern finds them all. The same item has the same placeholder everywhere in a session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from telerole.postprocess.privacy.finding import find
from telerole.postprocess.privacy.items import Item, Kind, data, placeholder
from telerole.records import Language


class Placeholders:
    """The placeholders of one session; those that its `texts` hold already are not given again."""

    def __init__(self, language: Language, texts: Iterable[str] = ()) -> None:
        self._forms: dict[Kind, str] = data(language)["placeholders"]
        self._given: dict[tuple[Kind, str], str] = {}
        self._count: Counter[Kind] = Counter()
        for text in texts:
            for held in placeholder(language).finditer(text):
                kind = list(self._forms)[(held.lastindex or 1) - 1]
                self._count[kind] = max(self._count[kind], int(held.group(held.lastindex or 1)))

    def of(self, item: Item) -> str:
        """The item's placeholder: the one it has, or the next of its kind."""
        key = item.kind, item.value
        if key not in self._given:
            self._count[item.kind] += 1
            self._given[key] = self._forms[item.kind].format(self._count[item.kind])
        return self._given[key]


def redact(text: str, language: Language) -> str:
    """The text by itself with every private item in it replaced by a placeholder."""
    placeholders = Placeholders(language, [text])
    while items := find(text, language):  # without what hid it, another item may be seen
        text = replaced(text, items, [placeholders.of(item) for item in items])
    return text


def replaced(text: str, items: Sequence[Item], shown: Sequence[str]) -> str:
    """The text with what is `shown` for each of its `items`, which stand in order and apart."""
    starts = [0, *(item.end for item in items)]
    ends = [*(item.start for item in items), len(text)]
    between = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    return "".join(part for pair in zip(between, [*shown, ""], strict=True) for part in pair)
