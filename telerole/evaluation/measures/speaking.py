"""How the sides of a call speak: how far from real talk, how bookish, how long, and whether in their own role."""

from __future__ import annotations

from statistics import fmean

from telerole.persona import Role
from telerole.postprocess.filtering import Example
from telerole.postprocess.goodbyes import Goodbyes
from telerole.postprocess.roles import Roles
from telerole.postprocess.signs import plain, sign
from telerole.reading import words
from telerole.records import Language
from telerole.session import Session
from telerole.style import FIGURES, Style, target

FORMAL = 2  # signs in one turn: a single one is said now and then


def style_gap(style: Style, language: Language, role: Role) -> float:
    """How far a side's style is from real telephone talk of its role; from 0, the same, to 1, nothing in common.

    The mean over the six figures of `style.FIGURES` of |ours - real| / max(ours, real), real talk being
    `style.target`; two zeros are no gap. The style of a single call is that of some ten turns: read means over calls.
    """
    real = target(language, role).style
    return fmean(_apart(getattr(style, figure), getattr(real, figure)) for figure in FIGURES)


def bookish_turns(session: Session, role: Role) -> float:
    """The share of the role's turns that are written rather than spoken; from 0 to 1, lower is better (paper A.1).

    A turn is where it has one of the written signs of ``conversationality.<language>.yaml`` or two of the formal ones.
    0 where the role has no turn.
    """
    said = [plain(turn.text) for turn in session.turns if turn.role == role]
    return fmean(_bookish(text, session.language) for text in said) if said else 0.0


def turn_lengths(session: Session, role: Role) -> tuple[int, ...]:
    """The words of each turn of the role, in Chinese its characters (`reading.words`)."""
    return tuple(words(turn.text, session.language) for turn in session.turns if turn.role == role)


def role_faults(session: Session) -> int:
    """How many turns stand in the wrong role, or leak what the model thought; from 0, lower is better.

    Those that `postprocess.roles.Roles` shows for the gravest kind of fault it finds.
    """
    reject = Roles().judge(Example(session))
    return len({evidence.turn for evidence in reject.evidence}) if reject else 0


def goodbye_tail(session: Session) -> int:
    """How many turns of goodbyes follow after both sides have said goodbye; from 0, lower is better.

    Those that `postprocess.goodbyes.Goodbyes` cuts.
    """
    shorter = Goodbyes().rewrite(Example(session))
    return len(session.turns) - len(shorter.example.session.turns) if shorter else 0


def _bookish(text: str, language: Language) -> bool:
    written, formal = (sign("conversationality", kind, language) for kind in ("written", "formal"))
    return written.search(text) is not None or sum(1 for _ in formal.finditer(text)) >= FORMAL


def _apart(ours: float, real: float) -> float:
    return abs(ours - real) / max(ours, real) if ours != real else 0.0
