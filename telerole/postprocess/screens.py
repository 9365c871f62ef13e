"""Screens: one yes/no question each about a session, answered by a model that has to quote what it rests on.

A quote that does not stand in the turn it names is a faulty answer, and asked for again. No verdict is no rejection.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from telerole.backends.base import Backend, Message, Sampling
from telerole.backends.structured import generate_as
from telerole.postprocess.filtering import Evidence, Example, Heard, ModelFilter, Reject
from telerole.postprocess.quoting import Quote, misquoted, numbered
from telerole.prompts import profile_text, render, strategy_text
from telerole.records import Record, Text
from telerole.session import Session

SAMPLING = Sampling(temperature=0.0, max_tokens=800)


class Answer(Record):
    """Whether the session can be kept: the reason first, then the verdict and, with a no, what it rests on."""

    reason: Text
    verdict: Literal["yes", "no"]
    quotes: tuple[Quote, ...] = ()


class Screen(ModelFilter):
    """Asks the model one question, ``templates/<language>/postprocess/<name>.txt``; a no rejects.

    `attempts` bounds how often a faulty answer is asked for again.
    """

    informed: ClassVar[bool] = False  # whether the question needs the profile and the strategy

    attempts: int = Field(default=3, ge=1)

    async def ask(self, example: Example, backend: Backend, heard: Heard | None = None) -> Reject | None:
        """The reject holds the model's reason and its quotes.

        Raises `BadReply` where no attempt brought a verdict whose quotes stand in the session, or what the backend
        raises.
        """
        session = example.session
        messages = self._messages(example)
        answered = await generate_as(
            backend,
            messages,
            _answer_about(session),
            sampling=SAMPLING,
            attempts=self.attempts,
            language=session.language,
            refused=heard and (lambda raw, fault: heard(fault.kind, str(fault), raw)),
        )
        if heard and answered.repaired:
            heard("Repaired", "the JSON was mended without losing a word", answered.raw)
        answer = answered.value
        if answer.verdict == "yes":
            return None
        evidence = tuple(Evidence(turn=quote.turn - 1, text=quote.text) for quote in answer.quotes)
        return Reject(reason=answer.reason, evidence=evidence)

    def _messages(self, example: Example) -> list[Message]:
        language = example.session.language
        profile = example.profile if self.informed else None
        strategy = example.strategy if self.informed else None
        call = render(
            "postprocess/screened_call",
            language,
            profile=profile_text(profile) if profile else "",
            strategy=strategy_text(strategy) if strategy else "",
            expert=bool(example.knowledge),
            turns=numbered(example.session),
        )
        return [
            {"role": "system", "content": render(f"postprocess/{self.name}", language)},
            {"role": "user", "content": call},
        ]


class SafetyScreen(Screen):
    """Whether a model may learn from the salesperson, as far as safety goes."""

    name: ClassVar[str] = "safety_screen"


class QualityScreen(Screen):
    """Whether an experienced sales trainer would want the call in a training set."""

    name: ClassVar[str] = "quality_screen"


class CoherenceScreen(Screen):
    """Whether the conversation holds together and the salesperson follows its strategy."""

    name: ClassVar[str] = "coherence_screen"
    informed: ClassVar[bool] = True


def _answer_about(session: Session) -> type[Answer]:
    """`Answer`, valid only where its quotes stand in this session."""

    class Checked(Answer):
        @model_validator(mode="after")
        def _quotes_stand(self) -> Checked:
            if self.verdict == "no" and not self.quotes:
                raise ValueError("quotes: a no needs the words that decide it, with the number of their turn")
            faults = [fault for quote in self.quotes if (fault := misquoted(quote, session))]
            if faults:
                raise ValueError("\n".join(faults))
            return self

    Checked.__name__ = Answer.__name__
    return Checked
