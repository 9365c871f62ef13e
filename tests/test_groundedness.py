"""A salesperson who tells what it cannot know is caught, with the turn and the words; one who keeps to it is kept."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from telerole import Catalog, Session, Simulator
from telerole.postprocess.filtering import Example
from telerole.postprocess.groundedness import Groundedness, told, ungrounded
from telerole.records import LANGUAGES, Language
from telerole.scenario import Scenario
from telerole.session import Turn

CALLS = 80

INVENTED: dict[Language, dict[str, tuple[str, ...]]] = {
    "zh": {
        "offer": ("现在签还送您一台打印机。", "首单我给您打八折。", "缺钱的话还能申请贷款。", "推荐朋友来有红包拿。"),
        "price": ("会员费是两千六一年。", "您先交980块押金就行。", "翻译那块另收三百六十五。", "推广最低充1280块。"),
        "date": ("六月二十三号开始报名。", "名单6月24号就封了。", "合同从二月二十号算起。", "培训是二月21号上午。"),
        "place": ("我们在哈尔滨也有个仓。", "买家都是从俄罗斯过来的。", "展会在武汉办。", "货统一发到沈阳。"),
        "name": ("您找我们孔经理就行。", "我同事郭晓峰跟您联系。", "跟拼多多也有合作。", "盛源集团也在用。"),
        "number": ("上面有三百七十万买家。", "一天能多出四十七单。", "退货率能降十二个点。", "我手上管着67家店。"),
    },
    "en": {
        "offer": (
            "You get a free gift with it.",
            "There's a loan for new sellers.",
            "There's a voucher in it for you.",
            "I'd have you featured.",
        ),
        "price": (
            "The membership's ninety-nine pounds a year.",
            "You'd pay £68 up front.",
            "A table is forty-five quid.",
            "It's 199 pounds.",
        ),
        "date": (
            "It starts on the twenty-third of February.",
            "The list closes on February 24.",
            "It's on from April.",
            "It's on the 8th of July.",
        ),
        "place": (
            "We've a warehouse near Penzance.",
            "The buyers come from Japan.",
            "Our head office is in Glasgow.",
            "It ships to Warsaw.",
        ),
        "name": (
            "You'd be dealing with Mr. Winstanley.",
            "Ask for Amina Yusuf at the desk.",
            "Waitrose buy from us.",
            "It's run with Northgate Logistics.",
        ),
        "number": (
            "You'd get 470 visitors a week.",
            "Returns drop by twelve per cent.",
            "I look after sixty-seven shops.",
            "Only 37 shops get in.",
        ),
    },
}


@pytest.fixture(scope="module")
def calls(catalog: Catalog) -> list[Example]:
    """Offline calls: every line of the salesperson comes from its strategy and profile."""
    scenarios = {one.id: one for one in catalog.sample(CALLS, seed=5)}
    run = Simulator("offline", "offline", seed=5).run_many(list(scenarios.values()))
    return [_example(session, scenarios[session.scenario_id]) for session in run]


def _example(session: Session, scenario: Scenario) -> Example:
    return Example(session, scenario.profile, scenario.filled_strategy)


def _with(session: Session, turn: int, line: str) -> Session:
    """The session with the line said at the end of that turn."""
    gap = "" if session.language == "zh" else " "
    turns = list(session.turns)
    turns[turn] = turns[turn].model_copy(update={"text": turns[turn].text + gap + line})
    return session.model_copy(update={"turns": tuple(turns)})


def _call(example: Example, *lines: str) -> Example:
    """The example with another conversation, the salesperson first."""
    turns = tuple(Turn(role="merchant" if i % 2 else "salesperson", text=line) for i, line in enumerate(lines))
    return Example(example.session.model_copy(update={"turns": turns}), example.profile, example.strategy)


def test_calls_that_keep_to_their_strategy_are_kept(calls: list[Example]) -> None:
    rejected = [reject for call in calls if (reject := Groundedness().judge(call))]
    assert len(rejected) <= 0.01 * len(calls)


@pytest.mark.parametrize("kind", ["offer", "price", "date", "place", "name", "number"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nine_inventions_in_ten_are_found_where_they_stand(calls: list[Example], language: Language, kind: str) -> None:
    random = Random(1)
    good = [call for call in calls if call.session.language == language]
    found = 0
    for call in good:
        turn = random.choice([i for i, said in enumerate(call.session.turns) if said.role == "salesperson"])
        line = random.choice(INVENTED[language][kind])
        planted = Example(_with(call.session, turn, line), call.profile, call.strategy)
        reject = Groundedness().judge(planted)
        found += reject is not None and any(shown.turn == turn for shown in reject.evidence)
    assert found >= 0.9 * len(good)


def test_the_evidence_names_the_words_and_what_they_claim(calls: list[Example]) -> None:
    call = next(call for call in calls if call.session.language == "en")
    reject = Groundedness().judge(_call(call, "Hello?", "Yes?", "A table is forty-five quid."))
    assert reject is not None
    assert [(shown.turn, shown.text) for shown in reject.evidence] == [(2, "number: forty-five quid")]
    assert (reject.score, reject.threshold) == (1, 0)


def test_as_many_untraced_claims_as_allowed_are_kept(calls: list[Example]) -> None:
    call = next(call for call in calls if call.session.language == "zh")
    planted = _call(call, "喂？", "哎。", "我们在哈尔滨也有个仓，现在签送您一台打印机。")
    assert Groundedness(most=1).judge(planted) is not None
    assert Groundedness(most=2).judge(planted) is None


@pytest.mark.parametrize(
    ("language", "merchant", "salesperson"),
    [
        (
            "en",
            "I sell at a market in Penzance, with Mr. Winstanley, thirty-seven boxes.",
            "Penzance, 37 boxes, I see.",
        ),
        ("zh", "我在哈尔滨，跟孔经理合伙，一天四十七单。", "哈尔滨啊，四十七单不少了，孔经理也忙吧？"),
    ],
)
def test_what_the_merchant_said_before_may_be_taken_up(
    calls: list[Example], language: Language, merchant: str, salesperson: str
) -> None:
    call = next(call for call in calls if call.session.language == language)
    assert Groundedness().judge(_call(call, "…", merchant, salesperson)) is None
    assert Groundedness().judge(_call(call, salesperson, merchant)) is not None


@pytest.mark.parametrize(
    ("language", "merchant", "salesperson"),
    [("en", "Is there a loan with it?", "There's a loan, yes."), ("zh", "能贷款吗？", "能，可以贷款。")],
)
def test_a_merchant_who_asks_for_an_offer_does_not_make_it_true(
    calls: list[Example], language: Language, merchant: str, salesperson: str
) -> None:
    call = next(call for call in calls if call.session.language == language)
    assert Groundedness().judge(_call(call, "…", merchant, salesperson)) is not None


def test_its_own_name_is_the_salespersons_to_say(calls: list[Example]) -> None:
    call = next(call for call in calls if call.session.language == "en")
    lines = ("It's Amina Yusuf, from Northgate.", "Who?", "Amina, from Northgate, and I'm on the Northgate side.")
    assert Groundedness().judge(_call(call, *lines)) is None


def test_what_a_strategy_forbids_is_no_source(calls: list[Example]) -> None:
    call = next(call for call in calls if call.session.language == "en")
    assert call.profile is not None
    assert call.strategy is not None
    strategy = call.strategy.model_copy(update={"avoid": ("Promising a voucher.",)})
    assert not any("voucher" in text for text in told(call.profile, strategy))
    session = _with(call.session, 0, "There's a voucher in it.")
    assert [claim.value for _, claim in ungrounded(session, told(call.profile, strategy))] == ["coupon"]


def test_what_the_expert_answers_is_known_and_what_the_prefix_adds_to_it_is_not(calls: list[Example]) -> None:
    call = next(call for call in calls if call.session.language == "en")
    answer = "A label from us is four pounds twenty, and Rotterdam takes six days."
    taught = Example(_call(call, "Hello?", "And the postage?", answer).session, call.profile, call.strategy)
    assert Groundedness().judge(taught) is not None
    assert Groundedness().judge(replace(taught, knowledge=(answer,))) is None
    invented = _call(call, "It's nine pounds in Kathmandu.", "And the postage?", answer)
    assert Groundedness().judge(replace(invented, knowledge=(answer,))) is not None


def test_without_a_profile_and_a_strategy_nothing_can_be_said(calls: list[Example]) -> None:
    for call in calls[:2]:
        line = INVENTED[call.session.language]["price"][0]
        assert Groundedness().judge(Example(_with(call.session, 0, line))) is None
