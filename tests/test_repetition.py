"""Within a call nobody goes round in circles: what counts as a repetition, what does not, and that real talk passes."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from telerole import Catalog, Simulator
from telerole.postprocess.filtering import Example, Reject
from telerole.postprocess.repetition import Repetition
from telerole.reading import means
from telerole.records import LANGUAGES, Language
from telerole.session import End, Session, Turn, speaker_at

REAL_TALK = Path(os.environ.get("TELEROLE_REAL_TALK", "no-such-folder"))


def judged(language: Language, *lines: str, **limits: float) -> Reject | None:
    turns = tuple(Turn(role=speaker_at(at), text=line) for at, line in enumerate(lines))
    call = Session(id="1", scenario_id="1", language=language, seed=0, turns=turns, end=End(reason="stopped"))
    return Repetition.model_validate(limits).judge(Example(call))


def turns_shown(reject: Reject | None) -> list[int | None]:
    return [one.turn for one in reject.evidence] if reject else []


AGAIN: list[tuple[Language, list[str]]] = [
    (
        "en",
        [
            "There's no fee at all for the first three months.",
            "I've heard that before.",
            "Well, you know, there's no fee at all for those first three months.",
        ],
    ),
    (
        "zh",
        [
            "头三个月不收您一分钱，不满意随时退。",
            "都这么说。",
            "嗯，那个，头三个月也不收您一分钱，不满意随时退啊。",
        ],
    ),
]


@pytest.mark.parametrize(("language", "lines"), AGAIN)
def test_a_line_said_again_with_a_filler_and_a_word_changed_is_a_repetition(
    language: Language, lines: list[str]
) -> None:
    found = judged(language, *lines)
    assert found is not None
    assert "salesperson says nearly the same again" in found.reason
    assert turns_shown(found) == [0, 2]
    assert found.score is not None
    assert found.threshold is not None
    assert found.score >= found.threshold


@pytest.mark.parametrize(("language", "lines"), AGAIN)
def test_a_line_of_the_other_side_is_no_repetition(language: Language, lines: list[str]) -> None:
    assert judged(language, lines[0], lines[0]) is None


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            ["Right. We only do kites and wind socks here.", "Okay.", "Fine. We only do kites and wind socks here."],
        ),
        ("zh", ["行。我们这边主要做车载支架。", "好。", "嗯嗯，知道。我们这边主要做车载支架。"]),
    ],
)
def test_one_sentence_of_a_turn_said_again_is_enough(language: Language, lines: list[str]) -> None:
    found = judged(language, "...", lines[0], lines[1], lines[2])
    assert found is not None
    assert "merchant" in found.reason
    assert turns_shown(found) == [1, 3]


@pytest.mark.parametrize(
    ("language", "question", "answer", "again"),
    [
        ("en", "Do you sell anything abroad?", "Not really, no.", "And do you sell anything abroad?"),
        ("zh", "您现在往国外发货吗？", "没有，就做国内。", "那您现在往国外发货吗？"),
    ],
)
def test_a_question_is_a_repetition_once_it_was_answered(
    language: Language, question: str, answer: str, again: str
) -> None:
    found = judged(language, question, answer, "Okay.", "Mm.", again)
    assert found is not None
    assert "asks an answered question again" in found.reason
    assert turns_shown(found) == [0, 4]
    counter = "Who is this?" if language == "en" else "你哪位啊？"
    assert judged(language, question, counter, again) is None


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("en", ["It is free until June, free until June, free until June, free until June.", "Hello?"]),
        ("en", ["I see what you mean I see what you mean I see what you mean", "Are you there?"]),
        ("en", ["No, no, no, no, no, no, no, no, no, no, no, no, no, no.", "Hello?"]),
        ("zh", ["这个平台真的很好用，这个平台真的很好用，这个平台真的很好用。", "喂？"]),
        ("zh", ["您看我给您发您看我给您发您看我给您发过去", "啊？"]),
    ],
)
def test_a_phrase_over_and_over_in_one_turn_is_a_repetition(language: Language, lines: list[str]) -> None:
    found = judged(language, *lines)
    assert found is not None
    assert "times in one turn" in found.reason
    assert turns_shown(found) == [0]


@pytest.mark.parametrize(
    ("language", "tic", "rest"),
    [
        (
            "en",
            "I hear what you're saying, and",
            [
                "kites are what people over there look for",
                "nothing has to be paid before June",
                "customs is our business, you only pack",
                "whoever buys pays for the parcel too",
                "a month is enough to see how it goes",
                "I'd try it with ten of them first",
            ],
        ),
        ("zh", "我特别理解您的顾虑，", ["您先听我讲", "运费不贵", "仓在义乌", "客人都在", "先试一个月", "那再见"]),
    ],
)
def test_a_phrase_that_comes_back_in_every_turn_is_a_repetition(language: Language, tic: str, rest: list[str]) -> None:
    answers = ["Hm.", "No.", "Why?", "Ah.", "Oh.", "Yes."]
    lines = [line for end, answer in zip(rest, answers, strict=True) for line in (f"{tic} {end}.", answer)]
    found = judged(language, *lines)
    assert found is not None
    assert "in 6 turns" in found.reason
    assert turns_shown(found) == [0, 2, 4, 6, 8, 10]
    assert judged(language, *lines[:-2]) is None


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("en", ["Yeah, I see.", "Mm.", "Yeah, I see.", "Mm.", "Yeah, I see.", "Mm."]),
        ("zh", ["嗯，您说。", "好的好的。", "嗯，您说。", "好的好的。", "嗯嗯嗯。", "好的好的。"]),
        ("en", ["Would you like it?", "No, no, no, no, no, no, no."]),
        ("zh", ["给您登记吧。", "不不不不不不不不，哈哈哈哈哈哈哈哈。"]),
        ("zh", ["喂喂喂，能听见吗？", "听得见。", "对对对，就是这个。", "好好好。"]),
        (
            "en",
            ["It's 5 pounds a month for the small plan.", "And?", "It's 25 pounds a month for the small plan.", "Hm."],
        ),
        ("zh", ["基础套餐一年收您3000块钱。", "贵的呢？", "基础套餐一年收您8000块钱。", "哦。"]),
        (
            "en",
            ["We pack it and send it off for you.", "Sorry, say that again?", "We pack it and send it off for you."],
        ),
        ("zh", ["我们帮您打包发到国外去。", "没听清，再说一遍？", "我们帮您打包发到国外去。"]),
    ],
)
def test_backchannels_other_figures_and_what_was_not_caught_are_no_repetitions(
    language: Language, lines: list[str]
) -> None:
    assert judged(language, *lines) is None


def test_the_limits_can_be_set() -> None:
    lines = ("We only sell kites and wind socks here.", "Okay.", "We just sell kites and those wind socks here.")
    assert judged("en", *lines, likeness=80) is not None
    assert judged("en", *lines, likeness=99) is None


def offline(catalog: Catalog, language: Language) -> Iterator[list[str]]:
    for call in Simulator(seed=5).run_many(catalog.sample(150, seed=5, language=language)):
        yield [turn.text for turn in call.turns]


@pytest.mark.parametrize("language", LANGUAGES)
def test_offline_calls_pass_and_what_is_planted_in_them_is_found(catalog: Catalog, language: Language) -> None:
    rng = random.Random(3)
    calls = [lines for lines in offline(catalog, language) if len(lines) > 8]
    good = [lines for lines in calls if judged(language, *lines) is None]
    assert len(good) >= 0.99 * len(calls)
    for plant in (_line_again, _question_again, _loop):
        planted = [lines for lines in (plant(lines, language, rng) for lines in good) if lines]
        found = [judged(language, *lines) is not None for lines in planted]
        assert len(found) > 50
        assert sum(found) >= 0.95 * len(found), plant.__name__


def _line_again(lines: Sequence[str], language: Language, rng: random.Random) -> list[str]:
    """The salesperson's longest line of the first half, said again with a filler in one of its later turns."""
    half = len(lines) // 2
    longest = max(range(0, half, 2), key=lambda at: len(lines[at]))
    free = [
        at for at in range(half + half % 2, len(lines), 2) if not means("merchant", "pardon", lines[at - 1], language)
    ]
    return _again(lines, lines[longest], rng.choice(free), language) if free else []


