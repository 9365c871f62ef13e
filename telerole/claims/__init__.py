"""Numbers, dates, names, places and offers in what is said, and whether a source holds them.

What counts as which is data, ``<language>.yaml``. No model is asked: a claim in words that the data does not know is
not found, and one that a source puts quite otherwise may seem to be new.
"""

from telerole.claims.claim import Claim, Kind
from telerole.claims.finding import claims, introduced
from telerole.claims.tracing import Held, held, traced, untraced

__all__ = ["Claim", "Held", "Kind", "claims", "held", "introduced", "traced", "untraced"]
