"""The strategy's plan: followed by what was said, measured without a judge."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from telerole import Catalog, Scenario, Session, Simulator, Strategy, Turn
from telerole.agents.adherence import adherence
from telerole.agents.plan import next_acts, next_step, progress
from telerole.agents.probes import PROBES
from telerole.agents.steps import acts_in
from telerole.records import LANGUAGES, Language
from telerole.session import speaker_at


def call(*texts: str) -> list[Turn]:
    return [Turn(role=speaker_at(index), text=text) for index, text in enumerate(texts)]


def played(catalog: Catalog, probe: str, count: int, language: Language) -> list[tuple[Scenario, Session]]:
    scenarios = catalog.sample(count, seed=6, language=language)
    run = {session.scenario_id: session for session in Simulator(PROBES[probe], seed=6).run_many(scenarios)}
    return [(one, run[one.id]) for one in scenarios]


def strategy_of(catalog: Catalog, language: Language) -> Strategy:
    name = {"en": "fair-invitation-en", "zh": "fair-invitation-zh"}[language]
    return next(
        one.filled_strategy for one in catalog.sample(200, seed=1, language=language) if one.strategy.id == name
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_steps_of_a_line_are_known_from_its_words(catalog: Catalog, language: Language) -> None:
    """What an offline salesperson meant is the truth; it is read here from the words alone."""
    right = read = meant = 0
    for scenario, session in played(catalog, "neutral", 100, language):
        for turn in session.turns[::2]:
            truth = {act for act in (turn.act or "").split("+") if act.startswith("step:")}
            found = {act for act in acts_in(turn.text, scenario.filled_strategy) if act.startswith("step:")}
            right, read, meant = right + len(truth & found), read + len(found), meant + len(truth)
    assert right / read > 0.93
    assert right / meant > 0.97


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_is_known_by_each_of_its_sample_lines(catalog: Catalog, language: Language) -> None:
    strategy = strategy_of(catalog, language)
    missed = [line for step in strategy.flow for line in step.say if f"step:{step.id}" not in acts_in(line, strategy)]
    assert len(missed) <= 1, missed


def test_a_remark_takes_no_step(catalog: Catalog) -> None:
    assert acts_in("Ha, you're telling me. It's been raining here for a week.", strategy_of(catalog, "en")) == ()
    assert acts_in("哈哈，可不是嘛，我们这儿也下了一个礼拜的雨。", strategy_of(catalog, "zh")) == ()


def by_steps(strategy: Strategy, ids: Sequence[str], answer: str = "Mm.") -> list[Turn]:
    says = {step.id: step.say[0] for step in strategy.flow}
    lines = ["Hello?", answer]
    for id in ids:
        lines += [says.get(id, id), answer]
    return call(*lines)


def test_the_whole_flow_in_order_is_full_coverage_without_drift(catalog: Catalog) -> None:
    strategy = strategy_of(catalog, "en")
    measured = adherence(by_steps(strategy, [step.id for step in strategy.flow]), strategy)
    assert (measured.coverage, measured.order, measured.drift, measured.return_time) == (1.0, 1.0, 0.0, None)


def test_the_flow_backwards_has_no_order_and_half_of_it_half_the_coverage(catalog: Catalog) -> None:
    strategy = strategy_of(catalog, "en")
    ids = [step.id for step in strategy.flow]
    assert adherence(by_steps(strategy, ids[::-1]), strategy).order == 0.0
    chat = "Ha, you're telling me. It's been raining here for a whole week."
    half = ids[: len(ids) // 2]
    measured = adherence(by_steps(strategy, [*half, *[chat] * (len(ids) - len(half))]), strategy)
    assert measured.coverage == pytest.approx(len(half) / len(ids))


def test_drift_counts_turns_off_the_plan_and_return_time_how_long_it_took_back(catalog: Catalog) -> None:
    strategy = strategy_of(catalog, "en")
    chat = [
        "Ha, you're telling me. It's been raining here for a whole week.",
        "My brother had a van like that once, a blue one.",
    ]
    first, second, *_ = [step.id for step in strategy.flow]
    turns = by_steps(strategy, [first, *chat, second])
    measured = adherence(turns, strategy)
    assert measured.drift == pytest.approx(2 / 5)
    assert measured.return_time == 2


def test_an_answer_to_the_merchants_question_is_no_drift(catalog: Catalog) -> None:
    strategy = strategy_of(catalog, "en")
    turns = call(
        "Hello?",
        "Yes?",
        strategy.flow[0].say[0],
        "And what does it cost?",
        "Nothing at all, you pay for the petrol and that's it.",
        "Mm.",
    )
    assert adherence(turns, strategy).drift == 0.0


def test_who_was_hung_up_on_early_had_fewer_steps_due(catalog: Catalog) -> None:
    strategy = strategy_of(catalog, "en")
    turns = call("Hello?", "Yes?", strategy.flow[0].say[0], "Not interested, bye.")
    assert adherence(turns, strategy).coverage == 1.0


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_measures_tell_the_probes_apart(catalog: Catalog, language: Language) -> None:
    def coverage(probe: str) -> float:
        found = [adherence(session.turns, one.filled_strategy) for one, session in played(catalog, probe, 60, language)]
        return sum(one.coverage for one in found) / len(found)

    assert coverage("neutral") > coverage("silent") + 0.4


def test_the_plan_goes_on_from_steps_taken_in_other_words(catalog: Catalog) -> None:
    """A model's turn carries no act: the plan reads it."""
    strategy = strategy_of(catalog, "en")
    first, second, *_ = strategy.flow
    state = progress(by_steps(strategy, [first.id]), strategy, "en")
    assert state.done == [first.id]
    step = next_step(state, strategy)
    assert step is not None
    assert step.id == second.id


def test_a_question_stays_open_until_it_is_taken_up(catalog: Catalog) -> None:
    strategy = strategy_of(catalog, "en")
    turns = call("Hello?", "Yes?", strategy.flow[0].say[0], "And what does it cost?")
    assert progress(turns, strategy, "en").open == ("ask", "cost")
    answered = [*turns, *call("Nothing at all, it's free.", "Mm.")]
    answered[-2:] = [
        turn.model_copy(update={"role": role})
        for turn, role in zip(answered[-2:], ("salesperson", "merchant"), strict=True)
    ]
    assert progress(answered, strategy, "en").open is None


@pytest.mark.parametrize(("no", "language"), [("No, I'm not interested, thanks.", "en"), ("不用了，没兴趣。", "zh")])
def test_two_refusals_and_the_salesperson_lets_go(catalog: Catalog, no: str, language: Language) -> None:
    """Paper 4.3: ending the call is the salesperson's business, too."""
    from random import Random

    strategy = strategy_of(catalog, language)
    turns = call("Hello?", "Yes?", strategy.flow[0].say[0], no, strategy.flow[1].say[0], no)
    ended = {next_acts(progress(turns, strategy, language), strategy, Random(seed))[0] for seed in range(20)}
    assert ended <= {"goodbye:refused", "offer_callback"}
    assert "goodbye:refused" in ended
