"""A population has its declared marginals, breaks no constraint, is drawn again alike, and says why it cannot be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from telerole import Catalog, Simulator
from telerole.cli import app
from telerole.errors import FileError, InputError
from telerole.population import Constraint, Population, draw, table
from telerole.population.cells import Possible, possible
from telerole.population.quota import Margin, apportion, misses, rake

EXAMPLE = Path(__file__).parents[1] / "examples" / "population.yaml"
NEXT_TO = 2.0  # calls that a marginal may be off: whole numbers cannot meet all of them at once


@pytest.fixture(scope="module")
def library(catalog: Catalog) -> list[Possible]:
    return possible(catalog)


def _both(library: list[Possible], attribute: str) -> list[str]:
    """The values that calls in every language have."""
    found = [
        {one.call[attribute] for one in library if one.call["language"] == language}  # type: ignore[index]
        for language in ("en", "zh")
    ]
    return sorted(set.intersection(*found) - {""})


def _population(**declared: object) -> Population:
    return Population.model_validate(declared)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), count=st.integers(1, 150), seed=st.integers(0, 9))
def test_marginals_are_met_and_constraints_kept(
    catalog: Catalog, library: list[Possible], data: st.DataObject, count: int, seed: int
) -> None:
    known = {attribute: _both(library, attribute) for attribute in ("temper", "trade")}
    known |= {name: sorted({one.call[name] for one in library}) for name in ("language", "strategy", "salesperson")}
    weights = st.sampled_from([0.5, 1, 2, 5])
    chosen = data.draw(st.sets(st.sampled_from(sorted(known)), max_size=3))
    marginals = {
        name: {value: data.draw(weights) for value in data.draw(st.sets(st.sampled_from(known[name]), min_size=2))}
        for name in sorted(chosen)
    }
    rule = {
        "when": {"temper": data.draw(st.sampled_from(known["temper"]))},
        data.draw(st.sampled_from(["forbid", "require"])): {"trade": known["trade"][: data.draw(st.integers(1, 4))]},
    }
    population = _population(marginals=marginals, constraints=[rule] if data.draw(st.booleans()) else [])
    try:
        drawn = draw(population, count, seed, catalog)
    except InputError:
        assume(False)
    counts = table(drawn, population, catalog)
    assert len({one.id for one in drawn}) == count
    assert all(abs(row.drawn - row.wanted) <= NEXT_TO for row in counts.rows if row.wanted is not None)
    assert all(check.broken == 0 for check in counts.checks)


def test_a_merchant_is_only_called_about_what_they_sell(catalog: Catalog, library: list[Possible]) -> None:
    trades = {seed.script: seed.trade for seed in catalog.seeds}
    assert all(not one.merchant.trades or one.seed.trade in one.merchant.trades for one in library)
    for one in [*draw(Population(), 200, 1, catalog), *catalog.sample(200, seed=1)]:
        assert not one.merchant.trades or trades[one.script.id] in one.merchant.trades


def test_what_is_not_declared_is_drawn_evenly(catalog: Catalog) -> None:
    drawn = draw(Population(), 240, 4, catalog)
    assert Counter(one.language for one in drawn) == {"en": 120, "zh": 120}
    for part in ("script", "salesperson"):
        for language in ("en", "zh"):
            counts = Counter(getattr(one, part).id for one in drawn if one.language == language)
            assert max(counts.values()) - min(counts.values()) <= 1


def test_the_same_seed_draws_the_same_however_the_file_is_ordered(catalog: Catalog, library: list[Possible]) -> None:
    tempers = dict(zip(_both(library, "temper"), (1.0, 2.0, 3.0), strict=False))
    marginals = {"temper": tempers, "language": {"zh": 2.0, "en": 1.0}}
    turned = {name: dict(reversed(weights.items())) for name, weights in reversed(marginals.items())}
    first = draw(_population(marginals=marginals), 30, 7, catalog)
    assert draw(_population(marginals=turned), 30, 7, catalog) == first
    assert draw(_population(marginals=marginals), 30, 8, catalog) != first


def test_weights_of_a_languages_own_words_count_within_it(catalog: Catalog, library: list[Possible]) -> None:
    strategies = sorted({one.call["strategy"] for one in library if one.call["language"] == "zh"})[:2]
    population = _population(marginals={"language": {"zh": 1, "en": 1}, "strategy": dict.fromkeys(strategies, 9)})
    drawn = draw(population, 80, 1, catalog)
    chinese = Counter(one.strategy.id for one in drawn if one.language == "zh")
    assert chinese == dict.fromkeys(strategies, 20)
    assert len({one.strategy.id for one in drawn if one.language == "en"}) > 1  # nothing is said of them


def test_the_table_counts_what_breaks_a_constraint(catalog: Catalog, library: list[Possible]) -> None:
    temper = _both(library, "temper")[0]
    population = _population(constraints=[{"when": {"language": "en"}, "forbid": {"temper": temper}}])
    others = draw(Population(), 100, 1, catalog)
    check = table(others, population, catalog).checks[0]
    assert check.applies == 50
    assert check.broken == sum(one.language == "en" and one.merchant.temper == temper for one in others) > 0
    assert table(draw(population, 100, 1, catalog), population, catalog).checks[0].broken == 0


def test_all_unknown_values_are_named_with_the_nearest(catalog: Catalog) -> None:
    population = _population(
        marginals={"temper": {"huried": 1}, "trade": {"home": 1}},
        constraints=[{"when": {"trade": "hom"}, "forbid": {"language": "fr"}}],
    )
    with pytest.raises(InputError) as refused:
        draw(population, 10, 1, catalog)
    lines = str(refused.value).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("marginals.temper: nothing in the library is 'huried' (did you mean 'hurried'?)")
    assert lines[1].startswith("constraints[0].when.trade: nothing in the library is 'hom' (did you mean 'home'?)")
    assert lines[2].startswith("constraints[0].forbid.language: nothing in the library is 'fr'")


def test_a_value_that_nothing_is_left_of_names_what_took_it(catalog: Catalog, library: list[Possible]) -> None:
    first, second = _both(library, "temper")[:2]
    barred = _population(
        marginals={"temper": {first: 1, second: 1}},
        constraints=[
            {"when": {"temper": second}, "forbid": {"trade": "home"}},
            {"when": {"temper": first}, "forbid": {"language": ["en", "zh"]}},
        ],
    )
    with pytest.raises(InputError, match=rf"'{first}' cannot be drawn; nothing is left of it by constraints\[1\]$"):
        draw(barred, 10, 1, catalog)
    nothing = _population(constraints=[{"when": {"language": ["en", "zh"]}, "require": {"language": "en"}}] * 2)
    assert {one.language for one in draw(nothing, 4, 1, catalog)} == {"en"}
    nothing = _population(constraints=[{"when": {"language": ["en", "zh"]}, "forbid": {"language": ["en", "zh"]}}])
    with pytest.raises(InputError, match="no call is left"):
        draw(nothing, 4, 1, catalog)


def test_marginals_that_contradict_each_other_are_named(catalog: Catalog, library: list[Possible]) -> None:
    first, second = _both(library, "temper")[:2]
    population = _population(
        marginals={"language": {"en": 1, "zh": 1}, "temper": {first: 9, second: 1}},
        constraints=[{"when": {"temper": first}, "forbid": {"language": "zh"}}],
    )
    with pytest.raises(InputError, match="cannot all be met together") as refused:
        draw(population, 100, 1, catalog)
    assert "in the way: marginals.language or marginals.temper or constraints[0]" in str(refused.value)


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ({"marginals": {"temper": {"hurried": 0}}}, "greater than 0"),
        ({"marginals": {"temper": {}}}, "at least 1"),
        ({"marginals": {"tempers": {"hurried": 1}}}, "temper"),
        ({"constraints": [{"when": {"temper": "hurried"}}]}, "either what `when` forbids or what it requires"),
        ({"constraint": []}, "Extra inputs"),
    ],
)
def test_a_wrong_declaration_is_refused(declared: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Population.model_validate(declared)


def test_a_file_holds_one_population(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text("- {}\n- {}\n")
    with pytest.raises(FileError, match="holds 2 populations"):
        Population.read(path)
    path.write_text("marginals: {tempr: {hurried: 1}}\n")
    with pytest.raises(FileError, match="did you mean 'temper'"):
        Population.read(path)


def test_no_scenario_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InputError, match="at least 1 scenario"):
        draw(Population(), 0, 1, catalog)


def test_the_command_writes_scenarios_that_can_be_played(catalog: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "scenarios.jsonl"
    shown = CliRunner().invoke(app, ["population", str(EXAMPLE), "--count", "24", "--seed", "2", "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "hurried" in shown.stdout
    drawn = catalog.scenarios(out)
    assert drawn == draw(Population.read(EXAMPLE), 24, 2, catalog)
    assert len(Simulator(seed=1).run_many(drawn)) == 24


def test_constraints_read_as_sentences() -> None:
    rule = Constraint.model_validate({"when": {"temper": "dry"}, "forbid": {"trade": ["home", "toys"]}})
    assert str(rule) == "temper dry forbids trade home or toys"


def test_raking_meets_marginals_and_says_what_it_cannot_meet() -> None:
    rows, columns = Margin("aabb", {"a": 0.7, "b": 0.3}), Margin("xyxy", {"x": 0.4, "y": 0.6})
    shares = rake([1, 1, 1, 1], [rows, columns])
    assert shares == pytest.approx([0.28, 0.42, 0.12, 0.18])
    assert misses(shares, [rows, columns]) == []
    apart = [Margin("ab", {"a": 0.7, "b": 0.3}), Margin("xy", {"x": 0.4, "y": 0.6})]
    assert {miss.value for miss in misses(rake([1, 1], apart), apart)}


@given(
    weights=st.lists(st.floats(0.01, 1), min_size=9, max_size=9),
    count=st.integers(1, 60),
    seed=st.integers(0, 3),
)
def test_rounding_gives_the_count_and_stays_next_to_the_marginals(weights: list[float], count: int, seed: int) -> None:
    shares = [weight / sum(weights) for weight in weights]
    margins = []
    for values in ("aaabbbccc", "xyzxyzxyz"):
        wanted = {one: sum(s for s, value in zip(shares, values, strict=True) if value == one) for one in set(values)}
        margins.append(Margin(values, wanted))
    taken = apportion(shares, margins, count, Random(seed))
    assert sum(taken) == count
    assert min(taken) >= 0
    for margin in margins:
        for one, share in margin.wanted.items():
            got = sum(number for number, value in zip(taken, margin.values, strict=True) if value == one)
            assert abs(got - share * count) <= NEXT_TO
