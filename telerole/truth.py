"""`Truth`: what was really said in a noisy script, so that whoever cleans scripts can be scored."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from telerole.errors import nearest
from telerole.lines import ACTS
from telerole.outcome import Outcome
from telerole.records import Record
from telerole.session import Turn, speaker_at


class Truth(Record):
    """The clean call behind the seed script `script`: its turns, each with its act, and how the merchant left it.

    The salesperson begins and turns alternate. An act is one of `lines.ACTS`, its kind after a colon
    (``object:price``), or ``step:<id>`` where the salesperson takes a step of the strategy; several in one turn are
    joined by ``+``. A call that a model worded may have turns without one.
    """

    script: str = Field(min_length=1)
    outcome: Outcome
    turns: tuple[Turn, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _turns_are_labelled(self) -> Self:
        faults = []
        for index, turn in enumerate(self.turns):
            if turn.role != speaker_at(index):
                faults.append(
                    f"turns[{index}].role: turns alternate from the salesperson, this one must be the other's"
                )
            for act in turn.act.split("+") if turn.act else ():
                name, _, about = act.partition(":")
                if name == "step" and turn.role == "salesperson" and about:
                    continue
                kinds = ACTS[turn.role].get(name)
                if kinds is None or about not in (kinds or ("",)):
                    acts = ACTS[turn.role].items()
                    right = [f"{one}:{about}".rstrip(":") for one, abouts in acts for about in abouts or ("",)]
                    faults.append(f"turns[{index}].act: {act!r} is no act of the {turn.role}{nearest(act, right)}")
        if faults:
            raise ValueError("\n".join(faults))
        return self
