"""Statistics against independent libraries, and the paper's own figures read again."""

from __future__ import annotations

import math
import warnings
from itertools import product
from typing import Any

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import inter_rater, multitest, power, proportion
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels

from telerole.errors import InputError
from telerole.evaluation.statistics import (
    Accuracy,
    Arm,
    accuracy,
    agreement,
    always_valid_p,
    barnard,
    cohen_kappa,
    compare_means,
    compare_rates,
    design_effect,
    difference_test,
    fisher,
    fleiss_kappa,
    gwet_ac1,
    holm,
    intraclass_correlation,
    krippendorff_alpha,
    mcnemar,
    newcombe,
    newcombe_paired,
    pairs,
    pass_hat,
    percent_agreement,
    prediction_powered_rate,
    rate,
    relative_improvement,
    rogan_gladen,
    sequential_interval,
    sessions_an_arm,
    sign_flip,
    tally,
    two_proportion_z,
    wilson,
)

EXACTLY = 1e-9


def near(value: object) -> Any:
    return pytest.approx(value, abs=EXACTLY)


def scores(values: np.ndarray) -> dict[str, list[float]]:
    """Values of shape (scripts, sessions) by script."""
    return {f"s{index}": row.tolist() for index, row in enumerate(values.astype(float))}


# Against independent libraries


@pytest.mark.parametrize(("successes", "n"), [(0, 30), (24, 30), (30, 30), (244, 300), (997, 1000)])
def test_wilsons_interval_is_that_of_statsmodels_and_of_scipy(successes: int, n: int) -> None:
    for level in (0.9, 0.95):
        ours = wilson(successes, n, level)
        assert ours == near(proportion.proportion_confint(successes, n, 1 - level, method="wilson"))
        theirs = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
        assert ours == near((theirs.low, theirs.high))


@pytest.mark.parametrize(("x1", "n1", "x2", "n2"), [(224, 300, 244, 300), (0, 30, 5, 40), (297, 300, 300, 300)])
def test_newcombes_interval_of_a_difference_is_that_of_statsmodels(x1: int, n1: int, x2: int, n2: int) -> None:
    theirs = proportion.confint_proportions_2indep(x2, n2, x1, n1, compare="diff", method="newcomb")
    assert newcombe(x1, n1, x2, n2) == near(theirs)


def test_newcombes_paired_interval_is_the_one_printed_in_his_paper() -> None:
    low, high = newcombe_paired(both=36, first_only=12, second_only=2, neither=0)
    assert (round(-high, 4), round(-low, 4)) == (0.0569, 0.3404)


@pytest.mark.parametrize(("first_only", "second_only"), [(0, 0), (3, 9), (8, 8), (15, 40)])
def test_mcnemar_is_that_of_statsmodels(first_only: int, second_only: int) -> None:
    table = [[10, first_only], [second_only, 10]]
    assert mcnemar(first_only, second_only) == near(mcnemar_of_statsmodels(table, exact=True).pvalue)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_with_one_session_a_script_the_comparison_is_newcombes_interval_and_mcnemars_test(
    results: list[tuple[bool, bool]],
) -> None:
    both, first_only, second_only, neither = (results.count(pair) for pair in product((True, False), repeat=2))
    values = np.array(results)
    compared = compare_rates(scores(values[:, :1]), scores(values[:, 1:]))
    assert compared.p == near(mcnemar(first_only, second_only))
    spread = 0 < both + first_only < len(results) and 0 < both + second_only < len(results)
    if spread:  # the variance of a rate of 0 or 1 says nothing, and neither do the two divisors n and n - 1
        wide = newcombe_paired(both, first_only, second_only, neither)
        assert (compared.low, compared.high) == near(tuple(wide))


