"""How calls end: stop rules, functions of the turns so far that give an `End` or None."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rapidfuzz.fuzz import ratio

from telerole.outcome import TAKES_BACK, merchant_acts, standing
from telerole.persona import Role
from telerole.reading import hear
from telerole.records import Language
from telerole.session import End, EndReason, Turn, speaker_at

Rule = Callable[[Sequence[Turn]], End | None]

SETTLED: dict[str, EndReason] = {"agree": "goal_reached", "defer": "callback_agreed"}
WALKS_OUT = TAKES_BACK | {"refuse", "scold"}
SAME_LINE = 92
GOODBYES = 3


def standard_rules(language: Language, max_turns: int) -> list[Rule]:
    """What ends every call: a goodbye given and returned, lines that go round in circles, and `max_turns`."""

    def goodbye(turns: Sequence[Turn]) -> End | None:
        return said_goodbye(turns, language)

    def cap(turns: Sequence[Turn]) -> End | None:
        return End(reason="max_turns") if len(turns) >= max_turns else None

    return [goodbye, repetition, cap]


def said_goodbye(turns: Sequence[Turn], language: Language) -> End | None:
    """Both sides have said goodbye one after the other, or goodbyes go on without end (`loop`)."""
    if not turns or not _is_goodbye(turns[-1], language):
        return None
    if len(turns) > 1 and _is_goodbye(turns[-2], language):
        return End(reason=wound_up(turns, turns[-2].role, language), by=turns[-2].role)
    if sum(_is_goodbye(turn, language) for turn in turns) >= GOODBYES:
        return End(reason="loop", by=turns[-1].role, detail="goodbyes without end")
    return None


def repetition(turns: Sequence[Turn]) -> End | None:
    """One speaker says nearly the same line a third time within five of its turns; very short ones may repeat."""
    if not turns or len(turns[-1].text) < 6:
        return None
    last = turns[-1]
    own = [turn.text for turn in turns[:-1] if turn.role == last.role][-4:]
    alike = sum(ratio(last.text, text, score_cutoff=SAME_LINE) > 0 for text in own)
    if alike >= 2:
        return End(reason="loop", by=last.role, detail="the same line three times")
    return None


def put_down(turns: Sequence[Turn], text: str, language: Language) -> End:
    """The end when the speaker of `text`, whose turn it is, puts the phone down: wound up, or just hung up."""
    role = speaker_at(len(turns))
    polite = bool(text) and hear(role, text, language).act == "goodbye"
    reason = wound_up(turns, role, language)
    if polite or reason == "callback_agreed" or (reason == "goal_reached" and not _walks_out(turns, text, language)):
        return End(reason=reason, by=role)
    return End(reason="merchant_hangup" if role == "merchant" else "salesperson_hangup", by=role)


def _walks_out(turns: Sequence[Turn], text: str, language: Language) -> bool:
    """Whether a merchant hangs up in anger, or without a word before anybody said goodbye: a yes is then taken back."""
    if speaker_at(len(turns)) != "merchant":
        return False
    if text:
        return hear("merchant", text, language).act in WALKS_OUT
    return [act.act for act in merchant_acts(turns, language)][-1:] != ["goodbye"]


def wound_up(turns: Sequence[Turn], by: Role, language: Language) -> EndReason:
    """What a call that ends in goodbyes came to: the last that the merchant settled, else who said goodbye."""
    for act in standing(merchant_acts(turns, language)):
        if act.act in SETTLED:
            return SETTLED[act.act]
        if act.act in ("refuse", "brush_off"):
            break
    return "merchant_goodbye" if by == "merchant" else "salesperson_goodbye"


def _is_goodbye(turn: Turn, language: Language) -> bool:
    if turn.act is not None:
        return turn.act.rpartition("+")[2].partition(":")[0] == "goodbye"
    return hear(turn.role, turn.text, language).act == "goodbye"
