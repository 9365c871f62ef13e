"""The human double-blind study: raters learn nothing, orders are balanced, answers are read as they come and scored."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from math import isclose
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from telerole import Catalog, Simulator
from telerole.cli.study import study_app
from telerole.errors import InputError
from telerole.evaluation.judge.questions import METRICS, Metric
from telerole.evaluation.played import Label, Played
from telerole.evaluation.statistics import compare_rates, wilson
from telerole.evaluation.study import (
    Key,
    Ratings,
    Study,
    StudyScore,
    labels,
    make_study,
    read_ratings,
    read_study,
    score_study,
)
from telerole.evaluation.study.design import Design, design
from telerole.evaluation.study.forms import sheet
from telerole.evaluation.study.items import Item
from telerole.evaluation.study.key import Plan
from telerole.evaluation.study.wording import instructions, wording
from telerole.postprocess.filtering import Example
from telerole.records import LANGUAGES, Language, load
from telerole.session import Turn

SYSTEMS = ("prompted-zx", "telebot-qv", "ablated-kw")
Say = Callable[[Key, Metric], str]
"""What a rater writes into the cell of an item and a metric."""


@pytest.fixture(scope="module")
def calls(catalog: Catalog) -> list[Played]:
    """Three systems on the same scenarios with the same merchant, in both languages."""
    return [
        one
        for language in LANGUAGES
        for number, name in enumerate(SYSTEMS)
        for one in play(catalog, language, name, number)
    ]


def play(catalog: Catalog, language: Language, system: str, seed: int, count: int = 20) -> list[Played]:
    scenarios = {one.id: one for one in catalog.sample(count, seed=4, language=language)}
    run = Simulator(seed=seed).run_many(scenarios.values())
    told = {"salesperson": f"openai:{system}-70b", "merchant": "openai:buyer-jj"}
    return [
        Played(
            system,
            "buyer-mm",
            Example(
                session.model_copy(update={"provenance": told}),
                scenarios[session.scenario_id].profile,
                scenarios[session.scenario_id].filled_strategy,
            ),
            scenarios[session.scenario_id].script.id,
        )
        for session in sorted(run, key=lambda one: one.id)
    ]


def of(calls: Iterable[Played], language: Language = "zh", systems: int = 2) -> list[Played]:
    return [one for one in calls if one.example.session.language == language and one.system in SYSTEMS[:systems]]


@pytest.fixture
def study(calls: list[Played], tmp_path: Path) -> Path:
    """A study of two systems in Chinese, 12 calls each, 3 raters, a fault in one call of four."""
    make_study(of(calls), tmp_path / "study", items=12, attention=0.25, seed=7)
    return tmp_path / "study"


def planned(calls: Sequence[Played], **changes: Any) -> Design:
    asked = {"items": 8, "metrics": METRICS, "raters": 3, "overlap": 1.0, "attention": 0.1, "seed": 0} | changes
    return design(calls, Plan(**asked))


def rows_of(file: Path) -> list[list[str]]:
    return list(csv.reader(StringIO(file.read_text(encoding="utf-8-sig"), newline="")))


def fill(folder: Path, rater: str, say: Say, name: str = "") -> Path:
    """The rater's sheet with its cells filled in, saved beside the study."""
    study, key = read_study(folder)
    by_item = {one.item: one for one in key}
    heading, *rows = rows_of(folder / "items" / f"{rater}.csv")
    columns = {metric: heading.index(wording(study.language).metrics[metric].name) for metric in study.metrics}
    for row in rows:
        for metric, column in columns.items():
            row[column] = say(by_item[row[1]], metric)
    filled = folder.parent / (name or f"{rater}.csv")
    out = StringIO(newline="")
    csv.writer(out).writerows([heading, *rows])
    filled.write_text(out.getvalue(), encoding="utf-8-sig", newline="")
    return filled


def careful(key: Key, metric: Metric) -> str:
    """The first system repeats itself; planted faults are seen; all else is good."""
    if key.fault:
        return "0" if metric == key.metric else "1"
    return "0" if (key.system, metric) == (SYSTEMS[0], "repetition") else "1"


def coin(seed: int) -> Say:
    random = Random(seed)
    return lambda key, metric: random.choice("01")


def scored(folder: Path, *files: Path, **options: bool) -> tuple[StudyScore, Ratings, list[Key]]:
    study, key = read_study(folder)
    ratings = read_ratings(files, study, key)
    return score_study(study, key, ratings, **options), ratings, key


def all_fill(folder: Path, *say: Say) -> list[Path]:
    return [fill(folder, f"rater-{number}", one) for number, one in enumerate(say, start=1)]


