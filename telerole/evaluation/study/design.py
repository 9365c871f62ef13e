"""A study's design: which calls, under which ids, in whose order, with which attention items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from telerole.evaluation.played import Played
from telerole.evaluation.study.attention import Trap, passed_by_coin, traps
from telerole.evaluation.study.items import Item, item, letters, named_in
from telerole.evaluation.study.key import Key, Plan, Study
from telerole.evaluation.study.ordering import Shown, deal, order
from telerole.evaluation.study.sampling import Match, draw, matches
from telerole.postprocess.filtering import Example

SURE = 0.05


@dataclass(frozen=True, slots=True)
class Entry:
    """An item, the line of the key that tells whose it is, and the scenario it was played from."""

    key: Key
    item: Item
    scenario: str

    @property
    def shown(self) -> Shown:
        """What the order has to know."""
        return Shown(self.item.item, self.scenario)


@dataclass(frozen=True, slots=True)
class Design:
    """The study, its calls, and its attention items."""

    study: Study
    calls: tuple[Entry, ...]
    attention: tuple[Entry, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every item."""
        return self.calls + self.attention


def design(played: Sequence[Played], plan: Plan) -> Design:
    """Draw, disguise and order the calls, all of one language. Raises `InputError` where that cannot be done."""
    systems = tuple(dict.fromkeys(one.system for one in played))
    found = matches(played)
    drawn = draw(found, systems, plan.items, plan.random("draw"))
    dealt = deal(drawn, plan.raters, plan.overlap)
    rated = [one for match in drawn for one in match.calls.values()]
    code = letters(4, "study", plan, *(_words(one.example) for one in rated))
    calls = tuple(_call(one, code, plan.seed) for one in rated)
    wanted = ceil(plan.attention * max(sum(len(match.calls) for match in each) for each in dealt))
    attention = tuple(_trap(one, code, plan.seed) for one in traps(_pool(found, rated, plan), wanted, plan))
    study = Study(
        **dict(plan),
        code=code,
        language=played[0].example.session.language,
        systems=systems,
        orders=_orders(dealt, systems, calls, attention, plan),
        warnings=(
            *_beware_of_calls(systems, drawn, calls + attention),
            *_beware_of_attention(calls, attention, wanted),
        ),
    )
    return Design(study, calls, attention)


def _orders(
    dealt: Sequence[Sequence[Match]],
    systems: Sequence[str],
    calls: Sequence[Entry],
    attention: Sequence[Entry],
    plan: Plan,
) -> dict[str, tuple[str, ...]]:
    shown, lures = {one.key.session: one.shown for one in calls}, [one.shown for one in attention]
    return {
        f"rater-{rater + 1}": tuple(order(each, systems, rater, shown, lures, plan.random("order", rater)))
        for rater, each in enumerate(dealt)
    }


def _pool(found: Sequence[Match], rated: Sequence[Played], plan: Plan) -> list[Played]:
    """The calls that attention items are made from: those that nobody rates first."""
    taken = {one.id for one in rated}
    every = [one for match in found for one in match.calls.values()]
    return sorted(plan.random("attention").sample(every, len(every)), key=lambda one: one.id in taken)


def _call(one: Played, code: str, seed: int) -> Entry:
    shown = item(one.example, _id(code, seed, one.id, one.example))
    return Entry(
        Key(item=shown.item, session=one.id, system=one.system, script=one.script),
        shown,
        one.example.session.scenario_id,
    )


def _trap(one: Trap, code: str, seed: int) -> Entry:
    entry, planted = _call(one.played, code, seed), one.planted
    shown = item(planted.example, _id(code, seed, one.played.id, planted.example))
    told = {"item": shown.item, "fault": planted.fault, "metric": planted.metric, "turns": planted.turns}
    return Entry(entry.key.model_copy(update=told), shown, entry.scenario)


def _id(code: str, seed: int, session: str, example: Example) -> str:
    return f"{code}-{letters(8, 'item', seed, session, _words(example))}"


def _words(example: Example) -> str:
    return "\n".join(turn.text for turn in example.session.turns)


def _beware_of_calls(systems: Sequence[str], drawn: Sequence[Match], shown: Sequence[Entry]) -> Iterator[str]:
    for system in systems:
        if told := [entry.item.item for entry in shown if named_in(entry.item, system)]:
            yield f"{system!r}, a system's name, stands in the words of {len(told)} items; the first is {told[0]}"
    if alone := sum(len(match.calls) < len(systems) for match in drawn):
        yield f"{alone} scenarios are shown without the call of every system, for want of such that all have called"


def _beware_of_attention(calls: Sequence[Entry], attention: Sequence[Entry], wanted: int) -> Iterator[str]:
    if len(attention) < wanted:
        yield f"only {len(attention)} of {wanted} attention items could be made; give more calls, or longer ones"
    rated = {entry.key.session for entry in calls}
    if twice := sum(entry.key.session in rated for entry in attention):
        yield f"{twice} attention items are made from calls that are rated too; give more calls than --items asks for"
    if attention and (coin := passed_by_coin(len(attention))) > SURE:
        yield (
            f"there are {len(attention)} attention items: they find a rater who always says 1, but one who tosses a "
            f"coin passes two thirds of them {coin:.0%} of the time"
        )
