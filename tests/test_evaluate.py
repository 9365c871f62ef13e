"""Candidates compared: the same days for all, figures that are right, nothing asked twice, nothing claimed too much."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from telerole import Budget, Call, Catalog, Scenario, ScriptedBackend
from telerole.backends.base import Message, Reply, Sampling
from telerole.cli import app
from telerole.cli.report import shown
from telerole.errors import Filtered, InputError
from telerole.evaluation.calibration.ranking import corrected_differences
from telerole.evaluation.calibration.results import Corrected
from telerole.evaluation.evaluate import evaluate, read_evaluation, read_verdicts
from telerole.evaluation.judge import METRICS, Metric
from telerole.evaluation.played import Label, played_in
from telerole.evaluation.results import Evaluation
from telerole.evaluation.sampling import to_read
from telerole.evaluation.scenarios import held_out
from telerole.evaluation.showing import show_evaluation
from telerole.evaluation.statistics import Estimate
from telerole.prompts import render
from telerole.records import LANGUAGES
from telerole.runs import RunFolder
from telerole.synthesis.dataset import Shares, split
from telerole.testing import FakeServer

GOOD = json.dumps({"reason": "Nothing is wrong.", "verdict": 1, "quotes": []})
BROCHURE = {"en": "Our platform offers comprehensive solutions.", "zh": "我们平台为您提供全方位的解决方案。"}

Answering = Callable[[Sequence[Message]], str]


def brochure(call: Call) -> str:
    """A salesperson who says one thing, and it is out of a brochure."""
    return f"{BROCHURE[call.scenario.language]} [hang up]" if len(call.turns) > 5 else BROCHURE[call.scenario.language]


def told(messages: Sequence[Message]) -> list[dict[str, object]]:
    return [json.loads(line) for line in messages[1]["content"].split("\n") if line.startswith('{"turn": ')]


def metric_of(messages: Sequence[Message]) -> Metric:
    system = messages[0]["content"]
    return next(metric for metric in METRICS for at in LANGUAGES if system.startswith(render(f"judge/{metric}", at)))


def knows_brochures(messages: Sequence[Message]) -> str:
    """A judge that gives a 0 for conversationality where somebody talks like a brochure."""
    found = [turn for turn in told(messages) if turn["text"] in BROCHURE.values()]
    if metric_of(messages) != "conversationality" or not found:
        return GOOD
    quotes = [{"turn": found[0]["turn"], "text": found[0]["text"]}]
    return json.dumps({"reason": "A brochure.", "verdict": 0, "quotes": quotes}, ensure_ascii=False)


def coin(messages: Sequence[Message]) -> str:
    """A judge that has no idea, and says so with real quotes."""
    tossed = hashlib.sha256(json.dumps(messages, ensure_ascii=False).encode()).digest()[0]
    shown = [{"turn": turn["turn"], "text": turn["text"]} for turn in told(messages)[:3:2]]
    if tossed % 2 or len(shown) < 2:
        return GOOD
    return json.dumps({"reason": "It may be.", "verdict": 0, "quotes": shown}, ensure_ascii=False)


def noted(asked: list[str], answer: Answering = knows_brochures) -> ScriptedBackend:
    def say(messages: Sequence[Message]) -> str:
        asked.append(messages[1]["content"])
        return answer(messages)

    return ScriptedBackend(say)


@pytest.fixture(scope="module")
def scenarios(catalog: Catalog) -> list[Scenario]:
    return held_out(catalog, each=1)


@pytest.fixture(scope="module")
def compared(scenarios: list[Scenario], tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    """A good seller and one out of a brochure, with two merchants, before a judge who knows."""
    out = tmp_path_factory.mktemp("evaluation") / "e"
    result = evaluate(
        {"good": "offline", "brochure": brochure},
        scenarios,
        noted([]),
        merchants={"usual": "offline", "cold": "offline:cold"},
        trials=2,
        seed=3,
        calibrate=2,
        out=out,
    )
    return result, out


# --- the calls


def test_held_out_scripts_are_in_no_training_set_and_meet_pairs_of_their_own_trade(catalog: Catalog) -> None:
    parts = split(catalog, Shares(), 0)
    trained = {one.script for one in (*parts.extraction, *parts.simulation)}
    trade = {one.script: one.trade for one in catalog.seeds}
    pair = {(one.profile, one.strategy): one.trade for one in catalog.seeds}
    found = held_out(catalog, each=3)
    assert {one.script.id for one in found} == {one.script for one in parts.held_out}
    assert not {one.script.id for one in found} & trained
    assert len({one.id for one in found}) == len(found) == 3 * len(parts.held_out)
    for one in found:
        assert pair[one.profile.id, one.strategy.id] == trade[one.script.id]
    assert held_out(catalog, each=3) == found
    assert {one.language for one in held_out(catalog, language="zh")} == {"zh"}


def test_a_data_set_says_which_scripts_it_holds_out(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(json.dumps({"held_out": ["en-07", "zh-02"]}), encoding="utf-8")
    assert {one.script.id for one in held_out(dataset=tmp_path)} == {"en-07", "zh-02"}
    with pytest.raises(InputError, match=r"split\.json"):
        held_out(dataset=tmp_path / "none")


def test_all_candidates_meet_the_same_moods_on_the_same_calls(compared: tuple[Evaluation, Path]) -> None:
    _, out = compared
    seeds = {}
    for system in ("good", "brochure"):
        for merchant in ("usual", "cold"):
            run = RunFolder.read(out / system / merchant)
            seeds[system, merchant] = {one.id: one.seed for one in run}
            assert len(run) == 24
    assert len({tuple(sorted(one.items())) for one in seeds.values()}) == 1


def test_a_model_among_the_candidates_is_put_under_equation_one_and_may_be_prompted(scenarios: list[Scenario]) -> None:
    told: list[str] = []

    def answer(body: dict[str, list[dict[str, str]]]) -> str:
        told.append(body["messages"][0]["content"])
        return "Bye. [hang up]"

    with FakeServer(reply=answer) as server:
        result = evaluate(
            {"own": f"openai:m@{server.url}", "PE": f"prompted+openai:m@{server.url}"}, scenarios[:1], trials=1
        )
    assert [one.played_by.partition("@")[0] for one in result.systems] == ["candidate+openai:m", "prompted+openai:m"]
    own, long = dict.fromkeys(told)
    assert len(long) > 2 * len(own)


# --- the figures


def test_the_fault_that_one_candidate_has_is_a_difference_in_its_metric_and_in_no_other(
    compared: tuple[Evaluation, Path],
) -> None:
    result, _ = compared
    assert (result.scenarios, result.scripts, result.baseline) == (12, 12, "good")
    for metric in METRICS:
        good, bad = result.cell("good", metric), result.cell("brochure", metric)
        assert good.rate
        assert bad.rate
        assert good.rate.n == bad.rate.n == 48
        assert (good.rate.value, bad.rate.value) == (1, 0 if metric == "conversationality" else 1)
        assert good.missing == bad.missing == 0
    apart = {one.metric for one in result.differences if one.told_apart}
    assert "conversationality" in apart
    assert apart <= {"conversationality", None}


def test_a_brochure_is_worse_in_the_measures_it_fails(catalog: Catalog) -> None:
    result = evaluate({"good": "offline", "brochure": brochure}, catalog.sample(60, seed=2), seed=3)
    found = {(one.measure, one.language): one for one in result.measure_differences}
    for language in LANGUAGES:
        for measure in ("bookish_turns", "coverage"):
            assert found[measure, language].better == "good", (measure, language)
        assert found["asked_again", language].better != "good"  # it asks nothing
    for one in result.measure_differences:
        assert one.comparison.low <= one.comparison.difference <= one.comparison.high
        assert one.holm >= one.comparison.p
    screen = StringIO()
    show_evaluation(Console(file=screen, width=200), result)
    assert "bookish turns (en)" in screen.getvalue()


def test_sessions_good_all_over_and_merchants_ranks_follow_from_the_cells(compared: tuple[Evaluation, Path]) -> None:
    result, _ = compared
    sure = {one.system: one for one in result.reliability}
    assert sure["good"].all_good
    assert (sure["good"].all_good.value, sure["good"].pass_k) == (1, 1)
    assert sure["brochure"].all_good
    assert (sure["brochure"].all_good.value, sure["brochure"].pass_k) == (0, 0)
    taus = {one.metric: one.tau for one in result.ranks}
    assert taus["conversationality"] == 1
    assert taus["consistency"] is None  # both merchants find both alike


def test_a_candidate_is_not_told_apart_from_itself(scenarios: list[Scenario]) -> None:
    result = evaluate({"one": "offline", "two": "offline"}, scenarios, ScriptedBackend(coin), seed=1)
    assert not any(one.told_apart for one in result.differences)
    assert {one.comparison.difference for one in (*result.differences, *result.measure_differences)} == {0}
    assert not any(one.better for one in result.measure_differences)


def test_calls_are_cut_off_after_as_many_turns_as_are_allowed(scenarios: list[Scenario], tmp_path: Path) -> None:
    evaluate({"a": "offline"}, scenarios[:2], max_turns=4, out=tmp_path)
    assert [len(played.example.session.turns) for played in played_in(tmp_path)] == [4, 4]


def test_the_baseline_stands_first(scenarios: list[Scenario]) -> None:
    result = evaluate({"a": "offline", "b": "offline:pushy"}, scenarios[:4], baseline="b")
    assert [one.name for one in result.systems] == ["b", "a"]
    assert {(one.baseline, one.treatment) for one in result.differences} == {("b", "a")}


def test_without_a_judge_outcomes_and_measures_are_compared_alone(scenarios: list[Scenario]) -> None:
    result = evaluate({"good": "offline", "pushy": "offline:pushy"}, scenarios, trials=6, seed=2)
    assert (result.cells, result.judges, result.coverage) == ((), (), None)
    good, pushy = result.systems
    assert good.outcomes["high_intention"].value > pushy.outcomes["high_intention"].value
    assert sum(one.value for one in good.outcomes.values()) == pytest.approx(1)
    assert good.measures["zh"]["coverage"] is not None
    assert sum(good.lengths["en"].values()) > 100


# --- how far to believe it


def test_a_judge_who_tosses_a_coin_is_said_not_to_be_trusted_in_any_metric(
    scenarios: list[Scenario], tmp_path: Path
) -> None:
    result = evaluate(
        {"a": "offline", "b": "offline:pushy"}, scenarios, ScriptedBackend(coin), calibrate=6, out=tmp_path / "e"
    )
    assert sum("cannot be trusted" in one for one in result.warnings) == len(METRICS)


def test_what_nobody_checked_is_warned_of(scenarios: list[Scenario]) -> None:
    result = evaluate({"a": "offline"}, scenarios[:3], ScriptedBackend(GOOD))
    assert any("nobody checked the judges" in one for one in result.warnings)
    assert any("one merchant only" in one for one in result.warnings)
    assert any("few" in one for one in result.warnings)


def test_a_judge_that_fails_a_fifth_of_the_time_lowers_coverage_and_no_rate(scenarios: list[Scenario]) -> None:
    class Failing:
        name = "failing"

        async def generate(
            self, messages: Sequence[Message], *, sampling: Sampling = Sampling(), schema: object = None
        ) -> Reply:
            if hashlib.sha256(json.dumps(messages).encode()).digest()[0] % 5 == 0:
                raise Filtered("refused", raw="")
            return Reply(GOOD)

    result = evaluate({"a": "offline", "b": "offline:good"}, scenarios, Failing(), trials=2)
    assert result.coverage is not None
    assert 0.7 < result.coverage < 0.9
    assert {cell.rate.value for cell in result.cells if cell.rate} == {1}
    assert sum(cell.missing for cell in result.cells) > 0
    assert any("of the verdicts came" in one for one in result.warnings)


def test_labels_by_people_correct_the_rates_of_the_system_they_are_of(
    compared: tuple[Evaluation, Path], scenarios: list[Scenario]
) -> None:
    _, out = compared
    asked: list[str] = []
    calls = [one.id for one in played_in(out) if one.system == "good"]
    labels = [Label(session=id, metric="repetition", good=number % 3 > 0) for number, id in enumerate(calls[:30])]
    result = evaluate(
        {"good": "offline", "brochure": brochure},
        scenarios,
        noted(asked),
        merchants={"usual": "offline", "cold": "offline:cold"},
        trials=2,
        seed=3,
        labels=labels,
        out=out,
    )
    assert asked == []
    (against,) = (one for one in result.people if one.system == "good")
    assert (against.metric, against.labels, against.judged) == ("repetition", 30, 1)
    corrected = {one.method: one for one in result.corrected if one.system == "good"}
    assert corrected["rogan_gladen"].rate is None
    assert "chance" in corrected["rogan_gladen"].why_none
    powered = corrected["prediction_powered"].rate
    assert powered
    assert powered.value == pytest.approx(2 / 3)
    assert result.corrected_differences == ()  # the other system has no label
    with pytest.raises(InputError, match="no/such/session"):
        evaluate(
            {"good": "offline"},
            scenarios,
            noted([]),
            labels=[Label(session="no/such/session", metric="repetition", good=True)],
        )


def put_right(system: str, value: float, half: float, metric: Metric = "repetition") -> Corrected:
    rate = Estimate(value=value, low=value - half, high=value + half, n=300)
    return Corrected(system=system, metric=metric, method="prediction_powered", rate=rate)


def test_corrected_rates_are_ranked_only_where_their_difference_does_not_cover_zero() -> None:
    wide, narrow = (
        list(corrected_differences([put_right("PE", 0.7, half), put_right("TeleBot", 0.8, half)]))
        for half in (0.08, 0.03)
    )
    assert [(one.low < 0, one.told_apart) for one in (*wide, *narrow)] == [(True, False), (False, True)]
    assert narrow[0].high - narrow[0].difference == pytest.approx(0.03 * 2**0.5)


def test_a_corrected_difference_that_six_metrics_would_show_by_chance_ranks_nobody() -> None:
    half = 0.1 / 1.1 / 2**0.5  # of an interval that just leaves out 0
    rates = [
        put_right(system, value if metric == "repetition" else 0.7, half, metric)
        for metric in METRICS
        for system, value in (("PE", 0.7), ("TeleBot", 0.8))
    ]
    found = {one.metric: one for one in corrected_differences(rates)}
    assert found["repetition"].low > 0
    assert found["repetition"].p == pytest.approx(0.0311, abs=1e-3)  # z = 1.96 · 1.1
    assert found["repetition"].holm == pytest.approx(6 * found["repetition"].p)
    assert {one.told_apart for one in found.values()} == {False}
    (alone,) = corrected_differences([one for one in rates if one.metric == "repetition"])
    assert alone.told_apart


# --- stopped and gone on with


def test_a_spent_budget_loses_no_system_more_verdicts_than_another_and_the_rest_is_asked_later(
    scenarios: list[Scenario], tmp_path: Path
) -> None:
    two = {"a": "offline", "b": "offline:pushy"}
    first: list[str] = []
    cut = evaluate(two, scenarios, noted(first), budget=Budget(calls=70), retest=0, out=tmp_path / "e")
    missing = {system: sum(cell.missing for cell in cut.cells if cell.system == system) for system in ("a", "b")}
    assert 0 < sum(missing.values()) <= 2 * 12 * 6 - 70  # the same words in two calls are one question
    assert abs(missing["a"] - missing["b"]) <= 6
    later: list[str] = []
    whole = evaluate(two, scenarios, noted(later), retest=0, out=tmp_path / "e")
    assert (len(first), whole.coverage) == (70, 1)
    assert 0 < len(later) <= 2 * 12 * 6 - 70
    assert read_evaluation(tmp_path / "e") == whole


KILLED = """
import sys, os
sys.path[:0] = [{tests!r}]
from pathlib import Path
from telerole.evaluation.evaluate import evaluate
from telerole.evaluation.scenarios import held_out
from test_evaluate import noted
class Deadly(list):
    def append(self, text):
        super().append(text)
        with open({log!r}, "a") as log:
            log.write("asked\\n")
        if len(self) == 25:
            os.kill(os.getpid(), 9)
