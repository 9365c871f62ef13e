"""Measures of sessions without a judge: their values on calls made by hand, what always holds, what they find."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from math import log2
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from telerole import Catalog, Session, Simulator
from telerole.cli import app, measure  # noqa: F401  # registers the command
from telerole.errors import InputError
from telerole.evaluation.measures import (
    SessionMeasures,
    asked_again,
    bookish_turns,
    distinct,
    exits,
    fair_distinct,
    goodbye_tail,
    means,
    measure_session,
    measure_set,
    opening_entropy,
    outcome_rates,
    repeated_turns,
    role_faults,
    role_means,
    self_similarity,
    style_gap,
    turn_lengths,
)
from telerole.lines import TOPICS
from telerole.postprocess.filtering import Example
from telerole.reading import sentences, topics
from telerole.records import LANGUAGES, Language
from telerole.session import End, EndReason, Turn, speaker_at
from telerole.style import FIGURES, target
from tests.test_real_talk import NAMES, sessions

Plant = Callable[[Session, Random], Session]


def call(language: Language, *lines: str, id: str = "s.0", reason: EndReason = "stopped") -> Session:
    turns = tuple(Turn(role=speaker_at(at), text=line) for at, line in enumerate(lines))
    by = "merchant" if reason.startswith("merchant") else None
    return Session(id=id, scenario_id=id, language=language, seed=0, turns=turns, end=End(reason=reason, by=by))


def put(session: Session, at: int, *lines: str) -> Session:
    """The session with these lines in the place of those from turn `at` on."""
    old = [turn.text for turn in session.turns]
    return call(session.language, *old[:at], *lines, *old[at + len(lines) :], id=session.id)


# ---- by hand

FREE = {"en": "There's no fee at all for the first three months.", "zh": "头三个月不收您一分钱，不满意随时退。"}
HM = {"en": "Hm.", "zh": "嗯。"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_of_four_turns_that_repeats_another_is_a_quarter(language: Language) -> None:
    hello = {"en": "Hello?", "zh": "喂？"}[language]
    pack = {"en": "We pack whatever it is and send it off.", "zh": "打包发货都是我们这边来弄。"}[language]
    session = call(language, hello, HM[language], FREE[language], HM[language], pack, HM[language], FREE[language])
    assert repeated_turns(session, "salesperson") == 1 / 4
    assert repeated_turns(session, "merchant") == 0  # "hm" may come again


@pytest.mark.parametrize(
    ("language", "lines", "times"),
    [
        ("en", ("Do you sell anything abroad?", "No, never.", "And do you sell anything abroad?"), 1),
        ("en", ("Where do you sell at the moment?", "At the market.", "Right. Where else do you sell?", "Online."), 1),
        ("en", ("Where do you sell at the moment?", "Who is this?", "Tom. Where else do you sell?", "Online."), 0),
        ("en", ("Where do you sell at the moment?", "At the market.", "And who decides about it?", "Me."), 0),
        ("en", ("Where do you sell at the moment?", "The market.", "Oh.", "Sorry?", "Where else do you sell?"), 0),
        ("zh", ("您现在往国外发货吗？", "没有，就做国内。", "那您现在往国外发货吗？"), 1),
        ("zh", ("您做过出口没有？", "没有，就做国内。", "哦。那国外的单子您以前接过没有？"), 1),
        ("zh", ("您做过出口没有？", "你哪位啊？", "我小林。那国外的单子您以前接过没有？"), 0),
        ("zh", ("您做过出口没有？", "没做过。", "那店里的事，您一个人说了算吗？"), 0),
        ("en", ("Do you get many sent back?", "Hardly any.", "And what are your returns like?"), 1),
        ("en", ("Do you get many sent back?", "Hardly any.", "Shall I show you how others do returns?"), 0),
        ("zh", ("您家退货多不多？", "不多。", "那客人退回来的，一个月有几件？"), 1),
        ("zh", ("您家退货多不多？", "不多。", "那退货这块我帮您弄，好不好？"), 0),
    ],
)
def test_a_question_counts_as_asked_again_once_it_was_answered_in_whatever_words(
    language: Language, lines: tuple[str, ...], times: int
) -> None:
    assert asked_again(call(language, *lines), "salesperson") == times


def test_every_question_of_the_librarys_strategies_is_known_for_its_topic(catalog: Catalog) -> None:
    strategies = [one.filled_strategy for one in catalog.sample(300, seed=1)]
    steps = [(step, one.language) for one in strategies for step in one.flow if step.asks]
    asked = {(step.asks, line, language) for step, language in steps for line in step.say}
    assert {topic for topic, _, _ in asked} == set(TOPICS)
    for topic, line, language in asked:
        assert topic in {each for sentence in sentences(line) for each in topics(sentence, language)}, line


def test_the_style_gap_is_nothing_for_real_talk_and_half_where_every_figure_is_doubled() -> None:
    real = target("en", "merchant").style
    assert style_gap(real, "en", "merchant") == 0
    doubled = real.model_copy(update={figure: 2 * getattr(real, figure) for figure in FIGURES})
    assert style_gap(doubled, "en", "merchant") == pytest.approx(1 / 2)
    silent = real.model_copy(update={"fillers": 0.0})
    assert style_gap(silent, "en", "merchant") == pytest.approx(1 / len(FIGURES))


@pytest.mark.parametrize(
    ("language", "bookish", "spoken"),
    [
        (
            "en",
            "I completely understand your concern. Rest assured, we would be happy to assist.",
            "Certainly, yeah, I'd say so.",
        ),
        ("en", "In the event that you are not satisfied, you just ring me.", "If it's no good, you just ring me."),
        ("zh", "非常感谢您的反馈，我们将为您提供专业的解决方案。", "行，那我给您提供个电话，您记一下。"),
        ("zh", "倘若不满意，打个电话就行。", "要是不满意，打个电话就行。"),
    ],
)
def test_two_formal_signs_or_one_written_make_a_turn_bookish_and_one_formal_does_not(
    language: Language, bookish: str, spoken: str
) -> None:
    session = call(language, spoken, bookish, bookish, HM[language])
    assert bookish_turns(session, "salesperson") == 1 / 2
    assert bookish_turns(session, "merchant") == 1 / 2


def test_lengths_are_words_in_english_and_characters_in_chinese() -> None:
    assert turn_lengths(call("en", "It's 5 o'clock.", "Oh.", "Bye now."), "salesperson") == (3, 2)
    assert turn_lengths(call("zh", "您忙。", "好的，再见。"), "merchant") == (4,)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_goodbye_after_the_two_is_one_too_many(language: Language) -> None:
    bye = {
        "en": ["Lovely, see you there, bye.", "Thanks, bye.", "Take care, bye."],
        "zh": ["好嘞，再见。", "嗯，再见。", "拜拜。"],
    }
    assert goodbye_tail(call(language, FREE[language], HM[language], *bye[language][:2])) == 0
    assert goodbye_tail(call(language, FREE[language], HM[language], *bye[language])) == 1


def test_turns_out_of_role_are_counted() -> None:
    lines = ["Hello, Mrs. Whitlock?", "Yes?", "As an AI language model, I cannot call you.", "Eh?"]
    assert role_faults(call("en", *lines)) == 1
    assert role_faults(call("en", *lines[:2])) == 0


def test_distinct_n_is_different_runs_over_all_runs_inside_turns() -> None:
    session = call("en", "go on go on", "go on go on", "go away")
    assert distinct([session], "salesperson", 1) == 3 / 6
    assert distinct([session], "salesperson", 2) == 3 / 4  # go on, on go, go on; go away
    assert distinct([session], "salesperson", 5) is None
    assert distinct([call("zh", "好的好的")], "salesperson", 2) == 2 / 3


def test_the_fair_distinct_n_takes_just_its_budget_of_tokens() -> None:
    same = [call("en", "go on go on", id=str(number)) for number in range(8)]
    assert fair_distinct(same, "salesperson", 1, budget=8) == 2 / 8
    assert fair_distinct(same, "salesperson", 2, budget=6) == 2 / 4  # four words and two: runs of 3 and 1
    assert fair_distinct(same, "salesperson", 1, budget=33) is None


def test_a_session_is_as_like_the_set_as_its_nearest_other_one() -> None:
    one, other = call("en", "a b c d", id="1"), call("en", "a b c e", id="2")  # share abc of abc, bcd, bce
    third = call("en", "v w x y z", id="3")
    assert self_similarity([one, other]) == pytest.approx(1 / 3)
    assert self_similarity([one, other, third]) == pytest.approx((1 / 3 + 1 / 3 + 0) / 3)
    assert self_similarity([one]) is None


def test_openings_spread_evenly_or_not_at_all() -> None:
    lines = [
        "Hello, is that the kite shop?",
        "Morning, have I got the bakery?",
        "Hiya, are you the one with the lamps?",
    ]
    calls = [call("en", line, id=line) for line in lines]
    assert opening_entropy(calls) == pytest.approx(1)
    assert opening_entropy([calls[0], calls[0]]) == 0
    half = [calls[0], calls[0], calls[1], calls[2]]
    assert opening_entropy(half) == pytest.approx(1.5 / log2(4))  # 1/2 · 1 + 2 · 1/4 · 2 bits
    assert opening_entropy(calls[:1]) is None


def test_rates_and_exits_are_those_of_the_calls() -> None:
    agreed = call("en", "Could you come by on the twelfth?", "Yeah, alright, I'll come.", reason="goal_reached")
    refused = call("en", "Hello?", "No thanks, not interested.", reason="merchant_hangup")
    longer = call("en", "Hello?", "Yes?", "It's Tom.", "No thanks, not interested.", reason="merchant_goodbye")
    rates = outcome_rates([agreed, refused, longer, agreed])
    assert (rates["high_intention"], rates["refusal"], sum(rates.values())) == (0.5, 0.5, 1)
    left = exits([agreed, refused, longer, agreed])
    assert (left.share, left.turns) == (0.5, 3)
    assert left.seconds == pytest.approx((5 / 2.7 + 0.4 + 8 / 2.7 + 3 * 0.4) / 2)  # 5 words, 8 words
    assert exits([agreed]).turns is None


def test_a_set_is_of_one_language_and_not_empty() -> None:
    with pytest.raises(InputError, match="en and zh"):
        measure_set([call("en", "Hello?"), call("zh", "喂？")])
    with pytest.raises(InputError, match="none"):
        measure_set([])


def test_means_leave_out_what_could_not_be_measured() -> None:
    measured = [measure_session(Example(call("en", *lines))) for lines in (("Hello?", "Yes, hello."), ("Hello?",))]
    assert (means(measured)["turns"], means(measured)["traced"]) == (1.5, None)
    assert role_means(measured, "merchant")["turns"] == 0.5
    assert role_means(measured, "merchant")["length"] == 2


# ---- what always holds

LINES = st.lists(st.text(min_size=1).filter(str.strip), max_size=8)
SHARES = ("bookish_turns", "repeated_turns", "style_gap")


@given(lines=LINES, language=st.sampled_from(LANGUAGES))
def test_shares_are_shares_whatever_is_said(lines: list[str], language: Language) -> None:
    measured = measure_session(Example(call(language, *lines)))
    for side in (measured.salesperson, measured.merchant):
        assert all(0 <= (getattr(side, name) or 0) <= 1 for name in SHARES)
        assert side.asked_again <= side.turns
    assert measured.role_faults <= measured.turns
    assert measured.goodbye_tail <= max(0, measured.turns - 2)


@given(talks=st.lists(LINES, min_size=1, max_size=5), language=st.sampled_from(LANGUAGES), random=st.randoms())
def test_the_order_of_sessions_changes_nothing(talks: list[list[str]], language: Language, random: Random) -> None:
    calls = [call(language, *lines, id=str(number)) for number, lines in enumerate(talks)]
    whole = measure_set(calls)
    shares = [whole.self_similarity, whole.opening_entropy, *whole.outcomes.values()]
    assert all(0 <= share <= 1 + 1e-12 for share in shares if share is not None)
    measured = [measure_session(Example(one)) for one in calls]
    shuffled = random.sample(calls, len(calls))
    assert measure_set(shuffled) == whole
    assert means([measure_session(Example(one)) for one in shuffled]) == means(measured)


def test_saying_an_own_line_again_raises_repetition(good: list[Example]) -> None:
    for example in good:
        session, language = example.session, example.session.language
        longest = max((turn.text for turn in session.turns[::2]), key=len).rstrip("?？")
        lines = [turn.text for turn in session.turns[: len(session.turns) // 2 * 2]]
        lines[-1] = {"en": "Mm, right.", "zh": "嗯，你说。"}[language]  # who has not caught a line may hear it again
        before = repeated_turns(call(language, *lines), "salesperson")
        assert repeated_turns(call(language, *lines, longest), "salesperson") > before


def test_the_fair_distinct_n_does_not_fall_as_a_set_grows_and_the_plain_one_does(good: list[Example]) -> None:
    for language in LANGUAGES:
        calls = [one.session for one in good if one.session.language == language]
        few, many = calls[:25], calls
        plain = [distinct(those, "salesperson", 2) for those in (few, many)]
        fair = [fair_distinct(those, "salesperson", 2) for those in (few, many)]
        assert (plain[1] or 1) < 0.9 * (plain[0] or 0)
        assert fair[1] == pytest.approx(fair[0], rel=0.05)


def test_a_set_that_is_said_twice_is_less_varied(good: list[Example]) -> None:
    calls = [one.session for one in good if one.session.language == "zh"]
    again = [one.model_copy(update={"id": f"{one.id}.again"}) for one in calls]
    once, twice = measure_set(calls), measure_set([*calls, *again])
    assert twice.self_similarity == 1 > (once.self_similarity or 0)
    assert (twice.opening_entropy or 0) < (once.opening_entropy or 0)


# ---- planted faults

AGAIN: dict[Language, str] = {"en": "Well, you know, ", "zh": "嗯，那个，"}
FAULTY = yaml.safe_load((Path(__file__).parent / "planted_faults.yaml").read_text(encoding="utf-8"))
BYES: dict[Language, list[str]] = {
    "en": ["Right, thanks, bye.", "Bye now.", "Take care.", "You too, bye-bye.", "Have a good day.", "Bye."],
    "zh": ["好嘞，那您忙，再见。", "嗯，再见。", "您忙，拜拜。", "好的好的，拜拜。", "祝您生意兴隆，再见。", "拜拜。"],
}
LEAKS: dict[Language, list[str]] = {
    "en": ["As an AI language model, I can't come by.", "Salesperson: so, shall we say Friday?", "*smiles* Lovely."],
    "zh": ["作为一个AI语言模型，我没法上门拜访。", "销售：那咱们就定在礼拜五？", "（微笑）那太好了。"],
}


@pytest.fixture(scope="module")
def good(catalog: Catalog) -> list[Example]:
    """Offline calls of ten turns or more, as they come."""
    scenarios = {one.id: one for one in catalog.sample(240, seed=11)}
    run = Simulator(seed=11).run_many(list(scenarios.values()))
    return [
        Example(one, scenarios[one.scenario_id].profile, scenarios[one.scenario_id].filled_strategy)
        for one in run
        if len(one.turns) >= 10
    ]


def _a_turn(session: Session, random: Random, *, room: int = 1) -> int:
    """A turn of the salesperson's after the greeting, with so many turns after it."""
    return random.randrange(2, len(session.turns) - room, 2)


