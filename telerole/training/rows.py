"""`Row`: one session as a model is trained on it, in the very messages it is later asked with (paper Eq. 1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from telerole.backends.base import Message
from telerole.channel import as_heard
from telerole.persona import Role
from telerole.prompts import called_messages, called_system, candidate_messages, candidate_system
from telerole.records import Language
from telerole.session import Method, Triplet


@dataclass(frozen=True, slots=True)
class Row:
    """The messages of one session from one side; what that side says is ``assistant``, and only that is learned.

    `id` is the session's, `source` the id of the script or QA pair that it was made from, which decides its split.
    """

    id: str
    side: Role
    language: Language
    method: Method
    source: str
    messages: tuple[Message, ...]

    @property
    def learned(self) -> int:
        """How many messages are learned from."""
        return sum(message["role"] == "assistant" for message in self.messages)


def row_of(triplet: Triplet, side: Role = "salesperson") -> Row:
    """The triplet as `side` sees it: a candidate's prompt (`Candidate`), or a called merchant's, and the whole call.

    The persona, the script and the merchant's facts stand in neither. What the other side said stands as it was heard
    where the line was bad. Messages after the side's last words are left
    out: nothing is learned from them. A session in which the side says nothing has no `learned` message.
    """
    session, language = triplet.session, triplet.session.language
    turns = as_heard(session.turns, side)
    if side == "salesperson":
        system = candidate_system(triplet.profile, triplet.strategy)
        messages = candidate_messages(system, language, turns, session.end)
    else:
        messages = called_messages(called_system(triplet.profile), language, turns, end=session.end)
    while messages and messages[-1]["role"] == "user":
        messages.pop()
    return Row(session.id, side, language, triplet.method, triplet.source, tuple(messages))


def learned_turns(row: Row) -> Iterator[tuple[int, int]]:
    """Which turns of the session (from 0) are learned, and where each stands among the messages.

    Before the turns stands the system message, and on the salesperson's side the ringing.
    """
    before = 2 if row.side == "salesperson" else 1
    return ((at - before, at) for at, message in enumerate(row.messages) if message["role"] == "assistant")
