"""Finding the private items of a text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from telerole.postprocess.privacy.dictated import dictated
from telerole.postprocess.privacy.items import Item, Said, placeholder
from telerole.postprocess.privacy.patterns import written
from telerole.postprocess.privacy.people import people
from telerole.records import Language


@lru_cache(maxsize=65536)
def find(text: str, language: Language, before: str = "") -> tuple[Item, ...]:
    """The private items of a text, from left to right; none overlaps another or a placeholder.

    `before` is the line said before it, which may ask for what the text then tells.
    """
    said = Said.after(before, text, language)
    found = [*written(said), *dictated(said), *people(said)]
    taken = [match.span() for match in placeholder(language).finditer(said.text)]
    return tuple(
        item._replace(start=item.start - said.start, end=item.end - said.start)
        for item in apart(found, taken)
        if item.start >= said.start
    )


def apart(found: Iterable[Item], taken: list[tuple[int, int]]) -> list[Item]:
    """The items in order that overlap nothing taken; of two that overlap, the longer, or else the first found."""
    kept: list[Item] = []
    for item in sorted(found, key=lambda item: item.start - item.end):
        if all(item.end <= start or end <= item.start for start, end in taken):
            kept.append(item)
            taken.append((item.start, item.end))
    return sorted(kept, key=lambda item: item.start)
