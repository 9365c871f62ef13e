"""Four recorded calls, two in English and two in Chinese, played again without a model.

The recording holds every reply to every prompt; a person stood in for the model when it was made. It is the paper's
plain role-play of two models: no mind decides for the merchant, and nobody directs the salesperson.
"""

from pathlib import Path

from telerole import Cassette, Catalog, Simulator

recorded = Path(__file__).parent / "recorded"
tape = Cassette(recorded / "calls.jsonl", mode="replay")
print(tape.header.provenance)

stand_in = tape.of("stand-in")
simulator = Simulator(stand_in, stand_in, seed=31, max_turns=24, mind=None, director=False)
for scenario in Catalog.bundled().scenarios(recorded / "scenarios.jsonl"):
    session = simulator.run(scenario)
    print(f"\n{scenario.id}: {scenario.strategy.title}")
    for turn in session.turns:
        print(f"  {turn.role:>11}: {turn.text}")
    print(f"  {session.end.reason} by {session.end.by}")