evaluate({{"a": "offline", "b": "offline:pushy"}}, held_out(each=1), noted(Deadly()), out={out!r})
"""


def test_a_killed_evaluation_asks_no_judge_again(scenarios: list[Scenario], tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "e"
    script = KILLED.format(tests=str(Path(__file__).parent), log=str(log), out=str(out))
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    before = len(log.read_text(encoding="utf-8").splitlines())
    later: list[str] = []
    resumed = evaluate({"a": "offline", "b": "offline:pushy"}, scenarios, noted(later), out=out)
    once: list[str] = []
    whole = evaluate({"a": "offline", "b": "offline:pushy"}, scenarios, noted(once))
    assert before == 25
    # The answer during which the process died was never given.
    assert len(later) == len(once) - (before - 1)
    assert resumed == whole


def test_an_ablation_is_one_more_candidate_and_asks_only_about_its_own_calls(
    scenarios: list[Scenario], tmp_path: Path
) -> None:
    asked: list[str] = []
    two = {"a": "offline", "b": "offline:pushy"}
    evaluate(two, scenarios, noted(asked), out=tmp_path / "e", retest=0)
    asked.clear()
    result = evaluate({**two, "without": "offline:silent"}, scenarios, noted(asked), out=tmp_path / "e", retest=0)
    assert 0 < len(asked) <= 12 * 6
    assert len(result.systems) == 3
    assert len({(one.baseline, one.treatment) for one in result.differences}) == 3


# --- what is refused

JUDGE = ScriptedBackend(GOOD)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"candidates": {}}, "there is no candidate"),
        ({"candidates": {"w/o extraction": "offline"}}, "without /"),
        ({"merchants": {"..": "offline"}}, "does not begin with a dot"),
        ({"baseline": "telebot", "candidates": {"TeleBot": "offline"}}, "did you mean 'TeleBot'"),
        ({"candidates": {"a": "offline", "b": "plain+openai:m"}}, "merchant's chair"),
        ({"merchants": {"a": "offline", "b": "prompted+openai:m"}}, "salesperson's chair"),
        ({"scenarios": []}, "no scenario"),
        ({"judges": "offline"}, "cannot judge"),
        ({"judges": JUDGE, "metrics": ["repetitoin"]}, "did you mean 'repetition'"),
        ({"judges": [JUDGE, JUDGE]}, "two judges have the name"),
        ({"judges": JUDGE, "retest": 1.5}, "retest: is a share"),
        ({"judges": JUDGE, "calibrate": 500}, "good calls in 'en' to calibrate judges with, not 500"),
        ({"labels": [Label(session="a/offline/x.0", metric="diversity", good=True)]}, "judged is nothing"),
        ({"judges": JUDGE, "labels": [Label(session="b/m/x.0", metric="diversity", good=True)]}, "is of no candidate"),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_a_call_is_played(
    changed: dict[str, object], fault: str, scenarios: list[Scenario], tmp_path: Path
) -> None:
    given: dict[str, object] = {"candidates": {"a": "offline"}, "scenarios": scenarios[:1], "out": tmp_path / "e"}
    with pytest.raises(InputError, match=re.escape(fault)):
        evaluate(**{**given, **changed})  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("sessions.jsonl"))


def test_calls_that_were_not_begun_are_unfinished_too(scenarios: list[Scenario]) -> None:
    talker = ScriptedBackend("Go on.")
    talks = {"a": "offline", "b": talker}
    result = evaluate(talks, scenarios, budget=Budget(calls=20))
    assert [one.sessions + one.unfinished for one in result.systems] == [len(scenarios)] * 2
    assert result.systems[1].unfinished > 1
    of = f"{result.systems[1].unfinished} of {len(scenarios)}"
    assert f"b: {of} calls not finished, and left out" in result.warnings


@pytest.mark.parametrize("option", ["--candidate", "--merchant"])
def test_two_chairs_of_one_name_are_refused(option: str, tmp_path: Path) -> None:
    given = {"--candidate": "a=offline", "--merchant": "m=offline", "--out": str(tmp_path / "e")}
    line = [word for pair in given.items() for word in pair]
    told = CliRunner().invoke(app, ["evaluate", *line, option, f"{given[option][0]}=offline:cold"])
    assert f"two of {option} have the name '{given[option][0]}'" in str(told.exception)


def test_calls_of_a_system_that_is_no_longer_compared_are_not_shown(scenarios: list[Scenario], tmp_path: Path) -> None:
    out = tmp_path / "e"
    evaluate({"a": "offline", "b": "offline:pushy"}, scenarios, out=out)
    result = evaluate({"a": "offline", "c": "offline:silent"}, scenarios, out=out)
    assert {one.played.system for one in shown(out, result, 2)} == {"a", "c"}


# --- what a user sees


def test_the_calls_to_read_are_those_with_most_faults_of_every_system_in_both_languages(
    compared: tuple[Evaluation, Path],
) -> None:
    _, out = compared
    chosen = to_read(played_in(out), read_verdicts(out).verdicts, each=2)
    assert [one.system for one, _ in chosen] == ["brochure", "brochure", "good", "good"]
    assert {one.example.session.language for one, _ in chosen[:2]} == {"en", "zh"}
    assert all(any(said.verdict is False for said in verdicts) for one, verdicts in chosen[:2])
    assert all(said.session == one.id for one, verdicts in chosen for said in verdicts)


def test_the_screen_ranks_nobody_by_verdicts_that_cannot_be_trusted(compared: tuple[Evaluation, Path]) -> None:
    result, _ = compared  # the judge knows brochures, and none of the planted faults
    (apart,) = (one for one in result.differences if one.metric == "conversationality")
    assert apart.told_apart
    screen = Console(width=200, record=True, file=StringIO())
    show_evaluation(screen, result)
    (row,) = (line for line in screen.export_text().splitlines() if "brochure – good" in line and "Convers" in line)
    assert "not to be trusted" in row
    assert "better" not in row


class Marks(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._inside += tag == "mark"

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag == "mark"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.append(data)


def test_the_command_compares_and_writes_a_report_with_the_evidence_marked(tmp_path: Path) -> None:
    out = tmp_path / "e"
    with FakeServer(reply=lambda body: coin(body["messages"])) as server:
        given = ["--candidate", "TeleBot=offline", "--candidate", "PE=offline:pushy", "--baseline", "PE"]
        judge = [
            "--judge",
            f"openai:judge@{server.url}",
            "--each",
            "1",
            "--trials",
            "2",
            "--language",
            "zh",
            "--out",
            str(out),
        ]
        shown = CliRunner().invoke(app, ["evaluate", *given, *judge], env={"OPENAI_API_KEY": "none", "COLUMNS": "100"})
    assert shown.exit_code == 0, shown.output
    for part in (
        "Knowledge-grounding",
        "TeleBot",
        "high intention",
        "pass^",
        "nobody checked the judges",
        "report.html",
    ):
        assert part in shown.output
    marks = Marks()
    marks.feed((out / "report.html").read_text(encoding="utf-8"))
    assert marks.found
    assert "| PE |" in (out / "report.md").read_text(encoding="utf-8").replace("**", "")
    again = CliRunner().invoke(app, ["report", str(out), "--read", "1"])
    assert again.exit_code == 0, again.output


def test_the_same_evaluation_is_the_same_bytes(scenarios: list[Scenario], tmp_path: Path) -> None:
    for number, concurrency in enumerate((1, 16)):
        evaluate(
            {"a": "offline", "b": "offline:pushy"},
            scenarios[:6],
            ScriptedBackend(coin),
            concurrency=concurrency,
            out=tmp_path / str(number),
        )
    one, other = ((tmp_path / name / "evaluation.json").read_bytes() for name in "01")
    assert one == other