def test_the_permutation_test_counts_what_scipy_counts() -> None:
    differences = np.array([0.31, -0.12, 0.55, 0.02, 0.48, -0.07, 0.33, 0.21, -0.4, 0.17])
    theirs = stats.permutation_test(
        (differences, np.zeros(10)), lambda a, b: (a - b).mean(), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(differences) == near(theirs.pvalue)


def test_a_permutation_test_with_too_many_ways_draws_and_comes_near() -> None:
    differences = np.random.default_rng(3).normal(0.2, 1, 60)
    drawn = sign_flip(differences, draws=20_000, seed=1)
    assert drawn == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)
    assert drawn == sign_flip(differences, draws=20_000, seed=1)
    assert sign_flip(np.abs(differences), draws=99) == near(1 / 100)  # never 0: the data are one of the draws


def test_the_permutation_test_of_sessions_in_scripts_is_exact_for_hundreds_of_scripts() -> None:
    thirds = np.random.default_rng(1).integers(-3, 4, 400) / 3
    assert sign_flip(thirds, seed=1) == near(sign_flip(thirds[::-1], seed=2))


def test_holm_is_that_of_statsmodels_and_keeps_the_names() -> None:
    raw = {"consistency": 0.28, "repetition": 2e-9, "diversity": 1e-9, "strategy": 0.043, "knowledge": 0.057}
    theirs = multitest.multipletests(list(raw.values()), method="holm")[1]
    assert list(holm(raw)) == list(raw)
    assert list(holm(raw).values()) == near(theirs.tolist())


def test_the_intraclass_correlation_is_that_of_scipys_analysis_of_variance() -> None:
    values = np.random.default_rng(4).random((40, 3)) < np.random.default_rng(5).random((40, 1))
    f = stats.f_oneway(*values.astype(float)).statistic
    assert intraclass_correlation(scores(values)) == near((f - 1) / (f + 2))
    assert design_effect(3, 0.3) == near(1.6)


def test_pass_hat_is_the_share_of_draws_in_which_all_succeed() -> None:
    results = {"a": [1, 1, 0, 1], "b": [0, 0, 1, 0], "c": [1, 1, 1, 1]}
    assert pass_hat(results, 1) == near((3 / 4 + 1 / 4 + 1) / 3)
    assert pass_hat(results, 2) == near((3 / 6 + 0 + 1) / 3)
    with pytest.raises(InputError, match=r"pass\^5 needs 5 sessions of every script; 'a' has 4"):
        pass_hat(results, 5)


def ratings(n: int, raters: int, missing: float, seed: int = 0) -> list[list[int | None]]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    said = np.where(rng.random((n, raters)) < 0.3, rng.integers(0, 3, (n, raters)), truth[:, None])
    left_out = rng.random((n, raters)) < missing
    return [
        [None if out else int(value) for value, out in zip(*row, strict=True)]
        for row in zip(said, left_out, strict=True)
    ]


def test_alpha_with_missing_ratings_is_that_of_krippendorffs_library() -> None:
    data = ratings(80, 4, missing=0.3)
    matrix = np.array([[np.nan if value is None else value for value in row] for row in data]).T
    theirs = krippendorff.alpha(matrix, level_of_measurement="nominal")
    assert float(krippendorff_alpha(tally(data))) == near(theirs)


def test_fleiss_kappa_is_that_of_statsmodels() -> None:
    data = ratings(80, 4, missing=0)
    table, _ = inter_rater.aggregate_raters(np.array(data))
    assert float(fleiss_kappa(tally(data))) == near(inter_rater.fleiss_kappa(table))


def test_cohens_kappa_is_that_of_statsmodels() -> None:
    data = np.array(ratings(80, 2, missing=0))
    table, _ = inter_rater.to_table(data)
    found = cohen_kappa(data[:, 0].tolist(), data[:, 1].tolist())
    assert found
    assert found.value == near(inter_rater.cohens_kappa(table).kappa)
    assert found.low < found.value < found.high
    assert cohen_kappa([1, 1], [1, 1]) is None


def test_ac1_is_that_of_gwets_formula_worked_by_hand() -> None:
    # Gwet 2008: pa = (1 + 1 + 1/3) / 3; shares of yes 1, 0, 2/3, so pe = 2 · 5/9 · 4/9 / (2 - 1)
    data = [["yes"] * 3, ["no"] * 3, ["yes", "yes", "no"]]
    agreed, by_chance = (1 + 1 + 1 / 3) / 3, 2 * 5 / 9 * 4 / 9
    assert float(percent_agreement(tally(data))) == near(agreed)
    assert float(gwet_ac1(tally(data))) == near((agreed - by_chance) / (1 - by_chance))


