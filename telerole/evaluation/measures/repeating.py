"""How much a speaker repeats itself, by text and by intent (paper 5.2, Repetition)."""

from __future__ import annotations

from collections.abc import Iterator

from telerole.persona import Role
from telerole.postprocess.repetition import repeats
from telerole.reading import hear, means, sentences, topics
from telerole.session import Session

NO_ANSWER = frozenset({"ask", "pardon", "busy", "aside", "digress"})  # what leaves a question as open as it was


def repeated_turns(session: Session, role: Role) -> float:
    """The share of the role's turns that nearly repeat what it has said before; from 0 to 1, lower is better.

    A turn does where it, or a sentence of it, is one of the later halves that `postprocess.repetition.repeats` finds:
    rapidfuzz's ratio of the words without fillers is at least 88 of 100, and the figures are the same. What was said
    again because the other side had not caught it, and questions, do not count (`asked_again`). 0 where the role has
    no turn.
    """
    turns = sum(turn.role == role for turn in session.turns)
    again = {repeat.again.turn for repeat in repeats(session.turns, role, session.language) if not repeat.question}
    return len(again) / turns if turns else 0.0


def asked_again(session: Session, role: Role) -> int:
    """How many turns of the role ask what the other side has answered before; from 0, lower is better.

    The same question is one in nearly the same words (`postprocess.repetition.repeats`) or, from the salesperson, one
    for the same topic in any words (`reading.topics`, such as ``channels``), so that a closer question about an answer
    counts as well; an offer does not. A question is answered where the next turn asks nothing itself, and is heard
    neither as a pardon, as busy, nor as talk beside it. What is asked again because the merchant had not caught it does
    not count.
    """
    found = repeats(session.turns, role, session.language)
    by_text = {repeat.again.turn for repeat in found if repeat.question}
    by_topic = set(_topics_again(session)) if role == "salesperson" else set()
    return len(by_text | by_topic)


def _topics_again(session: Session) -> Iterator[int]:
    """The salesperson's turns that ask for a topic the merchant has already told about."""
    told: set[str] = set()
    for index in range(0, len(session.turns), 2):
        topics = _asked(session, index)
        if topics & told and not _is_pardon(session, index - 1):
            yield index
        if index + 1 < len(session.turns) and _answers(session, index + 1):
            told |= topics


def _asked(session: Session, index: int) -> set[str]:
    questions = (one for one in sentences(session.turns[index].text) if one.endswith(("?", "？")))
    return {topic for one in questions for topic in topics(one, session.language)}


def _is_pardon(session: Session, index: int) -> bool:
    return index > 0 and means("merchant", "pardon", session.turns[index].text, session.language)


def _answers(session: Session, index: int) -> bool:
    text = session.turns[index].text
    return not text.endswith(("?", "？")) and hear("merchant", text, session.language).act not in NO_ANSWER
