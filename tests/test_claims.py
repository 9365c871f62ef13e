"""What can be checked in a line is found in one form however it is said, and traced to whoever said it first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telerole.claims import claims, introduced, untraced
from telerole.records import LANGUAGES, Language


def found(text: str, language: Language) -> set[tuple[str, str]]:
    return {(claim.kind, claim.value) for claim in claims(text, language)}


@pytest.mark.parametrize(
    ("language", "ways", "value"),
    [
        ("zh", ("您上个月有一百八十六单", "您上个月有186单"), "186"),
        ("zh", ("便宜百分之二十", "便宜20%", "便宜二十个点", "便宜两成，您算算"), "20%"),
        ("zh", ("一个季度一千八", "一个季度1800", "一个季度1,800块"), "1800"),
        ("zh", ("一个月三千单", "一个月3千单", "一个月3k单"), "3000"),
        ("en", ("three thousand orders a month", "3 thousand orders a month", "3k orders a month"), "3000"),
        ("en", ("it's forty pounds", "it's £40", "it's 40 quid"), "40"),
        ("en", ("we take twenty per cent", "we take 20%", "we take 20 percent"), "20%"),
        ("en", ("room for a hundred and eighty-six listings", "room for 186 listings"), "186"),
    ],
)
def test_a_number_is_the_same_spoken_and_written(language: Language, ways: tuple[str, ...], value: str) -> None:
    for way in ways:
        assert ("number", value) in found(way, language)


@pytest.mark.parametrize(
    ("language", "text", "value"),
    [
        ("zh", "九月十六号到十八号，三天", "09-16/09-18"),
        ("zh", "11月1号起要核资料", "11-01"),
        ("zh", "给您排在十七号", "-17"),
        ("zh", "礼拜四下午开着", "W4"),
        ("zh", "下午三点半前到仓", "3:30"),
        ("en", "it's Thursday the twelfth of May", "05-12"),
        ("en", "it's Thursday the twelfth of May", "W4"),
        ("en", "it closes on May 12", "05-12"),
        ("en", "until the end of June", "06-"),
        ("en", "shall we say on the twelfth?", "-12"),
        ("en", "it has to leave by Friday noon", "12:00"),
        ("en", "the doors open at half past nine", "9:30"),
    ],
)
def test_days_and_times_of_day_are_dates(language: Language, text: str, value: str) -> None:
    assert ("date", value) in found(text, language)


@pytest.mark.parametrize(
    ("language", "text", "kind", "value"),
    [
        ("zh", "这事您找王总就行", "name", "王"),
        ("zh", "我同事赵小燕跟您联系", "name", "赵小燕"),
        ("zh", "跟盛源集团有合作", "name", "盛源集团"),
        ("zh", "您在拼多多有店吧", "name", "拼多多"),
        ("zh", "展会在宁波，来的是中东客人", "place", "宁波"),
        ("zh", "展会在宁波，来的是中东客人", "place", "中东"),
        ("en", "you'd be dealing with Mr. Harlow", "name", "Harlow"),
        ("en", "Hello, Mr. Harlow? It's about the fair.", "name", "Harlow"),
        ("en", "ask for Martin Hale, he knows", "name", "Martin Hale"),
        ("en", "Amazon charges you more", "name", "Amazon"),
        ("en", "it's at the Harbour Hall in Bristol", "place", "Bristol"),
        ("en", "we've got a depot near Penzance", "place", "Penzance"),
    ],
)
def test_people_companies_and_places_are_named(language: Language, text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text, language)


@pytest.mark.parametrize(
    ("language", "text", "value"),
    [
        ("zh", "门票不收钱", "free"),
        ("zh", "第一年入驻费全免", "free"),
        ("zh", "首单给您打八折", "discount"),
        ("zh", "运费平台补一半", "subsidy"),
        ("zh", "签了送您一台打印机", "gift"),
        ("zh", "不满意全额退款", "refund"),
        ("en", "the pass is free for sellers", "free"),
        ("en", "it won't cost you a penny", "free"),
        ("en", "there's ten per cent off this week", "discount"),
        ("en", "there's a hamper for everybody who comes", "gift"),
        ("en", "you can cancel any time", "no_commitment"),
        ("en", "there's a loan for new sellers", "credit"),
    ],
)
def test_an_offer_is_known_by_what_is_promised(language: Language, text: str, value: str) -> None:
    assert ("offer", value) in found(text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "就一个事，占您两分钟"),
        ("zh", "我说一句话您听听，一会儿就完"),
        ("zh", "十分感谢，您千万别着急，万一忙您就先挂"),
        ("zh", "这两天忙不忙，过两天再聊"),
        ("zh", "哈哈，行，就几句话，保证不多占您时间"),
        ("zh", "这个我不敢给您打包票"),
        ("zh", "那我礼拜四下午三点再给您打"),
        ("zh", "没事，您先忙，我一点也不急"),
        ("en", "one thing, two minutes, and I'm gone"),
        ("en", "are you free for a second?"),
        ("en", "ten more seconds, I promise"),
        ("en", "feel free to say no, I may march on a bit"),
        ("en", "I can't guarantee that, nobody can"),
        ("en", "shall I ring you back on Thursday at three?"),
        ("en", "OK, I'd say that's fair, and I'm with you there"),
    ],
)
def test_small_talk_claims_nothing(language: Language, text: str) -> None:
    assert claims(text, language) == ()


@pytest.mark.parametrize(
    ("language", "text", "own"),
    [
        ("zh", "您好，我是海桥国际站的小林，跟您说个事。", "小林"),
        ("zh", "我海桥国际站的，老周，聊一分钟成不？", "老周"),
        ("zh", "喂，您好啊，海桥国际站小纪，您忙着呢？", "小纪"),
        ("en", "Hello, it's Gwen Pritchard, from Seabridge.", "Gwen Pritchard"),
        ("en", "Nina Marsh here, from Seabridge. Just a quick one.", "Nina Marsh"),
        ("en", "Good afternoon, Nina Marsh, Seabridge. Is this the owner?", "Seabridge"),
        ("en", "Then could it tell her that Priya from Seabridge rang?", "Seabridge"),
        ("en", "Yes, hello, Tom speaking, Seabridge.", "Seabridge"),
        ("en", "I'm Declan Moore and I'm ringing you from Seabridge.", "Seabridge"),
        ("en", "Hello there. Nina Marsh, I work for Seabridge.", "Nina Marsh"),
        ("en", "Nina Marsh's my name, I'm at Seabridge, where you sell.", "Nina Marsh"),
        ("en", "Morning. Oliver at Seabridge, about the tools.", "Oliver"),
        ("en", "Hello? It's Nina Marsh here, Seabridge, about the plan.", "Seabridge"),
        ("en", "Tom Adeyemi, on behalf of Seabridge.", "Tom Adeyemi"),
    ],
)
def test_who_the_speaker_says_it_is_is_no_claim(language: Language, text: str, own: str) -> None:
    assert claims(text, language) == ()
    assert own in "".join(introduced(text, language))


@pytest.mark.parametrize(
    "text", ["Is that Nina Marsh at Loomling?", "Mr. Beck at Foldwell, then.", "You know Tim Beck, I think."]
)
def test_who_is_asked_for_is_not_the_speaker(text: str) -> None:
    assert introduced(text, "en") == ()


@pytest.mark.parametrize(
    ("language", "text", "source"),
    [
        ("zh", "16号您过来", "九月十六号到十八号"),
        ("zh", "十七号也行，九月份嘛", "九月十六到十八号"),
        ("zh", "这个不要钱的", "门票免费"),
        ("zh", "王总，您一百八十六单", "称呼：王姐，订单数：186"),
        ("zh", "抽五个点", "佣金百分之五"),
        ("en", "it's on the twelfth", "date: Thursday the twelfth of May"),
        ("en", "12 May, at the Harbour Hall", "the Harbour Hall in Bristol, on the twelfth of May"),
        ("en", "you get forty pounds back", "on the day you get £40 of the fare back"),
        ("en", "it costs you nothing", "the pass is free"),
        ("en", "Mrs. Lovell, is it?", "Name: Mrs. Lovell"),
        ("en", "six percent of that", "6% of what you sell"),
    ],
)
def test_a_source_holds_a_claim_however_it_puts_it(language: Language, text: str, source: str) -> None:
    assert claims(text, language)
    assert untraced([text], [source], language) == ()


@pytest.mark.parametrize(
    ("language", "text", "source", "kind"),
    [
        ("zh", "一个季度两千八", "一个季度一千八", "number"),
        ("zh", "抽八个点", "抽五个点", "number"),
        ("zh", "十九号您过来", "九月十六号到十八号", "date"),
        ("zh", "马总也报名了", "称呼：王总，马上就到", "name"),
        ("zh", "地方在杭州", "地方在宁波", "place"),
        ("zh", "签了送您打印机", "门票不收钱", "offer"),
        ("en", "it's fifty pounds", "it's forty pounds", "number"),
        ("en", "the thirteenth of May", "the twelfth of May", "date"),
        ("en", "you'd meet Mr. Harlow", "you'd meet Mr. Hale", "name"),
        ("en", "it's in Leeds", "it's in Bristol", "place"),
        ("en", "there's a voucher in it", "the pass is free", "offer"),
    ],
)
def test_what_no_source_holds_is_untraced(language: Language, text: str, source: str, kind: str) -> None:
    assert [(index, claim.kind) for index, claim in untraced(["", text], [source], language)] == [(1, kind)]


def test_a_number_of_any_kind_in_a_source_is_held() -> None:
    assert untraced(["您有三个链接，有五单没发"], ["链接3，待发5"], "zh") == ()
    assert untraced(["There are five listings."], ["open listings: 5"], "en") == ()


@pytest.mark.parametrize("language", LANGUAGES)
@given(
    text=st.text(
        alphabet="一二十百千万点月号礼拜三周免费送王总我是小宁波，。 0123456789%£abMay thefre'onBis", max_size=60
    )
)
def test_a_claim_is_the_words_at_its_place_and_its_own_text_holds_it(language: Language, text: str) -> None:
    for claim in claims(text, language):
        assert claim.text == text[claim.start : claim.end] != ""
    assert untraced([text], [text], language) == ()


@pytest.mark.parametrize(("language", "counted"), [("zh", "单"), ("en", " orders")])
def test_a_number_of_any_length_is_told_as_it_is(language: Language, counted: str) -> None:
    assert found("1" * 400 + counted, language) == {("number", "1" * 400)}


def test_two_names_of_one_country_are_the_same_place_and_ones_own_country_is_no_claim() -> None:
    assert not untraced(["They look for those in Holland."], ["Buyers sit in the Netherlands."], "en")
    assert untraced(["They look for those in Holland."], ["Buyers sit in Belgium."], "en")
    assert not untraced(["How much bedding goes out of Britain?"], [""], "en")


def test_a_name_begins_with_its_capital_and_a_people_is_no_name() -> None:
    assert not untraced(["I'm after Mr. Novak of Seatwise."], ["Mr. Novak, Seatwise"], "en")
    assert not untraced(["It's the Germans who look for kites."], [""], "en")