def test_ac1_of_three_categories_shares_chance_among_them() -> None:
    data = [["a", "a"], ["b", "b"], ["c", "a"], ["a", None]]  # shares: a 5/8, b 2/8, c 1/8
    by_chance = (5 / 8 * 3 / 8 + 2 / 8 * 6 / 8 + 1 / 8 * 7 / 8) / 2
    assert float(gwet_ac1(tally(data))) == near((2 / 3 - by_chance) / (1 - by_chance))


def test_where_nearly_all_is_rated_good_alpha_falls_to_nothing_and_ac1_does_not() -> None:
    found = agreement([[True, True, True]] * 297 + [[True, True, False]] * 3)
    assert found.alpha
    assert found.ac1
    assert found.percent.value == pytest.approx(0.993, abs=5e-4)
    assert found.alpha.value == pytest.approx(-0.002, abs=5e-4)
    assert found.ac1.value == pytest.approx(0.993, abs=5e-4)
    assert 0.97 < found.ac1.low < found.ac1.value < found.ac1.high < 1
    assert found.alpha.high > 0.5  # three disputed items hardly say what alpha is


def test_raters_who_never_differ_have_no_kappa_and_an_interval_that_does_not_promise_perfection() -> None:
    found = agreement([[True, True, None]] * 50)
    assert (found.kappa, found.alpha) == (None, None)
    assert found.ac1
    assert found.ac1.value == found.percent.value == 1
    assert 0.9 < found.percent.low < 1


def test_an_agreement_without_an_item_rated_twice_is_an_error() -> None:
    for data in ([], [[True, None], [None, None]]):
        with pytest.raises(InputError, match="an item with two ratings"):
            agreement(data)


def test_sensitivity_and_specificity_have_wilsons_interval() -> None:
    found = accuracy([True] * 40 + [False] * 10, [True] * 36 + [False] * 4 + [True] * 3 + [False] * 7)
    assert found == Accuracy(sensitivity=rate(36, 40), specificity=rate(7, 10))
    assert accuracy([True], [True]).specificity is None


@pytest.mark.parametrize(("one", "two"), [((50, 1000), (70, 1000)), ((11, 400), (25, 380)), ((700, 1000), (770, 1000))])
def test_the_z_test_and_the_relative_improvement_are_those_of_statsmodels(
    one: tuple[int, int], two: tuple[int, int]
) -> None:
    baseline, treatment = Arm(*one), Arm(*two)
    z, p = proportion.proportions_ztest([two[0], one[0]], [two[1], one[1]])
    assert two_proportion_z(baseline, treatment) == near((z, p))
    low, high = proportion.confint_proportions_2indep(*two, *one, compare="ratio", method="log")
    improved = relative_improvement(baseline, treatment)
    assert improved
    assert (improved.low, improved.high) == near((low - 1, high - 1))
    assert improved.value == near(two[0] / two[1] / (one[0] / one[1]) - 1)


def test_a_relative_improvement_over_nothing_is_not_told() -> None:
    assert relative_improvement(Arm(0, 100), Arm(4, 100)) is None


def test_below_fifty_events_the_test_is_exact() -> None:
    few, small, many = (Arm(11, 20_000), Arm(25, 20_000)), (Arm(5, 60), Arm(14, 60)), (Arm(20, 400), Arm(30, 400))
    assert difference_test(*few) == ("fisher", fisher(*few))
    assert difference_test(*small) == ("barnard", barnard(*small))
    assert difference_test(*many) == ("z", two_proportion_z(*many).p)
    assert difference_test(Arm(395, 400), Arm(380, 400)).test == "fisher"  # 25 that did not


def test_a_planned_size_has_the_power_it_was_planned_for() -> None:
    n = sessions_an_arm(0.7, 0.77)
    reached = power.NormalIndPower().power(proportion.proportion_effectsize(0.77, 0.7), n, 0.05)
    assert reached == pytest.approx(0.8, abs=0.002)


