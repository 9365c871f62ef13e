"""Numbers are read as people say them: in words, in figures, in groups as they dictate them, and not in phrases."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telerole import Catalog
from telerole.numerals import as_digits, numbers
from telerole.records import LANGUAGES, Language


def digits(text: str, language: Language) -> list[str]:
    return [number.digits for number in numbers(text, language)]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("一百八十六家", "186"),
        ("两百来家", "200"),
        ("评分三点五", "3.5"),
        ("一千二", "1200"),
        ("一万三千", "13000"),
        ("三千零五", "3005"),
        ("一亿两千万", "120000000"),
        ("百分之二十", "20"),
        ("幺三八幺二三四五六七八", "13812345678"),
        ("二〇二六年", "2026"),
        ("十六号", "16"),
        ("廿", "20"),
        ("１８６个", "186"),
        ("1.5万", "15000"),
        ("3万5", "35000"),
        ("3千单", "3000"),
        ("1.5k单", "1500"),
        ("18K金", "18"),
        ("4K高清", "4"),
        ("三点五万", "35000"),
        ("一百多万", "1000000"),
        ("138 一二三四 五六七八", "13812345678"),
        ("5千克", "5"),
        ("九五折", "95"),
        ("一个月", "1"),
        ("下午一点", "1"),
        ("010-87654321", "01087654321"),
    ],
)
def test_a_chinese_number_is_read_however_it_is_said(text: str, read: str) -> None:
    assert digits(text, "zh") == [read]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("forty", "40"),
        ("a hundred and eighty-six", "186"),
        ("twelve hundred", "1200"),
        ("two point five", "2.5"),
        ("double five oh one two", "55012"),
        ("triple seven", "777"),
        ("nineteen ninety-five", "1995"),
        ("twenty twenty-six", "2026"),
        ("the twelfth", "12"),
        ("the 4th", "4"),
        ("1,200", "1200"),
        ("12.50", "12.5"),
        ("15k", "15000"),
        ("2 million", "2000000"),
        ("3-thousand", "3000"),
        ("07700 900 123", "07700900123"),
        ("five five 5 0", "5550"),
        ("oh seven seven double oh nine hundred one two three", "07700900123"),
        ("one order a day", "1"),
    ],
)
def test_an_english_number_is_read_however_it_is_said(text: str, read: str) -> None:
    assert digits(text, "en") == [read]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "我看一下，一样的，一起，一直这样"),
        ("zh", "万一不行，统一一下，十分好，有一点儿贵"),
        ("zh", "一些，一般，第一时间，三心二意，乱七八糟"),
        ("zh", "看一看，一条一条讲，二维码，千万别"),
        ("zh", "[电话1]"),
        ("en", "One of us, no one, that one. Wait a second."),
        ("en", "One day one wants the right one."),
        ("en", "Oh, first it was free. Oh, great."),
        ("en", "Call [PHONE_1]."),
    ],
)
def test_set_phrases_and_placeholders_are_no_numbers(language: Language, text: str) -> None:
    assert numbers(text, language) == ()


@pytest.mark.parametrize(
    ("language", "text", "read"),
    [
        ("zh", "七八百", ["700", "800"]),
        ("zh", "十七八个", ["17", "18"]),
        ("zh", "三百五六", ["350", "360"]),
        ("zh", "一两家", ["1", "2"]),
        ("zh", "四五点", ["4", "5"]),
        ("en", "three or four", ["3", "4"]),
    ],
)
def test_a_guess_between_two_numbers_is_both(language: Language, text: str, read: list[str]) -> None:
    assert digits(text, language) == read


@pytest.mark.parametrize(
    ("language", "text", "read"),
    [
        ("zh", "2026-11-25", ["2026", "11", "25"]),
        ("zh", "三点五十", ["3", "50"]),
        ("zh", "10-20个", ["10", "20"]),
        ("en", "in 2024 three people", ["2024", "3"]),
        ("en", "one thousand two hundred, three", ["1200", "3"]),
        ("en", "one, two, three", ["1", "2", "3"]),
    ],
)
def test_numbers_side_by_side_stay_apart_where_they_are_no_digit_string(
    language: Language, text: str, read: list[str]
) -> None:
    assert digits(text, language) == read


def test_a_number_tells_its_place_and_whether_it_was_spoken() -> None:
    (spoken, written) = numbers("做了三百单，挣 2,500", "zh")
    assert spoken == (2, 4, "300", True)
    assert written == (8, 13, "2500", False)


def test_a_text_in_digits_maps_back_to_what_was_said() -> None:
    shown, places = as_digits("sold double five, then 12", "en")
    assert shown == "sold 55, then 12"
    assert [places[shown.index(part)] for part in ("55", ",", "12")] == [5, 16, 23]


ENGLISH = re.findall(
    r"\S+", "one two oh double hundred thousand and point fifth twenty k a the 0 7.5 1,200 , . - É ’ [x] _ _"
)
PIECES: dict[Language, list[str]] = {
    "zh": [
        *"零〇幺一二两三四五六七八九十百千万亿点多来几个第廿俩，。 -138.",
        "百分之",
        "一下",
        "万一",
        "[电话1]",
        "１２",
    ],
    "en": [word.replace("_", " ") for word in ENGLISH],
}


@given(st.sampled_from(LANGUAGES).flatmap(lambda one: st.tuples(st.just(one), st.lists(st.sampled_from(PIECES[one])))))
def test_numbers_stand_in_order_and_apart_whatever_is_said(said: tuple[Language, list[str]]) -> None:
    language, text = said[0], "".join(said[1])
    end = 0
    for number in numbers(text, language):
        assert end <= number.start < number.end <= len(text)
        assert number.digits.replace(".", "", 1).isdecimal()
        end = number.end
    shown, places = as_digits(text, language)
    assert len(shown) == len(places)
    assert list(places) == sorted(places)


@given(st.integers(0, 99_999_999), st.sampled_from(LANGUAGES))
def test_every_written_number_is_read_as_itself(value: int, language: Language) -> None:
    assert digits(f"x {value} x", language) == [str(value)]
    assert digits(f"x {value:,} x", language) == [str(value)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_number_once_in_digits_reads_the_same(language: Language, catalog: Catalog) -> None:
    for line in catalog.lines(language):
        spoken = [number.digits for number in numbers(line.text, language) if "-" not in line.text]
        if spoken:
            assert digits(as_digits(line.text, language)[0], language) == spoken
