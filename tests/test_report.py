"""The report: an answer that ranks nobody it cannot, tables as in the paper, calls to read, and a page that is safe."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from telerole.errors import InputError
from telerole.evaluation.calibration.results import METRIC_OF, PANEL, AgainstPeople, Calibration, Corrected, Detection
from telerole.evaluation.judge.questions import METRICS, Metric
from telerole.evaluation.judge.verdicts import Verdict
from telerole.evaluation.online import ABTest, Call, ab
from telerole.evaluation.played import Played
from telerole.evaluation.results import (
    Cell,
    Difference,
    Evaluation,
    MeasureDifference,
    Merchant,
    Ranks,
    Reliability,
    System,
)
from telerole.evaluation.statistics.agreement import Accuracy, Agreement
from telerole.evaluation.statistics.intervals import Estimate, Interval, newcombe, rate
from telerole.evaluation.statistics.paired import Comparison
from telerole.evaluation.study.results import MetricAgreement, RaterEffect, RaterScore, StudyScore
from telerole.outcome import OUTCOMES
from telerole.postprocess.filtering import Evidence, Example
from telerole.postprocess.quoting import Quote, misquoted, place
from telerole.postprocess.results import Funnel, Stage
from telerole.records import Language
from telerole.report import Shown, html, markdown, write_report
from telerole.report.contents import contents
from telerole.report.evidence import pieces
from telerole.report.figures import listed
from telerole.report.shape import Call as ACall
from telerole.report.shape import Chart, Figure, Points, Report, Statement, Table
from telerole.report.visible import visible
from telerole.session import End, Session, Turn, Usage
from telerole.synthesis.table import Row

SYSTEMS = ("PE", "TeleBot", "无抽取", "未评")
GOOD: Mapping[Metric, Sequence[int | None]] = {
    "consistency": (297, 291, 294, None),
    "repetition": (225, 279, 279, None),
    "conversationality": (270, 282, 273, None),
    "diversity": (204, 285, 267, None),
    "strategy_following": (222, 243, 279, None),
    "knowledge_grounding": (210, 231, 258, None),
}
SCRIPTS = 100


def compared(one: Estimate, two: Estimate, p: float) -> Comparison:
    gap = two.value - one.value
    half = 0.04 if p < 0.05 else abs(gap) + 0.03
    return Comparison(
        baseline=one.value,
        treatment=two.value,
        difference=gap,
        low=gap - half,
        high=gap + half,
        p=p,
        sessions=one.n + two.n,
        scripts=SCRIPTS,
    )


def differences(cells: Sequence[Cell], metric: Metric | None) -> Iterator[Difference]:
    known = [(cell.system, cell.rate) for cell in cells if cell.rate]
    for (first, one), (second, two) in combinations(known, 2):
        p = 0.0004 if abs(two.value - one.value) > 0.05 else 0.4
        yield Difference(
            metric=metric, baseline=first, treatment=second, comparison=compared(one, two, p), holm=min(1, 3 * p)
        )


def in_every_metric(cells: Sequence[Cell]) -> Iterator[Difference]:
    for metric in METRICS:
        yield from differences([cell for cell in cells if cell.metric == metric], metric)


def a_system(name: str, at: int) -> System:
    shares = dict.fromkeys(OUTCOMES, rate(30, 300)) | {"high_intention": rate(60 + 20 * at, 300)}
    measured = {"turns": 6.5 + at, "traced": 0.8, "length": 14.0, "fair_distinct_2": 0.61, "return_time": None}
    return System(
        name=name,
        played_by=f"openai:{name}",
        sessions=300,
        unfinished=at,
        outcomes=shares,
        suspected_ai=rate(9, 300),
        seconds=71.4,
        measures={"en": measured, "zh": measured | {"opening_entropy": 0.88}},
        reach={"en": {"traced": Interval(0.7, 0.9)}},
        lengths={"en": {1: 30, 8: 100, 15 + at: 200, 40: 10}, "zh": {2: 40, 12: 120, 30 + 3 * at: 200}},
        usage={"salesperson": Usage(calls=1900, attempts=1910, prompt_tokens=2_100_000, completion_tokens=50_000)},
    )


def an_evaluation(
    names: Sequence[str] = SYSTEMS,
    *,
    good: Mapping[Metric, Sequence[int | None]] = GOOD,
    untrusted: Metric | None = None,
) -> Evaluation:
    """Four systems, the last of them without a verdict."""
    merchants = ("offline", "冷淡")
    cells = [
        Cell(
            system=name,
            metric=metric,
            rate=None if count is None else rate(count, 300),
            missing=300 if count is None else 2,
            by_merchant=dict.fromkeys(merchants, None if count is None else rate(count // 2, 150)),
        )
        for metric in METRICS
        for name, count in zip(names, good[metric], strict=True)
    ]
    high = [
        Cell(system=name, metric="consistency", rate=rate(60 + 20 * at, 300), missing=0)
        for at, name in enumerate(names)
    ]
    return Evaluation(
        scenarios=300,
        scripts=SCRIPTS,
        trials=1,
        seed=7,
        languages=("en", "zh"),
        baseline=names[0],
        merchants=tuple(Merchant(name=name, played_by=f"scripted:{name}") for name in merchants),
        systems=tuple(a_system(name, at) for at, name in enumerate(names)),
        judges=("openai:judge-a",),
        metrics=METRICS,
        cells=tuple(cells),
        differences=(*in_every_metric(cells), *differences(high, None)),
        reliability=tuple(
            Reliability(system=name, all_good=rate(120, 298) if at < 3 else None, k=3, pass_k=0.21 if at < 3 else None)
            for at, name in enumerate(names)
        ),
        ranks=tuple(Ranks(metric=metric, merchants=merchants, systems=4, tau=0.67) for metric in (*METRICS, None)),
        coverage=0.985,
        flips=rate(5, 180),
        judging=Usage(calls=7200, attempts=7260, prompt_tokens=9_000_000, completion_tokens=400_000),
        calibration=a_calibration(untrusted),
        corrected=(
            Corrected(system=names[0], metric="repetition", method="rogan_gladen", rate=rate(210, 300)),
            Corrected(
                system=names[1], metric="repetition", method="rogan_gladen", rate=None, why_none="only good labels"
            ),
        ),
        warnings=("one merchant only: with another one the systems may rank differently",),
    )


def a_calibration(untrusted: Metric | None = None) -> Calibration:
    return Calibration(
        sessions=60,
        detections=tuple(
            Detection(
                judge="openai:judge-a",
                metric=metric,
                fault=fault,
                detected=rate(5 if metric == untrusted else 52, 60),
                false_alarms=rate(6, 60),
                gain=Interval(-0.2, 0.18) if metric == untrusted else Interval(0.55, 0.9),
                missing=0,
            )
            for fault, metric in METRIC_OF.items()
        ),
    )


def against_people(metric: Metric, sensitivity: int, specificity: int) -> AgainstPeople:
    return AgainstPeople(
        system="",
        metric=metric,
        labels=60,
        people=0.7,
        judged=0.6,
        accuracy=Accuracy(sensitivity=rate(sensitivity, 40), specificity=rate(specificity, 20)),
        gain=newcombe(20 - specificity, 20, sensitivity, 40, 0.98),
        percent=rate(40, 60),
        kappa=Estimate(value=0.4, low=0.2, high=0.6, n=60),
        ac1=None,
    )


def a_study() -> StudyScore:
    systems, raters = ("PE", "TeleBot"), ("甲", "乙", "丙")
    cells = [
        Cell(system=name, metric=metric, rate=rate(20 + 8 * at, 30), missing=at)
        for metric in METRICS
        for at, name in enumerate(systems)
    ]
    coefficient = Estimate(value=0.62, low=0.4, high=0.8, n=60)
    found = Agreement(percent=rate(50, 60), kappa=coefficient, alpha=coefficient, ac1=None)
    leaning = compared(rate(20, 30), rate(29, 30), 0.001)
    return StudyScore(
        study="k7",
        language="zh",
        systems=systems,
        metrics=METRICS,
        items=60,
        scripts=30,
        raters=tuple(
            RaterScore(rater=name, items=66, answers=390, missing=6, attention=6, passed=6 - 3 * at, left_out=at == 2)
            for at, name in enumerate(raters)
        ),
        agreement=tuple(MetricAgreement(metric=metric, items=60, agreement=found) for metric in METRICS),
        effects=(RaterEffect(rater="甲", metric="diversity", comparison=leaning, holm=0.01),),
        cells=tuple(cells),
        differences=tuple(in_every_metric(cells)),
        warnings=("丙 passed fewer than two thirds of the attention items",),
    )


def a_session(language: Language, *said: str, id: str = "cafe-1.0") -> Session:
    roles = ("salesperson", "merchant")
    return Session(
        id=id,
        scenario_id=id.partition(".")[0],
        language=language,
        seed=1,
        turns=tuple(Turn(role=roles[at % 2], text=text) for at, text in enumerate(said)),
        end=End(reason="merchant_goodbye", by="merchant"),
    )


def verdict(session: str, metric: Metric, good: bool | None, reason: str, *evidence: tuple[int, str]) -> Verdict:
    return Verdict(
        key=f"{session} {metric} {reason}",
        session=session,
        metric=metric,
        judge="openai:judge-a",
        verdict=good,
        reason=reason,
        evidence=tuple(Evidence(turn=turn, text=text) for turn, text in evidence),
    )


def shown(language: Language, *said: str, system: str = "TeleBot", verdicts: Sequence[Verdict] = ()) -> Shown:
    return Shown(Played(system, "offline", Example(a_session(language, *said))), verdicts)


CHINESE = (
    "喂您好，我是本地生活平台的小陈，耽误您一分钟，您店里现在几个人在做呀？",
    "三个人，怎么了？",
    "我们这边一分钱不收您的，先帮您把店挂上去。诶对了，您那边有几个人？",
    "不是刚说了三个人嘛。",
    "哦哦不好意思，那个费用的话一个月三百八。",
    "你刚才还说不要钱，算了，挂了啊。",
)
ENGLISH = (
    "Hi, it's Dana from the local services platform. Have you got a minute?",
    "I'm with a customer, be quick.",
    "We are committed to providing a full range of solutions. A shop near you made ninety thousand last May.",
    "Right. Send me something in writing. Bye.",
)


def some_calls() -> list[Shown]:
    zh, en = "TeleBot/offline/cafe-1.0", "PE/offline/cafe-1.0"
    twice = ((0, "您店里现在几个人在做呀"), (2, "您的，先帮您把店挂上去。诶对了，您那边有几个人"))
    chinese = [
        verdict(zh, "consistency", False, "先说不收钱，后面又说三百八。", (2, "一分钱不收您的"), (4, "一个月 三百八")),
        verdict(zh, "repetition", False, "同一个问题问了两遍。", *twice),
        verdict(zh, "conversationality", True, "说话很自然。"),
        verdict(zh, "diversity", None, "TimedOut: no answer in 60 s"),
    ]
    english = [
        verdict(en, "conversationality", False, "It sounds like a brochure.", (2, "a full range of solutions")),
        verdict(en, "knowledge_grounding", False, "Nobody told it of that shop.", (2, "A shop near you made ninety")),
        verdict(en, "consistency", True, "Nothing contradicts."),
    ]
    return [shown("zh", *CHINESE, verdicts=chinese), shown("en", *ENGLISH, system="PE", verdicts=english)]


FUNNEL = Funnel(
    sessions=1000,
    kept=812,
    stages=(Stage(filter="privacy", seen=1000, rewritten=40), Stage(filter="repetition", seen=1000, rejected=188)),
    left_out=("coherence",),
)
TABLE1 = (
    Row(method="extraction", language="zh", seeds=0, valid=0, why_none="needs a model"),
    Row(method="simulation", language="zh", seeds=120, valid=101, turns=9.1, length=21.3),
)


def an_online_test(*arms: str) -> ABTest:
    def calls(arm: str, won: int) -> list[Call]:
        return [
            Call(arm=arm, duration=10 + n % 60, high_intention=n < won, ai_suspicion=n % 9 == 0) for n in range(2000)
        ]

    baseline, treatment = arms or ("PE", "TeleBot")
    return ab([*calls(baseline, 100), *calls(treatment, 170)], baseline=baseline, treatment=treatment)


def everything(**changed: object) -> Report:
    """A report with all its sections."""
    given: dict[str, object] = {
        "evaluation": an_evaluation(),
        "sessions": some_calls(),
        "table1": TABLE1,
        "funnels": {"simulation": FUNNEL},
        "online": an_online_test(),
        "study": a_study(),
    }
    return contents(**given | changed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole() -> Report:
    return everything()


def nothing_but(**given: object) -> Report:
    nothing: dict[str, object] = {
        "evaluation": None,
        "sessions": (),
        "table1": (),
        "funnels": {},
        "online": None,
        "study": None,
    }
    return contents(**nothing | given)  # type: ignore[arg-type]


def told(report: Report) -> list[str]:
    """The statements of the first section."""
    (_, blocks), *_ = report.sections
    items = [item for block in blocks for item in (block.items if isinstance(block, Points) else [block])]
    return [f"{item.about}: {item.text}" if item.about else item.text for item in items if isinstance(item, Statement)]


def the_table(report: Report, caption: str) -> Table:
    return next(table for table in tables(report) if table.caption.startswith(caption))


def tables(report: Report) -> Iterator[Table]:
    for section in report.sections:
        for block in section.blocks:
            match block:
                case Table():
                    yield block
                case Figure(_, table):
                    yield table
                case ACall(verdicts=Table() as table):
                    yield table


def charts(report: Report) -> Iterator[Chart]:
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                yield from block.charts


def marked(report: Report, part: int = 0) -> dict[str, list[str]]:
    """The marks of Table 2's rows."""
    rows = the_table(report, "Calls judged good").parts[part].rows
    return {name.text: [cell.mark for cell in cells] for name, *cells in rows}


