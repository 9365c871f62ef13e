"""Cuts the goodbyes that go on after a call is wound up, a known fault of two models that talk to each other."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from telerole.endings import said_goodbye
from telerole.postprocess.filtering import Evidence, Example, Rewrite, Rewriter
from telerole.postprocess.signs import plain, sign
from telerole.reading import hear
from telerole.records import Language
from telerole.session import End, Session, Turn

CUT_SHORT = ("loop", "max_turns")  # ends that a call with its tail cut off did not have


class Goodbyes(Rewriter):
    """Ends a session where both sides have said goodbye, if nothing but goodbyes follows.

    The end stays as it is, unless it was the tail that brought it about (`loop`, `max_turns`).
    """

    name: ClassVar[str] = "goodbyes"

    def rewrite(self, example: Example) -> Rewrite | None:
        """The session without its tail, or None where it has none."""
        session = example.session
        wound_up = winds_up(session)
        if wound_up is None:
            return None
        kept, end = wound_up
        tail = session.turns[kept:]
        if not tail or not all(is_parting(turn, session.language) for turn in tail):
            return None
        end = end if session.end.reason in CUT_SHORT else session.end
        shorter = session.model_copy(update={"turns": session.turns[:kept], "end": end})
        change = Evidence(turn=kept, text=f"{len(tail)} turns of goodbyes cut")
        return Rewrite(replace(example, session=shorter), (change,))


def winds_up(session: Session) -> tuple[int, End] | None:
    """How many turns the call has when both have first said goodbye one after the other, and that end; None: never."""
    for count in range(2, len(session.turns) + 1):
        end = said_goodbye(session.turns[:count], session.language)
        if end is not None and end.reason != "loop":
            return count, end
    return None


def is_parting(turn: Turn, language: Language) -> bool:
    """Whether the turn is a goodbye or says no more than thanks."""
    return hear(turn.role, turn.text, language).act == "goodbye" or _only_thanks(turn.text, language)


def _only_thanks(text: str, language: Language) -> bool:
    return sign("goodbyes", "parting", language).search(plain(text)) is not None
