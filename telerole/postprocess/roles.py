"""Rejects calls in which somebody falls out of their role: speaks for the other side, or leaks the model's thoughts.

The guard of the simulation asks for such a line again; here it is looked for in calls of any origin, where nobody's
name is known. Single lines are told by the signs in ``roles.<language>.yaml``, chairs that were swapped by what both
sides are heard to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, get_args

from telerole.persona import Role
from telerole.postprocess.filtering import Evidence, Example, Reject, SessionFilter
from telerole.postprocess.signs import shown, sign
from telerole.reading import hear, slips
from telerole.records import Language
from telerole.session import Session, Turn

KINDS = {
    "schema": "leaked schema",
    "label": "speaker label",
    "both_sides": "both sides in one turn",
    "stage": "stage direction",
    "disclosure": "says it is a model",
    "prompt": "talks about the prompt",
}
ACTS: dict[Role, frozenset[str]] = {  # what one side does and the other does not
    "salesperson": frozenset({"introduce", "propose", "offer_callback", "ask"}),
    "merchant": frozenset(
        {"refuse", "busy", "ask", "scold", "object", "defer", "agree", "interested", "assent"},
    ),
}
SURE = 2  # lines more for one reading than for the other
TURNED = 3  # ... where the chairs change over in mid-call: people take up each other's ways, too
OPENING = 4  # turns in which the caller says who they are


class Roles(SessionFilter):
    """Rejects a session in which a line is said that nobody in that chair says, or in which the chairs are swapped."""

    name: ClassVar[str] = "roles"

    def judge(self, example: Example) -> Reject | None:
        """Who falls out of their role, and how, or None."""
        session = example.session
        for kind, reason in KINDS.items():
            if evidence := tuple(shown(sign(self.name, kind, session.language), session)):
                return Reject(reason=reason, evidence=evidence)
        if evidence := tuple(_thoughts(session)):
            return Reject(reason="leaked reasoning", evidence=evidence)
        if evidence := (*_inverted(session), *swapped(session)):
            return Reject(reason="role inversion", evidence=evidence)
        return None


def _thoughts(session: Session) -> Iterator[Evidence]:
    for number, turn in enumerate(session.turns):
        if slips("thoughts", turn.text, session.language):
            yield Evidence(turn=number, text=turn.text)


def _inverted(session: Session) -> Iterator[Evidence]:
    for role in get_args(Role):
        yield from shown(sign("roles", role, session.language), session, role)


def swapped(session: Session) -> tuple[Evidence, ...]:
    """The lines that belong to the other chair, where the chairs are swapped from the start or change over in mid-call.

    A line counts +1 where it is heard as what only its own side does, -1 as what only the other does. Swapped from the
    start: the merchant introduces itself, and the sum is -2 or less. Changed over: 3 or more up to some turn, -3 or
    less from there on.
    """
    leans = [_leans(turn, session.language) for turn in session.turns]
    begins = 0 if _merchant_introduces(session) and sum(leans) <= -SURE else _change_over(leans)
    if begins is None:
        return ()
    return tuple(Evidence(turn=n, text=session.turns[n].text) for n in range(begins, len(leans)) if leans[n] < 0)


def _leans(turn: Turn, language: Language) -> int:
    sells, buys = (hear(role, turn.text, language).act in ACTS[role] for role in ("salesperson", "merchant"))
    return (sells - buys) * (1 if turn.role == "salesperson" else -1)


def _merchant_introduces(session: Session) -> bool:
    who = {
        turn.role
        for turn in session.turns[:OPENING]
        if hear("salesperson", turn.text, session.language).act == "introduce"
    }
    return who == {"merchant"}


def _change_over(leans: list[int]) -> int | None:
    """The first turn from which the sides are the other way round, or None."""
    return next((n for n in range(len(leans)) if sum(leans[:n]) >= TURNED and sum(leans[n:]) <= -TURNED), None)
