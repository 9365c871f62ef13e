"""The director: each turn's next step, told to the training salesperson where the words are made; to nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from telerole import Call, Candidate, Catalog, Scenario, ScriptedBackend, Simulator, Strategy, Turn
from telerole.agents.director import directed, direction
from telerole.backends.base import Message
from telerole.prompts import (
    candidate_messages,
    candidate_system_of,
    render,
    salesperson_messages,
    salesperson_system,
)
from telerole.records import LANGUAGES, Language
from telerole.session import speaker_at
from telerole.testing import FakeServer

HELLO: dict[Language, tuple[str, str, str]] = {
    "en": ("Hello, is that the shop?", "Yes?", "Mm."),
    "zh": ("喂，您好，是老板吗？", "喂，哪位？", "嗯。"),
}
NO = {"en": "No, I'm not interested, thanks.", "zh": "不用了，没兴趣。"}
YES = {"en": "Yeah, all right, put me down for that.", "zh": "行，那你给我报上名吧。"}
LINES = {
    "en": ["Hello?", "Right, so it's about your shop.", "Where do you sell most of it?", "And the season?", "Fair."],
    "zh": ["喂，您好？", "是这样，跟您店里有关。", "您货主要走哪些渠道？", "旺季是什么时候？", "明白。"],
}


@pytest.fixture(scope="module", params=LANGUAGES)
def fair(request: pytest.FixtureRequest, catalog: Catalog) -> Scenario:
    """A call that invites to a fair."""
    return next(
        one
        for one in catalog.sample(200, seed=1, language=request.param)
        if one.strategy.id == f"fair-invitation-{request.param}"
    )


def call(scenario: Scenario, *sold: str, answers: Sequence[str] = (), seed: int = 1) -> Call:
    """A call in which the salesperson, after the greeting, said `sold`; the merchant hums where it has no answer."""
    greeting, pick_up, hum = HELLO[scenario.language]
    texts = [greeting, pick_up]
    for number, line in enumerate(sold):
        texts += [line, answers[number] if number < len(answers) else hum]
    return Call(scenario, tuple(Turn(role=speaker_at(n), text=text) for n, text in enumerate(texts)), seed)


def hum(call: Call) -> str:
    """A merchant that stays on the line."""
    return HELLO[call.scenario.language][1 if len(call.turns) == 1 else 2]


def lets_go(language: Language) -> set[str]:
    """The directions that take no step: say goodbye, or offer another call."""
    return {render("salesperson_end", language, agreed=False, callback=callback) for callback in (True, False)}


def with_strategy(scenario: Scenario, strategy: Strategy) -> Scenario:
    return Scenario.model_validate({**dict(scenario), "strategy": strategy, "id": ""})


def asked_of(scenario: Scenario, **options: Any) -> tuple[list[list[Message]], tuple[Turn, ...]]:
    """What a model that sells was told, turn by turn, and the turns."""
    seen: list[list[Message]] = []

    def answer(messages: Sequence[Message]) -> str:
        seen.append([*messages])
        return LINES[scenario.language][len(messages) // 2 % 5]

    session = Simulator(ScriptedBackend(answer), hum, seed=5, max_turns=10, **options).run(scenario)
    return seen, session.turns


def test_a_changed_strategy_changes_the_bytes_of_the_direction_and_of_the_prompt(fair: Scenario) -> None:
    steps = tuple(step.model_copy(update={"goal": f"{step.goal} (Lighthouse.)"}) for step in fair.strategy.flow)
    changed = with_strategy(fair, fair.strategy.model_copy(update={"flow": steps}))
    for number in range(len(steps)):
        said = [step.say[0] for step in fair.filled_strategy.flow[:number]]
        before, after = direction(call(fair, *said)), direction(call(changed, *said))
        assert before != after
        assert "Lighthouse" in after
    assert salesperson_system(changed) != salesperson_system(fair)


def test_another_strategy_of_the_library_directs_the_same_call_otherwise(catalog: Catalog) -> None:
    compared = 0
    for scenario in catalog.sample(20, seed=2):
        for other in catalog.strategies.values():
            if other.language != scenario.language or other.id == scenario.strategy.id:
                continue
            if other.slots() <= set(scenario.profile.values):
                changed = with_strategy(scenario, other)
                assert direction(call(changed)) != direction(call(scenario))
                assert directed(call(changed))[0] != directed(call(scenario))[0]
                compared += 1
    assert compared > 20


@pytest.mark.parametrize("sample", [0, 1, -1])
def test_the_direction_names_the_first_step_not_yet_taken(fair: Scenario, sample: int) -> None:
    flow = fair.filled_strategy.flow
    for number, step in enumerate(flow):
        told = direction(call(fair, *(done.say[sample] for done in flow[:number])))
        assert step.goal in told
        assert not any(other.goal in told for other in flow if other is not step)


IN_OTHER_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "where_now": "So where do you sell your things nowadays?",
        "the_day": "Well, so: Thursday the twelfth of May, at the Harbour Hall in Bristol, you'd like it.",
        "trouble": "Right, and what would you say bothers you most?",
        "what_it_takes": "You'd be out of pocket by nothing at all: the pass is free for sellers.",
    },
    "zh": {
        "channels": "我想问问，货都走什么渠道啊？",
        "event": "到时候啊，九月十六号到十八号，您来东湾会展馆二号馆，我在门口等您。",
        "trouble": "那您现在最头疼的事是什么？",
    },
}


def test_a_step_that_was_taken_in_other_words_is_not_asked_for_again(fair: Scenario) -> None:
    flow = fair.filled_strategy.flow
    for taken, line in IN_OTHER_WORDS[fair.language].items():
        number = next(n for n, step in enumerate(flow) if step.id == taken)
        earlier = [step.say[0] for step in flow[:number]]
        assert flow[number].goal in direction(call(fair, *earlier))
        assert flow[number + 1].goal in direction(call(fair, *earlier, line)), taken


def test_steps_taken_out_of_order_are_passed_over(fair: Scenario) -> None:
    flow = fair.filled_strategy.flow
    told = direction(call(fair, flow[1].say[0], flow[0].say[0]))
    assert flow[2].goal in told


def test_the_direction_deals_first_with_what_the_merchant_just_put(fair: Scenario) -> None:
    flow = fair.filled_strategy.flow
    question = {"en": "And how much does that cost?", "zh": "这个要多少钱？"}[fair.language]
    quiet, asked = direction(call(fair, flow[0].say[0])), direction(call(fair, flow[0].say[0], answers=[question]))
    first = {"en": "First deal with", "zh": "先把他刚提的这个接住"}[fair.language]
    assert not quiet.startswith(first)
    assert asked.startswith(first)


def test_after_two_refusals_it_lets_go(fair: Scenario) -> None:
    """Whatever the seed: it says goodbye or offers another call; a model that is told the next step would press."""
    flow, no = fair.filled_strategy.flow, NO[fair.language]
    for seed in range(40):
        once = direction(call(fair, flow[0].say[0], answers=[no], seed=seed))
        twice = direction(call(fair, flow[0].say[0], flow[1].say[0], answers=[no, no], seed=seed))
        assert once not in lets_go(fair.language)
        assert twice in lets_go(fair.language)


def test_after_a_yes_to_the_proposal_nothing_more_is_pitched(fair: Scenario) -> None:
    flow, yes = fair.filled_strategy.flow, YES[fair.language]
    for said in ([flow[0], flow[-1]], list(flow)):  # with steps left out, and with the proposal made only once
        hums = [HELLO[fair.language][2]] * (len(said) - 1)
        told = direction(call(fair, *(step.say[0] for step in said), answers=[*hums, yes]))
        assert not any(step.goal in told for step in flow)


def test_a_goodbye_comes_without_samples_of_a_pitch(fair: Scenario) -> None:
    flow, no = fair.filled_strategy.flow, NO[fair.language]
    told = direction(call(fair, flow[0].say[0], flow[1].say[0], answers=[no, no]))
    assert not any(line in told for step in flow for line in step.say)


def test_the_samples_are_lines_of_the_very_step_it_names(fair: Scenario) -> None:
    flow = fair.filled_strategy.flow
    for number, step in enumerate(flow):
        told = direction(call(fair, *(done.say[0] for done in flow[:number])))
        assert sum(line in told for line in step.say) in (1, 2)
        assert not any(line in told for other in flow if other is not step for line in other.say)


def test_the_first_line_has_no_direction(scenario: Scenario) -> None:
    seen, turns = asked_of(scenario)
    assert seen[0] == salesperson_messages(scenario, [], directed=True)
    assert seen[1] != salesperson_messages(scenario, turns[:2], directed=True)


def test_a_direction_stands_in_the_last_message_only_and_is_gone_the_turn_after(scenario: Scenario) -> None:
    seen, turns = asked_of(scenario)
    assert len(seen) == 5
    for number, messages in enumerate(seen[1:], start=1):
        plain = salesperson_messages(scenario, turns[: 2 * number], directed=True)
        assert messages[:-1] == plain[:-1]
        assert messages[-1]["content"].startswith(plain[-1]["content"] + "\n\n")
    for before, after in pairwise(seen):
        assert after[: len(before) - 1] == before[:-1]


def test_only_who_is_directed_is_told_what_a_direction_is(scenario: Scenario) -> None:
    plain, told = salesperson_system(scenario).splitlines(), salesperson_system(scenario, directed=True).splitlines()
    added = [line for line in told if line not in plain]
    assert len(added) == 1
    assert [line for line in told if line not in added] == plain


def test_without_a_director_the_messages_are_the_plain_ones(scenario: Scenario) -> None:
    seen, turns = asked_of(scenario, director=False)
    assert len(seen) == 5
    assert seen == [salesperson_messages(scenario, turns[: 2 * number]) for number in range(len(seen))]


def test_a_candidate_is_never_directed(scenario: Scenario) -> None:
    seen: list[list[Message]] = []
    system, lines = candidate_system_of(scenario), LINES[scenario.language]

    def answer(messages: Sequence[Message]) -> str:
        seen.append([*messages])
        return lines[len(messages) // 2 % 5]

    with FakeServer(reply=lambda body: answer(body["messages"])) as server:
        for guest in (Candidate(ScriptedBackend(answer)), f"candidate+openai:m@{server.url}"):
            seen.clear()
            turns = Simulator(guest, hum, director=True, seed=5, max_turns=10).run(scenario).turns
            assert len(seen) == 5
            told = [candidate_messages(system, scenario.language, turns[: 2 * n]) for n in range(len(seen))]
            assert seen == told
