"""`Strategy`: expert guidance for a call, at several grains (paper sections 2 and 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, field_validator

from telerole.persona import Objection, Topic
from telerole.records import SLOT, Language, Record, Text, fill, slots


class Step(Record):
    """One step of the flow: what it is for, when it is done, and how experts put it.

    `say` holds sample lines with ``{slots}`` for facts of the profile and for `Strategy.offer`; `asks` names the topic
    the step finds out.
    """

    id: str = Field(min_length=1)
    goal: str = Field(min_length=1)
    done_when: str = Field(min_length=1)
    say: tuple[Text, ...] = Field(min_length=1)
    asks: Topic | None = None


class Strategy(Record):
    """Goal, rapport techniques, flow, tips, what to avoid, what may be offered, and answers to objections.

    `closes_with` is what the last step asks for: a ``meeting``, a direct ``contact`` or a ``signup``. An offer may
    name those before it.
    """

    id: str = Field(min_length=1)
    language: Language
    title: str
    goal: str = Field(min_length=1)
    closes_with: Literal["meeting", "contact", "signup"]
    rapport: tuple[Text, ...] = Field(min_length=1)
    flow: tuple[Step, ...] = Field(min_length=2)
    tips: tuple[Text, ...] = ()
    avoid: tuple[Text, ...] = ()
    offer: dict[str, Text] = {}
    answers: dict[Objection, tuple[Text, ...]] = {}

    @field_validator("flow")
    @classmethod
    def _step_ids_differ(cls, flow: tuple[Step, ...]) -> tuple[Step, ...]:
        ids = [step.id for step in flow]
        if twice := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"two steps have the id {min(twice)!r}")
        return flow

    def _lines(self) -> Iterator[str]:
        yield from (self.goal, *self.rapport, *self.tips, *self.avoid, *self.offer.values())
        for step in self.flow:
            yield from (step.goal, step.done_when, *step.say)
        for said in self.answers.values():
            yield from said

    def slots(self) -> set[str]:
        """The names that its lines need from a profile: every ``{slot}`` that `offer` does not fill.

        Raises `ValueError` for braces that nothing can fill. Not for a strategy that is `filled`, in which braces are
        whatever a profile says.
        """
        for line in self._lines():
            for braces in re.findall(r"\{[^{}]*\}?|\}", line):
                if not SLOT.fullmatch(braces):
                    raise ValueError(f"{braces!r} in {line!r} is no slot, which has small letters and _ alone")
        before: set[str] = set()
        for name, text in self.offer.items():
            if later := slots(text) & self.offer.keys() - before:
                raise ValueError(f"offer: {name} speaks of {min(later)}, which has to stand before it")
            before.add(name)
        return {name for line in self._lines() for name in slots(line)} - set(self.offer)

    def filled(self, values: Mapping[str, str]) -> Strategy:
        """The same strategy with every ``{slot}`` replaced by its value: what prompts show and offline calls say."""
        known = dict(values)
        for name, text in self.offer.items():
            known[name] = fill(text, known)

        def each(lines: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(fill(line, known) for line in lines)

        flow = tuple(
            step.model_copy(
                update={"goal": fill(step.goal, known), "done_when": fill(step.done_when, known), "say": each(step.say)}
            )
            for step in self.flow
        )
        return self.model_copy(
            update={
                "goal": fill(self.goal, known),
                "rapport": each(self.rapport),
                "flow": flow,
                "tips": each(self.tips),
                "avoid": each(self.avoid),
                "offer": {name: known[name] for name in self.offer},
                "answers": {kind: each(lines) for kind, lines in self.answers.items()},
            }
        )
