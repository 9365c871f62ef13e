"""What a call came to, read from the merchant's side only, and how long it took (paper 5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from telerole.reading import Heard, hear, means, words
from telerole.records import Language
from telerole.session import Session, Turn

Outcome = Literal[
    "high_intention",  # agreed to the meeting or the sign-up, or gave a direct contact
    "interest",  # wants to know more, without having agreed to anything
    "callback",  # another call was agreed on
    "perfunctory",  # a yes that means no
    "refusal",
    "no_time",
    "hostile",
]

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

WORDS_A_SECOND: dict[Language, float] = {
    "en": 2.7,
    "zh": 4.2,
}  # conversational rates: 160 words, 250 characters a minute
BETWEEN_TURNS = 0.4  # seconds
RESISTS = frozenset({"object", "elaborate", "refuse", "busy", "brush_off", "no_time", "scold", "hang_up"})
CURIOUS = ("cost", "proof")
TAKES_BACK = frozenset({"object", "hang_up"})
SETTLES: dict[str, Outcome] = {
    "agree": "high_intention",
    "defer": "callback",
    "brush_off": "perfunctory",
    "refuse": "refusal",
    "no_time": "no_time",
    "scold": "hostile",
}


def outcome(session: Session) -> Outcome:
    """How the merchant left the call. What they did last settles it; what the salesperson claims counts nothing.

    Where the merchant's turns carry acts (an offline merchant, or a model's with a mind) those are read, else cues. In
    doubt the less committed outcome holds: somebody who only listened was perfunctory, and whoever objects or hangs up
    after a yes, before a goodbye, has taken it back.
    """
    did = merchant_acts(session.turns, session.language)
    kinds = [act.act for act in did]
    if "scold" in kinds:
        return "hostile"
    for act in standing(did, walked_out=session.end.reason == "merchant_hangup"):
        if act.act in SETTLES:
            return SETTLES[act.act]
        if act.act == "goodbye" and act.about in ("agreed", "callback"):
            return "high_intention" if act.about == "agreed" else "callback"
    if kinds[-1:] == ["busy"]:
        return "no_time"
    walked_away = session.end.by == "merchant"
    curious = any(act.act == "interested" or (act.act == "ask" and act.about in CURIOUS) for act in did)
    if curious and "hang_up" not in kinds:
        return "perfunctory" if walked_away else "interest"
    return "refusal" if walked_away or "hang_up" in kinds or kinds.count("object") > 1 else "perfunctory"


def standing(did: Sequence[Heard], *, walked_out: bool = False) -> Iterator[Heard]:
    """What the merchant did, the last first, without a yes that was taken back before anybody said goodbye."""
    taken_back = walked_out
    for act in reversed(did):
        taken_back = act.act != "goodbye" and (taken_back or act.act in TAKES_BACK)
        if not (taken_back and act.act == "agree"):
            yield act


def merchant_acts(turns: Sequence[Turn], language: Language) -> list[Heard]:
    """What the merchant did, turn by turn: the act that stands on the turn, else what it is heard as."""
    found = []
    for index in range(1, len(turns), 2):
        act, _, about = (turns[index].act or "").partition(":")
        found.append(Heard(act, about) if act else heard_after(turns, index, language))
    return found


def heard_after(turns: Sequence[Turn], index: int, language: Language) -> Heard:
    """What the merchant's turn `index` is heard as, given what was said before it.

    A yes agrees only to what was just proposed, and a yes to "shall I call again" to a callback; anywhere else it
    means "go on".
    """
    said, asked = turns[index].text, turns[index - 1].text
    heard = hear("merchant", said, language)
    yes = heard.act in ("agree", "assent") or means("merchant", "assent", said, language)
    if yes and means("salesperson", "propose", asked, language):
        return Heard("agree")
    if (yes or means("merchant", "defer", said, language)) and means("salesperson", "offer_callback", asked, language):
        return Heard("defer")
    if heard.act == "assent" or heard.act == "agree":
        return Heard("listen")
    return heard


def suspected_ai(session: Session) -> bool:
    """Whether the merchant asked if they were talking to a machine."""
    return Heard("ask", "is_ai") in merchant_acts(session.turns, session.language)


def resistance(session: Session) -> float:
    """The share of the merchant's turns that resist: object, refuse, have no time, brush off, put the phone down."""
    did = merchant_acts(session.turns, session.language)
    return sum(act.act in RESISTS for act in did) / len(did) if did else 0.0


def seconds(session: Session) -> float:
    """How long the call took: every word at the language's conversational rate, and a breath between turns."""
    spoken = sum(words(turn.text, session.language) for turn in session.turns)
    return spoken / WORDS_A_SECOND[session.language] + BETWEEN_TURNS * max(0, len(session.turns) - 1)
