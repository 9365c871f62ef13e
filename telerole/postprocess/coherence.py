"""Rejects calls that do not hang together, by signs that need no model (paper 4.4: quality screening).

Each sign has its reason and shows the words it rests on. The words are data, ``coherence.<language>.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import ClassVar

from pydantic import Field
from rapidfuzz.fuzz import ratio

from telerole.outcome import heard_after
from telerole.persona import Role
from telerole.postprocess.filtering import Evidence, Example, Reject, SessionFilter
from telerole.postprocess.goodbyes import is_parting, winds_up
from telerole.postprocess.signs import data, plain, shown, sign
from telerole.reading import hear, means, takes_up
from telerole.records import Language
from telerole.session import Session, Turn

SAME_QUESTION = 85  # of 100, rapidfuzz's ratio
OPENING = 4  # turns in which people greet
UNHEARD = 3  # questions in a row without an answer
ALL_STOPPED = 8  # turns in which everybody else's line has a full stop
NEARLY = 0.8  # of its speaker's longest line: a length limit cuts long lines
WORD = re.compile(r"\w")
LETTER = re.compile(r"[a-z\u4e00-\u9fff]", re.I)


class Coherence(SessionFilter):
    """Rejects a session that breaks off, garbles, contradicts itself, or in which nobody listens.

    `turns` is how many a call has at least.
    """

    name: ClassVar[str] = "coherence"
    turns: int = Field(4, ge=1)

    def judge(self, example: Example) -> Reject | None:
        """The first sign that the call does not hang together, or None."""
        session = example.session
        if len(session.turns) < self.turns:
            return Reject(reason="too short", score=len(session.turns), threshold=self.turns)
        for reason, look in _SIGNS.items():
            if evidence := tuple(look(session)):
                return Reject(reason=reason, evidence=evidence)
        return None


def _pattern(kind: str) -> Callable[[Session], Iterator[Evidence]]:
    return lambda session: shown(sign("coherence", kind, session.language), session)


def _empty(session: Session) -> Iterator[Evidence]:
    yield from (_line(session, n) for n, turn in enumerate(session.turns) if not WORD.search(turn.text))


def _cut_off(session: Session) -> Iterator[Evidence]:
    """A line stops in mid-sentence: on a word that wants another, or as the one line of a call without a full stop."""
    unfinished = sign("coherence", "cut_off", session.language)
    bare = [n for n, turn in enumerate(session.turns) if LETTER.search(turn.text[-1])]
    alone = len(bare) == 1 and len(session.turns) >= ALL_STOPPED
    for n in bare:
        if unfinished.search(plain(session.turns[n].text)) or (alone and _is_long(session, n)):
            yield _line(session, n)


def _is_long(session: Session, number: int) -> bool:
    longest = max(len(turn.text) for turn in session.turns[number % 2 :: 2])
    return len(session.turns[number].text) >= NEARLY * longest


def _greets_again(session: Session) -> Iterator[Evidence]:
    pattern = sign("coherence", "introduces", session.language)
    for n, turn in enumerate(session.turns):
        if n >= OPENING and turn.role == "salesperson" and pattern.search(plain(turn.text)):
            yield _line(session, n)


def _asked_again(session: Session) -> Iterator[Evidence]:
    """What the merchant agreed to is proposed once more, in nearly the same words."""
    agreed: list[str] = []
    for n in range(0, len(session.turns) - 1, 2):
        text = session.turns[n].text
        if not means("salesperson", "propose", text, session.language):
            continue
        if any(ratio(text, before) >= SAME_QUESTION for before in agreed):
            yield _line(session, n)
        if heard_after(session.turns, n + 1, session.language).act == "agree":
            agreed.append(text)


def _unheard(session: Session) -> Iterator[Evidence]:
    """The merchant asks and asks, three times in a row, and no next line takes it up."""
    missed = [n for n in range(1, len(session.turns) - 1, 2) if _is_missed(session, n)]
    for n in missed:
        row = range(n, n + 2 * UNHEARD, 2)
        if set(row) <= set(missed):
            yield from (_line(session, one) for one in row)
            return


def _is_missed(session: Session, number: int) -> bool:
    heard = hear("merchant", session.turns[number].text, session.language)
    after = session.turns[number + 1].text
    return heard.act == "ask" and not takes_up(heard.about, after, session.language)


def _unasked(session: Session) -> Iterator[Evidence]:
    """A line claims to answer a question, and the other side has asked none."""
    pattern = sign("coherence", "claims_question", session.language)
    for n, turn in enumerate(session.turns):
        others = session.turns[n - 1 :: -2] if n else ()
        if pattern.search(plain(turn.text)) and not any(_asks(other, session.language) for other in others):
            yield _line(session, n)


def _asks(turn: Turn, language: Language) -> bool:
    return "?" in turn.text or "？" in turn.text or hear(turn.role, turn.text, language).act == "ask"


def _contradicts(session: Session) -> Iterator[Evidence]:
    """One speaker gives the same fact two numbers."""
    told: dict[tuple[Role, str], tuple[str, Evidence]] = {}
    for n, turn in enumerate(session.turns):
        for fact, number, phrase in _facts(turn.text, session.language):
            line = Evidence(turn=n, text=phrase)
            first, before = told.setdefault((turn.role, fact), (number, line))
            if first != number:
                yield from (before, line)


def _facts(text: str, language: Language) -> Iterator[tuple[str, str, str]]:
    """The facts of the text, each with its number and its words."""
    numbers = data("coherence", language)["numbers"]
    hedged = sign("coherence", "hedged", language)
    for clause in re.findall(r"[^.,;!。，；！]+", plain(text)):
        for fact, pattern in _counted(language).items():
            if (match := pattern.search(clause)) and not hedged.search(clause):
                number = match["number"]
                yield fact, str(numbers.get(number, number)), match[0]


@cache
def _counted(language: Language) -> dict[str, re.Pattern[str]]:
    known = data("coherence", language)
    number = "|".join(("\\d+", *sorted(known["numbers"], key=len, reverse=True)))
    return {fact: re.compile(pattern.replace("{number}", number)) for fact, pattern in known["counted"].items()}


def _goes_on(session: Session) -> Iterator[Evidence]:
    """Both have said goodbye, and then the talk goes on, by more than a last word."""
    if wound_up := winds_up(session):
        after = range(wound_up[0], len(session.turns))
        more = [n for n in after if not is_parting(session.turns[n], session.language)]
        yield from (_line(session, n) for n in more if len(more) > 1)


def _line(session: Session, number: int) -> Evidence:
    return Evidence(turn=number, text=session.turns[number].text)


_SIGNS: dict[str, Callable[[Session], Iterator[Evidence]]] = {
    "empty turn": _empty,
    "garbled text": _pattern("garbled"),
    "placeholder": _pattern("placeholder"),
    "other language": _pattern("other_language"),
    "cut off": _cut_off,
    "greets again": _greets_again,
    "asked again after a yes": _asked_again,
    "question not heard": _unheard,
    "answer to no question": _unasked,
    "contradiction": _contradicts,
    "goes on after goodbye": _goes_on,
}
