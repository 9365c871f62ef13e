"""Words that a recogniser takes for one another: in Chinese by pinyin, in English by a list and by metaphone."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache, lru_cache
from itertools import product

from telerole.records import Language
from telerole.synthesis.noise.settings import sounds

NEAR = 0.5  # how much of their letters two English words that sound alike have in common
LONGEST = 2  # Chinese words up to this many characters are looked up as words


@lru_cache(maxsize=65536)
def sound_alikes(word: str, language: Language) -> tuple[str, ...]:
    """What `word` may be heard as, in a fixed order; empty where nothing sounds like it."""
    if language == "zh":
        return _homophones(word)
    found = _english().get(word.lower().replace("’", "'"), ())
    return tuple(other.capitalize() for other in found) if word[:1].isupper() and word != "I" else found


def _homophones(word: str) -> tuple[str, ...]:
    """Words that exist and sound like `word`; where there are none, `word` with one of its characters changed."""
    import rjieba
    from pypinyin import lazy_pinyin

    if not re.fullmatch(r"[\u4e00-\u9fff]+", word):
        return ()
    choices = [_characters().get(sound, ()) for sound in lazy_pinyin(word)]
    if len(word) <= LONGEST:
        found = ("".join(one) for one in product(*choices))
        if words := tuple(one for one in found if one != word and rjieba.has_word(one)):
            return words
    return tuple(
        word[:place] + other + word[place + 1 :]
        for place, others in enumerate(choices)
        for other in others
        if other != word[place]
    )


@cache
def _characters() -> dict[str, tuple[str, ...]]:
    """The common characters (GB 2312, level 1) by their sound without its tone."""
    from pypinyin import lazy_pinyin

    rows = (bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for code in rows:
        if character := code.decode("gb2312", errors="ignore"):
            found[lazy_pinyin(character)[0]].append(character)
    return {sound: tuple(characters) for sound, characters in found.items()}


@cache
def _english() -> dict[str, tuple[str, ...]]:
    """The listed confusions, and the words of the bundled corpus that sound alike by metaphone."""
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for row in sounds("en").confused:
        group = row.split()
        for word in group:
            alike[word] |= set(group) - {word}
    for group in _by_metaphone().values():
        for word in group:
            alike[word] |= {other for other in group if other != word and _near(word, other)}
    return {word: tuple(sorted(others)) for word, others in alike.items() if others}


def _by_metaphone() -> dict[str, list[str]]:
    from jellyfish import metaphone

    from telerole.catalog import Catalog

    said = " ".join(turn.text for truth in Catalog.bundled().truths("en") for turn in truth.turns)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for word in sorted(set(re.findall(r"[a-z]{3,}", said.lower()))):
        found[metaphone(word)].append(word)
    return found


def _near(word: str, other: str) -> bool:
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_similarity(word, other) >= NEAR
