"""How well reading without a model does on offline calls, whose acts tell the truth: `python benchmarks/reading.py`."""

from __future__ import annotations

from statistics import fmean

from telerole import Call, Catalog, Scenario, Session, Simulator, Turn
from telerole.agents.deciding import decide
from telerole.agents.events import read_line
from telerole.agents.mind import mind_after, mind_at_rest
from telerole.agents.steps import acts_in
from telerole.outcome import outcome, resistance
from telerole.records import LANGUAGES, Language

CALLS = 500
Played = list[tuple[Scenario, Session]]


def played(language: Language) -> Played:
    """Offline calls with their scenarios."""
    scenarios = Catalog.bundled().sample(CALLS, seed=23, language=language)
    run = {session.scenario_id: session for session in Simulator(seed=23).run_many(scenarios)}
    return [(one, run[one.id]) for one in scenarios]


def steps(calls: Played) -> tuple[float, float]:
    """Precision and recall of the steps read from the salesperson's words."""
    right = read = meant = 0
    for scenario, session in calls:
        for turn in session.turns[::2]:
            truth = {act for act in (turn.act or "").split("+") if act.startswith("step:")}
            found = {act for act in acts_in(turn.text, scenario.filled_strategy) if act.startswith("step:")}
            right, read, meant = right + len(truth & found), read + len(found), meant + len(truth)
    return right / read, right / meant


def outcomes(calls: Played) -> float:
    """How often the outcome heard in the words alone is the one by the acts."""
    bare = [session.model_copy(update={"turns": tuple(_bare(turn) for turn in session.turns)}) for _, session in calls]
    return fmean(outcome(session) == outcome(plain) for (_, session), plain in zip(calls, bare, strict=True))


def _bare(turn: Turn) -> Turn:
    return turn.model_copy(update={"act": None, "noticed": None})


def answers(language: Language) -> tuple[float, float]:
    """How many of the library's answers are heard as such, and how many other steps are taken for one."""
    catalog = Catalog.bundled()
    heard: list[bool] = []
    stray: list[bool] = []
    for strategy in (one for one in catalog.strategies.values() if one.language == language):
        for kind, says in strategy.answers.items():
            mind = mind_at_rest(catalog.sample(1, language=language)[0], seed=1)
            mind.acts, mind.lines, mind.open = ["pick_up", f"object:{kind}"], ["?", "?"], kind
            mind.events = [("greeted",), ()]
            heard += ["answered" in read_line(line, mind, language) for line in says]
            others = [line for step in strategy.flow[1:-1] for line in step.say]
            stray += ["answered" in read_line(line, mind, language) for line in others]
    return fmean(heard), fmean(stray)


def leaving(calls: Played) -> tuple[float, float]:
    """The mean hazard of leaving over all turns, and the share of turns at which the merchant left."""
    drawn = []
    for scenario, session in calls:
        for index in range(1, len(session.turns), 2):
            before = session.turns[:index]
            mind = mind_after(scenario, before, session.seed, session.turns[index].noticed)
            decision = decide(mind, scenario, Call(scenario, before, session.seed).random("act"))
            if decision.hazard is not None:
                drawn.append((decision.hazard, decision.leaves))
    return fmean(hazard for hazard, _ in drawn), fmean(left for _, left in drawn)


def main() -> None:
    """Print the figures of both languages."""
    for language in LANGUAGES:
        calls = played(language)
        losers = [session for _, session in calls if outcome(session) != "high_intention"]
        capped = fmean(session.end.reason in ("max_turns", "loop") for _, session in calls)
        (precision, recall), (heard, stray), (hazard, left) = steps(calls), answers(language), leaving(calls)
        print(f"{language}, {CALLS} calls")
        print(f"  steps read from words: precision {precision:.3f}, recall {recall:.3f}")
        print(f"  answers heard as answers {heard:.2f}, other steps taken for one {stray:.2f}")
        print(f"  outcome by words alone as by acts {outcomes(calls):.2f}")
        print(f"  hazard of leaving {hazard:.3f}, left {left:.3f}; ended by the cap {capped:.3f}")
        print(f"  non-buyers resist in {fmean(map(resistance, losers)):.2f} of their turns")


if __name__ == "__main__":
    main()
