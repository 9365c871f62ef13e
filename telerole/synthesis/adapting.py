"""From what a script tells to records: a profile by its template, and the candidate strategy fitted to the call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from telerole.profile import Profile, ProfileTemplate, Value
from telerole.records import slots
from telerole.session import Deviation, Turn
from telerole.strategy import Step, Strategy


def profile_of(
    id: str, template: ProfileTemplate, told: Mapping[str, Value], known: Profile | None
) -> tuple[Profile, list[Deviation]]:
    """The profile with just the values that are `told` or `known`; a required one that is neither is noted.

    What the platform knows stands; where the script tells it differently, that is noted. The profile's copy of its
    template asks only for what it has.
    """
    values = {**told, **(known.values if known else {})}
    untold = [name for name, field in template.fields.items() if field.required and name not in values]
    fields = {
        name: field.model_copy(update={"required": False}) if name in untold else field
        for name, field in template.fields.items()
    }
    profile = Profile(id=id, template=template.model_copy(update={"fields": fields}), values=dict(values))
    notes = [Deviation(kind="profile", detail=f"{name}: the script does not tell it") for name in untold]
    notes += [
        Deviation(kind="profile", detail=f"{name}: known as {values[name]!r}, the script tells {value!r}")
        for name, value in told.items()
        if values[name] != value
    ]
    return profile, notes


def strategy_of(
    id: str, base: Strategy, profile: Profile, turns: Iterable[Turn], offers: Sequence[str]
) -> tuple[Strategy, list[Deviation]]:
    """The strategy as this call followed it: steps passed over are dropped, its own promises are added.

    Steps that the call did not reach stay: whoever ended it, they were the plan. Slots are filled from the profile;
    a line that speaks of what the profile does not tell is dropped, and where it is the only one, the field's label
    stands for the value.
    """
    taken = {act.removeprefix("step:") for turn in turns for act in (turn.act or "").split("+")}
    places = [number for number, step in enumerate(base.flow) if step.id in taken]
    last = places[-1] if places else -1
    flow = tuple(step for number, step in enumerate(base.flow) if step.id in taken or number > last)
    if len(flow) < 2:  # a strategy has two steps at least
        flow = base.flow
    promised = {f"also_{number}": text for number, text in enumerate(offers, start=1)}
    fitted = base.model_copy(
        update={"id": id, "flow": flow, "offer": base.offer | {name: _plain(text) for name, text in promised.items()}}
    )
    notes = [
        Deviation(kind="strategy", detail=f"step {step.id}: was passed over in the call")
        for step in base.flow
        if step not in flow
    ]
    notes += [Deviation(kind="strategy", detail=f"promised beyond the strategy: {text}") for text in offers]
    return _filled(fitted, profile), notes


def _filled(strategy: Strategy, profile: Profile) -> Strategy:
    """The strategy with every slot filled: by its value, or by the field's label where the profile has none."""
    values = profile.slots()
    labels = {name: field.label for name, field in profile.template.fields.items()}
    offer = {name: text for name, text in strategy.offer.items() if slots(text) <= values.keys()}
    known = values.keys() | offer.keys()

    def sure(lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(line for line in lines if slots(line) <= known) or lines[:1]

    def step(one: Step) -> Step:
        return one.model_copy(update={"say": sure(one.say)})

    able = strategy.model_copy(
        update={
            "offer": offer,
            "flow": tuple(step(one) for one in strategy.flow),
            "rapport": sure(strategy.rapport),
            "tips": tuple(line for line in strategy.tips if slots(line) <= known),
            "avoid": tuple(line for line in strategy.avoid if slots(line) <= known),
            "answers": {kind: sure(lines) for kind, lines in strategy.answers.items()},
        }
    )
    return able.filled({name: labels.get(name, name.replace("_", " ")) for name in able.slots()} | values)


def _plain(text: str) -> str:
    """A model's words, in which braces are no slots."""
    return text.replace("{", "").replace("}", "")
