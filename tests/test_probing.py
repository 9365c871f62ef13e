"""Five salespeople call the same merchants: who is taken to, and how sure is that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telerole import Catalog, InputError, ScriptedBackend, plots
from telerole.backends.base import Message
from telerole.errors import Filtered
from telerole.outcome import OUTCOMES
from telerole.probing import contrasts, mean_test, probe, sign_test, trend_test
from telerole.records import LANGUAGES, Language

from .test_cli import telerole


@pytest.mark.parametrize("language", LANGUAGES)
def test_merchants_take_to_the_five_in_the_expected_order(language: Language) -> None:
    """Good, neutral, pushy, ignoring, silent: in final interest and in what the calls came to, 200 calls each."""
    probed = probe(calls=200, language=language)
    assert [one.probe for one in probed] == ["good", "neutral", "pushy", "ignoring", "silent"]
    interest = [sum(one.interest) / 200 for one in probed]
    won = [sum(one.won) / 200 for one in probed]
    assert all(better > worse for better, worse in pairwise(interest))
    assert all(better > worse for better, worse in pairwise(won))
    assert trend_test([one.interest for one in probed]) < 0.01
    assert trend_test([one.won for one in probed]) < 0.01
    assert all(pair.p_interest < 0.01 for pair in contrasts(probed))


def test_a_probed_persona_sits_in_every_call(catalog: Catalog) -> None:
    persona = catalog.persona("wary-owner-en")
    probed = probe(persona, calls=12, seed=5)
    assert all(len(one.interest) == len(one.won) == sum(one.outcomes.values()) == 12 for one in probed)
    assert probe(persona, calls=12, seed=5) == probed
    assert probe(catalog.persona("chatty-shopkeeper-en"), calls=12, seed=5) != probed


@given(wins=st.integers(0, 60), losses=st.integers(0, 60), ties=st.integers(0, 20))
def test_the_sign_test_is_the_exact_binomial_and_leaves_ties_out(wins: int, losses: int, ties: int) -> None:
    better, worse = [1.0] * wins + [0.0] * (losses + ties), [0.0] * wins + [1.0] * losses + [0.0] * ties
    p = sign_test(better, worse)
    assert p == pytest.approx(sign_test(better[: wins + losses], worse[: wins + losses]))
    # P(X >= w) + P(X >= l) = 1 + P(X = w) for a fair coin.
    other, both = sign_test(worse, better), wins + losses
    from math import comb

    assert p + other == pytest.approx(1 + comb(both, wins) / 2**both)


def test_the_mean_test_finds_a_small_steady_difference_and_none_where_there_is_none() -> None:
    worse = [0.1 * (index % 7) for index in range(200)]
    better = [value + 0.02 + 0.05 * (-1) ** index for index, value in enumerate(worse)]
    assert mean_test(better, worse) < 1e-6
    assert mean_test(worse, better) > 1 - 1e-6
    assert mean_test(worse, worse) == 1.0


def test_one_call_shows_no_difference_whatever_it_is() -> None:
    assert mean_test([0.9], [0.1]) == 0.5
    assert mean_test([0.9, 0.8], [0.5, 0.4]) == 0.25


def test_a_call_that_one_of_the_five_could_not_finish_counts_for_none_of_them(catalog: Catalog) -> None:
    calls = 0

    def failing_once(messages: Sequence[Message]) -> str:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Filtered("refused", raw="")
        return "Go on."

    probed = probe(catalog.persona("wary-owner-en"), calls=4, merchant=ScriptedBackend(failing_once))
    assert [len(one.interest) for one in probed] == [3] * 5
    assert contrasts(probed)
    with pytest.raises(InputError, match="no call was finished by all five probes; the first that failed: refused"):
        probe(catalog.persona("wary-owner-en"), calls=2, merchant=ScriptedBackend(refuse))


def refuse(messages: Sequence[Message]) -> str:
    raise Filtered("refused", raw="")


def test_the_trend_test_knows_a_trend_from_none_and_from_its_opposite() -> None:
    rising = [[3.0] * 20, [2.0] * 20, [1.0] * 20]
    assert trend_test(rising) < 1e-6
    assert trend_test(rising[::-1]) > 1 - 1e-6
    assert trend_test([[1.0] * 20] * 3) == pytest.approx(0.5)


def test_the_command_shows_the_comparison_and_saves_its_chart(tmp_path: Path) -> None:
    chart = tmp_path / "probe.json"
    shown = telerole("probe", "busy-factory-boss-zh", "--calls", "6", "--plot", str(chart))
    assert shown.returncode == 0, shown.stderr
    for name in ("good", "neutral", "pushy", "ignoring", "silent", "final interest", "high intention"):
        assert name in shown.stdout
    spec = json.loads(chart.read_text(encoding="utf-8"))
    rows = [row for data in spec.get("datasets", {}).values() for row in data] or [
        row for part in spec["hconcat"] for row in part["data"]["values"]
    ]
    assert {row["probe"] for row in rows} == {"good", "neutral", "pushy", "ignoring", "silent"}
    assert {row["outcome"] for row in rows if "outcome" in row} <= set(OUTCOMES)


def test_a_chart_of_the_probes_can_be_drawn(tmp_path: Path) -> None:
    plots.save(plots.probe_chart(probe(calls=4, language="en")), tmp_path / "probe.svg")
    assert "<svg" in (tmp_path / "probe.svg").read_text(encoding="utf-8")[:200]


def test_a_salesperson_cannot_be_probed() -> None:
    refused = telerole("probe", "nina-marsh-en", "--calls", "2")
    assert refused.returncode == 2
    assert "is a salesperson; probes call a merchant" in refused.stderr


def test_an_unknown_persona_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"wary-owner-en"):
        Catalog.bundled().persona("wary-ower-en")
