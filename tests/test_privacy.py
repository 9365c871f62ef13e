"""What identifies a real person is found however it is said, and replaced; everything else stays as it was said."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telerole import Catalog, Session
from telerole.postprocess.filtering import Example
from telerole.postprocess.privacy import Privacy, find, find_in_call, redact
from telerole.records import LANGUAGES, Language
from telerole.session import End, Turn
from tests.planted import clean, planted, said

REAL_TALK = Path(os.environ.get("TELEROLE_REAL_TALK", "no-such-folder"))
PLACEHOLDER = {"en": re.compile(r"\[[A-Z]+_\d+\]"), "zh": re.compile(r"\[[\u4e00-\u9fff]+\d+\]")}


def call(language: Language, *texts: str) -> Session:
    turns = tuple(
        Turn(role="merchant" if number % 2 else "salesperson", text=text) for number, text in enumerate(texts)
    )
    end = End(reason="goal_reached", by="salesperson")
    return Session(id="call.0", scenario_id="call", language=language, seed=1, turns=turns, end=end)


def redacted(language: Language, *texts: str) -> list[str]:
    rewrite = Privacy().rewrite(Example(call(language, *texts)))
    return [turn.text for turn in rewrite.example.session.turns] if rewrite else list(texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_planted_item_is_found(language: Language) -> None:
    missed = [
        line.text
        for line in planted(language, 2000, seed=7)
        if not any(item.start <= line.start and line.end <= item.end for item in find(line.text, language))
    ]
    assert missed == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_item_is_found_in_lines_as_people_say_them(language: Language) -> None:
    for text, spans in said(language):
        found = find(text, language)
        for start, end in spans:
            assert any(item.start <= start and end <= item.end for item in found), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_hardly_ever_more_than_the_item_is_taken(language: Language) -> None:
    wide = [
        line.text
        for line in planted(language, 1000, seed=8)
        if redact(line.text, language).replace(PLACEHOLDER[language].findall(redact(line.text, language))[0], "", 1)
        != line.text[: line.start] + line.text[line.end :]
    ]
    assert len(wide) <= 5, wide


@pytest.mark.parametrize("language", LANGUAGES)
def test_at_most_one_clean_line_in_a_thousand_gives_an_alarm(language: Language) -> None:
    lines = list(clean(language, 3000, seed=7))
    alarms = [line for line in lines if find(line, language)]
    assert len(alarms) <= len(lines) / 1000, alarms


@pytest.mark.parametrize(
    ("language", "text", "shown"),
    [
        ("zh", "订单上留的是13812345678。", "订单上留的是[电话1]。"),
        ("zh", "验证码发到13812345678了。", "验证码发到[电话1]了。"),
        ("zh", "座机，订单上那个，0571-88886666。", "座机，订单上那个，[电话1]。"),
        ("zh", "订单付款的是6222021234567890128。", "订单付款的是[银行卡1]。"),
        ("en", "The number on the account is 415 555 0132.", "The number on the account is [PHONE_1]."),
        ("en", "On the order it's 07911 123456.", "On the order it's [PHONE_1]."),
        ("en", "On the parcel it says +1 415 555 0132.", "On the parcel it says [PHONE_1]."),
        ("en", "The card on my account, 4111 1111 1111 1111.", "The card on my account, [CARD_1]."),
    ],
)
def test_a_telephone_number_or_a_card_goes_although_an_order_is_spoken_of(
    language: Language, text: str, shown: str
) -> None:
    assert redact(text, language) == shown


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "订单号02112345678。"),
        ("zh", "单号是6222021234567890123。"),
        ("en", "Call me about order number 234 567 8901."),
        ("en", "Reference number 020 7946 0958."),
        ("en", "Order 4111 1111 1111 1112."),
    ],
)
def test_the_number_of_an_order_stays(language: Language, text: str) -> None:
    assert redact(text, language) == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_the_bundled_library_nothing_but_full_names_is_found(language: Language, catalog: Catalog) -> None:
    lines = [line.text for line in catalog.lines(language)]
    lines += [turn.text for truth in catalog.truths(language) for turn in truth.turns]
    found = {(item.kind, text[item.start : item.end]) for text in lines for item in find(text, language)}
    assert {kind for kind, _ in found} <= {"name"}
    assert all(" " in name for _, name in found)  # no Chinese one


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("casino_en", 0, 1), ("persuasionforgood_en", 0, 3), ("crosswoz_zh", 70, 85), ("kdconv_zh", 25, 32)],
)
def test_real_talk_gives_alarms_where_it_names_people_numbers_and_places(name: str, least: int, most: int) -> None:
    file = REAL_TALK / name / f"{name}.jsonl"
    if not file.is_file():
        pytest.skip(f"TELEROLE_REAL_TALK names no folder with {name}/{name}.jsonl")
    talks = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    lines = [(turn["text"], talk["language"]) for talk in talks for turn in talk["turns"]]
    alarms = sum(bool(find(text, language)) for text, language in lines)
    assert least <= 1000 * alarms / len(lines) <= most


@pytest.mark.parametrize(
    ("language", "ways"),
    [
        ("zh", ["13812345678", "幺三八，嗯，幺二三四，五六七八", "+86 138-1234-5678", "138 一二三四 五六七八"]),
        ("en", ["07911 123456", "oh seven nine double one, uh, one two three, four five six", "+44 7911 123456"]),
        ("en", ["jane.doe@acme.com", "jane dot doe at acme dot com"]),
        ("zh", ["lihua88@qq.com", "lihua八八艾特扣扣点com"]),
    ],
)
def test_an_item_has_one_value_however_it_is_said(language: Language, ways: list[str]) -> None:
    assert len({item.value for way in ways for item in find(way, language)}) == 1
    shown = set(redacted(language, *ways))
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "王总您好，我是海桥的小林，李姐在吗？"),
        ("zh", "陈老板，订单13个，一共一千二，三月八号到。"),
        ("zh", "找一下张先生，叫他回个电话。"),
        ("en", "Mrs. Akhtar? It's Nina, from Seabridge, about the spring fair."),
        ("en", "Order number 2024031500, that's 1,200 pieces at 12.50."),
    ],
)
def test_forms_of_address_short_names_and_figures_stay(language: Language, text: str) -> None:
    assert redact(text, language) == text


@pytest.mark.parametrize(
    ("language", "texts", "shown"),
    [
        (
            "zh",
            ("您报一下电话。", "138", "嗯", "1234 5678", "138，1234，5678，对吧？", "对。"),
            ["您报一下电话。", "[电话1]", "嗯", "[电话1]", "[电话1]，对吧？", "对。"],
        ),
        (
            "zh",
            ("身份证号呢？", "三三零七八二", "嗯，三三零七八二", "一九八五零三零七", "好", "二二幺六"),
            ["身份证号呢？", "[证件1]", "嗯，[证件1]", "[证件1]", "好", "[证件1]"],
        ),
        (
            "en",
            ("What's your number?", "oh seven nine double one", "mm-hm", "one two three, four five six", "Thanks."),
            ["What's your number?", "[PHONE_1]", "mm-hm", "[PHONE_1]", "Thanks."],
        ),
        (
            "en",
            ("Your e-mail?", "jane dot", "yes", "doe at acme dot com, that's it", "Thank you."),
            ["Your e-mail?", "[EMAIL_1]", "yes", "[EMAIL_1], that's it", "Thank you."],
        ),
    ],
)
def test_an_item_dictated_over_turns_is_found_with_its_echoes(
    language: Language, texts: tuple[str, ...], shown: list[str]
) -> None:
    assert redacted(language, *texts) == shown


def test_what_the_line_before_asks_for_tells_what_the_answer_is() -> None:
    assert redacted("zh", "您怎么称呼？", "王秀英。") == ["您怎么称呼？", "[姓名1]。"]
    assert redacted("zh", "你QQ多少？", "三五二幺七七八")[1] == "[账号1]"
    assert redacted("en", "What's the number?", "415 867 5309")[1] == "[PHONE_1]"
    assert redacted("zh", "一共多少件？", "3521778") == ["一共多少件？", "3521778"]


@pytest.mark.parametrize(
    ("language", "asked", "told", "shown"),
    [
        ("zh", "您微信号是多少？", "wangjg1985", "[账号1]"),
        ("zh", "加个微信吧，您微信是？", "嗯，就是wangjianguo。", "嗯，就是[账号1]。"),
        ("zh", "方便加您微信吗？", "可以，wxid_k2j3", "可以，[账号1]"),
        ("en", "What's your WhatsApp?", "It's jane_88, all small.", "It's [ACCOUNT_1], all small."),
        ("en", "Can I get your Skype?", "jane.doe.soaps", "[ACCOUNT_1]"),
        ("en", "What's your WeChat ID?", "goodtools", "[ACCOUNT_1]"),
    ],
)
def test_an_account_goes_that_answers_the_line_before(language: Language, asked: str, told: str, shown: str) -> None:
    assert redacted(language, asked, told) == [asked, shown]


@pytest.mark.parametrize(
    ("language", "asked", "told"),
    [
        ("zh", "加个微信吧？", "Facebook。"),
        ("zh", "微信上有多少客户？", "shopee，那边多。"),
        ("zh", "您有微信吗？", "有，shopify后台也能看。"),
        ("en", "What's your Skype id?", "Private."),
        ("en", "What's your WhatsApp?", "Why do you need it?"),
        ("en", "Do you use WeChat?", "Yes, since 2015."),
    ],
)
def test_an_answer_that_tells_no_account_stays(language: Language, asked: str, told: str) -> None:
    assert redacted(language, asked, told) == [asked, told]


@pytest.mark.parametrize(
    ("language", "text", "shown"),
    [
        ("en", "It's wang dot li at 163.com.", "It's [EMAIL_1]."),
        ("en", "john.smith at gmail dot com", "[EMAIL_1]"),
        ("en", "john dot smith@gmail dot com", "[EMAIL_1]"),
        ("en", "john at gmail.com", "[EMAIL_1]"),
        ("en", "sales88 at-sign soapshed.co.uk", "[EMAIL_1]"),
        ("en", "My email is sales at acme.com.", "My email is [EMAIL_1]."),
        ("zh", "邮箱wang dot li at 163 dot com。", "邮箱[邮箱1]。"),
        ("zh", "wang下划线li at163点com", "[邮箱1]"),
    ],
)
def test_an_address_goes_that_is_half_written_and_half_spelt(language: Language, text: str, shown: str) -> None:
    assert redact(text, language) == shown


@pytest.mark.parametrize(
    "text",
    [
        "We sell at amazon.com.",
        "Our iphone15 at amazon.com sold out.",
        "It's listed at acme.com.",
        "The rate is 3.5 at acme.com.",
        "Log in at gmail.com.",
    ],
)
def test_where_something_is_sold_is_no_address(text: str) -> None:
    assert redact(text, "en") == text


def test_a_name_told_once_is_known_in_the_whole_call() -> None:
    assert redacted("zh", "喂？", "我叫吴国强。", "吴国强你好。") == ["喂？", "我叫[姓名1]。", "[姓名1]你好。"]
    assert redacted("en", "Xiulan Zhang?", "Speak to Xiulan Zhang.")[0] == "[NAME_1]?"


def test_new_placeholders_go_on_from_those_that_stand_there() -> None:
    assert redact("[电话2]不通，打13812345678", "zh") == "[电话2]不通，打[电话3]"


@pytest.mark.parametrize(
    ("language", "said", "heard"),
    [
        ("en", ["My number is 07700 900 123, okay?"], ["My number is 07700 … 123, okay?"]),
        ("zh", ["我电话是一三八一二三四五六七八。"], ["我电话是一三八一二…四五六七八。"]),
        ("zh", ["我电话138 1234", "嗯。", "5678"], ["我…138 1234", None, "…5678"]),
    ],
)
def test_of_a_number_that_a_bad_line_cut_up_no_digit_stays(
    language: Language, said: list[str], heard: list[str | None]
) -> None:
    session = call(language, *said)
    turns = [turn.model_copy(update={"heard": one}) for turn, one in zip(session.turns, heard, strict=True)]
    rewrite = Privacy().rewrite(Example(session.model_copy(update={"turns": tuple(turns)}), None, None))
    assert rewrite is not None
    assert not re.search(r"[0-9一三四五六七八]{3}", rewrite.example.session.model_dump_json(include={"turns"}))


def test_a_line_without_anything_private_stays_as_it_was_heard() -> None:
    session = call("en", "Call me on 07700 900 123.", "I sell lamps, about ninety a week.")
    turns = (session.turns[0], session.turns[1].model_copy(update={"heard": "I … lamps, about … a week."}))
    rewrite = Privacy().rewrite(Example(session.model_copy(update={"turns": turns}), None, None))
    assert rewrite is not None
    assert rewrite.example.session.turns[1] == turns[1]


def test_every_text_of_an_example_is_redacted_alike_and_no_private_word_is_told(catalog: Catalog) -> None:
    scenario = catalog.sample(1, seed=3, language="zh")[0]
    phone = "13812345678"
    session = call("zh", "喂？", f"打{phone}")
    turns = (session.turns[0], session.turns[1].model_copy(update={"heard": f"打…{phone}", "note": f"留了电话{phone}"}))
    session = session.model_copy(update={"turns": turns, "end": session.end.model_copy(update={"detail": phone})})
    name = next(name for name, field in scenario.profile.template.fields.items() if field.kind == "text")
    profile = scenario.profile.model_copy(update={"values": {**scenario.profile.values, name: f"微信{phone}"}})
    strategy = scenario.strategy.model_copy(update={"tips": (f"不接就打{phone}",), "offer": {"hotline": phone}})
    rewrite = Privacy().rewrite(Example(session, profile, strategy))
    assert rewrite is not None
    seen = rewrite.example
    assert seen.profile is not None
    assert seen.strategy is not None
    assert (seen.session.turns[1].heard, seen.session.turns[1].note) == (None, "留了电话[电话1]")
    assert seen.session.end.detail == "[电话1]"
    assert seen.profile.values[name] == "微信[电话1]"
    assert (seen.strategy.tips, seen.strategy.offer) == (("不接就打[电话1]",), {"hotline": "[电话1]"})
    assert {change.text for change in rewrite.changes} == {"phone: [电话1]"}
    assert Privacy().rewrite(seen) is None


def test_what_the_profile_states_of_a_merchant_stays(catalog: Catalog) -> None:
    scenario = catalog.sample(1, seed=3, language="en")[0]
    name = next(name for name, field in scenario.profile.template.fields.items() if field.kind == "text")
    profile = scenario.profile.model_copy(update={"values": {**scenario.profile.values, name: "Ms. Tamsin Roe"}})
    session = call("en", "Ms. Tamsin Roe? This is Gwen Pritchard, from Seabridge.")
    rewrite = Privacy().rewrite(Example(session, profile))
    assert rewrite is not None
    assert rewrite.example.session.turns[0].text == "Ms. Tamsin Roe? This is Gwen, from Seabridge."
    assert rewrite.example.profile == profile


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_call_without_anything_private_is_kept_as_it_is(language: Language, catalog: Catalog) -> None:
    for truth in catalog.truths(language)[:10]:
        texts = [turn.text for turn in truth.turns]
        if not any(find_in_call(texts, language)):
            assert Privacy().rewrite(Example(call(language, *texts))) is None


SECRETS = {language: [line.secret for line in planted(language, 300, seed=9)] for language in LANGUAGES}
WORDS = {
    "zh": [
        "，",
        "。",
        " ",
        "嗯",
        "我叫",
        "电话",
        "微信",
        "号",
        "一下",
        "一百",
        "3",
        "张伟",
        "路",
        "[电话1]",
        "[姓名7]",
    ],
    "en": [" ", ", ", ". ", "uh", " my name is ", "call ", "card ", "two", "3", "Jane ", "Street", "[PHONE_1]", " at "],
}
SPEECH = st.sampled_from(LANGUAGES).flatmap(
    lambda one: st.tuples(
        st.just(one),
        st.lists(st.sampled_from(WORDS[one]) | st.sampled_from(SECRETS[one]) | st.text(max_size=3), max_size=8),
    )
)


@settings(max_examples=300, deadline=None)
@given(SPEECH)
def test_redacting_twice_changes_nothing_and_keeps_placeholders_and_the_words_outside(
    speech: tuple[Language, list[str]],
) -> None:
    language, text = speech[0], "".join(speech[1])
    shown = redact(text, language)
    assert redact(shown, language) == shown
    kept = PLACEHOLDER[language].split(shown)
    place = 0
    for part in kept:  # what stands between the placeholders stands in the text, in order
        place = text.index(part, place) + len(part)
    held = PLACEHOLDER[language].findall(text)
    assert [one for one in PLACEHOLDER[language].findall(shown) if one in held] == held


@settings(max_examples=100, deadline=None)
@given(st.lists(SPEECH.map(lambda speech: "".join(speech[1]).strip() or "…"), min_size=1, max_size=5))
def test_a_redacted_call_has_nothing_left_to_redact(texts: list[str]) -> None:
    rewrite = Privacy().rewrite(Example(call("zh", *texts)))
    if rewrite is not None:
        assert Privacy().rewrite(rewrite.example) is None
        assert all(turn.text for turn in rewrite.example.session.turns)


@given(SPEECH)
def test_items_stand_in_order_and_apart(speech: tuple[Language, list[str]]) -> None:
    language, text = speech[0], "".join(speech[1])
    end = 0
    for item in find(text, language):
        assert end <= item.start < item.end <= len(text)
        assert item.value
        end = item.end


@pytest.mark.parametrize(
    ("language", "word"), [("en", "at dot "), ("en", "a dot "), ("en", "a."), ("zh", "路"), ("zh", "微信a ")]
)
def test_the_same_words_over_and_over_are_read_to_the_end(language: Language, word: str) -> None:
    assert find(word * 300, language) == ()


@pytest.mark.parametrize(
    ("language", "text", "redacted"),
    [
        ("zh", "我手机号是壹叁玖零零壹贰叁肆伍陆。", "我手机号是[电话1]。"),
        ("zh", "陆总，加V：abc_123456，我在。", "陆总，加V：[账号1]，我在。"),
        ("zh", "我儿子王小明管网店。", "我儿子[姓名1]管网店。"),
        ("en", "Email me at grace dot whitlock at jarful dot co dot uk.", "Email me at [EMAIL_1]."),
        ("en", "The sort code's 20 45 67 and the account is 12345678.", None),
    ],
)
def test_how_people_really_put_it(language: Language, text: str, redacted: str | None) -> None:
    shown = redact(text, language)
    assert shown == redacted if redacted else not any(digit in shown for digit in ("45", "678"))
