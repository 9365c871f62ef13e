"""Judges calibrated: planted faults are real calls with one fault, judges are told from chance, rates are put right."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from telerole import Budget, Catalog, ScriptedBackend, Session, Simulator
from telerole.backends.base import Message
from telerole.errors import FileError, Filtered, InputError
from telerole.evaluation.calibration import (
    AgainstPeople,
    Detection,
    Fault,
    Planted,
    acalibrate,
    against_people,
    calibrate,
    consensus,
    correct,
    good_sessions,
    plant,
    read_labels,
)
from telerole.evaluation.calibration.calibrating import detection
from telerole.evaluation.calibration.results import METRIC_OF, PANEL
from telerole.evaluation.judge import METRICS, Decision, Metric
from telerole.evaluation.judge.questions import PLACES
from telerole.evaluation.ledger import ledger
from telerole.evaluation.measures import SessionMeasures, measure_session
from telerole.evaluation.played import Label, Played
from telerole.outcome import merchant_acts
from telerole.postprocess.filtering import Example
from telerole.prompts import render
from telerole.records import LANGUAGES, Language
from telerole.session import End, Turn, speaker_at

FAULTS: tuple[Fault, ...] = get_args(Fault)
ENOUGH = 20  # good calls of each language
GOOD = json.dumps({"reason": "Nothing is wrong.", "verdict": 1, "quotes": []})

Answering = Callable[[Sequence[Message]], str]


@pytest.fixture(scope="module")
def library() -> list[Example]:
    return [one for language in LANGUAGES for one in good_sessions(language, ENOUGH)]


@pytest.fixture(scope="module")
def good(library: list[Example]) -> list[Example]:
    """A few of them, for judges."""
    return [*library[:3], *library[-3:]]


@pytest.fixture(scope="module")
def offline(catalog: Catalog) -> list[Example]:
    """Calls as they are made without a model, long and short."""
    scenarios = {one.id: one for one in catalog.sample(120, seed=11)}
    run = Simulator(seed=11).run_many(list(scenarios.values()))
    of = ((one, scenarios[one.scenario_id]) for one in run)
    return [Example(session, scenario.profile, scenario.filled_strategy) for session, scenario in of]


def call(language: Language, *lines: str, id: str = "s.0") -> Session:
    turns = tuple(Turn(role=speaker_at(at), text=line) for at, line in enumerate(lines))
    return Session(id=id, scenario_id=id, language=language, seed=0, turns=turns, end=End(reason="stopped"))


def planted_in(example: Example, fault: Fault, seed: int = 0) -> Planted:
    planted = plant(example, fault, seed)
    assert planted is not None
    return planted


def kept(example: Example, planted: Planted) -> list[Turn]:
    """The call's own turns that are left."""
    return [turn for turn in planted.example.session.turns if any(turn is own for own in example.session.turns)]


# ---- planted faults


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_call_is_the_call_with_lines_put_in_and_nothing_else_changed(
    fault: Fault, library: list[Example]
) -> None:
    for example in library:
        planted = planted_in(example, fault)
        before, after = example.session, planted.example.session
        assert Session.model_validate(after.model_dump()) == after
        left = kept(example, planted)
        assert left == list(before.turns[: len(left)])
        if fault == "drift":
            assert after.end == End(reason="salesperson_goodbye", by="salesperson")
        else:
            assert len(left) == len(before.turns)
            assert after.end == before.end
        same = {"scenario_id", "trial", "language", "seed", "usage", "provenance"}
        assert after.model_dump(include=same) == before.model_dump(include=same)
        assert (planted.example.profile, planted.example.strategy) == (example.profile, example.strategy)
        for at in planted.turns:
            turn = after.turns[at]
            assert (turn.role, turn.act, turn.noticed) == ("salesperson", None, None)
            assert not any(turn is own for own in before.turns)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows_in_as_many_turns_as_its_question_wants_to_see(fault: Fault, library: list[Example]) -> None:
    wanted = {"contradiction": 2, "repeated_question": 2, "narrowed_answers": 3, "drift": 3}.get(fault, 1)
    assert wanted >= PLACES.get(METRIC_OF[fault], 1)
    assert {len(planted_in(example, fault).turns) for example in library} == {wanted}


