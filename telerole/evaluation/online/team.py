"""Where an arm stands among human salespeople."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from telerole.evaluation.online.calls import Metric
from telerole.evaluation.online.table import LOWER_IS_BETTER, Row
from telerole.records import Record, Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 4_000
LEVEL = 0.95

Share = Annotated[float, Field(ge=0, le=1)]


class Salesperson(Record):
    """A human's rates, from 0 to 1, of all calls and of those of 20 seconds or more; None where one is not known."""

    name: Text
    high_intention: Share | None = None
    follow_up: Share | None = None
    visit: Share | None = None
    ai_suspicion: Share | None = None
    high_intention_20s: Share | None = None
    follow_up_20s: Share | None = None
    visit_20s: Share | None = None
    ai_suspicion_20s: Share | None = None


class Standing(Record):
    """Where the treatment stands: the share of `people` who do worse, from 0 to 1, with its interval."""

    metric: Metric
    long: bool
    people: int
    rank: float
    low: float
    high: float


def standings(rows: Sequence[Row], team: Sequence[Salesperson], *, seed: int = 0) -> list[Standing]:
    """Where the treatment stands by each row that salespeople have a rate for (paper, Table 3: "top 25%").

    The rank counts equals half. Its 95 % interval is of draws of the treatment's rate, Beta(x + ½, n - x + ½) for x
    events in n calls, among people drawn again. That the people's own rates are noisy is not in it.
    """
    found = []
    for row in rows:
        field = f"{row.metric}_20s" if row.long else row.metric
        rates = [rate for one in team if (rate := getattr(one, field)) is not None]
        if rates:
            found.append(_standing(row, rates, seed))
    return found


def _standing(row: Row, rates: Sequence[float], seed: int) -> Standing:
    import numpy as np

    random = np.random.default_rng(seed)
    people, (events, calls) = np.array(rates), row.treatment
    ours = random.beta(events + 0.5, calls - events + 0.5, DRAWS)
    drawn = people[random.integers(0, len(people), (DRAWS, len(people)))]
    ends = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    low, high = np.quantile(_worse(ours[:, None], drawn, row.metric), ends)
    rank = float(_worse(np.array([events / calls]), people, row.metric))
    return Standing(metric=row.metric, long=row.long, people=len(rates), rank=rank, low=float(low), high=float(high))


def _worse(ours: NDArray[np.float64], people: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    """The share of people who do worse than we, half of those who do as well."""
    worse = people > ours if metric in LOWER_IS_BETTER else people < ours
    share: NDArray[np.float64] = (worse + 0.5 * (people == ours)).mean(axis=-1)
    return share
