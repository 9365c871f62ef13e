"""The two faults of a model in a role that no repair can mend: it speaks for the other side, or leaks its thoughts.

Signs are data, ``cues/<language>.yaml`` under ``slips``.
"""

from __future__ import annotations

from telerole.persona import Role
from telerole.reading import hear, sentences, slips
from telerole.scenario import Scenario

INVERTED = "role inversion"
LEAKED = "leaked reasoning"


def out_of_role(text: str, role: Role, scenario: Scenario) -> str | None:
    """What is wrong with a line as the words of `role`: ``role inversion``, ``leaked reasoning``, or None."""
    language = scenario.language
    if slips("thoughts", text, language):
        return LEAKED
    if slips(role, text, language):
        return INVERTED
    if role == "merchant" and _calls_for_the_company(text, scenario):
        return INVERTED
    return None


def _calls_for_the_company(text: str, scenario: Scenario) -> bool:
    """The merchant introduces itself as the caller: the company's or the caller's name in a line that presents."""
    names = (scenario.salesperson.company, scenario.salesperson.name)
    return any(
        any(name in sentence for name in names)
        and hear("salesperson", sentence, scenario.language).act == "introduce"
        and "?" not in sentence
        and "？" not in sentence
        for sentence in sentences(text)
    )