@pytest.mark.parametrize("fault", FAULTS)
def test_lines_are_put_in_where_nothing_is_asked_and_nothing_is_settled(fault: Fault, library: list[Example]) -> None:
    for seed, example in enumerate(library):
        planted = planted_in(example, fault, seed)
        turns, own = planted.example.session.turns, set(map(id, example.session.turns))
        for at in planted.turns:
            before = [turn for turn in turns[:at] if id(turn) in own]
            assert len(before) >= 4, "after the greeting"
            assert not before[-1].text.endswith(("?", "？"))
            did = {heard.act for heard in merchant_acts(before, example.session.language)}
            assert not did & {"agree", "defer", "goodbye", "hang_up", "scold", "no_time"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_a_dozen_wordings_and_each_seed_has_one_of_them(
    fault: Fault, language: Language, library: list[Example]
) -> None:
    example = next(one for one in library if one.session.language == language)
    drawn = [planted_in(example, fault, seed) for seed in range(150)]
    assert drawn[:20] == [planted_in(example, fault, seed) for seed in range(20)]
    wordings = {tuple(one.example.session.turns[at].text for at in one.turns) for one in drawn}
    assert len(wordings) >= 12
    assert not any("{" in line for lines in wordings for line in lines)


def test_an_invented_offer_is_one_that_no_source_holds(library: list[Example]) -> None:
    for example in library:
        planted = planted_in(example, "invented_offer")
        assert {entry.turn for entry in ledger(planted.example).untraced} == set(planted.turns)


def test_a_call_too_short_for_a_fault_holds_none() -> None:
    for fault in FAULTS:
        assert plant(Example(call("en", "Hello?", "Yes?", "It's Tom.", "Not now, bye.")), fault) is None
        assert plant(Example(call("zh", "喂？", "哪位？")), fault) is None


@given(
    lines=st.lists(
        st.sampled_from(["嗯。", "哦，行。", "Mm.", "We sell lamps.", "多少钱？", "拜拜。", "."]), max_size=24
    ),
    fault=st.sampled_from(FAULTS),
    language=st.sampled_from(LANGUAGES),
    seed=st.integers(0, 9),
)
def test_whatever_the_call_a_planted_one_alternates_and_keeps_its_beginning(
    lines: list[str], fault: Fault, language: Language, seed: int
) -> None:
    example = Example(call(language, *lines))
    if planted := plant(example, fault, seed):
        after = planted.example.session
        assert Session.model_validate(after.model_dump()) == after
        assert kept(example, planted) == list(example.session.turns[: len(kept(example, planted))])


OFF_PLAN = 1.5  # turns
SHOWS: dict[Fault, tuple[Callable[[SessionMeasures], bool], float]] = {
    "bookish_turn": (lambda one: one.salesperson.bookish_turns > 0, 0.9),
    "repeated_question": (lambda one: one.salesperson.asked_again > 0, 0.9),
    "drift": (lambda one: one.adherence is not None and one.adherence.drift * one.salesperson.turns >= OFF_PLAN, 0.9),
    "invented_offer": (lambda one: one.traced is not None and one.traced < 1, 1.0),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("fault", SHOWS)
def test_measures_without_a_judge_see_the_planted_faults_of_their_kind(
    fault: Fault, language: Language, offline: list[Example]
) -> None:
    shows, least = SHOWS[fault]
    calls = [one for one in offline if one.session.language == language]
    planted = [one.example for example in calls if (one := plant(example, fault))]
    found = [shows(measure_session(one)) for one in planted]
    alarms = [shows(measure_session(one)) for one in calls]
    print(f"\n{language}, {fault}: seen in {sum(found)}/{len(found)}, in good calls {sum(alarms)}/{len(alarms)}")
    assert len(found) >= 30
    assert fmean(found) >= least
    assert fmean(alarms) <= 0.05


# ---- judges


def metric_of(messages: Sequence[Message]) -> Metric:
    system = messages[0]["content"]
    return next(metric for metric in METRICS for at in LANGUAGES if system.startswith(render(f"judge/{metric}", at)))


def bad(*quotes: tuple[int, str]) -> str:
    shown = [{"turn": turn, "text": text} for turn, text in quotes]
    return json.dumps({"reason": "Something is wrong.", "verdict": 0, "quotes": shown}, ensure_ascii=False)


def shown(messages: Sequence[Message]) -> dict[str, int]:
    """The lines of the call that a judge is shown, each with its number."""
    lines = messages[1]["content"].split("\n")
    return {turn["text"]: turn["turn"] for turn in map(json.loads, (li for li in lines if li.startswith('{"turn": ')))}


def ideal(good: Sequence[Example], seed: int = 0) -> Answering:
    """A judge that knows every planted line."""
    plants: dict[Metric, list[list[str]]] = {}
    for fault in FAULTS:
        for planted in (planted_in(one, fault, seed) for one in good):
            lines = [planted.example.session.turns[at].text for at in planted.turns]
            plants.setdefault(planted.metric, []).append(lines)

    def say(messages: Sequence[Message]) -> str:
        told = shown(messages)
        for lines in plants[metric_of(messages)]:
            if all(line in told for line in lines):
                return bad(*((told[line], line) for line in lines))
        return GOOD

    return say


def coin(seed: int) -> Answering:
    """A judge that answers at random, with quotes that stand there."""

    def say(messages: Sequence[Message]) -> str:
        told = "".join(message["content"] for message in messages)
        turns = list(shown(messages).items())
        heads = hashlib.sha256(f"{seed}{told}".encode()).digest()[0] % 2
        return GOOD if heads else bad(*((turn, text) for text, turn in turns[:3]))

    return say


def noted(asked: list[str], answer: Answering) -> Answering:
    def say(messages: Sequence[Message]) -> str:
        asked.append("".join(message["content"] for message in messages))
        return answer(messages)

    return say


def test_an_ideal_judge_finds_every_fault_and_nothing_else(good: list[Example]) -> None:
    found = calibrate(good, ScriptedBackend(ideal(good)))
    assert found.sessions == len(good) == 6
    assert [one.metric for one in found.detections] == list(METRICS)
    for one in found.detections:
        assert one.detected is not None
        assert one.false_alarms is not None
        assert (one.detected.value, one.detected.n) == (1, 6)
        assert (one.false_alarms.value, one.false_alarms.n) == (0, 6)
        assert (one.missing, one.trusted) == (0, True)
        assert METRIC_OF[one.fault] == one.metric
    assert found.usage.calls == 72


@pytest.mark.parametrize(("sessions", "among"), [(5, 6), (10, 6), (20, 6), (30, 6), (10, 18), (20, 18), (20, 1)])
def test_a_judge_that_answers_at_random_is_hardly_ever_trusted_in_anything(sessions: int, among: int) -> None:
    """Exactly: over all counts of zeros that a coin can give, whatever the coin."""

    def trusts(alarms: int, hits: int) -> bool:
        clean, faulty = ([False] * zeros + [True] * (sessions - zeros) for zeros in (alarms, hits))
        return detection("coin", "consistency", clean, faulty, among).trusted

    counts = range(sessions + 1)
    trusted = [(alarms, hits) for alarms in counts for hits in counts if trusts(alarms, hits)]
    for coins in range(1, 40):
        chance = binom.pmf(counts, sessions, coins / 40)
        once = sum(chance[alarms] * chance[hits] for alarms, hits in trusted)
        assert 1 - (1 - once) ** among < 1 / 40
    assert (0, sessions) in trusted, "the ideal one is"


def test_a_coin_in_the_judges_chair_is_not_trusted(good: list[Example]) -> None:
    for seed in range(5):
        found = calibrate(good, ScriptedBackend(coin(seed)))
        assert all(one.detected is not None and one.missing == 0 for one in found.detections)
        assert not any(one.trusted for one in found.detections)


def test_a_verdict_that_is_missing_is_neither_found_nor_a_false_alarm_and_is_counted(good: list[Example]) -> None:
    knows, failed = ideal(good), set[tuple[Metric, str]]()

    def fails(messages: Sequence[Message]) -> str:
        told = messages[1]["content"]
        if hashlib.sha256(f"{metric_of(messages)}{told}".encode()).digest()[0] % 5 == 0:
            failed.add((metric_of(messages), told))
            raise Filtered("stopped")
        return knows(messages)

    found = calibrate(good, ScriptedBackend(fails))
    assert sum(one.missing for one in found.detections) == len(failed)
    assert 5 < len(failed) < 30
    for one in found.detections:
        assert one.missing == sum(metric == one.metric for metric, _ in failed)
        assert one.detected is not None
        assert one.false_alarms is not None
        assert (one.detected.value, one.false_alarms.value) == (1, 0)
        assert one.detected.n + one.false_alarms.n == 12 - one.missing


def test_where_no_verdict_comes_nothing_is_known_and_nobody_trusted(good: list[Example]) -> None:
    (found,) = calibrate(good, ScriptedBackend("no"), metrics=["diversity"]).detections
    assert (found.detected, found.false_alarms, found.gain, found.missing) == (None, None, None, 12)
    assert not found.trusted


def test_a_calibration_that_was_cut_off_goes_on_and_asks_nothing_twice(good: list[Example], tmp_path: Path) -> None:
    asked: list[str] = []
    judge = ScriptedBackend(noted(asked, ideal(good)))
    cut = calibrate(good, judge, out=tmp_path, budget=Budget(calls=40))
    assert sum(one.missing for one in cut.detections) == 72 - 40
    file = tmp_path / "verdicts.jsonl"
    file.write_bytes(file.read_bytes() + b'{"key": "torn')
    whole = calibrate(good, judge, out=tmp_path)
    assert len(asked) == len(set(asked)) == 72
    assert calibrate(good, judge, out=tmp_path, seed=0) == whole
    assert len(asked) == 72
    assert whole == calibrate(good, ScriptedBackend(ideal(good)))


def test_neither_the_order_of_the_sessions_nor_the_concurrency_changes_anything(good: list[Example]) -> None:
    judge = ScriptedBackend(coin(3))
    one = calibrate(good, judge, concurrency=1)
    assert calibrate(good, judge, concurrency=64) == one
    assert calibrate(good[::-1], judge) == one


async def test_callers_with_a_loop_await_the_same_result(good: list[Example]) -> None:
    judge = ScriptedBackend(coin(4))
    there = await acalibrate(good, judge, metrics=["diversity"])
    assert there == await asyncio.to_thread(calibrate, good, judge, metrics=["diversity"])


def test_the_panel_is_looked_at_as_one_more_judge(good: list[Example]) -> None:
    panel = [
        ScriptedBackend(ideal(good), name="sharp"),
        ScriptedBackend(ideal(good), name="sharp too"),
        ScriptedBackend(GOOD, name="blind"),
    ]
    found = calibrate(good, panel, metrics=METRICS[:2]).detections
    assert [(one.judge, one.metric) for one in found] == [
        (judge, metric) for judge in ("sharp", "sharp too", "blind", PANEL) for metric in METRICS[:2]
    ]
    assert [one.detected.value for one in found[::2] if one.detected] == [1, 1, 0, 1]
    assert [one.trusted for one in found[::2]] == [True, True, False, True]
    alone = calibrate(good, panel[0], metrics=METRICS[:2]).detections[0]
    assert found[0].gain is not None
    assert alone.gain is not None
    assert found[0].gain.low < alone.gain.low, "of more detections each has to be surer"


def test_a_metric_that_is_none_or_a_session_without_a_strategy_is_an_error(good: list[Example]) -> None:
    with pytest.raises(InputError, match="did you mean 'diversity'"):
        calibrate(good, ScriptedBackend(GOOD), metrics=["diversety"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="needs the profile and the strategy"):
        calibrate([Example(good[0].session)], ScriptedBackend(GOOD))


def test_the_good_calls_are_drawn_by_the_seed_from_calls_without_pressure(library: list[Example]) -> None:
    for language in LANGUAGES:
        drawn = good_sessions(language, ENOUGH)
        assert drawn == [one for one in library if one.session.language == language]
        assert [one.session.id for one in drawn] != [one.session.id for one in good_sessions(language, ENOUGH, seed=1)]
        acts = {turn.act or "" for one in drawn for turn in one.session.turns}
        assert not any("press" in act or "boast" in act for act in acts)
    with pytest.raises(InputError, match="good calls in 'zh' to calibrate judges with, not 999"):
        good_sessions("zh", 999)


# ---- people


def played(system: str, count: int) -> list[Played]:
    return [Played(system, "m", Example(call("en", "Hello?", id=f"{at}.0"))) for at in range(count)]


def decision(session: str, metric: Metric, good: bool | None) -> Decision:
    return Decision(session=session, metric=metric, good=good is True, bad=good is False, missing=good is None)


def test_labels_are_read_from_csv_and_jsonl_with_the_line_of_every_fault(tmp_path: Path) -> None:
    sheet = tmp_path / "labels.csv"
    sheet.write_text(
        "session,metric,good,rater\n"
        "A/m/1.0,consistency,1,li\nA/m/1.0,consistency,否,wu\nA/m/2.0,consistensy,1,li\nA/m/2.0,diversity,maybe,li\n",
        encoding="utf-8",
    )
    found, faults = read_labels(sheet)
    assert found == [
        Label(session="A/m/1.0", metric="consistency", good=True, rater="li"),
        Label(session="A/m/1.0", metric="consistency", good=False, rater="wu"),
    ]
    assert [fault.partition(": ")[0] for fault in faults] == ["line 4", "line 5"]
    assert "did you mean 'consistency'" in faults[0]
    lines = tmp_path / "labels.jsonl"
    lines.write_text(
        '{"session": "A/m/1.0", "metric": "consistency", "good": true, "rater": "li"}\n'
        '{"session": "A/m/1.0", "metric": "consistency", "good": "否", "rater": "wu"}\n'
        '{"session": "A/m/1.0", "metric": "consistency", "good": []}\n',
        encoding="utf-8",
    )
    assert read_labels(lines)[0] == found
    assert [fault.partition(": ")[0] for fault in read_labels(lines)[1]] == ["line 3"]
    sheet.write_text("session,metric,god\n", encoding="utf-8")
    with pytest.raises(FileError, match="did you mean 'good'"):
        read_labels(sheet)


@given(said=st.lists(st.booleans(), min_size=1, max_size=7), order=st.randoms())
def test_most_raters_decide_in_whatever_order_and_a_tie_decides_nothing(said: list[bool], order: random.Random) -> None:
    labels = [Label(session="A/m/1.0", metric="diversity", good=good, rater=str(at)) for at, good in enumerate(said)]
    decided = consensus(labels).get(("A/m/1.0", "diversity"))
    assert decided == (None if 2 * sum(said) == len(said) else 2 * sum(said) > len(said))
    assert consensus(order.sample(labels, len(labels))) == consensus(labels)


def test_the_panel_is_held_against_people_system_by_system_and_all_together() -> None:
    """A: six good of eight, one of them judged bad, one of the bad judged good. B: all judged right. Worked by hand."""
    people: dict[str, list[bool]] = {"A": [True] * 6 + [False] * 2, "B": [True] * 5 + [False] * 5}
    judged: dict[str, list[bool | None]] = {
        "A": [False, *[True] * 6, False],
        "B": [*[True] * 5, *[False] * 4, None],
    }
    sessions = [*played("A", 9), *played("B", 10)]
    decisions = [
        decision(f"{name}/m/{at}.0", "repetition", good) for name in "AB" for at, good in enumerate(judged[name])
    ]
    decisions.append(decision("A/m/8.0", "repetition", True))  # nobody labelled it
    labels = [
        Label(session=f"{name}/m/{at}.0", metric="repetition", good=good, rater=rater)
        for name in "AB"
        for at, good in enumerate(people[name])
        for rater in ("li", "wu")
    ]
    labels.append(Label(session="A/m/8.0", metric="repetition", good=True, rater="li"))
    labels.append(Label(session="A/m/8.0", metric="repetition", good=False, rater="wu"))
    of_a, of_b, both = against_people(sessions, decisions, labels)
    assert [(one.system, one.labels) for one in (of_a, of_b, both)] == [("A", 8), ("B", 9), ("", 17)]
    assert (of_a.people, of_a.judged) == (6 / 8, 6 / 8)
    assert of_a.accuracy.sensitivity is not None
    assert of_a.accuracy.specificity is not None
    assert (of_a.accuracy.sensitivity.value, of_a.accuracy.specificity.value) == (5 / 6, 1 / 2)
    assert of_a.percent.value == 6 / 8
    assert of_a.kappa is not None
    assert of_a.ac1 is not None
    assert of_a.kappa.value == pytest.approx((6 / 8 - 10 / 16) / (1 - 10 / 16))  # by chance 9/16 + 1/16
    assert of_a.ac1.value == pytest.approx((6 / 8 - 6 / 16) / (1 - 6 / 16))  # by chance 2 · 3/4 · 1/4
    assert of_b.kappa is not None
    assert of_b.kappa.value == 1
    assert both.percent.value == 15 / 17
    assert [one.system for one in against_people(played("A", 9), decisions, labels[:16])] == ["A"]


def labelled(good: int, bad: int, judged_good: int, judged_bad: int) -> AgainstPeople:
    """That many sessions that people find good and bad, and how many of them the panel judged so."""
    truth = [True] * good + [False] * bad
    verdicts = [at < judged_good for at in range(good)] + [at >= judged_bad for at in range(bad)]
    sessions = played("A", good + bad)
    decisions = [decision(one.id, "repetition", said) for one, said in zip(sessions, verdicts, strict=True)]
    labels = [Label(session=one.id, metric="repetition", good=said) for one, said in zip(sessions, truth, strict=True)]
    (against,) = against_people(sessions, decisions, labels)
    return against


def test_labels_show_whether_verdicts_beat_chance_or_are_too_few_to_tell() -> None:
    assert labelled(30, 10, 27, 8).trusted is True
    assert labelled(30, 10, 15, 6).trusted is False
    assert labelled(40, 0, 40, 0).trusted is None, "nobody knows what it makes of bad sessions"
    assert labelled(2, 1, 2, 1).trusted is None, "a faultless judge is not shown to be one either"


def test_labels_seldom_trust_a_coin_and_seldom_distrust_a_good_judge() -> None:
    """A coin: about one in a hundred of 300 draws; a judge right nine times of ten, 80 labels: none in twenty."""
    draw = random.Random(5)

    def trusted(right: float) -> float:
        said = []
        for _ in range(300):
            bad = sum(draw.random() < 0.2 for _ in range(80))
            judged_good, judged_bad = (sum(draw.random() < right for _ in range(many)) for many in (80 - bad, bad))
            said.append(labelled(80 - bad, bad, judged_good, judged_bad).trusted)
        return fmean(one is True for one in said)

    assert trusted(0.5) < 0.05
    assert trusted(0.9) > 0.95


def test_a_label_of_what_was_not_judged_is_an_error_with_the_nearest_name() -> None:
    sessions, decisions = played("A", 2), [decision(f"A/m/{at}.0", "repetition", True) for at in range(2)]
    for use in (against_people, correct):
        with pytest.raises(InputError, match=r"no session 'A/m/l.0' was played \(did you mean 'A/m/1.0'\?\)"):
            use(sessions, decisions, [Label(session="A/m/l.0", metric="repetition", good=True)])
        with pytest.raises(InputError, match=r"'A/m/1\.0' was not judged in diversity; judged was repetition"):
            use(sessions, decisions, [Label(session="A/m/1.0", metric="diversity", good=True)])


# Two systems that a judge is unfairly strict with, as in the paper's own evaluation: people find them nearly alike, and
# the judge, which takes far more of PE's good sessions for bad ones, finds them far apart.
TRUTH = {"PE": 0.86, "TeleBot": 0.88}
SENSITIVITY = {"PE": 0.78, "TeleBot": 0.96}
SPECIFICITY = {"PE": 0.85, "TeleBot": 0.70}
SESSIONS, LABELLED, WORLDS = 300, 150, 80

World = tuple[list[Decision], list[Label]]


def worlds(sessions: Mapping[str, list[Played]]) -> Iterator[World]:
    for seed in range(WORLDS):
        draw = random.Random(seed)
        decisions: list[Decision] = []
        labels: list[Label] = []
        for system, all_played in sessions.items():
            for at, one in enumerate(all_played):
                good = draw.random() < TRUTH[system]
                right = draw.random() < (SENSITIVITY if good else SPECIFICITY)[system]
                decisions.append(decision(one.id, "repetition", good == right))
                if at < LABELLED:
                    labels.append(Label(session=one.id, metric="repetition", good=good))
        yield decisions, labels


def test_rates_are_put_right_where_the_judge_errs_differently_on_two_systems() -> None:
    sessions = {system: played(system, SESSIONS) for system in TRUTH}
    everything = [one for all_played in sessions.values() for one in all_played]
    raw: dict[str, list[float]] = {system: [] for system in TRUTH}
    found: dict[tuple[str, str], list[tuple[float, bool]]] = {}
    for decisions, labels in worlds(sessions):
        for system in TRUTH:
            raw[system].append(fmean(one.good for one in decisions if one.session.startswith(f"{system}/")))
        for one in correct(everything, decisions, labels):
            assert one.rate is not None
            covered = one.rate.low <= TRUTH[one.system] <= one.rate.high
            found.setdefault((one.system, one.method), []).append((one.rate.value, covered))
    assert fmean(raw["TeleBot"]) - fmean(raw["PE"]) > 0.15, "judged far apart"
    for (system, method), rates in found.items():
        mean, cover = fmean(value for value, _ in rates), fmean(covered for _, covered in rates)
        print(
            f"\n{system}: {TRUTH[system]:.1%}, judged {fmean(raw[system]):.1%}, {method} {mean:.1%}, covers {cover:.0%}"
        )
        assert mean == pytest.approx(TRUTH[system], abs=0.015)
        assert cover >= 0.88  # 95 % in 80 worlds is 70 or more, but once in 200 times
    assert len(found) == 4


def test_why_a_rate_cannot_be_put_right_is_said_in_a_sentence() -> None:
    sessions = [*played("A", 12), *played("B", 4)]
    decisions = [decision(one.id, "repetition", at % 2 == 0) for at, one in enumerate(sessions)]

    def why(goods: Sequence[bool]) -> list[str]:
        labels = [Label(session=f"A/m/{at}.0", metric="repetition", good=good) for at, good in enumerate(goods)]
        found = correct(sessions, decisions, labels)
        assert [(one.system, one.method) for one in found] == [
            (system, method) for system in "AB" for method in ("rogan_gladen", "prediction_powered")
        ]
        assert all((one.rate is None) == bool(one.why_none) for one in found)
        return [one.why_none for one in found]

    assert "only good, or only bad" in why([True] * 6)[0]
    assert "no better than chance" in why([False, True] * 3)[0]
    assert why([True, False] * 3)[:2] == ["", ""]
    assert why([True, False] * 3)[2:] == ["no session of B that was judged in repetition has a label"] * 2
    assert "needs judged items" in why([True, False] * 6)[1]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=12), st.data())
def test_more_found_or_fewer_false_alarms_never_lose_trust(verdicts: list[bool | None], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.booleans(), min_size=1, max_size=12))
    before = detection("j", "diversity", other, verdicts, 6)
    better = detection("j", "diversity", other, [False if one is True else one for one in verdicts], 6)
    assert isinstance(before, Detection)
    assert before.missing == better.missing == verdicts.count(None)
    assert not (before.trusted and not better.trusted)
