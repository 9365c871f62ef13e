"""What a mind and a director add to a turn: ``python benchmarks/mind.py``. CPU time, scripted models, real lines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import cycle

from telerole import Catalog, ScriptedBackend, Simulator
from telerole.agents.offline import bank
from telerole.backends.base import Message

CALLS = 300


def models() -> tuple[ScriptedBackend, ScriptedBackend]:
    """Two models that answer with one real line after the other, so that every line is new to the listener."""

    def answer(role: str) -> ScriptedBackend:
        said = cycle([line.text for (who, _), lines in bank("en").items() if who == role for line in lines])

        def line(messages: Sequence[Message]) -> str:
            return next(said).replace("{", "").replace("}", "")

        return ScriptedBackend(line)

    return answer("salesperson"), answer("merchant")


def milliseconds(mind: str | None, director: bool) -> tuple[float, int]:
    """CPU time a turn, and the turns played."""
    salesperson, merchant = models()
    simulator = Simulator(salesperson, merchant, seed=1, max_turns=16, mind=mind, director=director)
    scenarios = Catalog.bundled().sample(CALLS, seed=1, language="en")
    simulator.run_many(scenarios[:20])
    began = time.process_time()
    run = simulator.run_many(scenarios)
    turns = sum(len(session.turns) for session in run)
    return 1000 * (time.process_time() - began) / turns, turns


def main() -> None:
    """Print the table."""
    for name, mind, director in (("plain", None, False), ("a mind", "rules", False), ("both", "rules", True)):
        spent, turns = milliseconds(mind, director)
        print(f"{name:8} {spent:6.2f} ms of CPU a turn ({turns} turns)")


if __name__ == "__main__":
    main()
