"""Sessions in which a speaker goes round in circles (paper 4.4, noisy replication within one session)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations
from typing import ClassVar, NamedTuple, get_args

from pydantic import Field
from rapidfuzz.fuzz import ratio

from telerole.persona import Role
from telerole.postprocess.filtering import Evidence, Example, Reject, SessionFilter
from telerole.postprocess.signs import data
from telerole.postprocess.tokens import content, joined, tokens
from telerole.reading import means
from telerole.records import Language
from telerole.session import Turn

ROLES: tuple[Role, ...] = get_args(Role)
LIKENESS = 88  # of 100, rapidfuzz's ratio
_SENTENCE_END = re.compile(r"(?<=[!?。！？…])|(?<=\.)(?!\d)")
_FIGURE = re.compile(r"\d+")


class Repetition(SessionFilter):
    """Rejects a session in which one of its speakers goes round in circles.

    That is, where it

    - says nearly the same line or sentence again: rapidfuzz's ratio, from 0 to 100, is at least `likeness`;
    - asks nearly the same question again after it was answered, by the same measure;
    - says one phrase in `phrase_turns` different turns, or `phrase_times` times in one turn.

    Fillers, case and punctuation do not count. Lines with other figures in them are other lines, and what is said
    again because the other side did not catch it is no repetition. How long a line, a question and a phrase have to be
    is data, ``repetition.<language>.yaml``.
    """

    name: ClassVar[str] = "repetition"
    likeness: float = Field(default=LIKENESS, gt=0, le=100)
    phrase_turns: int = Field(default=6, ge=2)
    phrase_times: int = Field(default=3, ge=2)

    def judge(self, example: Example) -> Reject | None:
        """The first repetition found: lines and questions before phrases, the salesperson's before the merchant's."""
        session = example.session
        checks = (_again, _looping, _coming_back)
        found = (check(self, session.turns, role, session.language) for check in checks for role in ROLES)
        return next((reject for reject in found if reject), None)


class Repeat(NamedTuple):
    """What one speaker says again: the words that stood earlier, those that repeat them, and how alike, 0 to 100.

    `question`: both ask, and the other side had answered in between.
    """

    before: Evidence
    again: Evidence
    likeness: float
    question: bool


def repeats(turns: Sequence[Turn], role: Role, language: Language, likeness: float = LIKENESS) -> Iterator[Repeat]:
    """Every line and sentence of the role's that nearly repeats an earlier one, as `Repetition` tells it.

    Each pair that is at least so alike comes once, so a line said three times makes three of them.
    """
    for one, other in _comparable(turns, role, language):
        if alike := ratio(one.plain, other.plain, score_cutoff=likeness):
            before, again = (Evidence(turn=piece.turn, text=piece.text) for piece in (one, other))
            yield Repeat(before, again, alike, question=one.asks and other.asks)


class _Piece(NamedTuple):
    """A turn or a sentence of it that is long enough to be compared; `plain` are its words."""

    turn: int
    whole: bool  # the turn
    wanted: bool  # said after the other side had not caught something
    text: str
    plain: str
    length: int
    figures: list[str]

    @property
    def asks(self) -> bool:
        return self.text.endswith(("?", "？"))


class _Lengths(NamedTuple):
    """From how many tokens on a language's lines are compared, and how many make a phrase."""

    line: int
    question: int
    phrase: int


def _again(limits: Repetition, turns: Sequence[Turn], role: Role, language: Language) -> Reject | None:
    """A line that is said again, or a question that is asked again after it was answered."""
    found = next(repeats(turns, role, language, limits.likeness), None)
    if found is None:
        return None
    does = "asks an answered question again" if found.question else "says nearly the same again"
    evidence = (found.before, found.again)
    return Reject(reason=f"the {role} {does}", score=found.likeness, threshold=limits.likeness, evidence=evidence)


def _looping(limits: Repetition, turns: Sequence[Turn], role: Role, language: Language) -> Reject | None:
    """A phrase that comes over and over in one turn."""
    for index, turn in enumerate(turns):
        phrase, times = _most_common(_apart(_phrases(turn.text, language)) if turn.role == role else ())
        if times >= limits.phrase_times:
            reason = f"the {role} says {joined(phrase, language)!r} {times} times in one turn"
            evidence = (Evidence(turn=index, text=turn.text),)
            return Reject(reason=reason, score=times, threshold=limits.phrase_times, evidence=evidence)
    return None


def _coming_back(limits: Repetition, turns: Sequence[Turn], role: Role, language: Language) -> Reject | None:
    """A phrase that comes back in turn after turn."""
    said = {index: set(_phrases(turn.text, language)) for index, turn in enumerate(turns) if turn.role == role}
    phrase, times = _most_common(phrase for phrases in said.values() for phrase in phrases)
    if times < limits.phrase_turns:
        return None
    reason = f"the {role} says {joined(phrase, language)!r} in {times} turns"
    evidence = tuple(Evidence(turn=at, text=turns[at].text) for at, phrases in said.items() if phrase in phrases)
    return Reject(reason=reason, score=times, threshold=limits.phrase_turns, evidence=evidence)


def _comparable(turns: Sequence[Turn], role: Role, language: Language) -> Iterator[tuple[_Piece, _Piece]]:
    """The pairs of pieces in which the later would be a repetition of the earlier if it were like it."""
    for one, other in combinations(_pieces(turns, role, language), 2):
        if other.wanted or (one.turn == other.turn and (one.whole or other.whole)):
            continue  # a turn holds its own sentences
        if one.figures != other.figures:
            continue
        if one.asks and other.asks:
            if one.turn < other.turn and not turns[one.turn + 1].text.endswith(("?", "？")):
                yield one, other
        elif min(one.length, other.length) >= _lengths(language).line:
            yield one, other


def _pieces(turns: Sequence[Turn], role: Role, language: Language) -> Iterator[_Piece]:
    """The role's turns that are long enough and, of turns of several, their sentences."""
    lengths = _lengths(language)
    for index, turn in enumerate(turns):
        if turn.role != role:
            continue
        wanted = index > 0 and means("merchant", "pardon", turns[index - 1].text, language)
        sentences = [part.strip() for part in _SENTENCE_END.split(turn.text) if part.strip()]
        for number, text in enumerate((turn.text, *(sentences if len(sentences) > 1 else ()))):
            said = content(text, language)
            figures = _FIGURE.findall(text)
            piece = _Piece(index, number == 0, wanted, text, joined(said, language), len(said), figures)
            if piece.length >= (lengths.question if piece.asks else lengths.line):
                yield piece


def _phrases(text: str, language: Language) -> list[tuple[str, ...]]:
    said, size = tokens(text, language), _lengths(language).phrase
    return [tuple(said[at : at + size]) for at in range(len(said) - size + 1)]


def _apart(phrases: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """The phrases without those of which half or more stands in an earlier one of the same words ("no, no, no, no")."""
    begins: dict[tuple[str, ...], int] = {}
    for at, phrase in enumerate(phrases):
        if phrase not in begins or at - begins[phrase] > len(phrase) / 2:
            begins[phrase] = at
            yield phrase


def _most_common(phrases: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], int]:
    """The phrase that stands there most often, of several the last in the alphabet, and how often."""
    return max(Counter(phrases).items(), key=lambda each: (each[1], each[0]), default=((), 0))


@cache
def _lengths(language: Language) -> _Lengths:
    return _Lengths(**data("repetition", language))
