"""All measures of one session together, and their means over sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from telerole.agents.adherence import Adherence, adherence
from telerole.errors import InputError
from telerole.evaluation.ledger import ledger
from telerole.evaluation.measures.repeating import asked_again, repeated_turns
from telerole.evaluation.measures.speaking import bookish_turns, goodbye_tail, role_faults, style_gap, turn_lengths
from telerole.outcome import Outcome, outcome, seconds
from telerole.persona import Role
from telerole.postprocess.filtering import Example
from telerole.records import Language, Record
from telerole.session import Session
from telerole.style import measure

OF_SESSION = ("turns", "seconds", "role_faults", "goodbye_tail", "claims", "traced")


class RoleMeasures(Record):
    """One side of a call: its turns, the mean and the most words of one, and each measure as its function defines it.

    `length` is None where the side has no turn, `style_gap` where it says no word.
    """

    turns: int
    length: float | None
    longest: int
    style_gap: float | None
    bookish_turns: float
    repeated_turns: float
    asked_again: int


class SessionMeasures(Record):
    """One session, each measure as the function of its name defines it.

    `adherence` is None without a strategy; `traced`, the share of the salesperson's claims that a source holds, without
    a claim, a profile or a strategy.
    """

    id: str
    language: Language
    outcome: Outcome
    turns: int
    seconds: float
    role_faults: int
    goodbye_tail: int
    adherence: Adherence | None
    claims: int
    traced: float | None
    salesperson: RoleMeasures
    merchant: RoleMeasures


def measure_session(example: Example) -> SessionMeasures:
    """Measure a session, its strategy with the slots filled."""
    session, known = example.session, ledger(example)
    return SessionMeasures(
        id=session.id,
        language=session.language,
        outcome=outcome(session),
        turns=len(session.turns),
        seconds=seconds(session),
        role_faults=role_faults(session),
        goodbye_tail=goodbye_tail(session),
        adherence=adherence(session.turns, example.strategy) if example.strategy else None,
        claims=len(known.entries),
        traced=known.traced if example.profile and example.strategy else None,
        salesperson=_of_role(session, "salesperson"),
        merchant=_of_role(session, "merchant"),
    )


def means(measured: Sequence[SessionMeasures]) -> dict[str, float | None]:
    """The mean of each measure of whole sessions, the parts of `adherence` among them.

    Sessions for which there is none are left out; None where that leaves nothing.
    """
    plans = [one.adherence for one in measured if one.adherence]
    return _means(measured, OF_SESSION) | _means(plans, Adherence.model_fields)


def role_means(measured: Sequence[SessionMeasures], role: Role) -> dict[str, float | None]:
    """The mean of each measure of one side, as `means`."""
    return _means([getattr(one, role) for one in measured], RoleMeasures.model_fields)


def value_of(measured: SessionMeasures, name: str) -> float | None:
    """One measure of a session by its name: of the whole session, of its plan, or of the salesperson's side."""
    if name in OF_SESSION:
        whole: float | None = getattr(measured, name)
        return whole
    part = measured.adherence if name in Adherence.model_fields else measured.salesperson
    found: float | None = getattr(part, name) if part else None
    return found


def _of_role(session: Session, role: Role) -> RoleMeasures:
    lengths = turn_lengths(session, role)
    return RoleMeasures(
        turns=len(lengths),
        length=fmean(lengths) if lengths else None,
        longest=max(lengths, default=0),
        style_gap=_style_gap(session, role),
        bookish_turns=bookish_turns(session, role),
        repeated_turns=repeated_turns(session, role),
        asked_again=asked_again(session, role),
    )


def _style_gap(session: Session, role: Role) -> float | None:
    try:
        style = measure((turn.text for turn in session.turns if turn.role == role), session.language)
    except InputError:
        return None
    return style_gap(style, session.language, role)


def _means(records: Sequence[Record], names: Iterable[str]) -> dict[str, float | None]:
    return {name: _mean(getattr(one, name) for one in records) for name in names}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
