"""Noise with ground truth: what it does to a clean call, how much of it, and that a seed decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import telerole.cli.noise as command
from telerole import Catalog, Script, Session, Simulator
from telerole.catalog import bundled_folder
from telerole.cli.app import app
from telerole.errors import InputError
from telerole.numerals import as_digits
from telerole.records import LANGUAGES, Language, load
from telerole.session import Turn, speaker_at
from telerole.synthesis.noise import KINDS, Kind, Noise, Noisy, kinds_named, noisy
from telerole.synthesis.noise.alike import sound_alikes
from telerole.synthesis.noise.settings import sounds
from telerole.synthesis.noise.spoken_digits import spoken
from telerole.truth import Truth

LAYOUT: tuple[Kind, ...] = ("merged", "split", "speakers", "overlap", "crosstalk")


@pytest.fixture(scope="module")
def truths(catalog: Catalog) -> list[Truth]:
    return [truth for language in LANGUAGES for truth in catalog.truths(language)]


@pytest.fixture(scope="module")
def english(catalog: Catalog) -> list[Truth]:
    return catalog.truths("en")


def made(
    truths: Sequence[Truth], level: float, *kinds: Kind, bursts: float | None = None, seed: int = 1
) -> list[Noisy]:
    """The truths with noise of these kinds, or of all."""
    noise = Noise(level=level, kinds=frozenset(kinds or KINDS), bursts=bursts)
    return [noisy(truth, noise, seed) for truth in truths]


def call(*texts: str) -> Truth:
    """A call of these lines in turn."""
    acts = {"salesperson": "acknowledge", "merchant": "listen"}
    roles = [speaker_at(number) for number in range(len(texts))]
    turns = tuple(Turn(role=role, text=text, act=acts[role]) for role, text in zip(roles, texts, strict=True))
    return Truth(script="s", outcome="interest", turns=turns)


def texts(one: Noisy) -> list[str]:
    return [line.text for line in one.script.lines]


def test_level_0_is_the_truth_word_for_word(truths: list[Truth]) -> None:
    for one in made(truths, 0):
        assert texts(one) == [turn.text for turn in one.truth.turns]
        assert [line.speaker for line in one.script.lines] == [turn.role for turn in one.truth.turns]
        assert [origin.turns for origin in one.origins] == [(n,) for n in range(len(one.truth.turns))]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(truths: list[Truth]) -> None:
    once, again = made(truths[::8], 0.6, bursts=6), made(truths[::8], 0.6, bursts=6)
    assert [one.model_dump_json() for one in once] == [one.model_dump_json() for one in again]
    assert all(a.script != b.script for a, b in zip(once, made(truths[::8], 0.6, bursts=6, seed=2), strict=True))


def test_every_line_says_which_turns_its_words_came_from(truths: list[Truth]) -> None:
    for one in made(truths, 1, *LAYOUT):
        for line, origin in zip(one.script.lines, one.origins, strict=True):
            said = " ".join(one.truth.turns[turn].text for turn in origin.turns)
            if not origin.turns:
                assert (origin.speaker, line.speaker) == (None, "unknown")
            elif "crosstalk" not in _kinds_in(line.text, one):
                assert set(_characters(line.text)) <= set(_characters(said))
        heard = {turn for origin in one.origins for turn in origin.turns}
        assert heard == set(range(len(one.truth.turns)))


def test_switching_one_kind_off_leaves_the_others_as_they_were(truths: list[Truth]) -> None:
    lines: tuple[Kind, ...] = ("merged", "speakers", "crosstalk")
    spoken_kinds: tuple[Kind, ...] = ("recognition", "deletions", "fillers", "restarts", "numerals", "punctuation")
    with_words, alone = made(truths[::4], 0.7, *lines, *spoken_kinds), made(truths[::4], 0.7, *lines)
    assert [one.origins for one in with_words] == [one.origins for one in alone]
    assert [_labels(one) for one in with_words] == [_labels(one) for one in alone]


def test_what_is_misheard_at_a_low_level_is_misheard_at_every_higher_one(english: list[Truth]) -> None:
    lower, higher = (_misheard(made(english, level, "recognition")) for level in (0.3, 0.8))
    assert 0 < sum(lower) < sum(higher)
    assert all(not low or high for low, high in zip(lower, higher, strict=True))


def test_bursts_keep_the_mean_rate_and_gather_the_errors(english: list[Truth]) -> None:
    seeds = range(6)
    alone = [flag for seed in seeds for flag in _misheard(made(english, 1, "recognition", seed=seed))]
    gathered = [flag for seed in seeds for flag in _misheard(made(english, 1, "recognition", bursts=10, seed=seed))]
    rate, rate_in_bursts = sum(alone) / len(alone), sum(gathered) / len(gathered)
    assert rate_in_bursts == pytest.approx(rate, rel=0.06)
    assert _after_an_error(alone) == pytest.approx(rate, rel=0.15)
    assert _after_an_error(gathered) > 2 * rate


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_levels_are_those_that_the_docstring_names(language: Language) -> None:
    table = dict(re.findall(r"^ *([a-z]+) {2,}([\d. ]+\d) {2,}[a-z]", Noise.__doc__ or "", re.MULTILINE))
    rates = sounds(language).rates.at(1)
    named = {kind: [float(rate) for rate in row.split()] for kind, row in table.items()}
    assert set(named) == set(KINDS)
    for kind in ("recognition", "deletions", "fillers", "restarts", "numerals", "split", "crosstalk", "overlap"):
        assert named[kind][LANGUAGES.index(language)] == pytest.approx(getattr(rates, kind)), kind
    pairs = {"merged": (rates.merged_short, rates.merged), "speakers": (rates.wrong_speaker, rates.unknown_speaker)}
    for kind, expected in pairs.items():
        half = slice(0, 2) if language == "en" else slice(2, 4)
        assert named[kind][half] == pytest.approx(list(expected)), kind


def test_lost_words_are_gone_and_no_other_changes(english: list[Truth]) -> None:
    for one in made(english, 1, "deletions"):
        for line, turn in zip(one.script.lines, one.truth.turns, strict=True):
            left = iter(_words(turn.text))
            assert all(word in left for word in _words(line.text))


def test_fillers_and_restarts_come_on_top_of_what_was_said(english: list[Truth]) -> None:
    kinds: tuple[Kind, ...] = ("fillers", "restarts")
    for kind in kinds:
        for one in made(english, 1, kind):
            for line, turn in zip(one.script.lines, one.truth.turns, strict=True):
                added = iter(_words(line.text))
                assert all(word in added for word in _words(turn.text))
                assert set(added) <= {*_words(turn.text), *sounds("en").fillers}


def test_without_punctuation_the_words_are_the_same(truths: list[Truth]) -> None:
    for one in made(truths, 0.1, "punctuation"):
        for line, turn in zip(one.script.lines, one.truth.turns, strict=True):
            assert _characters(line.text) == _characters(turn.text)
            assert not re.search(r"[.,?!，。？！…A-Z]", line.text)


def test_a_recogniser_takes_words_for_others_that_sound_alike() -> None:
    assert {"fare"} <= set(sound_alikes("fair", "en"))
    assert "Fare" in sound_alikes("Fair", "en")
    assert "升级" in sound_alikes("生计", "zh")  # a word that exists, whatever the tones
    assert {"取道", "渠到"} & set(sound_alikes("渠道", "zh")) == {"取道"}  # no made-up word where one exists
    assert "打绕" in sound_alikes("打扰", "zh")  # a character of it, where none does
    assert sound_alikes("A4", "zh") == ()


@pytest.mark.parametrize(
    ("digits", "language", "words"),
    [
        ("186", "zh", "一百八十六"),
        ("10", "zh", "十"),
        ("110", "zh", "一百一十"),
        ("1015", "zh", "一千零一十五"),
        ("2300", "zh", "两千三百"),
        ("30000", "zh", "三万"),
        ("13812345678", "zh", "幺三八幺二三四五六七八"),
        ("186", "en", "one hundred and eighty six"),
        ("1,200", "en", "one thousand two hundred"),
        ("0117", "en", "zero one one seven"),
        ("3.5", "en", "3.5"),
    ],
)
def test_digits_become_the_words_that_people_say(digits: str, language: Language, words: str) -> None:
    assert spoken(digits, language) == words


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 999_999))
def test_a_number_in_words_reads_as_the_number_again(number: int) -> None:
    for language in LANGUAGES:
        said = spoken(str(number), language)
        assert as_digits(f"{said} 块" if language == "zh" else f"{said} pounds", language)[0].split()[0] == str(number)


def test_numbers_are_spoken_at_level_1() -> None:
    one = made([call("一共186块，打13812345678。", "好。")], 1, "numerals")[0]
    assert texts(one) == ["一共一百八十六块，打幺三八幺二三四五六七八。", "好。"]


@given(st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=8), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_any_call_becomes_a_script_with_both_speakers(lines: list[str], seed: int) -> None:
    said = call(*(line.strip() or "嗯" for line in lines))
    assert noisy(said, Noise(level=0), seed).script.lines
    script = noisy(said, Noise(level=1, bursts=3), seed).script
    assert {line.speaker for line in script.lines} >= {"salesperson", "merchant"}


def test_a_session_becomes_a_truth_with_its_acts_and_outcome(catalog: Catalog) -> None:
    session = Simulator(seed=1).run(catalog.sample(1, seed=1, language="zh")[0])
    one = noisy(session, Noise(level=0.5), 1)
    assert one.script.id == one.truth.script == session.id
    assert one.script.language == "zh"
    assert [turn.act for turn in one.truth.turns] == [turn.act for turn in session.turns]


def test_the_command_writes_scripts_and_truths_that_load(catalog: Catalog, tmp_path: Path, truths: list[Truth]) -> None:
    assert command.noise
    Simulator(seed=1).run_many(catalog.sample(4, seed=1), out=tmp_path / "run")
    data = bundled_folder("data")
    for source, count in ((data / "truths.zh.jsonl", 40), (data, 81), (tmp_path / "run", 4)):
        out = tmp_path / source.name / "noisy"
        arguments = ["noise", str(source), "--level", "0.3", "--seed", "1", "--out", str(out)]
        shown = CliRunner().invoke(app, arguments)
        assert shown.exit_code == 0, shown.output
        scripts = load(out / "scripts.jsonl", Script)
        assert [script.id for script in scripts] == [truth.script for truth in load(out / "truths.jsonl", Truth)]
        assert len(scripts) == count
    known = {truth.script: truth for truth in truths}
    zh = load(tmp_path / "truths.zh.jsonl" / "noisy" / "scripts.jsonl", Script)
    assert zh == [noisy(known[script.id], Noise(level=0.3), 1).script for script in zh]


def test_an_unknown_kind_is_an_error_that_names_the_nearest() -> None:
    assert kinds_named("merged, split") == {"merged", "split"}
    with pytest.raises(InputError, match="did you mean 'merged'"):
        kinds_named("merge")


def test_a_folder_without_clean_calls_is_an_error(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["noise", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(shown.exception, InputError)
    assert "holds no clean calls" in str(shown.exception)


def test_a_session_whose_acts_no_truth_knows_is_an_error(catalog: Catalog) -> None:
    session: Session = Simulator(seed=1).run(catalog.sample(1, seed=1)[0])
    odd = session.model_copy(
        update={"turns": (session.turns[0].model_copy(update={"act": "sing"}), *session.turns[1:])}
    )
    with pytest.raises(InputError, match=re.escape(f"session {session.id}: turns[0].act: 'sing'")):
        noisy(odd, Noise(level=0), 1)


def _misheard(noise: list[Noisy]) -> list[bool]:
    """For every English word of these calls whether another stands in its place."""
    heard = [word for one in noise for text in texts(one) for word in _words(text)]
    said = [word for one in noise for turn in one.truth.turns for word in _words(turn.text)]
    return [word != other for word, other in zip(said, heard, strict=True)]


def _words(text: str) -> list[str]:
    return re.findall(r"[\w'’]+", text)


def _after_an_error(errors: list[bool]) -> float:
    """How often an error follows an error."""
    after = [second for first, second in pairwise(errors) if first]
    return sum(after) / len(after)


def _labels(one: Noisy) -> list[str]:
    return [line.speaker for line in one.script.lines]


def _characters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def _kinds_in(text: str, one: Noisy) -> set[str]:
    third = sounds(one.script.language).third_party
    return {"crosstalk"} if any(line in text for line in third) else set()
