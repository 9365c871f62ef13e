"""Rejects calls that nobody would have on the telephone: too formal, too long-winded, or written (paper 4.4 and A.1).

What counts as formal and how much of it real talk holds is data, ``conversationality.<language>.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Literal, NamedTuple, get_args

from pydantic import Field

from telerole.errors import InputError
from telerole.persona import Role
from telerole.postprocess.filtering import Evidence, Example, Reject, SessionFilter
from telerole.postprocess.signs import data, shown, sign
from telerole.reading import words
from telerole.records import Language
from telerole.session import Session
from telerole.style import Style, measure

ROLES: tuple[Role, ...] = get_args(Role)
SHOWN = 5
UNSAID = 2  # turns without a formal word that every role is given
Kind = Literal["formal", "length", "longest", "stilted"]


class Figure(NamedTuple):
    """One measure of a call, as a multiple of the most that real talk holds; `role` None: of both sides."""

    kind: Kind
    role: Role | None
    ratio: float


class Conversationality(SessionFilter):
    """Rejects a session that is written and not spoken.

    Its score is the worst of its `figures`; 1 is the most that real talk holds. Any mark of writing (a list, a heading,
    an address, an emoji) rejects without a score.
    """

    name: ClassVar[str] = "conversationality"
    limit: float = Field(1.0, gt=0)

    def judge(self, example: Example) -> Reject | None:
        """Why nobody would say this on the telephone, or None."""
        session = example.session
        if marks := tuple(islice(shown(sign(self.name, "markup", session.language), session), SHOWN)):
            return Reject(reason="markup", evidence=marks)
        worst = max(figures(session), key=lambda figure: figure.ratio, default=None)
        if worst is None or worst.ratio <= self.limit:
            return None
        evidence = tuple(islice(_evidence(worst, session), SHOWN))
        return Reject(reason=worst.kind, score=round(worst.ratio, 3), threshold=self.limit, evidence=evidence)


def figures(session: Session) -> list[Figure]:
    """How formal and long-winded each side is, and how few spoken signs there are, each over its limit in real talk."""
    limits = data("conversationality", session.language)["limits"]
    found = [figure for role in ROLES for figure in _of_role(session, role)]
    if style := _style([turn.text for turn in session.turns], session.language):
        found.append(Figure("stilted", None, style.turns / (1 + _spoken(style))))
    return [figure._replace(ratio=figure.ratio / limits[figure.kind]) for figure in found]


def score(session: Session) -> float:
    """The worst of the call's figures; 0 where nothing is said."""
    return max((figure.ratio for figure in figures(session)), default=0.0)


def _of_role(session: Session, role: Role) -> Iterator[Figure]:
    language = session.language
    said = [turn.text for turn in session.turns if turn.role == role]
    if style := _style(said, language):
        bookish = sum(1 for _ in _bookish(session, role))
        yield Figure("formal", role, bookish / (style.turns + _spoken(style) + UNSAID))
        yield Figure("length", role, style.length)
        yield Figure("longest", role, max(words(text, language) for text in said))


def _bookish(session: Session, role: Role | None) -> Iterator[Evidence]:
    """The formal words and the written phrases; what is both counts as two."""
    for kind in ("formal", "written"):
        yield from shown(sign("conversationality", kind, session.language), session, role)


def _style(said: list[str], language: Language) -> Style | None:
    """How these turns are spoken; None where there is no word in them."""
    try:
        return measure(said, language)
    except InputError:
        return None


def _spoken(style: Style) -> float:
    """How many spoken signs there are: fillers, and turns of three words or fewer."""
    return style.turns * (style.short_turns + style.fillers * style.length / 100)


def _evidence(figure: Figure, session: Session) -> Iterator[Evidence]:
    """The formal words, else the longest turns of that side."""
    if figure.kind == "formal":
        yield from _bookish(session, figure.role)
    elif figure.role:
        said = [(len(turn.text), n) for n, turn in enumerate(session.turns) if turn.role == figure.role]
        yield from (Evidence(turn=n, text=session.turns[n].text) for _, n in sorted(said, reverse=True))