def _line_again(session: Session, random: Random) -> Session:
    half = len(session.turns) // 2
    longest = max(range(0, half, 2), key=lambda at: len(session.turns[at].text))
    line = AGAIN[session.language] + session.turns[longest].text.rstrip("?？")
    return put(session, random.randrange(half + half % 2, len(session.turns), 2), line)


def _question_again(session: Session, random: Random) -> Session:
    question, answer, _ = random.choice(FAULTY["known"]["questions"][session.language])
    at = _a_turn(session, random, room=4)
    return put(put(session, at, question, answer), at + 4, AGAIN[session.language] + question)


def _topic_again(wordings: str) -> Plant:
    """A question, and after two more turns the same in other words."""

    def plant(session: Session, random: Random) -> Session:
        question, answer, other = random.choice(FAULTY[wordings]["questions"][session.language])
        at = _a_turn(session, random, room=4)
        return put(put(session, at, question, answer), at + 4, other)

    return plant


def _bookish(wordings: str) -> Plant:
    def plant(session: Session, random: Random) -> Session:
        return put(session, _a_turn(session, random), random.choice(FAULTY[wordings]["bookish"][session.language]))

    return plant


def _chats(turns: int, wordings: str) -> Plant:
    """Small talk for so many turns of the salesperson's, and the merchant's answers to it."""

    def plant(session: Session, random: Random) -> Session:
        chat, replies = (FAULTY[wordings][kind][session.language] for kind in ("chat", "replies"))
        lines = [line for one in random.sample(chat, turns) for line in (one, random.choice(replies))]
        return put(session, _a_turn(session, random, room=2 * turns), *lines)

    return plant


