"""Several tests at once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

FINDING = 0.05  # adjusted p below which something is found

Name = TypeVar("Name", bound=Hashable)


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """Each p adjusted so that no true null among them is rejected too often (Holm 1979).

    Of m values in rising order the i-th becomes the largest of (m - j + 1) p_j over j ≤ i, at most 1. Compare with α as
    it is. The order of the names is kept.
    """
    adjusted: dict[Name, float] = {}
    largest = 0.0
    for index, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - index) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
