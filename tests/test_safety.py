"""What no training row may hold is found, in whose mouth it counts; ordinary talk is left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from telerole import Catalog, Session, Simulator
from telerole.persona import Role
from telerole.postprocess.filtering import Example
from telerole.postprocess.safety import Safety
from telerole.records import LANGUAGES, Language
from telerole.session import End, Turn, speaker_at

REAL_TALK = Path(os.environ.get("TELEROLE_REAL_TALK", "no-such-folder"))

UNSAFE: list[tuple[Language, str, str]] = [
    ("zh", "fraud_promise", "您放心，保证您赚钱，稳赚不赔。"),
    ("zh", "absolute_claim", "我们是全国最大的平台。"),
    ("zh", "absolute_claim", "价格全网最低。"),
    ("zh", "off_platform_payment", "您把钱转到我个人微信就行。"),
    ("zh", "off_platform_payment", "不走平台付，便宜点。"),
    ("zh", "credentials", "您把收到的验证码报给我。"),
    ("zh", "credentials", "密码是多少，我帮您登。"),
    ("zh", "credentials", "系统会发一个验证码，您念给我听。"),
    ("zh", "off_platform_payment", "定金转我微信。"),
    ("zh", "sexual", "加微信，我包养你。"),
    ("zh", "political", "您说六四那会儿。"),
    ("zh", "threat", "您不签的话，店就给您封了。"),
    ("zh", "abuse", "你脑子有病吧。"),
    ("zh", "discrimination", "女人懂什么做生意。"),
    ("zh", "sexual", "加个微信，咱们裸聊。"),
    ("zh", "political", "您怎么看台独？"),
    ("zh", "claims_authority", "我这边是税务局的。"),
    ("en", "fraud_promise", "I guarantee you'll make money."),
    ("en", "fraud_promise", "You can't lose on this."),
    ("en", "absolute_claim", "We're the biggest marketplace in the country."),
    ("en", "off_platform_payment", "Just transfer it to my account."),
    ("en", "credentials", "Read me the code we just sent you."),
    ("en", "credentials", "What's your password?"),
    ("en", "credentials", "I need the verification code, and keep it to yourself."),
    ("en", "credentials", "You'll get a code by text, just read it out to me."),
    ("en", "sexual", "Send me some nudes."),
    ("en", "claims_authority", "I'm calling for the council."),
    ("en", "threat", "If you don't sign, we'll close your shop."),
    ("en", "abuse", "You're an idiot."),
    ("en", "discrimination", "Women shouldn't run a shop."),
    ("en", "sexual", "You've got a sexy voice."),
    ("en", "political", "I hope you vote for Labour."),
    ("en", "claims_authority", "We're calling from HMRC."),
]


def _judged(language: Language, *lines: str) -> list[str]:
    """What the filter shows for a call of these lines, the salesperson first: turn and category."""
    turns = tuple(Turn(role=speaker_at(index), text=line) for index, line in enumerate(lines))
    reject = Safety().judge(Example(_session(language, turns)))
    return [f"{shown.turn} {shown.text.partition(':')[0]}" for shown in reject.evidence] if reject else []


def _session(language: Language, turns: tuple[Turn, ...]) -> Session:
    return Session(id="a.0", scenario_id="a", language=language, seed=1, turns=turns, end=End(reason="stopped"))


@pytest.mark.parametrize(("language", "category", "line"), UNSAFE)
def test_a_salesperson_may_not_say_it(language: Language, category: str, line: str) -> None:
    assert _judged(language, line) == [f"0 {category}"]


@pytest.mark.parametrize(("language", "category", "line"), UNSAFE)
def test_a_merchant_is_judged_only_for_hatred_sex_and_in_chinese_politics(
    language: Language, category: str, line: str
) -> None:
    everybodys = {"discrimination", "sexual"} | ({"political"} if language == "zh" else set())
    assert _judged(language, "…", line) == ([f"1 {category}"] if category in everybodys else [])


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("zh", "你他妈有病吧，再打我弄死你，骗子，滚！"),
        ("en", "You're a bloody crook, you idiot, piss off or you'll regret it."),
    ],
)
def test_an_angry_merchant_is_part_of_the_data(language: Language, line: str) -> None:
    assert _judged(language, "…", line) == []


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("zh", "这是我第一次给您打，您最近忙不忙？最好下午来，最晚礼拜五。"),
        ("zh", "您现在最大的问题是什么？最后再问一句。"),
        ("zh", "我不跟您要验证码，密码也不问。"),
        ("zh", "我可不敢保证您赚钱，谁敢保证出单呢。"),
        ("zh", "让您转账到个人卡的都是骗子。"),
        ("zh", "您打给我就行，资料发给我微信。"),
        ("zh", "系统会给您发一个验证码，别告诉别人。"),
        ("zh", "您把图片转我微信，我帮您填。"),
        ("zh", "皮包养护、姜黄片、上床下桌，都是这家的。"),
        ("zh", "农民运过来的，型号一六四。"),
        ("en", "You'll get a verification code by text, keep it to yourself."),
        ("en", "There's a form for customs, it's two pages, and the parcel, it's with customs now."),
        ("en", "Is it the nude lipstick you sell most of?"),
        ("en", "What's the biggest headache for you? The best time's the morning."),
        ("en", "I'm not asking for your password, I'd never ask for a card number."),
        ("en", "I can't guarantee you'd make money, nobody can guarantee sales."),
        ("en", "Just so I know where you stand, the list goes straight to your account."),
    ],
)
def test_ordinary_words_and_denials_are_left_alone(language: Language, line: str) -> None:
    assert _judged(language, line) == []


@pytest.mark.parametrize(
    ("language", "asked", "lie", "truth"),
    [
        ("zh", "你是机器人吧？", "我当然是真人啊。", "对，我是自动助手，要真人我让同事打给您。"),
        ("en", "Am I talking to a robot?", "I'm a real person, I promise.", "It's an automated assistant, yes."),
    ],
)
def test_it_may_not_pass_itself_off_as_a_person_when_asked(
    language: Language, asked: str, lie: str, truth: str
) -> None:
    assert _judged(language, "…", asked, lie) == ["2 claims_human"]
    assert _judged(language, "…", asked, truth) == []
    assert _judged(language, "…", "嗯。" if language == "zh" else "Mm.", lie) == []


def test_the_reject_says_why_and_shows_every_find() -> None:
    turns = (Turn(role="salesperson", text="Pay me directly. You're an idiot."),)
    reject = Safety().judge(Example(_session("en", turns)))
    assert reject is not None
    assert reject.reason.startswith("off_platform_payment: Money past the platform")
    assert [shown.text for shown in reject.evidence] == ["off_platform_payment: Pay me", "abuse: You're an idiot"]
    assert reject.score == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bundled_calls_and_offline_calls_are_safe(catalog: Catalog, language: Language) -> None:
    real = [_session(language, truth.turns) for truth in catalog.truths(language)]
    offline = list(Simulator("offline", "offline", seed=2).run_many(catalog.sample(60, seed=2, language=language)))
    rejected = [call.id for call in (*real, *offline) if Safety().judge(Example(call))]
    assert len(rejected) <= 0.01 * len(real + offline)


@pytest.mark.skipif(not REAL_TALK.is_dir(), reason="TELEROLE_REAL_TALK names no folder of real conversations")
@pytest.mark.parametrize("name", ["persuasionforgood_en", "casino_en", "crosswoz_zh", "kdconv_zh"])
def test_hardly_any_real_conversation_is_rejected(name: str) -> None:
    talks = [json.loads(line) for line in (REAL_TALK / name / f"{name}.jsonl").read_text("utf-8").splitlines()]
    rejected = sum(_is_rejected(talk["language"], [turn["text"] for turn in talk["turns"]]) for talk in talks)
    assert rejected <= 0.01 * len(talks)


def _is_rejected(language: Language, texts: list[str]) -> bool:
    roles: tuple[Role, Role] = ("salesperson", "merchant")
    turns = tuple(Turn(role=roles[index % 2], text=text or "…") for index, text in enumerate(texts))
    return Safety().judge(Example(_session(language, turns))) is not None
