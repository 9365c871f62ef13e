"""Offline calls: no model, real lines, whole and readable calls in both languages."""

from __future__ import annotations

import re
from collections import Counter
from statistics import mean

import pytest

from telerole import Catalog, Scenario, Session, Simulator
from telerole.lines import ACTS
from telerole.reading import hear
from telerole.records import LANGUAGES, Language


@pytest.fixture(scope="module")
def calls(catalog: Catalog) -> list[tuple[Scenario, Session]]:
    scenarios = catalog.sample(300, seed=11)
    by_id = {scenario.id: scenario for scenario in scenarios}
    return [(by_id[session.scenario_id], session) for session in Simulator(seed=11).run_many(scenarios)]


def test_every_slot_is_filled_and_no_line_stands_twice_in_a_call(calls: list[tuple[Scenario, Session]]) -> None:
    for _, session in calls:
        long = [turn.text for turn in session.turns if len(turn.text) > 24]
        assert not re.search(r"[{}]", " ".join(long))
        assert len(long) == len(set(long)), session.id


def test_calls_end_as_calls_do_and_hardly_ever_by_the_cap(calls: list[tuple[Scenario, Session]]) -> None:
    ends = Counter(session.end.reason for _, session in calls)
    assert ends["max_turns"] + ends["loop"] <= 0.03 * len(calls), ends
    for reason in ("goal_reached", "callback_agreed", "merchant_hangup"):
        assert ends[reason] > 0.03 * len(calls), ends
    assert 8 < mean(len(session.turns) for _, session in calls) < 18


def test_the_merchant_says_less_than_the_salesperson(calls: list[tuple[Scenario, Session]]) -> None:
    for language in LANGUAGES:
        turns = [turn for _, session in calls if session.language == language for turn in session.turns]
        lengths = {role: mean(len(turn.text) for turn in turns if turn.role == role) for role in ACTS}
        assert lengths["merchant"] < 0.8 * lengths["salesperson"]


def test_the_salesperson_states_no_number_but_those_of_profile_and_strategy(
    calls: list[tuple[Scenario, Session]],
) -> None:
    for scenario, session in calls:
        known = scenario.profile.model_dump_json() + scenario.filled_strategy.model_dump_json()
        for turn in session.turns:
            if turn.role == "salesperson":
                assert all(number in known for number in re.findall(r"\d+", turn.text)), turn.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_act_has_several_lines_and_each_stands_in_the_corpus(catalog: Catalog, language: Language) -> None:
    lines = catalog.lines(language)
    counts = Counter((line.role, line.act, line.about) for line in lines)
    for role, acts in ACTS.items():
        for act, kinds in acts.items():
            for about in kinds or ("",):
                assert counts[role, act, about] >= 4, (role, act, about)
    for line in lines:
        assert line.line < len(catalog.script(line.script).lines), line


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_are_heard_as_what_they_mean(catalog: Catalog, language: Language) -> None:
    """Every labelled line of the corpus is a test of the listener."""
    wrong = []
    for line in catalog.lines(language):
        heard = hear(line.role, line.text, language)
        if line.role == "merchant":
            if line.act in ("agree", "defer", "refuse", "busy", "goodbye", "interested", "pardon"):
                ok = heard.act == line.act
            elif line.act in ("ask", "object"):
                ok = heard == (line.act, line.about)
            else:
                ok = heard.act not in ("agree", "defer", "goodbye") and (line.act == "hang_up" or heard.act != "refuse")
        elif line.act in ("greet", "introduce", "goodbye", "offer_callback"):
            ok = heard.act == line.act
        else:
            ok = heard.act not in ("goodbye", "propose", "offer_callback")
        if not ok:
            wrong.append((line.act, line.about, line.text, heard))
    assert not wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_strategys_questions_and_proposals_are_heard_as_such(catalog: Catalog, language: Language) -> None:
    for strategy in catalog.strategies.values():
        if strategy.language != language:
            continue
        for step in strategy.flow:
            for line in step.say:
                heard = hear("salesperson", line, language)
                if step is strategy.flow[-1]:
                    assert heard.act == "propose", line
                elif step.asks:
                    assert heard == ("ask", step.asks), line
                else:
                    assert heard.act not in ("goodbye", "propose"), line


def test_a_call_is_called_a_success_exactly_where_the_merchant_agreed(calls: list[tuple[Scenario, Session]]) -> None:
    wrong = []
    for _, session in calls:
        settled = [turn.act for turn in session.turns if turn.role == "merchant" and turn.act]
        agreed = any(act.startswith("agree") for act in settled)
        if agreed != (session.end.reason == "goal_reached"):
            wrong.append((session.id, session.end.reason, settled[-3:]))
    assert len(wrong) <= 0.01 * len(calls), wrong


def test_what_was_promised_is_not_promised_twice_in_one_breath(calls: list[tuple[Scenario, Session]]) -> None:
    twice = 0
    for scenario, session in calls:
        for turn in session.turns:
            if turn.role == "salesperson":
                facts = scenario.filled_strategy.offer.values()
                twice += any(turn.text.count(fact) > 1 for fact in facts if len(fact) > 12)
    assert twice <= 0.02 * len(calls)