# What raters get


def test_nothing_that_a_rater_gets_tells_a_system_a_model_a_merchant_or_where_a_call_comes_from(
    calls: list[Played], study: Path
) -> None:
    given = {file.name: file.read_bytes().decode().lower() for file in (study / "items").iterdir()}
    assert len(given) == 3 * 3 + 2
    secrets = {
        "prompted",
        "telebot",
        "openai",
        "buyer-mm",
        "buyer-jj",
        "secret",
        str(study).lower(),
        "planted",
        "fault_",
        "offline",
    }
    for one in of(calls):
        secrets |= {one.id, one.example.session.id, one.example.session.scenario_id, one.source, one.system}
        secrets |= {str(one.example.session.seed), *one.example.session.provenance.values()}
    _, key = read_study(study)
    secrets |= {one.fault for one in key if one.fault}
    told = [(name, secret) for name, text in given.items() for secret in secrets if secret.lower() in text]
    assert not told


def test_items_hold_the_words_of_the_call_and_what_the_salesperson_had_to_go_by(
    calls: list[Played], study: Path
) -> None:
    by_id = {one.id: one.example for one in of(calls)}
    _, key = read_study(study)
    sheets = {raw["item"]: raw for raw in map(json.loads, (study / "items" / "rater-2.jsonl").read_text().splitlines())}
    for one in key:
        if one.fault:
            continue
        example, shown = by_id[one.session], sheets[one.item]
        assert [turn["text"] for turn in shown["turns"]] == [turn.text for turn in example.session.turns]
        assert {turn["speaker"] for turn in shown["turns"]} <= {"销售", "商家"}
        assert example.profile
        assert example.strategy
        assert all(f"{label}：{value}" in shown["profile"] for label, value in example.profile.facts().items())
        assert example.strategy.goal in shown["strategy"]
        assert not re.search(r"^- ", shown["profile"] + "\n" + shown["strategy"], re.MULTILINE)
        assert shown["answers"] == dict.fromkeys(METRICS)


def test_an_attention_item_is_a_call_with_its_fault_put_in(calls: list[Played], study: Path) -> None:
    by_id = {one.id: one.example.session for one in of(calls)}
    _, key = read_study(study)
    sheets = {raw["item"]: raw for raw in map(json.loads, (study / "items" / "rater-1.jsonl").read_text().splitlines())}
    faults = [one for one in key if one.fault]
    assert len(faults) == 6
    assert {one.metric for one in faults} == set(METRICS)
    for one in faults:
        texts = [turn["text"] for turn in sheets[one.item]["turns"]]
        assert texts != [turn.text for turn in by_id[one.session].turns]
        assert all(0 <= turn < len(texts) for turn in one.turns)


