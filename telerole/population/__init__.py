"""A population of calls: scenarios drawn so that their marginals are the declared ones and no constraint is broken."""

from telerole.population.drawing import draw
from telerole.population.records import Constraint, Population
from telerole.population.tables import Check, Row, Table, table

__all__ = ["Check", "Constraint", "Population", "Row", "Table", "draw", "table"]
