"""The six questions of the paper (5.2), one metric each, and the answer a judge has to give to be heard."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from pydantic import model_validator

from telerole.backends.base import Message
from telerole.postprocess.filtering import Example
from telerole.postprocess.quoting import Quote, misquoted, numbered
from telerole.prompts import profile_text, render, strategy_text
from telerole.records import Record, Text
from telerole.session import Session

Metric = Literal[
    "consistency", "repetition", "conversationality", "diversity", "strategy_following", "knowledge_grounding"
]
METRICS: tuple[Metric, ...] = get_args(Metric)
NAMES: dict[Metric, str] = {
    "consistency": "Consistency",
    "repetition": "Repetition",
    "conversationality": "Conversationality",
    "diversity": "Diversity",
    "strategy_following": "Strategy-following",
    "knowledge_grounding": "Knowledge-grounding",
}
"""As the paper spells them."""
INFORMED: frozenset[Metric] = frozenset({"strategy_following", "knowledge_grounding"})
PLACES: Mapping[Metric, Literal[1, 2]] = {"repetition": 2, "diversity": 2}
"""In how many turns a fault shows: what is the same twice can be seen in two only."""


class Answer(Record):
    """What is to be said of the salesperson: the reason first, then 1 or 0 and, with a 0, what it rests on."""

    reason: Text
    verdict: Literal[1, 0]
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True)
class Question:
    """One metric's question about one session's salesperson; the prompt is ``templates/<language>/judge/<metric>.txt``.

    It shows the turns and nothing of where they come from: no id, no name of a model, no seed, no acts. Profile and
    strategy stand in it for the two metrics that need them.
    """

    metric: Metric
    example: Example

    @property
    def messages(self) -> list[Message]:
        """What the judge is asked: the question, the same for every session, and the call."""
        language, places = self.example.session.language, PLACES.get(self.metric, 1)
        question = f"{render(f'judge/{self.metric}', language)}\n\n{render('judge/form', language, places=places)}"
        return [{"role": "system", "content": question}, {"role": "user", "content": self._call()}]

    @cached_property
    def digest(self) -> str:
        """The same where the same is asked about the same words."""
        told = "\n\n".join(message["content"] for message in self.messages)
        return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:20]

    def answer(self) -> type[Answer]:
        """`Answer`, valid only where its quotes stand in this session."""
        return _answer_about(self.example.session, PLACES.get(self.metric, 1))

    def _call(self) -> str:
        informed, example = self.metric in INFORMED, self.example
        return render(
            "judge/call",
            example.session.language,
            profile=profile_text(example.profile) if informed and example.profile else "",
            strategy=strategy_text(example.strategy) if informed and example.strategy else "",
            knowledge=example.knowledge if informed else (),
            turns=numbered(example.session),
        )


def _answer_about(session: Session, places: int) -> type[Answer]:
    class Checked(Answer):
        @model_validator(mode="after")
        def _quotes_stand(self) -> Checked:
            faults = [fault for quote in self.quotes if (fault := misquoted(quote, session))]
            if not faults and self.verdict == 0:
                faults = _unshown(self.quotes, session, places)
            if faults:
                raise ValueError("\n".join(faults))
            return self

    Checked.__name__ = Answer.__name__
    return Checked


def _unshown(quotes: tuple[Quote, ...], session: Session, places: int) -> list[str]:
    """What the quotes of a 0 lack."""
    turns = {quote.turn for quote in quotes}
    if len(turns) < places:
        return [f"quotes: a 0 here needs words of {'two different turns' if places > 1 else 'a turn'}"]
    if not any(session.turns[turn - 1].role == "salesperson" for turn in turns):
        return ["quotes: a 0 needs words of the salesperson's, with the number of their turn"]
    return []
