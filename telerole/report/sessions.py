"""Sampled calls to read: what judges found stands marked in the turns, with the reason beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from telerole.display import NAMES as SPEAKERS
from telerole.evaluation.judge.verdicts import Verdict
from telerole.evaluation.played import Played
from telerole.outcome import outcome
from telerole.report.evidence import pieces
from telerole.report.figures import metric_name
from telerole.report.shape import Badge, Call, Cell, Line, Mark, Note, Section, Table, columns, plain_table
from telerole.session import Session

SAID: dict[bool | None, str] = {True: "1", False: "0", None: "missing"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A call to show, and what judges said of it; verdicts on other calls are no fault, and left out."""

    played: Played
    verdicts: Sequence[Verdict] = ()


def sampled(shown: Sequence[Shown]) -> Iterator[Section]:
    """The section of the calls, where there are any."""
    if shown:
        yield Section("Calls to read", tuple(_call(one) for one in shown))


def _call(shown: Shown) -> Call:
    session = shown.played.example.session
    verdicts = [one for one in shown.verdicts if one.session == shown.played.id]
    return Call(
        title=shown.played.id,
        language=session.language,
        badges=tuple(_badges(verdicts)),
        lines=tuple(_lines(session, verdicts)),
        ending=_ending(session),
        verdicts=_verdicts(verdicts) if verdicts else None,
    )


def _badges(verdicts: Sequence[Verdict]) -> Iterator[Badge]:
    for metric in dict.fromkeys(one.metric for one in verdicts):
        said = [one.verdict for one in verdicts if one.metric == metric and not one.repeat]
        yield Badge(metric_name(metric), ", ".join(SAID[one] for one in said), _majority(said))


def _majority(said: Sequence[bool | None]) -> Mark:
    good, bad = said.count(True), said.count(False)
    return "good" if 2 * good > len(said) else "bad" if 2 * bad > len(said) else ""


def _lines(session: Session, verdicts: Sequence[Verdict]) -> Iterator[Line]:
    faults = [one for one in verdicts if one.verdict is False]
    names = SPEAKERS[session.language]
    for at, turn in enumerate(session.turns):
        quotes: dict[str, list[str]] = {}
        for fault in faults:
            quotes.setdefault(metric_name(fault.metric), []).extend(_quotes(fault, at))
        notes = tuple(_note(fault) for fault in faults if _first(fault) == at)
        yield Line(turn.role, names[turn.role], pieces(turn.text, quotes), notes)


def _quotes(fault: Verdict, at: int) -> list[str]:
    return [one.text for one in fault.evidence if one.turn == at]


def _first(fault: Verdict) -> int | None:
    """The first turn that shows the fault: the reason is told there."""
    return min((one.turn for one in fault.evidence if one.turn is not None), default=None)


def _note(fault: Verdict) -> Note:
    return Note(metric_name(fault.metric), _judge(fault), fault.reason)


def _judge(verdict: Verdict) -> str:
    return f"{verdict.judge}, asked again" if verdict.repeat else verdict.judge


def _ending(session: Session) -> str:
    by = f" by the {session.end.by}" if session.end.by else ""
    detail = f" ({session.end.detail})" if session.end.detail else ""
    what = outcome(session).replace("_", " ")
    return f"{session.end.reason.replace('_', ' ')}{by}, {len(session.turns)} turns; came to: {what}{detail}"


def _verdicts(verdicts: Sequence[Verdict]) -> Table:
    return plain_table(
        "All verdicts",
        columns(("Metric", "Judge"), ("Verdict",), ("Reason", "Evidence")),
        tuple(
            (
                Cell(metric_name(one.metric)),
                Cell(_judge(one)),
                Cell(SAID[one.verdict], mark=_majority([one.verdict])),
                Cell(one.reason),
                Cell(" … ".join(each.text for each in one.evidence)),
            )
            for one in verdicts
        ),
    )
