"""Calls that nobody would have on the telephone are told from those that people have."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from telerole import Catalog, Session, Simulator
from telerole.postprocess.conversationality import Conversationality, figures, score
from telerole.postprocess.filtering import Example, Reject
from telerole.records import LANGUAGES, Language
from telerole.session import End, Turn, speaker_at

PAIRS = yaml.safe_load((Path(__file__).parent / "formal_calls.zh.yaml").read_text(encoding="utf-8"))
FORMAL_EN = [
    "Good afternoon, I'm reaching out because we are delighted to offer an exclusive opportunity to valued sellers.",
    "I appreciate you reaching out. May I ask what it entails?",
    "That's a great question. Our comprehensive programme is designed to streamline your logistics and enhance sales.",
    "I understand. However, I am currently quite satisfied with our arrangements.",
    "I completely understand your concern. Rest assured, our dedicated team would be happy to assist you.",
    "Thank you for the explanation. Please let me know how to proceed.",
    "Absolutely! Thank you for your time, and please don't hesitate to reach out. Have a wonderful day!",
]
SPOKEN_EN = [
    "Hiya, it's Tom from Seabridge. You got a minute?",
    "Uh, go on then.",
    "So, there's this fair in May, and, um, I thought of you.",
    "A fair? No, I don't do fairs.",
    "Fair enough. What put you off?",
    "Stood there all day, sold nothing.",
    "Right. Yeah. I'd not go back either, thank you very much.",
]
WRITTEN = {
    "a list": {"en": "- a stand\n- two passes", "zh": "- 展位一个\n- 门票两张"},
    "numbered points": {"en": "1. You sign up.\n2. We call.", "zh": "1. 您报名。\n2. 我们联系。"},
    "a heading": {"en": "## The offer", "zh": "## 活动介绍"},
    "bold type": {"en": "It is **free**, really.", "zh": "这个是**免费**的。"},
    "an address": {"en": "It's on https://example.org/fair for you.", "zh": "您看 https://example.org/fair 就行。"},
    "an emoji": {"en": "See you there 😊", "zh": "到时候见😊"},
}


def call(lines: list[str], language: Language) -> Session:
    turns = tuple(Turn(role=speaker_at(n), text=text) for n, text in enumerate(lines))
    return Session(id="s.0", scenario_id="s", language=language, seed=1, turns=turns, end=End(reason="stopped"))


def verdict(session: Session) -> Reject | None:
    return Conversationality().judge(Example(session))


FORMAL: dict[Language, list[Session]] = {
    "en": [call(FORMAL_EN, "en")],
    "zh": [call(pair["formal"], "zh") for pair in PAIRS],
}
SPOKEN: dict[Language, list[Session]] = {
    "en": [call(SPOKEN_EN, "en")],
    "zh": [call(pair["spoken"], "zh") for pair in PAIRS],
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_formal_calls_are_rejected_and_the_same_calls_as_people_talk_are_kept(language: Language) -> None:
    for session in FORMAL[language]:
        reject = verdict(session)
        assert reject is not None
        assert reject.reason == "formal"
        assert reject.evidence
    assert [verdict(session) for session in SPOKEN[language]] == [None] * len(SPOKEN[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_least_formal_of_the_formal_scores_far_above_the_most_formal_of_the_spoken(language: Language) -> None:
    assert min(map(score, FORMAL[language])) > 2 > 1 > max(map(score, SPOKEN[language]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_formal_side_is_enough(language: Language) -> None:
    formal, spoken = FORMAL[language][0].turns[::2], SPOKEN[language][0].turns[::2]
    for stiff in (0, 1):
        first, second = (spoken, formal) if stiff else (formal, spoken)
        lines = [turn.text for pair in zip(first, second, strict=True) for turn in pair]
        worst = max(figures(call(lines, language)), key=lambda figure: figure.ratio)
        assert (worst.kind, worst.role) == ("formal", speaker_at(stiff))
        assert worst.ratio > 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_offline_calls_and_the_seed_scripts_as_they_were_said_are_kept(catalog: Catalog, language: Language) -> None:
    truths = [call([turn.text for turn in one.turns], language) for one in catalog.truths(language)]
    offline = list(Simulator(seed=5).run_many(catalog.sample(60, seed=5, language=language)))
    for sessions in (truths, offline):
        assert sum(verdict(session) is None for session in sessions) >= 0.95 * len(sessions)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", WRITTEN)
def test_one_mark_of_writing_rejects_a_call(kind: str, language: Language) -> None:
    for at in (2, 3):
        lines = [turn.text for turn in SPOKEN[language][0].turns]
        reject = verdict(call([*lines[:at], WRITTEN[kind][language], *lines[at + 1 :]], language))
        assert reject is not None
        assert (reject.reason, reject.score) == ("markup", None)
        assert {evidence.turn for evidence in reject.evidence} == {at}


@pytest.mark.parametrize(
    "text",
    [
        "1.5 percent, I think.",
        "It's 3.20, well, 3.25.",
        "Half-price, like, forty-odd pounds.",
        "3. Me and the girls.",
    ],
)
def test_a_spoken_number_is_no_list(text: str) -> None:
    assert verdict(call([*SPOKEN_EN[:2], text, *SPOKEN_EN[3:]], "en")) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_monologue_is_rejected_however_it_is_worded(language: Language) -> None:
    spoken = [turn.text for turn in SPOKEN[language][0].turns]
    lines = {
        "en": "and, um, so he rang me and I said to him, look, no, ",
        "zh": "然后他就打给我，我就跟他说，那个，不行啊，",
    }
    reject = verdict(call([*spoken[:4], lines[language] * 9, *spoken[5:]], language))
    assert reject is not None
    assert (reject.reason, reject.evidence[0].turn) == ("longest", 4)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_call_without_a_filler_or_a_short_turn_is_stilted(language: Language) -> None:
    line = {"en": "The buyers come to the hall on Thursday morning.", "zh": "买家礼拜四上午都到会场。"}[language]
    reject = verdict(call([line] * 14, language))
    assert reject is not None
    assert reject.reason == "stilted"
    assert verdict(call([line] * 8, language)) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_thank_you_does_not_make_a_short_call_formal(language: Language) -> None:
    lines = {"en": ["Hello, Mrs. Whitlock?", "Busy, sorry.", "Thank you for your time, bye."]}
    lines["zh"] = ["喂，孙姐吧？", "忙着呢。", "哦，那感谢您，您忙。"]
    assert verdict(call(lines[language], language)) is None


@given(limit=st.floats(0.1, 8), number=st.integers(0, len(PAIRS) - 1), kind=st.sampled_from(["formal", "spoken"]))
def test_a_session_is_rejected_exactly_where_its_score_is_above_the_limit(limit: float, number: int, kind: str) -> None:
    session = call(PAIRS[number][kind], "zh")
    reject = Conversationality(limit=limit).judge(Example(session))
    assert (reject is not None) == (score(session) > limit)
    assert reject is None or (reject.threshold == limit and reject.score is not None and reject.score >= limit - 0.001)


def test_a_call_without_a_word_has_nothing_to_judge() -> None:
    assert score(call(["...", "…"], "en")) == 0.0
    assert verdict(call(["...", "…"], "en")) is None


@given(lines=st.lists(st.text(min_size=1).filter(str.strip), max_size=6), language=st.sampled_from(LANGUAGES))
def test_no_text_breaks_the_measures(lines: list[str], language: Language) -> None:
    assert 0.0 <= score(call(lines, language)) < math.inf
    verdict(call(lines, language))
