"""A clean call as words, each with what stands after it, so that they join to the call's own text again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from telerole.records import Language
from telerole.session import Turn

_WORD: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"[£$€]?\w+(?:['’.,:]\w+)*%?"),
    "zh": re.compile(r"[\u3400-\u9fff]+|[A-Za-z]+|[0-9]+(?:[.,:][0-9]+)*%?"),
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word, what stands between it and the next, and the turn it was said in (None: by nobody in the call)."""

    text: str
    after: str
    turn: int | None


def parted(turns: Sequence[Turn], language: Language) -> list[Word]:
    """The call's words; a turn's words join to its text, and a turn without any is one."""
    return [word for index, turn in enumerate(turns) for word in _words(turn.text, index, language)]


def joined(words: Sequence[Word]) -> str:
    """The words as a text; a space parts words of different turns."""
    text = ""
    for word, following in zip_longest(words, words[1:]):
        text += word.text + word.after
        if following is not None and following.turn != word.turn and not text.endswith(" "):
            text += " "
    return text.strip()


def _words(text: str, turn: int, language: Language) -> Iterator[Word]:
    spans = list(_spans(text, language)) or [(0, len(text))]
    starts = [0, *(start for start, _ in spans[1:])]  # what stands before the first word is a part of it
    ends = [*starts[1:], len(text)]
    for start, (_, stop), end in zip(starts, spans, ends, strict=True):
        yield Word(text[start:stop], text[stop:end], turn)


def _spans(text: str, language: Language) -> Iterator[tuple[int, int]]:
    for match in _WORD[language].finditer(text):
        if language == "zh":
            yield from _cut(match.group(), match.start())
        else:
            yield match.span()


def _cut(run: str, start: int) -> Iterator[tuple[int, int]]:
    """The places of the words in a run of Chinese characters, as jieba cuts it."""
    import rjieba

    for word in rjieba.cut(run):
        yield start, start + len(word)
        start += len(word)