@given(
    seed=st.integers(0, 10**6),
    items=st.integers(2, 16),
    systems=st.integers(2, 3),
    raters=st.integers(1, 4),
    attention=st.sampled_from([0.0, 0.1, 0.25]),
)
@settings(max_examples=25, deadline=None)
def test_systems_are_counter_balanced_and_calls_of_one_scenario_kept_apart(
    calls: list[Played], seed: int, items: int, systems: int, raters: int, attention: float
) -> None:
    made = planned(of(calls, systems=systems), seed=seed, items=items, raters=raters, attention=attention)
    entries = {entry.item.item: entry for entry in made.entries}
    for order in made.study.orders.values():
        shown = [entries[id] for id in order]
        assert all(one.scenario != after.scenario for one, after in pairwise(shown))
        rated = [one.key.system for one in shown if one.key.fault is None]
        assert Counter(rated) == dict.fromkeys(SYSTEMS[:systems], items)
        assert all(spread(rated[:end], systems) <= systems // 2 + 1 for end in range(len(rated)))
        if systems == 2:
            halves, quarters = len(rated) // 2, len(rated) / 4
            assert spread(rated[:halves], 2) <= 1
            assert all(spread(rated[round(q * quarters) : round((q + 1) * quarters)], 2) <= 2 for q in range(4))


def spread(shown: Sequence[str], systems: int) -> int:
    counts = [shown.count(system) for system in SYSTEMS[:systems]]
    return max(counts) - min(counts)


@given(seed=st.integers(0, 10**6), systems=st.integers(2, 3))
@settings(max_examples=10, deadline=None)
def test_over_as_many_raters_as_systems_each_system_of_a_scenario_comes_first_once(
    calls: list[Played], seed: int, systems: int
) -> None:
    made = planned(of(calls, systems=systems), seed=seed, raters=systems)
    entries = {entry.item.item: entry for entry in made.calls}
    first: dict[str, list[str]] = {}
    for order in made.study.orders.values():
        met: set[str] = set()
        for entry in (entries[id] for id in order if id in entries):
            if entry.scenario not in met:
                first.setdefault(entry.scenario, []).append(entry.key.system)
            met.add(entry.scenario)
    assert all(sorted(found) == sorted(SYSTEMS[:systems]) for found in first.values())


@given(seed=st.integers(0, 10**6), overlap=st.floats(0.2, 1), raters=st.integers(2, 4))
@settings(max_examples=15, deadline=None)
def test_overlap_is_the_share_that_all_rate_and_the_rest_is_rated_once_by_one_rater_for_all_systems(
    calls: list[Played], seed: int, overlap: float, raters: int
) -> None:
    made = planned(of(calls), seed=seed, items=16, overlap=overlap, raters=raters, attention=0)
    scenario = {entry.item.item: entry.scenario for entry in made.calls}
    times = Counter(id for order in made.study.orders.values() for id in order)
    assert set(times) == set(scenario)
    assert sorted(times.values()) == [1] * 2 * (16 - round(16 * overlap)) + [raters] * 2 * round(16 * overlap)
    for order in made.study.orders.values():
        assert set(Counter(scenario[id] for id in order).values()) == {2}


def test_the_same_calls_and_seed_give_the_same_bytes_and_another_seed_other_ids(
    calls: list[Played], tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        make_study(of(calls), folder, items=5, seed=seed)
    one, two, three = ({str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*.*")} for root in folders)
    assert one == two
    assert not {key.item for key in read_study(folders[0])[1]} & {key.item for key in read_study(folders[2])[1]}
    assert one.keys() == three.keys()


def test_systems_are_shown_on_the_same_scenarios_where_both_have_them(calls: list[Played]) -> None:
    both = of(calls)
    lost = {one.example.session.scenario_id for one in both if one.system == SYSTEMS[1]}
    few = sorted(lost)[:6]
    made = planned(
        [one for one in both if one.system == SYSTEMS[0] or one.example.session.scenario_id not in few], items=14
    )
    by_system = {name: {one.scenario for one in made.calls if one.key.system == name} for name in SYSTEMS[:2]}
    assert by_system[SYSTEMS[0]] == by_system[SYSTEMS[1]] == lost - set(few)
    assert Counter(one.key.system for one in made.calls) == {SYSTEMS[0]: 14, SYSTEMS[1]: 14}


def test_a_systems_name_in_the_words_of_a_call_is_warned_of(calls: list[Played]) -> None:
    first, *rest = of(calls)
    told = Turn(role="salesperson", text=f"我是{SYSTEMS[0].upper()}，您好。")
    session = first.example.session
    spoken = session.model_copy(update={"turns": (told, *session.turns[1:])})
    named = Played(
        first.system, first.merchant, Example(spoken, first.example.profile, first.example.strategy), first.source
    )
    made = planned([named, *rest], items=20, attention=0)
    assert [one for one in made.study.warnings if SYSTEMS[0] in one and "stands in the words of 1 items" in one]
    assert not planned([first, *rest], items=20, attention=0).study.warnings


def test_the_order_in_which_calls_are_given_does_not_matter(calls: list[Played]) -> None:
    first, *rest = of(calls)
    mixed = [first, *Random(1).sample(rest, len(rest))]
    assert planned(mixed) == planned([first, *rest])


def test_merchants_and_scripts_are_drawn_as_evenly_as_can_be(calls: list[Played]) -> None:
    twice = [replace(one, merchant=name) for one in of(calls) for name in ("cool", "warm")]
    made = planned(twice, items=10, attention=0)
    of_first = [one.key for one in made.calls if one.key.system == SYSTEMS[0]]
    assert Counter(one.session.split("/")[1] for one in of_first) == {"cool": 5, "warm": 5}
    assert max(Counter(one.script for one in of_first).values()) == 1


def test_attention_items_are_made_from_calls_nobody_rates_and_a_study_without_such_says_so(calls: list[Played]) -> None:
    made = planned(of(calls), items=12, attention=0.25)
    assert len(made.attention) == 6
    assert not {one.key.session for one in made.attention} & {one.key.session for one in made.calls}
    assert any(
        "attention items are made from calls that are rated" in one
        for one in planned(of(calls), items=20).study.warnings
    )
    short = [
        replace(one, example=replace(one.example, session=one.example.session.model_copy(update={"turns": turns[:4]})))
        for one in of(calls)
        for turns in [one.example.session.turns]
    ]
    assert any(re.search(r"only \d of 3 attention items", one) for one in planned(short, items=12).study.warnings)


def test_a_scenario_that_not_every_system_called_is_shown_only_for_want_of_others_and_warned_of(
    calls: list[Played],
) -> None:
    scenarios = sorted({one.example.session.scenario_id for one in of(calls)})
    gaps = {SYSTEMS[0]: scenarios[:5], SYSTEMS[1]: scenarios[5:10]}
    played = [one for one in of(calls) if one.example.session.scenario_id not in gaps[one.system]]
    assert not planned(played, items=10, attention=0).study.warnings
    assert any(one.startswith("10 scenarios are shown without") for one in planned(played, items=15).study.warnings)


def test_a_cell_that_looks_like_a_formula_is_made_a_text() -> None:
    cells = ("=1+1", "+86", "-", "@x", "＝A1", "1 您好")
    items = [Item(item="a", profile=cell, strategy="", turns=()) for cell in cells]
    written = csv.reader(StringIO(sheet("rater-1", items, METRICS, "zh").decode("utf-8-sig"), newline=""))
    assert [row[2] for row in written][1:] == ["'=1+1", "'+86", "'-", "'@x", "'＝A1", "1 您好"]


def test_no_cell_of_a_sheet_begins_like_a_formula_and_excel_sees_utf8(study: Path) -> None:
    for file in (study / "items").glob("*.csv"):
        assert file.read_bytes().startswith(b"\xef\xbb\xbf")
        assert not [cell for row in rows_of(file) for cell in row if cell[:1] and cell[0] in "=+-@\t\r"]


def test_label_studio_shows_every_text_of_its_tasks_and_asks_every_metric(study: Path) -> None:
    config = ElementTree.parse(study / "items" / "label-studio.xml").getroot()
    tasks = json.loads((study / "items" / "rater-1.label-studio.json").read_text())
    wanted = {node.get("value", "")[1:] for node in config.iter() if node.get("value", "").startswith("$")}
    assert wanted == {"profile", "strategy", "call"}
    assert all(wanted | {"rater", "item"} == task["data"].keys() for task in tasks)
    assert all(turn.keys() == {"author", "text"} for task in tasks for turn in task["data"]["call"])
    names = {node.get("name") for node in config.iter() if node.get("name")}
    assert all(node.get("toName") in names for node in config.iter() if "toName" in node.attrib)
    choices = {node.get("name"): [one.get("alias") for one in node] for node in config.iter("Choices")}
    assert choices == {metric: ["1", "0"] for metric in METRICS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_instructions_ask_exactly_the_questions_of_the_study(language: Language) -> None:
    words = wording(language)
    assert words.metrics.keys() == set(METRICS)
    page = instructions(language, METRICS[:2])
    asked = [metric for metric in METRICS if words.metrics[metric].question in page]
    assert asked == list(METRICS[:2])
    assert words.columns["profile"] in page
    names = [words.columns[name] for name in words.columns] + [words.metrics[metric].name for metric in METRICS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"items": 40}, "has 20 calls"),
        ({"items": 0}, "items: Input should be greater than"),
        ({"raters": 0}, "raters: Input should be greater than"),
        ({"overlap": 1.2}, "overlap: Input should be less than"),
        ({"attention": -1}, "attention: Input should be greater than"),
        ({"metrics": ["repetitions"]}, "did you mean 'repetition'"),
        ({"metrics": []}, "metrics: "),
        ({"items": 1}, "next to each other"),
    ],
)
def test_a_study_that_cannot_be_made_is_refused_and_writes_nothing(
    calls: list[Played], tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        make_study(of(calls), tmp_path / "study", **({"items": 4} | changes))
    assert not (tmp_path / "study").exists()


def test_a_study_needs_two_systems_one_language_distinct_calls_profiles_and_a_new_folder(
    calls: list[Played], tmp_path: Path
) -> None:
    bare = [Played(one.system, one.merchant, Example(one.example.session), one.source) for one in of(calls)]
    for played, says in (
        (of(calls, systems=1), "compares two systems"),
        (calls, "read one language"),
        ([*of(calls), of(calls)[0]], "two calls have the name"),
        (bare, "needs the profile and the strategy"),
    ):
        with pytest.raises(InputError, match=says):
            make_study(played, tmp_path / "study", items=4)
    made = make_study(calls, tmp_path / "study", items=4, language="en")
    assert made.language == "en"
    with pytest.raises(InputError, match="is not empty"):
        make_study(of(calls), tmp_path / "study", items=4)
    assert make_study(bare, tmp_path / "other", items=4, metrics=["repetition"], attention=0).metrics == ("repetition",)


# What comes back


def test_raters_who_agree_perfectly_give_1_and_the_right_winner(study: Path) -> None:
    score, ratings, _ = scored(study, *all_fill(study, careful, careful, careful))
    assert not ratings.faults
    assert {one.metric: (one.items, one.agreement and one.agreement.percent.value) for one in score.agreement} == (
        dict.fromkeys(METRICS, (24, 1.0))
    )
    repetition = next(one.agreement for one in score.agreement if one.metric == "repetition")
    assert repetition
    assert [one and one.value for one in (repetition.kappa, repetition.alpha, repetition.ac1)] == [1.0, 1.0, 1.0]
    apart = [one for one in score.differences if one.told_apart]
    assert [(one.metric, one.baseline, one.treatment, one.comparison.difference) for one in apart] == [
        ("repetition", *SYSTEMS[:2], 1.0)
    ]
    assert [(one.passed, one.attention, one.missing) for one in score.raters] == [(6, 6, 0)] * 3
    assert all(one.comparison.difference == 0 for one in score.effects)


def test_a_rater_who_always_says_1_or_tosses_a_coin_is_found_by_attention_items_and_left_out_only_on_request(
    study: Path,
) -> None:
    files = all_fill(study, careful, lambda key, metric: "1", coin(5))
    score, _, _ = scored(study, *files)
    assert [one.attentive for one in score.raters] == [True, False, False]
    assert [one.left_out for one in score.raters] == [False] * 3
    assert sum("--exclude-inattentive leaves it out" in one for one in score.warnings) == 2
    alone, ratings, key = scored(study, *files, exclude_inattentive=True)
    assert [one.left_out for one in alone.raters] == [False, True, True]
    assert sum("is left out" in one for one in alone.warnings) == 2
    assert {one.rater for one in labels(alone, key, ratings)} == {"rater-1"}
    found = alone.cell(SYSTEMS[0], "repetition").rate
    assert found
    assert found.value == 0


def test_coins_seldom_pass_many_attention_items_and_a_study_with_few_says_how_often(
    calls: list[Played], tmp_path: Path
) -> None:
    few = planned(of(calls), items=10, attention=0.3).study.warnings
    assert any("6 attention items" in one and "34% of the time" in one for one in few)
    make_study(of(calls), tmp_path / "study", items=10, raters=20, attention=1)
    files = [fill(tmp_path / "study", f"rater-{number}", coin(number)) for number in range(1, 21)]
    score, _, _ = scored(tmp_path / "study", *files)
    assert {one.attention for one in score.raters} == {20}
    assert sum(one.attentive for one in score.raters) <= 4


def test_rates_and_differences_are_those_worked_out_by_hand(study: Path) -> None:
    """Three raters say 1 by the majority in 9 of 12 calls of the first system, in all of the second."""
    _, key = read_study(study)
    bad = [one.item for one in key if one.system == SYSTEMS[0] and not one.fault][:3]

    def says(rater: int) -> Say:
        def say(one: Key, metric: Metric) -> str:
            if one.fault:
                return careful(one, metric)
            return "0" if metric == "diversity" and (one.item in bad and rater < 2) else "1"

        return say

    score, _, _ = scored(study, *all_fill(study, *map(says, range(3))))
    scripts = {one.script for one in key if one.system == SYSTEMS[0] and not one.fault}
    assert len(scripts) == 12
    rate = score.cell(SYSTEMS[0], "diversity").rate
    assert rate
    assert (rate.value, rate.n) == (0.75, 12)
    assert isclose(rate.low, wilson(9, 12).low)
    assert isclose(rate.high, wilson(9, 12).high)
    found = next(one for one in score.differences if one.metric == "diversity")
    by_script = {
        name: {one.script: [0.0 if one.item in bad else 1.0] for one in key if one.system == name and not one.fault}
        for name in SYSTEMS[:2]
    }
    assert found.comparison == compare_rates(by_script[SYSTEMS[0]], by_script[SYSTEMS[1]], seed=7)
    assert (found.comparison.difference, found.comparison.p, found.holm) == (0.25, 0.25, 1.0)
    mild = next(one for one in score.effects if (one.rater, one.metric) == ("rater-3", "diversity"))
    assert isclose(mild.comparison.difference, 3 / 24)


def test_a_strict_rater_is_told_from_the_others(study: Path) -> None:
    def strict(one: Key, metric: Metric) -> str:
        return "0" if metric == "conversationality" else careful(one, metric)

    score, _, _ = scored(study, *all_fill(study, careful, careful, strict))
    sure = {(one.rater, one.metric) for one in score.effects if one.holm < 0.05 and one.comparison.difference < 0}
    assert ("rater-3", "conversationality") in sure
    assert {rater for rater, _ in sure} == {"rater-3"}


def test_missing_answers_are_missing_and_cannot_change_a_majority_that_stands(study: Path) -> None:
    def sometimes(one: Key, metric: Metric) -> str:
        return "" if metric == "consistency" else careful(one, metric)

    score, _, _ = scored(study, *all_fill(study, careful, sometimes))
    assert [(one.answers, one.missing) for one in score.raters] == [(180, 0), (150, 30), (0, 180)]
    undecided = score.cell(SYSTEMS[0], "consistency")
    assert (undecided.rate, undecided.missing) == (None, 12)
    assert [one.agreement for one in score.agreement if one.metric == "consistency"] == [None]
    assert "rater-2: 30 of 180 answers are missing" in score.warnings
    assert "rater-3: handed in nothing" in score.warnings
    whole = score.cell(SYSTEMS[1], "repetition").rate
    assert whole
    assert (whole.value, whole.n) == (1.0, 12)


def test_labels_are_one_a_rater_of_the_call_and_of_no_attention_item(calls: list[Played], study: Path) -> None:
    score, ratings, key = scored(study, *all_fill(study, careful, careful))
    found = list(labels(score, key, ratings))
    assert len(found) == len(set(found)) == 2 * 24 * 6
    assert {one.session for one in found} <= {one.id for one in of(calls)}
    assert {one.good for one in found if one.metric == "repetition" and one.session.startswith(SYSTEMS[0])} == {False}


def as_excel_saves(file: Path, separator: str, encoding: str) -> Path:
    """The sheet as a spreadsheet program saves it: other separator, empty rows and columns at the end, typed freely."""
    heading, *rows = rows_of(file)
    out = StringIO(newline="")
    wide = [[*heading, ""], *([*row, ""] for row in rows), [""] * (len(heading) + 1), [""] * (len(heading) + 1)]
    wide[1] = [{"1": "１", "0": " 0 "}.get(cell, cell) for cell in wide[1]]
    wide[2] = [{"1": "1.0"}.get(cell, cell) for cell in wide[2]]
    csv.writer(out, delimiter=separator).writerows(wide)
    saved = file.with_name(f"saved-{file.name}")
    saved.write_bytes(out.getvalue().encode(encoding, errors="replace"))
    return saved


@pytest.mark.parametrize(
    ("separator", "encoding"), [(";", "utf-8-sig"), (",", "gb18030"), ("\t", "utf-8"), (",", "utf-8-sig")]
)
def test_a_sheet_is_read_however_a_spreadsheet_saved_it(study: Path, separator: str, encoding: str) -> None:
    plain, ratings, _ = scored(study, fill(study, "rater-1", careful))
    saved, again, _ = scored(study, as_excel_saves(fill(study, "rater-1", careful), separator, encoding))
    assert again.faults == []
    assert again.answers == ratings.answers
    assert saved == plain


def exported(study: Path, rater: str, say: Say, by: Sequence[int] = (1,)) -> Path:
    """The tasks as Label Studio exports them once they are annotated."""
    _, key = read_study(study)
    by_item = {one.item: one for one in key}
    tasks = json.loads((study / "items" / f"{rater}.label-studio.json").read_text())
    for number, task in enumerate(tasks):
        chosen = {metric: say(by_item[task["data"]["item"]], metric) for metric in METRICS}
        result = [
            {"id": "x", "from_name": metric, "to_name": "call", "type": "choices", "value": {"choices": [answer]}}
            for metric, answer in chosen.items()
            if answer
        ]
        note = {"from_name": "note", "to_name": "call", "type": "textarea", "value": {"text": ["嗯"]}}
        handed_in = {"id": 1, "was_cancelled": False, "result": [*result, note]}
        task |= {"id": number, "annotations": [{**handed_in, "completed_by": one} for one in by]}
        task["annotations"].append({"id": 9, "completed_by": 8, "was_cancelled": True, "result": []})
    file = study.parent / "project-7-at-2026.json"
    file.write_text(json.dumps(tasks), encoding="utf-8")
    return file


def test_all_three_formats_bring_the_same_answers(study: Path) -> None:
    sheet, ratings, _ = scored(study, fill(study, "rater-2", careful))
    studio, of_studio, _ = scored(study, exported(study, "rater-2", careful))
    _, key = read_study(study)
    by_item = {one.item: one for one in key}
    file = study.parent / "mine.jsonl"
    raws = [json.loads(line) for line in (study / "items" / "rater-2.jsonl").read_text().splitlines()]
    for raw in raws:
        raw["answers"] = {metric: int(careful(by_item[raw["item"]], metric)) for metric in METRICS}
    file.write_text("\n".join(json.dumps(raw) for raw in raws))
    lines, of_lines, _ = scored(study, file)
    assert ratings.answers == of_studio.answers == of_lines.answers
    assert sheet == studio == lines


def test_several_people_in_one_label_studio_project_are_several_raters(study: Path) -> None:
    score, ratings, _ = scored(study, exported(study, "rater-1", careful, by=(4, 5)))
    assert not ratings.faults
    assert [one.rater for one in score.raters if one.answers] == ["annotator-4", "annotator-5"]
    assert [one.missing for one in score.raters if one.answers] == [0, 0]


def test_tasks_of_several_raters_in_one_project_stay_theirs(study: Path) -> None:
    tasks = [
        task
        for number in (1, 2)
        for task in json.loads(exported(study, f"rater-{number}", careful, by=(number,)).read_text(encoding="utf-8"))
    ]
    file = study.parent / "all.json"
    file.write_text(json.dumps(tasks), encoding="utf-8")
    score, ratings, _ = scored(study, file)
    assert not ratings.faults
    assert [(one.rater, one.missing) for one in score.raters if one.answers] == [("rater-1", 0), ("rater-2", 0)]


def test_calls_that_one_rater_alone_rates_count_and_agreement_is_of_the_shared_ones(
    calls: list[Played], tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    make_study(of(calls), folder, items=14, overlap=0.5, attention=0)
    score, _, _ = scored(folder, *all_fill(folder, careful, careful, careful))
    assert {one.items for one in score.agreement} == {14}
    assert {(cell.rate.n if cell.rate else 0, cell.missing) for cell in score.cells} == {(14, 0)}
    assert [(one.attention, one.attentive) for one in score.raters] == [(0, True)] * 3


def test_the_files_name_tells_the_rater_where_no_column_does(study: Path) -> None:
    file = fill(study, "rater-1", careful, name="小王.csv")
    heading, *rows = rows_of(file)
    out = StringIO(newline="")
    csv.writer(out).writerows(row[1:] for row in (heading, *rows))
    file.write_text(out.getvalue(), encoding="utf-8-sig", newline="")
    score, _, _ = scored(study, file)
    assert [(one.rater, one.answers, one.missing) for one in score.raters if one.answers] == [("小王", 180, 0)]


def test_faults_name_file_row_and_column_and_everything_else_counts(
    calls: list[Played], study: Path, tmp_path: Path
) -> None:
    make_study(of(calls), tmp_path / "other", items=4, seed=8)
    stranger = next(iter(read_study(tmp_path / "other")[0].orders.values()))[0]
    code = read_study(study)[0].code
    file = fill(study, "rater-1", careful)
    heading, *rows = rows_of(file)
    rows[0][5] = "好"
    rows[1][1] = stranger
    rows[2][1] = f"{code}-zzzzzzzz"
    rows[3][1] = ""
    rows[5][1] = rows[4][1]
    heading[8] = "变化多不多"
    out = StringIO(newline="")
    csv.writer(out).writerows([heading, *rows])
    file.write_text(out.getvalue(), encoding="utf-8-sig", newline="")
    lost = tmp_path / "rater-9.csv"
    _, ratings, _ = scored(study, file, lost)
    told = ratings.faults
    assert told[0].startswith(f"{file}: row 1: there is no column Diversity / 回话有变化")
    assert told[1].startswith(f"{file}: row 2, column 前后一致: '好' is no answer; write 1 (no fault) or 0 (a fault)")
    assert told[2].startswith(f"{file}: row 3: item {stranger!r}: is of another study; this one's begin with {code!r}")
    assert told[3].startswith(f"{file}: row 4: item '{code}-zzzzzzzz': is unknown")
    assert told[4].startswith(f"{file}: row 5: has no item's id")
    again = told[5:-1]
    assert len(again) == 5
    for column, one in zip([*heading[5:8], *heading[9:11]], again, strict=True):
        assert one == f"{file}: row 7, column {column}: rater-1 answered this in {file}, row 6, which counts"
    assert told[-1].startswith(f"{lost}: cannot be read")
    assert len(ratings.answers) == (30 - 4) * 5 - 1


def test_a_quote_that_is_never_closed_is_a_fault_at_its_row_and_what_stands_before_it_counts(study: Path) -> None:
    file = fill(study, "rater-1", careful)
    heading, *rows = rows_of(file)
    out = StringIO(newline="")
    csv.writer(out).writerows([heading, *rows[:3]])
    file.write_text(out.getvalue() + '"rater-1\r\n', encoding="utf-8-sig", newline="")
    _, ratings, _ = scored(study, file)
    assert len(ratings.answers) == 3 * 6
    (fault,) = ratings.faults
    assert fault.startswith(f"{file}: row 5: ")
    assert "close its quotes" in fault


def test_lines_and_tasks_that_are_none_are_named_and_the_others_count(study: Path, tmp_path: Path) -> None:
    plan, key = read_study(study)
    id = plan.orders["rater-1"][0]
    lines = tmp_path / "rater-1.jsonl"
    lines.write_text(
        f'{{"item": "{id}", "answers": {{"repetitoin": 1, "diversity": 0}}}}\n{{"item": "{id}"}}\nno json\n[1]\n'
    )
    tasks = tmp_path / "min.json"
    tasks.write_text(json.dumps([{"item": id, "consistency": "1"}]))
    text = tmp_path / "rater-3.txt"
    text.write_text("1 0 1")
    ratings = read_ratings([lines, tasks, text], plan, key)
    told = [fault.partition(": ")[2] for fault in ratings.faults]
    assert told[0] == "line 1: repetitoin: is no metric of this study (did you mean 'repetition'?)"
    assert told[1].startswith("line 2: is no rated item")
    assert told[2].startswith("line 3: column 1: not JSON")
    assert told[3].startswith("line 4: is no rated item")
    assert "export as JSON, not as JSON-MIN" in told[4]
    assert told[5].startswith("unknown file type '.txt'")
    assert {(one.metric, good) for one, good in ratings.answers.items()} == {("diversity", False)}


def test_without_the_key_nothing_is_scored_and_the_error_says_where_it_is(study: Path) -> None:
    file = fill(study, "rater-1", careful)
    (study / "secret").rename(study.parent / "elsewhere")
    with pytest.raises(InputError, match=r"secret/study\.json: is not there.*the study's owner has it"):
        read_study(study)
    result = CliRunner().invoke(study_app, ["score", str(study), str(file)])
    assert isinstance(result.exception, InputError)


def test_where_nothing_can_be_written_a_study_says_so(calls: list[Played], study: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match=r"file/study: cannot be written: Not a directory; name another place"):
        make_study(of(calls), file / "study", items=4)
    filled = fill(study, "rater-1", careful)
    told = CliRunner().invoke(study_app, ["score", str(study), str(filled), "--out", str(file / "score")])
    assert "file/score: cannot be written: Not a directory" in str(told.exception)


def test_a_study_in_which_nobody_answered_is_an_error(study: Path) -> None:
    with pytest.raises(InputError, match="no label to score"):
        scored(study, fill(study, "rater-1", lambda key, metric: ""))


# The command line


def test_the_command_line_makes_a_study_of_run_folders_and_scores_it(catalog: Catalog, tmp_path: Path) -> None:
    scenarios = catalog.sample(6, seed=1, language="en")
    for number, name in enumerate(("pe", "telebot")):
        Simulator(seed=number).run_many(scenarios, out=tmp_path / "calls" / name / "warm")
    folder = tmp_path / "study"
    runs = [f"{name}={tmp_path / 'calls' / name / 'warm'}" for name in ("pe", "telebot")]
    for named, sources in ((folder, [str(tmp_path / "calls")]), (tmp_path / "runs", runs)):
        made = CliRunner().invoke(study_app, ["make", *sources, "--items", "5", "--raters", "2", "--out", str(named)])
        assert made.exit_code == 0, made.output
        assert "rater-2: 11 items" in made.output
    assert {one.session.split("/")[1] for one in read_study(folder)[1]} == {"warm"}
    files = [fill(folder, f"rater-{number}", careful) for number in (1, 2)]
    result = CliRunner().invoke(study_app, ["score", str(folder), *map(str, files)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "Gwet's AC1" in result.output
    found = load(folder / "score" / "labels.jsonl", Label)
    assert len(found) == 2 * 10 * 6
    score = load(folder / "score" / "score.json", StudyScore)[0]
    assert score.systems == ("pe", "telebot")
    files[0].write_text(files[0].read_text(encoding="utf-8-sig").replace(",1,", ",yes,", 1), encoding="utf-8")
    broken = CliRunner().invoke(study_app, ["score", str(folder), *map(str, files), "--out", str(tmp_path / "again")])
    assert broken.exit_code == 1
    assert load(tmp_path / "again" / "score.json", StudyScore)[0].faults


def test_a_study_read_back_is_the_study_that_was_made(calls: list[Played], tmp_path: Path) -> None:
    made = make_study(of(calls), tmp_path / "study", items=4, seed=3)
    read, _ = read_study(tmp_path / "study")
    assert isinstance(read, Study)
    assert read == made
