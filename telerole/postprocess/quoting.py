"""Quotes: how a model is shown the turns of a session, and whether the words it quotes stand there."""

from __future__ import annotations

import json

from pydantic import Field

from telerole.records import Record, Text
from telerole.session import Session, Turn


class Quote(Record):
    """Words of one turn; turns are counted from 1, as the prompt shows them."""

    turn: int = Field(ge=1)
    text: Text


def numbered(session: Session) -> list[str]:
    """The turns with their numbers, a line each."""
    return [_line(number, turn) for number, turn in enumerate(session.turns, start=1)]


def misquoted(quote: Quote, session: Session) -> str | None:
    """What is wrong with the quote, None where its words stand in its turn, however spaced and punctuated."""
    if quote.turn > len(session.turns):
        return f"quotes: there is no turn {quote.turn}; the last is {len(session.turns)}"
    words = _letters(quote.text)
    if words and words in _letters(session.turns[quote.turn - 1].text):
        return None
    return f"quotes: turn {quote.turn} does not hold {quote.text!r}; copy its words exactly"


def _line(number: int, turn: Turn) -> str:
    """A turn as JSON: whatever is said in it cannot look like another turn."""
    return json.dumps({"turn": number, "speaker": turn.role, "text": turn.text}, ensure_ascii=False)


def _letters(text: str) -> str:
    """What has to be the same in a quote: letters and digits, not how they are spaced or punctuated."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())
