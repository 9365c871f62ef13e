"""The phone line between two speakers: what is lost is lost to the listener only; who is cut off has not said it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telerole import Call, Catalog, Scenario, Session, Simulator
from telerole.channel import CAN_BE_CUT, CUT, LOST, Channel
from telerole.errors import InputError
from telerole.persona import Role
from telerole.records import LANGUAGES, Language
from telerole.session import Turn

ROLES: tuple[Role, ...] = ("salesperson", "merchant")


def words_of(count: int, language: Language) -> list[str]:
    """That many different words."""
    return [chr(0x4E00 + n) if language == "zh" else f"w{n}" for n in range(count)]


def line_of(count: int, language: Language, role: Role = "merchant") -> Turn:
    return Turn(role=role, text=("" if language == "zh" else " ").join(words_of(count, language)))


def arrived(turn: Turn, count: int, language: Language) -> list[bool]:
    """For each word of a line made by `line_of` whether it was heard."""
    heard = turn.heard if turn.heard is not None else turn.text
    there = set(heard) if language == "zh" else set(heard.split())
    return [word in there for word in words_of(count, language)]


lines = st.builds(Turn, role=st.sampled_from(ROLES), text=st.text(min_size=1).filter(lambda text: bool(text.strip())))


@given(turn=lines, number=st.integers(0, 60), language=st.sampled_from(LANGUAGES), seed=st.integers(0, 2**62))
def test_a_perfect_line_changes_nothing(turn: Turn, number: int, language: Language, seed: int) -> None:
    assert Channel().carry(turn, number, language, seed) == turn


def test_a_call_over_a_perfect_line_is_the_same_call(scenario: Scenario) -> None:
    assert Simulator(seed=2, channel=Channel(0.0, 0.0)).run(scenario) == Simulator(seed=2).run(scenario)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("length", [6, 600])
@pytest.mark.parametrize("lost", [0.02, 0.1, 0.3, 0.6, 0.8, 1.0])
def test_the_share_of_words_lost_is_what_was_asked_for(language: Language, length: int, lost: float) -> None:
    line, channel = line_of(length, language), Channel(lost=lost)
    there = [
        ok for n in range(30_000 // length) for ok in arrived(channel.carry(line, n, language, 5), length, language)
    ]
    assert there.count(False) / len(there) == pytest.approx(lost, abs=0.015)


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_lost_in_bursts(language: Language) -> None:
    line, channel = line_of(2_000, language), Channel(lost=0.1)
    bursts = [
        len(list(group))
        for n in range(10)
        for ok, group in groupby(arrived(channel.carry(line, n, language, 5), 2_000, language))
        if not ok
    ]
    assert sum(bursts) / len(bursts) == pytest.approx(2.0, abs=0.2)  # lost one by one it would be 1.1


@given(count=st.integers(1, 60), language=st.sampled_from(LANGUAGES), lost=st.floats(0, 1), seed=st.integers(0, 2**62))
def test_what_was_said_is_kept_and_what_was_heard_stands_beside_it(
    count: int, language: Language, lost: float, seed: int
) -> None:
    said = line_of(count, language)
    turn = Channel(lost=lost).carry(said, 3, language, seed)
    assert turn.text == said.text
    if turn.heard is None:
        assert all(arrived(turn, count, language))
        return
    assert turn.heard != said.text
    assert LOST[language] in turn.heard
    assert LOST[language] * 2 not in turn.heard.replace(" ", "")  # one mark a burst
    kept = [word for word, ok in zip(words_of(count, language), arrived(turn, count, language), strict=True) if ok]
    told = turn.heard.replace(LOST[language], " ")
    assert ([*told.replace(" ", "")] if language == "zh" else told.split()) == kept  # in order, and nothing invented


def test_each_side_hears_the_others_lines_as_they_arrived_and_its_own_as_said(scenario: Scenario) -> None:
    given_to: dict[Role, list[Call]] = {"salesperson": [], "merchant": []}

    def talk(call: Call) -> str:
        given_to[call.role].append(call)
        first = 30 * len(call.turns)
        return ("" if scenario.language == "zh" else " ").join(words_of(first + 30, scenario.language)[first:])

    session = Simulator(talk, talk, seed=4, max_turns=12, channel=Channel(lost=0.4)).run(scenario)
    assert sum(turn.heard is not None for turn in session.turns) >= 4
    checked = 0
    for role, calls in given_to.items():
        for call in calls:
            for heard, turn in zip(call.turns, session.turns, strict=False):
                told = turn.text if turn.role == role or turn.heard is None else turn.heard
                assert (heard.role, heard.text) == (turn.role, told)
                checked += told != turn.text
    assert checked >= 4


@given(count=st.integers(1, 120), language=st.sampled_from(LANGUAGES), seed=st.integers(0, 2**62))
def test_a_line_that_is_cut_off_ends_with_a_dash_and_keeps_a_third_to_three_quarters(
    count: int, language: Language, seed: int
) -> None:
    said = line_of(count, language, "salesperson")
    turn = Channel(interruptions=1.0).carry(said, 0, language, seed)
    if count < CAN_BE_CUT[language]:
        assert turn == said
        return
    assert turn.text.endswith(CUT[language])
    came_out = turn.text.removesuffix(CUT[language])
    assert said.text.startswith(came_out)
    assert count // 3 <= sum(arrived(turn.model_copy(update={"text": came_out}), count, language)) <= 3 * count // 4 + 1
    assert turn.heard is None


@given(count=st.integers(1, 120), language=st.sampled_from(LANGUAGES), seed=st.integers(0, 2**62))
def test_the_merchant_is_never_cut_off(count: int, language: Language, seed: int) -> None:
    said = line_of(count, language, "merchant")
    assert Channel(interruptions=1.0).carry(said, 1, language, seed) == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_are_cut_off_as_often_as_was_asked_for(language: Language) -> None:
    line, channel = line_of(40, language, "salesperson"), Channel(interruptions=0.3)
    cut = [channel.carry(line, n, language, 9) != line for n in range(4_000)]
    assert sum(cut) / len(cut) == pytest.approx(0.3, abs=0.03)


def test_what_was_cut_off_was_not_said(scenario: Scenario) -> None:
    words = (
        "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen."
    )
    words = words if scenario.language == "en" else "一二三四五六七八九十甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未。"
    own: list[tuple[str, ...]] = []

    def sell(call: Call) -> str:
        own.append(tuple(turn.text for turn in call.turns if turn.role == "salesperson"))
        return f"{len(call.turns)} {words}"

    answer = "Mm, and then what?"
    session = Simulator(sell, lambda call: f"{answer} {len(call.turns)}", max_turns=6, channel=Channel(0, 1.0)).run(
        scenario
    )
    said = tuple(turn.text for turn in session.turns if turn.role == "salesperson")
    assert len(own) == len(said) == 3
    assert all(line.endswith(CUT[scenario.language]) for line in said)
    assert own[-1] == said[:-1]  # the salesperson too remembers only what came out


def test_the_same_seed_loses_the_same_words_and_another_seed_others(scenario: Scenario) -> None:
    bad = Channel(0.2, 0.5)
    assert Simulator(seed=1, channel=bad).run(scenario) == Simulator(seed=1, channel=Channel(0.2, 0.5)).run(scenario)
    line = line_of(80, scenario.language, "salesperson")
    assert len({bad.carry(line, 0, scenario.language, seed) for seed in range(20)}) == 20
    assert len({bad.carry(line, number, scenario.language, 1) for number in range(20)}) == 20


def test_calls_over_a_bad_line_are_the_same_bytes_at_any_concurrency(scenarios: list[Scenario], tmp_path: Path) -> None:
    made = []
    for concurrency in (1, 16):
        out = tmp_path / str(concurrency)
        simulator = Simulator(seed=3, channel=Channel(0.1, 0.3))
        simulator.run_many(scenarios, trials=2, concurrency=concurrency, out=out)
        made.append(sorted((out / "sessions.jsonl").read_bytes().splitlines()))
    assert made[0] == made[1]
    assert len(made[0]) == 2 * len(scenarios)
    read = [Session.model_validate_json(line) for line in made[0]]
    assert any(turn.heard for session in read for turn in session.turns)


@pytest.mark.parametrize("name", ["lost", "interruptions"])
@pytest.mark.parametrize("value", [-0.01, 1.01, 30, float("nan"), float("inf")])
def test_a_share_outside_nought_to_one_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name}: must be from 0 to 1"):
        Channel(**{name: value})


@pytest.mark.parametrize("language", LANGUAGES)
def test_offline_calls_over_a_bad_line_still_end_and_go_round_no_circles(catalog: Catalog, language: Language) -> None:
    scenarios = catalog.sample(150, seed=6, language=language)
    bad = list(Simulator(seed=6, channel=Channel(0.1, 0.3)).run_many(scenarios))
    assert len(bad) == 150
    assert sum(session.end.reason in ("max_turns", "loop") for session in bad) <= 0.05 * len(bad)
    assert sum(session.end.reason == "goal_reached" for session in bad) >= 0.1 * len(bad)
    assert any(turn.text.endswith(CUT[language]) for session in bad for turn in session.turns)


def test_the_words_with_which_the_phone_goes_down_arrive_whole(catalog: Catalog) -> None:
    bad = Simulator(seed=6, channel=Channel(lost=0.9)).run_many(catalog.sample(40, seed=6))
    last = [session.turns[-1] for session in bad if session.end.reason == "merchant_hangup"]
    assert last
    assert all(turn.heard is None for turn in last)