@pytest.mark.parametrize(
    ("p1", "p2", "alone", "clustered"),
    [(0.70, 0.77, 623, 996), (0.75, 0.81, 747, 1195), (0.90, 0.94, 721, 1153), (0.80, 0.90, 199, 318)],
)
def test_planned_sizes_are_those_of_the_formula(p1: float, p2: float, alone: int, clustered: int) -> None:
    assert sessions_an_arm(p1, p2) == alone
    assert sessions_an_arm(p1, p2, design_effect=design_effect(3, 0.3)) == clustered


def test_planned_calls_and_pairs_are_those_of_the_formula() -> None:
    assert sessions_an_arm(0.05, 0.0574) == 14_566
    assert sessions_an_arm(0.02, 0.0229) == 39_178
    assert (pairs(0.15, 0.08), pairs(0.10, 0.02)) == (366, 145)


def test_a_difference_of_nothing_cannot_be_planned() -> None:
    with pytest.raises(InputError, match="two equal rates"):
        sessions_an_arm(0.7, 0.7)
    with pytest.raises(InputError, match="two equal shares"):
        pairs(0.1, 0.1)


# A judge's rate, put right


def judge(sensitivity: tuple[int, int], specificity: tuple[int, int]) -> Accuracy:
    return Accuracy(sensitivity=rate(*sensitivity), specificity=rate(*specificity))


def test_a_judges_rate_is_put_right_as_rogan_and_gladen_do() -> None:
    assert rogan_gladen(rate(600, 1000), judge((90, 100), (80, 100))).value == near((0.6 + 0.8 - 1) / (0.9 + 0.8 - 1))


def test_a_judge_known_without_doubt_leaves_wilsons_interval_stretched() -> None:
    known = 10**9
    found = rogan_gladen(rate(240, 300), judge((9 * known // 10, known), (8 * known // 10, known)))
    p, n, z = (240 + 1.92072941) / 303.84145882, 303.84145882, 1.95996398
    reach = z * math.sqrt(p * (1 - p) / n) / 0.7
    middle = (p - 0.2) / 0.7
    assert found.value == near((0.8 - 0.2) / 0.7)
    assert (found.low, found.high) == pytest.approx((middle - reach, middle + reach), abs=1e-6)


def test_a_judge_no_better_than_chance_is_refused() -> None:
    with pytest.raises(InputError, match=r"no better than chance: sensitivity 0\.50 \+ specificity 0\.50"):
        rogan_gladen(rate(50, 100), judge((10, 20), (10, 20)))
    with pytest.raises(InputError, match="labels of both kinds"):
        rogan_gladen(rate(50, 100), accuracy([True], [True]))


def test_a_prediction_powered_rate_is_right_where_the_judge_is_not_and_narrower_than_labels_alone() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(3300) < 0.8
    said = np.where(rng.random(3300) < 0.1, ~truth, truth)
    found = prediction_powered_rate(said[300:].tolist(), truth[:300].tolist(), said[:300].tolist())
    alone = rate(int(truth[:300].sum()), 300)
    assert found.value == near(said[300:].mean() + truth[:300].mean() - said[:300].mean())
    assert found.high - found.low < alone.high - alone.low
    assert found.low < truth.mean() < found.high
    assert not found.low < said.mean() < found.high


# Invariants


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.001, 0.5))
def test_the_always_valid_p_is_small_exactly_where_the_interval_leaves_out_nothing(
    x1: int, x2: int, scale: float
) -> None:
    arms = Arm(x1, 500), Arm(x2, 500)
    low, high = sequential_interval(*arms, scale)
    assert (always_valid_p(*arms, scale) < 0.05) == (not low <= 0 <= high)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_swapping_the_systems_turns_the_comparison_round(counts: list[tuple[int, int]]) -> None:
    one, two = ({str(n): [1] * pair[side] + [0] * (3 - pair[side]) for n, pair in enumerate(counts)} for side in (0, 1))
    there, back = compare_rates(one, two), compare_rates(two, one)
    assert (there.low, there.high, there.p) == near((-back.high, -back.low, back.p))
    assert there.low - EXACTLY <= there.difference <= there.high + EXACTLY


def test_scripts_that_only_one_system_has_are_left_out() -> None:
    compared = compare_rates({"a": [1, 0], "b": [1], "c": []}, {"b": [0], "a": [1], "d": [1]})
    assert (compared.scripts, compared.sessions) == (2, 5)
    with pytest.raises(InputError, match="two scripts that both systems have; there are 1"):
        compare_rates({"a": [1]}, {"a": [1]})


def test_the_same_seed_gives_the_same_comparison_and_global_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    lengths = np.random.default_rng(1).normal(5, 1, (40, 3))
    one, two = scores(lengths), scores(lengths + np.random.default_rng(2).normal(0.3, 1, (40, 3)))
    assert compare_means(one, two, seed=5) == compare_means(one, two, seed=5)
    assert compare_means(one, two, seed=5) != compare_means(one, two, seed=6)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index, union-attr]