def _tail(session: Session, random: Random) -> Session:
    old = [turn.text for turn in session.turns[: random.randrange(4, len(session.turns), 2)]]
    return call(session.language, *old, *BYES[session.language][: random.randrange(4, 7)], id=session.id)


def _leak(session: Session, random: Random) -> Session:
    return put(session, _a_turn(session, random), random.choice(LEAKS[session.language]))


def _drifted(measured: SessionMeasures) -> float:
    """The salesperson's turns off the plan."""
    assert measured.adherence is not None
    return measured.adherence.drift * measured.salesperson.turns


class Fault(NamedTuple):
    """A planted fault, the measure of its kind, and from which value on that tells a faulty call."""

    plant: Plant
    of: Callable[[SessionMeasures], float]
    threshold: float


FAULTS = {
    "a line again": Fault(_line_again, lambda one: one.salesperson.repeated_turns, 0.01),
    "a question again": Fault(_question_again, lambda one: one.salesperson.asked_again, 1),
    "three turns off the plan": Fault(_chats(3, "known"), _drifted, 1.5),
    "goodbyes without end": Fault(_tail, lambda one: one.goodbye_tail, 1),
    "a line out of role": Fault(_leak, lambda one: one.role_faults, 1),
}
for wordings in FAULTY:
    FAULTS |= {
        f"a question again in other words, {wordings}": Fault(
            _topic_again(wordings), lambda one: one.salesperson.asked_again, 1
        ),
        f"a bookish turn, {wordings}": Fault(_bookish(wordings), lambda one: one.salesperson.bookish_turns, 0.01),
        f"two turns off the plan, {wordings}": Fault(_chats(2, wordings), _drifted, 1.5),
    }
