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
    if place(quote.text, session.turns[quote.turn - 1].text):
        return None
    return f"quotes: turn {quote.turn} does not hold {quote.text!r}; copy its words exactly"


def place(quote: str, text: str) -> tuple[int, int] | None:
    """From where to where in `text` the quote's letters and digits stand, first of all places; None where they do not.

    Case, spaces and punctuation do not count.
    """
    letters = [(letter, at) for at, written in enumerate(text) for letter in written.casefold() if letter.isalnum()]
    words = "".join(letter for letter in quote.casefold() if letter.isalnum())
    start = "".join(letter for letter, _ in letters).find(words) if words else -1
    if start < 0:
        return None
    return letters[start][1], letters[start + len(words) - 1][1] + 1


def _line(number: int, turn: Turn) -> str:
    """A turn as JSON: whatever is said in it cannot look like another turn."""
    return json.dumps({"turn": number, "speaker": turn.role, "text": turn.text}, ensure_ascii=False)