def test_nothing_warns_on_the_barest_data() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agreement([[True, True]])
        assert compare_rates({"a": [1], "b": [1]}, {"a": [1], "b": [1]}).p == 1
        assert intraclass_correlation({"a": [1, 1], "b": [1, 1]}) == 0
        assert two_proportion_z(Arm(0, 10), Arm(0, 10)) == (0, 1)


# The paper's own figures (Table 2, n = 300 a system; Table 3)

PAPER = {  # PE and TeleBot, percent, and the p of their difference: without, and with a design effect of 1.6
    "Consistency": (98.67, 97.45, 0.28, 0.39),
    "Repetition": (75.47, 93.20, 2e-9, 2e-6),
    "Conversationality": (90.14, 94.44, 0.048, 0.12),
    "Diversity": (68.33, 94.66, 1e-15, 1e-10),
    "Strategy-following": (74.52, 81.37, 0.043, 0.11),
    "Knowledge-grounding": (69.81, 76.69, 0.057, 0.13),
}


def of_300(percent: float) -> Arm:
    return Arm(3 * percent, 300)


@pytest.mark.parametrize("metric", PAPER)
def test_the_papers_offline_differences_have_these_p(metric: str) -> None:
    pe, telebot, alone, clustered = PAPER[metric]
    arms = of_300(pe), of_300(telebot)
    if alone > 0.001:
        assert two_proportion_z(*arms).p == pytest.approx(alone, abs=0.005)
        assert two_proportion_z(*arms, 1.6).p == pytest.approx(clustered, abs=0.005)
    else:
        assert two_proportion_z(*arms).p < 1e-8
        assert two_proportion_z(*arms, 1.6).p < 3e-6


def test_of_the_papers_six_offline_differences_two_survive() -> None:
    arms = {metric: (of_300(pe), of_300(telebot)) for metric, (pe, telebot, *_) in PAPER.items()}
    assert two_proportion_z(*arms["Repetition"]).z == pytest.approx(5.97, abs=0.005)
    assert two_proportion_z(*arms["Diversity"]).z == pytest.approx(8.30, abs=0.005)
    corrected = holm({metric: two_proportion_z(*pair, design_effect(3, 0.3)).p for metric, pair in arms.items()})
    assert {metric for metric, p in corrected.items() if p < 0.05} == {"Repetition", "Diversity"}


def test_the_papers_site_visits_rest_on_some_eleven_and_twenty_five_events() -> None:
    """+120 % at p = .025 in two arms of equal size, whatever that is."""
    for calls in (20_000, 200_000):
        at = next(
            x / 100 for x in range(1, 2000) if two_proportion_z(Arm(x / 100, calls), Arm(0.022 * x, calls)).p < 0.025
        )
        assert (at, 2.2 * at) == pytest.approx((11.2, 24.6), abs=0.1)
    assert difference_test(Arm(11, 20_000), Arm(25, 20_000)).test == "fisher"
    assert fisher(Arm(11, 20_000), Arm(25, 20_000)) > 0.025