def _question_again(lines: Sequence[str], language: Language, rng: random.Random) -> list[str]:
    """A question of the salesperson's that the merchant answered, asked again; nothing where there is none."""
    asked = [at for at in range(2, len(lines) - 2, 2) if lines[at][-1] in "?？" and lines[at + 1][-1] not in "?？"]
    asked = [at for at in asked if len(lines[at]) > {"en": 30, "zh": 10}[language]]
    if not asked:
        return []
    at = rng.choice(asked)
    return _again(lines, lines[at], rng.randrange(at + 2, len(lines), 2), language)


def _again(lines: Sequence[str], line: str, at: int, language: Language) -> list[str]:
    filler = {"en": "Well, you know, ", "zh": "嗯，那个，"}[language]
    return [*lines[:at], filler + line, *lines[at + 1 :]]


def _loop(lines: Sequence[str], language: Language, rng: random.Random) -> list[str]:
    """The longest line with a phrase out of its middle said four times."""
    longest = max(range(len(lines)), key=lambda at: len(lines[at]))
    gap, size = {"en": (" ", 5), "zh": ("", 7)}[language]
    units = lines[longest].split() if language == "en" else list(lines[longest])
    start = rng.randrange(len(units) - size)
    looped = gap.join([*units[:start], *units[start : start + size] * 4, *units[start + size :]])
    return [*lines[:longest], looped, *lines[longest + 1 :]]


@pytest.mark.skipif(not REAL_TALK.is_dir(), reason="TELEROLE_REAL_TALK names no folder of real conversations")
@pytest.mark.parametrize("name", ["persuasionforgood_en", "casino_en", "crosswoz_zh", "kdconv_zh"])
def test_ninety_five_of_a_hundred_real_conversations_pass(name: str) -> None:
    talks = [json.loads(line) for line in (REAL_TALK / name / f"{name}.jsonl").read_text("utf-8").splitlines()]
    passed = [judged(talk["language"], *_merged(talk["turns"])) is None for talk in talks]
    assert len(passed) == 200
    assert sum(passed) >= 0.95 * len(passed)


def _merged(turns: Sequence[dict[str, str]]) -> list[str]:
    """The turns, neighbouring ones of one speaker as one; "[Submit-Deal]" is nothing said."""
    said = [turn for turn in turns if not turn["text"].startswith("[")]
    return [" ".join(turn["text"] for turn in turns) for _, turns in groupby(said, key=lambda turn: turn["speaker"])]
