"""Asking one judge one question: a verdict whose quotes stand in the session, or a missing one, never a guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from telerole.backends.base import Backend, Sampling
from telerole.backends.structured import generate_as
from telerole.errors import BackendError, BudgetSpent
from telerole.evaluation.judge.questions import Question
from telerole.evaluation.judge.verdicts import Verdict, Verdicts
from telerole.folder import Failure, whole_characters
from telerole.postprocess.filtering import Evidence
from telerole.session import Usage
from telerole.speaker import derive_seed

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Hearing:
    """A question, whom it is put to, and whether for the first time (`repeat` 0) or again."""

    question: Question
    judge: Backend
    repeat: int = 0

    @property
    def key(self) -> str:
        """What is asked of whom, by content."""
        return f"{self.question.digest} {self.judge.name} {self.repeat}"

    async def hold(self, kept: Verdicts, sampling: Sampling, seed: int) -> None:
        """Ask, and keep what came, or that nothing did; raises `BudgetSpent`."""
        kept.add(await self._ask(kept, sampling.seeded(derive_seed(seed, self.key))))

    def verdict(self, kept: Verdicts) -> Verdict:
        """What is known of it; the verdict may have been given on the same words in another session."""
        known = kept.latest.get(self.key) or self._missing("not asked")
        return known.model_copy(update={"session": self.question.example.session.id})

    async def _ask(self, kept: Verdicts, sampling: Sampling) -> Verdict:
        spent = self.verdict(kept).usage  # of earlier runs that brought none
        try:
            answered = await generate_as(
                self.judge,
                self.question.messages,
                self.question.answer(),
                sampling=sampling,
                attempts=ATTEMPTS,
                language=self.question.example.session.language,
                refused=lambda raw, fault: kept.fail(self._failure(fault.kind, str(fault), raw)),
            )
        except BudgetSpent as error:
            used = error.usage or Usage()
            kept.fail(self._failure("BudgetSpent", str(error), None, used.attempts))
            if used.attempts:
                kept.add(self._missing(f"BudgetSpent: {error}", usage=spent + used))
            raise
        except BackendError as error:
            used = error.usage or Usage()
            kept.fail(self._failure(error.kind, str(error), error.raw, used.attempts))
            return self._missing(f"{error.kind}: {error}", error.raw, spent + used)
        if answered.repaired:
            kept.fail(self._failure("Repaired", "the JSON was mended without losing a word", answered.raw))
        answer = answered.value
        return self._verdict(
            verdict=answer.verdict == 1,
            reason=answer.reason,
            evidence=tuple(Evidence(turn=quote.turn - 1, text=quote.text) for quote in answer.quotes),
            usage=spent + answered.reply.usage,
        )

    def _missing(self, reason: str, raw: str | None = None, usage: Usage = Usage()) -> Verdict:
        return self._verdict(verdict=None, reason=reason, raw=whole_characters(raw), usage=usage)

    def _verdict(self, **said: Any) -> Verdict:
        return Verdict(
            key=self.key,
            session=self.question.example.session.id,
            metric=self.question.metric,
            judge=self.judge.name,
            repeat=self.repeat,
            **said,
        )

    def _failure(self, reason: str, message: str, raw: str | None, attempts: int = 0) -> Failure:
        session = self.question.example.session
        return Failure(
            id=session.id,
            scenario_id=session.scenario_id,
            trial=session.trial,
            seed=session.seed,
            stage=f"judge {self.question.metric}",
            reason=reason,
            message=f"{self.judge.name}: {message}",
            raw=whole_characters(raw),
            attempts=attempts,
        )