FOUND = 0.9
FALSE_ALARMS = 0.05


@pytest.fixture(scope="module")
def clean(good: list[Example]) -> list[SessionMeasures]:
    return [measure_session(one) for one in good]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_measure_tells_calls_with_its_fault_from_good_ones(
    good: list[Example], clean: list[SessionMeasures], name: str, language: Language
) -> None:
    fault = FAULTS[name]
    alarms = [fault.of(one) >= fault.threshold for one in clean if one.language == language]
    own = [one for one in good if one.session.language == language]
    planted = [replace(one, session=fault.plant(one.session, Random(number))) for number, one in enumerate(own)]
    found = [fault.of(measure_session(one)) >= fault.threshold for one in planted]
    print(f"\n{language}, {name}: found {sum(found)}/{len(found)}, false alarms {sum(alarms)}/{len(alarms)}")
    assert len(found) >= 50
    assert sum(found) >= FOUND * len(found)
    assert sum(alarms) <= FALSE_ALARMS * len(alarms)


@pytest.mark.skipif("TELEROLE_REAL_TALK" not in os.environ, reason="TELEROLE_REAL_TALK names no folder of real talk")
@pytest.mark.parametrize("name", NAMES)
def test_at_most_five_of_a_hundred_real_conversations_repeat_anything(name: str) -> None:
    talks = sessions(name)
    again = [any(repeated_turns(one, role) for role in ("salesperson", "merchant")) for one in talks]
    asked = [any(asked_again(one, role) for role in ("salesperson", "merchant")) for one in talks]
    print(f"\n{name}: turns repeated in {sum(again)}/{len(talks)}, questions asked again in {sum(asked)}/{len(talks)}")
    assert sum(again) <= FALSE_ALARMS * len(talks)
    assert sum(asked) <= FALSE_ALARMS * len(talks)


@pytest.mark.skipif("TELEROLE_REAL_TALK" not in os.environ, reason="TELEROLE_REAL_TALK names no folder of real talk")
@pytest.mark.parametrize("name", NAMES)
def test_at_most_five_of_a_hundred_turns_of_real_conversations_are_bookish(name: str) -> None:
    alone = [call(one.language, turn.text) for one in sessions(name) for turn in one.turns]
    bookish = sum(bookish_turns(one, "salesperson") for one in alone)
    print(f"\n{name}: bookish turns {bookish:.0f}/{len(alone)}")
    assert bookish <= FALSE_ALARMS * len(alone)


def test_the_command_prints_the_measures_of_each_language_and_role(catalog: Catalog, tmp_path: Path) -> None:
    Simulator(seed=1).run_many(catalog.sample(6, seed=1), out=tmp_path / "run")
    shown = CliRunner().invoke(app, ["measure", str(tmp_path / "run")])
    assert shown.exit_code == 0
    for part in ("en: 3 sessions", "zh: 3 sessions", "salesperson", "merchant", "distinct-2", "claims; traced"):
        assert part in shown.stdout
    only = CliRunner().invoke(app, ["measure", str(tmp_path / "run"), "--language", "zh"])
    assert "en: " not in only.stdout
