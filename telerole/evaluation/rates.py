"""From verdicts to Table 2: rates by script, paired differences of systems, reliability, merchants compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from telerole.evaluation.judge.questions import Metric
from telerole.evaluation.judge.results import Judged
from telerole.evaluation.played import Played
from telerole.evaluation.results import Cell, Difference, Ranks, Reliability
from telerole.evaluation.statistics.clusters import Scores, pass_hat
from telerole.evaluation.statistics.intervals import Estimate
from telerole.evaluation.statistics.multiplicity import holm
from telerole.evaluation.statistics.paired import Comparison, clustered_rate, compare_rates
from telerole.outcome import outcome

Found = Callable[[Played, Metric | None], bool | None]
"""Whether a session is good in a metric (None: whether it came to high intention); None where that is not known."""

MOST_K = 3


def found_by(judged: Judged | None) -> Found:
    """What a panel decided, and what the calls came to."""
    decided = {(one.session, one.metric): one.verdict for one in judged.decisions} if judged else {}

    def found(one: Played, metric: Metric | None) -> bool | None:
        if metric is None:
            return outcome(one.example.session) == "high_intention"
        return decided.get((one.id, metric))

    return found


def scores(values: Iterable[tuple[str, float | None]]) -> dict[str, list[float]]:
    """The value of each of a script's sessions, yes being 1; those of which nothing is known (None) are left out."""
    by_script: dict[str, list[float]] = {}
    for script, value in values:
        known = by_script.setdefault(script, [])
        if value is not None:
            known.append(float(value))
    return by_script


def comparable(one: Scores, two: Scores) -> bool:
    """Whether two systems share two scripts, the fewest that a comparison takes."""
    return sum(bool(values and two.get(script)) for script, values in one.items()) >= 2


def share(by_script: Scores) -> Estimate | None:
    """The rate over scripts; None where nothing is known."""
    return clustered_rate(by_script) if any(by_script.values()) else None


def cells(systems: Mapping[str, Sequence[Played]], metrics: Sequence[Metric], found: Found) -> Iterator[Cell]:
    """Table 2, system by system."""
    for system, played in systems.items():
        merchants = dict.fromkeys(one.merchant for one in played)
        for metric in metrics:
            rates = {
                name: share(scores((one.script, found(one, metric)) for one in played if one.merchant == name))
                for name in merchants
            }
            yield Cell(
                system=system,
                metric=metric,
                rate=share(scores((one.script, found(one, metric)) for one in played)),
                missing=sum(found(one, metric) is None for one in played),
                by_merchant=rates,
            )


def differences(
    systems: Mapping[str, Sequence[Played]], metrics: Sequence[Metric], found: Found, seed: int
) -> Iterator[Difference]:
    """Each two systems in every metric and in high intention, where they share two scripts; Holm within the pair."""
    for first, second in combinations(systems, 2):
        compared: dict[Metric | None, Comparison] = {}
        for metric in (*metrics, None):
            one, two = (
                scores((each.script, found(each, metric)) for each in systems[name]) for name in (first, second)
            )
            if comparable(one, two):
                compared[metric] = compare_rates(one, two, seed=seed)
        adjusted = holm({metric: comparison.p for metric, comparison in compared.items()})
        for metric, comparison in compared.items():
            yield Difference(
                metric=metric, baseline=first, treatment=second, comparison=comparison, holm=adjusted[metric]
            )


def reliability(
    systems: Mapping[str, Sequence[Played]], metrics: Sequence[Metric], found: Found
) -> Iterator[Reliability]:
    """How sure each system is to be good all over."""

    def all_good(one: Played) -> bool | None:
        said = [found(one, metric) for metric in metrics]
        return None if None in said else all(said)

    for system, played in systems.items():
        known = scores((one.script, all_good(one)) for one in played)
        by_script = {script: values for script, values in known.items() if values}
        k = min([MOST_K, *map(len, by_script.values())])
        yield Reliability(
            system=system,
            all_good=share(by_script),
            k=k,
            pass_k=pass_hat(by_script, k) if by_script and k > 1 else None,
        )


def ranks(cells: Sequence[Cell], high: Mapping[str, Mapping[str, Estimate | None]]) -> Iterator[Ranks]:
    """How alike each two merchants order the systems; `high` has each system's rate of high intention by merchant."""
    tables: dict[Metric | None, dict[str, Mapping[str, Estimate | None]]] = {}
    for cell in cells:
        tables.setdefault(cell.metric, {})[cell.system] = cell.by_merchant
    tables[None] = dict(high)
    merchants = next(iter(high.values()), {})
    for metric, systems in tables.items():
        for pair in combinations(merchants, 2):
            columns = [[rates.get(name) for rates in systems.values()] for name in pair]
            yield Ranks(metric=metric, merchants=pair, systems=len(systems), tau=_tau(*columns))


def _tau(first: Sequence[Estimate | None], second: Sequence[Estimate | None]) -> float | None:
    """Kendall's τ-b of two columns of rates."""
    from scipy.stats import kendalltau

    both = [(one.value, two.value) for one, two in zip(first, second, strict=True) if one and two]
    if len(both) < max(2, len(first)):
        return None
    tau = float(kendalltau(*zip(*both, strict=True)).statistic)
    return None if tau != tau else tau  # not a number where a merchant finds all alike
