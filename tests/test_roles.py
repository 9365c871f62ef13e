"""A line that nobody in that chair says is found, whoever made the call."""

from __future__ import annotations

import pytest

from telerole import Catalog, Session, Simulator
from telerole.persona import Role
from telerole.postprocess.filtering import Example
from telerole.postprocess.roles import Roles, swapped
from telerole.records import LANGUAGES, Language
from telerole.session import End, Turn, speaker_at

OUT_OF_ROLE: dict[Role, dict[Language, list[str]]] = {
    "merchant": {
        "en": [
            "Hi, I'm calling from Seabridge about your shop on our site.",
            "Can I take a minute of your time to tell you about our fair?",
            "We could get you signed up today, it only takes five minutes.",
            "Our platform helps shops like yours reach buyers abroad.",
            "I'd love to invite you to our trade fair in May.",
        ],
        "zh": [
            "您好，我是海桥国际站的小林，耽误您两分钟。",
            "我们平台最近有个扶持政策，想跟您说一下。",
            "您看我给您登记一个名额行吗？",
            "想邀请您来参加我们九月份的对接会。",
            "那我加您个微信，把资料发给您。",
        ],
    },
    "salesperson": {
        "en": [
            "Who is this, please?",
            "Where did you get my number?",
            "Please stop calling me.",
            "I'm serving a customer at the moment.",
            "I'd have to ask my husband first.",
        ],
        "zh": [
            "你是谁啊？",
            "你怎么知道我电话的？",
            "我店里来客人了，先不说了。",
            "我得跟我老婆商量一下。",
            "别再给我打电话了。",
        ],
    },
}
FAULTS: dict[str, dict[Language, list[str]]] = {
    "leaked schema": {
        "en": ['{"role": "merchant", "text": "Yes, go on."}', "```Yes, go on.```", "<think>He is busy.</think> Yes?"],
        "zh": ['{"role": "merchant", "text": "嗯，你说"}', "思考：他在忙。嗯，你说。", "<answer>嗯，你说。</answer>"],
    },
    "both sides in one turn": {
        "en": ["Right, a fair. Salesperson: Yes, in May. Would you come?", "Mm.\nAgent: So, in May."],
        "zh": ["哦，对接会。销售员：对，九月份的。", "嗯。\n客服：那我给您登记一下？"],
    },
    "speaker label": {
        "en": ["Merchant: yes, go on.", "**Customer:** Yes?"],
        "zh": ["商家：嗯，你说。", "【老板】：什么事？"],
    },
    "stage direction": {
        "en": ["Oh, right (laughs). Go on.", "*sighs* What now?", "[pauses for a moment] Well."],
        "zh": ["（笑了一下）你说吧。", "【沉默片刻】嗯。", "*叹气* 又是你们。"],
    },
    "says it is a model": {
        "en": ["As an AI language model, I don't have a shop.", "I'm just an AI, so I can't come."],
        "zh": ["作为一个人工智能，我没有店铺。", "我只是一个语言模型，来不了。"],
    },
    "talks about the prompt": {
        "en": [
            "Here's the next line of the call.",
            "According to the scenario I'm busy now.",
            "Let me stay in character.",
            "Right, bye then. End of call.",
        ],
        "zh": ["以下是续写的对话。", "根据设定我现在应该在忙。", "我们继续角色扮演吧。"],
    },
}
INNOCENT: dict[Language, list[str]] = {
    "en": [
        "He said, who is this, and I told him.",
        "It's for your company, not ours.",
        "I ring a customer: nobody there.",
        "You're not interested, you say?",
        "It's the agent who deals with that, well, our agent in Leeds.",
        "Hello, who am I speaking to?",
        "I'll have to ask my boss about that.",
        "I'll text you at the end of the call.",
    ],
    "zh": [
        "我们公司就我一个人。",
        "客户多，忙不过来。",
        "老板不在，我是看店的。",
        "别笑，真的。",
        "我跟他说，你找老板去。",
        "价格我得跟老板商量一下。",
    ],
}


def call(texts: list[str], language: Language) -> Session:
    turns = tuple(Turn(role=speaker_at(n), text=text) for n, text in enumerate(texts))
    return Session(id="s.0", scenario_id="s", language=language, seed=1, turns=turns, end=End(reason="stopped"))


def reason(session: Session) -> str | None:
    reject = Roles().judge(Example(session))
    return reject.reason if reject else None


@pytest.fixture(scope="module")
def good(catalog: Catalog) -> list[Session]:
    """Clean calls of ten turns or more: from the seed scripts, and offline."""
    truths = [call([turn.text for turn in one.turns], lang) for lang in LANGUAGES for one in catalog.truths(lang)]
    offline = Simulator(seed=5).run_many(catalog.sample(120, seed=5))
    return [one for one in (*truths, *offline) if len(one.turns) >= 10]


def of(sessions: list[Session], language: Language) -> list[Session]:
    return [one for one in sessions if one.language == language]


def with_line(session: Session, role: Role, text: str) -> Session:
    """The session with one line of `role` in the middle exchanged."""
    at = len(session.turns) // 4 * 2 + (role == "merchant")
    texts = [turn.text for turn in session.turns]
    return call([*texts[:at], text, *texts[at + 1 :]], session.language)


def turned_round(session: Session, at: int) -> Session:
    """The session without turn `at`: from there on each side says the other's lines."""
    return call([turn.text for n, turn in enumerate(session.turns) if n != at], session.language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_clean_calls_are_kept(good: list[Session], language: Language) -> None:
    assert [reason(one) for one in of(good, language) if reason(one)] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", ["salesperson", "merchant"])
def test_one_line_of_the_other_side_is_a_role_inversion(good: list[Session], role: Role, language: Language) -> None:
    other: Role = "merchant" if role == "salesperson" else "salesperson"
    for text in OUT_OF_ROLE[role][language]:
        for session in of(good, language)[::10]:
            assert reason(with_line(session, role, text)) == "role inversion", text
            assert reason(with_line(session, other, text)) is None, text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_speech_is_found_and_named(good: list[Session], fault: str, language: Language) -> None:
    for text in FAULTS[fault][language]:
        for session in of(good, language)[::10]:
            assert reason(with_line(session, "merchant", text)) == fault, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_that_only_look_like_a_fault_are_kept(good: list[Session], language: Language) -> None:
    for text in INNOCENT[language]:
        for role in ("salesperson", "merchant"):
            assert reason(with_line(of(good, language)[0], role, text)) is None, text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("part", "found"), [(0, 0.75), (1 / 3, 0.43), (1 / 2, 0.55)])
def test_most_calls_in_which_the_chairs_are_swapped_are_found(
    good: list[Session], language: Language, part: float, found: float
) -> None:
    turned = [turned_round(one, int(part * len(one.turns))) for one in of(good, language)]
    assert sum(reason(one) == "role inversion" for one in turned) >= found * len(turned)


def test_the_evidence_of_a_swap_begins_where_it_begins(good: list[Session]) -> None:
    at = 10
    shown = [swapped(turned_round(one, at)) for one in good if len(one.turns) >= 30]
    begins = [evidence[0].turn for evidence in shown if evidence]
    assert len(begins) >= 20
    assert sum(begin is not None and begin >= at - 4 for begin in begins) >= 0.8 * len(begins)
