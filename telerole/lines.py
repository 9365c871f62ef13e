"""The words of an agenda-driven call: acts, and the real lines of the seed corpus that word them."""

from __future__ import annotations

from typing import Self, get_args

from pydantic import Field, model_validator

from telerole.errors import nearest
from telerole.persona import Objection, Role, Topic
from telerole.records import Record

OBJECTIONS: tuple[str, ...] = get_args(Objection)
TOPICS: tuple[str, ...] = get_args(Topic)
QUESTIONS = ("who", "number_source", "is_ai", "what", "cost", "proof")
GOALS = ("meeting", "contact", "signup")
OUTCOMES = ("agreed", "callback", "refused")

ACTS: dict[Role, dict[str, tuple[str, ...]]] = {
    "salesperson": {
        "greet": (),  # asks for the person: the first line of the call
        "introduce": (),  # who is calling, from where, and may I have a moment
        "acknowledge": (),  # two or three words before the next point
        "backchannel": (),  # a whole turn of one or two words that leaves the merchant the floor: mm, right, oh
        "answer": (*QUESTIONS, *OBJECTIONS),
        "shorten": (),  # you are busy: half a minute, then I am gone
        "offer_callback": (),  # when may I call again
        "soften": (),  # after a first refusal: one more reason, no pressure
        "confirm": GOALS,  # sums up what was agreed
        "goodbye": OUTCOMES,
        "chat": (),  # goes along with small talk for a sentence
        "repair": (),  # says it again on a bad line
        "press": (),  # will not take the no: pressure, guilt, now or never
        "boast": (),  # a promise that nobody can check
    },
    "merchant": {
        "pick_up": (),  # answers the first line
        "listen": (),  # mm, go on
        "ask": QUESTIONS,
        "answer": TOPICS,  # tells a fact that was asked for
        "volunteer": TOPICS,  # tells a fact that nobody asked for
        "unsure": (),  # does not know, or will not say
        "object": OBJECTIONS,
        "elaborate": OBJECTIONS,  # goes on about the objection just raised: an example, a grumble, the reason behind it
        "busy": (),
        "digress": (),  # small talk, a grumble, something in the shop
        "aside": (),  # speaks to somebody in the shop for a moment, then comes back
        "brush_off": (),  # a yes that means no: sure, send me something
        "interested": (),
        "agree": GOALS,
        "defer": (),  # call me another time
        "refuse": (),
        "goodbye": OUTCOMES,
        "no_time": (),  # last words: must go, no time, and the phone is down
        "scold": (),  # last words in anger: stop calling me
        "hang_up": (),  # last words before the phone goes down
        "pardon": (),  # bad line, say that again
    },
}


class Line(Record):
    """One line of the seed corpus, cleaned, its facts replaced by ``{slots}``, labelled by act.

    `script` and `line` (from 0) say where in the corpus it was said.
    """

    role: Role
    act: str
    about: str = ""
    text: str = Field(min_length=1)
    script: str
    line: int = Field(ge=0)

    @model_validator(mode="after")
    def _known_act(self) -> Self:
        acts = ACTS[self.role]
        if self.act not in acts:
            raise ValueError(f"act: {self.act!r} is no act of the {self.role}{nearest(self.act, acts)}")
        allowed = acts[self.act]
        if self.about not in (allowed or ("",)):
            known = f"one of {', '.join(allowed)}" if allowed else "nothing"
            raise ValueError(f"about: {self.act} needs {known}, not {self.about!r}{nearest(self.about, allowed)}")
        return self
