"""The merchant's mind: what a line does to it, when it leaves, and what it gives away."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations, pairwise
from statistics import mean
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telerole import Call, Catalog, Persona, Scenario, Session, Simulator, Turn
from telerole.agents.deciding import decide
from telerole.agents.events import read_line
from telerole.agents.guard import out_of_role
from telerole.agents.happenings import happenings
from telerole.agents.mind import leaving_hazard, mind_after, mind_at_rest
from telerole.agents.probes import PROBES
from telerole.agents.reactions import reactions_of, table
from telerole.agents.state import Mind, about, named
from telerole.outcome import outcome, resistance
from telerole.persona import Event, Temper
from telerole.records import LANGUAGES, Language
from telerole.style import measure_calls, near, target

Played = list[tuple[Scenario, Session]]


@pytest.fixture(scope="module")
def calls(catalog: Catalog) -> Played:
    scenarios = catalog.sample(1000, seed=23)
    by_id = {scenario.id: scenario for scenario in scenarios}
    return [(by_id[session.scenario_id], session) for session in Simulator(seed=23).run_many(scenarios)]


def mind_of(language: Language, *done: str, opened: str = "") -> Mind:
    """A mind in the middle of a call, after `done` acts of the merchant."""
    mind = mind_at_rest(Catalog.bundled().sample(1, language=language)[0], seed=1)
    mind.acts += ["pick_up", *done]
    mind.lines += ["Hello, is that the shop?" if language == "en" else "喂，您好，是老板吗？"] * (1 + len(done))
    mind.events += [("greeted",)] * (1 + len(done))
    mind.open = opened
    return mind


LINES: list[tuple[Language, str, str, str, set[str], set[str]]] = [
    (
        "en",
        "listen",
        "",
        "There's a trade fair in May, two hundred buyers in one hall.",
        {"new_value"},
        {"ignored", "pressed"},
    ),
    ("zh", "listen", "", "九月份有个对接会，两百来家海外买家都坐在那儿。", {"new_value"}, {"ignored", "pressed"}),
    (
        "en",
        "object:price",
        "price",
        "It's free for the first three months, you pay nothing.",
        {"answered"},
        {"ignored"},
    ),
    ("zh", "object:price", "price", "不收您钱，头一年都免费。", {"answered"}, {"ignored"}),
    (
        "en",
        "object:trust",
        "trust",
        "We've had a lot of shops join from round your way this year.",
        {"ignored"},
        {"answered"},
    ),
    ("zh", "ask:cost", "cost", "这个月做活动的商家特别多，位置都往前排。", {"ignored"}, {"answered"}),
    (
        "en",
        "refuse",
        "",
        "You'd be a fool not to. Shall we say Thursday, then?",
        {"pressed", "proposed"},
        {"backed_off"},
    ),
    ("zh", "refuse", "", "您现在不定，名额马上就没了，我给您报上行吗？", {"pressed", "proposed"}, {"backed_off"}),
    (
        "en",
        "refuse",
        "",
        "That's all right, no problem at all. Thanks for your time, bye now.",
        {"said_goodbye"},
        {"pressed"},
    ),
    ("zh", "refuse", "", "没事没事，那不打扰您了，再见。", {"said_goodbye"}, {"pressed"}),
    ("en", "listen", "", "I guarantee you'll double your sales, everybody does.", {"boasted"}, set()),
    ("zh", "listen", "", "您放心，我保证您一个月翻一倍，稳赚的。", {"boasted"}, set()),
    ("en", "listen", "", "Where do you sell most of it at the moment?", {"asked:channels"}, {"ignored"}),
    ("zh", "listen", "", "您现在货主要走哪些渠道？", {"asked:channels"}, {"ignored"}),
    ("en", "listen", "", "Mm.", {"said_nothing"}, {"listened"}),
    ("zh", "listen", "", "嗯。", {"said_nothing"}, {"listened"}),
    ("en", "object:price", "price", "Right.", {"listened"}, {"said_nothing", "ignored"}),
    ("zh", "object:price", "price", "哦，这样。", {"listened"}, {"said_nothing", "ignored"}),
    ("en", "busy", "", "So, there's a trade fair in May with two hundred buyers in one hall.", {"pushed_on"}, set()),
    (
        "en",
        "busy",
        "",
        "I'll be quick, half a minute and I'm gone. It's two hundred buyers in one hall.",
        {"asked_permission"},
        {"pushed_on"},
    ),
    ("zh", "busy", "", "那我就一句话，说完就挂，两百家海外买家都到。", {"asked_permission"}, {"pushed_on"}),
]


@pytest.mark.parametrize(("language", "done", "opened", "line", "shows", "lacks"), LINES)
def test_a_line_is_read_as_what_it_does_to_a_merchant(
    language: Language, done: str, opened: str, line: str, shows: set[str], lacks: set[str]
) -> None:
    events = set(read_line(line, mind_of(language, done, opened=opened), language))
    assert shows <= events, events
    assert not lacks & events, events


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_answers_of_the_library_are_heard_as_answers_and_other_steps_seldom(
    catalog: Catalog, language: Language
) -> None:
    answered = stray = lines = others = 0
    for strategy in (one for one in catalog.strategies.values() if one.language == language):
        for kind, says in strategy.answers.items():
            for line in says:
                lines += 1
                answered += "answered" in read_line(line, mind_of(language, f"object:{kind}", opened=kind), language)
            for step in strategy.flow[1:-1]:
                for line in step.say:
                    others += 1
                    stray += "answered" in read_line(line, mind_of(language, f"object:{kind}", opened=kind), language)
    assert answered / lines > 0.95
    assert stray / others < 0.2


def test_the_same_point_again_is_repetition_unless_the_line_was_bad() -> None:
    point = "There are two hundred buyers from abroad in one hall for three days."
    mind = mind_of("en", "listen")
    mind.lines.append(point)
    assert "repeated" in read_line(point, mind, "en")
    mind.acts.append("pardon")
    assert "repeated" not in read_line(point, mind, "en")


def test_a_question_whose_answer_was_told_is_asked_again() -> None:
    mind = mind_of("en", "answer:channels")
    mind.released.add("channels")
    assert "asked_again" in read_line("And where do you sell most of it?", mind, "en")


def merchant(catalog: Catalog, **changes: object) -> Scenario:
    scenario = catalog.sample(1, seed=2, language="en")[0]
    persona = Persona.model_validate(scenario.merchant.model_dump() | changes)
    return scenario.model_copy(update={"merchant": persona})


def test_every_event_has_a_row_and_every_temper_changes_some() -> None:
    assert table().usual.keys() == set(get_args(Event))
    assert table().tempers.keys() == set(get_args(Temper))


def test_a_temper_replaces_single_numbers_and_the_persona_those_of_its_temper(catalog: Catalog) -> None:
    plain = reactions_of(merchant(catalog, temper=None, reactions={}).merchant)
    blunt = reactions_of(merchant(catalog, temper="blunt", reactions={}).merchant)
    own = reactions_of(merchant(catalog, temper="blunt", reactions={"pressed": {"patience": -0.5}}).merchant)
    assert blunt["pressed"]["patience"] < plain["pressed"]["patience"]
    assert own["pressed"] == blunt["pressed"] | {"patience": -0.5}
    assert own["ignored"] == plain["ignored"]


def test_reactions_in_a_personas_file_decide_how_a_call_goes(catalog: Catalog) -> None:
    """The same words to the same merchant, but for one number: a merchant whom silence enrages is gone sooner."""

    def turns(said_nothing: float) -> float:
        scenarios = [
            one.model_copy(
                update={"merchant": merchant(catalog, reactions={"said_nothing": {"patience": said_nothing}}).merchant}
            )
            for one in catalog.sample(40, seed=4, language="en")
        ]
        return mean(len(session.turns) for session in Simulator(PROBES["silent"], seed=4).run_many(scenarios))

    assert turns(-0.6) < turns(0.0) - 2


def test_the_feelings_stay_between_0_and_1_and_are_the_same_however_the_call_is_cut(calls: Played) -> None:
    for scenario, session in calls[:120]:
        whole = mind_after(scenario, session.turns, session.seed)
        for feeling in (whole.interest, whole.trust, whole.patience, whole.suspicion, whole.busyness):
            assert 0 <= feeling <= 1
        bare = [turn.model_copy(update={"noticed": None}) for turn in session.turns]
        assert mind_after(scenario, bare, session.seed) == whole


def test_what_happens_around_a_merchant_is_the_same_whoever_calls(catalog: Catalog) -> None:
    scenarios = catalog.sample(60, seed=8)
    days = []
    for name in ("good", "silent"):
        run = {session.scenario_id: session for session in Simulator(PROBES[name], seed=8).run_many(scenarios)}
        days.append([mind_at_rest(one, run[one.id].seed) for one in scenarios])
    assert days[0] == days[1]
    kinds = Counter(kind for mind in days[0] for kind in mind.happenings.values())
    assert set(kinds) == {"walk_in", "bad_line", "meeting_soon"}


@settings(max_examples=50)
@given(seed=st.integers(0, 2**62), busyness=st.floats(0, 1))
def test_a_day_holds_each_disturbance_once_at_most(seed: int, busyness: float) -> None:
    persona = next(one for one in Catalog.bundled().personas.values() if one.role == "merchant")
    nature = persona.disposition.model_copy(update={"busyness": busyness})
    day = happenings(persona.model_copy(update={"disposition": nature}), seed)
    assert len(set(day.values())) == len(day)
    assert all(2 <= turn <= 7 for turn in day)


def test_merchants_leave_as_often_as_the_hazard_says(calls: Played) -> None:
    """Over all turns and in each fifth of the hazard: the share that left is within 3 points of what was computed."""
    drawn = []
    for scenario, session in calls:
        for index in range(1, len(session.turns), 2):
            mind = mind_after(scenario, session.turns[:index], session.seed, session.turns[index].noticed)
            decision = decide(mind, scenario, Call(scenario, session.turns[:index], session.seed).random("act"))
            assert decision.act == session.turns[index].act
            if decision.hazard is not None:
                assert decision.hazard == leaving_hazard(mind)
                drawn.append((decision.hazard, decision.leaves))
    drawn.sort()
    fifth = len(drawn) // 5
    for part in (drawn, *(drawn[n * fifth : (n + 1) * fifth] for n in range(5))):
        assert abs(mean(left for _, left in part) - mean(hazard for hazard, _ in part)) < 0.03


def test_whoever_decides_to_leave_is_gone_within_a_line(calls: Played) -> None:
    for scenario, session in calls:
        for index in range(1, len(session.turns), 2):
            act = named(session.turns[index].act or "")
            if act in ("hang_up", "scold", "no_time"):
                assert index == len(session.turns) - 1
            if act in ("goodbye", "brush_off", "defer", "agree"):
                assert len(session.turns) - index <= 5, (scenario.id, act)


def test_a_merchant_tells_a_fact_only_when_asked_or_of_their_own_accord_and_invents_none(calls: Played) -> None:
    told = 0
    for scenario, session in calls:
        facts = scenario.merchant.facts
        for index in range(1, len(session.turns), 2):
            turn = session.turns[index]
            act, topic = named(turn.act or ""), about(turn.act or "")
            if act in ("answer", "volunteer"):
                assert _plain(facts[topic]) == _plain(turn.text)  # type: ignore[index]
                assert act == "volunteer" or f"asked:{topic}" in (turn.noticed or ())
                told += 1
            else:
                assert not any(_plain(fact) in _plain(turn.text) for fact in facts.values()), (act, turn.text)
    assert told > len(calls) / 2


def test_whoever_is_asked_what_they_cannot_know_does_not_know(calls: Played) -> None:
    for scenario, session in calls:
        for index in range(1, len(session.turns), 2):
            asked = [about(event) for event in session.turns[index].noticed or () if named(event) == "asked"]
            if asked and not set(asked) & scenario.merchant.facts.keys():
                assert named(session.turns[index].act or "") != "answer"


def test_those_who_do_not_buy_resist_at_least_as_often_as_real_ones(calls: Played) -> None:
    for language in LANGUAGES:
        shares = [
            resistance(session)
            for _, session in calls
            if session.language == language and outcome(session) != "high_intention"
        ]
        assert mean(shares) >= 0.25


def test_fewer_than_one_call_in_twenty_runs_into_the_cap(calls: Played) -> None:
    assert mean(session.end.reason in ("max_turns", "loop") for _, session in calls) < 0.05


def test_a_hurt_merchant_leaves_sooner_than_one_at_ease(catalog: Catalog) -> None:
    mind = mind_at_rest(catalog.sample(1)[0], seed=3)
    hazards = []
    for patience in (0.9, 0.6, 0.3, 0.0):
        mind.patience = patience
        hazards.append(leaving_hazard(mind))
    assert all(one < other for one, other in pairwise(hazards))
    mind.acts += ["refuse", "refuse"]
    assert leaving_hazard(mind) > hazards[-1]


def test_a_turn_without_an_act_is_folded_by_what_it_sounds_like(catalog: Catalog) -> None:
    scenario = catalog.sample(1, language="en")[0]
    turns = [
        Turn(role="salesperson", text="Hello, is that the shop?"),
        Turn(role="merchant", text="Who is this?"),
    ]
    assert mind_after(scenario, turns, 1).acts == ["ask:who"]


def test_nobody_offline_falls_out_of_their_role(calls: Played) -> None:
    for scenario, session in calls:
        for turn in session.turns:
            assert out_of_role(turn.text, turn.role, scenario) is None, turn.text


def test_offline_calls_sound_like_the_phone(calls: Played) -> None:
    """Short turns and fillers within a third of real telephone talk, per role and language."""
    for (language, role), style in measure_calls(session for _, session in calls).items():
        assert near(style, target(language, role).style) == {"short_turns": True, "fillers": True}, (language, role)


def test_hardly_any_two_offline_calls_are_nearly_the_same(calls: Played) -> None:
    """`benchmarks/sameness.py` compares 2,000; here calls of a language, by the three-word or five-character runs."""
    alike: set[str] = set()
    for language in LANGUAGES:
        runs: dict[str, set[str]] = {}
        for _, session in calls:
            if session.language == language:
                units = re.findall(
                    r"\w+" if language == "en" else r"\w", "\n".join(turn.text for turn in session.turns)
                )
                width = 3 if language == "en" else 5
                runs[session.id] = {" ".join(units[n : n + width]) for n in range(len(units) - width + 1)}
        holders: dict[str, list[str]] = {}
        for id, grams in runs.items():
            for gram in grams:
                holders.setdefault(gram, []).append(id)
        shared: Counter[tuple[str, str]] = Counter()
        for ids in holders.values():
            shared.update(combinations(ids, 2))
        for (one, other), n in shared.items():
            if n >= 0.6 * (len(runs[one]) + len(runs[other]) - n):
                alike |= {one, other}
    assert len(alike) < 0.01 * len(calls)


def _plain(text: str) -> str:
    """The line without the small words that hesitation adds, and without its punctuation and case."""
    bare = re.sub(
        r"\b(um|uh|well|so|oh|yeah|i mean|look|right|you know)\b|那个|就是说|就是|这个|[嗯呃哎啊]", "", text.lower()
    )
    return re.sub(r"[\W_]+", "", bare)