class Page(HTMLParser):
    """A page as a strict reader sees it: what is opened is closed, in order."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts.setdefault(tag, []).append(data)

    def grid(self) -> list[str]:
        """What stands in the cells of all tables."""
        return [text for text in map(str.strip, self.texts["table"]) if text]


def tokens(text: str) -> list[str]:
    """What a Markdown reader makes of it, without the words."""
    found = [one.type for token in MarkdownIt().enable("table").parse(text) for one in (token, *(token.children or ()))]
    return [kind for at, kind in enumerate(found) if kind != "text" or found[at - 1] != "text"]


# --- the answer


def test_who_is_told_apart_is_said_and_who_is_not_is_not_ranked(whole: Report) -> None:
    said = told(whole)
    (repetition,) = [one for one in said if one.startswith("Repetition: TeleBot") and "无抽取" in one]
    assert "TeleBot is better than PE (+18.0, +14.0 to +22.0, p 0.001)" in repetition
    assert "Not told apart, and not ranked: TeleBot and 无抽取." in repetition
    assert "Consistency: Not told apart, and not ranked: PE and TeleBot; PE and 无抽取; TeleBot and 无抽取." in said
    assert any("未评 is better than PE" in one for one in said if one.startswith("High intention: "))


def test_the_worse_of_two_is_told_from_the_side_of_the_better() -> None:
    said = told(nothing_but(evaluation=an_evaluation(good={**GOOD, "repetition": (279, 225, 225, None)})))
    assert any("PE is better than TeleBot (+18.0, +14.0 to +22.0" in one for one in said)


def test_where_nobody_is_told_apart_there_is_no_ranking() -> None:
    level = an_evaluation(good=dict.fromkeys(METRICS, (270, 273, 276, None)))
    level = level.model_copy(update={"differences": tuple(one for one in level.differences if one.metric)})
    said = told(nothing_but(evaluation=level))
    assert "What the judges and the calls tell: no two systems are told apart. There is no ranking." in said
    assert not any("is better than" in one for one in said)


def test_by_verdicts_that_cannot_be_trusted_nobody_is_ranked_anywhere() -> None:
    report = everything(evaluation=an_evaluation(untrusted="diversity"), study=None)
    (loud,) = [one for one in told(report) if one.startswith("Diversity: ")]
    assert "CANNOT BE TRUSTED" in loud
    assert "finds 8% of the planted faults" in loud
    assert {marks[METRICS.index("diversity")] for marks in marked(report).values()} == {""}
    assert {marks[METRICS.index("repetition")] for marks in marked(report).values()} == {"best", "second", ""}
    (part,) = [one for one in the_table(report, "All differences: LLM-based").parts if one.title == "Diversity"]
    assert {row[-1].text for row in part.rows} == {"verdicts not to be trusted"}
    forest = next(chart for chart in charts(report) if chart.title == "Diversity: difference to PE")
    assert {row["group"] for row in forest.spec["layer"][1]["data"]["values"]} == {"verdicts not to be trusted"}


def test_a_judge_that_is_not_shown_to_beat_chance_against_people_cannot_be_trusted() -> None:
    def said(*people: AgainstPeople) -> str:
        report = nothing_but(evaluation=an_evaluation().model_copy(update={"people": people}))
        return next(one for one in told(report) if one.startswith("Repetition"))

    coin, good = against_people("repetition", 22, 10), against_people("repetition", 36, 16)
    assert "CANNOT BE TRUSTED" in said(coin)
    assert "55% of 40 good calls are judged good, 50% of 20 bad ones too" in said(coin)
    assert "CANNOT BE TRUSTED" not in said(good)
    of_one = coin.model_copy(update={"system": "PE"})
    assert "CANNOT BE TRUSTED" not in said(of_one, good), "few labels of one system are no verdict on the judge"
    few = coin.model_copy(update={"gain": None})
    assert "CANNOT BE TRUSTED" not in said(few)
    report = nothing_but(evaluation=an_evaluation().model_copy(update={"people": (coin, good, few)}))
    (part,) = the_table(report, "Judges against people's labels").parts
    assert [row[-1].text for row in part.rows] == ["not shown", "yes", "too few labels"]


def test_of_a_panel_the_majority_has_to_be_trusted_not_each_judge() -> None:
    def said(judge: Metric | None, panel: Metric | None) -> str:
        one, all_of_them = a_calibration(judge), a_calibration(panel)
        both = (*one.detections, *(each.model_copy(update={"judge": PANEL}) for each in all_of_them.detections))
        calibration = one.model_copy(update={"detections": both})
        report = nothing_but(evaluation=an_evaluation().model_copy(update={"calibration": calibration}))
        return next(line for line in told(report) if line.startswith("Repetition"))

    assert "CANNOT" not in said("repetition", None)
    assert "the panel finds 8% of the planted faults" in said(None, "repetition")


def test_how_much_was_played_judged_and_rated_is_told_first(whole: Report) -> None:
    first, second, *rest = told(whole)
    assert "4 systems played 1,200 calls in English and Chinese" in first
    assert "300 scenarios from 100 seed scripts with 2 merchants, 1 call each: offline" in first
    assert "1 judge, openai:judge-a; 98.5% of the verdicts came" in second
    assert any("2 raters judged 60 calls of PE and TeleBot, from 30 seed scripts" in one for one in rest)
    assert "one merchant only: with another one the systems may rank differently" in rest


# --- tables


def test_table_2_marks_best_and_second_as_the_paper_does() -> None:
    paper = {
        "PE": (9867, 7547, 9014, 6833, 7452, 6981),
        "TeleBot": (9745, 9320, 9444, 9466, 8137, 7669),
        "w/o extraction": (9814, 9150, 9098, 8891, 9339, 8571),
        "w/o simulation": (9705, 9207, 9603, 9529, 7722, 6138),
    }
    cells = [
        Cell(system=name, metric=metric, rate=rate(share, 10_000), missing=0)
        for name, shares in paper.items()
        for metric, share in zip(METRICS, shares, strict=True)
    ]
    result = an_evaluation(tuple(paper)).model_copy(update={"cells": tuple(cells)})
    found = marked(nothing_but(evaluation=result))
    assert found["PE"] == ["best", "", "", "", "", ""]
    assert found["TeleBot"] == ["", "best", "second", "second", "second", "second"]
    assert found["w/o extraction"] == ["second", "", "", "", "best", "best"]
    assert found["w/o simulation"] == ["", "second", "best", "best", "", ""]


def test_equal_systems_share_a_place_and_who_is_not_told_apart_from_the_best_has_a_sign(whole: Report) -> None:
    rows = {row[0].text: row for row in the_table(whole, "Calls judged good").parts[0].rows}
    consistency, repetition = 1, 2
    assert [rows[name][repetition].mark for name in SYSTEMS] == ["second", "best", "best", ""]
    assert [rows[name][repetition].text for name in SYSTEMS] == ["75.00%", "93.00%", "93.00%", "–"]
    assert [rows[name][consistency].text for name in SYSTEMS] == ["99.00%", "97.00% ≈", "98.00% ≈", "–"]


def test_a_system_without_verdicts_has_a_dash_and_the_number_missing(whole: Report) -> None:
    row = the_table(whole, "Calls judged good").parts[0].rows[3]
    assert [(cell.text, cell.detail) for cell in row[1:]] == [("–", "300 missing")] * 6


def test_human_rows_stand_under_those_of_the_judges(whole: Report) -> None:
    parts = the_table(whole, "Calls judged good").parts
    assert [part.title for part in parts] == ["LLM-based evaluation", "Human evaluation (study k7)"]
    assert [row[0].text for row in parts[1].rows] == ["PE", "TeleBot"]


def test_sections_are_there_only_where_there_is_something_to_show(whole: Report) -> None:
    def titles(report: Report) -> list[str]:
        return [section.title for section in report.sections]

    assert titles(nothing_but(table1=TABLE1)) == ["The data set"]
    assert titles(nothing_but(sessions=some_calls())) == ["Calls to read"]
    assert titles(nothing_but(online=an_online_test())) == ["The answer", "Table 3: real calls"]
    unjudged = an_evaluation().model_copy(
        update={
            "metrics": (),
            "cells": (),
            "differences": (),
            "reliability": (),
            "judges": (),
            "coverage": None,
            "flips": None,
            "calibration": None,
            "corrected": (),
        }
    )
    assert titles(nothing_but(evaluation=unjudged)) == ["The answer", "What the calls came to", "Measures", "Cost"]
    assert len(whole.sections) == 12
    with pytest.raises(InputError, match="nothing to report"):
        nothing_but()


def test_the_papers_chinese_figures_stand_beside_no_english_data_set() -> None:
    english = Row(method="simulation", language="en", seeds=20, valid=12, turns=9.1, length=13.5)
    beside, alone = (markdown.document(nothing_but(table1=rows)) for rows in (TABLE1, (english,)))
    assert ("the paper" in beside, "the paper" in alone) == (True, False)


def test_table_1_has_the_papers_figures_under_those_of_each_method(whole: Report) -> None:
    parts = the_table(whole, "Table 1").parts
    assert [[cell.text for cell in row] for row in parts[1].rows] == [
        ["this data set, zh", "120", "101", "9.10", "21.30", ""],
        ["the paper, zh", "1,710", "1,061", "8.01", "37.01", ""],
    ]


@pytest.mark.parametrize(
    ("caption", "row"),
    [
        ("Rates put right", ["TeleBot", "Repetition", "Rogan and Gladen", "–", "only good labels"]),
        ("Calls good in every metric", ["PE", "40.3% (34.9% to 45.9%, n 298)", "21.0% (k = 3)"]),
        (
            "All differences: LLM-based",
            ["TeleBot – PE", "+18.0", "+14.0 to +22.0", "< 0.001", "0.001", "TeleBot is better"],
        ),
        (
            "Raters against",
            ["甲", "Diversity", "96.7%", "66.7%", "+30.0", "+26.0 to +34.0", "0.001", "0.010", "milder"],
        ),
        ("What came back", ["乙", "66", "390", "6", "3 of 6", "yes, but inattentive"]),
        ("How far raters agree", ["Diversity", "60", "0.83 (0.72 to 0.91)", *["0.62 (0.40 to 0.80)"] * 2, "–"]),
        ("Do merchants order", ["High intention", "offline and 冷淡", "4", "+0.67"]),
        ("English: means", ["claims that a source holds", *["80.0% (70.0% to 90.0%)"] * 4]),
        ("English: words", ["PE", "340", "12.4", "8", "15", "15", "15"]),
        ("Chinese: characters", ["real talk", "98", "24.7", "–", "16", "–", "–"]),
        ("Model calls", ["judges", "verdicts", "7,200", "7,260", "9,000,000", "0", "400,000"]),
        ("Talk", ["TeleBot", "300", "71", "6.0"]),
        ("simulation", ["repetition", "1,000", "0", "188", "0", "812"]),
    ],
)
def test_the_figures_stand_in_their_tables(whole: Report, caption: str, row: list[str]) -> None:
    rows = [line for part in the_table(whole, caption).parts for line in part.rows]
    assert row in [[f"{cell.text} ({cell.detail})" if cell.detail else cell.text for cell in line] for line in rows]


def test_measures_are_compared_with_the_baseline_and_else_only_where_they_tell_two_apart() -> None:
    def gap(baseline: str, treatment: str, measure: str, one: int, two: int, p: float) -> MeasureDifference:
        found = compared(rate(one, 100), rate(two, 100), p)
        return MeasureDifference(
            measure=measure, language="en", baseline=baseline, treatment=treatment, comparison=found, holm=p
        )

    differences = (
        gap("PE", "TeleBot", "coverage", 40, 42, 0.6),
        gap("TeleBot", "无抽取", "coverage", 40, 60, 0.001),
        gap("TeleBot", "未评", "coverage", 40, 41, 0.7),
        gap("TeleBot", "无抽取", "drift", 40, 41, 0.7),
    )
    report = nothing_but(evaluation=an_evaluation().model_copy(update={"measure_differences": differences}))
    (part,) = the_table(report, "English: differences in measures").parts
    assert part.title == "steps of the plan taken"
    assert [(row[0].text, row[-1].text) for row in part.rows] == [
        ("TeleBot − PE", "not told apart"),
        ("无抽取 − TeleBot", "无抽取 is better"),
    ]
    assert "left out here: 2 differences between other systems" in markdown.document(report)


def test_what_measures_tell_of_a_system_against_the_baseline_is_said_in_a_sentence() -> None:
    def gap(treatment: str, measure: str, one: int, two: int, p: float) -> MeasureDifference:
        found = compared(rate(one, 100), rate(two, 100), p)
        return MeasureDifference(
            measure=measure, language="en", baseline="PE", treatment=treatment, comparison=found, holm=p
        )

    differences = (
        gap("TeleBot", "coverage", 40, 60, 0.001),
        gap("TeleBot", "drift", 20, 30, 0.02),
        gap("TeleBot", "order", 20, 30, 0.7),
        gap("未评", "coverage", 40, 41, 0.7),
    )
    evaluation = an_evaluation().model_copy(update={"measure_differences": differences})
    said = [line for line in told(nothing_but(evaluation=evaluation)) if " against " in line]
    assert said == [
        "TeleBot against PE (English): Better in steps of the plan taken (+20.0 points, +16.0 to +24.0, p 0.001). "
        "Worse in salesperson's turns off the plan (+10.0 points, +6.0 to +14.0, p 0.020).",
        "未评 against PE (English): Not told apart in any.",
    ]


def test_names_with_commas_are_listed_by_semicolons() -> None:
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["TeleBot, seed 1", "PE", "TeleBot, seed 2"]) == "TeleBot, seed 1; PE and TeleBot, seed 2"


def test_an_online_test_has_rates_changes_and_findings(whole: Report) -> None:
    high, suspicion, *_ = the_table(whole, "TeleBot against PE").parts[0].rows
    assert [cell.text for cell in high] == [
        *("High intention", "5.00%", "8.50%", "+3.5", "+70.0%", "–", "< 0.001", "< 0.001", "TeleBot is better")
    ]
    assert suspicion[-1].text == "not told apart"


def test_every_cell_of_the_page_stands_in_the_markdown_too(whole: Report) -> None:
    found = {
        "".join(child.content for child in token.children or ())
        for token in MarkdownIt().enable("table").parse(markdown.document(whole))
    }
    grid = set(map(str.strip, Page(html.page(whole)).texts["table"]))
    for table in tables(whole):
        for cell in (cell for part in table.parts for row in part.rows for cell in row):
            assert {cell.text, cell.detail} - {""} <= grid
            assert (f"{cell.text} ({cell.detail})" if cell.detail else cell.text) in found


# --- calls


@given(st.text("abzAZß İﬁ，。？!八 一1é", max_size=30), st.text("abzAZß İﬁ，。？!八 一1é", max_size=4))
def test_evidence_is_found_where_the_judge_is_believed_and_nowhere_else(text: str, quote: str) -> None:
    session = a_session("zh", "喂", text.strip() or "x")
    said = session.turns[1].text
    found = place(quote, said)
    assert (found is not None) == (bool(quote.strip()) and misquoted(Quote(turn=2, text=quote), session) is None)
    if found:
        start, end = found
        assert place(quote, said[start:end]) == (0, end - start), "the words themselves, and no more than they are"


@given(st.text("ab 一，", min_size=1, max_size=20), st.dictionaries(st.sampled_from("xyz"), st.lists(st.text("ab一"))))
def test_pieces_join_to_the_turn_and_each_has_its_metrics(text: str, quotes: dict[str, list[str]]) -> None:
    cut = pieces(text, quotes)
    assert "".join(piece.text for piece in cut) == text
    covered = [set(piece.metrics) for piece in cut for _ in piece.text]
    for metric, said in quotes.items():
        spans = [span for one in said if (span := place(one, text))]
        expected = {at for start, end in spans for at in range(start, end)}
        assert {at for at, metrics in enumerate(covered) if metric in metrics} == expected


def test_evidence_is_marked_in_its_turn_with_the_metric_and_the_reason_beside_it() -> None:
    report = nothing_but(sessions=some_calls())
    page, text = Page(html.page(report)), markdown.document(report)
    marks = "".join(page.texts["mark"])
    assert "您店里现在几个人在做呀Repetition" in marks
    assert "一分钱不收Consistency您的Consistency, Repetition，先帮您把店挂上去。" in marks
    assert "一个月三百八Consistency" in marks, "though the judge put a space into it"
    assert "同一个问题问了两遍。" in page.texts["aside"]
    assert "**一个月三百八** [Consistency]" in text.replace("\\", "")
    assert "**Repetition: 0** 同一个问题问了两遍。" in text
    assert "说话很自然。" not in page.texts["aside"], "only what is wrong is noted beside a turn"
    assert "说话很自然。" in page.texts["details"]


def test_a_retest_is_no_second_vote_and_verdicts_on_other_calls_are_left_out() -> None:
    made = shown("en", *ENGLISH)
    first = verdict(made.played.id, "diversity", True, "Varied.")
    again = first.model_copy(update={"repeat": 1, "verdict": False, "reason": "Not so varied."})
    other = verdict("PE/offline/other.0", "repetition", False, "Twice.", (0, "Have you got a minute"))
    page = Page(html.page(nothing_but(sessions=[Shown(made.played, [first, again, other])])))
    assert next(value for tag, name, value in page.attributes if (tag, name) == ("li", "class")) == "good"
    assert "openai:judge-a, asked again" in page.texts["details"]
    assert "mark" not in page.texts
    assert "Twice." not in page.texts["details"]


def test_calls_say_in_which_language_they_are() -> None:
    page = Page(html.page(nothing_but(sessions=some_calls())))
    assert [value for tag, name, value in page.attributes if (tag, name) == ("ol", "lang")] == ["zh-CN", "en"]
    assert {"销售", "商家", "Salesperson", "Merchant"} <= set(page.texts["ol"])


# --- the page and the Markdown are safe and whole

HOSTILE = (
    "<script>alert(1)</script>",
    "{{7*7}}{% raw %}",
    "</script><img src=x onerror=alert(1)>",
    '"onmouseover="alert(1)',
    "javascript:alert(1)",
    "a|b`c`|\\",
    "[x](javascript:alert(1)) ![y](https://a.example/z.png) **b** _c_ ~~d~~ $e$",
    "one\n\n# two\r\n- three\n| --- |\n```",
    "\u200bzero\u202ertl\u2066\u0000",
    "--> ]]> <!-- &lt;script&gt; &#60;",
    "1. one",
    "- two",
    "---",
    "乙<b>",
)


@cache
def hostile(text: str) -> Report:
    """A report in which this text stands wherever a name or a text can."""
    return everything(
        evaluation=named(an_evaluation((text, text + "2", text + "3", text + "4")), text),
        sessions=[a_call_of(text)],
        table1=(TABLE1[0].model_copy(update={"why_none": text}),),
        funnels={text: FUNNEL.model_copy(update={"left_out": (text,), "stages": (Stage(filter=text, seen=3),)})},
        online=an_online_test(text, text + "2"),
        study=a_study().model_copy(update={"study": text, "warnings": (text,), "faults": (text,), "differences": ()}),
    )


def named(result: Evaluation, text: str) -> Evaluation:
    (corrected, *_), calibration = result.corrected, result.calibration
    assert calibration
    return result.model_copy(
        update={
            "merchants": tuple(Merchant(name=text + end, played_by=text) for end in "ab"),
            "judges": (text,),
            "warnings": (text,),
            "differences": tuple(one for one in result.differences if one.metric in (None, "diversity")),
            "corrected": (corrected.model_copy(update={"rate": None, "why_none": text}),),
            "calibration": calibration.model_copy(
                update={"detections": tuple(one.model_copy(update={"judge": text}) for one in calibration.detections)}
            ),
        }
    )


def a_call_of(text: str) -> Shown:
    made = shown("en", f"Hello {text}, hello.", text, f"Bye {text}.", system=text)
    session = made.played.id
    verdicts = [
        verdict(session, "consistency", False, text, (0, "hello"), (2, "Bye")),
        verdict(session, "diversity", None, text),
    ]
    return Shown(made.played, [one.model_copy(update={"judge": text}) for one in verdicts])


@pytest.fixture(scope="module")
def harmless() -> Report:
    return hostile("name")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_a_tag_or_an_attribute_of_the_page(text: str, harmless: Report) -> None:
    page = Page(html.page(hostile(text)))
    assert page.tags == Page(html.page(harmless)).tags
    assert visible(text) in page.texts["li"]
    assert visible(text) in page.texts["aside"]
    assert all("49" not in one for one in page.texts["h3"])


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup_of_the_markdown(text: str, harmless: Report) -> None:
    found = tokens(markdown.document(hostile(text)))
    assert found == tokens(markdown.document(harmless))
    assert not {"html_block", "html_inline", "link_open", "image", "code_inline", "fence"} & set(found)


@settings(deadline=None, max_examples=60)
@given(st.text(min_size=1).filter(str.strip))
def test_whatever_is_said_the_page_and_the_markdown_keep_their_form(text: str) -> None:
    def report(text: str) -> Report:
        return nothing_but(sessions=[a_call_of(text)], table1=(TABLE1[0].model_copy(update={"why_none": f"x{text}"}),))

    page = Page(html.page(report(text)))
    assert page.tags == Page(html.page(report("name"))).tags
    assert visible(text) in page.texts["aside"]
    assert tokens(markdown.document(report(text))) == tokens(markdown.document(report("name")))


def test_an_address_in_a_text_is_no_link_in_the_markdown() -> None:
    assert markdown.escaped("see https://a.example and WWW.b.example") == "see https\\://a.example and WWW\\.b.example"


def test_what_nobody_sees_is_made_visible() -> None:
    assert visible("a\u202eb\u200bc\x00\td") == "a[U+202E]b[U+200B]c[U+0000]\td"


def test_the_page_loads_nothing_and_runs_only_its_own_script(whole: Report) -> None:
    page = html.page(whole)
    parsed = Page(page)
    assert all(str(value).startswith("#section-") for _, name, value in parsed.attributes if name in ("src", "href"))
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert len(scripts) == 1
    (policy,) = [str(value) for _, name, value in parsed.attributes if name == "content" and "src" in str(value)]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy


def test_each_chart_has_its_specification_and_a_table_that_says_the_same(whole: Report) -> None:
    page = html.page(whole)
    placed = re.findall(r'data-chart="([\w-]+)"', page)
    specs = dict(re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page))
    assert placed == list(specs)
    assert len(placed) == 7 + 6 + 1 + 1 + 2 + 1
    for spec in map(json.loads, specs.values()):
        assert spec["width"] == "container"
        assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    assert all(section.count("<table>") for section in page.split("<section")[1:] if "data-chart" in section)


def test_a_page_without_charts_carries_no_script_and_needs_no_altair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    page = html.page(nothing_but(sessions=some_calls(), table1=TABLE1))
    assert "<script" not in page
    assert "script-src &#39;none&#39;" in page
    with pytest.raises(InputError, match="pip install"):
        everything()


def test_both_files_are_written_the_same_each_time(tmp_path: Path) -> None:
    def write(folder: str) -> list[bytes]:
        return [
            path.read_bytes()
            for path in write_report(tmp_path / folder, evaluation=an_evaluation(), sessions=some_calls())
        ]

    assert write("a") == write("b")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["report.html", "report.md"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: cannot be written"):
        write_report(tmp_path / "file", table1=TABLE1)
