"""How spoken calls are is a number: what counts, how far it is from real talk, that real talk measures as itself."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from telerole import Catalog, Simulator
from telerole.cli import app
from telerole.errors import InputError
from telerole.persona import Role
from telerole.records import LANGUAGES, Language
from telerole.style import FIGURES, Style, gap, measure, measure_calls, near, target

REAL_TALK = Path(os.environ.get("TELEROLE_REAL_TALK", "no-such-folder"))
ROLES: tuple[Role, Role] = ("salesperson", "merchant")
AGENTS = ("agent", "salesperson", "客服")


def test_words_are_counted_as_people_count_them() -> None:
    assert measure(["I don't know, it’s 5 o'clock."], "en").length == 6
    assert measure(["Uh-huh."], "en").length == 2
    assert measure(["好的，我加您QQ，12345。"], "zh").length == 7


def test_short_turns_have_three_words_or_fewer() -> None:
    assert measure(["Yes I do.", "Yes I really do.", "...", "No."], "en").short_turns == pytest.approx(2 / 3)
    assert measure(["没有了", "没有了呢", "好"], "zh").short_turns == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("language", "text", "fillers", "words"),
    [
        ("en", "Well, uh, I mean it's kind of dear, you know.", 5, 10),
        ("en", "Hello there, whom do I speak to?", 0, 7),
        ("zh", "嗯，那个，就是太贵了", 3, 8),
        ("zh", "金额多少", 0, 4),
    ],
)
def test_fillers_are_counted_per_hundred_words(language: Language, text: str, fillers: int, words: int) -> None:
    assert measure([text], language).fillers == pytest.approx(100 * fillers / words)


@pytest.mark.parametrize(
    ("language", "text", "only_listens"),
    [
        ("en", "Uh-huh.", True),
        ("en", "Yeah, right, okay.", True),
        ("en", "Oh, I see.", True),
        ("en", "Yeah, I have.", False),
        ("en", "No.", False),
        ("en", "Rightly.", False),
        ("zh", "嗯嗯，对。", True),
        ("zh", "哦好的", True),
        ("zh", "好贵", False),
        ("zh", "没有了", False),
    ],
)
def test_a_backchannel_is_the_whole_turn(language: Language, text: str, only_listens: bool) -> None:
    assert measure([text], language).backchannels == only_listens


def test_a_turn_with_two_stock_phrases_counts_once() -> None:
    texts = ["Absolutely, I completely understand.", "Right, so what do you sell?"]
    assert measure(texts, "en").stock_phrases == 0.5
    assert measure(["您好，很高兴为您服务，请问有什么可以帮您", "喂，老板在不在"], "zh").stock_phrases == 0.5


def test_nothing_said_is_refused_and_not_a_zero() -> None:
    with pytest.raises(InputError, match="no turn to measure"):
        measure(["…", ""], "en")


def test_the_gap_is_relative_and_a_third_is_near() -> None:
    real = target("zh", "merchant").style
    ours = real.model_copy(update={"short_turns": real.short_turns * 1.3, "fillers": real.fillers * 0.6})
    assert gap(real, real) == dict.fromkeys(FIGURES, 0.0)
    assert gap(ours, real)["short_turns"] == pytest.approx(0.3)
    assert near(ours, real) == {"short_turns": True, "fillers": False}
    none = real.model_copy(update={"fillers": 0.0})
    assert gap(real, none)["fillers"] == math.inf


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_role_has_a_target_with_its_source(language: Language, role: Role) -> None:
    real = target(language, role)
    assert real.source
    assert real.note
    assert real.calls >= 10
    assert 0.05 < real.style.short_turns < 0.5
    assert 1 < real.style.fillers < 20


def test_calls_are_measured_by_language_and_role(catalog: Catalog) -> None:
    run = Simulator(seed=1).run_many(catalog.sample(8, seed=1))
    measured = measure_calls(run)
    assert set(measured) == {(language, role) for language in LANGUAGES for role in ROLES}
    english = [turn.text for call in run if call.language == "en" for turn in call.turns if turn.role == "merchant"]
    assert measured["en", "merchant"] == measure(english, "en")


def test_the_command_prints_ours_beside_real(catalog: Catalog, tmp_path: Path) -> None:
    Simulator(seed=1).run_many(catalog.sample(4, seed=1), out=tmp_path / "run")
    shown = CliRunner().invoke(app, ["style", str(tmp_path / "run"), "--language", "zh"])
    assert shown.exit_code == 0
    assert "zh, merchant" in shown.stdout
    assert "fillers per 100 words" in shown.stdout
    assert "en, " not in shown.stdout


def _talk(name: str, speakers: tuple[str, ...] | None = None, *, without: bool = False) -> list[str]:
    file = REAL_TALK / name / f"{name}.jsonl"
    if not file.is_file():
        pytest.skip(f"TELEROLE_REAL_TALK names no folder with {name}/{name}.jsonl")
    turns = [turn for line in file.read_text(encoding="utf-8").splitlines() for turn in json.loads(line)["turns"]]
    said = [turn for turn in turns if speakers is None or (turn["speaker"] in speakers) != without]
    return [turn["text"] for turn in said if not turn["text"].startswith("[")]  # "[Submit-Deal]" is nothing said


@pytest.mark.parametrize(
    ("name", "short", "fillers"),
    [
        ("persuasionforgood_en", 0.058, 2.2),
        ("casino_en", 0.054, 2.2),
        ("crosswoz_zh", 0.038, 2.0),
        ("kdconv_zh", 0.019, 3.0),
        ("stoppingagents_synth_en", 0.031, 1.3),  # written by a model
    ],
)
def test_written_talk_is_far_from_spoken(name: str, short: float, fillers: float) -> None:
    language: Language = "zh" if name.endswith("zh") else "en"
    style = measure(_talk(name), language)
    assert style.short_turns == pytest.approx(short, abs=0.001)
    assert style.fillers == pytest.approx(fillers, abs=0.05)
    assert not any(near(style, target(language, role).style)["short_turns"] for role in ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_real_chinese_calls_measure_as_the_target(role: Role) -> None:
    style = measure(_talk("seretod_zh", AGENTS, without=role == "merchant"), "zh")
    _same(style, target("zh", role).style, 0.01, FIGURES)


def test_real_english_calls_measure_as_the_target() -> None:
    style = measure(_talk("switchboard_en"), "en")
    _same(style, target("en", "merchant").style, 0.1, ("short_turns", "fillers", "length", "median_length"))


def _same(style: Style, real: Style, tolerance: float, figures: tuple[str, ...]) -> None:
    apart = gap(style, real)
    assert {figure: apart[figure] for figure in figures if abs(apart[figure]) > tolerance} == {}
