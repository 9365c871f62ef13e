"""Two readers between whom an extractor lies: one that changes nothing in a script, and one that knows the truth."""

from __future__ import annotations

from collections.abc import Iterable

from telerole.persona import Role
from telerole.records import Language
from telerole.script import Script
from telerole.session import End, Session, Triplet, Turn
from telerole.synthesis.score.scoring import Answer
from telerole.truth import Truth

END = End(reason="stopped", detail="the script ends here")


def copied(script: Script, answer: Answer) -> Triplet:
    """The script as it stands: its lines are turns, neighbouring lines of one speaker are one.

    What an unknown speaker says goes on the line before, and what stands before the salesperson's first line is theirs.
    Profile and strategy are the answer's, the turns have no acts.
    """
    turns: list[tuple[Role, list[str]]] = [("salesperson", [])]
    for line in script.lines:
        role = turns[-1][0] if line.speaker == "unknown" or not turns[-1][1] else line.speaker
        if role != turns[-1][0]:
            turns.append((role, []))
        turns[-1][1].append(line.text)
    said = (Turn(role=role, text=" ".join(texts)) for role, texts in turns)
    return _triplet(script.id, script.language, said, answer)


def perfect(truth: Truth, language: Language, answer: Answer) -> Triplet:
    """The truth itself, with the answer's profile and strategy."""
    return _triplet(truth.script, language, truth.turns, answer)


def _triplet(script: str, language: Language, turns: Iterable[Turn], answer: Answer) -> Triplet:
    session = Session(id=f"{script}.0", scenario_id=script, language=language, seed=0, turns=tuple(turns), end=END)
    return Triplet(
        profile=answer.profile, strategy=answer.strategy, session=session, method="extraction", source=script
    )
