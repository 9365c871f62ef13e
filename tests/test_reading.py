"""A listener without a model: what is heard in a line, and what only sounds like it."""

from __future__ import annotations

from collections import defaultdict

import pytest

from telerole import Catalog
from telerole.persona import Role
from telerole.reading import hear, notices, slips, takes_up
from telerole.records import Language

Lines = dict[Language, list[str]]

# What a merchant says without agreeing, refusing, being busy or scolding, although the words for that are in it.
LISTENS: Lines = {
    "en": ["I used to go to those.", "Where would I go to see it?", "We're not that busy.", "We make robot toys."],
    "zh": [
        "我去问问我老公",
        "去一趟太远了",
        "一定来不了",
        "那我去哪儿看",
        "我过去做过这个",
        "去看看可以，钱不出",
        "就这么定了？我还没答应呢",
        "我去年做过，一个月没停过单",
        "货不够卖",
        "我们人手也够",
        "不太忙",
        "我忙完了",
        "不用谢",
        "我们是做机器人玩具的",
        "我不去跑，真要买，人家自己会找上门。",
    ],
}
MEANT: dict[Language, list[tuple[str, str]]] = {
    "en": [
        ("agree", "Alright, I'll come."),
        ("busy", "I'm really busy just now."),
        ("ask", "Am I talking to a robot?"),
        ("refuse", "No thanks, we're not interested."),
    ],
    "zh": [
        ("agree", "那我去看看"),
        ("agree", "行，我一定来"),
        ("agree", "我报名"),
        ("agree", "就这么定了"),
        ("agree", "那就试试！"),
        ("agree", "我过去一趟"),
        ("object", "够卖了"),
        ("object", "人手不够"),
        ("busy", "现在太忙"),
        ("refuse", "不用了"),
        ("ask", "你是机器人吧"),
    ],
}

OWN: dict[str, Lines] = {
    "salesperson": {
        "en": ["We don't need a deposit from you.", "How much did you spend on ads last month?"],
        "zh": ["我们不需要您交押金", "我不需要您转账", "您上个月推广花了多少钱？", "您说别再打了，我就不打了"],
    },
    "merchant": {
        "en": ["Sorry, I won't take up any more of your time.", "I've been on your platform for years."],
        "zh": [
            "过两天您再打，您看行吗？",
            "不好意思，不耽误您了",
            "我是你们平台的老商家了",
            "我们平台有店的，早不弄了",
            "感谢您的来电，不需要",
        ],
    },
    "thoughts": {
        "en": ["You just follow the prompts on the page.", "It says so in brackets on the contract."],
        "zh": ["您按照提示点两下就好", "根据提示上传执照就行", "合同上括号里写着呢", "用户可能觉得主图太老"],
    },
}
NOT_OWN: dict[str, Lines] = {
    "salesperson": {
        "en": ["Please stop calling me."],
        "zh": ["我们不考虑", "别再打电话来了", "那要多少钱啊？", "多少钱？"],
    },
    "merchant": {
        "en": ["Our platform helps shops like yours."],
        "zh": ["耽误您两分钟", "我是海桥国际站的小林", "我们平台可以帮您推广", "请问有什么可以帮您"],
    },
    "thoughts": {
        "en": ["Let me write my response.", "The words in brackets are the direction."],
        "zh": ["根据设定，我应该拒绝", "好的，以下是商家的回复", "商家会说不需要", "括号里的动作"],
    },
}

HONEST: Lines = {
    "en": ["I can't guarantee you any sales.", "What's your best seller?"],
    "zh": [
        "最近三个月搜的人翻了一倍",
        "不用您会外语，每张桌子都配翻译",
        "不让您白忙活",
        "卖多少我不敢跟您保证，赚不赚看您的货",
        "钱不用交给我，您自己后台付",
        "您家爆款是哪个呀？",
        "您那个包卖多少钱一个？",
        "让您发个照片",
    ],
}
BOASTS: Lines = {
    "en": ["I guarantee you'll sell out.", "It would double your sales."],
    "zh": ["包您赚", "保证赚钱", "稳赚不赔", "一个月销量翻三倍", "让您翻一倍", "家家都赚", "绝对爆单", "交给我您放心"],
}


def each(lines: Lines) -> list[tuple[Language, str]]:
    return [(language, text) for language, texts in lines.items() for text in texts]


@pytest.mark.parametrize(("language", "text"), each(LISTENS))
def test_words_in_another_sense_are_no_act(language: Language, text: str) -> None:
    assert hear("merchant", text, language).act == "listen"


@pytest.mark.parametrize(
    ("language", "act", "text"), [(language, *one) for language, those in MEANT.items() for one in those]
)
def test_what_is_meant_is_heard(language: Language, act: str, text: str) -> None:
    assert hear("merchant", text, language).act == act


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("own", [True, False])
def test_a_slip_is_told_from_what_belongs_to_the_chair(kind: Role, own: bool) -> None:
    for language, text in each((OWN if own else NOT_OWN)[kind]):
        assert bool(slips(kind, text, language)) is not own, text


@pytest.mark.parametrize("honest", [True, False])
def test_a_boast_is_told_from_a_fact_a_question_and_a_word_of_caution(honest: bool) -> None:
    for language, text in each(HONEST if honest else BOASTS):
        assert ("boasted" in notices(text, language)) is not honest, text


def test_what_a_strategy_answers_to_an_objection_is_heard_as_an_answer_to_it(catalog: Catalog) -> None:
    strategies = {seed.strategy: catalog.strategy(seed.strategy) for seed in catalog.seeds}
    for strategy in strategies.values():
        for objection, answers in strategy.answers.items():
            for answer in answers:
                said = answer.format_map(defaultdict(str, strategy.offer))
                assert takes_up(objection, said, strategy.language), (objection, answer)


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Lovely weather we are having."), ("zh", "今天天气真不错。"), ("zh", "昨晚球赛您看了没？")],
)
def test_small_talk_answers_no_objection(language: Language, text: str) -> None:
    about = ("price", "trust", "capacity", "complexity", "decision", "no_need", "tried_before")
    assert not any(takes_up(objection, text, language) for objection in about)
