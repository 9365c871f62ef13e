"""The A/B table of real calls, on calls made from known rates."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from telerole import Catalog, Simulator
from telerole.cli import ab as ab_command
from telerole.cli.app import app
from telerole.errors import FileError, InputError
from telerole.evaluation.online import (
    METRICS,
    ABTest,
    Call,
    Metric,
    Row,
    Salesperson,
    ab,
    calls_of,
    monitor,
    read_csv,
    standings,
)
from telerole.evaluation.statistics import fisher, holm, relative_improvement, two_proportion_z
from telerole.outcome import outcome, seconds, suspected_ai
from telerole.session import End

assert ab_command  # importing it registers the command

PE: Mapping[Metric, float] = {"high_intention": 0.05, "follow_up": 0.06, "visit": 0.0006, "ai_suspicion": 0.10}
TELEBOT: Mapping[Metric, float] = {"high_intention": 0.065, "follow_up": 0.072, "visit": 0.0013, "ai_suspicion": 0.08}


def calls(arm: str, rates: Mapping[Metric, float], n: int, seed: int, long: float = 0.5) -> list[Call]:
    """`n` calls with these rates, a share `long` of them of 20 seconds or more whatever they come to."""
    rng = np.random.default_rng(seed)
    came = {metric: rng.random(n) < rates[metric] for metric in METRICS}
    lasted = np.where(rng.random(n) < long, rng.uniform(20, 180, n), rng.uniform(1, 20, n))
    return [
        Call(arm=arm, duration=lasted[at], lead=f"{arm}{at}", **{metric: bool(came[metric][at]) for metric in METRICS})
        for at in range(n)
    ]


@pytest.fixture(scope="module")
def made() -> list[Call]:
    return calls("PE", PE, 20_000, seed=1) + calls("TeleBot", TELEBOT, 20_000, seed=2)


@pytest.fixture(scope="module")
def table(made: list[Call]) -> ABTest:
    return ab(made, baseline="PE", treatment="TeleBot")


def row(test: ABTest, metric: Metric, *, long: bool = False) -> Row:
    return next(one for one in test.rows if (one.metric, one.long) == (metric, long))


def write(path: Path, made: list[Call]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(Call.model_fields)
        out.writerows(list(call.model_dump(mode="json").values()) for call in made)
    return path


def test_each_metric_has_a_row_of_all_calls_and_one_of_long_calls_with_its_counts(
    table: ABTest, made: list[Call]
) -> None:
    assert [(one.metric, one.long) for one in table.rows] == [(m, long) for long in (False, True) for m in METRICS]
    for one in table.rows:
        for arm, counted in (("PE", one.baseline), ("TeleBot", one.treatment)):
            those = [call for call in made if call.arm == arm and (call.duration >= 20 or not one.long)]
            assert counted == (sum(bool(getattr(call, one.metric)) for call in those), len(those))


def test_the_changes_are_those_the_calls_were_made_with(table: ABTest) -> None:
    for one in table.rows:
        assert one.change == relative_improvement(one.baseline, one.treatment)
        assert one.change
        assert one.change.low < TELEBOT[one.metric] / PE[one.metric] - 1 < one.change.high
        assert one.difference.low < TELEBOT[one.metric] - PE[one.metric] < one.difference.high


def test_few_events_get_the_exact_test_and_a_warning(table: ABTest) -> None:
    few, many = row(table, "visit", long=True), row(table, "high_intention")
    assert (few.test, few.p) == ("fisher", fisher(few.baseline, few.treatment))
    assert (many.test, many.p) == ("z", two_proportion_z(many.baseline, many.treatment).p)
    assert any("rest on fewer than 50 events" in warning for warning in table.warnings)


def test_p_is_adjusted_over_all_rows(table: ABTest) -> None:
    assert [one.holm for one in table.rows] == list(holm(dict(enumerate(one.p for one in table.rows))).values())


def test_less_suspicion_of_a_machine_is_better_and_a_fall_is_told_as_one(table: ABTest, made: list[Call]) -> None:
    less = row(table, "ai_suspicion")
    assert less.change
    assert less.change.value < 0
    assert less.better is True
    turned = ab(made, baseline="TeleBot", treatment="PE")
    assert row(turned, "ai_suspicion").better is False
    assert row(turned, "high_intention").better is False


def test_two_arms_that_do_the_same_are_not_told_apart() -> None:
    same = calls("PE", PE, 5000, seed=3) + calls("TeleBot", PE, 5000, seed=4)
    assert {one.better for one in ab(same, baseline="PE", treatment="TeleBot").rows} == {None}


def kept_going(n: int, seed: int) -> list[Call]:
    """Calls of two arms that win the same merchants, one of which also keeps merchants talking who never buy.

    40 % talk for 20 seconds with anybody, and 15 % of those are won; another 20 % only talk so long with TeleBot.
    """
    rng = np.random.default_rng(seed)
    made = []
    for arm, talks in (("PE", 0.4), ("TeleBot", 0.6)):
        merchant, lucky = rng.random(n), rng.random(n) < 0.15
        made += [
            Call(
                arm=arm,
                duration=40 if merchant[at] < talks else 5,
                high_intention=bool(lucky[at]) and merchant[at] < 0.4,
            )
            for at in range(n)
        ]
    return made


def test_a_filter_by_duration_can_make_an_equal_arm_look_worse_and_the_table_warns() -> None:
    test = ab(kept_going(20_000, seed=5), baseline="PE", treatment="TeleBot")
    assert row(test, "high_intention").better is None
    assert row(test, "high_intention", long=True).better is False  # though nobody was lost
    assert test.lasting.p < 1e-9
    shares = " and ".join(f"{arm.events / arm.calls:.1%}" for arm in (test.lasting.baseline, test.lasting.treatment))
    assert any(f"a call gets to 20 s by what the arm says: {shares} of the calls do" in text for text in test.warnings)


def test_the_bounds_of_a_row_of_long_calls_hold_what_is_true_where_the_change_itself_does_not() -> None:
    held = seemed = 0
    for seed in range(60):
        long = row(ab(kept_going(3000, seed), baseline="PE", treatment="TeleBot"), "high_intention", long=True)
        assert long.bounds
        assert long.change
        held += long.bounds.low <= 0 <= long.bounds.high
        seemed += long.change.low <= 0 <= long.change.high
    assert held >= 55
    assert seemed < 10


def test_arms_that_make_as_many_calls_long_leave_nothing_to_bound() -> None:
    test = ab(calls("A", PE, 4000, seed=6, long=1) + calls("B", PE, 4000, seed=7, long=1), baseline="A", treatment="B")
    same = row(test, "high_intention", long=True)
    assert same.change
    assert same.bounds == pytest.approx((same.change.low, same.change.high))


def test_leads_called_twice_are_told() -> None:
    twice = calls("PE", PE, 100, seed=8) + calls("PE", PE, 100, seed=9) + calls("TeleBot", PE, 100, seed=9)
    warnings = ab(twice, baseline="PE", treatment="TeleBot").warnings
    assert any(warning.startswith("100 leads were called more than once") for warning in warnings)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(60)))
def test_the_order_of_the_calls_changes_nothing(order: list[int]) -> None:
    some = calls("PE", PE, 30, seed=10) + calls("TeleBot", TELEBOT, 30, seed=11)
    shuffled = [some[at] for at in order]
    assert ab(shuffled, baseline="PE", treatment="TeleBot") == ab(some, baseline="PE", treatment="TeleBot")


def test_an_arm_that_made_no_call_is_named_with_the_nearest_one(made: list[Call]) -> None:
    with pytest.raises(InputError, match=r"no call was made by 'Telebot' \(did you mean 'TeleBot'\?\)"):
        ab(made, baseline="PE", treatment="Telebot")
    with pytest.raises(InputError, match="both 'PE'"):
        ab(made, baseline="PE", treatment="PE")


# Reading calls


def test_calls_written_to_a_csv_file_are_read_back(tmp_path: Path, made: list[Call]) -> None:
    assert read_csv(write(tmp_path / "calls.csv", made[:50]), Call) == (made[:50], [])


def test_a_bad_row_is_named_by_line_and_column_and_left_out(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(
        "arm,duration,high_intention,visit,lead\n"
        'PE,31.5,yes,0,"Lee, with\ntwo lines"\n'
        "PE,long,1,0,a\n"
        "\n"
        "TeleBot,20,是,否,b\n"
        "TeleBot,12,maybe,,c\n"
        "TeleBot,12,1\n"
        ",12,1,0,d\n"
        "TeleBot,-1,1,0,e\n"
        "TeleBot, 45 , NO ,,f\n",
        encoding="utf-8",
    )
    found, faults = read_csv(file, Call)
    assert [(call.arm, call.high_intention, call.visit) for call in found] == [
        ("PE", True, False),
        ("TeleBot", True, False),
        ("TeleBot", False, None),
    ]
    assert [fault.partition(" Input")[0] for fault in faults] == [
        "line 4: duration:",
        "line 7: high_intention:",
        "line 8: has 3 cells where the heading has 5",
        "line 9: arm: is missing",
        "line 10: duration:",
    ]


@pytest.mark.parametrize(
    ("heading", "fault"),
    [
        ("arm,duratoin", r"line 1: duratoin: unknown column \(did you mean 'duration'\?\)"),
        ("arm,duration,shoe_size", "line 1: shoe_size: unknown column; known: arm, duration, high_intention"),
        ("arm,visit", "line 1: duration: this column is missing"),
        ("arm,arm,duration", "line 1: arm: stands twice"),
        ("", "line 1: arm: this column is missing"),
    ],
)
def test_a_heading_that_is_not_right_is_an_error_with_the_nearest_name(
    tmp_path: Path, heading: str, fault: str
) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(f"{heading}\nPE,1,2\n", encoding="utf-8")
    with pytest.raises(FileError, match=fault):
        read_csv(file, Call)


@pytest.mark.parametrize("cells", ['"a" lead', '"a lead'])
def test_a_quote_that_is_not_closed_is_an_error_and_swallows_no_rows(tmp_path: Path, cells: str) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(f"arm,duration,lead\nPE,1,a\nPE,2,{cells}\nTeleBot,3,b\n", encoding="utf-8")
    with pytest.raises(FileError, match=r"line 3: .*a cell with a quote in it is quoted"):
        read_csv(file, Call)


def test_a_metric_that_is_not_known_has_no_row_and_calls_where_it_is_not_do_not_count() -> None:
    some = [
        Call(arm=arm, duration=30, high_intention=won, visit=visited)
        for arm in ("PE", "TeleBot")
        for won, visited in ((True, None), (False, True), (None, False))
    ]
    test = ab(some, baseline="PE", treatment="TeleBot")
    assert {one.metric for one in test.rows} == {"high_intention", "visit"}
    assert row(test, "high_intention").baseline == (1, 2)


def test_simulated_calls_are_read_by_what_their_merchants_did(catalog: Catalog) -> None:
    sessions = list(Simulator("offline", "offline", seed=4).run_many(catalog.sample(60, seed=4)))
    cut_short = sessions[0].model_copy(update={"end": End(reason="budget")})
    made = list(calls_of([*sessions, cut_short], "offline"))
    assert [(call.high_intention, call.ai_suspicion, call.duration, call.lead) for call in made] == [
        (outcome(one) == "high_intention", suspected_ai(one), seconds(one), one.scenario_id) for one in sessions
    ]
    other = list(
        calls_of(Simulator("candidate+offline", "offline", seed=5).run_many(catalog.sample(60, seed=4)), "bot")
    )
    test = ab(made + other, baseline="offline", treatment="bot")
    assert {one.metric for one in test.rows} == {"high_intention", "ai_suspicion"}
    assert any(warning.startswith("60 leads were called more than once") for warning in test.warnings)


# A running test, and human salespeople


def in_time(n: int, rates: tuple[float, float], seed: int) -> list[Call]:
    """Calls of both arms in turn, a minute apart."""
    rng = np.random.default_rng(seed)
    begin = datetime(2025, 6, 2, 9)
    return [
        Call(
            arm=("PE", "TeleBot")[at % 2],
            duration=30,
            high_intention=bool(rng.random() < rates[at % 2]),
            time=begin + timedelta(minutes=at),
        )
        for at in range(n)
    ]


def test_a_running_test_is_decided_once_and_stays_so_in_whatever_order_the_calls_stand() -> None:
    made = in_time(12_000, (0.05, 0.08), seed=12)
    looks = monitor(made, baseline="PE", treatment="TeleBot", metric="high_intention", scale=0.02)
    assert [look.baseline.calls + look.treatment.calls for look in looks] == [600 * n for n in range(1, 21)]
    assert looks[0].p > 0.05 > looks[-1].p
    assert all(one.p >= two.p for one, two in pairwise(looks))
    assert looks[-1].difference.low > 0
    assert monitor(made[::-1], baseline="PE", treatment="TeleBot", metric="high_intention", scale=0.02) == looks


def test_a_metric_that_nobody_knows_cannot_be_watched(made: list[Call]) -> None:
    blank = [call.model_copy(update={"visit": None}) for call in made[:10]]
    with pytest.raises(InputError, match="no look at visit"):
        monitor(blank, baseline="PE", treatment="TeleBot", metric="visit", scale=0.01)


def team(rates: list[float]) -> list[Salesperson]:
    return [Salesperson(name=f"n{at}", high_intention=rate, ai_suspicion=rate) for at, rate in enumerate(rates)]


def test_a_rank_among_humans_is_the_share_who_do_worse_with_an_interval(table: ABTest) -> None:
    people = team([0.02 + 0.003 * n for n in range(20)])
    found = {one.metric: one for one in standings(table.rows, people, seed=1)}
    assert set(found) == {"high_intention", "ai_suspicion"}
    won = found["high_intention"]
    counts = row(table, "high_intention").treatment
    assert won.rank == sum(0.02 + 0.003 * n < counts.events / counts.calls for n in range(20)) / 20
    assert won.low < won.rank < won.high
    assert found["ai_suspicion"].rank == 1 - sum(0.02 + 0.003 * n < 0.08 for n in range(20)) / 20  # all suspected less
    assert standings(table.rows, people, seed=1) == list(found.values())


def test_a_rank_from_few_events_is_less_certain(table: ABTest) -> None:
    people = team([0.02 + 0.003 * n for n in range(20)])
    small = ab(
        calls("PE", PE, 300, seed=1) + calls("TeleBot", TELEBOT, 300, seed=2), baseline="PE", treatment="TeleBot"
    )
    (sure, *_), (vague, *_) = standings(table.rows, people), standings(small.rows, people)
    assert vague.high - vague.low > sure.high - sure.low


# The command


def test_the_command_prints_the_table(tmp_path: Path, made: list[Call]) -> None:
    file = write(tmp_path / "calls.csv", made)
    humans = tmp_path / "humans.csv"
    humans.write_text("name,high_intention\n张敏,0.04\n李强,0.07\n王磊,0.055\n", encoding="utf-8")
    arguments = ["ab", str(file), "--baseline", "PE", "--treatment", "TeleBot", "--humans", str(humans)]
    shown = CliRunner().invoke(app, [*arguments, "--watch", "high_intention"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    first = row(ab(made, baseline="PE", treatment="TeleBot"), "high_intention")
    assert f"{first.treatment.events / 20_000:.2%} ({first.treatment.events:,.0f} of 20,000)" in shown.output
    assert "AI suspicion (lower is better), 20s+" in shown.output
    assert "Beware: a call gets to 20 s" in shown.output
    assert "67%" in shown.output  # two of three humans do worse
    assert "Decided after" in shown.output


def test_the_command_ends_with_1_where_rows_were_left_out_and_names_them(tmp_path: Path, made: list[Call]) -> None:
    file = write(tmp_path / "calls.csv", made[:100] + made[-100:])
    with file.open("a", encoding="utf-8") as out:
        out.write("PE,soon,,,,,,\n")
    shown = CliRunner().invoke(app, ["ab", str(file), "--baseline", "PE", "--treatment", "TeleBot"])
    assert shown.exit_code == 1
    assert f"{file}: line 202: duration: Input should be a valid number" in shown.stderr
    assert "of 100)" in shown.output
